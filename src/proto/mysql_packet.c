/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/mysql_packet.h"

#define KEEP_BYTES 4096 /* of memory, between two packets */

static void header(struct my_reader *r)
{
	r->left = (uint32_t)r->head[0] | (uint32_t)r->head[1] << 8 | (uint32_t)r->head[2] << 16;
	r->seq = r->head[3];
	if (!r->joined) {
		r->first = r->left;
		r->first_seq = r->seq;
	}
}

static void keep(struct my_reader *r, struct slice s)
{
	size_t room = r->cap > r->kept.n ? r->cap - r->kept.n : 0;

	if (r->hole || r->kept.failed)
		return;
	buf_put(&r->kept, slice_cut(s, 0, room));
}

enum my_take my_packet_take(struct my_reader *r, struct slice in, size_t *ret_used,
			    struct slice *ret)
{
	size_t used = 0, n;

	*ret_used = 0;
	if (r->nhead < 4) {
		while (r->nhead < 4 && used < in.n)
			r->head[r->nhead++] = in.p[used++];
		*ret_used = used;
		if (r->nhead < 4)
			return MY_TAKE_MORE;
		header(r);
		return MY_TAKE_HEAD;
	}
	n = in.n < r->left ? in.n : r->left;
	/* What is here in one piece is not copied. */
	if (n == r->left && !r->joined && r->len == 0 && r->first < MY_PACKET_MAX) {
		*ret = slice_cut(in, 0, n < r->cap ? n : r->cap);
	} else {
		keep(r, slice_cut(in, 0, n));
		*ret = buf_slice(&r->kept);
	}
	r->len += n;
	r->left -= (uint32_t)n;
	*ret_used = n;
	if (r->left > 0)
		return MY_TAKE_MORE;
	if (r->head[0] == 0xff && r->head[1] == 0xff && r->head[2] == 0xff) {
		r->joined = true; /* an empty one follows when there is no more */
		r->nhead = 0;
		return MY_TAKE_MORE;
	}
	return MY_TAKE_WHOLE;
}

void my_packet_next(struct my_reader *r)
{
	struct buf kept = r->kept;

	if (kept.cap > KEEP_BYTES)
		buf_release(&kept);
	buf_clear(&kept);
	*r = (struct my_reader){ .kept = kept, .astray = r->astray };
}

bool my_packet_lost(struct my_reader *r, uint64_t n)
{
	if (n > my_packet_unkept(r) && (r->nhead < 4 || n >= r->left || r->len == 0))
		return false; /* else the last byte is waited for */
	if (!r->hole)
		r->spare = true;
	r->spare &= r->kept.n >= r->cap;
	r->hole = true;
	r->len += n;
	r->left -= (uint32_t)n;
	return true;
}

uint64_t my_packet_unkept(const struct my_reader *r)
{
	return r->nhead == 4 && r->len > 0 && (r->hole || r->kept.n >= r->cap) ? r->left : 0;
}

uint64_t my_lenenc(struct rd *r)
{
	uint8_t c = rd_u8(r);

	switch (c) {
	case 0xfb:
	case 0xff:
		r->short_read = true;
		return 0;
	case 0xfc:
		return rd_le(r, 2);
	case 0xfd:
		return rd_le(r, 3);
	case 0xfe:
		return rd_le(r, 8);
	default:
		return c;
	}
}

struct slice my_lenenc_str(struct rd *r)
{
	uint64_t n = my_lenenc(r);

	if (n > rd_left(r)) {
		r->short_read = true;
		return (struct slice){ 0 };
	}
	return rd_bytes(r, (size_t)n);
}

struct slice my_cstr(struct rd *r)
{
	struct slice rest = { r->p, rd_left(r) };
	size_t n = slice_find(rest, SLICE_LIT("\0"), 0);

	if (r->short_read || n == rest.n) {
		r->short_read = true;
		return (struct slice){ 0 };
	}
	(void)rd_bytes(r, n + 1);
	return slice_cut(rest, 0, n);
}

struct slice my_rest(struct rd *r)
{
	return r->short_read ? (struct slice){ 0 } : rd_bytes(r, rd_left(r));
}

bool my_is_latin1(unsigned charset)
{
	static const uint8_t of[] = { 5, 8, 15, 31, 47, 48, 49, 94 };

	for (size_t i = 0; i < sizeof(of); i++)
		if (of[i] == charset)
			return true;
	return false;
}

/* Bytes 80 to 9f of Windows' code page 1252, which is what MySQL calls latin1; those without a character stand for
 * themselves. */
static const uint16_t cp1252[32] = {
	0x20ac, 0x81,	0x201a, 0x192,	0x201e, 0x2026, 0x2020, 0x2021, 0x2c6,	0x2030, 0x160,
	0x2039, 0x152,	0x8d,	0x17d,	0x8f,	0x90,	0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
	0x2013, 0x2014, 0x2dc,	0x2122, 0x161,	0x203a, 0x153,	0x9d,	0x17e,	0x178,
};

static void put_latin1(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned c = s.p[i];
		uint8_t u[3];
		size_t n = 0;

		if (c >= 0x80 && c < 0xa0)
			c = cp1252[c - 0x80];
		if (c < 0x80) {
			u[n++] = (uint8_t)c;
		} else if (c < 0x800) {
			u[n++] = (uint8_t)(0xc0 | c >> 6);
			u[n++] = (uint8_t)(0x80 | (c & 0x3f));
		} else {
			u[n++] = (uint8_t)(0xe0 | c >> 12);
			u[n++] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
			u[n++] = (uint8_t)(0x80 | (c & 0x3f));
		}
		buf_put(out, (struct slice){ u, n });
	}
}

static bool is_ascii(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] & 0x80)
			return false;
	return true;
}

/* UTF-8 but for a character that is cut at the end. */
static bool nearly_utf8(struct slice s)
{
	size_t n = s.n;

	if (slice_is_utf8(s))
		return true;
	for (size_t back = 1; back <= 3 && back <= n; back++)
		if (s.p[n - back] >= 0xc2 && s.p[n - back] < 0xf5)
			return back < 2u + (s.p[n - back] >= 0xe0) + (s.p[n - back] >= 0xf0) &&
			       slice_is_utf8(slice_cut(s, 0, n - back));
	return false;
}

static bool has_controls(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < 0x20 && s.p[i] != '\t' && s.p[i] != '\n' && s.p[i] != '\r')
			return true;
	return false;
}

struct slice my_text(struct slice s, unsigned charset, struct buf *tmp)
{
	bool binary = charset == MY_BINARY && has_controls(s);

	if (is_ascii(s) && !binary)
		return s;
	if (my_is_latin1(charset)) {
		buf_clear(tmp);
		put_latin1(tmp, s);
	} else if (nearly_utf8(s) && !binary) {
		return s;
	} else {
		buf_clear(tmp);
		buf_puts(tmp, "0x");
		buf_put_hex(tmp, s);
	}
	return buf_slice(tmp);
}
