/* SPDX-License-Identifier: Apache-2.0 */
#include "tls/go_read.h"

#define MAX_SCAN (4ULL << 30) /* bytes searched of a file */
#define MAX_RELA \
	(128U << 20) /* bytes of relocations looked at; 100 MB of program have 20 MB of them */

void go_window_init(struct go_window *w, const struct go_file *f)
{
	w->f = f;
	w->off = 0;
	w->n = 0;
}

struct slice go_window_at(struct go_window *w, uint64_t off, size_t n)
{
	long got;

	if (off >= w->off && n <= w->n && off - w->off <= w->n - n)
		return (struct slice){ w->buf + (off - w->off), n };
	w->n = 0;
	if (n > GO_WINDOW || off > INT64_MAX)
		return (struct slice){ 0 };
	got = w->f->read(w->f->ctx, off, w->buf, GO_WINDOW);
	if (got < 0 || (size_t)got < n)
		return (struct slice){ 0 };
	w->off = off;
	w->n = (size_t)got;
	return (struct slice){ w->buf, n };
}

const struct go_segment *go_segment_of_off(const struct go_file *f, uint64_t off)
{
	for (size_t i = 0; i < f->nsegs; i++)
		if (off >= f->seg[i].off && off - f->seg[i].off < f->seg[i].len)
			return &f->seg[i];
	return NULL;
}

const struct go_segment *go_segment_of_addr(const struct go_file *f, uint64_t addr)
{
	for (size_t i = 0; i < f->nsegs; i++)
		if (addr >= f->seg[i].addr && addr - f->seg[i].addr < f->seg[i].len)
			return &f->seg[i];
	return NULL;
}

bool go_is_code(const struct go_file *f, uint64_t addr)
{
	const struct go_segment *s = go_segment_of_addr(f, addr);

	return s && s->exec;
}

/* --- words ------------------------------------------------------------------------------------------ */

/* Calls fn for each relocation until it returns true. */
static bool each_rela(struct go_window *w, bool (*fn)(void *ctx, uint64_t at, uint64_t addend),
		      void *ctx)
{
	enum { RELA = 24 };
	const struct go_file *f = w->f;

	for (uint64_t i = 0; i + RELA <= f->rela_len && i < MAX_RELA; i += RELA) {
		struct slice s = go_window_at(w, f->rela_off + i, RELA);
		struct rd r = rd_init(s);
		uint64_t at = rd_le64(&r);

		if (!s.n)
			return false;
		(void)rd_le64(&r); /* the kind: only one gives data an addend and no symbol */
		if (fn(ctx, at, rd_le64(&r)))
			return true;
	}
	return false;
}

struct wanted {
	uint64_t key, found;
};

static bool rela_at(void *ctx, uint64_t at, uint64_t addend)
{
	struct wanted *x = ctx;

	x->found = addend;
	return at == x->key;
}

static bool rela_of(void *ctx, uint64_t at, uint64_t addend)
{
	struct wanted *x = ctx;

	x->found = at;
	return addend == x->key;
}

uint64_t go_word_at(struct go_window *w, uint64_t addr)
{
	const struct go_segment *s = go_segment_of_addr(w->f, addr);
	struct wanted x = { .key = addr };
	uint8_t raw[8];
	struct rd r = rd_init((struct slice){ raw, sizeof(raw) });
	uint64_t v;

	if (!s || w->f->read(w->f->ctx, addr - s->addr + s->off, raw, 8) != 8)
		return 0;
	v = rd_le64(&r);
	if (v)
		return v;
	return each_rela(w, rela_at, &x) ? x.found : 0;
}

/* --- searching ---------------------------------------------------------------------------------------- */

bool go_search(struct go_window *w, uint64_t off, uint64_t len, struct slice what, go_hit_fn fn,
	       void *ctx)
{
	uint64_t end = len > MAX_SCAN ? off + MAX_SCAN : off + len;

	while (off + what.n <= end) {
		size_t n = end - off < GO_WINDOW ? (size_t)(end - off) : GO_WINDOW;
		struct slice s;
		long got = w->f->read(w->f->ctx, off, w->buf, n);

		w->off = off;
		w->n = got > 0 ? (size_t)got : 0;
		if (w->n < what.n)
			return false;
		s = (struct slice){ w->buf, w->n };
		for (size_t at = 0; (at = slice_find(s, what, at)) < s.n; at++)
			if (fn(ctx, off + at)) /* may move the window: then it says true */
				return true;
		off += w->n - what.n + 1;
	}
	return false;
}

bool go_search_word(struct go_window *w, uint64_t off, uint64_t len, uint64_t word, uint64_t mask,
		    go_hit_fn fn, void *ctx)
{
	uint64_t end = len > MAX_SCAN ? off + MAX_SCAN : off + len;

	for (off = (off + 7) & ~7ULL; off + 8 <= end; off += GO_WINDOW) {
		size_t n = end - off < GO_WINDOW ? (size_t)(end - off) : GO_WINDOW;
		long got = w->f->read(w->f->ctx, off, w->buf, n);

		w->off = off;
		w->n = got > 0 ? (size_t)got : 0;
		for (size_t at = 0; at + 8 <= w->n; at += 8) {
			uint64_t v;

			memcpy(&v, w->buf + at, sizeof(v)); /* both machines are little-endian */
			if ((v & mask) == word && fn(ctx, off + at))
				return true;
		}
		if (w->n < n)
			break;
	}
	return false;
}

uint64_t go_rela_to(struct go_window *w, uint64_t addr)
{
	struct wanted x = { .key = addr };

	return each_rela(w, rela_of, &x) ? x.found : 0;
}
