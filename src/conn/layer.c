/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes to messages.  Requests are parsed before the answers that came after them, because how an answer
 * reads can depend on its request (HEAD, CONNECT).  An answer that comes before any request is held for
 * a moment: two threads of a process may have been preempted between the kernel's work and the record
 * of it. */
#include "conn/conn.h"

#include <errno.h>
#include <stdlib.h>

#define SKIP_LEAST 65536 /* bytes that are worth telling the kernel about */
#define HOLD_NS	   50000000u
#define MAX_BAD	   64
#define MAX_GUESS  8 /* so many in a row, and never a message: it is not this protocol */
#define MAX_EMPTY  16384

void layer_init(struct layer *l, struct conn *c, bool plain)
{
	*l = (struct layer){ .c = c, .plain = plain };
}

struct dir *layer_dir(struct layer *l, enum side side)
{
	bool client = l->c->side != EV_SERVER;

	return &l->dir[client == (side == SIDE_REQ) ? EV_WRITE : EV_READ];
}

static struct slice head(const struct dir *d)
{
	return d->s ? stream_head(d->s) : (struct slice){ 0 };
}

static bool ignores(const struct layer *l, const struct dir *d)
{
	return l->phase == PHASE_OPAQUE || (l->phase == PHASE_HELLO && d->hello_done);
}

static bool has_stream(struct layer *l, struct dir *d)
{
	if (!d->s) {
		d->s = stream_new(l->c->t->lim.stream_bytes, d->start);
		l->c->t->stats.nomem += !d->s;
	}
	return d->s != NULL;
}

static void note_cut(struct dir *d, const struct ev_data *ev, uint64_t off)
{
	uint64_t from = off + ev->ncap;

	if (ev->why != EV_WHY_BUDGET || ev->len == ev->ncap)
		return;
	if (from != d->cut_to)
		d->cut_from = from;
	d->cut_to = off + ev->len;
}

int layer_put(struct layer *l, const struct ev_data *ev)
{
	struct conn_table *t = l->c->t;
	struct dir *d = &l->dir[ev->dir];
	struct slice data = { ev->data, ev->ncap };
	uint64_t off = ev->off + (l->plain ? 0 : l->c->shift[ev->dir]);
	int rc;

	if (l->plain && d->has_total && off >= d->total) /* a handshake anew on a connection whose TLS had ended */
		d->has_total = d->ended = false;
	if (l->c->late && d->seen == 0)
		d->start = off;
	if (d->seen < off + ev->len)
		d->seen = off + ev->len;
	talk_moved(l);
	if (ignores(l, d))
		return 0;
	if (!has_stream(l, d))
		return -ENOMEM;
	if (!stream_fits(d->s, data.n)) { /* no more time to wait for what is missing */
		l->force = true;
		layer_feed(l);
		l->force = false;
		if (!d->s)
			return 0;
	}
	rc = stream_put(d->s, off, data, ev->h.ts_ns);
	t->stats.nomem += rc == -ENOMEM;
	t->stats.overflow_bytes += rc == -EOVERFLOW ? data.n : 0;
	note_cut(d, ev, off);
	if (ev->len > ev->ncap)
		(void)stream_put_lost(d->s, off + ev->ncap, ev->len - ev->ncap, ev->h.ts_ns);
	return rc;
}

/* --- what a parser gives --- */

/* Before the used bytes are consumed. */
static void push(struct layer *l, enum side side, struct dir *d, struct msg *msg, size_t used)
{
	if (!l->spoke)
		talk_drop(l); /* it is this protocol's */
	l->spoke = true;
	if (!d->begin_ns)
		d->begin_ns = stream_time(d->s, 0);
	if (!l->proto->own_times || !msg->half.begin_ns)
		msg->half.begin_ns = d->begin_ns;
	/* that nothing more of it comes may show long after its last byte */
	msg->half.end_ns = used ? stream_time(d->s, used - 1) : d->end_ns;
	if (!msg->half.end_ns)
		msg->half.end_ns = stream_time(d->s, 0);
	if (d->after_gap) {
		msg->flags |= FLOW_AFTER_GAP;
	} else if (d->cut) { /* a parser does not know why bytes are missing */
		msg->flags = (msg->flags & ~(unsigned)FLOW_AFTER_GAP) | FLOW_TRUNCATED;
		msg->cut = false;
	}
	if (l->proto->own_times)
		d->begin_ns = 0;
	if (!msg->partial) {
		d->begin_ns = d->end_ns = 0;
		d->after_gap = d->cut = false;
	}
	l->bad = 0;
	if (match_push(l->m, side, msg) < 0)
		l->c->t->stats.nomem++;
}

/* Of bytes that no message has claimed, the first are kept until one is there. */
static void pass(struct layer *l, struct dir *d, size_t n)
{
	if (!l->spoke)
		talk_keep(l, d == &l->dir[EV_WRITE] ? EV_WRITE : EV_READ, n);
	stream_consume(d->s, n);
}

/* What TLS protects goes on as p, from its first byte. */
static void go_on_inside(struct layer *l, const struct proto *p)
{
	struct layer *in = &l->c->plain;

	if (l->plain || in->phase != PHASE_DETECT || in->dir[0].s || in->dir[1].s || !layer_start(in, p))
		return;
	if (p->inherit)
		p->inherit(in->state, l->proto, l->state);
}

/* next goes on where the parser stopped, and knows what that one knew.  False: out of memory. */
static bool become(struct layer *l, const struct proto *next)
{
	void *state = calloc(1, next->state_size ? next->state_size : 1);

	if (!state)
		return false;
	if (next->init)
		next->init(state, &l->c->t->lim.msg);
	if (next->inherit)
		next->inherit(state, l->proto, l->state);
	match_become(l->m, next);
	layer_drop_state(l);
	l->proto = next;
	l->state = state;
	return true;
}

/* The protocol handed over to what r says, or to what is to be found out. */
static void hand_over(struct layer *l, struct parse r)
{
	if (r.next && become(l, r.next))
		return;
	l->c->t->stats.nomem += r.next != NULL;
	match_end(l->m, false);
	l->midstream = false;
	if (r.inside)
		go_on_inside(l, r.inside);
	l->after = l->proto;
	layer_drop_parser(l);
	l->phase = PHASE_DETECT;
	if (r.next && !layer_start(l, r.next))
		l->was = r.next; /* tried again with the next byte */
	l->spoke = false;
	l->refuted = l->look_ns = 0;
	l->bad = 0;
}

/* Order and frames are lost in this direction, as d->after_gap and d->cut say; the search begins at from in the
 * unread bytes. */
static void lose_sync(struct layer *l, enum side side, struct dir *d, size_t from)
{
	bool after_gap = d->after_gap, cut = d->cut;
	struct msg msg = { 0 };

	l->c->t->stats.resyncs++;
	if (l->proto->end && l->proto->end(l->state, side, PROTO_END_LOST, &msg)) {
		push(l, side, d, &msg, 0);
		d->after_gap = after_gap;
		d->cut = cut;
	}
	match_lost(l->m, side, layer_lost_flag(d));
	d->begin_ns = d->end_ns = 0;
	d->need = 0;
	d->resync = true;
	d->resync_from = from;
}

/* It was the wrong guess, or is not that protocol any more: the others are asked of what follows. */
static void refuse(struct layer *l)
{
	l->c->t->stats.refused_conns++;
	match_end(l->m, false);
	guess_refute(l, l->proto);
	l->after = l->spoke ? l->proto : l->after;
	l->c->recognised = l->spoke;
	layer_drop_parser(l);
	l->phase = PHASE_DETECT;
	l->look_ns = 0;
	l->bad = l->empty = 0;
	l->spoke = false;
}

/* The guess was wrong at its very first byte, and another protocol is sure: nothing was lost. */
static bool guess_again(struct layer *l)
{
	for (int i = 0; i < 2; i++)
		if (l->dir[i].s && stream_offset(l->dir[i].s) != l->dir[i].start)
			return false;
	if (l->spoke || l->dir[0].start || l->dir[1].start || !guess_has_other(l))
		return false;
	refuse(l);
	return true;
}

/* --- one step --- */

static uint64_t unkept_by(const struct layer *l, enum side side)
{
	return l->proto->unkept ? l->proto->unkept(l->state, side) : 0;
}

/* Behind the hole, if it is given up: the parser goes on there, or a frame's start is searched. */
static bool at_gap(struct layer *l, enum side side, struct dir *d)
{
	uint64_t since, unkept, n;

	if (!d->s || !stream_has_gap(d->s, &since))
		return false;
	unkept = d->resync ? 0 : unkept_by(l, side);
	n = layer_skip_gap(l, d, unkept);
	if (n == 0)
		return false;
	d->need = 0;
	if (n <= unkept)
		d->end_ns = l->c->t->now_ns;
	if (d->resync) {
		match_lost(l->m, side, layer_lost_flag(d));
		d->resync_from = 0;
		return true;
	}
	if (l->proto->lost && l->proto->lost(l->state, side, n))
		d->poke = true;
	else
		lose_sync(l, side, d, 0);
	return true;
}

static bool find_start(struct layer *l, enum side side, struct dir *d)
{
	struct slice in = head(d);
	size_t from = d->resync_from < in.n ? d->resync_from : in.n, pos;

	if (in.n == 0)
		return false;
	if (!l->proto->resync) {
		refuse(l);
		return false;
	}
	pos = l->proto->resync(l->state, side, in, from);
	pos = pos > in.n ? in.n : pos < from ? from : pos;
	pass(l, d, pos);
	d->resync_from = 0;
	d->resync = pos == in.n;
	return !d->resync;
}

static bool reads_in_order(const struct proto *p)
{
	return p->match == MATCH_ORDER || p->follows;
}

/* The answer at hand began before the request at hand was sent: it is not its answer, and must not be read as
 * such. */
static bool answered_before(struct layer *l)
{
	const struct dir *q = layer_dir(l, SIDE_REQ), *a = layer_dir(l, SIDE_RESP);

	return reads_in_order(l->proto) && !q->begin_ns && head(q).n > 0 && head(a).n > 0 &&
	       stream_time(a->s, 0) < stream_time(q->s, 0);
}

/* Whether that answer is the request's after all, the other end knows, where the request was written first.  It may be
 * read a moment later (rings are read one after the other, and a write is reported when it returns). */
static bool other_end_knows(struct layer *l)
{
	const struct conn *c = l->c, *peer = c->peer;

	return peer && !c->lender && !peer->lender && !l->force && l->phase == PHASE_PARSE &&
	       answered_before(l) &&
	       c->t->now_ns < stream_time(layer_dir(l, SIDE_RESP)->s, 0) + HOLD_NS;
}

bool layer_holds(struct layer *l)
{
	struct dir *d, *req;
	uint64_t since;

	if (l->phase != PHASE_PARSE || l->force)
		return false;
	d = layer_dir(l, SIDE_RESP);
	req = layer_dir(l, SIDE_REQ);
	if (l->proto->match == MATCH_KEY &&
	    !(l->proto->early && l->proto->early(l->state, head(d))))
		return false;
	if (l->proto->match == MATCH_ORDER && (!match_in_order(l->m) || match_unanswered(l->m)))
		return false;
	if (d->begin_ns || d->poke || head(d).n == 0)
		return false;
	if (reads_in_order(l->proto) && head(req).n > 0 &&
	    stream_time(d->s, 0) < stream_time(req->s, 0))
		return false; /* the next request is here, and was sent later */
	return l->c->t->now_ns < stream_time(d->s, 0) + HOLD_NS ||
	       (req->s && stream_has_gap(req->s, &since)); /* the request may be in it */
}

/* A parser's answer.  False: it cannot go on with the bytes there are. */
static bool take(struct layer *l, enum side side, struct dir *d, struct parse r, struct msg *msg,
		 size_t n)
{
	size_t used = r.used < n ? r.used : n, open = match_open(l->m);

	l->empty = used ? 0 : l->empty + 1;
	switch (r.kind) {
	case PARSE_MSG:
		push(l, side, d, msg, used);
		if ((msg->partial || l->proto->own_times) && used)
			d->end_ns = stream_time(d->s, used - 1);
		stream_consume(d->s, used);
		d->poke = r.again;
		d->need = 0;
		layer_dir(l, side == SIDE_REQ ? SIDE_RESP : SIDE_REQ)->need = 0;
		break;
	case PARSE_SKIP:
		if (used == 0)
			return false;
		if (!d->begin_ns && !r.between)
			d->begin_ns = stream_time(d->s, 0);
		if (!r.between)
			d->end_ns = stream_time(d->s, used - 1);
		pass(l, d, used);
		d->need = 0;
		return true;
	case PARSE_MORE:
		d->need = r.need > n ? r.need : n + 1;
		return false;
	case PARSE_BAD:
		if (n == 0)
			return false;
		if (guess_again(l))
			return false;
		if (++l->bad > (l->spoke ? MAX_BAD : MAX_GUESS)) {
			refuse(l);
			return false;
		}
		d->after_gap = true;
		lose_sync(l, side, d, 1);
		return true;
	case PARSE_STOP:
		if (r.has_msg)
			push(l, side, d, msg, used);
		stream_consume(d->s, used);
		hand_over(l, r);
		return true;
	}
	if (match_open(l->m) < open)
		l->empty = 0; /* an exchange is over: there is an end to those */
	if (l->empty > MAX_EMPTY) { /* a parser that gives messages for nothing would never end */
		refuse(l);
		return false;
	}
	return true;
}

/* Asks the parser for the next message of the unread bytes. */
static bool parse(struct layer *l, enum side side, struct dir *d, struct slice in)
{
	struct msg msg = { 0 };
	struct parse r;

	d->poke = false;
	msg.half.begin_ns = in.n ? stream_time(d->s, 0) : d->end_ns;
	r = l->proto->parse(l->state, side, in, &msg);
	return take(l, side, d, r, &msg, in.n) || (l->phase == PHASE_PARSE && at_gap(l, side, d));
}

static bool step(struct layer *l, enum side side)
{
	struct dir *d = layer_dir(l, side);
	struct slice in;

	if (!d->s || d->ended)
		return false;
	if (d->resync && !find_start(l, side, d))
		return l->phase == PHASE_PARSE && at_gap(l, side, d);
	in = stream_head(d->s);
	if (!d->poke && (in.n == 0 || in.n < d->need))
		return at_gap(l, side, d);
	if (side == SIDE_RESP && layer_holds(l))
		return false;
	return parse(l, side, d, in);
}

/* The next message of either side.  Requests first, but for those that were sent later than the answers that
 * are there; unless these cannot be read. */
static bool next_step(struct layer *l)
{
	bool later = answered_before(l);

	if (later && other_end_knows(l))
		return false;
	return (!later && step(l, SIDE_REQ)) || (l->phase == PHASE_PARSE && step(l, SIDE_RESP)) ||
	       (later && l->phase == PHASE_PARSE && step(l, SIDE_REQ));
}

static bool drain(struct layer *l)
{
	bool progress = false;

	while (l->phase == PHASE_PARSE && next_step(l))
		progress = true;
	return progress;
}

/* --- the end of a direction --- */

/* What the parser makes of the end. */
static void parse_end(struct layer *l, enum side side, struct dir *d)
{
	enum proto_end how = l->c->reset ? PROTO_END_RESET : PROTO_END_CLOSED;
	struct msg msg = { 0 };

	if (!l->proto->end || !has_stream(l, d))
		return;
	while (l->proto->end(l->state, side, how, &msg)) {
		push(l, side, d, &msg, head(d).n);
		msg = (struct msg){ 0 };
		if (!l->proto->own_times && !l->proto->ends_often)
			break;
	}
}

static void end_side(struct layer *l, enum side side)
{
	struct dir *d = layer_dir(l, side);
	uint64_t since;

	if (l->phase != PHASE_PARSE || d->ended || !d->has_total)
		return;
	if (!l->force && (d->seen < d->total || (d->s && stream_has_gap(d->s, &since)) ||
			  (side == SIDE_RESP && layer_holds(l)) || other_end_knows(l)))
		return;
	d->ended = true;
	parse_end(l, side, d);
	if (d->s)
		pass(l, d, head(d).n);
	l->ending = true;
}

void layer_total(struct layer *l, enum ev_dir dir, uint64_t total)
{
	struct dir *d = &l->dir[dir];

	if (d->has_total)
		return;
	d->has_total = true;
	d->total = total > d->seen ? total : d->seen;
	d->total_ns = l->c->t->now_ns;
	if (ignores(l, d) || (l->c->late && d->seen == 0))
		return;
	if (d->total > d->start && has_stream(l, d))
		(void)stream_end(d->s, d->total); /* what is missing shows as a gap */
}

/* --- what need not be copied --- */

/* Tells the kernel of the rest of a long body of which enough was kept. */
static void want_less(struct layer *l, enum side side)
{
	struct conn_table *t = l->c->t;
	struct dir *d = layer_dir(l, side);
	enum ev_dir dir = d == &l->dir[EV_WRITE] ? EV_WRITE : EV_READ;
	uint64_t n = d->s && !d->resync && t->hooks.skip ? unkept_by(l, side) : 0, at, to;

	if (n < SKIP_LEAST)
		return;
	at = stream_offset(d->s);
	to = n > UINT64_MAX - at ? UINT64_MAX : at + n;
	if (to <= d->skip_to || to - SKIP_LEAST < d->seen)
		return;
	d->skip_to = to;
	if (!l->plain && to != UINT64_MAX) /* the kernel counts from where it began */
		to -= l->c->shift[dir];
	t->hooks.skip(t->ctx, l->c->cookie, dir, l->plain, to);
}

/* --- the interface --- */

void layer_feed(struct layer *l)
{
	enum phase was;
	bool again;

	do {
		was = l->phase;
		again = false;
		if (l->phase == PHASE_DETECT)
			again = layer_detect(l);
		if (l->phase == PHASE_PARSE)
			again |= drain(l);
		if (l->phase == PHASE_HELLO)
			again = layer_hellos(l);
		if (l->phase == PHASE_TALK)
			talk_read(l);
	} while (again || (was != l->phase && l->phase != PHASE_OPAQUE));
	if (l->phase == PHASE_PARSE && !l->force) {
		want_less(l, SIDE_REQ);
		want_less(l, SIDE_RESP);
	}
	end_side(l, SIDE_REQ);
	end_side(l, SIDE_RESP);
	layer_end_exchanges(l);
}

void layer_finish(struct layer *l)
{
	l->force = true;
	layer_total(l, EV_READ, l->dir[EV_READ].seen);
	layer_total(l, EV_WRITE, l->dir[EV_WRITE].seen);
	layer_feed(l);
	if (l->m)
		match_end(l->m, l->c->reset);
	l->force = false;
}

bool layer_waits(struct layer *l)
{
	uint64_t since;

	if (l->phase == PHASE_OPAQUE)
		return talk_waits(l);
	for (int i = 0; i < 2; i++) {
		const struct dir *d = &l->dir[i];

		if ((d->s && stream_has_gap(d->s, &since)) ||
		    (d->has_total && !d->ended && l->phase == PHASE_PARSE) ||
		    (l->phase == PHASE_DETECT && head(d).n > 0))
			return true;
	}
	return layer_holds(l) || other_end_knows(l) || (l->m && match_wants_flush(l->m)) || talk_waits(l);
}
