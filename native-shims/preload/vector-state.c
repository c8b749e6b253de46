/* The state that XSAVE wrote into the frame of a signal: Intel SDM volume 1, chapter 13. */
#include "vector-state.h"
#include <string.h>

#ifdef __x86_64__
#include <cpuid.h>

#define XSAVE_HEADER 512
/* What the kernel says of the frame behind the legacy area: _fpx_sw_bytes of linux/sigcontext.h. */
#define SW_RESERVED 464
#define SW_MAGIC 0x46505853u

enum component { SSE = 1, AVX = 2, ZMM_HIGH = 6, ZMM_16 = 7 };

static const uint8_t *frame_of(const ucontext_t *context)
{
	return (const uint8_t *)context->uc_mcontext.fpregs;
}

/* Where a component stands in the frame; NULL when it is as after a reset, or not there. */
static const uint8_t *component(const uint8_t *frame, enum component number)
{
	uint32_t magic, size, a, b, c, d;
	uint64_t present;

	memcpy(&magic, frame + SW_RESERVED, sizeof magic);
	memcpy(&size, frame + SW_RESERVED + 16, sizeof size);
	if (magic != SW_MAGIC)
		return number == SSE ? frame + 160 : NULL;
	memcpy(&present, frame + XSAVE_HEADER, sizeof present);
	if (!(present >> number & 1))
		return NULL;
	if (number == SSE)
		return frame + 160;
	__cpuid_count(0xd, number, a, b, c, d);
	return b && b + a <= size ? frame + b : NULL;
}

static void take(uint8_t *out, const uint8_t *from, size_t length)
{
	if (from)
		memcpy(out, from, length);
}

bool read_vector(const ucontext_t *context, int number, uint8_t out[64])
{
	const uint8_t *frame = frame_of(context), *at;

	memset(out, 0, 64);
	if (!frame)
		return false;
	if (number >= 16) {
		at = component(frame, ZMM_16);
		take(out, at ? at + 64 * (number - 16) : NULL, 64);
		return true;
	}
	at = component(frame, SSE);
	take(out, at ? at + 16 * number : NULL, 16);
	at = component(frame, AVX);
	take(out + 16, at ? at + 16 * number : NULL, 16);
	at = component(frame, ZMM_HIGH);
	take(out + 32, at ? at + 32 * number : NULL, 32);
	return true;
}

bool read_mmx(const ucontext_t *context, int number, uint8_t out[8])
{
	const uint8_t *frame = frame_of(context);
	uint32_t top;

	if (!frame)
		return false;
	/* The frame has ST(i); MMX registers are where they physically are. */
	top = (uint32_t)(frame[3] >> 3 & 7);
	memcpy(out, frame + 32 + 16 * (((uint32_t)number - top) & 7), 8);
	return true;
}

#endif
