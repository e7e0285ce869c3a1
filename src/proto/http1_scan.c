/* SPDX-License-Identifier: Apache-2.0 */
/* After a loss, or in mid-connection, the next message has to be found among bytes that mean nothing
 * yet.  A request is looked for by its version, which is rare, and read backwards from there; a line that
 * is cut off by the end of the input only by the name of a well-known method.  A body that quotes a
 * whole message is taken for one: nothing in the bytes tells them apart. */
#include "proto/http1_head.h"

/* Methods that are believed when something that could be part of the token precedes them. */
static const struct slice methods[] = {
	SLICE_LIT("GET"),    SLICE_LIT("HEAD"),	   SLICE_LIT("POST"),	  SLICE_LIT("PUT"),
	SLICE_LIT("DELETE"), SLICE_LIT("CONNECT"), SLICE_LIT("OPTIONS"),  SLICE_LIT("TRACE"),
	SLICE_LIT("PATCH"),  SLICE_LIT("QUERY"),   SLICE_LIT("PROPFIND"), SLICE_LIT("PROPPATCH"),
	SLICE_LIT("MKCOL"),  SLICE_LIT("COPY"),	   SLICE_LIT("MOVE"),	  SLICE_LIT("LOCK"),
	SLICE_LIT("UNLOCK"), SLICE_LIT("REPORT"),  SLICE_LIT("SEARCH"),	  SLICE_LIT("PURGE"),
};
#define METHODS	   (sizeof(methods) / sizeof(methods[0]))
#define METHOD_MAX 64
#define REASON_MAX 1024 /* between a version and the end of its line; keeps the search linear */

static bool is_token(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != 0 && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_plain(uint8_t c)
{
	return c > ' ' && c != 0x7f;
}

/* What follows the first line of a message: a field, an empty line, or not known yet. */
static bool field_follows(struct slice in, size_t at)
{
	struct slice near = slice_cut(in, 0, at + REASON_MAX);
	size_t nl = slice_find(near, SLICE_LIT("\n"), at), i = nl + 1;

	if (nl == near.n && near.n < in.n)
		return false;
	if (i >= in.n || in.p[i] == '\n' || in.p[i] == '\r')
		return true;
	at = i;
	while (i < in.n && is_token(in.p[i]))
		i++;
	return i == in.n || (i > at && in.p[i] == ':');
}

/* Does the version after the space at sp end its line, as far as can be seen? */
static bool line_ends(struct slice in, size_t sp)
{
	struct slice rest = slice_cut(in, sp + 8, sp + 11);

	if (rest.n == 0)
		return true;
	if (rest.p[0] < '0' || rest.p[0] > '9')
		return false;
	return rest.n == 1 || rest.p[1] == '\n' ||
	       (rest.p[1] == '\r' && (rest.n == 2 || rest.p[2] == '\n'));
}

/* Where the request starts whose version is preceded by the space at sp; in.n: nowhere. */
static size_t start_before(struct slice in, size_t floor, size_t sp)
{
	size_t target = sp, method, token;

	while (target > floor && is_plain(in.p[target - 1]))
		target--;
	if (target == sp || target < floor + 2 || in.p[target - 1] != ' ')
		return in.n;
	method = token = target - 1;
	while (token > floor && method - token < METHOD_MAX && is_token(in.p[token - 1]))
		token--;
	if (token == method)
		return in.n;
	/* The end of a body may touch the method: "abcGET". */
	for (size_t i = 0; i < METHODS; i++)
		if (method - token >= methods[i].n &&
		    slice_eq(slice_cut(in, method - methods[i].n, method), methods[i]))
			return method - methods[i].n;
	/* Otherwise the token has to be whole (its beginning may be among what was lost), and no word of a
	 * sentence. */
	return token > 0 && !is_token(in.p[token - 1]) && in.p[token - 1] != ' ' ? token : in.n;
}

static bool known_method(struct slice in)
{
	for (size_t i = 0; i < METHODS; i++) {
		size_t n = methods[i].n < in.n ? methods[i].n : in.n;

		if (memcmp(in.p, methods[i].p, n) == 0 && (in.n == n || in.p[n] == ' '))
			return true;
	}
	return false;
}

/* A request line without its end, at the end of in. */
static size_t open_line(struct slice in, size_t from)
{
	size_t end = in.n, at;

	if (end > from && in.p[end - 1] == '\r')
		end--;
	for (at = end; at > from && in.p[at - 1] >= ' ' && in.p[at - 1] != 0x7f; at--)
		;
	for (; at < end; at++) {
		struct slice rest = slice_cut(in, at, in.n);

		if (known_method(rest) && http1_start(SIDE_REQ, rest, true) != PROBE_NO)
			return at;
	}
	return in.n;
}

static size_t next_request(struct slice in, size_t from)
{
	size_t floor = from;

	for (;;) {
		size_t sp = slice_find(in, SLICE_LIT(" HTTP/1."), floor), at;

		if (sp == in.n)
			break;
		at = line_ends(in, sp) ? start_before(in, floor, sp) : in.n;
		if (at < in.n && field_follows(in, sp))
			return at;
		floor = sp + 1; /* a target holds no space: nothing before sp is needed again */
	}
	return open_line(in, from);
}

static size_t next_response(struct slice in, size_t from)
{
	static const struct slice version = SLICE_LIT("HTTP/1.");
	size_t at = from;

	for (; (at = slice_find(in, version, at)) < in.n; at++)
		if (http1_start(SIDE_RESP, slice_cut(in, at, in.n), true) != PROBE_NO &&
		    field_follows(in, at))
			return at;
	at = in.n - from < version.n ? from : in.n - version.n + 1;
	for (; at < in.n; at++)
		if (memcmp(in.p + at, version.p, in.n - at) == 0)
			return at;
	return in.n;
}

size_t http1_next_start(enum side side, struct slice in, size_t from)
{
	if (from >= in.n)
		return in.n;
	return side == SIDE_REQ ? next_request(in, from) : next_response(in, from);
}
