/* SPDX-License-Identifier: Apache-2.0 */
/* Of each direction it is known up to where all bytes came (next), and which came behind that: ranges, at most MAX_RANGES; then the
 * first hole gives way. */
#include "capture/segment_priv.h"

#include <stdlib.h>

#define MAX_RANGES 64

/* --- events --- */

enum ev_dir tcp_dir(const struct tcp *c, int from)
{
	return from == c->self ? EV_WRITE : EV_READ;
}

static void tell_open(struct segments *t, struct tcp *c)
{
	const struct endpoint *self = &c->end[c->self], *other = &c->end[!c->self];
	struct ev_open ev = { .h = { c->first_ns, sizeof(ev), EV_OPEN, EV_WIRE, 0, 0, 0 },
			      .lport = self->port,
			      .rport = other->port,
			      .side = c->begun ? EV_CLIENT : EV_SIDE_UNKNOWN,
			      .l4 = EV_TCP };

	if (c->told)
		return;
	c->told = true;
	c->cookie = ++t->next_cookie;
	t->stats.conns++;
	t->stats.midstream += !c->begun;
	ev.h.cookie = c->cookie;
	ev.h.flags |= c->begun ? 0 : EV_LATE;
	memcpy(ev.local, self->addr, 16);
	memcpy(ev.remote, other->addr, 16);
	t->fn(t->ctx, &ev.h);
}

static void tell_data(struct segments *t, struct tcp *c, int from, uint64_t off, struct slice data,
		      uint32_t len)
{
	struct ev_data *ev = &t->data.ev;
	uint64_t ts_ns = t->past_ns ? t->past_ns : t->now_ns;

	tell_open(t, c);
	do {
		size_t n = data.n < EV_CHUNK_MAX ? data.n : EV_CHUNK_MAX;
		bool last = n == data.n;

		*ev = (struct ev_data){ .h = { ts_ns, (uint32_t)(sizeof(*ev) + n), EV_DATA, 0,
					       c->cookie, 0, 0 },
					.off = off,
					.len = last ? len : (uint32_t)n,
					.ncap = (uint32_t)n,
					.dir = (uint8_t)tcp_dir(c, from) };
		ev->why = ev->len > ev->ncap ? (n ? EV_WHY_NO_BUFFER : EV_WHY_UNSEEN) : EV_WHY_NONE;
		if (n)
			memcpy(ev->data, data.p, n);
		t->fn(t->ctx, &ev->h);
		data = slice_cut(data, n, data.n);
		off += n;
		len -= (uint32_t)n;
	} while (len > 0 && data.n > 0);
}

void tcp_tell_close(struct segments *t, const struct tcp *c, unsigned how)
{
	struct ev_close ev = { .h = { t->now_ns, sizeof(ev), EV_CLOSE, 0, c->cookie, 0, 0 },
			       .how = how };

	if (!c->told)
		return;
	for (int i = 0; i < 2; i++)
		ev.total[tcp_dir(c, i)] = c->half[i].known ? c->half[i].next : 0;
	t->fn(t->ctx, &ev.h);
}

/* --- what came --- */

static void advance(struct half *h, uint64_t to)
{
	h->seq += (uint32_t)(to - h->next);
	h->next = to;
	if (h->nranges && h->ranges[0].from <= to) {
		uint64_t end = h->ranges[0].to;

		memmove(h->ranges, h->ranges + 1, --h->nranges * sizeof(*h->ranges));
		if (end > to)
			advance(h, end); /* once: what follows is apart from it */
	}
}

void tcp_lose(struct segments *t, struct tcp *c, int from, uint64_t limit)
{
	struct half *h = &c->half[from];
	uint64_t to = h->nranges && h->ranges[0].from < limit ? h->ranges[0].from : limit;

	while (h->next < to) {
		uint64_t n = to - h->next < UINT32_MAX ? to - h->next : UINT32_MAX;

		t->stats.lost_bytes += n;
		t->stats.holes++;
		tell_data(t, c, from, h->next, (struct slice){ 0 }, (uint32_t)n);
		advance(h, h->next + n);
	}
}

void tcp_lose_rest(struct segments *t, struct tcp *c, int from)
{
	struct half *h = &c->half[from];

	while (h->nranges)
		tcp_lose(t, c, from, h->ranges[0].from);
	if (h->fin != SEGMENT_NEVER) /* all before it was sent */
		tcp_lose(t, c, from, h->fin);
	else if (h->acked > h->next + 1) /* one more is a FIN that was missed */
		tcp_lose(t, c, from, h->acked);
}

/* Adds [from, to), of which nothing is in the ranges yet, between those at i - 1 and i.  False: no room. */
static bool add_range(struct half *h, unsigned i, uint64_t from, uint64_t to)
{
	bool joins_before = i > 0 && h->ranges[i - 1].to == from,
	     joins_after = i < h->nranges && h->ranges[i].from == to;

	if (joins_before && joins_after) {
		h->ranges[i - 1].to = h->ranges[i].to;
		memmove(h->ranges + i, h->ranges + i + 1, (--h->nranges - i) * sizeof(*h->ranges));
		return true;
	}
	if (joins_before)
		h->ranges[i - 1].to = to;
	else if (joins_after)
		h->ranges[i].from = from;
	if (joins_before || joins_after)
		return true;
	if (!h->ranges)
		h->ranges = calloc(MAX_RANGES, sizeof(*h->ranges));
	if (!h->ranges || h->nranges == MAX_RANGES)
		return false;
	memmove(h->ranges + i + 1, h->ranges + i, (h->nranges++ - i) * sizeof(*h->ranges));
	h->ranges[i] = (struct range){ from, to };
	return true;
}

struct piece {
	uint64_t off;
	struct slice data;
	uint32_t len;
};

static struct piece part(const struct piece *p, uint64_t from, uint64_t to)
{
	return (struct piece){ from,
			       slice_cut(p->data, (size_t)(from - p->off), (size_t)(to - p->off)),
			       (uint32_t)(to - from) };
}

static void give(struct segments *t, struct tcp *c, int from, const struct piece *p)
{
	t->stats.bytes += p->len;
	t->stats.cut_bytes += p->len - p->data.n;
	tell_data(t, c, from, p->off, p->data, p->len);
}

/* A piece behind a hole: what of it is not there yet. */
static void put_late(struct segments *t, struct tcp *c, int from, const struct piece *p)
{
	struct half *h = &c->half[from];
	uint64_t at = p->off, end = p->off + p->len;
	unsigned i = 0;

	while (i < h->nranges && h->ranges[i].to <= at)
		i++;
	while (at < end) {
		bool inside = i < h->nranges && h->ranges[i].from <= at;
		uint64_t to = inside					  ? h->ranges[i].to
			      : i < h->nranges && h->ranges[i].from < end ? h->ranges[i].from
									  : end;
		struct piece new;

		if (!inside) {
			new = part(p, at, to);
			if (!add_range(h, i, at, to)) { /* the first hole is given up */
				uint64_t limit = h->nranges ? h->ranges[0].from : at;

				tcp_lose(t, c, from, limit < at ? limit : at);
				i = 0;
				while (i < h->nranges && h->ranges[i].to <= at)
					i++;
				if (at <= h->next) /* that was the hole before it */
					advance(h, to);
				else if (!add_range(h, i, at, to))
					return; /* out of memory: it is lost */
			}
			give(t, c, from, &new);
			i = 0;
			while (i < h->nranges && h->ranges[i].to <= to)
				i++;
		} else {
			t->stats.again += (to < end ? to : end) - at;
			i++;
		}
		at = to;
	}
}

void tcp_put(struct segments *t, struct tcp *c, int from, uint64_t off, struct slice data,
	     uint32_t len)
{
	struct half *h = &c->half[from];
	struct piece p = { off, data, len };
	uint64_t end = p.off + p.len;

	if (p.off < h->next) {
		uint64_t old = (end < h->next ? end : h->next) - p.off;

		t->stats.again += old;
		p = part(&p, p.off + old, end);
	}
	if (p.len == 0)
		return;
	if (p.off > h->next) {
		put_late(t, c, from, &p);
		return;
	}
	while (h->nranges &&
	       h->ranges[0].from <
		       p.off + p.len) { /* it fills the hole and overlaps what is behind */
		struct piece first = part(&p, p.off, h->ranges[0].from);
		uint64_t behind = h->ranges[0].to;

		t->stats.again += (behind < end ? behind : end) - h->ranges[0].from;
		give(t, c, from, &first);
		advance(h, h->ranges[0].from);
		if (h->next >= end)
			return;
		p = part(&p, h->next, end);
	}
	give(t, c, from, &p);
	advance(h, end);
}
