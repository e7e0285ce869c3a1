/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http_body.h"

#include "proto/binary_body.h"
#include "proto/coding.h"

void http_body_keep(struct http_body *k, struct msg *m, struct slice s,
		    const struct proto_limits *lim)
{
	struct flow_body *b = &m->half.body;
	size_t room = b->captured < lim->body_bytes ? lim->body_bytes - b->captured : 0;
	size_t n = s.n < room ? s.n : room;
	uint8_t *p;

	b->len += s.n;
	if (n < s.n)
		m->flags |= FLOW_TRUNCATED;
	if (n == 0 || k->full)
		return;
	if (lim->unread_bodies && !b->encoding) { /* else it is undone, to see that it can be */
		b->captured += n;
		return;
	}
	p = m->arena ? arena_grow(m->arena, (void *)(uintptr_t)b->data.p, b->data.n, b->data.n + n)
		     : NULL;
	if (!p) {
		m->flags |= FLOW_TRUNCATED;
		k->full = true;
		return;
	}
	memcpy(p + b->data.n, s.p, n);
	b->data = (struct slice){ p, b->data.n + n };
	b->captured = b->data.n;
}

bool http_body_full(const struct http_body *k, const struct msg *m, const struct proto_limits *lim)
{
	return !m->arena || k->full || m->half.body.captured >= lim->body_bytes;
}

void http_body_lost(struct http_body *k, struct msg *m, uint64_t n, bool spare)
{
	m->half.body.len += n;
	if (spare) {
		m->flags |= FLOW_TRUNCATED;
		return;
	}
	m->flags |= FLOW_AFTER_GAP;
	if (!k->hole)
		k->whole = m->half.body.data.n;
	k->hole = true;
}

static void show(const struct http_body *k, struct msg *m, bool coded, const struct proto_limits *lim)
{
	struct flow_body *b = &m->half.body;
	bool partial = k->hole || m->cut || b->captured < b->len || m->flags & FLOW_TRUNCATED;
	struct slice in = k->hole && !coded ? slice_cut(b->data, 0, k->whole) : b->data;

	if (!(m->flags & FLOW_DECODE_ERROR) && !binary_body_show(b, in, m->arena, partial, lim))
		m->flags |= FLOW_TRUNCATED;
}

static void undo_codings(const struct http_body *k, struct msg *m, const char *list,
			 const struct proto_limits *lim)
{
	struct flow_body *b = &m->half.body;
	bool partial = k->hole || m->cut || b->captured < b->len;
	struct slice in = k->hole ? slice_cut(b->data, 0, k->whole) : b->data;

	if (!list || in.n == 0 || !m->arena)
		return;
	switch (coding_undo(m->arena, slice_str(list), in, lim->decoded_bytes, partial, &b->data)) {
	case CODING_OK:
		break;
	case CODING_CUT:
		m->flags |= FLOW_TRUNCATED;
		break;
	case CODING_ERROR:
		m->flags |= FLOW_DECODE_ERROR;
		break;
	case CODING_NOMEM:
		m->flags |= FLOW_DECODE_ERROR | FLOW_TRUNCATED;
		break;
	}
}

void http_body_decode(const struct http_body *k, struct msg *m, const char *list,
		      const struct proto_limits *lim)
{
	undo_codings(k, m, list, lim);
	show(k, m, list != NULL, lim);
}
