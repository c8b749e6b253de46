/*
 * How long it takes two processes to wake each other once through futexes in
 * shared memory: the least that a call to a sleeping server can cost. Arguments:
 * the processors of this process and its peer.
 */
#include "round.h"
#include <errno.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>

/* Two counters, each on a cache line of its own. */
static struct {
	uint32_t asked __attribute__((aligned(64)));
	uint32_t answered __attribute__((aligned(64)));
} *shared;

static void advance(uint32_t *word)
{
	__atomic_fetch_add(word, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void wait_until(uint32_t *word, uint32_t value)
{
	uint32_t now;

	while ((now = __atomic_load_n(word, __ATOMIC_SEQ_CST)) != value)
		if (syscall(SYS_futex, word, FUTEX_WAIT, now, NULL, NULL, 0) && errno != EAGAIN && errno != EINTR)
			err(1, "futex");
}

static void answer(void)
{
	for (uint32_t turn = 1;; turn++) {
		wait_until(&shared->asked, turn);
		advance(&shared->answered);
	}
}

static void ask(void)
{
	static uint32_t turn;

	turn++;
	advance(&shared->asked);
	wait_until(&shared->answered, turn);
}

int main(int argc, char **argv)
{
	static const struct work works[] = { { .name = "ask", .run = ask } };

	if (argc != 3)
		errx(2, "usage: futex CPU PEER_CPU");
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		err(1, "mmap");
	start_peer(argv[2], answer);
	pin_to(argv[1]);
	return measure_rounds(works, COUNT(works));
}
