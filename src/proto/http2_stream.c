/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http2_stream.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/spare.h"
#include "proto/grpc.h"
#include "proto/grpc_frames.h"
#include "proto/http2_frame.h"
#include "proto/http2_msg.h"

#define LOST_PATIENCE \
	200 /* streams opened since a loss, before one that said nothing since is given up */

_Static_assert(sizeof(struct http2_stream) <= SPARE_BYTES, "a stream is one block");

void http2_streams_init(struct http2_streams *ss, const struct proto_limits *limits)
{
	ss->limits = limits;
	list_init(&ss->all);
	list_init(&ss->todo);
}

struct http2_stream *http2_stream_find(const struct http2_streams *ss, uint32_t id)
{
	return map_find(&ss->by_id, id);
}

void http2_stream_release(struct http2_streams *ss, struct http2_stream *s)
{
	(void)map_take(&ss->by_id, s->id);
	link_remove(&s->all);
	link_remove(&s->todo);
	if (s->content)
		s->content->close(s->state);
	if (s->has_extra)
		arena_free(s->extra.arena);
	arena_free(s->half[SIDE_REQ].msg.arena);
	arena_free(s->half[SIDE_RESP].msg.arena);
	ss->n--;
	ss->held -= s->held;
	spare_put(s);
}

void http2_streams_release(struct http2_streams *ss)
{
	while (ss->n > 0)
		http2_stream_release(ss, LINK_OWNER(ss->all.next, struct http2_stream, all));
	map_release(&ss->by_id);
}

void http2_stream_touched(struct http2_streams *ss, struct http2_stream *s)
{
	size_t held = sizeof(*s);

	for (size_t i = 0; i < 2; i++)
		held += s->half[i].msg.arena ? arena_used(s->half[i].msg.arena) : 0;
	held += s->content ? s->content->held(s->state) : 0;
	ss->held += held - s->held;
	s->held = held;
	if (!link_listed(&s->todo))
		link_move(&ss->todo, &s->todo);
}

/* --- ends ---------------------------------------------------------------------------------------- */

/* This side says no more. */
static void end_half(struct http2_stream *s, enum side side, bool cut)
{
	struct http2_half *h = &s->half[side];
	static const struct flow_attr none;

	if (h->ended)
		return;
	h->ended = true;
	if (http2_is_content(s, side)) {
		s->content->end(s->state, side, h->trailers ? h->trailers : &none, h->ntrailers,
				cut, s->reset);
		arena_free(h->msg.arena); /* of the trailers */
		h->msg = (struct msg){ .flags = h->msg.flags };
		h->given = true;
	} else if (h->begun) {
		h->msg.cut |= cut;
	} else {
		h->given = true;
	}
}

/* Both sides end with what there is; flag: why, or 0. */
static void give_up(struct http2_streams *ss, struct http2_stream *s, unsigned flag)
{
	for (int side = 0; side < 2; side++) {
		s->half[side].msg.flags |= flag;
		end_half(s, (enum side)side, false);
	}
	s->over = s->owes_end = true;
	http2_stream_touched(ss, s);
}

/* Streams whose end was among what was lost would stay for ever. */
static void forget_lost(struct http2_streams *ss)
{
	struct link *l = ss->opened % 64 == 0 ? ss->all.prev : &ss->all;

	while (l != &ss->all) {
		struct http2_stream *s = LINK_OWNER(l, struct http2_stream, all);

		l = l->prev;
		if (s->lost && !s->over && ss->opened - s->lost_at > LOST_PATIENCE)
			give_up(ss, s, FLOW_AFTER_GAP);
	}
}

struct http2_stream *http2_stream_new(struct http2_streams *ss, uint32_t id)
{
	struct http2_stream *s = spare_get(), *old;

	if (!s || map_put(&ss->by_id, id, s) < 0) {
		spare_put(s);
		ss->flags |= FLOW_TRUNCATED;
		return NULL;
	}
	if (ss->n >= HTTP2_STREAMS_MAX) {
		old = LINK_OWNER(ss->all.prev, struct http2_stream, all);
		if (!old->over)
			give_up(ss, old, FLOW_TRUNCATED);
	}
	*s = (struct http2_stream){ .id = id };
	link_move(&ss->all, &s->all);
	ss->n++;
	ss->opened++;
	forget_lost(ss);
	return s;
}

/* --- heads ----------------------------------------------------------------------------------------- */

static void take_trailers(struct http2_stream *s, enum side side, struct http2_head *head)
{
	struct http2_half *h = &s->half[side];
	bool owned = false;

	h->msg.flags |= head->flags | (!head->arena || arena_short(head->arena) ? FLOW_TRUNCATED : 0);
	if (!head->last) /* nothing else may follow (RFC 9113, 8.1) */
		h->msg.flags |= FLOW_BAD_FRAMING;
	if (http2_is_content(s, side) && !h->msg.arena) {
		h->msg.arena = head->arena;
		h->trailers = head->fields.list;
		h->ntrailers = head->fields.n;
		owned = true;
	} else if (!h->trailers) {
		http2_msg_trailers(h, &head->fields);
	}
	if (!owned)
		arena_free(head->arena);
	if (head->last)
		end_half(s, side, false);
}

/* Is it the first piece of something that has a life of its own? */
static void choose_content(struct http2_streams *ss, struct http2_stream *s, enum side side)
{
	const struct http2_half *q = &s->half[SIDE_REQ], *a = &s->half[SIDE_RESP];
	/* What was told, and is whole, has gone; its content was asked for then. */
	const struct flow_half *req = q->begun && q->msg.half.op ? &q->msg.half : NULL;
	const struct content *c;

	if (s->content)
		return;
	c = content_of(req, side == SIDE_RESP ? &a->msg.half : NULL);
	s->state = c ? c->open(ss->limits) : NULL;
	if (c && !s->state) {
		s->half[side].msg.flags |= FLOW_TRUNCATED;
		return;
	}
	s->content = c;
	s->asked_plain = c && side == SIDE_RESP && q->begun;
}

static void hand_to_content(struct http2_stream *s, enum side side)
{
	struct http2_half *h = &s->half[side];

	if (!http2_is_content(s, side))
		return;
	h->msg.half.begin_ns = h->begin_ns;
	s->content->head(s->state, side, &h->msg);
	h->msg = (struct msg){ 0 };
}

bool http2_stream_may_guess(const struct http2_streams *ss, const struct http2_stream *s, enum side side)
{
	const struct http2_half *h = s ? &s->half[side] : NULL;

	if (!s)
		return (ss->unseen[side] & FLOW_MIDSTREAM) != 0;
	/* Not by the answer of a request that is none. */
	if (s->content || h->ended || h->msg.half.body.len || h->msg.half.body.type || (side == SIDE_RESP && s->half[SIDE_REQ].begun))
		return false;
	return h->begun ? h->unknown || (h->msg.flags & FLOW_MIDSTREAM) : (ss->unseen[side] & FLOW_MIDSTREAM) != 0;
}

/* gRPC whose content type was among the fields that are not known, or came before capture: told by its framing, and said so. */
static void guess_content(struct http2_streams *ss, struct http2_stream *s, enum side side, struct slice in, size_t frame)
{
	struct http2_half *h = &s->half[side];

	if (in.n < frame || !http2_stream_may_guess(ss, s, side) || !grpc_frames_guess(in))
		return;
	s->state = content_grpc.open(ss->limits);
	if (!s->state)
		return;
	s->content = &content_grpc;
	s->guessed = true;
	http2_msg_attrs(s, side, &h->msg);
	hand_to_content(s, side);
}

static void tell_early(struct http2_stream *s, enum side side)
{
	if (s->has_extra)
		return;
	s->has_extra = true;
	http2_msg_partial(s, side, &s->extra);
}

static void begin(struct http2_streams *ss, struct http2_stream *s, enum side side,
		  struct http2_head *head)
{
	struct http2_half *h = &s->half[side];

	h->begun = true;
	http2_msg_begin(h, side, head);
	choose_content(ss, s, side);
	if (http2_is_content(s, side)) {
		http2_msg_attrs(s, side, &h->msg);
		hand_to_content(s, side);
	} else if (!head->last && !head->at_once) {
		tell_early(s, side);
	}
}

/* Something comes on a stream whose head was not seen. */
static void begin_unseen(struct http2_streams *ss, struct http2_stream *s, enum side side,
			 struct http2_head *unseen)
{
	unseen->arena = http2_msg_arena(ss->limits);
	unseen->flags |= ss->unseen[side];
	begin(ss, s, side, unseen);
}

void http2_stream_head(struct http2_streams *ss, struct http2_stream *s, enum side side,
		       struct http2_head *head)
{
	struct http2_half *h = &s->half[side];

	s->lost = false;
	if (h->ended) {
		arena_free(head->arena);
		return;
	}
	if (side == SIDE_RESP && !h->begun && http2_head_is_interim(head) && !s->has_extra) {
		s->extra = (struct msg){ .role = ROLE_INTERIM, .flags = head->flags };
		s->extra.arena = head->arena;
		s->extra.half.status = head->fields.list[0].value;
		s->extra.half.begin_ns = head->begin_ns;
		s->has_extra = true;
		http2_stream_touched(ss, s);
		return;
	}
	if (!h->begun && http2_head_is_trailers(&head->fields)) { /* its head was not seen */
		struct http2_head unseen = { .flags = head->flags,
					     .begin_ns = head->begin_ns,
					     .last = true };

		begin_unseen(ss, s, side, &unseen);
	}
	if (h->begun) {
		take_trailers(s, side, head);
	} else {
		begin(ss, s, side, head);
		if (head->last)
			end_half(s, side, false);
	}
	http2_stream_touched(ss, s);
}

void http2_stream_promise(struct http2_streams *ss, struct http2_stream *s, uint32_t by,
			  struct http2_head *head)
{
	s->promised_by = by;
	head->last = true;
	http2_stream_head(ss, s, SIDE_REQ, head);
}

void http2_stream_inherit(struct http2_streams *ss, struct http2_stream *s, struct msg *m)
{
	struct http2_half *h = &s->half[SIDE_REQ];

	h->begun = h->ended = h->given = true;
	s->extra = *m;
	s->extra.role = ROLE_REQUEST;
	if (s->extra.arena)
		http2_msg_attrs(s, SIDE_REQ, &s->extra);
	s->has_extra = true;
	http2_stream_touched(ss, s);
}

/* --- bytes ----------------------------------------------------------------------------------------- */

size_t http2_stream_data(struct http2_streams *ss, struct http2_stream *s, enum side side,
			 struct slice in, size_t frame, uint64_t now_ns)
{
	struct http2_half *h = &s->half[side];
	size_t n = in.n;

	s->lost = false;
	if (h->ended)
		return n;
	if (!h->begun) {
		struct http2_head unseen = { .begin_ns = now_ns };

		begin_unseen(ss, s, side, &unseen);
	}
	guess_content(ss, s, side, in, frame);
	if (http2_is_content(s, side)) {
		if (!h->begin_ns)
			h->begin_ns = now_ns;
		n = s->content->take(s->state, side, in);
		if (n == 0 || n > in.n)
			n = in.n;
	} else {
		http_body_keep(&h->body, &h->msg, in, ss->limits);
	}
	http2_stream_touched(ss, s);
	return n;
}

void http2_stream_end(struct http2_streams *ss, struct http2_stream *s, enum side side)
{
	struct http2_half *h = &s->half[side];

	if (!h->begun && !h->ended) {
		struct http2_head unseen = { .last = true };

		begin_unseen(ss, s, side, &unseen);
	}
	end_half(s, side, false);
	http2_stream_touched(ss, s);
}

void http2_stream_lost(struct http2_streams *ss, struct http2_stream *s, enum side side, uint64_t n,
		       bool spare)
{
	struct http2_half *h = &s->half[side];

	if (h->ended || !h->begun)
		return;
	if (http2_is_content(s, side))
		s->content->lost(s->state, side, n);
	else
		http_body_lost(&h->body, &h->msg, n, spare);
	http2_stream_touched(ss, s);
}

void http2_streams_lost(struct http2_streams *ss, enum side side)
{
	struct link *l, *next;

	for (l = ss->all.next; l != &ss->all; l = next) {
		struct http2_stream *s = LINK_OWNER(l, struct http2_stream, all);

		next = l->next;
		if (s->half[side].ended)
			continue;
		s->lost = true;
		s->lost_at = ss->opened;
		s->half[side].msg.flags |= FLOW_AFTER_GAP;
		http2_stream_lost(ss, s, side, 0, false);
	}
}

/* --- the end before the end ---------------------------------------------------------------------- */

void http2_stream_reset(struct http2_streams *ss, struct http2_stream *s, enum side by,
			uint32_t number, const char *why, uint64_t now_ns)
{
	static const char *const who[] = { "client", "server" };
	const struct http2_half *a = &s->half[SIDE_RESP];
	/* The answer is complete, the rest of the request is not wanted (RFC 9113, 8.1). */
	bool enough = number == 0 && a->ended && !a->msg.cut;

	if (s->over)
		return;
	s->reset = http2_error_name(number);
	if (!s->reset) {
		snprintf(s->code, sizeof(s->code), "0x%x", number);
		s->reset = s->code;
	}
	s->why = why;
	s->by = who[by];
	/* Changing one's mind is no failure. */
	s->failed = number != 0 && number != HTTP2_CANCEL;
	if (s->content && s->content->reset)
		s->content->reset(s->state, by, now_ns);
	/* Who reads a body's pieces as messages wants to know whether their sender had said it all. */
	end_half(s, by, !enough || !s->content);
	end_half(s, by == SIDE_REQ ? SIDE_RESP : SIDE_REQ, !enough || !s->content);
	s->end_cut = !enough;
	s->over = s->owes_end = true;
	http2_stream_touched(ss, s);
}

void http2_streams_close(struct http2_streams *ss, enum side side)
{
	struct link *l, *next;

	for (l = ss->all.next; l != &ss->all; l = next) {
		struct http2_stream *s = LINK_OWNER(l, struct http2_stream, all);

		next = l->next;
		if (!s->half[side].begun || s->half[side].ended)
			continue;
		end_half(s, side, true);
		http2_stream_touched(ss, s);
	}
}

void http2_streams_leave(struct http2_streams *ss, enum side by, uint32_t after, uint32_t code,
			 bool all)
{
	struct link *l, *next;

	for (l = ss->all.next; l != &ss->all; l = next) {
		struct http2_stream *s = LINK_OWNER(l, struct http2_stream, all);
		bool asked = (s->id & 1) == (by == SIDE_RESP); /* by who is told to go away */

		next = l->next;
		if (all || (asked && s->id > after))
			http2_stream_reset(ss, s, by, code, "goaway", 0);
	}
}
