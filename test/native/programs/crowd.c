/* So many processes that connect and stay, until standard input ends. Says how many could. */
#define _GNU_SOURCE
#include "raw-client.h"
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

/* What connecting came to: 0, an errno, or 255. */
static unsigned char connect_one(void)
{
	struct session s;
	int result = open_session(&s);

	return result < 0 ? 255 : (unsigned char)result;
}

int main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 1, results[2], go[2], connected = 0, refused = 0, others = 0;
	char c;

	if (pipe(results) || pipe(go))
		return 1;
	for (int i = 0; i < count; i++) {
		pid_t pid = fork();

		if (pid < 0)
			return 1;
		if (pid == 0) {
			unsigned char result = connect_one();

			close(go[1]);
			if (write(results[1], &result, 1) != 1 || read(go[0], &c, 1) != 0)
				_exit(1);
			_exit(0);
		}
	}
	for (int i = 0; i < count; i++) {
		unsigned char result;

		if (read(results[0], &result, 1) != 1)
			return 1;
		connected += result == 0;
		refused += result == ENFILE;
		others += result != 0 && result != ENFILE;
	}
	printf("of %d: %d connected, %d refused by ENFILE, %d otherwise\n", count, connected, refused, others);
	fflush(stdout);
	while (read(0, &c, 1) > 0)
		;
	close(go[1]);
	while (wait(NULL) > 0)
		;
	return 0;
}
