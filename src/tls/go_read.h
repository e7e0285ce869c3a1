/* SPDX-License-Identifier: Apache-2.0 */
/* go_read.h - a Go program's file, read in pieces.  A part of go_table.c. */
#ifndef LIMPID_TLS_GO_READ_H
#define LIMPID_TLS_GO_READ_H

#include "base/bytes.h"
#include "tls/go_table.h"

#define GO_WINDOW (256 * 1024) /* bytes read at a time */

struct go_window { /* a part of the file */
	const struct go_file *f;
	uint64_t off;
	size_t n;
	uint8_t buf[GO_WINDOW];
};
void go_window_init(struct go_window *w, const struct go_file *f); /* f is borrowed */
/* The n (at most GO_WINDOW) bytes at off, until the next call on w; empty: the file has fewer. */
struct slice go_window_at(struct go_window *w, uint64_t off, size_t n);

/* The segment that has the offset of the file, or the address; NULL: none. */
const struct go_segment *go_segment_of_off(const struct go_file *f, uint64_t off);
const struct go_segment *go_segment_of_addr(const struct go_file *f, uint64_t addr);
bool go_is_code(const struct go_file *f, uint64_t addr);

/* The word that a running program has at addr, before it is moved: that of the file, or of a relocation.  0: none. */
uint64_t go_word_at(struct go_window *w, uint64_t addr);
/* Where the first relocation to addr is; 0: there is none. */
uint64_t go_rela_to(struct go_window *w, uint64_t addr);

typedef bool (*go_hit_fn)(void *ctx, uint64_t off);
/* Calls fn with each place of what in [off, off + len) of the file until it returns true.  fn must leave w alone. */
bool go_search(struct go_window *w, uint64_t off, uint64_t len, struct slice what, go_hit_fn fn,
	       void *ctx);
/* The same of words at multiples of 8 that are `word` in the bits of mask: many times faster. */
bool go_search_word(struct go_window *w, uint64_t off, uint64_t len, uint64_t word, uint64_t mask,
		    go_hit_fn fn, void *ctx);

#endif
