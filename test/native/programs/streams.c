/* What the C library's streams do with a file. Prints a line per question; the answers are the same for every file that keeps bytes. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wchar.h>

static const char *path;

static const char *error(void)
{
	return strerrorname_np(errno);
}

static void content(const char *question)
{
	char bytes[256];
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, bytes, sizeof bytes);

	printf("%s: ", question);
	for (ssize_t i = 0; i < n; i++)
		printf(bytes[i] == '\n' ? "|" : "%c", bytes[i]);
	printf("\n");
	close(fd);
}

static void modes(void)
{
	static const char *const all[] = { "r", "r+", "w", "w+", "a", "a+", "re", "r+b", "rm", "wx", "wc", "", "z", "rw", "r,x", "w12345+" };

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		FILE *f = fopen(path, all[i]);

		printf("fopen %s: ", all[i]);
		if (!f) {
			printf("%s\n", error());
			continue;
		}
		printf("descriptor %d, access %d, append %d, cloexec %d, at %ld\n", fileno(f), fcntl(fileno(f), F_GETFL) & O_ACCMODE,
		       !!(fcntl(fileno(f), F_GETFL) & O_APPEND), fcntl(fileno(f), F_GETFD), ftell(f));
		printf("closed: %d\n", fclose(f));
	}
}

static void adopted(void)
{
	static const char *const all[] = { "r", "w", "r+", "a", "a+", "q" };
	static const int access[] = { O_RDONLY, O_WRONLY, O_RDWR };

	for (int a = 0; a < 3; a++)
		for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
			int fd = open(path, access[a]);
			FILE *f = fdopen(fd, all[i]);

			printf("fdopen %d %s: %s, append %d, at %ld\n", access[a], all[i], f ? "yes" : error(),
			       !!(fcntl(fd, F_GETFL) & O_APPEND), (long)lseek(fd, 0, SEEK_CUR));
			if (f)
				fclose(f);
			else
				close(fd);
		}
	printf("fdopen of nothing: %s\n", fdopen(99, "r") ? "yes" : error());
}

static void bytes(void)
{
	char line[64], *grown = NULL;
	size_t room = 0;
	FILE *f = fopen(path, "w+");

	errno = 0;
	printf("a terminal: %d", isatty(fileno(f)));
	printf(" %s\n", error());
	fprintf(f, "one %d\ntwo\nthree\n", 1);
	fputs("four", f);
	putc('\n', f);
	content("before a flush");
	fflush(f);
	content("after it");
	rewind(f);
	printf("fgets: %s", fgets(line, sizeof line, f));
	printf("getline: %zd\n", getline(&grown, &room, f));
	printf("at %ld\n", ftell(f));
	printf("fgetc: %c\n", fgetc(f));
	ungetc('T', f);
	printf("fscanf: %d", fscanf(f, "%63s", line));
	printf(" %s\n", line);
	printf("fseek from the end: %d, at %ld\n", fseek(f, -5, SEEK_END), ftell(f));
	memset(line, 0, sizeof line);
	printf("fread: %zu", fread(line, 1, sizeof line, f));
	printf(" %s", line);
	printf("feof %d, ferror %d\n", feof(f), ferror(f));
	clearerr(f);
	fseek(f, 4, SEEK_SET);
	fputs("ONE", f);
	fclose(f);
	content("written in the middle");

	f = fopen(path, "a+");
	fputs("end\n", f);
	rewind(f);
	printf("a+ reads %s", fgets(line, sizeof line, f));
	fclose(f);
	content("appended");

	f = fopen(path, "r");
	printf("fputs without right: %d %s\n", fputs("x", f), error());
	fclose(f);

	f = fopen(path, "w");
	setvbuf(f, NULL, _IONBF, 0);
	fputs("at once", f);
	content("without a buffer");
	fclose(f);

	f = fopen(path, "w");
	setvbuf(f, NULL, _IOLBF, 64);
	fputs("line\nrest", f);
	content("line by line");
	fclose(f);
	content("closed");

	f = fopen(path, "w");
	printf("dprintf: %d\n", dprintf(fileno(f), "%s %d\n", "dprintf", 42));
	fclose(f);
	content("dprintf");

	f = fopen(path, "w");
	fwprintf(f, L"wide %ls\n", L"letters");
	fclose(f);
	f = fopen(path, "r");
	printf("wide: %d\n", fwide(f, 1));
	printf("fgetwc: %c\n", (int)fgetwc(f));
	fclose(f);
	content("wide");
	free(grown);
}

static void large(void)
{
	FILE *f = fopen(path, "w+");
	long sum = 0;
	int c;

	for (int i = 0; i < 30000; i++)
		fprintf(f, "%d ", i);
	rewind(f);
	while ((c = getc_unlocked(f)) != EOF)
		sum += c;
	printf("large: %ld at %ld\n", sum, ftell(f));
	fclose(f);
}

static void reopened(void)
{
	FILE *f = fopen("/dev/null", "r"), *g;
	int number = fileno(f);

	g = freopen(path, "w", f);
	printf("freopen: %s, the same descriptor: %d\n", g == f ? "same stream" : "another", fileno(g) == number);
	fputs("reopened\n", f);
	g = freopen("/dev/null", "r", f);
	printf("and away: %d\n", fileno(g) == number);
	content("freopen");
	printf("at its end: %d\n", fgetc(f));
	g = freopen(path, "r", f);
	printf("again: %c\n", fgetc(g));
	printf("cloexec: %d\n", fcntl(number, F_GETFD));
	g = freopen(path, "re", f);
	printf("cloexec: %d\n", fcntl(number, F_GETFD));
	g = freopen("/dev/none/such", "r", g);
	printf("what is missing: %s, open: %d\n", g ? "opened" : error(), fcntl(number, F_GETFD));
	f = fopen(path, "r");
	number = fileno(f);
	g = freopen(path, "?", f);
	printf("a bad mode: %s, open: %d\n", g ? "opened" : error(), fcntl(number, F_GETFD));
}

static void children(void)
{
	char command[300];
	FILE *f;

	fflush(stdout);
	snprintf(command, sizeof command, "echo from system > %s", path);
	printf("system: %d\n", system(command));
	content("system");
	snprintf(command, sizeof command, "cat > %s", path);
	f = popen(command, "w");
	fputs("from popen\n", f);
	printf("pclose: %d\n", pclose(f));
	content("popen");
	f = fopen(path, "w");
	fputs("parent ", f);
	fflush(f);
	fflush(stdout);
	if (fork() == 0) {
		fputs("child ", f);
		exit(0);
	}
	wait(NULL);
	fputs("parent again", f);
	fclose(f);
	content("a stream in two processes");
}

int main(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	path = argv[1];
	modes();
	adopted();
	bytes();
	large();
	reopened();
	children();
	return 0;
}
