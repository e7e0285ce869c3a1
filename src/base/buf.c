/* SPDX-License-Identifier: Apache-2.0 */
#include "base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

uint8_t *buf_grow(struct buf *b, size_t n)
{
	size_t cap = b->cap ? b->cap : 256;
	uint8_t *p;

	if (n > SIZE_MAX / 2 - b->n) {
		b->failed = true;
		return NULL;
	}
	while (cap - b->n < n)
		cap *= 2;
	p = realloc(b->p, cap);
	if (!p) {
		b->failed = true;
		return NULL;
	}
	b->p = p;
	b->cap = cap;
	return p + b->n;
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	uint8_t *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !(p = buf_room(b, (size_t)n + 1)))
		return;
	va_start(ap, fmt);
	(void)vsnprintf((char *)p, (size_t)n + 1, fmt, ap); /* measured above */
	va_end(ap);
	b->n += (size_t)n;
}

void buf_drop(struct buf *b, size_t n)
{
	if (n >= b->n) {
		b->n = 0;
		return;
	}
	memmove(b->p, b->p + n, b->n - n);
	b->n -= n;
}

void buf_clear(struct buf *b)
{
	b->n = 0;
	b->failed = false;
}

void buf_release(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ 0 };
}

static const char hex[] = "0123456789abcdef";

/* Sixteen bytes at once, on any machine: the compiler knows what it has. */
typedef uint8_t bytes16 __attribute__((vector_size(16)));
typedef uint64_t words2 __attribute__((vector_size(16)));

static const bool plain_char[256] = {
	[' ' ... '!'] = 1, ['#' ... '['] = 1, [']' ... '~'] = 1
};

static bool all_plain(const uint8_t *p)
{
	bytes16 b;
	words2 w;

	memcpy(&b, p, sizeof(b));
	w = (words2)((b < 0x20) | (b > 0x7e) | (b == '"') | (b == '\\'));
	return (w[0] | w[1]) == 0;
}

/* Bytes of s before the next one that needs an escape. */
static size_t plain_run(struct slice s)
{
	size_t i = 0;

	while (s.n - i >= 16 && all_plain(s.p + i))
		i += 16;
	while (i < s.n && plain_char[s.p[i]])
		i++;
	return i;
}

static void put_json_char(struct buf *b, uint8_t c)
{
	switch (c) {
	case '"': buf_puts(b, "\\\""); break;
	case '\\': buf_puts(b, "\\\\"); break;
	case '\b': buf_puts(b, "\\b"); break;
	case '\f': buf_puts(b, "\\f"); break;
	case '\n': buf_puts(b, "\\n"); break;
	case '\r': buf_puts(b, "\\r"); break;
	case '\t': buf_puts(b, "\\t"); break;
	default:
		buf_puts(b, "\\u00");
		buf_put(b, (struct slice){ (const uint8_t[]){ (uint8_t)hex[c >> 4], (uint8_t)hex[c & 15] }, 2 });
	}
}

void buf_put_json_str(struct buf *b, struct slice s)
{
	(void)buf_room(b, s.n + 2); /* all there is to grow, most often */
	buf_put_char(b, '"');
	while (s.n > 0 && s.p) {
		size_t n = plain_run(s);

		if (n > 0) {
			buf_put(b, slice_cut(s, 0, n));
		} else if (s.p[0] < 0x80) {
			put_json_char(b, s.p[0]);
			n = 1;
		} else if ((n = utf8_len(s)) > 0) {
			buf_put(b, slice_cut(s, 0, n));
		} else {
			buf_puts(b, "\xef\xbf\xbd"); /* U+FFFD */
			n = 1;
		}
		s = slice_cut(s, n, s.n);
	}
	buf_put_char(b, '"');
}

void buf_put_base64(struct buf *b, struct slice s)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint8_t *p = buf_room(b, s.n / 3 * 4 + 4);

	if (!p)
		return;
	for (size_t i = 0; i < s.n; i += 3) {
		size_t left = s.n - i;
		uint32_t v = (uint32_t)s.p[i] << 16 | (left > 1 ? (uint32_t)s.p[i + 1] << 8 : 0) |
			     (left > 2 ? s.p[i + 2] : 0u);

		*p++ = (uint8_t)digits[v >> 18];
		*p++ = (uint8_t)digits[v >> 12 & 63];
		*p++ = left > 1 ? (uint8_t)digits[v >> 6 & 63] : '=';
		*p++ = left > 2 ? (uint8_t)digits[v & 63] : '=';
		b->n += 4;
	}
}

void buf_put_u64(struct buf *b, uint64_t v, unsigned digits)
{
	char text[20];
	size_t at = sizeof(text);

	do {
		text[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v || (sizeof(text) - at < digits && at));
	buf_put(b, (struct slice){ (const uint8_t *)text + at, sizeof(text) - at });
}

void buf_put_hex(struct buf *b, struct slice s)
{
	uint8_t *p = buf_room(b, s.n * 2);

	if (!p)
		return;
	for (size_t i = 0; i < s.n; i++) {
		*p++ = (uint8_t)hex[s.p[i] >> 4];
		*p++ = (uint8_t)hex[s.p[i] & 15];
	}
	b->n += s.n * 2;
}
