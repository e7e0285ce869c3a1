/* SPDX-License-Identifier: Apache-2.0 */
/* One side of a call as a half of a flow. */
#include "proto/grpc_call.h"

const char *grpc_own(struct arena *a, const char *s)
{
	return s && a ? arena_str(a, slice_str(s)) : NULL;
}

static const struct flow_attr *copy_pairs(struct arena *a, const struct flow_attr *from, size_t n)
{
	struct flow_attr *to = n ? arena_alloc(a, n * sizeof(*to)) : NULL;

	for (size_t i = 0; to && i < n; i++) {
		to[i].key = arena_str(a, slice_str(from[i].key));
		to[i].value = arena_str(a, slice_str(from[i].value));
		if (!to[i].key || !to[i].value)
			return NULL;
	}
	return to;
}

/* The body of the only message so far, copied into a. */
static void put_body(struct grpc_side *s, struct arena *a, struct msg *out)
{
	struct flow_body *b = &out->half.body;

	b->len += s->frames.counted;
	if (s->streams || s->n == 0)
		return;
	out->flags |= s->first.flags;
	b->len += s->first_body.len;
	b->captured = s->first_body.captured;
	b->encoding = grpc_own(a, s->first_body.encoding);
	b->data = arena_copy(a, s->first_body.data);
	b->shown = arena_copy(a, s->first_body.shown);
	if (b->data.n < s->first_body.data.n)
		out->flags |= FLOW_TRUNCATED;
}

/* The attributes of HTTP, then gRPC's. */
static void put_attrs(struct grpc_side *s, struct arena *a, struct flow_half *h)
{
	size_t n = s->half.nattrs + s->nattrs;
	struct flow_attr *all = n ? arena_alloc(a, n * sizeof(*all)) : NULL;

	if (!all)
		return;
	if (s->half.nattrs)
		memcpy(all, s->half.attrs, s->half.nattrs * sizeof(*all));
	if (s->nattrs)
		memcpy(all + s->half.nattrs, s->attrs, s->nattrs * sizeof(*all));
	h->attrs = all;
	h->nattrs = n;
}

/* A half that goes on: a copy of what there is. */
static void copy_half(enum side side, struct arena *a, struct flow_half *h)
{
	/* HTTP's 200 says nothing about a call; its status comes at its end. */
	if (side == SIDE_RESP && h->status && strcmp(h->status, "200") == 0)
		h->status = h->reason = NULL;
	h->op = grpc_own(a, h->op);
	h->target = grpc_own(a, h->target);
	h->status = grpc_own(a, h->status);
	h->reason = grpc_own(a, h->reason);
	h->body.type = grpc_own(a, h->body.type);
	h->headers = copy_pairs(a, h->headers, h->nheaders);
	h->attrs = copy_pairs(a, h->attrs, h->nattrs);
	h->nheaders = h->headers ? h->nheaders : 0;
	h->nattrs = h->attrs ? h->nattrs : 0;
}

void grpc_give_half(struct grpc_call *c, enum side side, bool whole, struct msg *out)
{
	struct grpc_side *s = &c->side[side];
	size_t max = GRPC_COPY_MAX + s->first_body.data.n + s->first_body.shown.n;
	struct arena *a = whole && s->arena ? s->arena : arena_new(max);

	*out = (struct msg){ .role = side == SIDE_REQ ? ROLE_REQUEST : ROLE_RESPONSE,
			     .flags = s->flags,
			     .failed = whole && s->failed,
			     .streams = s->streams,
			     .partial = !whole,
			     .cut = whole && s->cut,
			     .half = s->half,
			     .arena = a };
	if (whole)
		s->arena = NULL;
	if (!a) {
		out->half = (struct flow_half){ 0 };
		out->flags |= FLOW_TRUNCATED;
		return;
	}
	arena_limit(a, max);
	put_attrs(s, a, &out->half);
	if (!whole)
		copy_half(side, a, &out->half);
	put_body(s, a, out);
	if (arena_short(a))
		out->flags |= FLOW_TRUNCATED;
	if (whole) {
		arena_free(s->first.arena);
		s->first.arena = NULL;
	}
}
