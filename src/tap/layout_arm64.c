/* SPDX-License-Identifier: Apache-2.0 */
/* Encodings: Arm Architecture Reference Manual, C4.1.  What is not known here is taken to write its first register. */
#include "tap/layout_arm64.h"

#define GPRS	  31 /* number 31 is the stack pointer or zero */
#define MAX_PATHS 8
#define MAX_INSNS 256
#define LEAST	  8
#define MOST	  0x7fff
#define RET	  0xd65f03c0

enum holds { ANYTHING = 0, OBJECT, POINTER }; /* object + off; *(object + at) + off */
struct value {
	enum holds holds;
	uint32_t at, off;
};
struct path {
	size_t pos;
	struct value reg[GPRS + 1];
};
struct walk {
	const uint32_t *code;
	size_t n, insns, ntodo, started;
	struct path todo[MAX_PATHS];
	bool side;
};

static bool is_field(uint32_t off)
{
	return off >= LEAST && off <= MOST;
}

static struct value plus(struct value v, uint32_t n)
{
	v.off += n;
	return v.holds && v.off <= MOST ? v : (struct value){ 0 };
}

/* What the first register holds after it; *ret_is: it is an addition of a constant. */
static struct value result(const struct path *p, uint32_t i, bool *ret_is)
{
	struct value base = p->reg[i >> 5 & 31], v = { 0 };
	uint32_t imm = i >> 10 & 0xfff;

	*ret_is = (i & 0xff800000) == 0x91000000; /* add x, x, #imm */
	if (*ret_is)
		return plus(base, i & 1u << 22 ? imm << 12 : imm);
	if ((i & 0xffe0ffe0) == 0xaa0003e0) /* mov x, x */
		return p->reg[i >> 16 & 31];
	if ((i & 0xffc00000) == 0xf9400000) { /* ldr x, [x, #imm] */
		v = plus(base, imm * 8);
		return v.holds == OBJECT ? (struct value){ POINTER, v.off, 0 } : (struct value){ 0 };
	}
	return v;
}

static bool finds(const struct walk *w, const struct path *p, uint32_t i, struct value *ret)
{
	bool adds;

	if (w->side) {
		*ret = plus(p->reg[i >> 5 & 31], (i >> 10 & 0xfff) * 4);
		return (i & 0xffc0001f) == 0xb9400000 && ret->holds == OBJECT && is_field(ret->off); /* ldr w0, [x, #imm] */
	}
	*ret = result(p, i, &adds);
	return adds && is_field(ret->off) && (ret->holds == OBJECT || (ret->holds == POINTER && is_field(ret->at)));
}

static void execute(struct path *p, uint32_t i)
{
	bool adds, memory = (i & 0x0a000000) == 0x08000000;
	struct value v = result(p, i, &adds);

	if ((i & 0xfc000000) == 0x94000000) /* bl */
		for (size_t r = 0; r <= 18; r++)
			p->reg[r].holds = ANYTHING;
	else if (!memory || i & 1u << 22) /* not a store */
		p->reg[i & 31] = v;
	if (memory && i & 1u << 22 && (i & 0x38000000) == 0x28000000) /* ldp: the second register */
		p->reg[i >> 10 & 31].holds = ANYTHING;
	p->reg[GPRS].holds = ANYTHING;
}

/* Bits from lsb on, signed, as a number of instructions. */
static int64_t distance(uint32_t i, unsigned lsb, unsigned bits)
{
	return (int64_t)((uint64_t)i << (64 - lsb - bits)) >> (64 - bits);
}

/* Whether the instruction may go elsewhere, and where. */
static bool branches(const struct path *p, uint32_t i, size_t *ret)
{
	int64_t d;

	if ((i & 0xff000010) == 0x54000000 || (i & 0x7e000000) == 0x34000000) /* b.cond, cbz */
		d = distance(i, 5, 19);
	else if ((i & 0x7e000000) == 0x36000000) /* tbz */
		d = distance(i, 5, 14);
	else if ((i & 0xfc000000) == 0x14000000) /* b */
		d = distance(i, 0, 26);
	else
		return false;
	*ret = p->pos + (size_t)d; /* before the code: far behind its end */
	return true;
}

static bool walk_path(struct walk *w, struct path p, struct value *ret)
{
	for (; p.pos < w->n && w->insns < MAX_INSNS; p.pos++) {
		uint32_t i = w->code[p.pos];
		size_t to;

		w->insns++;
		if (finds(w, &p, i, ret))
			return true;
		if (branches(&p, i, &to)) {
			if (to < w->n && w->started < MAX_PATHS) {
				w->started++;
				w->todo[w->ntodo] = p;
				w->todo[w->ntodo++].pos = to;
			}
			if ((i & 0xfc000000) == 0x14000000)
				return false;
			continue;
		}
		if (i == RET)
			return false;
		execute(&p, i);
	}
	return false;
}

bool layout_arm64(const uint32_t *code, size_t n, bool side, uint16_t *ret_at, uint16_t *ret_off)
{
	struct walk w = { .code = code, .n = n, .side = side, .ntodo = 1, .started = 1 };
	struct value v;

	w.todo[0].reg[0].holds = OBJECT;
	while (w.ntodo > 0)
		if (walk_path(&w, w.todo[--w.ntodo], &v)) {
			*ret_at = v.holds == POINTER ? (uint16_t)v.at : 0;
			*ret_off = (uint16_t)v.off;
			return true;
		}
	return false;
}
