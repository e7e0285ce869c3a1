/* SPDX-License-Identifier: Apache-2.0 */
/* A capture may have an answer before its request: several receive queues, each with its own clock, or a file that was joined from
 * two.  What acknowledges bytes of the other direction that did not come yet was sent after them, so it waits for them; and what
 * its end says behind it waits, too: in the order of positions.  Given up with the hole that it waits for (segment.c), or for want of room. */
#include "capture/segment_priv.h"

#include <stdlib.h>

#define MAX_HELD	(1u << 20) /* bytes of memory, of a connection; of all: */
#define MAX_HELD_ALL (64u << 20)
#define MAX_SEGMENTS 1024 /* of a connection: they are searched */

struct held {
	struct held *next;
	uint64_t need;	/* up to which the other direction has to come */
	uint64_t at, order, ts_ns; /* its position; when it came */
	uint32_t seq, len;
	unsigned flags;
	size_t n;
	uint8_t data[];
};

/* Takes the first one that c's end from said. */
static void deliver(struct segments *t, struct tcp *c, int from)
{
	struct held *h = c->held[from];
	struct segment s = { .seq = h->seq,
			     .len = h->len,
			     .flags = h->flags,
			     .payload = { h->data, h->n } };

	c->held[from] = h->next;
	c->nheld--;
	c->held_bytes -= sizeof(*h) + h->n;
	t->held_bytes -= sizeof(*h) + h->n;
	tcp_put_payload(t, c, from, &s);
	free(h);
}

void tcp_release(struct segments *t, struct tcp *c)
{
	bool again;

	do {
		again = false;
		for (int from = 0; from < 2; from++)
			while (c->held[from] && c->held[from]->need <= c->half[!from].next) {
				deliver(t, c, from);
				again = true;
			}
	} while (again);
}

void tcp_release_all(struct segments *t, struct tcp *c)
{
	while (c->held[0] || c->held[1]) {
		int from = !c->held[0] || (c->held[1] && c->held[1]->order < c->held[0]->order);

		tcp_lose(t, c, !from, c->held[from]->need);
		if (c->held[from]->need > c->half[!from].next)
			continue; /* up to what came behind the hole */
		t->past_ns = c->held[from]->ts_ns;
		deliver(t, c, from);
		t->past_ns = 0;
	}
}

/* What c's end from has to wait for with s; *ret_wait: it has to. */
static uint64_t need_of(const struct tcp *c, int from, const struct segment *s, bool *ret_wait)
{
	const struct half *other = &c->half[!from];
	uint64_t need = s->flags & SEGMENT_ACK && other->known ? half_position(other, s->ack) : 0;

	if ((int64_t)need < 0) /* before the beginning */
		need = 0;
	if (need > other->acked) /* nonsense, or its FIN */
		need = other->acked;
	*ret_wait = other->hole_ns && need > other->next;
	return need;
}

static void insert(struct tcp *c, int from, struct held *h)
{
	struct held **at = &c->held[from];

	if (*at && c->held_last[from]->at <= h->at)
		at = &c->held_last[from]->next;
	while (*at && (*at)->at <= h->at)
		at = &(*at)->next;
	h->next = *at;
	*at = h;
	if (!h->next)
		c->held_last[from] = h;
}

bool tcp_hold(struct segments *t, struct tcp *c, int from, const struct segment *s)
{
	uint64_t at = half_position(&c->half[from], s->seq), need;
	struct held *h = NULL;
	bool wait;

	need = need_of(c, from, s, &wait);
	wait |= c->held[from] && at > c->held[from]->at;
	if (!wait || (s->len == 0 && !(s->flags & SEGMENT_FIN)))
		return false;
	if (c->nheld < MAX_SEGMENTS && c->held_bytes < MAX_HELD && t->held_bytes < MAX_HELD_ALL)
		h = malloc(sizeof(*h) + s->payload.n);
	if (!h) {
		tcp_release_all(t, c);
		tcp_lose(t, c, !from, need);
		return false;
	}
	*h = (struct held){ NULL,   need,     at,	t->next_held++, t->now_ns,
			    s->seq, s->len, s->flags, s->payload.n };
	if (h->n)
		memcpy(h->data, s->payload.p, h->n);
	insert(c, from, h);
	c->nheld++;
	c->held_bytes += sizeof(*h) + h->n;
	t->held_bytes += sizeof(*h) + h->n;
	return true;
}

void tcp_drop_held(struct segments *t, struct tcp *c)
{
	t->held_bytes -= c->held_bytes;
	for (int from = 0; from < 2; from++)
		for (struct held *h = c->held[from], *next; h; h = next) {
			next = h->next;
			free(h);
		}
}
