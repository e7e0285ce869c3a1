/* SPDX-License-Identifier: Apache-2.0 */
/* elf_frames.h - where functions begin and end, from the tables for unwinding the stack, which stripping leaves. */
#ifndef LIMPID_TAP_ELF_FRAMES_H
#define LIMPID_TAP_ELF_FRAMES_H

#include "tap/elf.h"

struct elf_frame {
	uint64_t addr, size; /* of code that is one piece: a function, or the cold part of one */
};

/* The piece that holds addr.  0; -ENOENT: no table (.eh_frame_hdr), or nothing there; -EBADMSG: the table contradicts itself, or is of a
 * form that compilers for this machine do not write; -EIO. */
int elf_frame_at(struct elf_image *img, uint64_t addr, struct elf_frame *ret);

#endif
