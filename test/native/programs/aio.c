/*
 * libaio on a file that keeps what is written to it, beside a plain file and a pipe
 * in the same context. Prints what happened, the same on a plain file of the host.
 */
#include <errno.h>
#include <fcntl.h>
#include <libaio.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MANY 130

static io_context_t ctx;

static int by_data(const void *a, const void *b)
{
	const struct io_event *x = a, *y = b;

	return (x->data > y->data) - (x->data < y->data);
}

/* Events come in order of their files' kinds: sorted, they are the same everywhere. */
static void collect(const char *name, long least, long most)
{
	struct timespec limit = { 5, 0 };
	struct io_event events[2 * MANY];
	long n = io_getevents(ctx, least, most, events, &limit);

	printf("%s: %ld\n", name, n);
	qsort(events, n > 0 ? (size_t)n : 0, sizeof *events, by_data);
	for (long i = 0; i < n && n < 10; i++)
		printf("  %s: %ld\n", (char *)events[i].data, (long)events[i].res);
}

static void called(io_context_t context, struct iocb *request, long result, long result2)
{
	printf("callback: %d %d %ld %ld\n", context == ctx, request->aio_lio_opcode, result, result2);
}

static struct iocb *named(struct iocb *request, const char *name)
{
	request->data = (void *)name;
	return request;
}

int main(int argc, char **argv)
{
	struct iocb requests[2 * MANY], *list[2 * MANY];
	char text[64] = "", other[64] = "", plain_path[256];
	int file = open(argv[1], O_RDWR), plain, ends[2], bell = eventfd(0, EFD_NONBLOCK);
	uint64_t count = 0;
	int status;

	if (argc < 3 || pipe(ends) != 0)
		return 1;
	snprintf(plain_path, sizeof plain_path, "%s", argv[2]);
	plain = open(plain_path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	printf("setup: %d\n", io_setup(4, &ctx));

	io_prep_pwrite(&requests[0], file, "to the file", 11, 0);
	io_prep_pwrite(&requests[1], plain, "to the other", 12, 0);
	io_prep_pwrite(&requests[2], file, "more", 4, 100);
	io_prep_pwrite(&requests[3], ends[1], "x", 1, 0);
	for (int i = 0; i < 4; i++) {
		static const char *names[] = { "a file", "b plain", "c file", "d pipe" };

		list[i] = named(&requests[i], names[i]);
		io_set_eventfd(&requests[i], bell);
	}
	printf("submit: %d\n", io_submit(ctx, 4, list));
	collect("written", 4, 4);
	status = (int)read(bell, &count, sizeof count);
	printf("bell: %d %llu\n", status, (unsigned long long)count);

	io_prep_pread(&requests[0], file, text, 11, 0);
	io_prep_pread(&requests[1], plain, other, 12, 0);
	named(&requests[0], "a file");
	named(&requests[1], "b plain");
	printf("submit: %d\n", io_submit(ctx, 2, list));
	collect("one by one", 1, 1);
	collect("one by one", 1, 1);
	printf("read: %s, %s\n", text, other);

	io_prep_pread(&requests[0], 999, text, 1, 0);
	list[0] = &requests[1];
	list[1] = &requests[0];
	printf("closed behind a good one: %d\n", io_submit(ctx, 2, list));
	printf("closed: %d\n", io_submit(ctx, 1, list + 1));
	collect("the good one", 1, 4);

	for (int i = 0; i < 2 * MANY; i++) {
		io_prep_pread(&requests[i], i % 3 == 0 ? plain : file, other, 4, 0);
		list[i] = named(&requests[i], "many");
	}
	io_destroy(ctx);
	ctx = NULL;
	printf("setup: %d\n", io_setup(2 * MANY, &ctx));
	printf("many: %d\n", io_submit(ctx, 2 * MANY, list));
	collect("many", 2 * MANY, 2 * MANY);

	io_prep_pread(&requests[0], file, text, 4, 100);
	io_set_callback(&requests[0], called);
	list[0] = &requests[0];
	printf("submit: %d\n", io_submit(ctx, 1, list));
	printf("run: %d\n", io_queue_run(ctx));
	printf("read: %.4s\n", text);

	if (fork() == 0) {
		printf("child: %d\n", io_submit(ctx, 1, list));
		ctx = NULL;
		printf("child: %d\n", io_setup(1, &ctx));
		requests[0].data = "of the child";
		printf("child: %d\n", io_submit(ctx, 1, list));
		collect("child", 1, 1);
		fflush(stdout);
		_exit(0);
	}
	fflush(stdout);
	wait(&status);
	requests[0].data = "of the parent";
	printf("submit: %d\n", io_submit(ctx, 1, list));
	collect("parent", 1, 1);
	printf("cancel: %d\n", io_cancel(ctx, &requests[0], NULL));
	printf("none: %d\n", io_submit(ctx, 0, NULL));
	printf("negative: %d\n", io_submit(ctx, -1, list));
	printf("by number: %ld\n", syscall(SYS_io_submit, ctx, 1, list));
	printf("release: %d\n", io_queue_release(ctx));
	printf("again: %d\n", io_destroy(ctx));
	return 0;
}
