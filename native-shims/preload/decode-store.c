/*
 * Stores of x86-64: plain moves of 2 to 64 bytes from general, MMX, SSE, AVX and
 * AVX-512 registers, and the instructions that move 64 bytes from memory at once.
 */
#include "decode-store.h"
#include "vector-state.h"
#include <string.h>

#ifdef __x86_64__

enum { MAP_PRIMARY, MAP_0F, MAP_0F38 };
enum { VECTOR_LEGACY, VECTOR_VEX, VECTOR_EVEX };

struct instruction {
	const uint8_t *code;
	uint32_t at, available;
	const ucontext_t *context;
	/* The mandatory prefix: 0, 0x66, 0xf3 or 0xf2. */
	uint8_t prefix;
	bool has_66, is_address32, has_segment;
	bool w, r, x, b, r2;
	int map, encoding;
	/* Of a vector, in bytes. */
	uint32_t width;
	uint8_t opcode, mod, reg, rm;
	uintptr_t address;
};

static const int gpr[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
			     REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15 };

static uint64_t general(const struct instruction *i, int number)
{
	return (uint64_t)i->context->uc_mcontext.gregs[gpr[number & 15]];
}

/* Behind the end it reads zeros; the length is compared when all is decoded. */
static uint8_t next(struct instruction *i)
{
	uint32_t at = i->at++;

	return at < i->available ? i->code[at] : 0;
}

static int32_t next32(struct instruction *i)
{
	uint32_t value = 0;

	for (int shift = 0; shift < 32; shift += 8)
		value |= (uint32_t)next(i) << shift;
	return (int32_t)value;
}

static const uint8_t mandatory[4] = { 0, 0x66, 0xf3, 0xf2 };

static bool read_vex(struct instruction *i, uint8_t lead)
{
	uint8_t byte = next(i), map = 1;

	i->encoding = VECTOR_VEX;
	i->r = !(byte & 0x80);
	if (lead == 0xc4) {
		i->x = !(byte & 0x40);
		i->b = !(byte & 0x20);
		map = byte & 0x1f;
		byte = next(i);
		i->w = byte & 0x80;
	}
	i->width = byte & 4 ? 32 : 16;
	i->prefix = mandatory[byte & 3];
	i->map = MAP_0F;
	return map == 1;
}

static bool read_evex(struct instruction *i)
{
	uint8_t first = next(i), second = next(i), third = next(i);

	i->encoding = VECTOR_EVEX;
	i->r = !(first & 0x80);
	i->x = !(first & 0x40);
	i->b = !(first & 0x20);
	i->r2 = !(first & 0x10);
	i->w = second & 0x80;
	i->prefix = mandatory[second & 3];
	i->width = 16u << (third >> 5 & 3);
	i->map = MAP_0F;
	/* Without a mask and without anything but a move. */
	return (first & 0x0f) == 1 && (second & 4) && (third & 0x17) == 0 && i->width <= 64;
}

/* Prefixes and opcode. */
static bool read_head(struct instruction *i)
{
	uint8_t byte;

	for (;;) {
		byte = next(i);
		if (byte == 0x66)
			i->has_66 = true;
		else if (byte == 0xf2 || byte == 0xf3)
			i->prefix = byte;
		else if (byte == 0x67)
			i->is_address32 = true;
		else if (byte == 0x64 || byte == 0x65)
			i->has_segment = true;
		else if (byte != 0x2e && byte != 0x36 && byte != 0x3e && byte != 0x26)
			break;
		if (i->at > INSTRUCTION_MAX)
			return false;
	}
	if (byte == 0xc4 || byte == 0xc5 || byte == 0x62) {
		if (!(byte == 0x62 ? read_evex(i) : read_vex(i, byte)))
			return false;
		i->opcode = next(i);
		return true;
	}
	if ((byte & 0xf0) == 0x40) {
		i->w = byte & 8;
		i->r = byte & 4;
		i->x = byte & 2;
		i->b = byte & 1;
		byte = next(i);
	}
	if (!i->prefix && i->has_66)
		i->prefix = 0x66;
	i->width = 16;
	if (byte == 0x0f) {
		i->map = MAP_0F;
		byte = next(i);
		if (byte == 0x38) {
			i->map = MAP_0F38;
			byte = next(i);
		}
	}
	i->opcode = byte;
	return true;
}

/* ModRM, SIB and displacement. False: the operand is a register. */
static bool read_operand(struct instruction *i, uint32_t scale)
{
	uint8_t modrm = next(i);
	uint64_t address = 0;
	bool is_relative = false;

	i->mod = modrm >> 6;
	i->reg = (modrm >> 3 & 7) | (i->r ? 8 : 0) | (i->r2 ? 16 : 0);
	i->rm = modrm & 7;
	if (i->mod == 3)
		return false;
	if (i->rm == 4) {
		uint8_t sib = next(i);
		int index = (sib >> 3 & 7) | (i->x ? 8 : 0);

		if (index != 4)
			address += general(i, index) << (sib >> 6);
		if ((sib & 7) == 5 && i->mod == 0)
			address += (uint64_t)(int64_t)next32(i);
		else
			address += general(i, (sib & 7) | (i->b ? 8 : 0));
	} else if (i->rm == 5 && i->mod == 0) {
		is_relative = true;
		address = (uint64_t)(int64_t)next32(i);
	} else {
		address = general(i, i->rm | (i->b ? 8 : 0));
	}
	if (i->mod == 1)
		address += (uint64_t)((int64_t)(int8_t)next(i) * (i->encoding == VECTOR_EVEX ? scale : 1));
	else if (i->mod == 2)
		address += (uint64_t)(int64_t)next32(i);
	if (is_relative) {
		uint32_t immediate = i->map != MAP_PRIMARY ? 0 : i->opcode == 0xc6 ? 1 : i->opcode != 0xc7 ? 0 : i->has_66 && !i->w ? 2 : 4;

		address += (uint64_t)i->context->uc_mcontext.gregs[REG_RIP] + i->at + immediate;
	}
	i->address = i->is_address32 ? (uint32_t)address : address;
	return true;
}

static uint32_t operand_size(const struct instruction *i)
{
	return i->w ? 8 : i->has_66 ? 2 : 4;
}

static void put_general(const struct instruction *i, struct store *store, uint32_t size)
{
	uint64_t value = general(i, i->reg);

	store->size = size;
	memcpy(store->bytes, &value, size);
}

static bool decode_primary(struct instruction *i, struct store *store)
{
	uint32_t size = i->opcode & 1 ? operand_size(i) : 1;
	int64_t immediate;

	switch (i->opcode) {
	case 0x89:
		if (!read_operand(i, 1))
			return false;
		put_general(i, store, size);
		return true;
	case 0xc6:
	case 0xc7:
		if (!read_operand(i, 1) || (i->reg & 7) != 0)
			return false;
		if (size == 1)
			immediate = next(i);
		else if (size == 2)
			immediate = next(i) | next(i) << 8;
		else
			immediate = next32(i);
		store->size = size;
		memcpy(store->bytes, &immediate, size);
		return true;
	default:
		return false;
	}
}

/* How many bytes of a vector register a move of map 0F stores, and from which on; 0 when it is none. */
static uint32_t vector_part(const struct instruction *i, uint32_t *from)
{
	*from = 0;
	switch (i->opcode) {
	case 0x11:
		return i->prefix == 0xf3 ? 4 : i->prefix == 0xf2 ? 8 : i->width;
	case 0x29:
	case 0x2b:
		return i->prefix == 0 || i->prefix == 0x66 ? i->width : 0;
	case 0xe7:
		return i->prefix == 0x66 ? i->width : 0;
	case 0x7f:
		return i->prefix == 0x66 || i->prefix == 0xf3 || (i->prefix == 0xf2 && i->encoding == VECTOR_EVEX) ? i->width : 0;
	case 0x7e:
		return i->prefix == 0x66 ? (i->w ? 8 : 4) : 0;
	case 0xd6:
		return i->prefix == 0x66 ? 8 : 0;
	case 0x13:
		return i->prefix == 0 || i->prefix == 0x66 ? 8 : 0;
	case 0x17:
		*from = 8;
		return i->prefix == 0 || i->prefix == 0x66 ? 8 : 0;
	default:
		return 0;
	}
}

static bool decode_0f(struct instruction *i, struct store *store)
{
	uint8_t whole[STORE_MAX];
	uint32_t from, size;

	if (i->opcode == 0xc3 && i->encoding == VECTOR_LEGACY && !i->prefix) {
		if (!read_operand(i, 1))
			return false;
		put_general(i, store, i->w ? 8 : 4);
		return true;
	}
	if (i->encoding == VECTOR_LEGACY && !i->prefix && (i->opcode == 0x7f || i->opcode == 0xe7 || i->opcode == 0x7e)) {
		if (!read_operand(i, 1))
			return false;
		store->size = i->opcode == 0x7e && !i->w ? 4 : 8;
		return read_mmx(i->context, i->reg & 7, store->bytes);
	}
	size = vector_part(i, &from);
	if (!size || !read_operand(i, size) || !read_vector(i->context, i->reg, whole))
		return false;
	store->size = size;
	memcpy(store->bytes, whole + from, size);
	return true;
}

/* MOVDIRI, MOVDIR64B, ENQCMD. ENQCMDS is the kernel's. */
static bool decode_0f38(struct instruction *i, struct store *store)
{
	if (i->opcode == 0xf9 && !i->prefix) {
		if (!read_operand(i, 1))
			return false;
		put_general(i, store, i->w ? 8 : 4);
		return true;
	}
	if (i->opcode != 0xf8 || (i->prefix != 0x66 && i->prefix != 0xf2) || !read_operand(i, 1))
		return false;
	store->kind = i->prefix == 0x66 ? IO_STORE_MOVDIR64B : IO_STORE_ENQCMD;
	store->size = STORE_MAX;
	if (read_guarded(store->bytes, i->address, STORE_MAX) < STORE_MAX)
		return false;
	/* The processor adds the address space's number; who gives one gets #GP. */
	if (store->kind == IO_STORE_ENQCMD && (store->bytes[2] >> 4 || store->bytes[3]))
		return false;
	i->address = i->is_address32 ? (uint32_t)general(i, i->reg) : general(i, i->reg);
	return i->address % STORE_MAX == 0;
}

bool decode_store(const uint8_t *code, uint32_t available, const ucontext_t *context, struct store *store)
{
	struct instruction i = { .code = code, .available = available, .context = context };
	bool decoded;

	store->kind = IO_STORE_PLAIN;
	if (!read_head(&i))
		return false;
	decoded = i.map == MAP_PRIMARY ? decode_primary(&i, store) : i.map == MAP_0F ? decode_0f(&i, store) : decode_0f38(&i, store);
	if (!decoded || i.at > available || i.has_segment)
		return false;
	store->address = i.address;
	store->length = i.at;
	return true;
}

#else

bool decode_store(const uint8_t *code, uint32_t available, const ucontext_t *context, struct store *store)
{
	(void)code, (void)available, (void)context, (void)store;
	return false;
}

#endif
