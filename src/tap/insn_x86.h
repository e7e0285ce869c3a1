/* SPDX-License-Identifier: Apache-2.0 */
/* insn_x86.h - one decoded instruction of x86-64, for those who read functions of other programs. */
#ifndef LIMPID_TAP_INSN_X86_H
#define LIMPID_TAP_INSN_X86_H

#if defined(__x86_64__)

#include <Zydis/Zydis.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct insn {
	ZydisDecodedInstruction i;
	ZydisDecodedOperand op[ZYDIS_MAX_OPERAND_COUNT];
};

/* The instruction at p, of which n bytes are there; false: none, or it is cut off. */
static inline bool insn_decode(const uint8_t *p, size_t n, struct insn *ret)
{
	ZydisDecoder d;

	return ZYAN_SUCCESS(
		       ZydisDecoderInit(&d, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)) &&
	       ZYAN_SUCCESS(ZydisDecoderDecodeFull(&d, p, n, &ret->i, ret->op));
}

/* 0 (rax) to 15 in the processor's own order, whatever part of it r names; -1: not a general register. */
static inline int insn_gpr(ZydisRegister r)
{
	ZydisRegister q = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, r);

	return q >= ZYDIS_REGISTER_RAX && q <= ZYDIS_REGISTER_R15 ? (int)(q - ZYDIS_REGISTER_RAX)
								  : -1;
}

/* Its first operand is a distance from its own end. */
static inline bool insn_is_relative(const struct insn *in)
{
	return in->op[0].type == ZYDIS_OPERAND_TYPE_IMMEDIATE && in->op[0].imm.is_relative;
}

#endif
#endif
