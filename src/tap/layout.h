/* SPDX-License-Identifier: Apache-2.0 */
/* layout.h - where in a library's connection object the client's random and the side are.
 *
 * The library has functions that tell them; what these read from their first argument is read off their code, so
 * nothing is assumed of any version.  A wrong answer does no harm: 32 random bytes that went through a socket are
 * not found at a wrong place (bpf/hello.bpf.h).
 */
#ifndef LIMPID_TAP_LAYOUT_H
#define LIMPID_TAP_LAYOUT_H

#include "event.h"
#include "tap/elf.h"
#include "tls/tls.h"

/* Finds them by the functions that row names.  0; -ENOENT: row names none, the file has none, or they read in a way that is not
 * understood; *ret is then all zero.  A side that is not found alone is no failure. */
int layout_find(struct elf_image *img, const struct tls_lib *row, struct ev_tls_layout *ret);

#endif
