/* SPDX-License-Identifier: Apache-2.0 */
/* sites.h - which instruction of a function to probe, so that a hit costs the target least.
 *
 * A probe is a breakpoint.  Some instructions the kernel emulates: one trap.  All others it runs out
 * of line in single-step mode: two traps, 3.6 times dearer (x86).  So a site is looked for near the
 * start of the function, where the arguments are still in their registers and the stack pointer still
 * points at the return address, which makes one site good for the entry and for the return probe.
 */
#ifndef LIMPID_TAP_SITES_H
#define LIMPID_TAP_SITES_H

#include "tap/elf.h"

/* Cheapest first.  NOP5 is cheap where the kernel turns the trap into a call (x86, 6.18). */
enum site_cost { SITE_NOP5, SITE_NOP, SITE_PUSH, SITE_BRANCH, SITE_STEP };
#define SITE_BYTES 16
struct site {
	uint64_t addr;	/* of the instruction */
	uint64_t off;	/* the same in the file */
	uint32_t delta; /* bytes after the function's first */
	enum site_cost cost;
	uint8_t bytes[SITE_BYTES]; /* what the file has there: compared again before attaching */
	uint8_t nbytes;
};

/* The cheapest site in the function at func that serves entry and return; nop5: the kernel optimises
 * those.  0; -ERANGE, -EIO as elf_image_code; -ENOEXEC: no instruction could be decoded. */
int site_choose(const struct elf_image *img, uint64_t func, bool nop5, struct site *ret);
const char *site_cost_name(enum site_cost cost); /* "push" */

struct site_callee {
	uint64_t addr;
	int len_arg; /* number of the argument that points at the count of bytes */
	uint64_t back; /* where func goes on when it returns; 0: nowhere, func jumped to it */
};
/* The function to which func passes its first three arguments unchanged, by the first such direct
 * call or tail jump (through the PLT too, when the target is in the same file), together with a
 * pointer to a count: func's own argument len_arg, or, when that is negative, one that points into
 * func's stack frame.  0; -ENOENT: there is none. */
int site_follow(struct elf_image *img, uint64_t func, int len_arg, struct site_callee *ret);

/* Where a PLT entry at addr leads; addr itself when it is none.  0: to another file. */
uint64_t site_through_plt(struct elf_image *img, uint64_t addr);
/* A direct call of a function: a site that serves its entry, as the arguments are in their registers. */
struct site_caller {
	uint64_t func; /* the function that calls */
	uint64_t back; /* where it goes on */
	struct site at;
};
/* All direct calls of the function at target in the file.  Each is an instruction's start by decoding the function that
 * it is in.  How many; -ENOTSUP: it is also jumped to, or its callers' bounds are not known, or the file is
 * too large to be searched; -ENOSPC: more than max; -EIO, -EBADMSG, -ENOMEM. */
int site_callers(struct elf_image *img, uint64_t target, struct site_caller *ret, size_t max);

/* Without return probes: the cheapest place that is passed after a function has returned to back (of site_callee), while its
 * return value is still in its register (or, where it was positive, the count of bytes) and the stack pointer where the return
 * left it.  -ERANGE, -EIO as elf_image_code; -ENOEXEC: not decodable. */
int site_after(const struct elf_image *img, uint64_t back, bool nop5, struct site *ret);

#endif
