/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http2_msg.h"

#define TRAILERS_MAX 64
#define ATTRS_MAX    10 /* beside trailers */

struct arena *http2_msg_arena(const struct proto_limits *lim)
{
	/* A field of two bytes on the wire may be 4 KB of text, and costs pointers; trailers come once more. */
	size_t heads = 16 * lim->head_bytes + 65536, body = lim->body_bytes + lim->body_bytes / 2;

	return arena_new(heads + body + lim->decoded_bytes + FLOW_SHOWN_MAX);
}

/* --- heads ------------------------------------------------------------------------------------------- */

static const char *find(const struct hpack_fields *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++) {
		const char *key = f->list[i].key;

		if (key[0] == name[0] && key[1] == name[1] && strcmp(key, name) == 0)
			return f->list[i].value;
	}
	return NULL;
}

static const char *encodings(struct arena *a, const struct hpack_fields *f)
{
	const char *all = NULL;

	for (size_t i = 0; i < f->n; i++) {
		if (strcmp(f->list[i].key, "content-encoding") != 0)
			continue;
		all = all ? arena_printf(a, "%s, %s", all, f->list[i].value) : f->list[i].value;
	}
	return all;
}

static void read_fields(struct msg *m, enum side side, struct arena *a,
			const struct hpack_fields *f)
{
	struct flow_half *half = &m->half;

	half->headers = f->list;
	half->nheaders = f->n;
	half->body.type = find(f, "content-type");
	half->body.encoding = encodings(a, f);
	if (side == SIDE_REQ) {
		half->op = find(f, ":method");
		half->target = find(f, ":path");
		if (!half->target && half->op && strcmp(half->op, "CONNECT") == 0)
			half->target = find(f, ":authority");
		half->op = half->op ? half->op : HPACK_UNKNOWN;
		half->target = half->target ? half->target : HPACK_UNKNOWN;
	} else {
		half->status = find(f, ":status");
		m->failed = half->status && half->status[0] >= '4' && half->status[0] <= '9' &&
			    half->status[1] && half->status[2];
		half->status = half->status ? half->status : HPACK_UNKNOWN;
	}
}

void http2_msg_begin(struct http2_half *h, enum side side, const struct http2_head *head)
{
	struct msg *m = &h->msg;

	m->role = side == SIDE_REQ ? ROLE_REQUEST : ROLE_RESPONSE;
	m->arena = head->arena;
	m->flags |= head->flags;
	h->begin_ns = head->begin_ns;
	h->unknown = head->fields.unknown;
	if (head->fields.cut || !head->arena)
		m->flags |= FLOW_TRUNCATED;
	if (head->fields.odd)
		m->flags |= FLOW_BAD_FRAMING;
	if (m->arena)
		read_fields(m, side, m->arena, &head->fields);
}

void http2_msg_trailers(struct http2_half *h, const struct hpack_fields *f)
{
	struct arena *a = h->msg.arena;
	size_t n = f->n < TRAILERS_MAX ? f->n : TRAILERS_MAX;

	if (n < f->n || f->cut)
		h->msg.flags |= FLOW_TRUNCATED;
	h->trailers = a && n ? arena_alloc(a, n * sizeof(*h->trailers)) : NULL;
	if (!h->trailers) {
		h->msg.flags |= n ? FLOW_TRUNCATED : 0;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		const char *key = arena_printf(a, "trailer:%s", f->list[i].key);
		const char *value = arena_str(a, slice_str(f->list[i].value));

		if (key && value)
			h->trailers[h->ntrailers++] = (struct flow_attr){ key, value };
		else
			h->msg.flags |= FLOW_TRUNCATED;
	}
	h->unknown += f->unknown;
}

bool http2_head_is_trailers(const struct hpack_fields *f)
{
	return f->n > 0 && f->list[0].key[0] != ':' && strcmp(f->list[0].key, HPACK_UNKNOWN) != 0;
}

bool http2_head_is_interim(const struct http2_head *head)
{
	const struct hpack_fields *f = &head->fields;

	return !head->last && f->n > 0 && strcmp(f->list[0].key, ":status") == 0 &&
	       f->list[0].value[0] == '1' && strlen(f->list[0].value) == 3;
}

/* --- attributes ---------------------------------------------------------------------------------------- */

static void put(struct flow_attr *list, size_t *n, const char *key, const char *value)
{
	if (value)
		list[(*n)++] = (struct flow_attr){ key, value };
}

void http2_msg_attrs(const struct http2_stream *s, enum side side, struct msg *m)
{
	const struct http2_half *h = &s->half[side];
	const struct hpack_fields f = { (struct flow_attr *)(uintptr_t)m->half.headers,
					m->half.nheaders, 0, false, false };
	struct arena *a = m->arena;
	struct flow_attr *list;
	size_t n = 0;

	list = a ? arena_alloc(a, (ATTRS_MAX + h->ntrailers) * sizeof(*list)) : NULL;
	if (!list)
		return;
	put(list, &n, "version", "2");
	put(list, &n, "stream", arena_u64(a, s->id));
	if (side == SIDE_REQ) {
		put(list, &n, "scheme", find(&f, ":scheme"));
		put(list, &n, "protocol", find(&f, ":protocol"));
		if (s->promised_by)
			put(list, &n, "pushed_on", arena_u64(a, s->promised_by));
	}
	if (s->guessed)
		put(list, &n, "guessed", "framing");
	if (h->unknown)
		put(list, &n, "unknown_fields", arena_u64(a, h->unknown));
	if (m->cut && s->why) {
		put(list, &n, s->why, arena_str(a, slice_str(s->reset)));
		put(list, &n, "reset_by", s->by);
	}
	for (size_t i = 0; i < h->ntrailers; i++)
		list[n++] = h->trailers[i];
	m->half.attrs = list;
	m->half.nattrs = n;
}

/* --- messages ------------------------------------------------------------------------------------------ */

void http2_msg_partial(const struct http2_stream *s, enum side side, struct msg *ret)
{
	const struct http2_half *h = &s->half[side];

	*ret = h->msg;
	ret->partial = true;
	ret->half.begin_ns = h->begin_ns;
	if (!ret->arena)
		return;
	(void)arena_share(ret->arena);
	http2_msg_attrs(s, side, ret);
	if (arena_short(ret->arena))
		ret->flags |= FLOW_TRUNCATED;
}

void http2_msg_finish(const struct proto_limits *lim, struct http2_stream *s, enum side side,
		      struct msg *ret)
{
	struct http2_half *h = &s->half[side];

	http_body_decode(&h->body, &h->msg, h->msg.half.body.encoding, lim);
	http2_msg_attrs(s, side, &h->msg);
	if (h->msg.arena && arena_short(h->msg.arena))
		h->msg.flags |= FLOW_TRUNCATED;
	h->msg.failed |= s->failed;
	s->said_why |= h->msg.cut;
	*ret = h->msg;
	ret->half.begin_ns = h->begin_ns;
	h->msg = (struct msg){ .cut = h->msg.cut };
}

void http2_msg_end(struct http2_stream *s, struct msg *ret)
{
	size_t n = 0;

	*ret = (struct msg){ .role = ROLE_END, .failed = s->failed, .cut = s->end_cut };
	if (!s->why || s->said_why)
		return;
	put(s->end_attrs, &n, s->why, s->reset);
	put(s->end_attrs, &n, "reset_by", s->by);
	ret->half.attrs = s->end_attrs;
	ret->half.nattrs = n;
}
