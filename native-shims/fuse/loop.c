/*
 * The loop that reads requests from the kernel, in place of libfuse's, which keeps to itself that the kernel has taken a request back
 * (FUSE_INTERRUPT) and ends threads, whose remains fuse-native never gives back. Here there are as many threads as ever had a request at
 * the same time, and they stay.
 */
#include "requests.h"
#include <dlfcn.h>
#include <errno.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define STACK_SIZE (256 * 1024)

_Thread_local volatile double *request;
_Thread_local unsigned int request_number;

bool loop_ended;

double requests[REQUESTS_MAX][WORDS];
/* The kernel's number of the request that a thread works on; 0 is none. */
static uint64_t uniques[REQUESTS_MAX];

static struct {
	struct fuse_session *session;
	struct fuse_chan *chan;
	size_t size;
	unsigned int threads, idle, running;
} pool;
/* Of the pool, and of `uniques`. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t one_ended = PTHREAD_COND_INITIALIZER;

static struct {
	int (*chan_recv)(struct fuse_chan **, char *, size_t);
	int (*chan_fd)(struct fuse_chan *);
	size_t (*chan_bufsize)(struct fuse_chan *);
	struct fuse_session *(*get_session)(struct fuse *);
	struct fuse_chan *(*next_chan)(struct fuse_session *, struct fuse_chan *);
	void (*process)(struct fuse_session *, const char *, size_t, struct fuse_chan *);
	void (*session_exit)(struct fuse_session *);
	int (*session_exited)(struct fuse_session *);
} fuse;

void *libfuse(const char *symbol, const char *version)
{
	static void *library;

	if (!library)
		library = dlopen(LIBFUSE, RTLD_NOW);
	return library ? dlvsym(library, symbol, version) : NULL;
}

/*
 * The kernel takes a request back. Another thread may have read it and not have begun: then the kernel is asked to say it again.
 */
static void interrupted(const struct fuse_in_header *in)
{
	const struct fuse_interrupt_in *arg = (const void *)(in + 1);
	struct fuse_out_header again = { .len = sizeof again, .error = -EAGAIN, .unique = in->unique };
	bool found = false;

	pthread_mutex_lock(&lock);
	for (unsigned int i = 0; i < pool.threads && !found; i++) {
		if (uniques[i] != arg->unique)
			continue;
		requests[i][WORD_INTERRUPTED] = 1;
		found = true;
	}
	pthread_mutex_unlock(&lock);
	if (found)
		notify();
	/* It fails when the request has been answered meanwhile, as it should. */
	else if (write(fuse.chan_fd(pool.chan), &again, sizeof again) < 0)
		return;
}

static void *serve(void *number);

/* With the lock held. */
static void start_thread(void)
{
	pthread_attr_t attr;
	pthread_t thread;

	if (pool.threads == REQUESTS_MAX)
		return;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &attr, serve, (void *)(uintptr_t)pool.threads) == 0) {
		pool.threads++;
		pool.idle++;
		pool.running++;
	}
	pthread_attr_destroy(&attr);
}

static void begin(const struct fuse_in_header *in)
{
	pthread_mutex_lock(&lock);
	request[WORD_INTERRUPTED] = 0;
	request[WORD_PID] = in->pid;
	uniques[request_number] = in->unique;
	if (--pool.idle == 0 && !fuse.session_exited(pool.session))
		start_thread();
	pthread_mutex_unlock(&lock);
}

static void end(void)
{
	pthread_mutex_lock(&lock);
	uniques[request_number] = 0;
	pool.idle++;
	pthread_mutex_unlock(&lock);
}

static void *serve(void *number)
{
	char *buf = malloc(pool.size);

	request_number = (unsigned int)(uintptr_t)number;
	request = requests[request_number];
	while (buf && !fuse.session_exited(pool.session)) {
		struct fuse_chan *chan = pool.chan;
		int length = fuse.chan_recv(&chan, buf, pool.size);
		const struct fuse_in_header *in = (const void *)buf;

		if (length == -EINTR || length == -EAGAIN)
			continue;
		if (length <= 0) {
			fuse.session_exit(pool.session);
			break;
		}
		if (in->opcode == FUSE_INTERRUPT) {
			interrupted(in);
			continue;
		}
		begin(in);
		fuse.process(pool.session, buf, (size_t)length, chan);
		end();
	}
	free(buf);
	pthread_mutex_lock(&lock);
	pool.running--;
	pthread_cond_signal(&one_ended);
	pthread_mutex_unlock(&lock);
	return NULL;
}

/* Does not return. */
EXPORT int fuse_loop_mt(struct fuse *f)
{
	fuse.chan_recv = libfuse("fuse_chan_recv", "FUSE_2.6");
	fuse.chan_fd = libfuse("fuse_chan_fd", "FUSE_2.4");
	fuse.chan_bufsize = libfuse("fuse_chan_bufsize", "FUSE_2.4");
	fuse.get_session = libfuse("fuse_get_session", "FUSE_2.6");
	fuse.next_chan = libfuse("fuse_session_next_chan", "FUSE_2.4");
	fuse.process = libfuse("fuse_session_process", "FUSE_2.4");
	fuse.session_exit = libfuse("fuse_session_exit", "FUSE_2.4");
	fuse.session_exited = libfuse("fuse_session_exited", "FUSE_2.4");

	memset(&pool, 0, sizeof pool);
	pool.session = fuse.get_session(f);
	pool.chan = fuse.next_chan(pool.session, NULL);
	pool.size = fuse.chan_bufsize(pool.chan);
	pthread_mutex_lock(&lock);
	start_thread();
	while (pool.running > 0)
		pthread_cond_wait(&one_ended, &lock);
	pthread_mutex_unlock(&lock);
	__atomic_store_n(&loop_ended, true, __ATOMIC_SEQ_CST);
	notify();
	/* What fuse-native would do now uses memory that goes with JavaScript, and the process is about to end. */
	for (;;)
		pause();
}
