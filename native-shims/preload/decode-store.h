/* What an instruction stores, for memory that is a device's. */
#ifndef DECODE_STORE_H
#define DECODE_STORE_H

#include "preload.h"
#include <ucontext.h>

/* The longest instruction. */
#define INSTRUCTION_MAX 15
#define STORE_MAX 64

struct store {
	/* enum io_store. */
	uint32_t kind;
	uintptr_t address;
	uint32_t size;
	/* Of the instruction. */
	uint32_t length;
	uint8_t bytes[STORE_MAX];
};

/*
 * Decodes the instruction in `code` that a context is about to execute. False: it
 * stores nothing that is understood here, or what it would fault for itself.
 */
bool decode_store(const uint8_t *code, uint32_t available, const ucontext_t *context, struct store *store);

#endif
