/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/binary_json.h"

#define NAME_MAX_BYTES 256

/* What was written from `from` on becomes one string, if it is none.  A long one is left out: maps as names of maps would double their
 * escapes at each level. */
static void as_name(struct binjson *b, size_t from)
{
	struct buf *out = b->w.out, text = { 0 };

	if (out->failed || out->n == from || out->p[from] == '"')
		return;
	if (out->n - from <= NAME_MAX_BYTES)
		buf_put(&text, slice_cut(buf_slice(out), from, out->n));
	else
		buf_puts(&text, JSON_MORE);
	out->n = from;
	buf_put_json_str(out, buf_slice(&text));
	out->failed |= text.failed;
	buf_release(&text);
}

bool binjson_begin(struct binjson *b)
{
	if (!b->bad && !b->cut && pbjson_full(&b->w))
		b->cut = true;
	if (!b->bad && !b->cut && rd_left(&b->r) == 0)
		binjson_short(b);
	if (b->bad || b->cut)
		buf_puts(b->w.out, "\"" JSON_MORE "\"");
	return !b->bad && !b->cut;
}

void binjson_short(struct binjson *b)
{
	if (b->partial)
		b->cut = true;
	else
		b->bad = true;
}

struct slice binjson_take(struct binjson *b, uint64_t n)
{
	size_t left = rd_left(&b->r);

	if (n > left)
		binjson_short(b);
	return rd_bytes(&b->r, n > left ? left : (size_t)n);
}

void binjson_bytes(struct binjson *b, struct slice s)
{
	buf_puts(b->w.out, "{\"base64\":");
	pbjson_base64(&b->w, s);
	buf_puts(b->w.out, "}");
}

void binjson_text(struct binjson *b, struct slice s)
{
	if (slice_is_utf8(s) || b->cut) /* cut: perhaps in the middle of a character, which becomes U+FFFD */
		pbjson_text(&b->w, s);
	else
		binjson_bytes(b, s);
}

static bool descend(struct binjson *b)
{
	if (b->w.depth + 1 >= JSON_DEPTH_MAX) {
		b->bad = true; /* nobody means that; and what follows could not be found without going down */
		buf_puts(b->w.out, "\"" JSON_MORE "\"");
		return false;
	}
	b->w.depth++;
	return true;
}

void binjson_array(struct binjson *b, uint64_t n, bool (*ends)(struct binjson *), binjson_fn value)
{
	if (!descend(b))
		return;
	buf_puts(b->w.out, "[");
	for (uint64_t i = 0; (ends ? !ends(b) : i < n) && !b->bad && !b->cut; i++) {
		buf_puts(b->w.out, i ? "," : "");
		value(b);
	}
	buf_puts(b->w.out, "]");
	b->w.depth--;
}

void binjson_map(struct binjson *b, uint64_t n, bool (*ends)(struct binjson *), binjson_fn value)
{
	if (!descend(b))
		return;
	buf_puts(b->w.out, "{");
	for (uint64_t i = 0; (ends ? !ends(b) : i < n) && !b->bad && !b->cut; i++) {
		size_t from;

		buf_puts(b->w.out, i ? "," : "");
		from = b->w.out->n;
		value(b);
		as_name(b, from);
		buf_puts(b->w.out, ":");
		if (b->bad || b->cut)
			buf_puts(b->w.out, "null");
		else
			value(b);
	}
	buf_puts(b->w.out, "}");
	b->w.depth--;
}

bool binjson_all(struct buf *out, struct slice in, bool partial, binjson_fn value)
{
	struct binjson b = { .w = { .out = out, .from = out->n }, .r = rd_init(in), .partial = partial };
	size_t from = out->n, n = 0;

	if (in.n == 0)
		return false;
	buf_puts(out, "[");
	while (rd_left(&b.r) > 0 && !b.bad && !b.cut) {
		buf_puts(out, n++ ? "," : "");
		value(&b);
	}
	buf_puts(out, "]");
	if (b.bad || out->failed) {
		out->n = from;
		return false;
	}
	if (n == 1) { /* the usual case: no list around it */
		memmove(out->p + from, out->p + from + 1, out->n - from - 2);
		out->n -= 2;
	}
	return true;
}
