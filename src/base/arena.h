/* SPDX-License-Identifier: Apache-2.0 */
/* arena.h - memory that is released together: one per message. */
#ifndef LIMPID_BASE_ARENA_H
#define LIMPID_BASE_ARENA_H

#include "base/bytes.h"

struct arena;

/* max_bytes bounds everything the arena will ever hand out.  NULL: out of memory. */
struct arena *arena_new(size_t max_bytes);
/* Zeroed, aligned to 16.  NULL: over max_bytes or out of memory; arena_short then sticks. */
void *arena_alloc(struct arena *a, size_t n);
/* Grows the last allocation p of old bytes to n bytes in place where it can, else copies.
 * The new bytes are zero.  p may be NULL when old is 0.  NULL: as arena_alloc, p stays valid. */
void *arena_grow(struct arena *a, void *p, size_t old, size_t n);
char *arena_str(struct arena *a, struct slice s); /* NUL-terminated copy, or NULL */
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *arena_u64(struct arena *a, uint64_t v); /* in decimal, or NULL */
struct slice arena_copy(struct arena *a, struct slice s); /* empty when it does not fit */
bool arena_short(const struct arena *a);
/* From now on it hands out max_bytes more, and no more than that. */
void arena_limit(struct arena *a, size_t max_bytes);
/* What was handed out after the mark is released, and arena_short is as it was then.  A mark that was made after the
 * one gone back to is gone too. */
struct arena_mark {
	const void *block;
	size_t block_used, used;
	bool was_short;
};
struct arena_mark arena_mark(const struct arena *a);
void arena_rewind(struct arena *a, struct arena_mark to);
/* Another owner of a: what it holds now, and will, is released with the last one.  Returns a. */
struct arena *arena_share(struct arena *a);
size_t arena_used(const struct arena *a);
void arena_free(struct arena *a); /* a may be NULL */

#endif
