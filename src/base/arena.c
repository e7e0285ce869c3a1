/* SPDX-License-Identifier: Apache-2.0 */
/* The first block lies in the arena itself: a small message costs one allocation, of the size that is kept (spare.h).  Further blocks double in size up to 256 KiB; an allocation larger than that
 * gets a block of its own, which arena_grow can extend in place with realloc: that is how a body of unknown length grows. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/spare.h"

#define ALIGN 16
#define SECOND_BLOCK 2048
#define LARGE_BLOCK (256 * 1024)

struct block {
	struct block *next;
	size_t used, cap;
	_Alignas(ALIGN) uint8_t data[];
};

struct arena {
	struct block *blocks; /* the newest first; the last one is first */
	size_t used, max;
	size_t next_cap;
	unsigned more_owners;
	bool failed;
	struct block first;
};

struct arena *arena_new(size_t max_bytes)
{
	struct arena *a = spare_get();

	if (!a)
		return NULL;
	a->blocks = &a->first;
	a->used = 0;
	a->max = max_bytes;
	a->next_cap = SECOND_BLOCK;
	a->more_owners = 0;
	a->failed = false;
	a->first.next = NULL;
	a->first.used = 0;
	a->first.cap = SPARE_BYTES - offsetof(struct arena, first.data);
	return a;
}

static size_t round_up(size_t n)
{
	return (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

static struct block *add_block(struct arena *a, size_t n)
{
	size_t cap = n > a->next_cap ? n : a->next_cap;
	struct block *b = malloc(sizeof(*b) + cap);

	if (!b)
		return NULL;
	b->next = a->blocks;
	b->used = 0;
	b->cap = cap;
	a->blocks = b;
	if (a->next_cap < LARGE_BLOCK)
		a->next_cap *= 2;
	return b;
}

/* As arena_alloc, but what the memory holds is not said. */
static void *take(struct arena *a, size_t n)
{
	struct block *b = a->blocks;
	void *p;

	if (n > a->max || a->used > a->max - n) {
		a->failed = true;
		return NULL;
	}
	n = round_up(n ? n : 1);
	if (b->cap - b->used < n)
		b = add_block(a, n);
	if (!b) {
		a->failed = true;
		return NULL;
	}
	p = b->data + b->used;
	b->used += n;
	a->used += n;
	return p;
}

void *arena_alloc(struct arena *a, size_t n)
{
	void *p = take(a, n);

	if (p)
		memset(p, 0, n);
	return p;
}

/* Extends p where it lies.  NULL: it has to move. */
static void *grow_in_place(struct arena *a, uint8_t *p, size_t old, size_t n)
{
	struct block *b = a->blocks;
	size_t at;

	if (p < b->data || p >= b->data + b->used)
		return NULL;
	at = (size_t)(p - b->data);
	if (at + round_up(old) != b->used)
		return NULL;
	if (b->cap - at < n) {
		struct block *bigger;
		size_t cap = n + n / 2;

		if (at != 0 || b == &a->first)
			return NULL;
		bigger = realloc(b, sizeof(*b) + cap);
		if (!bigger)
			return NULL;
		bigger->cap = cap;
		a->blocks = b = bigger;
	}
	memset(b->data + at + old, 0, n - old);
	b->used = at + n;
	return b->data + at;
}

void *arena_grow(struct arena *a, void *p, size_t old, size_t n)
{
	void *q;

	if (!p || old == 0)
		return arena_alloc(a, n);
	if (n <= old)
		return p;
	if (n > a->max || n - old > a->max - (a->used > a->max ? a->max : a->used)) {
		a->failed = true;
		return NULL;
	}
	q = grow_in_place(a, p, old, round_up(n));
	if (q) {
		a->used += round_up(n) - round_up(old);
		return q;
	}
	q = take(a, n);
	if (q) {
		memcpy(q, p, old);
		memset((uint8_t *)q + old, 0, n - old);
	}
	return q;
}

char *arena_str(struct arena *a, struct slice s)
{
	char *p = s.n == SIZE_MAX ? NULL : take(a, s.n + 1);

	if (!p)
		return NULL;
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	return p;
}

/* Written at once where it usually has room, behind what was handed out. */
char *arena_printf(struct arena *a, const char *fmt, ...)
{
	struct block *b = a->blocks;
	size_t room = b->cap - b->used;
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf((char *)b->data + b->used, room, fmt, ap);
	va_end(ap);
	if (n < 0 || !(p = take(a, (size_t)n + 1)))
		return NULL;
	if ((size_t)n < room)
		return p;
	va_start(ap, fmt);
	(void)vsnprintf(p, (size_t)n + 1, fmt, ap); /* measured above */
	va_end(ap);
	return p;
}

char *arena_u64(struct arena *a, uint64_t v)
{
	char text[20];
	size_t at = sizeof(text);

	do {
		text[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	return arena_str(a, (struct slice){ (const uint8_t *)text + at, sizeof(text) - at });
}

struct slice arena_copy(struct arena *a, struct slice s)
{
	uint8_t *p = s.n ? take(a, s.n) : NULL;

	if (!p)
		return (struct slice){ 0 };
	memcpy(p, s.p, s.n);
	return (struct slice){ p, s.n };
}

bool arena_short(const struct arena *a)
{
	return a->failed;
}

void arena_limit(struct arena *a, size_t max_bytes)
{
	a->max = a->used < SIZE_MAX - max_bytes ? a->used + max_bytes : SIZE_MAX;
}

struct arena_mark arena_mark(const struct arena *a)
{
	return (struct arena_mark){ a->blocks, a->blocks->used, a->used, a->failed };
}

/* Frees the blocks that are newer than until. */
static void drop_blocks(struct arena *a, const struct block *until)
{
	while (a->blocks != until && a->blocks != &a->first) {
		struct block *b = a->blocks;

		a->blocks = b->next;
		free(b);
	}
}

void arena_rewind(struct arena *a, struct arena_mark to)
{
	drop_blocks(a, to.block);
	a->blocks->used = to.block_used;
	a->used = to.used;
	a->failed = to.was_short;
}

size_t arena_used(const struct arena *a)
{
	return a->used;
}

struct arena *arena_share(struct arena *a)
{
	a->more_owners++;
	return a;
}

void arena_free(struct arena *a)
{
	if (!a)
		return;
	if (a->more_owners > 0) {
		a->more_owners--;
		return;
	}
	drop_blocks(a, &a->first);
	spare_put(a);
}
