/* Pages that are the doors to a device: each store to them is the server's. */
#ifndef PORTAL_H
#define PORTAL_H

#include "preload.h"
#include <signal.h>
#include <ucontext.h>

/* Whether signals of faults are looked at before the program's handlers are; on from the first such page. */
bool guards_portals(void);
void guard_portals(void);

/*
 * A signal came: if it is for a store to a portal, the store is done and the
 * program goes on behind it. False: the signal is the program's.
 */
bool store_to_portal(const siginfo_t *info, ucontext_t *context);

/* signals.c: stands before handlers of a signal even when there is none. */
void guard_signal(int signal);

#endif
