/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/site_ends.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tap/elf_frames.h"
#include "tap/insn_x86.h"

#if defined(__x86_64__)

#define PIECES	 12	   /* a function, its cold parts, those that it jumps to */
#define CODE_MAX (1 << 17) /* bytes of one */

static bool is_jump(const struct insn *in)
{
	return in->i.meta.branch_type != ZYDIS_BRANCH_TYPE_NONE &&
	       in->i.meta.category != ZYDIS_CATEGORY_RET &&
	       in->i.meta.category != ZYDIS_CATEGORY_CALL;
}

struct ends {
	struct elf_image *img;
	struct elf_frame piece[PIECES];
	size_t npieces;
	struct site *found;
	size_t n, max;
};

static int add_piece(struct ends *e, uint64_t addr)
{
	struct elf_frame f;
	int err;

	for (size_t i = 0; i < e->npieces; i++)
		if (addr - e->piece[i].addr < e->piece[i].size)
			return 0;
	addr = site_through_plt(e->img, addr);
	if (addr == 0)
		return -ENOTSUP;
	err = elf_frame_at(e->img, addr, &f);
	if (err)
		return err;
	if (f.size > CODE_MAX || e->npieces == PIECES)
		return -ENOTSUP;
	for (size_t i = 0; i < e->npieces; i++)
		if (e->piece[i].addr == f.addr)
			return 0;
	e->piece[e->npieces++] = f;
	return 0;
}

static int add_ret(struct ends *e, uint64_t addr, const struct insn *in, const uint8_t *p)
{
	struct site s = { .addr = addr, .cost = SITE_STEP, .nbytes = in->i.length };

	if (e->n == e->max)
		return -ENOSPC;
	memcpy(s.bytes, p, s.nbytes);
	if (elf_image_offset(e->img, addr, &s.off) != 0)
		return -ERANGE;
	e->found[e->n++] = s;
	return 0;
}

/* The jump of a switch goes to an address that was just added up; that of a call at the end comes behind what gives the
 * frame back, or takes the address from memory. */
static bool is_switch(const struct insn *in, const struct insn *before)
{
	return in->op[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
	       before->i.mnemonic == ZYDIS_MNEMONIC_ADD &&
	       before->op[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
	       before->op[0].reg.value == in->op[0].reg.value;
}

static int scan(struct ends *e, const struct elf_frame *f, const uint8_t *code)
{
	struct insn in, before = { 0 };
	int err = 0;

	for (size_t at = 0; at < f->size && !err; at += in.i.length, before = in) {
		if (!insn_decode(code + at, (size_t)f->size - at, &in))
			return -ENOEXEC;
		if (in.i.meta.category == ZYDIS_CATEGORY_RET)
			err = add_ret(e, f->addr + at, &in, code + at);
		else if (is_jump(&in) && in.op[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
			err = add_piece(e, f->addr + at + in.i.length +
						   (uint64_t)in.op[0].imm.value.s);
		else if (is_jump(&in) && !is_switch(&in, &before))
			err = -ENOTSUP;
	}
	return err;
}

int site_ends(struct elf_image *img, uint64_t func, struct site *ret, size_t max)
{
	struct ends e = { .img = img, .found = ret, .max = max };
	uint8_t *code = malloc(CODE_MAX);
	int err = code ? add_piece(&e, func) : -ENOMEM;

	for (size_t i = 0; i < e.npieces && !err; i++) {
		int n = elf_image_code(img, e.piece[i].addr, code, (size_t)e.piece[i].size);

		err = n < 0			      ? n
		      : (uint64_t)n < e.piece[i].size ? -ERANGE
						      : scan(&e, &e.piece[i], code);
	}
	free(code);
	return err ? err : e.n ? (int)e.n : -ENOTSUP;
}

static bool touches(const struct insn *in)
{
	static const ZydisRegister kept[] = { ZYDIS_REGISTER_RDI, ZYDIS_REGISTER_RSI,
					      ZYDIS_REGISTER_RDX, ZYDIS_REGISTER_RSP };

	for (size_t k = 0; k < in->i.operand_count; k++)
		for (size_t r = 0; r < sizeof(kept) / sizeof(kept[0]); r++)
			if (in->op[k].type == ZYDIS_OPERAND_TYPE_REGISTER &&
			    (in->op[k].actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) &&
			    ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64,
							     in->op[k].reg.value) == kept[r])
				return true;
	return false;
}

uint64_t site_forwards(struct elf_image *img, uint64_t func)
{
	uint8_t code[64];
	int n = elf_image_code(img, func, code, sizeof(code));
	struct insn in;

	for (size_t at = 0; n > 0 && insn_decode(code + at, (size_t)n - at, &in);
	     at += in.i.length) {
		if (in.i.mnemonic == ZYDIS_MNEMONIC_JMP &&
		    in.op[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
			return site_through_plt(img, func + at + in.i.length +
							     (uint64_t)in.op[0].imm.value.s);
		if (in.i.meta.branch_type != ZYDIS_BRANCH_TYPE_NONE ||
		    in.i.meta.category == ZYDIS_CATEGORY_RET || touches(&in))
			return 0;
	}
	return 0;
}

#else

int site_ends(struct elf_image *img, uint64_t func, struct site *ret, size_t max)
{
	(void)img, (void)func, (void)ret, (void)max;
	return -ENOTSUP;
}

uint64_t site_forwards(struct elf_image *img, uint64_t func)
{
	(void)img, (void)func;
	return 0;
}

#endif
