/*
 * Has a data streaming accelerator move memory, as dsa_test of accel-config does:
 * opens a work queue, maps its portal, submits a descriptor by ENQCMD (or by
 * MOVDIR64B, of a dedicated queue) and waits for the completion record. It knows
 * nothing of ioctopus, and the processor need not have the instructions.
 *
 *	cc -o memmove memmove.c && npx ioctopus run --board dsa --strace -- ./memmove
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define SIZE 20000
#define TRIES 3

/* struct dsa_hw_desc of linux/idxd.h. */
struct descriptor {
	uint32_t pasid;
	uint32_t flags : 24, opcode : 8;
	uint64_t completion, source, destination;
	uint32_t size;
	uint16_t interrupt_handle, reserved;
	uint8_t specific[24];
} __attribute__((packed, aligned(64)));

enum { MEMMOVE = 3, COMPLETION_VALID = 0x4, REQUEST_COMPLETION = 0x8 };

static struct descriptor descriptor;
static volatile uint8_t record[32] __attribute__((aligned(32)));

/* Whether it is to be tried again. */
static int enqcmd(volatile void *portal)
{
	uint8_t again;

	__asm__ volatile(".byte 0xf2, 0x0f, 0x38, 0xf8, 0x3e; setz %0" : "=q"(again) : "D"(portal), "S"(&descriptor) : "memory", "cc");
	return again;
}

static int movdir64b(volatile void *portal)
{
	__asm__ volatile(".byte 0x66, 0x0f, 0x38, 0xf8, 0x3e" : : "D"(portal), "S"(&descriptor) : "memory");
	return 0;
}

int main(int argc, char **argv)
{
	int is_dedicated = argc > 1 && !strcmp(argv[1], "--dedicated");
	int fd = open(is_dedicated ? "/dev/dsa/wq0.1" : "/dev/dsa/wq0.0", O_RDWR), tries = 0;
	struct timespec pause = { 0, 1000000 };
	uint8_t *source = aligned_alloc(4096, 20480), *destination = aligned_alloc(4096, 20480);
	void *portal;

	if (fd < 0 || !source || !destination) {
		perror("open");
		return 1;
	}
	portal = mmap(NULL, 4096, PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (portal == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	for (int i = 0; i < SIZE; i++)
		source[i] = (uint8_t)(0x0123456789abcdefull >> (i % 8 * 8));
	memset(destination, 0xfe, SIZE);
	descriptor = (struct descriptor){ .opcode = MEMMOVE, .flags = COMPLETION_VALID | REQUEST_COMPLETION, .completion = (uintptr_t)record,
					  .source = (uintptr_t)source, .destination = (uintptr_t)destination, .size = SIZE };
	while ((is_dedicated ? movdir64b : enqcmd)(portal))
		if (++tries > TRIES) {
			fprintf(stderr, "the queue stays full\n");
			return 1;
		}
	while (!record[0])
		nanosleep(&pause, NULL);
	printf("status %d, %s\n", record[0], memcmp(source, destination, SIZE) ? "not the same" : "20000 bytes moved");
	munmap(portal, 4096);
	close(fd);
	return record[0] != 1;
}
