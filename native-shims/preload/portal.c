/*
 * A portal is mapped without rights. A store to it faults; on a processor without
 * MOVDIRI, MOVDIR64B or ENQCMD these are unknown instructions, wherever they store. Either
 * way the store is decoded, the server gets it, and the program goes on.
 */
#include "portal.h"
#include "decode-store.h"
#include "mapping-table.h"
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096ul

static bool guarding;

bool guards_portals(void)
{
	return __atomic_load_n(&guarding, __ATOMIC_ACQUIRE);
}

void guard_portals(void)
{
	if (__atomic_exchange_n(&guarding, true, __ATOMIC_ACQ_REL))
		return;
	guard_signal(SIGSEGV);
	guard_signal(SIGILL);
}

#ifdef __x86_64__

/* The portal that a store is to, if the program may write there. */
static bool find_portal(uintptr_t address, struct mapping *found)
{
	struct mapping *m;
	uint64_t signals;

	if (!may_touch(address, 1))
		return false;
	lock_mappings(&signals);
	m = mapping_at(address);
	if (m)
		*found = *m;
	unlock_mappings(&signals);
	return m && (found->flags & IO_VMA_PORTAL) && (found->protection & PROT_WRITE);
}

/* Gives the store to the server. 1: taken; 0: to be tried again; negative: an errno. */
static long submit(const struct mapping *portal, const struct store *store)
{
	struct call call;
	long result;

	if (!begin_call(&call, IO_STORE, -1, portal->handle))
		return -errno;
	call.slot->args[0] = (int64_t)(store->address & (PAGE - 1));
	call.slot->args[1] = store->kind;
	attach(&call, store->bytes, store->size);
	result = make_call(&call);
	end_call(&call);
	return result;
}

/* ENQCMD says by ZF that it is to be tried again, and clears the other flags of results. */
#define ZERO_FLAG 0x40
#define RESULT_FLAGS 0x8d5

bool store_to_portal(const siginfo_t *info, ucontext_t *context)
{
	greg_t *registers = context->uc_mcontext.gregs;
	uint8_t code[INSTRUCTION_MAX];
	struct mapping portal;
	struct store store;
	int e = errno;
	size_t available;
	long taken;

	if (info->si_code <= 0 || !has_mappings())
		return false;
	available = read_guarded(code, (uintptr_t)registers[REG_RIP], sizeof code);
	if (!decode_store(code, (uint32_t)available, context, &store))
		return false;
	if (!find_portal(store.address, &portal) || store.address + store.size > portal.to)
		return false;
	taken = submit(&portal, &store);
	errno = e;
	if (taken < 0)
		return false;
	registers[REG_RIP] += store.length;
	if (store.kind == IO_STORE_ENQCMD)
		registers[REG_EFL] = (registers[REG_EFL] & ~(greg_t)RESULT_FLAGS) | (taken ? 0 : ZERO_FLAG);
	return true;
}

#else

bool store_to_portal(const siginfo_t *info, ucontext_t *context)
{
	(void)info, (void)context;
	return false;
}

#endif
