/*
 * Contexts of io_setup with emulated requests. A context is a real one and has the
 * requests on real files; those on emulated files are in one of the server's. The
 * two are joined by an eventfd, which the server makes readable when a request
 * has ended, and which the real context watches by a request of ours: so who waits
 * for events waits in the real kernel alone.
 */
#include "aio.h"
#include "client.h"
#include <poll.h>
#include <sys/socket.h>

#define CONTEXTS 256

static struct aio_context contexts[CONTEXTS];
/* Entries from here on were never used. */
static int contexts_end;

struct aio_context *aio_context(uint64_t id)
{
	int end = __atomic_load_n(&contexts_end, __ATOMIC_ACQUIRE);

	for (int i = 0; i < end; i++)
		if (id && __atomic_load_n(&contexts[i].id, __ATOMIC_ACQUIRE) == id)
			return &contexts[i];
	return NULL;
}

struct aio_context *make_aio_context(uint64_t id)
{
	struct aio_context *context = aio_context(id);
	uint64_t none = 0;
	int i = 0, end = __atomic_load_n(&contexts_end, __ATOMIC_RELAXED);

	if (context)
		return context;
	while (i < CONTEXTS && !__atomic_compare_exchange_n(&contexts[i].id, &none, id, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
		none = 0;
		i++;
	}
	if (i == CONTEXTS)
		return NULL;
	while (end <= i && !__atomic_compare_exchange_n(&contexts_end, &end, i + 1, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
	return &contexts[i];
}

void end_aio_context(struct aio_context *context)
{
	if (context->waker > 0)
		end_own(&context->waker);
	context->waker = 0;
	context->armed = context->has_more = context->has_real = 0;
	__atomic_store_n(&context->id, 0, __ATOMIC_RELEASE);
}

void note_real_requests(uint64_t id)
{
	struct aio_context *context = make_aio_context(id);

	if (context)
		__atomic_store_n(&context->has_real, 1, __ATOMIC_RELAXED);
}

int64_t take_aio_waker(uint64_t id)
{
	struct aio_context *context = aio_context(id);
	int fd;
	long n = receive(server.socket, &fd, 1, MSG_CMSG_CLOEXEC);

	if (n < 0)
		return n;
	if (!context) {
		raw(SYS_close, fd);
		return -EINVAL;
	}
	if (context->waker > 0)
		end_own(&context->waker);
	make_own(fd, &context->waker);
	return 0;
}

void drop_aio(void)
{
	for (int i = 0; i < contexts_end; i++)
		if (contexts[i].id)
			end_aio_context(&contexts[i]);
}

void arm(struct aio_context *context)
{
	struct iocb *watch = &context->watch, *list[1] = { watch };

	if (__atomic_exchange_n(&context->armed, 1, __ATOMIC_ACQ_REL))
		return;
	*watch = (struct iocb){ .aio_fildes = (uint32_t)context->waker, .aio_lio_opcode = IOCB_CMD_POLL, .aio_buf = POLLIN };
	/* A ring that is full has room again when events were read: then this is tried again. */
	if (raw(SYS_io_submit, context->id, 1, list) != 1)
		__atomic_store_n(&context->armed, 0, __ATOMIC_RELEASE);
}

void disarm(struct aio_context *context)
{
	uint64_t count;

	__atomic_store_n(&context->armed, 0, __ATOMIC_RELEASE);
	raw(SYS_read, context->waker, &count, sizeof count);
}
