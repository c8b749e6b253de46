/*
 * Processes on one shared work queue, each with a vector of its own. Arguments: how
 * many, and how many descriptors each submits. Each fills a buffer with a pattern
 * that only it has, asks for its interrupt, and waits for that.
 */
#include <fcntl.h>
#include <ioctopus/ims.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct descriptor {
	uint32_t pasid;
	uint32_t flags : 24, opcode : 8;
	uint64_t completion, pattern, destination;
	uint32_t size;
	uint16_t handle, reserved;
	uint8_t specific[24];
} __attribute__((packed, aligned(64)));

enum { FILL = 4, COMPLETION_VALID = 0x4, REQUEST_COMPLETION = 0x8, REQUEST_INTERRUPT = 0x10 };

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static int enqcmd(void *portal, const struct descriptor *d)
{
	uint8_t again;

	__asm__ volatile(".byte 0xf2, 0x0f, 0x38, 0xf8, 0x3e; setz %0" : "=q"(again) : "D"(portal), "S"(d) : "memory", "cc");
	return again;
}

static int client(uint64_t number, int rounds)
{
	static volatile uint8_t record[32] __attribute__((aligned(32)));
	uint64_t words[64], events;
	int fd = open("/dev/dsa/wq0.0", O_RDWR), event = eventfd(0, 0);
	struct ims_info info;
	struct ims_handle handle = { .op = IMS_HANDLE_GET };
	struct ims_eventfds eventfds = { .argsz = sizeof eventfds, .count = 1, .fds = (uintptr_t)&event };
	void *portal;

	if (fd < 0 || event < 0)
		return fail("open");
	portal = mmap(NULL, 4096, PROT_WRITE, MAP_SHARED, fd, 0);
	if (portal == MAP_FAILED)
		return fail("mmap");
	if (ioctl(fd, IMS_GET_INFO, &info) < 0)
		return fail("IMS_GET_INFO");
	handle.group = eventfds.group = info.auto_group;
	if (ioctl(fd, IMS_BIND_HANDLE, &handle) < 0 || ioctl(fd, IMS_SET_EVENTFD, &eventfds) < 0)
		return fail("the vector");
	for (int round = 0; round < rounds; round++) {
		struct descriptor d = { .opcode = FILL, .flags = COMPLETION_VALID | REQUEST_COMPLETION | REQUEST_INTERRUPT,
					.completion = (uintptr_t)record, .pattern = number << 32 | (uint64_t)round,
					.destination = (uintptr_t)words, .size = sizeof words, .handle = (uint16_t)handle.handle };

		record[0] = 0;
		while (enqcmd(portal, &d))
			usleep(1000);
		if (read(event, &events, sizeof events) != sizeof events || events != 1 || record[0] != 1)
			return fail("an event");
		for (int i = 0; i < 64; i++)
			if (words[i] != d.pattern)
				return fail("somebody else's bytes");
	}
	/* Nothing more has come. */
	fcntl(event, F_SETFL, O_NONBLOCK);
	if (read(event, &events, sizeof events) >= 0)
		return fail("an event too many");
	return 0;
}

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 1, rounds = argc > 2 ? atoi(argv[2]) : 1, good = 0, status;

	for (int i = 0; i < count; i++)
		if (fork() == 0)
			_exit(client((uint64_t)i + 1, rounds));
	for (int i = 0; i < count; i++)
		good += wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
	printf("%d of %d\n", good, count);
	return good != count;
}
