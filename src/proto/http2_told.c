/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be told of the streams, one message at a time. */
#include "proto/http2_msg.h"

static bool next_of_content(struct http2_stream *s, struct msg *ret)
{
	for (int side = 0; side < 2; side++) {
		struct http2_half *h = &s->half[side];

		if (!http2_is_content(s, (enum side)side) ||
		    !s->content->next(s->state, (enum side)side, ret))
			continue;
		ret->proto = ret->proto ? ret->proto : s->content->name;
		ret->flags |= ret->role == ROLE_MESSAGE ? 0 : h->msg.flags;
		ret->from = side == SIDE_REQ ? MSG_FROM_CLIENT : MSG_FROM_SERVER;
		ret->half.begin_ns = h->begin_ns;
		h->begin_ns = 0;
		return true;
	}
	return false;
}

static bool next_whole(struct http2_streams *ss, struct http2_stream *s, struct msg *ret)
{
	for (int side = 0; side < 2; side++) {
		struct http2_half *h = &s->half[side];

		if (!h->ended || h->given)
			continue;
		http2_msg_finish(ss->limits, s, (enum side)side, ret);
		h->given = true;
		http2_stream_touched(ss, s);
		return true;
	}
	return false;
}

static bool next_of(struct http2_streams *ss, struct http2_stream *s, struct msg *ret)
{
	if (s->has_extra) {
		*ret = s->extra;
		s->has_extra = false;
		return true;
	}
	if (s->content && next_of_content(s, ret))
		return true;
	if (next_whole(ss, s, ret))
		return true;
	if (!s->owes_end)
		return false;
	s->owes_end = false;
	http2_msg_end(s, ret);
	return true;
}

static bool is_over(const struct http2_stream *s)
{
	const struct http2_half *q = &s->half[SIDE_REQ], *a = &s->half[SIDE_RESP];

	return s->over || (a->given && (q->given || !q->begun));
}

bool http2_streams_next(struct http2_streams *ss, struct msg *ret)
{
	while (!list_empty(&ss->todo)) {
		struct http2_stream *s = LINK_OWNER(ss->todo.prev, struct http2_stream, todo);

		*ret = (struct msg){ 0 };
		if (next_of(ss, s, ret)) {
			ret->key = s->id;
			if (ret->role != ROLE_INTERIM) { /* which may belong to nothing */
				ret->flags |= ss->flags;
				ss->flags = 0;
			}
			return true;
		}
		link_remove(&s->todo);
		if (is_over(s))
			http2_stream_release(ss, s);
	}
	return false;
}
