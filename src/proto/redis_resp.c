/* SPDX-License-Identifier: Apache-2.0 */
/* RESP, a byte at a time where need be.  What is read is written as JSON at once, so that an array of a million elements
 * or a string of 512 MB needs no more memory than the limits say.  Once the limits are reached nothing is written but
 * the brackets that are still open. */
#include "proto/redis_resp.h"

#include <stdlib.h>

#define HEADER_MAX 64 /* bytes of a header line: a number, "$EOF:" and 40 more */
#define INLINE_MAX 65536
#define KEEP_BYTES 8192 /* memory kept between values */

/* --- strings --- */

static void piece_begin(struct resp *r, char type)
{
	uint64_t max = r->limits->body_bytes;

	buf_clear(&r->piece);
	r->piece_type = type;
	r->piece_cut = false;
	r->piece_len0 = r->len;
	r->piece_max = r->len < max && !r->cut ? (size_t)(max - r->len) : 0;
	if (r->piece_max < RESP_WORD)
		r->piece_max = RESP_WORD; /* for the words: they have a limit of their own */
}

static void piece_add(struct resp *r, struct slice s)
{
	size_t room = r->piece_max - (r->piece.n < r->piece_max ? r->piece.n : r->piece_max);

	if (s.n > room)
		r->piece_cut = true;
	buf_put(&r->piece, slice_cut(s, 0, room));
	if (r->piece.failed) {
		buf_clear(&r->piece);
		r->piece_cut = true;
		r->piece_max = 0;
	}
}

/* The piece with what of it is within the limit of the body. */
static struct slice piece_of(struct resp *r, struct slice v)
{
	uint64_t max = r->limits->body_bytes;
	size_t room = r->piece_len0 < max ? (size_t)(max - r->piece_len0) : 0;

	if (v.n > room && !r->cut)
		r->piece_cut = true;
	return v;
}

/* --- headers --- */

/* A decimal number; "?" is -2.  False: none. */
static bool number(struct slice s, int64_t *ret)
{
	bool minus = s.n && s.p[0] == '-';
	uint64_t v = 0;

	if (s.n == 1 && s.p[0] == '?') {
		*ret = -2;
		return true;
	}
	s = slice_cut(s, minus || (s.n && s.p[0] == '+'), s.n);
	if (s.n == 0 || s.n > 18)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(s.p[i] - '0');
	}
	*ret = minus ? -(int64_t)v : (int64_t)v;
	return true;
}

static enum resp_got got(bool over)
{
	return over ? RESP_DONE : RESP_MORE;
}

static enum resp_got begin_aggregate(struct resp *r, char type, int64_t n)
{
	uint64_t count = n > 0 ? (uint64_t)n : 0;

	if (n == -1 && type == '*') { /* RESP2's null array */
		r->null |= r->depth == 0;
		return got(resp_scalar(r, '_', (struct slice){ 0 }));
	}
	if (n < 0 && n != -2)
		return RESP_BAD;
	if (r->depth == RESP_DEPTH || (r->commands && (r->depth > 0 || type != '*' || n < 0)))
		return RESP_BAD;
	if (type == '%' || type == '|')
		count *= 2;
	if (r->depth == 0)
		r->count = count;
	resp_open_level(r, type, count, n == -2);
	if (n == 0)
		return got(resp_close_level(r));
	return RESP_MORE;
}

static enum resp_got begin_string(struct resp *r, char type, int64_t n)
{
	if (n == -1 && type == '$') {
		r->null |= r->depth == 0;
		return r->commands ? RESP_BAD : got(resp_scalar(r, '_', (struct slice){ 0 }));
	}
	if (n < 0 && (n != -2 || r->commands))
		return RESP_BAD;
	piece_begin(r, type);
	r->streamed = n == -2;
	r->left = n > 0 ? (uint64_t)n : 0;
	r->at = r->streamed ? RESP_AT_CHUNK : RESP_AT_BULK;
	return RESP_MORE;
}

static bool is_bool_or_null(char type, struct slice s)
{
	return type == '_' ? s.n == 0 : s.n == 1 && (s.p[0] == 't' || s.p[0] == 'f');
}

/* A line that is all of a value, or begins one. */
static enum resp_got header(struct resp *r, char type, struct slice s)
{
	int64_t n = 0;

	switch (type) {
	case '*':
	case '~':
	case '>':
	case '%':
	case '|':
		return number(s, &n) ? begin_aggregate(r, type, n) : RESP_BAD;
	case '$':
	case '=':
	case '!':
		return number(s, &n) ? begin_string(r, type, n) : RESP_BAD;
	case ':':
		if (!number(s, &n) && !(s.n == 19 || s.n == 20)) /* 64 bits */
			return RESP_BAD;
		return r->commands || n == -2 ? RESP_BAD : got(resp_scalar(r, type, s));
	case '#':
	case '_':
		r->null |= type == '_' && r->depth == 0;
		return r->commands || !is_bool_or_null(type, s) ? RESP_BAD : got(resp_scalar(r, type, s));
	case ',':
		return r->commands || s.n == 0 ? RESP_BAD : got(resp_scalar(r, type, s));
	case '.':
		if (s.n || r->depth == 0 || !resp_top(r)->streamed)
			return RESP_BAD;
		if (resp_in_key(resp_top(r)) || (resp_top(r)->type != '%' && resp_top(r)->type != '|'))
			return got(resp_close_level(r));
		return RESP_BAD; /* a key without a value */
	default:
		return RESP_BAD;
	}
}

/* --- tokens --- */

static void take(struct resp *r, size_t n, size_t *used)
{
	r->len += n;
	*used += n;
}

static void inline_arg(void *ctx, struct slice arg)
{
	struct resp *r = ctx;

	(void)resp_scalar(r, '$', arg);
}

/* A command as people type it. */
static enum resp_got inline_command(struct resp *r, struct slice line)
{
	struct buf room = { 0 };
	bool good;

	r->piece_len0 = 0;
	r->type = '*';
	resp_open_level(r, '*', UINT64_MAX, false);
	good = resp_split(line, &room, inline_arg, r);
	r->text.failed |= room.failed;
	buf_release(&room);
	if (!good || r->level[0].index == 0)
		return RESP_BAD;
	r->count = r->level[0].index;
	return got(resp_close_level(r));
}

/* At the start of a value. */
static enum resp_got at_value(struct resp *r, struct slice in, size_t *used)
{
	size_t end = 0;
	char type = in.n ? (char)in.p[0] : 0;

	if (in.n == 0)
		return RESP_MORE;
	if (!r->begun)
		r->type = type;
	if (type == '+' || type == '-' || type == '(' || (r->commands && r->depth == 0 && type != '*')) {
		bool is_inline = r->commands;

		if (is_inline && r->depth > 0)
			return RESP_BAD;
		r->begun = true;
		if (!is_inline)
			take(r, 1, used);
		piece_begin(r, is_inline ? 'i' : type);
		r->at = RESP_AT_LINE;
		return RESP_MORE;
	}
	while (end < in.n && end < HEADER_MAX && in.p[end] != '\n')
		end++;
	if (end == HEADER_MAX)
		return RESP_BAD;
	if (end == in.n)
		return RESP_MORE;
	if (end < 2 || in.p[end - 1] != '\r')
		return RESP_BAD;
	if (r->commands && r->depth > 0 && type != '$')
		return RESP_BAD;
	take(r, end + 1, used);
	r->piece_len0 = r->len;
	r->begun = true;
	return header(r, type, slice_cut(in, 1, end - 1));
}

static enum resp_got at_line(struct resp *r, struct slice in, size_t *used)
{
	const uint8_t *nl = in.n ? memchr(in.p, '\n', in.n) : NULL;
	size_t n = nl ? (size_t)(nl - in.p) : in.n;
	struct slice v;

	piece_add(r, slice_cut(in, 0, n));
	take(r, nl ? n + 1 : n, used);
	if (r->piece_type == 'i' && r->len > INLINE_MAX)
		return RESP_BAD;
	if (!nl)
		return RESP_MORE;
	v = buf_slice(&r->piece);
	if (v.n && v.p[v.n - 1] == '\r')
		v.n--;
	r->at = RESP_AT_VALUE;
	if (r->piece_type == 'i')
		return inline_command(r, v);
	return got(resp_scalar(r, r->piece_type, piece_of(r, v)));
}

static enum resp_got string_done(struct resp *r, struct slice v)
{
	r->at = RESP_AT_VALUE;
	return got(resp_scalar(r, r->piece_type, piece_of(r, v)));
}

static enum resp_got at_bulk(struct resp *r, struct slice in, size_t *used)
{
	size_t n = r->left < in.n ? (size_t)r->left : in.n;

	/* all of it is here: no copy is made */
	if (!r->streamed && r->piece.n == 0 && r->left <= r->piece_max && !r->piece_cut && r->left + 2 <= in.n) {
		struct slice v = slice_cut(in, 0, (size_t)r->left);

		if (in.p[v.n] != '\r' || in.p[v.n + 1] != '\n')
			return RESP_BAD;
		take(r, v.n + 2, used);
		r->left = 0;
		return string_done(r, v);
	}
	piece_add(r, slice_cut(in, 0, n));
	take(r, n, used);
	r->left -= n;
	if (r->left == 0)
		r->at = RESP_AT_BULK_END;
	return RESP_MORE;
}

static enum resp_got at_bulk_end(struct resp *r, struct slice in, size_t *used)
{
	if (in.n < 2)
		return in.n && in.p[0] != '\r' ? RESP_BAD : RESP_MORE;
	if (in.p[0] != '\r' || in.p[1] != '\n')
		return RESP_BAD;
	take(r, 2, used);
	r->at = RESP_AT_CHUNK;
	return r->streamed ? RESP_MORE : string_done(r, buf_slice(&r->piece));
}

/* ";4\r\nabcd\r\n" up to ";0\r\n" */
static enum resp_got at_chunk(struct resp *r, struct slice in, size_t *used)
{
	size_t end = 0;
	int64_t n = 0;

	while (end < in.n && end < HEADER_MAX && in.p[end] != '\n')
		end++;
	if (end == in.n && end < HEADER_MAX)
		return in.n && in.p[0] != ';' ? RESP_BAD : RESP_MORE;
	if (end < 3 || end == HEADER_MAX || in.p[0] != ';' || in.p[end - 1] != '\r' ||
	    !number(slice_cut(in, 1, end - 1), &n) || n < 0)
		return RESP_BAD;
	take(r, end + 1, used);
	r->left = (uint64_t)n;
	r->at = RESP_AT_BULK;
	return n ? RESP_MORE : string_done(r, buf_slice(&r->piece));
}

enum resp_got resp_feed(struct resp *r, struct slice in, size_t *ret_used)
{
	enum resp_got g = RESP_MORE;
	size_t used = 0, before;

	do {
		struct slice rest = slice_cut(in, used, in.n);

		before = used;
		switch (r->at) {
		case RESP_AT_VALUE:
			g = at_value(r, rest, &used);
			break;
		case RESP_AT_LINE:
			g = rest.n ? at_line(r, rest, &used) : RESP_MORE;
			break;
		case RESP_AT_BULK:
			g = rest.n || !r->left ? at_bulk(r, rest, &used) : RESP_MORE;
			break;
		case RESP_AT_BULK_END:
			g = at_bulk_end(r, rest, &used);
			break;
		case RESP_AT_CHUNK:
			g = at_chunk(r, rest, &used);
			break;
		}
	} while (g == RESP_MORE && (used > before || (r->at == RESP_AT_LINE && used < in.n)));
	*ret_used = used;
	return g;
}

/* --- the rest --- */

uint64_t resp_unkept(const struct resp *r)
{
	return r->at == RESP_AT_BULK && r->piece.n >= r->piece_max ? r->left : 0;
}

bool resp_lost(struct resp *r, uint64_t n)
{
	uint64_t unkept = resp_unkept(r);

	if (r->at != RESP_AT_BULK || n > r->left)
		return false;
	/* what tells what it is must be whole */
	if (r->piece.n < RESP_WORD && r->depth == 1 && r->nwords < (r->commands ? RESP_WORDS : 2))
		return false;
	r->left -= n;
	r->len += n;
	r->gap |= n > unkept;
	r->piece_max = r->piece.n; /* what comes behind it is not joined to what was before */
	r->piece_cut = true;
	if (r->left == 0)
		r->at = RESP_AT_BULK_END;
	return true;
}

static void empty(struct buf *b)
{
	if (b->cap > KEEP_BYTES)
		buf_release(b);
	b->n = 0;
	b->failed = false;
}

void resp_clear(struct resp *r)
{
	empty(&r->text);
	empty(&r->piece);
	empty(&r->words);
	empty(&r->notes);
	r->at = RESP_AT_VALUE;
	r->type = 0;
	r->streamed = r->begun = r->cut = r->gap = r->piece_cut = r->null = false;
	r->depth = r->mute = r->errors = r->nwords = 0;
	r->left = r->len = r->kept = r->piece_len0 = r->count = 0;
}

void resp_release(struct resp *r)
{
	buf_release(&r->text);
	buf_release(&r->piece);
	buf_release(&r->words);
	buf_release(&r->notes);
}

size_t resp_held(const struct resp *r)
{
	return r->text.cap + r->piece.cap + r->words.cap + r->notes.cap;
}
