/* dprintf: since 2.37 the C library writes there without the tables that streams have. */
#include "preload.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int print_ours(int fd, const char *format, va_list ap)
{
	char *text;
	int length = vasprintf(&text, format, ap), done = 0;

	while (done < length) {
		ssize_t n = write(fd, text + done, (size_t)(length - done));

		if (n < 0) {
			free(text);
			return -1;
		}
		done += (int)n;
	}
	if (length >= 0)
		free(text);
	return length;
}

int __vdprintf_chk(int fd, int flag, const char *format, va_list ap);
int __dprintf_chk(int fd, int flag, const char *format, ...);

EXPORT int vdprintf(int fd, const char *restrict format, va_list ap)
{
	return handle_of(fd) ? print_ours(fd, format, ap) : NEXT(vdprintf)(fd, format, ap);
}

EXPORT int __vdprintf_chk(int fd, int flag, const char *format, va_list ap)
{
	return handle_of(fd) ? print_ours(fd, format, ap) : NEXT(__vdprintf_chk)(fd, flag, format, ap);
}

EXPORT int dprintf(int fd, const char *restrict format, ...)
{
	va_list ap;
	int result;

	va_start(ap, format);
	result = vdprintf(fd, format, ap);
	va_end(ap);
	return result;
}

EXPORT int __dprintf_chk(int fd, int flag, const char *format, ...)
{
	va_list ap;
	int result;

	va_start(ap, format);
	result = __vdprintf_chk(fd, flag, format, ap);
	va_end(ap);
	return result;
}
