/* SPDX-License-Identifier: Apache-2.0 */
#include "toy.h"

#include <stdlib.h>

#define HEAD_MAX 64

struct toy_dir {
	bool in_body, until_end, astray, gap;
	uint64_t left, len;
	enum role role;
	char name[HEAD_MAX];
};

struct toy {
	struct toy_dir dir[2];
	const struct proto_limits *limits;
};

struct head {
	char type;
	struct slice name;
	uint64_t num;
	size_t used;
};

static bool small(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* -1: no head; 0: not complete; 1: *ret. */
static int read_head(struct slice in, const char *types, struct head *ret)
{
	size_t at = 1, colon = 0;
	uint64_t num = 0;

	if (in.n == 0)
		return 0;
	if (!strchr(types, in.p[0]) || in.p[0] == 0)
		return -1;
	for (; at < in.n && in.p[at] != '\n'; at++) {
		if (at == HEAD_MAX - 1 || !(small(in.p[at]) || (in.p[at] == ':' && !colon)))
			return -1;
		if (in.p[at] == ':')
			colon = at;
		else if (colon && (in.p[at] < '0' || in.p[at] > '9' || at - colon > 9))
			return -1;
		else if (colon)
			num = num * 10 + (uint64_t)(in.p[at] - '0');
	}
	if (at == in.n)
		return 0;
	if (at == 1 || colon == 1 || (strchr("QA", in.p[0]) && (!colon || colon + 1 == at)))
		return -1;
	*ret = (struct head){ (char)in.p[0], slice_cut(in, 1, colon ? colon : at), num, at + 1 };
	return 1;
}

static const char *types_of(enum side side)
{
	return side == SIDE_REQ ? "QS" : "ACITU";
}

static enum probe line_probe(enum side side, struct slice in)
{
	struct head h;
	int rc = read_head(in, types_of(side), &h);

	return rc < 0 ? PROBE_NO : rc == 0 ? PROBE_MAYBE : PROBE_YES;
}

static void fill(const struct toy_dir *d, enum side side, struct msg *out)
{
	out->role = d->role;
	out->flags = d->gap ? FLOW_AFTER_GAP : 0;
	out->arena = arena_new(4096);
	if (out->arena && side == SIDE_REQ)
		out->half.target = arena_str(out->arena, slice_str(d->name));
	else if (out->arena)
		out->half.status = arena_str(out->arena, slice_str(d->name));
	out->half.body.len = d->len;
}

static struct parse whole(struct toy_dir *d, enum side side, size_t used, struct msg *out)
{
	fill(d, side, out);
	*d = (struct toy_dir){ 0 };
	return (struct parse){ .kind = PARSE_MSG, .used = used };
}

static struct parse body(struct toy_dir *d, enum side side, struct slice in, struct msg *out)
{
	size_t n = !d->until_end && d->left < in.n ? (size_t)d->left : in.n;

	d->len += n;
	d->left -= d->until_end ? 0 : n;
	if (!d->until_end && d->left == 0)
		return whole(d, side, n, out);
	return (struct parse){ .kind = n ? PARSE_SKIP : PARSE_MORE, .used = n };
}

static struct parse line_parse(void *state, enum side side, struct slice in, struct msg *out)
{
	struct toy_dir *d = &((struct toy *)state)->dir[side];
	struct parse r = { .kind = PARSE_MORE };
	struct head h;
	int rc;

	if (d->in_body)
		return body(d, side, in, out);
	rc = read_head(in, types_of(side), &h);
	if (rc <= 0)
		return (struct parse){ .kind = rc < 0 ? PARSE_BAD : PARSE_MORE };
	memcpy(d->name, h.name.p, h.name.n);
	d->name[h.name.n] = '\0';
	d->role = side == SIDE_REQ ? ROLE_REQUEST : h.type == 'I' ? ROLE_INTERIM : ROLE_RESPONSE;
	d->left = h.num;
	d->until_end = h.type == 'C';
	d->in_body = h.num > 0 || d->until_end;
	if (h.type == 'T' || h.type == 'U') {
		r = whole(d, side, h.used, out);
		r.kind = PARSE_STOP;
		r.has_msg = true;
		r.next = h.type == 'T' ? &toy_key : NULL;
		return r;
	}
	if (!d->in_body)
		return whole(d, side, h.used, out);
	r = body(d, side, slice_cut(in, h.used, in.n), out);
	if (r.kind != PARSE_MSG) {
		fill(d, side, out);
		out->partial = true;
		r.kind = PARSE_MSG;
	}
	r.used += h.used;
	return r;
}

static size_t resync(struct slice in, size_t from, const char *types)
{
	struct head h;

	for (size_t i = from; i < in.n; i++)
		if (read_head(slice_cut(in, i, in.n), types, &h) >= 0)
			return i;
	return in.n;
}

static size_t line_resync(void *state, enum side side, struct slice in, size_t from)
{
	((struct toy *)state)->dir[side] = (struct toy_dir){ 0 };
	return resync(in, from, types_of(side));
}

static bool line_lost(void *state, enum side side, uint64_t n)
{
	struct toy_dir *d = &((struct toy *)state)->dir[side];

	if (!d->in_body || (!d->until_end && n > d->left))
		return false;
	d->gap = true;
	d->len += n;
	d->left -= d->until_end ? 0 : n;
	return true;
}

static bool line_end(void *state, enum side side, enum proto_end how, struct msg *out)
{
	struct toy_dir *d = &((struct toy *)state)->dir[side];

	if (!d->in_body)
		return false;
	fill(d, side, out);
	out->cut = how != PROTO_END_CLOSED || !d->until_end;
	*d = (struct toy_dir){ 0 };
	return true;
}

static const char *key_types(enum side side)
{
	return side == SIDE_REQ ? "K" : "R";
}

static enum probe key_probe(enum side side, struct slice in)
{
	struct head h;
	int rc = read_head(in, key_types(side), &h);

	return rc < 0 ? PROBE_NO : rc == 0 ? PROBE_MAYBE : PROBE_YES;
}

/* The key is the name of the head, the name its number. */
static struct parse key_parse(void *state, enum side side, struct slice in, struct msg *out)
{
	struct head h;
	int rc = read_head(in, key_types(side), &h);
	const char *text;

	(void)state;
	if (rc <= 0)
		return (struct parse){ .kind = rc < 0 ? PARSE_BAD : PARSE_MORE };
	out->role = side == SIDE_REQ ? ROLE_REQUEST : ROLE_RESPONSE;
	for (size_t i = 0; i < h.name.n; i++)
		out->key = out->key * 256 + h.name.p[i];
	out->arena = arena_new(4096);
	text = out->arena ? arena_str(out->arena, h.name) : NULL;
	if (side == SIDE_REQ)
		out->half.target = text;
	else
		out->half.status = text;
	return (struct parse){ .kind = PARSE_MSG, .used = h.used };
}

static size_t key_resync(void *state, enum side side, struct slice in, size_t from)
{
	(void)state;
	return resync(in, from, key_types(side));
}

const struct proto toy_line = { .name = "line",
				.match = MATCH_ORDER,
				.state_size = sizeof(struct toy),
				.probe = line_probe,
				.parse = line_parse,
				.resync = line_resync,
				.lost = line_lost,
				.end = line_end,
				.alpn = "line/1" };
const struct proto toy_key = { .name = "key",
			       .match = MATCH_KEY,
			       .probe = key_probe,
			       .parse = key_parse,
			       .resync = key_resync };
const struct proto *const toys[] = { &toy_line, &toy_key, NULL };
