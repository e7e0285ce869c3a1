/* SPDX-License-Identifier: Apache-2.0 */
/* MessagePack (github.com/msgpack/msgpack, spec.md).  The first byte says what follows; everything is big-endian. */
#include "proto/binary_body.h"

#include "flow/time.h"
#include "proto/binary_json.h"

static void one(struct binjson *b);

/* Extension -1: 4 bytes of seconds; 8 of nanoseconds (30 bits) and seconds (34); 12 of nanoseconds and signed seconds.  False: not
 * from 1970 to 2262. */
static bool timestamp(struct binjson *b, struct slice s)
{
	struct rd r = rd_init(s);
	uint64_t seconds, ns = 0;
	char text[FLOW_TIME_MAX];

	if (s.n == 12)
		ns = rd_be32(&r);
	seconds = s.n == 4 ? rd_be32(&r) : rd_be64(&r);
	if (s.n == 8) {
		ns = seconds >> 34;
		seconds &= ((uint64_t)1 << 34) - 1;
	}
	if ((s.n != 4 && s.n != 8 && s.n != 12) || ns > 999999999 || seconds >= INT64_MAX / 1000000000 ||
	    !flow_time_format((int64_t)(seconds * 1000000000 + ns), 9, text))
		return false;
	buf_printf(b->w.out, "\"%s\"", text);
	return true;
}

static void extension(struct binjson *b, uint64_t n)
{
	int type = rd_u8(&b->r);
	struct slice s = binjson_take(b, n);

	if (b->r.short_read)
		binjson_short(b);
	if (type > 127)
		type -= 256; /* a signed byte */
	if (type == -1 && s.n == n && timestamp(b, s))
		return;
	buf_printf(b->w.out, "{\"ext\":%d,\"base64\":", type);
	pbjson_base64(&b->w, s);
	buf_puts(b->w.out, "}");
}

static void integer(struct binjson *b, unsigned kind)
{
	static const unsigned spare[4] = { 56, 48, 32, 0 }; /* bits that the bytes leave of 64 */
	unsigned up = spare[kind & 3];
	uint64_t v = rd_be(&b->r, (size_t)1 << (kind & 3));

	if (b->r.short_read)
		binjson_short(b);
	if (kind < 0xd0)
		pbjson_unsigned(&b->w, v);
	else /* the sign of fewer bytes is carried up */
		pbjson_signed(&b->w, (int64_t)(v << up) >> up);
}

/* The length of 2^shift bytes that comes first. */
static uint64_t length(struct binjson *b, unsigned shift)
{
	uint64_t n = rd_be(&b->r, (size_t)1 << shift);

	if (b->r.short_read)
		binjson_short(b);
	return n;
}

static void sized(struct binjson *b, unsigned kind)
{
	if (kind <= 0xc6)
		binjson_bytes(b, binjson_take(b, length(b, kind - 0xc4)));
	else if (kind <= 0xc9)
		extension(b, length(b, kind - 0xc7));
	else if (kind == 0xca)
		pbjson_float(&b->w, length(b, 2));
	else if (kind == 0xcb)
		pbjson_double(&b->w, length(b, 3));
	else if (kind <= 0xd3)
		integer(b, kind);
	else if (kind <= 0xd8)
		extension(b, (uint64_t)1 << (kind - 0xd4));
	else if (kind <= 0xdb)
		binjson_text(b, binjson_take(b, length(b, kind - 0xd9)));
	else if (kind <= 0xdd)
		binjson_array(b, length(b, kind - 0xdc + 1), NULL, one);
	else
		binjson_map(b, length(b, kind - 0xde + 1), NULL, one);
}

static void one(struct binjson *b)
{
	unsigned kind;

	if (!binjson_begin(b))
		return;
	kind = rd_u8(&b->r);
	if (kind <= 0x7f)
		pbjson_unsigned(&b->w, kind);
	else if (kind <= 0x8f)
		binjson_map(b, kind & 15, NULL, one);
	else if (kind <= 0x9f)
		binjson_array(b, kind & 15, NULL, one);
	else if (kind <= 0xbf)
		binjson_text(b, binjson_take(b, kind & 31));
	else if (kind == 0xc0)
		buf_puts(b->w.out, "null");
	else if (kind == 0xc1) { /* never used */
		b->bad = true;
	} else if (kind <= 0xc3)
		buf_puts(b->w.out, kind == 0xc3 ? "true" : "false");
	else if (kind >= 0xe0)
		pbjson_signed(&b->w, (int8_t)kind);
	else
		sized(b, kind);
}

bool msgpack_json(struct buf *out, struct slice in, bool partial)
{
	return binjson_all(out, in, partial, one);
}
