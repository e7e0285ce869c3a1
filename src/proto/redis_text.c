/* SPDX-License-Identifier: Apache-2.0 */
/* Commands as people type them, and what the beginning of a connection looks like. */
#include "proto/redis_cmd.h"
#include "proto/redis_resp.h"

/* --- arguments --- */

static bool blank(uint8_t c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || c == 0;
}

static int hex(uint8_t c)
{
	return c >= '0' && c <= '9'		      ? c - '0'
	       : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
						      : -1;
}

/* After a backslash in double quotes; *i is on the character behind it. */
static uint8_t escape(struct slice line, size_t *i)
{
	static const char from[] = "nrtba", to[] = "\n\r\t\b\a";
	uint8_t c = line.p[*i];
	const char *p = strchr(from, c);

	if (c == 'x' && *i + 2 < line.n && hex(line.p[*i + 1]) >= 0 && hex(line.p[*i + 2]) >= 0) {
		*i += 2;
		return (uint8_t)(hex(line.p[*i - 1]) << 4 | hex(line.p[*i]));
	}
	return p && c ? (uint8_t)to[p - from] : c;
}

/* One argument from *i on, into room.  False: a quote is not closed, or something follows it. */
static bool argument(struct slice line, size_t *i, struct buf *room)
{
	uint8_t quote = 0;

	for (; *i < line.n; (*i)++) {
		uint8_t c = line.p[*i];

		if (!quote && blank(c))
			return true;
		if (!quote && (c == '"' || c == '\'')) {
			quote = c;
			continue;
		}
		if (quote && c == quote) {
			if (++*i < line.n && !blank(line.p[*i]))
				return false;
			return true;
		}
		if (quote && c == '\\' && *i + 1 < line.n) {
			++*i;
			if (quote == '"')
				c = escape(line, i);
			else if (line.p[*i] == '\'')
				c = '\'';
			else
				--*i;
		}
		buf_put(room, (struct slice){ &c, 1 });
	}
	return !quote;
}

bool resp_split(struct slice line, struct buf *room, void (*fn)(void *ctx, struct slice arg), void *ctx)
{
	for (size_t i = 0; i < line.n;) {
		if (blank(line.p[i])) {
			i++;
			continue;
		}
		room->n = 0; /* what failed shows at the end */
		if (!argument(line, &i, room))
			return false;
		fn(ctx, buf_slice(room));
	}
	return true;
}

/* --- what it looks like --- */

/* A header line with a number: its length, 0 when it is not whole, -1 when it is none. */
static int header_len(struct slice in, int64_t *ret)
{
	size_t i = 1;
	int64_t n = 0;

	for (; i < in.n && in.p[i] >= '0' && in.p[i] <= '9'; i++) {
		if (i > 10)
			return -1;
		n = n * 10 + (in.p[i] - '0');
	}
	*ret = n;
	if (i == in.n)
		return 0;
	if (i == 1 || in.p[i] != '\r')
		return -1;
	if (i + 1 == in.n)
		return 0;
	return in.p[i + 1] == '\n' ? (int)i + 2 : -1;
}

static bool letter(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* "*2\r\n$3\r\nGET" */
static enum probe array_of_bulk(struct slice in, bool command)
{
	int64_t n = 0, len = 0;
	int a = header_len(in, &n), b;
	struct slice rest;

	if (a <= 0)
		return a < 0 ? PROBE_NO : PROBE_MAYBE;
	if (n == 0)
		return command ? PROBE_NO : PROBE_LIKELY;
	rest = slice_cut(in, (size_t)a, in.n);
	if (rest.n == 0)
		return PROBE_MAYBE;
	if (!strchr(command ? "$" : "$*:+-_,#(!=%~", rest.p[0]) || rest.p[0] == 0)
		return PROBE_NO;
	if (rest.p[0] != '$')
		return PROBE_LIKELY;
	if (!command && rest.n >= 2 && rest.p[1] == '-')
		return PROBE_LIKELY;
	b = header_len(rest, &len);
	if (b <= 0)
		return b < 0 ? PROBE_NO : PROBE_MAYBE;
	rest = slice_cut(rest, (size_t)b, rest.n);
	if (!command)
		return PROBE_YES;
	if (len == 0 || len > 64)
		return PROBE_NO;
	for (size_t i = 0; i < rest.n && i < (size_t)len; i++)
		if (!letter(rest.p[i]) && (i == 0 || !strchr("._-0123456789", rest.p[i])))
			return PROBE_NO;
	return rest.n ? PROBE_YES : PROBE_MAYBE;
}

/* "PING\r\n": other protocols have such lines, too. */
static enum probe inline_probe(struct slice in)
{
	size_t word = 0;

	while (word < in.n && word < 32 && letter(in.p[word]))
		word++;
	if (word == in.n)
		return word && word < 32 ? PROBE_MAYBE : PROBE_NO;
	if (word < 3 || !redis_is_known(slice_cut(in, 0, word)) || !strchr(" \r\n", in.p[word]) || in.p[word] == 0)
		return PROBE_NO;
	for (size_t i = word; i < in.n; i++) {
		if (in.p[i] == '\n') /* "GET / HTTP/1.1" is none */
			return slice_find(slice_cut(in, 0, i), SLICE_LIT(" HTTP/1."), 0) < i ? PROBE_NO : PROBE_LIKELY;
		if (in.p[i] < ' ' && in.p[i] != '\r' && in.p[i] != '\t')
			return PROBE_NO;
		if (i > 1024)
			return PROBE_NO;
	}
	return PROBE_MAYBE;
}

/* "+OK\r\n", "-ERR no\r\n" */
static enum probe line_probe(struct slice in)
{
	for (size_t i = 1; i < in.n; i++) {
		if (in.p[i] == '\n')
			return i > 2 && in.p[i - 1] == '\r' && letter(in.p[1]) ? PROBE_LIKELY : PROBE_NO;
		if (i > 512 || (in.p[i] < ' ' && in.p[i] != '\r'))
			return PROBE_NO;
	}
	return PROBE_MAYBE;
}

/* "$5\r\nhello\r\n", "$-1\r\n" */
static enum probe bulk_probe(struct slice in)
{
	int64_t n = 0;
	int a;
	struct slice rest;

	if (in.n >= 2 && in.p[1] == '-')
		return in.n >= 5 ? (slice_starts(in, SLICE_LIT("$-1\r\n")) ? PROBE_LIKELY : PROBE_NO) :
				   PROBE_MAYBE;
	a = header_len(in, &n);
	if (a <= 0)
		return a < 0 ? PROBE_NO : PROBE_MAYBE;
	rest = slice_cut(in, (size_t)a, in.n);
	if ((uint64_t)n + 2 > rest.n)
		return PROBE_LIKELY;
	return rest.p[n] == '\r' && rest.p[n + 1] == '\n' ? PROBE_YES : PROBE_NO;
}

static enum probe number_probe(struct slice in)
{
	bool minus = in.n > 1 && in.p[1] == '-';
	int64_t n = 0;
	int a = header_len(slice_cut(in, minus, in.n), &n);

	return a < 0 ? PROBE_NO : a == 0 ? PROBE_MAYBE : PROBE_LIKELY;
}

enum probe resp_probe(struct slice in, bool commands)
{
	if (in.n == 0)
		return PROBE_MAYBE;
	if (in.p[0] == '*')
		return array_of_bulk(in, commands);
	if (commands)
		return inline_probe(in);
	switch (in.p[0]) {
	case '+':
	case '-':
		return line_probe(in);
	case '$':
		return bulk_probe(in);
	case ':':
		return number_probe(in);
	case '%':
	case '~':
	case '>':
		return array_of_bulk(in, false);
	case '_':
		return in.n < 3 ? PROBE_MAYBE : slice_starts(in, SLICE_LIT("_\r\n")) ? PROBE_LIKELY : PROBE_NO;
	case '#':
		return in.n < 4 ? PROBE_MAYBE :
		       (in.p[1] == 't' || in.p[1] == 'f') && in.p[2] == '\r' && in.p[3] == '\n' ? PROBE_LIKELY :
												   PROBE_NO;
	default:
		return PROBE_NO;
	}
}
