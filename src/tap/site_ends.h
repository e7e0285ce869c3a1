/* SPDX-License-Identifier: Apache-2.0 */
/* site_ends.h - all places where calls of a function end, for where return probes are not safe; and functions that only lead to
 * another one. */
#ifndef LIMPID_TAP_SITE_ENDS_H
#define LIMPID_TAP_SITE_ENDS_H

#include "tap/sites.h"

/* Each `ret` of the function at func, of its cold parts, and of the functions of the same file to which it jumps in the end, at most max of
 * them: how many.  A call of one of those from elsewhere passes them on another stack.
 * -ENOTSUP: there are calls that end elsewhere, in another file or behind a pointer; -ENOSPC: more than max; -ENOEXEC: not decodable;
 * -ERANGE, -EIO as elf_image_code; -ENOENT, -EBADMSG as elf_frame_at. */
int site_ends(struct elf_image *img, uint64_t func, struct site *ret, size_t max);

/* The function of the same file to which the one at func jumps, without a branch, with its first three arguments unchanged and
 * the stack as it was.  0: none. */
uint64_t site_forwards(struct elf_image *img, uint64_t func);

#endif
