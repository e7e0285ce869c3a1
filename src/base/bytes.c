/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"

bool slice_eq(struct slice a, struct slice b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static uint64_t eight(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Eight bytes at once differ at most in the bit that tells upper from lower case. */
static bool maybe_same(const uint8_t *a, const uint8_t *b)
{
	return ((eight(a) ^ eight(b)) & ~0x2020202020202020u) == 0;
}

bool slice_eq_nocase(struct slice a, struct slice b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i + 8 <= a.n; i += 8)
		if (!maybe_same(a.p + i, b.p + i))
			return false;
	for (size_t i = 0; i < a.n; i++)
		if (a.p[i] != b.p[i] && lower(a.p[i]) != lower(b.p[i]))
			return false;
	return true;
}

bool slice_starts(struct slice s, struct slice prefix)
{
	return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

size_t slice_find(struct slice s, struct slice needle, size_t from)
{
	const uint8_t *hit;

	if (from > s.n || s.n - from < needle.n)
		return s.n;
	if (needle.n == 0)
		return from;
	hit = memmem(s.p + from, s.n - from, needle.p, needle.n);
	return hit ? (size_t)(hit - s.p) : s.n;
}

size_t utf8_len(struct slice s)
{
	static const struct {
		uint8_t mask, lead, len;
		uint32_t min;
	} forms[] = { { 0xe0, 0xc0, 2, 0x80 }, { 0xf0, 0xe0, 3, 0x800 }, { 0xf8, 0xf0, 4, 0x10000 } };

	if (s.n == 0)
		return 0;
	if (s.p[0] < 0x80)
		return 1;
	for (size_t f = 0; f < 3; f++) {
		uint32_t c = s.p[0] & (uint8_t)~forms[f].mask;

		if ((s.p[0] & forms[f].mask) != forms[f].lead)
			continue;
		if (s.n < forms[f].len)
			return 0;
		for (size_t i = 1; i < forms[f].len; i++) {
			if ((s.p[i] & 0xc0) != 0x80)
				return 0;
			c = c << 6 | (s.p[i] & 0x3f);
		}
		if (c < forms[f].min || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
			return 0;
		return forms[f].len;
	}
	return 0;
}

bool slice_is_utf8(struct slice s)
{
	const uint8_t *p = s.p, *end = s.n ? p + s.n : p;

	while (p != end) {
		size_t n = 1;

		if (*p >= 0x80)
			n = utf8_len((struct slice){ p, (size_t)(end - p) });
		else if (end - p >= 8 && (eight(p) & 0x8080808080808080u) == 0)
			n = 8;
		if (n == 0)
			return false;
		p += n;
	}
	return true;
}

struct slice rd_line(struct rd *r)
{
	const uint8_t *nl;
	struct slice s;

	if (r->short_read || rd_left(r) == 0 || !(nl = memchr(r->p, '\n', rd_left(r)))) {
		r->short_read = true;
		return (struct slice){ 0 };
	}
	s = (struct slice){ r->p, (size_t)(nl - r->p) };
	r->p = nl + 1;
	if (s.n > 0 && s.p[s.n - 1] == '\r')
		s.n--;
	return s;
}
