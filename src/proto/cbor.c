/* SPDX-License-Identifier: Apache-2.0 */
/* CBOR (RFC 8949).  Three bits of the first byte say what follows, five how large it is, or that its end is marked. */
#include "proto/binary_body.h"

#include <inttypes.h>
#include <math.h>

#include "proto/binary_json.h"

enum { UNSIGNED, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE };
#define OPEN	    31	  /* of the five bits: an end is marked; of SIMPLE: it is that mark */
#define SELF_TAG    55799 /* "this is CBOR" (3.4.6) */
#define CHUNKS_MAX  4096

static void one(struct binjson *b);

/* The mark that ends what has no number. */
static bool ends(struct binjson *b)
{
	struct rd ahead = b->r;

	if (rd_left(&ahead) == 0) {
		binjson_short(b);
		return true;
	}
	if (rd_u8(&ahead) != 0xff)
		return false;
	b->r = ahead;
	return true;
}

static uint64_t argument(struct binjson *b, unsigned low)
{
	uint64_t v;

	if (low < 24)
		return low;
	if (low > 27) {
		b->bad = true;
		return 0;
	}
	v = rd_be(&b->r, (size_t)1 << (low - 24));
	if (b->r.short_read)
		binjson_short(b);
	return v;
}

/* A string in chunks of one kind (3.2.3), joined. */
static void chunks(struct binjson *b, unsigned kind)
{
	struct buf all = { 0 };

	for (unsigned n = 0; !b->bad && !b->cut && !ends(b); n++) {
		unsigned head = rd_u8(&b->r);

		if (head >> 5 != kind || (head & 31) == OPEN || n == CHUNKS_MAX)
			b->bad = true;
		else
			buf_put(&all, binjson_take(b, argument(b, head & 31)));
	}
	if (kind == TEXT)
		binjson_text(b, buf_slice(&all));
	else
		binjson_bytes(b, buf_slice(&all));
	b->w.failed |= all.failed;
	buf_release(&all);
}

static void string(struct binjson *b, unsigned kind, unsigned low)
{
	struct slice s;

	if (low == OPEN) {
		chunks(b, kind);
		return;
	}
	s = binjson_take(b, argument(b, low));
	if (kind == TEXT)
		binjson_text(b, s);
	else
		binjson_bytes(b, s);
}

static void negative(struct binjson *b, uint64_t v)
{
	if (v <= INT64_MAX)
		pbjson_signed(&b->w, -1 - (int64_t)v);
	else if (v == UINT64_MAX)
		buf_puts(b->w.out, "\"-18446744073709551616\"");
	else
		buf_printf(b->w.out, "\"-%" PRIu64 "\"", v + 1);
}

/* Half precision (IEEE 754): RFC 8949, appendix D. */
static void half(struct binjson *b, unsigned bits)
{
	unsigned exponent = bits >> 10 & 31, fraction = bits & 1023;
	double v = exponent == 0    ? ldexp(fraction, -24)
		   : exponent == 31 ? (fraction ? NAN : INFINITY)
				    : ldexp(fraction + 1024, (int)exponent - 25);
	uint64_t raw;

	v = bits & 0x8000 ? -v : v;
	memcpy(&raw, &v, sizeof(raw));
	pbjson_double(&b->w, raw);
}

static void simple(struct binjson *b, unsigned low)
{
	uint64_t v = argument(b, low);

	if (low == 25)
		half(b, (unsigned)v);
	else if (low == 26)
		pbjson_float(&b->w, v);
	else if (low == 27)
		pbjson_double(&b->w, v);
	else if (v == 20 || v == 21)
		buf_puts(b->w.out, v == 21 ? "true" : "false");
	else if (v == 22)
		buf_puts(b->w.out, "null");
	else
		buf_printf(b->w.out, v == 23 ? "{\"simple\":\"undefined\"}" : "{\"simple\":%" PRIu64 "}", v);
}

static void tagged(struct binjson *b, uint64_t tag)
{
	if (tag == SELF_TAG || tag == 0) { /* 0: text that is a date says so by itself */
		b->w.depth++; /* of tags on tags no bytes of output bound the depth */
		if (b->w.depth < JSON_DEPTH_MAX)
			one(b);
		else
			b->bad = true;
		b->w.depth--;
		return;
	}
	buf_printf(b->w.out, "{\"tag\":%" PRIu64 ",\"value\":", tag);
	b->w.depth++;
	if (b->w.depth < JSON_DEPTH_MAX) {
		one(b);
	} else {
		b->bad = true;
		buf_puts(b->w.out, "null");
	}
	b->w.depth--;
	buf_puts(b->w.out, "}");
}

static void one(struct binjson *b)
{
	unsigned head, kind, low;

	if (!binjson_begin(b))
		return;
	head = rd_u8(&b->r);
	kind = head >> 5;
	low = head & 31;
	if (low == OPEN && kind != ARRAY && kind != MAP && kind != BYTES && kind != TEXT)
		b->bad = true;
	else if (kind == UNSIGNED)
		pbjson_unsigned(&b->w, argument(b, low));
	else if (kind == NEGATIVE)
		negative(b, argument(b, low));
	else if (kind == BYTES || kind == TEXT)
		string(b, kind, low);
	else if (kind == ARRAY)
		binjson_array(b, low == OPEN ? 0 : argument(b, low), low == OPEN ? ends : NULL, one);
	else if (kind == MAP)
		binjson_map(b, low == OPEN ? 0 : argument(b, low), low == OPEN ? ends : NULL, one);
	else if (kind == TAG)
		tagged(b, argument(b, low));
	else
		simple(b, low);
}

bool cbor_json(struct buf *out, struct slice in, bool partial)
{
	return binjson_all(out, in, partial, one);
}
