/* SPDX-License-Identifier: Apache-2.0 */
/* Positions of a stream count from 0 behind the SYN, or from MIDDLE where that was not seen, so that a segment that comes late
 * has a place.
 *
 * A segment whose number is more than FAR away from what is expected belongs to another connection of the same ports, or to none: when
 * three follow each other, another connection has begun whose SYN is not in the capture. */
#include "capture/segment_priv.h"

#include <errno.h>
#include <stdlib.h>

#define MIDDLE	  ((uint64_t)1 << 32)
#define FAR	  (16 << 20)
#define LATE_NS	  50000000u /* what was acknowledged may yet come: captures are not quite in order */
#define TICK_NS	  10000000u
#define IDLE_NS	  3600000000000u
#define CLOSED_NS 60000000000u

/* --- beginnings --- */

static void begin_half(struct half *h, uint32_t seq, uint64_t at)
{
	h->known = true;
	h->seq = seq;
	h->next = h->acked = at;
}

/* The connection of a SYN, or of the answer to one. */
static struct tcp *begin(struct segments *t, const struct segment *s, struct tcp *c, uint64_t hash,
			 int *from)
{
	bool answer = s->flags & SEGMENT_ACK;

	if (c && !c->closed && answer && c->begun && *from != c->self && !c->half[*from].known) {
		begin_half(&c->half[*from], s->seq + 1, 0);
		return c;
	}
	/* The same once more, as from another interface, maybe after all of it? */
	if (c && c->half[*from].known &&
	    (answer ? half_position(&c->half[*from], s->seq + 1) == (c->begun ? 0 : MIDDLE)
		    : c->syn && c->isn == s->seq))
		return c;
	if (c) {
		tcp_close(t, c, EV_END_ALL);
		tcp_remove(t, c);
	}
	c = tcp_add(t, s, hash);
	if (!c)
		return NULL;
	*from = 0;
	c->begun = true;
	c->self = answer ? 1 : 0;
	c->syn = !answer;
	c->isn = s->seq;
	begin_half(&c->half[0], s->seq + 1, 0);
	if (answer)
		begin_half(&c->half[1], s->ack, 0);
	return c;
}

/* A connection that was there before the capture.  NULL: this segment does not tell enough (acknowledgements and keep-alives). */
static struct tcp *join(struct segments *t, const struct segment *s, uint64_t hash)
{
	struct tcp *c;

	if (s->len == 0 || (s->flags & SEGMENT_RST) || (s->len == 1 && !(s->flags & SEGMENT_PSH)))
		return NULL;
	c = tcp_add(t, s, hash);
	if (!c)
		return NULL;
	begin_half(&c->half[0], s->seq, MIDDLE);
	if (s->flags & SEGMENT_ACK)
		begin_half(&c->half[1], s->ack, MIDDLE);
	return c;
}

/* --- a segment --- */

static void wait_for(struct segments *t, struct tcp *c, struct half *h)
{
	uint64_t hole =
		h->nranges ? h->next : h->next + 1; /* one more may be a FIN that was missed */

	if (h->acked <= hole) {
		h->hole_ns = 0;
		return;
	}
	if (!h->hole_ns)
		h->hole_ns = t->now_ns;
	if (!link_listed(&c->late))
		link_move(&t->late, &c->late);
}

static void acknowledge(struct segments *t, struct tcp *c, int by, uint32_t ack)
{
	struct half *h = &c->half[!by];
	int32_t ahead = (int32_t)(ack - h->seq);
	uint64_t to = h->next + (uint64_t)(int64_t)ahead;

	if (!h->known) {
		begin_half(h, ack, c->begun ? 0 : MIDDLE);
		return;
	}
	if (ahead > FAR || ahead < 0)
		return;
	if (to > h->fin)
		to = h->fin;
	if (to > h->acked)
		h->acked = to;
	wait_for(t, c, h);
}

static void end_halves(struct segments *t, struct tcp *c)
{
	for (int i = 0; i < 2; i++) {
		struct half *h = &c->half[i];

		if (h->ended || h->fin == SEGMENT_NEVER || h->next < h->fin)
			continue;
		h->ended = true;
		if (!c->half[!i].ended)
			tcp_tell_close(t, c,
				       tcp_dir(c, i) == EV_WRITE ? EV_END_WRITE : EV_END_READ);
	}
	if (c->half[0].ended && c->half[1].ended)
		tcp_close(t, c, EV_END_ALL);
}

/* True: another connection has begun. */
static bool is_far(struct half *h, const struct segment *s)
{
	int32_t ahead = (int32_t)(s->seq - h->seq);

	if (!h->known || (ahead < FAR && ahead > -FAR))
		return false;
	h->odd = h->odd && s->seq == h->odd_seq ? h->odd + 1 : 1;
	h->odd_seq = s->seq + s->len;
	return true;
}

void tcp_put_payload(struct segments *t, struct tcp *c, int from, const struct segment *s)
{
	struct half *h = &c->half[from];
	uint64_t at = half_position(h, s->seq + (s->flags & SEGMENT_SYN ? 1 : 0)), skip = 0;

	if ((int64_t)at < 0) { /* before the beginning: a keep-alive */
		skip = 0 - at;
		if (skip > s->len)
			skip = s->len;
		t->stats.again += skip;
		at = 0;
	}
	if (s->flags & SEGMENT_FIN && h->fin == SEGMENT_NEVER)
		h->fin = at + s->len - skip > h->next ? at + s->len - skip : h->next;
	if (s->len > skip)
		tcp_put(t, c, from, at, slice_cut(s->payload, skip, s->payload.n),
			s->len - (uint32_t)skip);
}

/* Forgets closed ones, and idle ones, for which time has come. */
static void expire(struct segments *t)
{
	struct tcp *c;

	while ((c = tcp_last(&t->closed)) && t->now_ns > c->last_ns + CLOSED_NS)
		tcp_remove(t, c);
	while ((c = tcp_last(&t->open)) && t->now_ns > c->last_ns + IDLE_NS) {
		tcp_close(t, c, EV_END_ALL);
		tcp_remove(t, c);
	}
}

/* A hole that will not be filled any more. */
static bool is_late(const struct segments *t, const struct half *h)
{
	return h->hole_ns && t->now_ns >= h->hole_ns + LATE_NS && h->next < h->acked;
}

static void tick(struct segments *t)
{
	struct link *next;
	struct tcp *c;

	t->tick_ns = t->now_ns + TICK_NS;
	for (struct link *l = t->late.next; l != &t->late; l = next) {
		bool waits = false;

		next = l->next;
		c = LINK_OWNER(l, struct tcp, late);
		if (is_late(t, &c->half[0]) || is_late(t, &c->half[1]))
			tcp_release_all(t, c);
		for (int i = 0; i < 2; i++) {
			struct half *h = &c->half[i];

			while (is_late(t, h))
				tcp_lose(t, c, i, h->acked);
			if (h->next >= h->acked)
				h->hole_ns = 0;
			waits |= h->hole_ns != 0;
		}
		if (!waits)
			link_remove(&c->late);
		end_halves(t, c);
	}
	expire(t);
}

int segments_put(struct segments *t, const struct segment *s)
{
	uint64_t hash = tcp_hash(t, s);
	int from = 0;
	struct tcp *c = tcp_find(t, s, hash, &from);

	t->stats.segments++;
	if (s->ts_ns > t->now_ns)
		t->now_ns = s->ts_ns;
	if (t->now_ns >= t->tick_ns) {
		tick(t);
		c = tcp_find(t, s, hash, &from);
	}
	if (s->flags & SEGMENT_SYN) {
		c = begin(t, s, c, hash, &from);
		if (!c)
			return -ENOMEM;
	} else if (c && is_far(&c->half[from], s)) {
		t->stats.stray++;
		if (c->half[from].odd < 3)
			return 0;
		tcp_close(t, c, EV_END_ALL);
		tcp_remove(t, c);
		c = NULL;
	}
	if (!c) {
		from = 0;
		c = join(t, s, hash);
		if (!c)
			return 0;
	}
	if (c->closed) {
		t->stats.again += s->len;
		return 0;
	}
	if (c->lru.prev != &t->open)
		link_move(&t->open, &c->lru);
	c->last_ns = t->now_ns;
	if (!c->half[from].known) /* its SYN was not captured */
		begin_half(&c->half[from], s->seq, c->begun ? 0 : MIDDLE);
	if (s->flags & SEGMENT_ACK)
		acknowledge(t, c, from, s->ack);
	if (!tcp_hold(t, c, from, s))
		tcp_put_payload(t, c, from, s);
	tcp_release(t, c);
	if (s->flags & SEGMENT_RST)
		tcp_close(t, c, EV_END_ALL | EV_END_RESET);
	else
		end_halves(t, c);
	return 0;
}

void segments_finish(struct segments *t)
{
	for (struct link *l = t->open.next; l != &t->open; l = l->next) {
		struct tcp *c = LINK_OWNER(l, struct tcp, lru);

		tcp_release_all(t, c);
		for (int i = 0; i < 2; i++)
			tcp_lose_rest(t, c, i);
	}
}

void segments_free(struct segments *t)
{
	struct tcp *c;

	if (!t)
		return;
	while ((c = tcp_last(&t->open)))
		tcp_remove(t, c);
	while ((c = tcp_last(&t->closed)))
		tcp_remove(t, c);
	map_release(&t->by_hash);
	free(t);
}

/* --- the wire --- */

bool segment_parse(const struct ip_packet *p, uint64_t ts_ns, struct segment *ret)
{
	struct rd r = rd_init(p->payload);
	size_t head;

	*ret = (struct segment){ .src = p->src, .dst = p->dst, .ts_ns = ts_ns };
	ret->src.port = rd_be16(&r);
	ret->dst.port = rd_be16(&r);
	ret->seq = rd_be32(&r);
	ret->ack = rd_be32(&r);
	head = (rd_u8(&r) >> 4) * 4u;
	ret->flags = rd_u8(&r) & 31;
	if (r.short_read || head < 20 || head > p->len)
		return false;
	ret->len = p->len - (uint32_t)head;
	ret->payload = slice_cut(p->payload, head, p->payload.n);
	return true;
}
