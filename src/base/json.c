/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define DEPTH_MAX 200

struct reading {
	struct slice in;
	size_t at;
	struct arena *a;
	int err;
};

static int value(struct reading *r, unsigned depth, struct json *ret);

static int bad(struct reading *r)
{
	if (!r->err)
		r->err = arena_short(r->a) ? -ENOMEM : -EBADMSG;
	return r->err;
}

static uint8_t peek(const struct reading *r)
{
	return r->at < r->in.n ? r->in.p[r->at] : 0;
}

static void blanks(struct reading *r)
{
	while (r->at < r->in.n && (peek(r) == ' ' || peek(r) == '\t' || peek(r) == '\n' || peek(r) == '\r'))
		r->at++;
}

static bool take(struct reading *r, uint8_t c)
{
	if (r->at >= r->in.n || r->in.p[r->at] != c)
		return false;
	r->at++;
	return true;
}

/* --- strings ------------------------------------------------------------------------------------- */

static int hex4(const struct reading *r, size_t at)
{
	int v = 0;

	if (r->in.n < at + 4)
		return -1;
	for (size_t i = at; i < at + 4; i++) {
		uint8_t c = r->in.p[i], l = c | 32;

		if (c >= '0' && c <= '9')
			v = v * 16 + c - '0';
		else if (l >= 'a' && l <= 'f')
			v = v * 16 + l - 'a' + 10;
		else
			return -1;
	}
	return v;
}

static uint8_t *put_utf8(uint8_t *p, uint32_t c)
{
	if (c < 0x80) {
		*p++ = (uint8_t)c;
	} else if (c < 0x800) {
		*p++ = (uint8_t)(0xc0 | c >> 6);
		*p++ = (uint8_t)(0x80 | (c & 63));
	} else if (c < 0x10000) {
		*p++ = (uint8_t)(0xe0 | c >> 12);
		*p++ = (uint8_t)(0x80 | (c >> 6 & 63));
		*p++ = (uint8_t)(0x80 | (c & 63));
	} else {
		*p++ = (uint8_t)(0xf0 | c >> 18);
		*p++ = (uint8_t)(0x80 | (c >> 12 & 63));
		*p++ = (uint8_t)(0x80 | (c >> 6 & 63));
		*p++ = (uint8_t)(0x80 | (c & 63));
	}
	return p;
}

/* r->at is behind "\u"; two escapes make one character beyond U+FFFF.  NULL: no digits. */
static uint8_t *unicode(struct reading *r, uint8_t *p)
{
	int c = hex4(r, r->at), low;

	if (c < 0)
		return NULL;
	r->at += 4;
	if (c >= 0xd800 && c < 0xdc00 && r->at + 6 <= r->in.n && r->in.p[r->at] == '\\' &&
	    r->in.p[r->at + 1] == 'u' && (low = hex4(r, r->at + 2)) >= 0xdc00 && low < 0xe000) {
		r->at += 6;
		return put_utf8(p, 0x10000u + ((uint32_t)(c - 0xd800) << 10) + (uint32_t)(low - 0xdc00));
	}
	return put_utf8(p, c >= 0xd800 && c < 0xe000 ? 0xfffd : (uint32_t)c);
}

static uint8_t *escape(struct reading *r, uint8_t *p)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	uint8_t c = peek(r);
	const char *at = c ? strchr(from, c) : NULL;

	r->at++;
	if (c == 'u')
		return unicode(r, p);
	if (!at)
		return NULL;
	*p++ = (uint8_t)to[at - from];
	return p;
}

/* r->at is behind the opening quote. */
static int string(struct reading *r, struct slice *ret)
{
	size_t end = r->at;
	uint8_t *out, *p;

	while (end < r->in.n && r->in.p[end] != '"')
		end += r->in.p[end] == '\\' ? 2 : 1;
	if (end >= r->in.n)
		return bad(r);
	p = out = arena_alloc(r->a, end - r->at + 1); /* an escape is never shorter than what it means */
	if (!out)
		return bad(r);
	while (r->at < end) {
		uint8_t c = r->in.p[r->at++];

		if (c < 0x20)
			return bad(r);
		if (c != '\\')
			*p++ = c;
		else if (!(p = escape(r, p)))
			return bad(r);
	}
	r->at = end + 1;
	*ret = (struct slice){ out, (size_t)(p - out) };
	return 0;
}

/* --- the rest ------------------------------------------------------------------------------------- */

static int word(struct reading *r, const char *w, enum json_kind kind, struct json *ret)
{
	struct slice s = slice_str(w);

	if (!slice_starts(slice_cut(r->in, r->at, r->in.n), s))
		return bad(r);
	r->at += s.n;
	ret->kind = kind;
	return 0;
}

static size_t digits(struct reading *r)
{
	size_t n = 0;

	for (; peek(r) >= '0' && peek(r) <= '9'; n++)
		r->at++;
	return n;
}

static int number(struct reading *r, struct json *ret)
{
	size_t from = r->at;
	struct slice s;
	char *copy;

	(void)take(r, '-');
	if (!digits(r) || (take(r, '.') && !digits(r)))
		return bad(r);
	if (take(r, 'e') || take(r, 'E')) {
		(void)(take(r, '+') || take(r, '-'));
		if (!digits(r))
			return bad(r);
	}
	s = slice_cut(r->in, from, r->at);
	copy = arena_str(r->a, s);
	if (!copy)
		return bad(r);
	ret->kind = JSON_NUMBER;
	ret->text = (struct slice){ (uint8_t *)copy, s.n };
	return 0;
}

/* Members of an object, or elements of an array; r->at is behind the bracket. */
static int members(struct reading *r, unsigned depth, uint8_t close, struct json *ret)
{
	const struct json **link = &ret->first;

	ret->kind = close == '}' ? JSON_OBJECT : JSON_ARRAY;
	blanks(r);
	if (take(r, close))
		return 0;
	for (;;) {
		struct json *m = arena_alloc(r->a, sizeof(*m));

		if (!m)
			return bad(r);
		blanks(r);
		if (close == '}') {
			if (!take(r, '"') || string(r, &m->key) < 0)
				return bad(r);
			blanks(r);
			if (!take(r, ':'))
				return bad(r);
		}
		if (value(r, depth + 1, m) < 0)
			return r->err;
		*link = m;
		link = &m->next;
		blanks(r);
		if (take(r, close))
			return 0;
		if (!take(r, ','))
			return bad(r);
	}
}

static int any(struct reading *r, unsigned depth, struct json *ret)
{
	switch (peek(r)) {
	case '{':
		r->at++;
		return members(r, depth, '}', ret);
	case '[':
		r->at++;
		return members(r, depth, ']', ret);
	case '"':
		r->at++;
		ret->kind = JSON_STRING;
		return string(r, &ret->text);
	case 't':
		return word(r, "true", JSON_TRUE, ret);
	case 'f':
		return word(r, "false", JSON_FALSE, ret);
	case 'n':
		return word(r, "null", JSON_NULL, ret);
	default:
		return number(r, ret);
	}
}

static int value(struct reading *r, unsigned depth, struct json *ret)
{
	size_t from;

	if (depth > DEPTH_MAX)
		return bad(r);
	blanks(r);
	from = r->at;
	if (any(r, depth, ret) < 0)
		return r->err;
	ret->raw = slice_cut(r->in, from, r->at);
	return 0;
}

int json_parse(struct slice in, struct arena *a, const struct json **ret)
{
	struct reading r = { .in = in, .a = a };
	struct json *v = arena_alloc(a, sizeof(*v));

	if (!v)
		return -ENOMEM;
	if (value(&r, 0, v) < 0)
		return r.err;
	blanks(&r);
	if (r.at < in.n)
		return -EBADMSG;
	*ret = v;
	return 0;
}

const struct json *json_get(const struct json *o, const char *key)
{
	struct slice want = slice_str(key);

	if (!o || o->kind != JSON_OBJECT)
		return NULL;
	for (const struct json *m = o->first; m; m = m->next)
		if (slice_eq(m->key, want))
			return m;
	return NULL;
}

const char *json_text(const struct json *v)
{
	return v && v->kind == JSON_STRING ? (const char *)v->text.p : NULL;
}

bool json_u64(const struct json *v, uint64_t *ret)
{
	char *end;
	unsigned long long n;

	if (!v || v->kind != JSON_NUMBER || v->text.p[0] == '-')
		return false;
	errno = 0;
	n = strtoull((const char *)v->text.p, &end, 10);
	if (errno || *end)
		return false;
	*ret = n;
	return true;
}

double json_number(const struct json *v)
{
	return v && v->kind == JSON_NUMBER ? strtod((const char *)v->text.p, NULL) : 0;
}
