/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/term.h"

struct range {
	uint32_t from, to;
};

static bool in(const struct range *list, size_t n, uint32_t c)
{
	size_t low = 0;

	while (low < n) { /* sorted */
		size_t mid = low + (n - low) / 2;

		if (c < list[mid].from)
			n = mid;
		else if (c > list[mid].to)
			low = mid + 1;
		else
			return true;
	}
	return false;
}
#define IN(list, c) in(list, sizeof(list) / sizeof(*(list)), c)

static const struct range hidden[] = {
	{ 0xad, 0xad },	      { 0x61c, 0x61c },	  { 0x115f, 0x1160 },	{ 0x17b4, 0x17b5 },   { 0x180b, 0x180f },
	{ 0x200b, 0x200f },   { 0x2028, 0x202e }, { 0x2060, 0x206f },	{ 0x3164, 0x3164 },   { 0xfeff, 0xfeff },
	{ 0xffa0, 0xffa0 },   { 0xfff0, 0xfffb }, { 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a }, { 0xe0000, 0xe0fff },
};

static const struct range combining[] = {
	{ 0x300, 0x36f },   { 0x483, 0x489 },	{ 0x591, 0x5bd },   { 0x5bf, 0x5bf },	{ 0x5c1, 0x5c2 },   { 0x5c4, 0x5c5 },
	{ 0x610, 0x61a },   { 0x64b, 0x65f },	{ 0x670, 0x670 },   { 0x6d6, 0x6dc },	{ 0x6df, 0x6e4 },   { 0x6e7, 0x6e8 },
	{ 0x6ea, 0x6ed },   { 0x730, 0x74a },	{ 0x7a6, 0x7b0 },   { 0x816, 0x82d },	{ 0x8d3, 0x902 },   { 0x93a, 0x93a },
	{ 0x93c, 0x93c },   { 0x941, 0x948 },	{ 0x94d, 0x94d },   { 0x951, 0x957 },	{ 0x981, 0x981 },   { 0x9bc, 0x9bc },
	{ 0xe31, 0xe31 },   { 0xe34, 0xe3a },	{ 0xe47, 0xe4e },   { 0xeb1, 0xeb1 },	{ 0xeb4, 0xebc },   { 0x1ab0, 0x1aff },
	{ 0x1dc0, 0x1dff }, { 0x20d0, 0x20f0 }, { 0x302a, 0x302d }, { 0x3099, 0x309a }, { 0xfe00, 0xfe0f }, { 0xfe20, 0xfe2f },
};

static const struct range wide[] = {
	{ 0x1100, 0x115f },   { 0x231a, 0x231b },   { 0x2329, 0x232a },	  { 0x23e9, 0x23ec },	{ 0x23f0, 0x23f0 },
	{ 0x23f3, 0x23f3 },   { 0x25fd, 0x25fe },   { 0x2614, 0x2615 },	  { 0x2648, 0x2653 },	{ 0x267f, 0x267f },
	{ 0x2693, 0x2693 },   { 0x26a1, 0x26a1 },   { 0x26aa, 0x26ab },	  { 0x26bd, 0x26be },	{ 0x26c4, 0x26c5 },
	{ 0x26ce, 0x26ce },   { 0x26d4, 0x26d4 },   { 0x26ea, 0x26ea },	  { 0x26f2, 0x26f3 },	{ 0x26f5, 0x26f5 },
	{ 0x26fa, 0x26fa },   { 0x26fd, 0x26fd },   { 0x2705, 0x2705 },	  { 0x270a, 0x270b },	{ 0x2728, 0x2728 },
	{ 0x274c, 0x274c },   { 0x274e, 0x274e },   { 0x2753, 0x2755 },	  { 0x2757, 0x2757 },	{ 0x2795, 0x2797 },
	{ 0x27b0, 0x27b0 },   { 0x27bf, 0x27bf },   { 0x2b1b, 0x2b1c },	  { 0x2b50, 0x2b50 },	{ 0x2b55, 0x2b55 },
	{ 0x2e80, 0x303e },   { 0x3041, 0x33ff },   { 0x3400, 0x4dbf },	  { 0x4e00, 0xa4cf },	{ 0xa960, 0xa97f },
	{ 0xac00, 0xd7a3 },   { 0xf900, 0xfaff },   { 0xfe10, 0xfe19 },	  { 0xfe30, 0xfe6f },	{ 0xff00, 0xff60 },
	{ 0xffe0, 0xffe6 },   { 0x16fe0, 0x18cff }, { 0x1b000, 0x1b2ff }, { 0x1f004, 0x1f004 }, { 0x1f0cf, 0x1f0cf },
	{ 0x1f18e, 0x1f18e }, { 0x1f191, 0x1f19a }, { 0x1f200, 0x1f320 }, { 0x1f32d, 0x1f335 }, { 0x1f337, 0x1f37c },
	{ 0x1f37e, 0x1f393 }, { 0x1f3a0, 0x1f3ca }, { 0x1f3cf, 0x1f3d3 }, { 0x1f3e0, 0x1f3f0 }, { 0x1f3f4, 0x1f3f4 },
	{ 0x1f3f8, 0x1f43e }, { 0x1f440, 0x1f440 }, { 0x1f442, 0x1f4fc }, { 0x1f4ff, 0x1f53d }, { 0x1f54b, 0x1f567 },
	{ 0x1f57a, 0x1f57a }, { 0x1f595, 0x1f596 }, { 0x1f5a4, 0x1f5a4 }, { 0x1f5fb, 0x1f64f }, { 0x1f680, 0x1f6c5 },
	{ 0x1f6cc, 0x1f6cc }, { 0x1f6d0, 0x1f6df }, { 0x1f6eb, 0x1f6ec }, { 0x1f6f4, 0x1f6fc }, { 0x1f7e0, 0x1f7f0 },
	{ 0x1f90c, 0x1f9ff }, { 0x1fa70, 0x1faff }, { 0x20000, 0x3fffd },
};

/* The character at the start of s, which is valid and n bytes long. */
static uint32_t character(struct slice s, size_t n)
{
	static const uint8_t first[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t c = s.p[0] & first[n];

	for (size_t i = 1; i < n; i++)
		c = c << 6 | (s.p[i] & 63);
	return c;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* What is no text of one character; n of its bytes are taken. */
static void put_odd(struct buf *out, struct slice s, size_t n, enum term_text how)
{
	bool keep = how == TERM_LINES && (s.p[0] == '\n' || s.p[0] == '\t');

	if (keep)
		buf_put(out, slice_cut(s, 0, 1));
	else if (!(how == TERM_LINES && s.p[0] == '\r'))
		for (size_t i = 0; i < n; i++)
			buf_printf(out, "\\x%02x", s.p[i]);
}

/* Bytes at the start of s that are printable ASCII, and no blanks. */
static size_t plain_len(struct slice s)
{
	size_t n = 0;

	while (n < s.n && s.p[n] > 32 && s.p[n] < 127)
		n++;
	return n;
}

void term_put(struct buf *out, struct slice s, enum term_text how)
{
	while (s.n) {
		size_t plain = plain_len(s), n;
		uint32_t c;

		buf_put(out, slice_cut(s, 0, plain));
		s = slice_cut(s, plain, s.n);
		if (!s.n)
			break;
		n = utf8_len(s);
		c = n ? character(s, n) : 0;
		if (how == TERM_CELL && is_blank(slice_at(s, 0))) {
			for (n = 1; n < s.n && is_blank(s.p[n]);)
				n++;
			buf_puts(out, " ");
		} else if (n == 0 || c < 32 || (c >= 127 && c < 160)) {
			n = n ? n : 1;
			put_odd(out, s, n, how);
		} else if (c > 127 && IN(hidden, c)) {
			buf_printf(out, "\\u{%x}", c);
		} else {
			buf_put(out, slice_cut(s, 0, n));
		}
		s = slice_cut(s, n, s.n);
	}
}

static size_t width_of(uint32_t c)
{
	if (c < 0x300)
		return 1;
	return IN(combining, c) ? 0 : IN(wide, c) ? 2 : 1;
}

size_t term_columns(struct slice s)
{
	size_t n = 0;

	while (s.n) {
		size_t len = utf8_len(s);

		n += len ? width_of(character(s, len)) : 1;
		s = slice_cut(s, len ? len : 1, s.n);
	}
	return n;
}

void term_cut(struct buf *out, struct slice s, size_t width)
{
	size_t used = 0, at = 0;

	if (term_columns(s) <= width) {
		buf_put(out, s);
		return;
	}
	while (at < s.n && width) {
		size_t len = utf8_len(slice_cut(s, at, s.n)), w = len ? width_of(character(slice_cut(s, at, s.n), len)) : 1;

		if (used + w > width - 1)
			break;
		used += w;
		at += len ? len : 1;
	}
	buf_put(out, slice_cut(s, 0, at));
	if (width)
		buf_puts(out, "…");
}

void term_cell(struct buf *out, struct slice s, size_t width, bool right)
{
	struct buf text = { 0 };
	size_t n;

	term_cut(&text, s, width);
	n = term_columns(buf_slice(&text));
	if (right && n < width)
		buf_printf(out, "%*s", (int)(width - n), "");
	buf_put(out, buf_slice(&text));
	if (!right && n < width)
		buf_printf(out, "%*s", (int)(width - n), "");
	out->failed |= text.failed;
	buf_release(&text);
}
