/* SPDX-License-Identifier: Apache-2.0 */
/* bytes.h - slices, and the cursor through which all foreign bytes are read. */
#ifndef LIMPID_BASE_BYTES_H
#define LIMPID_BASE_BYTES_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Borrowed bytes.  p may be NULL only when n is 0. */
struct slice {
	const uint8_t *p;
	size_t n;
};

#define SLICE_LIT(s) ((struct slice){ (const uint8_t *)(s), sizeof(s) - 1 })

static inline struct slice slice_str(const char *s)
{
	return (struct slice){ (const uint8_t *)s, s ? strlen(s) : 0 };
}

/* The byte at i, or 0 when there is none. */
static inline uint8_t slice_at(struct slice s, size_t i)
{
	return s.p && i < s.n ? s.p[i] : 0;
}

/* The bytes [from, to) of s, both clamped to its length. */
static inline struct slice slice_cut(struct slice s, size_t from, size_t to)
{
	if (to > s.n)
		to = s.n;
	if (from > to)
		from = to;
	if (from > 0) /* p may be NULL when n is 0 */
		s.p += from;
	return (struct slice){ s.p, to - from };
}

bool slice_eq(struct slice a, struct slice b);
bool slice_eq_nocase(struct slice a, struct slice b); /* ASCII */
bool slice_starts(struct slice s, struct slice prefix);
/* Position of the first needle in s at or after from, or s.n. */
size_t slice_find(struct slice s, struct slice needle, size_t from);
bool slice_is_utf8(struct slice s); /* RFC 3629; NUL counts as text */
/* Bytes of the UTF-8 character at the start of s; 0: none, or not valid. */
size_t utf8_len(struct slice s);

/* A cursor: reading past the end gives 0 (or an empty slice), moves nothing and sticks. */
struct rd {
	const uint8_t *p, *end;
	bool short_read;
};

static inline struct rd rd_init(struct slice s)
{
	return (struct rd){ s.p, s.p ? s.p + s.n : NULL, false };
}

static inline size_t rd_left(const struct rd *r)
{
	return (size_t)(r->end - r->p);
}

static inline struct slice rd_bytes(struct rd *r, size_t n)
{
	struct slice s = { r->p, n };

	if (r->short_read || rd_left(r) < n) {
		r->short_read = true;
		return (struct slice){ 0 };
	}
	r->p += n;
	return s;
}

/* n <= 8 bytes at p; with a constant n of 1, 2, 4 or 8 one load. */
static inline uint64_t load_be(const uint8_t *p, size_t n)
{
	uint64_t v = 0;
	uint32_t v4;
	uint16_t v2;

	switch (n) {
	case 2:
		memcpy(&v2, p, 2);
		return be16toh(v2);
	case 4:
		memcpy(&v4, p, 4);
		return be32toh(v4);
	case 8:
		memcpy(&v, p, 8);
		return be64toh(v);
	default:
		for (size_t i = 0; i < n; i++)
			v = v << 8 | p[i];
		return v;
	}
}

static inline uint64_t load_le(const uint8_t *p, size_t n)
{
	uint64_t v = 0;
	uint32_t v4;
	uint16_t v2;

	switch (n) {
	case 2:
		memcpy(&v2, p, 2);
		return le16toh(v2);
	case 4:
		memcpy(&v4, p, 4);
		return le32toh(v4);
	case 8:
		memcpy(&v, p, 8);
		return le64toh(v);
	default:
		for (size_t i = n; i > 0; i--)
			v = v << 8 | p[i - 1];
		return v;
	}
}

static inline uint64_t rd_be(struct rd *r, size_t n)
{
	uint64_t v;

	if (r->short_read || rd_left(r) < n) {
		r->short_read = true;
		return 0;
	}
	v = load_be(r->p, n);
	r->p += n;
	return v;
}

static inline uint64_t rd_le(struct rd *r, size_t n)
{
	uint64_t v;

	if (r->short_read || rd_left(r) < n) {
		r->short_read = true;
		return 0;
	}
	v = load_le(r->p, n);
	r->p += n;
	return v;
}

static inline uint8_t rd_u8(struct rd *r)
{
	return (uint8_t)rd_be(r, 1);
}

static inline uint16_t rd_be16(struct rd *r)
{
	return (uint16_t)rd_be(r, 2);
}

static inline uint32_t rd_be32(struct rd *r)
{
	return (uint32_t)rd_be(r, 4);
}

static inline uint64_t rd_be64(struct rd *r)
{
	return rd_be(r, 8);
}

static inline uint16_t rd_le16(struct rd *r)
{
	return (uint16_t)rd_le(r, 2);
}

static inline uint32_t rd_le32(struct rd *r)
{
	return (uint32_t)rd_le(r, 4);
}

static inline uint64_t rd_le64(struct rd *r)
{
	return rd_le(r, 8);
}

/* Up to and including the next "\n"; returned without it and without a "\r" before it.
 * No "\n": sticks. */
struct slice rd_line(struct rd *r);

/* Growing bytes that the caller owns; zero-initialise before the first use. */
struct buf {
	uint8_t *p;
	size_t n, cap;
	bool failed; /* an allocation failed: content is incomplete; sticks until buf_clear */
};

void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
uint8_t *buf_grow(struct buf *b, size_t n); /* buf_room's slow part */

/* Room for n more bytes at p + n, or NULL; the caller adds to n what it filled. */
static inline uint8_t *buf_room(struct buf *b, size_t n)
{
	return b->p && b->cap - b->n >= n ? b->p + b->n : buf_grow(b, n);
}

static inline void buf_put(struct buf *b, struct slice s)
{
	uint8_t *p = s.n && s.p ? buf_room(b, s.n) : NULL;

	if (!p)
		return;
	memcpy(p, s.p, s.n);
	b->n += s.n;
}

static inline void buf_puts(struct buf *b, const char *s)
{
	buf_put(b, slice_str(s));
}

static inline void buf_put_char(struct buf *b, char c)
{
	uint8_t *p = buf_room(b, 1);

	if (!p)
		return;
	*p = (uint8_t)c;
	b->n++;
}

void buf_drop(struct buf *b, size_t n); /* forgets the first n bytes */
void buf_clear(struct buf *b);		/* empty, memory kept */
void buf_release(struct buf *b);

static inline struct slice buf_slice(const struct buf *b)
{
	return (struct slice){ b->p, b->n };
}

/* JSON text: s as a quoted string (RFC 8259, 7; invalid UTF-8 becomes U+FFFD), base64 (RFC 4648, 4)
 * without quotes. */
void buf_put_json_str(struct buf *b, struct slice s);
void buf_put_base64(struct buf *b, struct slice s);
void buf_put_hex(struct buf *b, struct slice s);
void buf_put_u64(struct buf *b, uint64_t v, unsigned digits); /* decimal, with zeros in front up to so many digits */

#endif
