/* SPDX-License-Identifier: Apache-2.0 */
#include "container/answer.h"

#include <errno.h>
#include <stdlib.h>

#define HEAD_MAX (64u << 10)
#define BODY_MAX (64u << 20)

static int digit(uint8_t c, unsigned base)
{
	int v = c >= '0' && c <= '9'		     ? c - '0'
		: (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
						     : 99;

	return v < (int)base ? v : -1;
}

/* Leading digits of s; false when there are none, or too many. */
static bool number(struct slice s, unsigned base, uint64_t *ret)
{
	uint64_t v = 0;
	size_t i = 0;

	for (; i < s.n && digit(s.p[i], base) >= 0; i++) {
		if (i >= 15)
			return false;
		v = v * base + (uint64_t)digit(s.p[i], base);
	}
	*ret = v;
	return i > 0;
}

static struct slice trim(struct slice s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = slice_cut(s, 1, s.n);
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

static int header(struct answer *a, struct slice line)
{
	size_t colon = slice_find(line, SLICE_LIT(":"), 0);
	struct slice name = slice_cut(line, 0, colon),
		     value = trim(slice_cut(line, colon + 1, line.n));

	if (colon == line.n)
		return -EBADMSG;
	if (slice_eq_nocase(name, SLICE_LIT("transfer-encoding")))
		a->chunked = slice_eq_nocase(value, SLICE_LIT("chunked"));
	if (slice_eq_nocase(name, SLICE_LIT("content-length"))) {
		if (!number(value, 10, &a->left))
			return -EBADMSG;
		a->sized = true;
	}
	return 0;
}

static int head(struct answer *a)
{
	size_t end = slice_find(buf_slice(&a->in), SLICE_LIT("\r\n\r\n"), 0);
	struct rd r = rd_init(slice_cut(buf_slice(&a->in), 0, end + 2));
	struct slice line;
	uint64_t status = 0;

	if (end == a->in.n)
		return a->in.n > HEAD_MAX ? -EMSGSIZE : 0;
	line = rd_line(&r);
	if (!slice_starts(line, SLICE_LIT("HTTP/1.")) || line.n < 12 || line.p[8] != ' ' ||
	    !number(slice_cut(line, 9, 12), 10, &status) || status < 200)
		return -EBADMSG;
	while (rd_left(&r)) {
		int err = header(a, rd_line(&r));

		if (err || r.short_read)
			return -EBADMSG;
	}
	a->status = (unsigned)status;
	if (a->chunked) {
		a->sized = false;
		a->left = 0;
	}
	a->done = (a->sized && a->left == 0) || status == 204 || status == 304;
	buf_drop(&a->in, end + 4);
	return 0;
}

/* Moves what is there of the current piece into the body. */
static int take(struct answer *a, uint64_t limit)
{
	size_t n = a->in.n < limit ? a->in.n : (size_t)limit;

	if (a->body.n + n > BODY_MAX)
		return -EMSGSIZE;
	buf_put(&a->body, slice_cut(buf_slice(&a->in), 0, n));
	buf_drop(&a->in, n);
	a->left -= a->chunked || a->sized ? n : 0;
	return a->body.failed ? -ENOMEM : 0;
}

/* The line before a chunk, or the trailer after the last.  1: there was one; 0: not yet. */
static int chunk_line(struct answer *a)
{
	struct rd r = rd_init(buf_slice(&a->in));
	struct slice line = rd_line(&r);

	if (r.short_read)
		return a->in.n > HEAD_MAX ? -EMSGSIZE : 0;
	if (a->last_chunk) {
		a->done = line.n == 0;
	} else if (line.n) { /* the empty one ends the chunk before */
		if (!number(line, 16, &a->left))
			return -EBADMSG;
		a->last_chunk = a->left == 0;
	}
	buf_drop(&a->in, a->in.n - rd_left(&r));
	return 1;
}

static int chunks(struct answer *a)
{
	while (!a->done) {
		int err;

		if (a->left) {
			err = take(a, a->left);
			if (err || a->left)
				return err;
		}
		err = chunk_line(a);
		if (err <= 0)
			return err;
	}
	return 0;
}

int answer_feed(struct answer *a, struct slice in)
{
	int err = 0;

	buf_put(&a->in, in);
	if (a->in.failed)
		return -ENOMEM;
	if (!a->status)
		err = head(a);
	if (err || !a->status || a->done)
		return err;
	if (a->chunked)
		return chunks(a);
	err = take(a, a->sized ? a->left : UINT64_MAX);
	a->done = a->sized && a->left == 0;
	return err;
}

int answer_end(struct answer *a)
{
	if (a->status && !a->chunked && !a->sized)
		a->done = true;
	return a->done ? 0 : -EPIPE;
}

void answer_reset(struct answer *a)
{
	struct buf in = a->in, body = a->body;

	buf_clear(&in);
	buf_clear(&body);
	*a = (struct answer){ .in = in, .body = body };
}

void answer_release(struct answer *a)
{
	buf_release(&a->in);
	buf_release(&a->body);
	*a = (struct answer){ 0 };
}
