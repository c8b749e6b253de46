/* For programs that do harm on purpose. Include it after the headers of the program. */

/* No file grows beyond a megabyte, and if memory runs out it is this program that goes. */
static void be_harmless_to_the_host(void)
{
	struct rlimit size = { 1 << 20, 1 << 20 };
	int fd = open("/proc/self/oom_score_adj", O_WRONLY);

	if (setrlimit(RLIMIT_FSIZE, &size) || signal(SIGXFSZ, SIG_IGN) == SIG_ERR || write(fd, "1000", 4) != 4)
		exit(2);
	close(fd);
}
