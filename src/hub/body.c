/* SPDX-License-Identifier: Apache-2.0 */
/* The forms in which captured bytes go out. */
#include "hub/body.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define DEPTH_MAX 500

static void new_line(struct buf *out, unsigned depth)
{
	buf_printf(out, "\n%*s", (int)(2 * depth), "");
}

/* From the quote at `at` to the one that ends the string; in.n: there is none. */
static size_t string_end(struct slice in, size_t at)
{
	for (at++; at < in.n && in.p[at] != '"'; at++)
		if (in.p[at] == '\\')
			at++;
	return at < in.n ? at + 1 : in.n;
}

bool body_pretty_json(struct buf *out, struct slice in)
{
	bool fresh = false; /* just behind an opening bracket */
	unsigned depth = 0;
	size_t end;

	for (size_t i = 0; i < in.n; i = end) {
		uint8_t ch = in.p[i];

		end = ch == '"' ? string_end(in, i) : i + 1;
		if (ch == ' ' || ch == '\t' || ch == '\r' || ch == '\n')
			continue;
		if ((ch == '}' || ch == ']') && depth-- == 0)
			return false;
		if (fresh != (ch == '}' || ch == ']') && (fresh || ch == '}' || ch == ']'))
			new_line(out, depth);
		fresh = ch == '{' || ch == '[';
		if (fresh && ++depth > DEPTH_MAX)
			return false;
		buf_put(out, slice_cut(in, i, end));
		if (ch == ',')
			new_line(out, depth);
		else if (ch == ':')
			buf_puts(out, " ");
	}
	return depth == 0 && out->n > 0;
}

void body_hex(struct buf *out, struct slice in)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t at = 0; at < in.n; at += 16) {
		char line[96];
		size_t n = in.n - at < 16 ? in.n - at : 16;

		memset(line, ' ', sizeof(line));
		for (size_t i = 0; i < 8; i++)
			line[i] = digits[at >> 4 * (7 - i) & 15];
		for (size_t i = 0; i < n; i++) {
			uint8_t ch = in.p[at + i];

			line[10 + 3 * i + i / 8] = digits[ch >> 4];
			line[11 + 3 * i + i / 8] = digits[ch & 15];
			line[61 + i] = (char)(ch >= 32 && ch < 127 ? ch : '.');
		}
		line[60] = line[61 + n] = '|';
		line[62 + n] = '\n';
		buf_put(out, (struct slice){ (uint8_t *)line, 63 + n });
	}
}

/* Digits at s; false: none, or too many. */
static bool number(const char *s, unsigned long long *ret, char **ret_end)
{
	if (!isdigit((unsigned char)*s))
		return false;
	errno = 0;
	*ret = strtoull(s, ret_end, 10);
	return errno == 0;
}

int body_range(const char *value, size_t n, size_t *ret_from, size_t *ret_to)
{
	unsigned long long a, b = ULLONG_MAX;
	char *end;

	if (!value || strncmp(value, "bytes=", 6) != 0)
		return 0;
	value += 6;
	if (*value == '-') { /* the last bytes */
		if (!number(value + 1, &a, &end) || *end)
			return 0;
		if (a == 0 || n == 0)
			return -ERANGE;
		*ret_from = a < n ? n - (size_t)a : 0;
		*ret_to = n;
		return 1;
	}
	if (!number(value, &a, &end) || *end != '-')
		return 0;
	if (end[1] && (!number(end + 1, &b, &end) || *end || b < a))
		return 0;
	if (a >= n)
		return -ERANGE;
	*ret_from = (size_t)a;
	*ret_to = b < n - 1 ? (size_t)b + 1 : n;
	return 1;
}
