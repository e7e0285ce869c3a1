/* SPDX-License-Identifier: Apache-2.0 */
/* On x86 the code is decoded from the function's first byte, never found by pattern, so a site is always
 * an instruction's start.  site_follow runs a small abstract interpretation: each register holds an
 * argument, an address in the stack frame, or something unknown; a call whose first three argument
 * registers still hold arguments 0, 1, 2 is the one.  Branches not taken are looked at after the
 * straight line.  Rejected: a table of offsets per build (dies with each release), and looking for the
 * internal function's name (distributions strip it).
 */
#include "tap/sites.h"

#include <errno.h>
#include <string.h>

#include "tap/insn_x86.h"

const char *site_cost_name(enum site_cost cost)
{
	static const char *const names[] = { "nop5", "nop", "push", "branch", "single-stepped" };

	return names[cost];
}

#if defined(__x86_64__)

#define CODE_BYTES 512 /* of a function, decoded at most */
#define MAX_PATHS  8   /* branches followed from one function */
#define MAX_INSNS  96  /* decoded on all of them together */
#define GPRS	   16

/* Registers of the first six integer arguments: rdi, rsi, rdx, rcx, r8, r9 (System V ABI). */
enum { RSP = 4 };
static const uint8_t arg_reg[6] = { 7, 6, 2, 1, 8, 9 };

static bool writes_gpr(const ZydisDecodedOperand *op)
{
	return op->type == ZYDIS_OPERAND_TYPE_REGISTER &&
	       (op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) && insn_gpr(op->reg.value) >= 0;
}

/* What the kernel does with a breakpoint here (arch/x86/kernel/uprobes.c: branch_setup_xol_ops,
 * push_setup_xol_ops; arch_uprobe_optimize for the five-byte nop). */
static enum site_cost cost_of(const struct insn *in, const uint8_t *p, bool nop5)
{
	static const uint8_t five[] = { 0x0f, 0x1f, 0x44, 0x00, 0x00 };
	size_t n = in->i.length;

	if (n == 5 && memcmp(p, five, 5) == 0)
		return nop5 ? SITE_NOP5 : SITE_STEP;
	if (n == 1 && p[0] == 0x90)
		return SITE_NOP;
	if ((n == 1 && (p[0] & 0xf8) == 0x50) || (n == 2 && p[0] == 0x41 && (p[1] & 0xf8) == 0x50))
		return SITE_PUSH;
	if ((p[0] == 0xe8 || p[0] == 0xe9) && n == 5)
		return SITE_BRANCH;
	if ((p[0] == 0xeb || (p[0] & 0xf0) == 0x70) && n == 2)
		return SITE_BRANCH;
	if (p[0] == 0x0f && n == 6 && (p[1] & 0xf0) == 0x80)
		return SITE_BRANCH;
	return SITE_STEP;
}

/* True: past this instruction a site is no longer good for both probes, because an argument or the
 * stack pointer changed, or because not every call gets there. */
static bool ends_window(const struct insn *in)
{
	if (in->i.meta.branch_type != ZYDIS_BRANCH_TYPE_NONE ||
	    in->i.meta.category == ZYDIS_CATEGORY_RET)
		return true;
	for (size_t k = 0; k < in->i.operand_count; k++) {
		const ZydisDecodedOperand *op = &in->op[k];

		/* Memory written here could be the red zone, which a nop5 that became a call overwrites. */
		if (op->type == ZYDIS_OPERAND_TYPE_MEMORY &&
		    (op->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE))
			return true;
		if (!writes_gpr(op))
			continue;
		if (insn_gpr(op->reg.value) == RSP)
			return true;
		for (size_t a = 0; a < 6; a++)
			if (insn_gpr(op->reg.value) == arg_reg[a])
				return true;
	}
	return false;
}

int site_choose(const struct elf_image *img, uint64_t func, bool nop5, struct site *ret)
{
	uint8_t code[128];
	int n = elf_image_code(img, func, code, sizeof(code));
	struct site best = { .cost = SITE_STEP };
	struct insn in;

	if (n < 0)
		return n;
	for (size_t at = 0; insn_decode(code + at, (size_t)n - at, &in); at += in.i.length) {
		enum site_cost cost = cost_of(&in, code + at, nop5);

		if (best.nbytes == 0 || cost < best.cost) {
			best = (struct site){ .addr = func + at,
					      .delta = (uint32_t)at,
					      .cost = cost };
			best.nbytes = in.i.length;
			memcpy(best.bytes, code + at, best.nbytes);
		}
		if (ends_window(&in))
			break;
	}
	if (best.nbytes == 0)
		return -ENOEXEC;
	if (elf_image_offset(img, best.addr, &best.off) != 0)
		return -ERANGE;
	*ret = best;
	return 0;
}

/* What a register holds: argument 0 to 5, an address in the frame, or anything. */
enum { HOLDS_STACK = 6, HOLDS_OTHER = 7 };
struct path {
	size_t at; /* offset in the code */
	uint8_t holds[GPRS];
};

static uint8_t held(const struct path *p, ZydisRegister r)
{
	return insn_gpr(r) >= 0 ? p->holds[insn_gpr(r)] : HOLDS_OTHER;
}

/* What the first operand of a move holds afterwards. */
static uint8_t moved(const struct path *p, const struct insn *in)
{
	const ZydisDecodedOperand *src = &in->op[1];

	switch (in->i.mnemonic) {
	case ZYDIS_MNEMONIC_MOV:
	case ZYDIS_MNEMONIC_MOVSXD: /* the int number of bytes becomes a size_t */
		if (src->type == ZYDIS_OPERAND_TYPE_REGISTER && src->size >= 32)
			return held(p, src->reg.value);
		return HOLDS_OTHER;
	case ZYDIS_MNEMONIC_LEA:
		return held(p, src->mem.base) == HOLDS_STACK ? HOLDS_STACK : HOLDS_OTHER;
	default:
		return HOLDS_OTHER;
	}
}

static void execute(struct path *p, const struct insn *in)
{
	uint8_t first = in->i.operand_count > 1 ? moved(p, in) : HOLDS_OTHER;

	for (size_t k = 0; k < in->i.operand_count; k++)
		if (writes_gpr(&in->op[k]) && insn_gpr(in->op[k].reg.value) != RSP)
			p->holds[insn_gpr(in->op[k].reg.value)] = k == 0 ? first : HOLDS_OTHER;
	if (in->i.meta.category == ZYDIS_CATEGORY_CALL) {
		static const uint8_t scratch[] = { 0, 1, 2, 6, 7, 8, 9, 10, 11 };

		for (size_t k = 0; k < sizeof(scratch); k++)
			p->holds[scratch[k]] = HOLDS_OTHER;
	}
}

static bool passes_arguments(const struct path *p, int len_arg, int *ret_len_arg)
{
	uint8_t want = len_arg < 0 ? HOLDS_STACK : (uint8_t)len_arg;

	for (uint8_t a = 0; a < 3; a++)
		if (p->holds[arg_reg[a]] != a)
			return false;
	for (int a = 3; a < 6; a++)
		if (p->holds[arg_reg[a]] == want) {
			*ret_len_arg = a;
			return true;
		}
	return false;
}

uint64_t site_through_plt(struct elf_image *img, uint64_t addr)
{
	uint8_t code[32];
	int n = elf_image_code(img, addr, code, sizeof(code));
	struct insn in;

	for (size_t at = 0; n > 0 && insn_decode(code + at, (size_t)n - at, &in);
	     at += in.i.length) {
		const char *name;
		struct elf_sym sym;

		if (in.i.mnemonic == ZYDIS_MNEMONIC_ENDBR64)
			continue;
		if (in.i.mnemonic != ZYDIS_MNEMONIC_JMP ||
		    in.op[0].type != ZYDIS_OPERAND_TYPE_MEMORY ||
		    in.op[0].mem.base != ZYDIS_REGISTER_RIP)
			return addr;
		name = elf_image_got(img,
				     addr + at + in.i.length + (uint64_t)in.op[0].mem.disp.value);
		if (!name || elf_image_symbols(img, &name, 1, &sym) != 1)
			return 0;
		return sym.addr;
	}
	return addr;
}

struct walk {
	struct elf_image *img;
	uint64_t func;
	uint8_t code[CODE_BYTES];
	size_t n;
	struct path todo[MAX_PATHS];
	size_t ntodo, started, insns;
	int len_arg;
};

/* A branch: true when it is the call that is looked for.  Queues the other way of a conditional one. */
static bool try_branch(struct walk *w, const struct path *p, const struct insn *in,
		       struct site_callee *ret)
{
	bool conditional = in->i.meta.category == ZYDIS_CATEGORY_COND_BR;
	uint64_t target = w->func + p->at + in->i.length + (uint64_t)in->op[0].imm.value.s;
	bool inside = target >= w->func && target - w->func < w->n;
	struct site_callee c;

	if (!conditional && passes_arguments(p, w->len_arg, &c.len_arg) &&
	    (in->i.meta.category == ZYDIS_CATEGORY_CALL || !inside)) {
		c.addr = site_through_plt(w->img, target);
		c.back = in->i.meta.category == ZYDIS_CATEGORY_CALL ? w->func + p->at + in->i.length
								    : 0;
		if (c.addr) {
			*ret = c;
			return true;
		}
	}
	if (in->i.meta.category != ZYDIS_CATEGORY_CALL && inside && w->started < MAX_PATHS) {
		w->todo[w->ntodo] = *p;
		w->todo[w->ntodo++].at = (size_t)(target - w->func);
		w->started++;
	}
	return false;
}

static bool walk_path(struct walk *w, struct path p, struct site_callee *ret)
{
	struct insn in;

	for (; p.at < w->n && w->insns < MAX_INSNS; p.at += in.i.length) {
		if (!insn_decode(w->code + p.at, w->n - p.at, &in))
			return false;
		w->insns++;
		if (in.i.meta.category == ZYDIS_CATEGORY_RET)
			return false;
		if (in.i.meta.branch_type != ZYDIS_BRANCH_TYPE_NONE && insn_is_relative(&in) &&
		    try_branch(w, &p, &in, ret))
			return true;
		if (in.i.meta.category == ZYDIS_CATEGORY_UNCOND_BR)
			return false;
		execute(&p, &in);
	}
	return false;
}

int site_follow(struct elf_image *img, uint64_t func, int len_arg, struct site_callee *ret)
{
	struct walk w = { .img = img, .func = func, .len_arg = len_arg };
	int n = elf_image_code(img, func, w.code, sizeof(w.code));

	if (n < 0)
		return -ENOENT;
	w.n = (size_t)n;
	memset(w.todo[0].holds, HOLDS_OTHER, GPRS);
	for (uint8_t a = 0; a < 6; a++)
		w.todo[0].holds[arg_reg[a]] = a;
	w.todo[0].holds[RSP] = HOLDS_STACK;
	w.ntodo = w.started = 1;
	while (w.ntodo > 0)
		if (walk_path(&w, w.todo[--w.ntodo], ret))
			return 0;
	return -ENOENT;
}

/* --- after the call ------------------------------------------------------------------------------- */

enum { RAX = 0 };

static bool writes(const struct insn *in, int reg)
{
	for (size_t k = 0; k < in->i.operand_count; k++)
		if (writes_gpr(&in->op[k]) && insn_gpr(in->op[k].reg.value) == reg)
			return true;
	return false;
}

/* The count of bytes in place of a success: `cmovg (%rsp),%eax`. */
static bool takes_count(const struct insn *in)
{
	return in->i.mnemonic == ZYDIS_MNEMONIC_CMOVNLE &&
	       in->op[1].type == ZYDIS_OPERAND_TYPE_MEMORY && insn_gpr(in->op[1].mem.base) == RSP;
}

static int site_at(const struct elf_image *img, uint64_t addr, const struct insn *in,
		   const uint8_t *p, bool nop5, struct site *ret)
{
	*ret = (struct site){ .addr = addr, .cost = cost_of(in, p, nop5), .nbytes = in->i.length };
	memcpy(ret->bytes, p, ret->nbytes);
	return elf_image_offset(img, addr, &ret->off) != 0 ? -ERANGE : 0;
}

int site_after(const struct elf_image *img, uint64_t back, bool nop5, struct site *ret)
{
	uint8_t code[64];
	int n = elf_image_code(img, back, code, sizeof(code));
	struct site best = { 0 };
	struct insn in;

	if (n < 0)
		return n;
	for (size_t at = 0; insn_decode(code + at, (size_t)n - at, &in); at += in.i.length) {
		struct site s;

		if (site_at(img, back + at, &in, code + at, nop5, &s) != 0)
			return -ERANGE;
		if (best.nbytes == 0 || s.cost < best.cost)
			best = s;
		if (in.i.meta.branch_type != ZYDIS_BRANCH_TYPE_NONE ||
		    in.i.meta.category == ZYDIS_CATEGORY_RET || writes(&in, RSP) ||
		    (writes(&in, RAX) && !takes_count(&in)))
			break;
	}
	if (best.nbytes == 0)
		return -ENOEXEC;
	*ret = best;
	return 0;
}

#else /* arm64: exported symbols, probed at their first instruction */

int site_choose(const struct elf_image *img, uint64_t func, bool nop5, struct site *ret)
{
	struct site s = { .addr = func, .cost = SITE_STEP, .nbytes = 4 };
	int n = elf_image_code(img, func, s.bytes, 4);

	(void)nop5;
	if (n < 0)
		return n;
	if (n < 4)
		return -ENOEXEC;
	/* A nop or hint is emulated (arch/arm64/kernel/probes/simulate-insn.c), a direct branch too. */
	if (s.bytes[3] == 0xd5 && s.bytes[2] == 0x03 && (s.bytes[1] & 0xf0) == 0x20)
		s.cost = SITE_NOP;
	else if ((s.bytes[3] & 0x7c) == 0x14)
		s.cost = SITE_BRANCH;
	if (elf_image_offset(img, s.addr, &s.off) != 0)
		return -ERANGE;
	*ret = s;
	return 0;
}

int site_follow(struct elf_image *img, uint64_t func, int len_arg, struct site_callee *ret)
{
	(void)img, (void)func, (void)len_arg, (void)ret;
	return -ENOENT;
}

uint64_t site_through_plt(struct elf_image *img, uint64_t addr)
{
	(void)img;
	return addr;
}

int site_after(const struct elf_image *img, uint64_t back, bool nop5, struct site *ret)
{
	(void)img, (void)back, (void)nop5, (void)ret;
	return -ENOENT;
}

#endif
