/* Registers of MMX and vectors as a signal found them. */
#ifndef VECTOR_STATE_H
#define VECTOR_STATE_H

#include "preload.h"
#include <ucontext.h>

/* All 64 bytes of register 0 to 31; what the processor does not have, or has not used, is 0. False: nothing is known of it. */
bool read_vector(const ucontext_t *context, int number, uint8_t out[64]);
bool read_mmx(const ucontext_t *context, int number, uint8_t out[8]);

#endif
