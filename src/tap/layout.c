/* SPDX-License-Identifier: Apache-2.0 */
/* A small abstract interpretation of the function's machine code, as in sites.c (of arm64's in layout_arm64.c): each register holds an address that was made
 * from the connection object, or anything.  SSL_get_client_random copies from `object + n` (OpenSSL 3), or from
 * `*(object + m) + n` (OpenSSL 1.1.1, BoringSSL); the first such address that is computed is the one.  SSL_is_server
 * returns a 32-bit field of the object.  Branches are followed both ways, because since OpenSSL 3.2 an object may be a QUIC
 * stream: then a call gives the real one, which is unknown here, but the other way leads on.
 */
#include "tap/layout.h"

#include <errno.h>
#include <string.h>

#include "tap/insn_x86.h"

#define LEAST 8	     /* before that is no field: the kind of object, or a table of methods */
#define MOST  0x7fff /* of any offset */

#if defined(__x86_64__)

#define CODE_BYTES 512
#define MAX_PATHS  8
#define MAX_INSNS  128
#define GPRS	   16
enum { RAX = 0, RDI = 7 };

enum holds { ANYTHING = 0, OBJECT, POINTER }; /* object + off; *(object + at) + off */
struct value {
	enum holds holds;
	int64_t at, off;
};
struct path {
	size_t pos;
	struct value reg[GPRS];
};
struct walk {
	uint64_t func;
	uint8_t code[CODE_BYTES];
	size_t n, insns, ntodo, started;
	struct path todo[MAX_PATHS];
	bool side; /* looks for the field that is returned, not for an address */
};
/* The address of a memory operand. */
static struct value address(const struct path *p, const ZydisDecodedOperand *op)
{
	struct value v = { 0 };

	if (op->type == ZYDIS_OPERAND_TYPE_MEMORY && op->mem.index == ZYDIS_REGISTER_NONE &&
	    insn_gpr(op->mem.base) >= 0)
		v = p->reg[insn_gpr(op->mem.base)];
	if (v.holds && op->mem.disp.value >= -MOST && op->mem.disp.value <= MOST)
		v.off += op->mem.disp.value;
	else
		v.holds = ANYTHING;
	return v;
}

/* What the first operand holds after the instruction. */
static struct value result(const struct path *p, const struct insn *in)
{
	const ZydisDecodedOperand *to = &in->op[0], *from = &in->op[1];
	struct value v = { 0 };

	switch (in->i.mnemonic) {
	case ZYDIS_MNEMONIC_LEA:
		return address(p, from);
	case ZYDIS_MNEMONIC_ADD:
		v = p->reg[insn_gpr(to->reg.value)];
		if (from->type != ZYDIS_OPERAND_TYPE_IMMEDIATE || from->imm.value.s < 0 ||
		    from->imm.value.s > MOST)
			v.holds = ANYTHING;
		v.off += v.holds ? from->imm.value.s : 0;
		return v;
	case ZYDIS_MNEMONIC_MOV:
		if (to->size != 64)
			return v;
		if (from->type == ZYDIS_OPERAND_TYPE_REGISTER && insn_gpr(from->reg.value) >= 0)
			return p->reg[insn_gpr(from->reg.value)];
		v = address(p, from);
		return v.holds == OBJECT ? (struct value){ POINTER, v.off, 0 }
					 : (struct value){ 0 };
	default:
		return v;
	}
}

static bool is_field(int64_t off)
{
	return off >= LEAST && off <= MOST;
}

/* The instruction makes the address of the random, or reads the side. */
static bool finds(const struct walk *w, const struct path *p, const struct insn *in,
		  struct value *ret)
{
	bool mov = in->i.mnemonic == ZYDIS_MNEMONIC_MOV;

	if (in->i.operand_count < 2 || in->op[0].type != ZYDIS_OPERAND_TYPE_REGISTER ||
	    insn_gpr(in->op[0].reg.value) < 0)
		return false;
	if (w->side) {
		*ret = address(p, &in->op[1]);
		return mov && in->op[0].size == 32 && insn_gpr(in->op[0].reg.value) == RAX &&
		       ret->holds == OBJECT && is_field(ret->off);
	}
	if (in->i.mnemonic != ZYDIS_MNEMONIC_LEA && in->i.mnemonic != ZYDIS_MNEMONIC_ADD)
		return false;
	*ret = result(p, in);
	return is_field(ret->off) &&
	       (ret->holds == OBJECT || (ret->holds == POINTER && is_field(ret->at)));
}

static void execute(struct path *p, const struct insn *in)
{
	static const uint8_t scratch[] = { 0, 1, 2, 6, 7, 8, 9, 10, 11 };
	struct value v = { 0 };

	if (in->i.operand_count > 1 && in->op[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
	    insn_gpr(in->op[0].reg.value) >= 0)
		v = result(p, in);
	for (size_t k = 0; k < in->i.operand_count; k++) {
		const ZydisDecodedOperand *op = &in->op[k];

		if (op->type == ZYDIS_OPERAND_TYPE_REGISTER && insn_gpr(op->reg.value) >= 0 &&
		    (op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
			p->reg[insn_gpr(op->reg.value)] = k == 0 ? v : (struct value){ 0 };
	}
	if (in->i.meta.category == ZYDIS_CATEGORY_CALL)
		for (size_t k = 0; k < sizeof(scratch); k++)
			p->reg[scratch[k]].holds = ANYTHING;
}

/* The way that a branch may take, if it stays in the code at hand. */
static void queue(struct walk *w, const struct path *p, const struct insn *in)
{
	uint64_t to;

	if (in->i.meta.branch_type == ZYDIS_BRANCH_TYPE_NONE ||
	    in->i.meta.category == ZYDIS_CATEGORY_CALL || !insn_is_relative(in))
		return;
	to = p->pos + in->i.length + (uint64_t)in->op[0].imm.value.s;
	if (to >= w->n || w->started == MAX_PATHS)
		return;
	w->todo[w->ntodo] = *p;
	w->todo[w->ntodo++].pos = (size_t)to;
	w->started++;
}

static bool walk_path(struct walk *w, struct path p, struct value *ret)
{
	struct insn in;

	for (; p.pos < w->n && w->insns < MAX_INSNS; p.pos += in.i.length) {
		if (!insn_decode(w->code + p.pos, w->n - p.pos, &in))
			return false;
		w->insns++;
		if (finds(w, &p, &in, ret))
			return true;
		queue(w, &p, &in);
		if (in.i.meta.category == ZYDIS_CATEGORY_RET ||
		    in.i.meta.category == ZYDIS_CATEGORY_UNCOND_BR)
			return false;
		execute(&p, &in);
	}
	return false;
}

static bool find(struct elf_image *img, uint64_t func, bool side, struct value *ret)
{
	struct walk w = { .func = func, .side = side, .ntodo = 1, .started = 1 };
	int n = elf_image_code(img, func, w.code, sizeof(w.code));

	w.n = n > 0 ? (size_t)n : 0;
	w.todo[0].reg[RDI].holds = OBJECT;
	while (w.ntodo > 0)
		if (walk_path(&w, w.todo[--w.ntodo], ret))
			return true;
	return false;
}

#else

#include "tap/layout_arm64.h"

struct value {
	uint16_t at, off;
};

static bool find(struct elf_image *img, uint64_t func, bool side, struct value *ret)
{
	uint32_t code[128];
	int n = elf_image_code(img, func, (uint8_t *)code, sizeof(code));

	return n > 0 && layout_arm64(code, (size_t)n / sizeof(code[0]), side, &ret->at, &ret->off);
}

#endif

int layout_find(struct elf_image *img, const struct tls_lib *row, struct ev_tls_layout *ret)
{
	const char *const names[] = { row->random, row->side };
	struct elf_sym sym[2] = { { 0 } };
	struct value v;

	memset(ret, 0, sizeof(*ret));
	if (!row->random || !row->side || elf_image_symbols(img, names, 2, sym) < 1 ||
	    !sym[0].addr || !find(img, sym[0].addr, false, &v))
		return -ENOENT;
	ret->random_at = (uint16_t)v.at;
	ret->random = (uint16_t)v.off;
	if (sym[1].addr && find(img, sym[1].addr, true, &v))
		ret->side = (uint16_t)v.off;
	return 0;
}
