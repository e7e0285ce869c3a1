/* SPDX-License-Identifier: Apache-2.0 */
/* Server-Sent Events (WHATWG HTML, 9.2): the body of an answer of type text/event-stream.
 *
 * An event is a message of the exchange's stream, given out with the empty line that ends it; so is a block that fires no event
 * in a browser (a comment that keeps the connection alive, a retry time).  The body is not kept beside its events.
 * Content codings are undone as the bytes come: what a server flushes is seen at once. */
#include "proto/sse.h"

#include <errno.h>
#include <stdlib.h>

#include "proto/coding_stream.h"

#define PIECE	    4096
#define TEXT_MAX    1024 /* of an event's name, an id, a retry time */
#define ARENA_EXTRA 65536

struct ready {
	struct ready *next;
	struct msg msg;
};

struct sse {
	const struct proto_limits *limits;
	struct msg head;
	bool has_head;
	struct coding_stream *coding; /* NULL: none */
	bool unread;		      /* what comes cannot be read (any more) */
	bool pending;		      /* coding holds more than was asked for */
	struct buf line;	      /* up to its end; */
	uint64_t line_len;	      /* of which so many bytes were seen */
	bool after_cr, first_line;
	bool skipping; /* after a loss: up to the next empty line */
	/* The block at hand. */
	struct msg event;
	struct buf data, comment;
	bool begun, has_data;
	const char *name, *id, *retry;
	uint64_t data_len;
	struct ready *ready, **ready_end;
	size_t held_ready;
	unsigned flags; /* of the end */
	bool ended, cut, end_given;
};

static bool sse_is(const struct flow_half *req, const struct flow_half *resp)
{
	static const struct slice type = SLICE_LIT("text/event-stream");
	struct slice s = slice_str(resp ? resp->body.type : NULL);

	(void)req;
	return s.n >= type.n && slice_eq_nocase(slice_cut(s, 0, type.n), type) &&
	       (s.n == type.n || s.p[type.n] == ';' || s.p[type.n] == ' ') && resp->status &&
	       resp->status[0] == '2';
}

static void *sse_open(const struct proto_limits *limits)
{
	struct sse *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->limits = limits;
	s->ready_end = &s->ready;
	s->first_line = true;
	return s;
}

static void sse_head(void *c, enum side side, struct msg *m)
{
	struct sse *s = c;

	(void)side;
	s->head = *m;
	m->arena = NULL;
	s->head.partial = s->head.streams = true;
	s->has_head = true;
	if (coding_stream_new(slice_str(s->head.half.body.encoding), &s->coding) == 0)
		return;
	s->unread = true;
	s->flags |= FLOW_DECODE_ERROR;
	s->head.flags |= FLOW_DECODE_ERROR;
}

/* --- events --- */

static const char *keep(struct sse *s, struct slice text)
{
	if (text.n > TEXT_MAX)
		s->event.flags |= FLOW_TRUNCATED;
	return s->event.arena ? arena_str(s->event.arena, slice_cut(text, 0, TEXT_MAX)) : NULL;
}

static void begin(struct sse *s)
{
	if (s->begun)
		return;
	s->begun = true;
	s->event = (struct msg){ .role = ROLE_MESSAGE,
				 .flags = s->event.flags,
				 .arena = arena_new(s->limits->body_bytes + ARENA_EXTRA) };
}

static void forget(struct sse *s)
{
	arena_free(s->event.arena);
	s->event = (struct msg){ 0 };
	s->name = s->id = s->retry = NULL;
	s->begun = s->has_data = false;
	s->data_len = 0;
	buf_clear(&s->data);
	buf_clear(&s->comment);
}

static void add_line(struct sse *s, struct buf *to, bool more, struct slice text)
{
	size_t max = s->limits->body_bytes, room = to->n < max ? max - to->n : 0;

	if (more && room > 0)
		buf_puts(to, "\n");
	buf_put(to, slice_cut(text, 0, room > more ? room - more : 0));
}

static void put_attrs(struct sse *s, bool incomplete)
{
	struct flow_attr *attrs = arena_alloc(s->event.arena, 3 * sizeof(*attrs));
	size_t n = 0;

	if (!attrs)
		return;
	if (s->id)
		attrs[n++] = (struct flow_attr){ "id", s->id };
	if (s->retry)
		attrs[n++] = (struct flow_attr){ "retry", s->retry };
	if (incomplete)
		attrs[n++] = (struct flow_attr){ "incomplete", "true" };
	s->event.half.attrs = attrs;
	s->event.half.nattrs = n;
}

/* The block is over; incomplete: no empty line ended it, and a browser drops it. */
static void dispatch(struct sse *s, bool incomplete)
{
	struct ready *r = s->begun ? calloc(1, sizeof(*r)) : NULL;
	struct flow_body *b = &s->event.half.body;
	struct buf *text = s->has_data ? &s->data : &s->comment;

	if (!s->begun)
		return;
	if (!r) {
		s->flags |= FLOW_TRUNCATED;
		forget(s);
		return;
	}
	s->event.half.op = s->has_data ? (s->name ? s->name : "message") :
			   s->comment.n || !(s->id || s->retry || s->name) ? "comment" :
									   "control";
	b->len = s->has_data ? s->data_len : s->comment.n;
	if (s->event.arena) {
		b->data = text->n ? arena_copy(s->event.arena, buf_slice(text)) : (struct slice){ 0 };
		b->captured = b->data.n;
		put_attrs(s, incomplete);
	}
	if (!s->event.arena || text->failed || arena_short(s->event.arena) || b->captured < b->len)
		s->event.flags |= FLOW_TRUNCATED;
	r->msg = s->event;
	s->held_ready += sizeof(*r) + (s->event.arena ? arena_used(s->event.arena) : 0);
	*s->ready_end = r;
	s->ready_end = &r->next;
	s->event = (struct msg){ 0 };
	forget(s);
}

/* --- lines --- */

static void take_field(struct sse *s, struct slice name, struct slice value, uint64_t cut)
{
	if (value.n > 0 && value.p[0] == ' ')
		value = slice_cut(value, 1, value.n);
	begin(s);
	if (slice_eq(name, SLICE_LIT("data"))) {
		add_line(s, &s->data, s->has_data, value);
		s->data_len += value.n + cut + s->has_data;
		s->has_data = true;
	} else if (slice_eq(name, SLICE_LIT("event"))) {
		s->name = keep(s, value);
	} else if (slice_eq(name, SLICE_LIT("id"))) {
		s->id = keep(s, value);
	} else if (slice_eq(name, SLICE_LIT("retry"))) {
		s->retry = keep(s, value);
	}
	if (cut > 0)
		s->event.flags |= FLOW_TRUNCATED;
}

static void end_line(struct sse *s)
{
	struct slice line = buf_slice(&s->line);
	uint64_t cut = s->line_len - line.n;
	size_t colon;

	if (s->first_line && slice_starts(line, SLICE_LIT("\xef\xbb\xbf")))
		line = slice_cut(line, 3, line.n);
	s->first_line = false;
	if (s->line.failed) { /* nobody knows what it said */
		begin(s);
		s->event.flags |= FLOW_TRUNCATED;
		line = SLICE_LIT("?");
	}
	colon = slice_find(line, SLICE_LIT(":"), 0);
	if (line.n == 0) {
		s->skipping = false;
		dispatch(s, false);
	} else if (s->skipping) {
		/* belongs to what was lost */
	} else if (colon == 0) {
		begin(s);
		line = slice_cut(line, line.n > 1 && line.p[1] == ' ' ? 2 : 1, line.n);
		add_line(s, &s->comment, s->comment.n > 0, line);
	} else {
		take_field(s, slice_cut(line, 0, colon), slice_cut(line, colon + 1, line.n), cut);
	}
	buf_clear(&s->line);
	s->line_len = 0;
}

static void take_text(struct sse *s, struct slice in)
{
	while (in.n > 0) {
		size_t n = 0, room;

		if (s->after_cr && in.p[0] == '\n') {
			in = slice_cut(in, 1, in.n);
			s->after_cr = false;
			continue;
		}
		s->after_cr = false;
		while (n < in.n && in.p[n] != '\n' && in.p[n] != '\r')
			n++;
		room = s->limits->body_bytes + 64 - s->line.n;
		buf_put(&s->line, slice_cut(in, 0, n < room ? n : room));
		s->line_len += n;
		if (n < in.n) {
			s->after_cr = in.p[n] == '\r';
			end_line(s);
			n++;
		}
		in = slice_cut(in, n, in.n);
	}
}

/* --- bytes --- */

static void stop_reading(struct sse *s, int why)
{
	s->unread = true;
	s->pending = false;
	s->flags |= why == -ENOMEM ? FLOW_TRUNCATED : FLOW_DECODE_ERROR;
}

/* One piece; takes from the front of *in. */
static void step(struct sse *s, struct slice *in)
{
	uint8_t out[PIECE];
	int n;

	if (s->unread) {
		*in = (struct slice){ 0 };
	} else if (!s->coding) {
		struct slice part = slice_cut(*in, 0, PIECE);

		*in = slice_cut(*in, part.n, in->n);
		take_text(s, part);
	} else {
		n = coding_stream_read(s->coding, in, out, sizeof(out));
		if (n < 0) {
			stop_reading(s, n);
			return;
		}
		s->pending = n == PIECE;
		take_text(s, (struct slice){ out, (size_t)n });
	}
}

static size_t sse_take(void *c, enum side side, struct slice in)
{
	struct sse *s = c;
	size_t n = in.n;

	if (side == SIDE_REQ) /* it has been told already */
		return n;
	while (in.n > 0 && !s->ready)
		step(s, &in);
	return n - in.n;
}

static void sse_lost(void *c, enum side side, uint64_t n)
{
	struct sse *s = c;

	(void)n;
	if (side == SIDE_REQ)
		return;
	s->flags |= FLOW_AFTER_GAP;
	if (s->coding) {
		stop_reading(s, -EBADMSG);
		return;
	}
	s->event.flags |= FLOW_AFTER_GAP;
	if (s->begun)
		dispatch(s, true);
	s->event.flags = FLOW_AFTER_GAP; /* of the next one */
	s->skipping = true;
	s->line_len = 0;
	s->after_cr = false;
	buf_clear(&s->line);
}

static void sse_end(void *c, enum side side, const struct flow_attr *trailers, size_t n, bool cut,
		    const char *reset)
{
	struct sse *s = c;

	(void)trailers;
	(void)n;
	if (side == SIDE_REQ)
		return;
	if (s->line_len > 0 && !s->skipping)
		end_line(s);
	dispatch(s, true);
	s->ended = true;
	s->cut = cut || reset;
}

static bool sse_next(void *c, enum side side, struct msg *ret)
{
	struct sse *s = c;
	struct slice none = { 0 };
	struct ready *r;

	if (side == SIDE_REQ)
		return false;
	if (s->has_head) {
		*ret = s->head;
		s->head = (struct msg){ 0 };
		s->has_head = false;
		return true;
	}
	while (!s->ready && s->pending)
		step(s, &none);
	r = s->ready;
	if (r) {
		*ret = r->msg;
		s->held_ready -= sizeof(*r) + (r->msg.arena ? arena_used(r->msg.arena) : 0);
		s->ready = r->next;
		if (!s->ready)
			s->ready_end = &s->ready;
		free(r);
		return true;
	}
	if (!s->ended || s->end_given)
		return false;
	s->end_given = true;
	*ret = (struct msg){ .role = ROLE_END, .cut = s->cut, .flags = s->flags };
	return true;
}

static size_t sse_held(const void *c)
{
	const struct sse *s = c;

	return sizeof(*s) + s->line.cap + s->data.cap + s->comment.cap + s->held_ready +
	       (s->head.arena ? arena_used(s->head.arena) : 0) +
	       (s->event.arena ? arena_used(s->event.arena) : 0) + coding_stream_held(s->coding);
}

static void sse_close(void *c)
{
	struct sse *s = c;

	if (!s)
		return;
	while (s->ready) {
		struct ready *r = s->ready;

		s->ready = r->next;
		arena_free(r->msg.arena);
		free(r);
	}
	arena_free(s->head.arena);
	forget(s);
	coding_stream_free(s->coding);
	buf_release(&s->line);
	buf_release(&s->data);
	buf_release(&s->comment);
	free(s);
}

const struct content content_sse = {
	.name = "sse",
	.is = sse_is,
	.open = sse_open,
	.head = sse_head,
	.take = sse_take,
	.lost = sse_lost,
	.end = sse_end,
	.next = sse_next,
	.held = sse_held,
	.close = sse_close,
};
