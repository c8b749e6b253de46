/*
 * Stores to a portal by each form of instruction. Arguments: a work queue and the
 * name of a form, or "all". Each line: the form, and the completion's status and
 * whether the bytes have arrived.
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <fcntl.h>
#include <immintrin.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE 1000

struct descriptor {
	uint32_t pasid, flags_opcode;
	uint64_t completion, source, destination;
	uint32_t size;
	uint16_t handle, reserved;
	uint8_t specific[24];
} __attribute__((packed, aligned(64)));

static uint8_t from[SIZE], to[SIZE];
static uint8_t record[32] __attribute__((aligned(32)));
static struct descriptor d;
static volatile uint8_t *portal;

#define STORES(name, type, instruction, constraint)                                                                     \
	static void name(void)                                                                                          \
	{                                                                                                               \
		for (size_t at = 0; at < 64; at += sizeof(type)) {                                                      \
			type value;                                                                                     \
			memcpy(&value, (char *)&d + at, sizeof value);                                                  \
			__asm__ volatile(instruction : : "r"(portal + at), constraint(value) : "memory");                \
		}                                                                                                       \
	}

STORES(mov32, uint32_t, "movl %k1, (%0)", "r")
STORES(mov64, uint64_t, "movq %1, (%0)", "r")
STORES(movnti32, uint32_t, "movnti %k1, (%0)", "r")
STORES(movnti64, uint64_t, "movnti %1, (%0)", "r")
STORES(movups, __m128i, "movups %1, (%0)", "x")
STORES(movaps, __m128i, "movaps %1, (%0)", "x")
STORES(movdqu, __m128i, "movdqu %1, (%0)", "x")
STORES(movdqa, __m128i, "movdqa %1, (%0)", "x")
STORES(movntdq, __m128i, "movntdq %1, (%0)", "x")
STORES(movq_xmm, uint64_t, "movq %1, %%xmm9; movq %%xmm9, (%0)", "r")
STORES(movd_xmm, uint32_t, "movd %k1, %%xmm3; movd %%xmm3, (%0)", "r")
STORES(movss, uint32_t, "movd %k1, %%xmm3; movss %%xmm3, (%0)", "r")
STORES(movsd, uint64_t, "movq %1, %%xmm3; movsd %%xmm3, (%0)", "r")
STORES(movlps, uint64_t, "movq %1, %%xmm3; movlps %%xmm3, (%0)", "r")
STORES(movhps, uint64_t, "movq %1, %%xmm3; pslldq $8, %%xmm3; movhps %%xmm3, (%0)", "r")
STORES(movq_mmx, uint64_t, "movq %1, %%mm5; movq %%mm5, (%0); emms", "r")
STORES(movntq, uint64_t, "movq %1, %%mm5; movntq %%mm5, (%0); emms", "r")
/* movdiri %rax, (%rdi), by its bytes: not all assemblers know it. */
static void movdiri(void)
{
	for (size_t at = 0; at < 64; at += 8)
		__asm__ volatile(".byte 0x48, 0x0f, 0x38, 0xf9, 0x07" : : "D"(portal + at), "a"(((uint64_t *)&d)[at / 8]) : "memory");
}

__attribute__((target("avx"))) static void vmovdqu(void)
{
	for (size_t at = 0; at < 64; at += 32)
		__asm__ volatile("vmovdqu (%1), %%ymm11; vmovdqu %%ymm11, (%0)" : : "r"(portal + at), "r"((char *)&d + at) : "memory", "xmm11");
}

__attribute__((target("avx"))) static void vmovntdq(void)
{
	for (size_t at = 0; at < 64; at += 32)
		__asm__ volatile("vmovdqu (%1), %%ymm1; vmovntdq %%ymm1, (%0)" : : "r"(portal + at), "r"((char *)&d + at) : "memory", "xmm1");
}

__attribute__((target("avx"))) static void vmovups_xmm(void)
{
	for (size_t at = 0; at < 64; at += 16)
		__asm__ volatile("vmovups (%1), %%xmm8; vmovups %%xmm8, (%0)" : : "r"(portal + at), "r"((char *)&d + at) : "memory", "xmm8");
}

__attribute__((target("avx512f"))) static void vmovdqu64(void)
{
	__asm__ volatile("vmovdqu64 (%1), %%zmm3; vmovdqu64 %%zmm3, (%0)" : : "r"(portal), "r"(&d) : "memory", "xmm3");
}

__attribute__((target("avx512f"))) static void vmovdqu64_high(void)
{
	/* A displacement in units of 64. */
	__asm__ volatile("vmovdqu64 (%1), %%zmm27; vmovdqu64 %%zmm27, 128(%0)" : : "r"(portal), "r"(&d) : "memory");
}

__attribute__((target("avx512f"))) static void vmovntdq_zmm(void)
{
	__asm__ volatile("vmovdqu64 (%1), %%zmm19; vmovntdq %%zmm19, (%0)" : : "r"(portal), "r"(&d) : "memory");
}

static void immediates(void)
{
	uint32_t words[16];

	memcpy(words, &d, sizeof words);
	/* The first and the last word of this descriptor are constants. */
	__asm__ volatile("movl $0, (%0)" : : "r"(portal) : "memory");
	__asm__ volatile("movq $0, 56(%0)" : : "r"(portal) : "memory");
	for (int i = 1; i < 14; i++)
		__asm__ volatile("movl %k2, (%0,%1,4)" : : "r"(portal), "r"((uint64_t)i), "r"(words[i]) : "memory");
}

/* movdir64b (%rsi), %rdi */
static void movdir64b(void)
{
	__asm__ volatile(".byte 0x66, 0x0f, 0x38, 0xf8, 0x3e" : : "D"(portal + 64), "S"(&d) : "memory");
}

/* enqcmd (%rsi), %rdi: ZF says that it is to be tried again */
static int enqcmd(void)
{
	uint8_t again;

	__asm__ volatile(".byte 0xf2, 0x0f, 0x38, 0xf8, 0x3e; setz %0" : "=q"(again) : "D"(portal), "S"(&d) : "memory", "cc");
	return again;
}

static void enqcmd_once(void)
{
	if (enqcmd())
		printf("retry ");
}

static bool has_avx(void)
{
	return __builtin_cpu_supports("avx");
}

static bool has_avx512(void)
{
	return __builtin_cpu_supports("avx512f");
}

static bool always(void)
{
	return true;
}

static const struct form {
	const char *name;
	void (*store)(void);
	bool (*is_known)(void);
} forms[] = {
	{ "mov32", mov32, always },
	{ "mov64", mov64, always },
	{ "immediates", immediates, always },
	{ "movnti32", movnti32, always },
	{ "movnti64", movnti64, always },
	{ "movups", movups, always },
	{ "movaps", movaps, always },
	{ "movdqu", movdqu, always },
	{ "movdqa", movdqa, always },
	{ "movntdq", movntdq, always },
	{ "movq_xmm", movq_xmm, always },
	{ "movd_xmm", movd_xmm, always },
	{ "movss", movss, always },
	{ "movsd", movsd, always },
	{ "movlps", movlps, always },
	{ "movhps", movhps, always },
	{ "movq_mmx", movq_mmx, always },
	{ "movntq", movntq, always },
	{ "movdiri", movdiri, always },
	{ "vmovdqu", vmovdqu, has_avx },
	{ "vmovntdq", vmovntdq, has_avx },
	{ "vmovups_xmm", vmovups_xmm, has_avx },
	{ "vmovdqu64", vmovdqu64, has_avx512 },
	{ "vmovdqu64_high", vmovdqu64_high, has_avx512 },
	{ "vmovntdq_zmm", vmovntdq_zmm, has_avx512 },
	{ "movdir64b", movdir64b, always },
	{ "enqcmd", enqcmd_once, always },
};

static void try_form(const struct form *form)
{
	static uint8_t seed;

	seed += 17;
	for (int i = 0; i < SIZE; i++)
		from[i] = (uint8_t)(i * 7 + seed);
	memset(to, 0, SIZE);
	memset(record, 0, sizeof record);
	form->store();
	/* Plain stores reach a device in time of its own. */
	for (int tries = 0; *(volatile uint8_t *)record == 0 && tries < 100; tries++)
		usleep(1000);
	printf("%s: %d %s\n", form->name, record[0], memcmp(from, to, SIZE) ? "lost" : "moved");
}

static sigjmp_buf back;
static volatile int caught;

static void on_fault(int signal, siginfo_t *info, void *context)
{
	(void)context;
	caught = info->si_addr == NULL ? signal : -signal;
	siglongjmp(back, 1);
}

/* What is not a portal's faults as ever: with the program's handler, and without. */
static void other_faults(void)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO }, now;
	int status;

	sigaction(SIGSEGV, NULL, &now);
	printf("no handler: %d\n", now.sa_handler == SIG_DFL);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGSEGV, NULL, &now);
	printf("handler: %d\n", now.sa_sigaction == on_fault);
	if (!sigsetjmp(back, 1))
		*(volatile int *)NULL = 1;
	printf("caught: %d\n", caught == SIGSEGV);
	signal(SIGSEGV, SIG_DFL);
	if (fork() == 0) {
		*(volatile int *)NULL = 1;
		_exit(0);
	}
	wait(&status);
	printf("killed by a fault: %d\n", WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	if (fork() == 0) {
		__asm__ volatile("ud2");
		_exit(0);
	}
	wait(&status);
	printf("killed by what is no instruction: %d\n", WIFSIGNALED(status) && WTERMSIG(status) == SIGILL);
	/* A child has no portal: VM_DONTCOPY. */
	if (fork() == 0) {
		*portal = 0;
		_exit(0);
	}
	wait(&status);
	printf("a child's store: %d\n", WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	/* Neither has one who may not write. */
	mprotect((void *)portal, 4096, PROT_READ);
	if (!sigsetjmp(back, 1)) {
		sigaction(SIGSEGV, &action, NULL);
		caught = 0;
		*(volatile uint32_t *)portal = 0;
	}
	printf("a store without the right: %d\n", caught == -SIGSEGV);
	mprotect((void *)portal, 4096, PROT_WRITE);
	signal(SIGSEGV, SIG_DFL);
}

int main(int argc, char **argv)
{
	int fd = open(argv[1], O_RDWR);

	if (argc < 3 || fd < 0) {
		perror("open");
		return 1;
	}
	portal = mmap(NULL, 4096, PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (portal == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	/* The mapping keeps the file. */
	close(fd);
	d = (struct descriptor){ .flags_opcode = 0x03u << 24 | 0x0c, .completion = (uint64_t)record, .source = (uint64_t)from,
				 .destination = (uint64_t)to, .size = SIZE };
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		if (strcmp(argv[2], "all") && strcmp(argv[2], forms[i].name))
			continue;
		if (forms[i].is_known())
			try_form(&forms[i]);
		else
			printf("%s: 1 moved\n", forms[i].name);
	}
	if (!strcmp(argv[2], "all"))
		other_faults();
	printf("munmap: %d\n", munmap((void *)portal, 4096));
	return 0;
}
