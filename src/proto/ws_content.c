/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of both bodies go through the parser of websocket.c, which reads payloads as they come; only the start of a
 * frame, or a control frame, that is cut by the end of a piece is held. */
#include "proto/ws_content.h"

#include <stdlib.h>

#include "proto/websocket.h"

struct side_state {
	struct msg head, ready;
	bool has_head, has_ready;
	struct buf carry; /* the start of a frame; */
	size_t need;	  /* so many bytes of it are needed */
	bool astray;	  /* a frame's start has to be found */
	bool dead;	  /* nothing more of it can be read */
	bool ended;
};

struct ws_content {
	struct side_state side[2];
	void *ws; /* of proto_websocket */
	unsigned flags;
	bool answered, refused, cut, over, end_given;
};

static bool is(const struct flow_half *req, const struct flow_half *resp)
{
	(void)resp;
	if (!req || !req->op || strcmp(req->op, "CONNECT") != 0)
		return false;
	for (size_t i = 0; i < req->nheaders; i++)
		if (strcmp(req->headers[i].key, ":protocol") == 0)
			return strcmp(req->headers[i].value, "websocket") == 0;
	return false;
}

static void *open_content(const struct proto_limits *limits)
{
	struct ws_content *c = calloc(1, sizeof(*c));

	if (c)
		c->ws = calloc(1, proto_websocket.state_size);
	if (!c || !c->ws) {
		free(c);
		return NULL;
	}
	proto_websocket.init(c->ws, limits);
	return c;
}

static void head(void *content, enum side side, struct msg *m)
{
	struct ws_content *c = content;
	struct side_state *s = &c->side[side];

	s->head = *m;
	m->arena = NULL;
	s->has_head = true;
	s->head.streams = true;
	if (side == SIDE_REQ)
		return;
	c->answered = true;
	if (s->head.half.status && s->head.half.status[0] == '2')
		websocket_agreed(c->ws, ws_options_read(s->head.half.headers, s->head.half.nheaders));
	else
		c->refused = c->side[0].dead = c->side[1].dead = true;
}

/* What came of a message that cannot be finished. */
static void give_up(struct ws_content *c, enum side side)
{
	struct side_state *s = &c->side[side];
	struct msg m = { 0 };

	buf_clear(&s->carry);
	s->need = 0;
	if (!proto_websocket.end(c->ws, side, PROTO_END_LOST, &m))
		return;
	if (s->has_ready) { /* one waits already: asked for after each piece, so it does not */
		arena_free(m.arena);
		c->flags |= FLOW_TRUNCATED;
		return;
	}
	s->ready = m;
	s->has_ready = true;
}

/* Reads from the front of in.  How many bytes were used; *ret_need: how many it wants before it can go on, or 0. */
static size_t read_some(struct ws_content *c, enum side side, struct slice in, size_t *ret_need)
{
	struct side_state *s = &c->side[side];
	struct msg m = { 0 };
	struct parse r = proto_websocket.parse(c->ws, side, in, &m);

	*ret_need = r.kind == PARSE_MORE ? r.need : 0;
	if (r.kind == PARSE_BAD) {
		c->flags |= FLOW_BAD_FRAMING;
		s->astray = true;
		give_up(c, side);
		return 1;
	}
	if (r.kind == PARSE_MSG) {
		s->ready = m;
		s->has_ready = true;
	}
	return r.used < in.n ? r.used : in.n;
}

static size_t find_start(struct ws_content *c, enum side side, struct slice in)
{
	size_t at = proto_websocket.resync(c->ws, side, in, 0);

	c->side[side].astray = at == in.n;
	return at;
}

static size_t take(void *content, enum side side, struct slice in)
{
	struct ws_content *c = content;
	struct side_state *s = &c->side[side];
	size_t used = 0;

	while (used < in.n && !s->has_ready && !s->dead && !c->over) {
		struct slice rest = slice_cut(in, used, in.n);
		size_t n, need;

		if (s->astray) {
			used += find_start(c, side, rest);
		} else if (s->carry.n > 0) {
			n = s->need - s->carry.n < rest.n ? s->need - s->carry.n : rest.n;
			buf_put(&s->carry, slice_cut(rest, 0, n));
			used += n;
			if (s->carry.failed) {
				c->flags |= FLOW_TRUNCATED;
				s->dead = true;
			} else if (s->carry.n >= s->need) {
				n = read_some(c, side, buf_slice(&s->carry), &need);
				s->need = need;
				buf_drop(&s->carry, n < s->carry.n ? n : s->carry.n);
			}
		} else {
			used += read_some(c, side, rest, &need);
			if (need) {
				s->need = need;
				buf_put(&s->carry, slice_cut(in, used, in.n));
				used = in.n;
			}
		}
	}
	return s->has_ready ? used : in.n;
}

static void lost(void *content, enum side side, uint64_t n)
{
	struct ws_content *c = content;
	struct side_state *s = &c->side[side];

	c->flags |= FLOW_AFTER_GAP;
	if (s->dead || c->over)
		return;
	buf_clear(&s->carry);
	s->need = 0;
	if (proto_websocket.lost(c->ws, side, n ? n : UINT64_MAX))
		return;
	s->dead = n == 0;
	s->astray = true;
	give_up(c, side);
}

static void end(void *content, enum side side, const struct flow_attr *trailers, size_t n, bool cut,
		const char *reset)
{
	struct ws_content *c = content;
	struct side_state *s = &c->side[side];
	struct msg m = { 0 };

	(void)trailers;
	(void)n;
	s->ended = true;
	c->cut |= cut || reset;
	if (c->over || !proto_websocket.end(c->ws, side, c->cut ? PROTO_END_RESET : PROTO_END_CLOSED, &m))
		return;
	if (m.role == ROLE_END) {
		c->cut |= m.cut && !c->refused;
	} else if (!s->has_ready) {
		m.ends = false; /* its end follows by itself */
		s->ready = m;
		s->has_ready = true;
	} else {
		arena_free(m.arena);
		c->flags |= FLOW_TRUNCATED;
	}
}

static bool next(void *content, enum side side, struct msg *ret)
{
	struct ws_content *c = content;
	struct side_state *s = &c->side[side];

	if (s->has_head) {
		*ret = s->head;
		s->head = (struct msg){ 0 };
		s->has_head = false;
		return true;
	}
	if (s->has_ready) {
		*ret = s->ready;
		s->ready = (struct msg){ 0 };
		s->has_ready = false;
		if (ret->ends) {
			c->over = c->end_given = true;
			ret->flags |= c->flags;
		}
		return true;
	}
	if (!c->side[0].ended || !c->side[1].ended || c->side[!side].has_ready || c->side[!side].has_head ||
	    c->end_given)
		return false;
	c->end_given = true;
	*ret = (struct msg){ .role = ROLE_END, .cut = c->cut || !c->answered, .flags = c->flags };
	return true;
}

static size_t held(const void *content)
{
	const struct ws_content *c = content;
	size_t n = sizeof(*c) + proto_websocket.state_size + proto_websocket.held(c->ws);

	for (size_t i = 0; i < 2; i++) {
		n += c->side[i].head.arena ? arena_used(c->side[i].head.arena) : 0;
		n += c->side[i].ready.arena ? arena_used(c->side[i].ready.arena) : 0;
	}
	return n;
}

static void close_content(void *content)
{
	struct ws_content *c = content;

	if (!c)
		return;
	for (size_t i = 0; i < 2; i++) {
		arena_free(c->side[i].head.arena);
		arena_free(c->side[i].ready.arena);
		buf_release(&c->side[i].carry);
	}
	proto_websocket.done(c->ws);
	free(c->ws);
	free(c);
}

const struct content content_websocket = {
	.name = "websocket",
	.is = is,
	.open = open_content,
	.head = head,
	.take = take,
	.lost = lost,
	.end = end,
	.next = next,
	.held = held,
	.close = close_content,
};
