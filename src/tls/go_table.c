/* SPDX-License-Identifier: Apache-2.0 */
/* The table of functions (runtime/symtab.go, cmd/link/internal/ld/pcln.go) is one block with a header:
 *
 *	magic, 0, 0, size of the smallest instruction, size of a pointer		8 bytes
 *	number of functions, number of files						a word each
 *	where the code begins (1.18 to 1.25; 0 since)					a word
 *	offsets in the block: names, compilation units, files, counters, functions	a word each
 *
 * magic 0xfffffffa: 1.16 and 1.17; 0xfffffff0: 1.18 and 1.19; 0xfffffff1: since 1.20.  At `functions` is a list of pairs, the
 * function's address and the offset (from `functions`) of what is said of it, which begins with the address once more and
 * the offset of its name (from `names`).  Addresses are words in 1.16, then 4 bytes from where the code begins.
 *
 * Where the header does not say where that is, the runtime's module data does: it begins with the address of the block, and
 * goes on with those of the first and the last function as words 20 and 21.  In a position-independent program
 * words in the file may be 0, and only the loader's relocations have them.
 *
 * A program of 100 MB has 150,000 functions and 10 MB of names, so nothing is read twice: the names are searched for the
 * prefix, then the functions for those names.
 */
#include "tls/go_table.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tls/go_read.h"

#define MAX_FUNCS (1U << 24)
#define MAX_NAMES 256
#define MAX_TRIES 64 /* places that could be the module data */
#define MD_MINPC  20 /* words of the module data */
#define MD_WORDS  22

enum layout { GO_1_16, GO_1_18 };

struct table {
	const struct go_file *f;
	uint64_t off, addr, len; /* of the block; len: up to the end of its segment */
	enum layout layout;
	uint64_t nfunc, text, names, cus, funcs; /* offsets in the block */
};
struct named {
	uint32_t off; /* from table.names */
	char name[GO_NAME_MAX];
};
struct names {
	size_t n;
	struct named at[MAX_NAMES];
};

/* --- version ------------------------------------------------------------------------------------------ */

#define INFO_MAGIC "\xff Go buildinf:"
#define INFO_WORD  0x697562206f4720ff /* its first eight bytes */
#define INFO_ALIGN 16

struct info_search {
	const struct go_file *f;
	uint64_t off;
};

static bool take_info(void *ctx, uint64_t off)
{
	struct info_search *s = ctx;
	uint8_t head[sizeof(INFO_MAGIC) - 1];

	s->off = off;
	return off % INFO_ALIGN == 0 &&
	       s->f->read(s->f->ctx, off, head, sizeof(head)) == (long)sizeof(head) &&
	       memcmp(head, INFO_MAGIC, sizeof(head)) == 0;
}

static uint64_t find_info(struct go_window *w)
{
	const struct go_file *f = w->f;
	struct info_search s = { f, 0 };

	if (f->info_off)
		return take_info(&s, f->info_off) ? f->info_off : 0;
	for (size_t i = 0; i < f->nsegs; i++)
		if (f->seg[i].write && go_search_word(w, f->seg[i].off, f->seg[i].len, INFO_WORD,
						      UINT64_MAX, take_info, &s))
			return s.off;
	return 0;
}

/* The text of a version at file offset off, n bytes of it. */
static void take_version(struct go_window *w, uint64_t off, uint64_t n, char *ret, size_t size)
{
	struct slice s = n < size ? go_window_at(w, off, (size_t)n) : (struct slice){ 0 };

	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f)
			s.n = i; /* "go1.22.12 X:boringcrypto" */
	if (s.n == 0 || (!slice_starts(s, SLICE_LIT("go")) && !slice_starts(s, SLICE_LIT("devel"))))
		return;
	memcpy(ret, s.p, s.n);
	ret[s.n] = '\0';
}

/* Since 1.18 the text is in the block, before its length as a variable number of bytes; earlier there is the address of a
 * string's address and length. */
static void read_version(struct go_window *w, uint64_t info, char *ret, size_t size)
{
	struct slice head = go_window_at(w, info, 64);
	struct rd r = rd_init(head);
	const struct go_segment *s;
	uint64_t at, str;
	uint8_t flags;

	(void)rd_bytes(&r, 15);
	flags = rd_u8(&r);
	at = rd_le64(&r);
	if (r.short_read)
		return;
	if (flags & 2) {
		(void)rd_bytes(&r, 8);
		at = rd_u8(&r);
		if (at < 0x80) /* one byte: no version has 128 letters */
			take_version(w, info + 33, at, ret, size);
		return;
	}
	if (!at)
		at = go_word_at(w, go_segment_of_off(w->f, info)->addr + info + 16 -
					   go_segment_of_off(w->f, info)->off);
	str = go_word_at(w, at);
	s = go_segment_of_addr(w->f, str);
	if (s)
		take_version(w, str - s->addr + s->off, go_word_at(w, at + 8), ret, size);
}

int go_version(const struct go_file *f, char *ret, size_t size)
{
	struct go_window *w = malloc(sizeof(*w));
	uint64_t info;
	int err = 0;

	if (!w)
		return -ENOMEM;
	go_window_init(w, f);
	info = find_info(w);
	if (!info || !go_segment_of_off(f, info))
		err = -ENOENT;
	if (!err && size) {
		ret[0] = '\0';
		read_version(w, info, ret, size);
	}
	free(w);
	return err;
}

/* --- the table --------------------------------------------------------------------------------------- */

/* The first word, but for four bits of the magic. */
#if defined(__aarch64__)
#define QUANTUM 4ULL
#else
#define QUANTUM 1ULL
#endif
#define TABLE_WORD (8ULL << 56 | QUANTUM << 48 | 0xfffffff0)
#define TABLE_MASK 0xfffffffffffffff0
#define HEADER	   (8 + 8 * 8)

/* Fills *t from the header at file offset off.  False: none is there. */
static bool read_header(struct table *t, struct slice head, uint64_t off)
{
	const struct go_segment *s = go_segment_of_off(t->f, off);
	struct rd r = rd_init(head);
	uint64_t word = rd_le64(&r);
	uint8_t magic = (uint8_t)word;

	if (!s || (word & TABLE_MASK) != TABLE_WORD ||
	    (magic != 0xfa && magic != 0xf0 && magic != 0xf1))
		return false;
	t->off = off;
	t->addr = off - s->off + s->addr;
	t->len = s->len - (off - s->off);
	t->layout = magic == 0xfa ? GO_1_16 : GO_1_18;
	t->nfunc = rd_le64(&r);
	(void)rd_le64(&r); /* files */
	t->text = t->layout == GO_1_18 ? rd_le64(&r) : 0;
	t->names = rd_le64(&r);
	t->cus = rd_le64(&r);
	(void)rd_le64(&r); /* names of files */
	(void)rd_le64(&r); /* counters */
	t->funcs = rd_le64(&r);
	return !r.short_read && t->nfunc > 0 && t->nfunc < MAX_FUNCS && t->names < t->cus &&
	       t->cus < t->len && t->funcs < t->len && t->cus - t->names <= UINT32_MAX;
}

struct header_search {
	struct table *t;
	const struct go_file *f;
};

static bool try_header(void *ctx, uint64_t off)
{
	struct header_search *h = ctx;
	uint8_t head[HEADER];

	return h->f->read(h->f->ctx, off, head, HEADER) == HEADER &&
	       read_header(h->t, (struct slice){ head, HEADER }, off);
}

/* The table is among what is only read, or, in a position-independent program, among what is written once. */
static bool find_table(struct table *t, struct go_window *w)
{
	const struct go_file *f = t->f;
	struct header_search h = { t, f };

	if (f->table_off && try_header(&h, f->table_off))
		return true;
	for (int pass = 0; pass < 3; pass++)
		for (size_t i = 0; i < f->nsegs; i++) {
			const struct go_segment *s = &f->seg[i];

			if ((s->exec ? 2 : s->write) == pass &&
			    go_search_word(w, s->off, s->len, TABLE_WORD, TABLE_MASK, try_header,
					   &h))
				return true;
		}
	return false;
}

/* --- where the code begins --------------------------------------------------------------------------- */

struct pair {
	uint64_t pc, off;
};

/* Entry i of the list of functions; i may be nfunc: then pc is the end of the last one.  False: not in the file. */
static bool pair_at(const struct table *t, struct go_window *w, uint64_t i, struct pair *ret)
{
	size_t word = t->layout == GO_1_16 ? 8 : 4;
	uint64_t off = t->funcs + i * 2 * word;
	struct slice s;
	struct rd r;

	if (off + 2 * word > t->len)
		return false;
	s = go_window_at(w, t->off + off, i == t->nfunc ? word : 2 * word);
	r = rd_init(s);
	if (!s.n)
		return false;
	ret->pc = rd_le(&r, word);
	ret->off = i == t->nfunc ? 0 : rd_le(&r, word);
	return true;
}

/* addr is that of the module data: then it says so twice more. */
static bool text_by_module(struct table *t, struct go_window *w, uint64_t addr)
{
	struct pair first, end;
	uint64_t from, to;

	if (addr > UINT64_MAX - MD_WORDS * 8UL || !pair_at(t, w, 0, &first) ||
	    !pair_at(t, w, t->nfunc, &end))
		return false;
	from = go_word_at(w, addr + MD_MINPC * 8UL);
	to = go_word_at(w, addr + (MD_MINPC + 1) * 8UL);
	if (from < first.pc || to <= from || to - from != end.pc - first.pc ||
	    !go_is_code(t->f, from))
		return false;
	t->text = from - first.pc;
	return true;
}

struct module_search {
	struct table *t;
	struct go_window *side; /* the first one is being searched */
	unsigned tries;
};

static bool module_word(void *ctx, uint64_t off)
{
	struct module_search *m = ctx;
	const struct go_segment *s = go_segment_of_off(m->t->f, off);
	uint64_t addr = s ? off - s->off + s->addr : 0;

	if (!s)
		return false;
	return text_by_module(m->t, m->side, addr) || ++m->tries == MAX_TRIES;
}

static bool find_text(struct table *t, struct go_window *w, struct go_window *side)
{
	struct module_search m = { t, side, 0 };
	uint64_t module;
	struct pair first;

	if (!pair_at(t, w, 0, &first))
		return false;
	if (t->text && go_is_code(t->f, t->text + first.pc))
		return true;
	for (size_t i = 0; i < t->f->nsegs; i++)
		if (t->f->seg[i].write && go_search_word(w, t->f->seg[i].off, t->f->seg[i].len,
							 t->addr, UINT64_MAX, module_word, &m))
			return m.tries < MAX_TRIES;
	w->n = 0;
	module = go_rela_to(w, t->addr);
	return module && text_by_module(t, side, module);
}

/* --- functions ---------------------------------------------------------------------------------------- */

struct name_search {
	const struct table *t;
	bool (*want)(const char *name);
	struct names *names;
	bool full;
};

static bool take_name(void *ctx, uint64_t off)
{
	struct name_search *n = ctx;
	struct named *d = &n->names->at[n->names->n];
	const struct go_file *f = n->t->f;
	uint64_t from = n->t->off + n->t->names;
	long got;

	if (n->names->n == MAX_NAMES) {
		n->full = true;
		return true;
	}
	/* off is that of the NUL of the name before. */
	got = f->read(f->ctx, off + 1, d->name, GO_NAME_MAX);
	if (got <= 0 || !memchr(d->name, 0, (size_t)got) || !n->want(d->name))
		return false;
	d->off = (uint32_t)(off + 1 - from);
	n->names->n++;
	return false;
}

static int find_names(const struct table *t, struct go_window *w, const char *prefix,
		      bool (*want)(const char *name), struct names *ret)
{
	struct name_search n = { t, want, ret, false };
	uint8_t what[GO_NAME_MAX + 1] = { 0 };
	size_t len = strlen(prefix);

	if (len >= GO_NAME_MAX)
		return -EINVAL;
	(void)snprintf((char *)what + 1, GO_NAME_MAX, "%s", prefix);
	ret->n = 0;
	(void)go_search(w, t->off + t->names, t->cus - t->names, (struct slice){ what, len + 1 },
			take_name, &n);
	w->n = 0;
	return n.full ? -ENOSPC : 0;
}

static int by_offset(const void *a, const void *b)
{
	const struct named *x = a, *y = b;

	return x->off < y->off ? -1 : x->off > y->off;
}

static const struct named *find_named(const struct names *names, uint32_t off)
{
	struct named key = { .off = off };

	return bsearch(&key, names->at, names->n, sizeof(key), by_offset);
}

/* The address of the function that pair i tells of; 0: none. */
static uint64_t pc_of(const struct table *t, struct go_window *w, uint64_t i, const struct pair *p)
{
	if (t->layout == GO_1_18)
		return t->text + p->pc;
	return p->pc ? p->pc : go_word_at(w, t->addr + t->funcs + i * 16);
}

static bool take_func(const struct table *t, struct go_window *w, uint64_t i, const struct named *d,
		      struct go_func *ret)
{
	struct pair p, next;
	uint64_t from, to;

	if (!pair_at(t, w, i, &p) || !pair_at(t, w, i + 1, &next))
		return false;
	from = pc_of(t, w, i, &p);
	to = pc_of(t, w, i + 1, &next);
	if (to <= from || !go_is_code(t->f, from) || !go_is_code(t->f, to - 1))
		return false;
	(void)snprintf(ret->name, sizeof(ret->name), "%s", d->name);
	ret->addr = from;
	ret->size = to - from;
	return true;
}

static int find_funcs(const struct table *t, struct go_window *w, struct go_window *side,
		      const struct names *names, struct go_func *ret, size_t max)
{
	size_t name_at = t->layout == GO_1_16 ? 8 : 4, found = 0;

	for (uint64_t i = 0; i < t->nfunc; i++) {
		const struct named *d;
		struct slice s;
		struct pair p;
		struct rd r;

		if (!pair_at(t, w, i, &p) || p.off > t->len - t->funcs)
			return -EBADMSG;
		s = go_window_at(side, t->off + t->funcs + p.off + name_at, 4);
		r = rd_init(s);
		d = s.n ? find_named(names, rd_le32(&r)) : NULL;
		if (!s.n)
			return -EBADMSG;
		if (!d)
			continue;
		if (found == max)
			return -ENOSPC;
		if (!take_func(t, w, i, d, &ret[found++]))
			return -EBADMSG;
	}
	return (int)found;
}

int go_functions(const struct go_file *f, const char *prefix, bool (*want)(const char *name),
		 struct go_func *ret, size_t max)
{
	struct go_window *w = malloc(sizeof(*w)), *side = malloc(sizeof(*side));
	struct names *names = malloc(sizeof(*names));
	struct table t = { .f = f };
	int err = -ENOMEM;

	if (!w || !side || !names)
		goto out;
	go_window_init(w, f);
	go_window_init(side, f);
	err = -ENOENT;
	if (!find_table(&t, w))
		goto out;
	err = find_names(&t, w, prefix, want, names);
	if (err || names->n == 0)
		goto out;
	qsort(names->at, names->n, sizeof(names->at[0]), by_offset);
	err = -ENOTSUP;
	if (t.layout == GO_1_16 || find_text(&t, w, side))
		err = find_funcs(&t, w, side, names, ret, max);
out:
	free(names);
	free(side);
	free(w);
	return err;
}
