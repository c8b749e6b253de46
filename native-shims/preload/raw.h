/*
 * System calls without the C library: no errno, no cancellation, safe in signal
 * handlers. They return a negative errno on failure.
 */
#ifndef RAW_H
#define RAW_H

#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

/* Absent from older headers; the same on every machine. */
#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif

static inline long raw6(long n, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__)
	long result;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	__asm__ volatile("syscall" : "=a"(result) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
#elif defined(__aarch64__)
	register long x8 __asm__("x8") = n;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return x0;
#else
#error "ioctopus knows x86-64 and arm64"
#endif
}

/* Whether the result of a call that returns an address is a negative errno. */
static inline int is_error(long result)
{
	return result < 0 && result >= -4095;
}

#define RAW_PICK(_1, _2, _3, _4, _5, _6, _7, name, ...) name
#define raw(...) RAW_PICK(__VA_ARGS__, RAW7, RAW6, RAW5, RAW4, RAW3, RAW2, RAW1, 0)(__VA_ARGS__)
#define RAW1(n) raw6(n, 0, 0, 0, 0, 0, 0)
#define RAW2(n, a) raw6(n, (long)(a), 0, 0, 0, 0, 0)
#define RAW3(n, a, b) raw6(n, (long)(a), (long)(b), 0, 0, 0, 0)
#define RAW4(n, a, b, c) raw6(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define RAW5(n, a, b, c, d) raw6(n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define RAW6(n, a, b, c, d, e) raw6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define RAW7(n, a, b, c, d, e, f) raw6(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

#endif
