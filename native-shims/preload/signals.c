/*
 * Signals. A handler that runs while a call waits ends that call, as a system call
 * would: with EINTR, or by starting again. So once a process has calls of ours, a
 * function of ours stands before each of its handlers. Before that its handlers
 * are left alone.
 */
/* sigset(3) is only for old programs, which are programs too. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#include "client.h"
#include "portal.h"
#include <signal.h>
#include <string.h>

#define SIGNALS 65
/* The C library's own: thread cancellation, and setuid in all threads. */
#define SIGCANCEL 32
#define SIGSETXID 33

/* What the program wants done, for signals whose handler we stand before. */
static struct sigaction wanted[SIGNALS];
/* The process that changes handlers now, or 0. */
static int32_t changing;
static bool watching;

static bool is_handler(const struct sigaction *action)
{
	return action->sa_handler != SIG_DFL && action->sa_handler != SIG_IGN;
}

/* Signals of faults, for which we stand even where the program has no handler. */
static bool is_guarded(int signal)
{
	return (signal == SIGSEGV || signal == SIGILL) && guards_portals();
}

/* What the kernel would have done without us: an instruction that faults does so once more, and ends the program. */
static void do_default(int signal, const siginfo_t *info)
{
	struct sigaction none = { .sa_handler = SIG_DFL };

	if (info->si_code <= 0 && wanted[signal].sa_handler == SIG_IGN)
		return;
	NEXT(sigaction)(signal, &none, NULL);
	if (info->si_code <= 0)
		raw(SYS_tgkill, raw(SYS_getpid), raw(SYS_gettid), signal);
}

static void before_handler(int signal, siginfo_t *info, void *context)
{
	struct sigaction *action = &wanted[signal];
	void (*handler)(int, siginfo_t *, void *) = __atomic_load_n(&action->sa_sigaction, __ATOMIC_ACQUIRE);
	int e = errno;

	if (is_guarded(signal)) {
		if (store_to_portal(info, context))
			return;
		if (!is_handler(action)) {
			do_default(signal, info);
			return;
		}
		if (action->sa_flags & SA_RESETHAND)
			__atomic_store_n(&action->sa_handler, SIG_DFL, __ATOMIC_RELEASE);
	}
	/* What the call that this signal interrupts does not wait for any more, the handler may already take. */
	interrupt_call((__atomic_load_n(&action->sa_flags, __ATOMIC_RELAXED) & SA_RESTART) != 0);
	errno = e;
	handler(signal, info, context);
}

static bool is_ours(const struct sigaction *action)
{
	return (action->sa_flags & SA_SIGINFO) && action->sa_sigaction == before_handler;
}

/* Several threads may change handlers, and handlers may, too. */
static void lock(sigset_t *before)
{
	uint64_t all = ~0ull;
	int32_t pid = (int32_t)raw(SYS_getpid), holder = 0;

	raw(SYS_rt_sigprocmask, SIG_BLOCK, &all, before, 8);
	/* In a forked child, a holder of the parent's is not here. */
	while (!__atomic_compare_exchange_n(&changing, &holder, pid, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
		if (holder == pid) {
			raw(SYS_sched_yield);
			holder = 0;
		}
	}
}

static void unlock(const sigset_t *before)
{
	__atomic_store_n(&changing, 0, __ATOMIC_RELEASE);
	raw(SYS_rt_sigprocmask, SIG_SETMASK, before, NULL, 8);
}

/* Sets an action whose handler, if it has one, is to be called through ours. */
static int install(int signal, const struct sigaction *action)
{
	struct sigaction ours = *action;

	if (!is_handler(action) && !is_guarded(signal))
		return NEXT(sigaction)(signal, action, NULL);
	/* Fields one by one: another thread may be about to call what is there now. */
	wanted[signal].sa_mask = action->sa_mask;
	__atomic_store_n(&wanted[signal].sa_flags, action->sa_flags, __ATOMIC_RELAXED);
	__atomic_store_n(&wanted[signal].sa_sigaction, action->sa_sigaction, __ATOMIC_RELEASE);
	ours.sa_sigaction = before_handler;
	ours.sa_flags |= SA_SIGINFO;
	if (is_guarded(signal)) {
		/* A store to a portal is no reason to forget the handler. */
		ours.sa_flags &= ~SA_RESETHAND;
		if (!is_handler(action))
			ours.sa_flags |= SA_ONSTACK | SA_RESTART;
	}
	return NEXT(sigaction)(signal, &ours, NULL);
}

void guard_signal(int signal)
{
	struct sigaction now;
	sigset_t before;

	lock(&before);
	if (NEXT(sigaction)(signal, NULL, &now) == 0)
		install(signal, is_ours(&now) ? &wanted[signal] : &now);
	unlock(&before);
}

void watch_signals(void)
{
	sigset_t before;

	if (watching)
		return;
	lock(&before);
	__atomic_store_n(&watching, true, __ATOMIC_RELEASE);
	for (int signal = 1; signal < SIGNALS; signal++) {
		struct sigaction now;

		if (signal == SIGCANCEL || signal == SIGSETXID || NEXT(sigaction)(signal, NULL, &now) < 0)
			continue;
		if (is_handler(&now) && !is_ours(&now))
			install(signal, &now);
	}
	unlock(&before);
}

EXPORT int sigaction(int signal, const struct sigaction *restrict action, struct sigaction *restrict old)
{
	struct sigaction was, next;
	sigset_t before;
	int result;

	if (!__atomic_load_n(&watching, __ATOMIC_ACQUIRE) || signal <= 0 || signal >= SIGNALS)
		return NEXT(sigaction)(signal, action, old);
	if (action)
		next = *action;
	lock(&before);
	result = NEXT(sigaction)(signal, NULL, &was);
	if (result == 0 && is_ours(&was)) {
		/* What the kernel adds to the flags, a program sees. */
		int added = is_guarded(signal) ? 0 : was.sa_flags & ~SA_SIGINFO & ~wanted[signal].sa_flags;

		was = wanted[signal];
		was.sa_flags |= added;
	}
	if (result == 0 && action)
		result = install(signal, &next);
	unlock(&before);
	if (result == 0 && old)
		*old = was;
	return result;
}

/* The other names set handlers by the C library's own way to the kernel. */
int __sigaction(int signal, const struct sigaction *restrict action, struct sigaction *restrict old);

EXPORT int __sigaction(int signal, const struct sigaction *restrict action, struct sigaction *restrict old)
{
	return sigaction(signal, action, old);
}

/* Signals for which siginterrupt(3) was asked: signal(3) leaves out SA_RESTART. */
static uint64_t interrupting;

static sighandler_t set_handler(int signal, sighandler_t handler, int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags }, old;

	if (handler == SIG_ERR) {
		errno = EINVAL;
		return SIG_ERR;
	}
	if (!(flags & SA_NODEFER) && signal > 0 && signal < SIGNALS)
		sigaddset(&action.sa_mask, signal);
	return sigaction(signal, &action, &old) < 0 ? SIG_ERR : old.sa_handler;
}

EXPORT sighandler_t signal(int signal, sighandler_t handler)
{
	bool interrupts = signal > 0 && signal < SIGNALS && (interrupting >> (signal - 1) & 1);

	return set_handler(signal, handler, interrupts ? 0 : SA_RESTART);
}

sighandler_t bsd_signal(int number, sighandler_t handler);
sighandler_t ssignal(int number, sighandler_t handler);
sighandler_t sysv_signal(int number, sighandler_t handler);
sighandler_t __sysv_signal(int number, sighandler_t handler);

EXPORT sighandler_t bsd_signal(int number, sighandler_t handler)
{
	return signal(number, handler);
}

EXPORT sighandler_t ssignal(int number, sighandler_t handler)
{
	return signal(number, handler);
}

EXPORT sighandler_t __sysv_signal(int number, sighandler_t handler)
{
	return set_handler(number, handler, SA_RESETHAND | SA_NODEFER);
}

EXPORT sighandler_t sysv_signal(int number, sighandler_t handler)
{
	return __sysv_signal(number, handler);
}

EXPORT int siginterrupt(int signal, int interrupt)
{
	struct sigaction action;

	if (sigaction(signal, NULL, &action) < 0)
		return -1;
	if (interrupt) {
		interrupting |= 1ull << (signal - 1);
		action.sa_flags &= ~SA_RESTART;
	} else {
		interrupting &= ~(1ull << (signal - 1));
		action.sa_flags |= SA_RESTART;
	}
	return sigaction(signal, &action, NULL);
}

/* sigset(3) also changes the mask; a handler that it sets must go through ours. */
EXPORT sighandler_t sigset(int signal, sighandler_t disposition)
{
	sighandler_t old = NEXT(sigset)(signal, disposition);
	struct sigaction now;

	if (old == SIG_ERR || !__atomic_load_n(&watching, __ATOMIC_ACQUIRE))
		return old;
	if (old == (sighandler_t)(uintptr_t)before_handler)
		old = wanted[signal].sa_handler;
	if (NEXT(sigaction)(signal, NULL, &now) == 0 && is_handler(&now) && !is_ours(&now))
		sigaction(signal, &now, NULL);
	return old;
}
