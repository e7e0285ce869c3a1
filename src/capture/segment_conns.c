/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/segment_priv.h"

#include <stdlib.h>

#define MAX_CONNS  65536
#define MAX_CLOSED 4096

struct segments *segments_new(uint64_t seed)
{
	struct segments *t = malloc(sizeof(*t));

	if (!t)
		return NULL;
	memset(t, 0, offsetof(struct segments, data));
	t->seed = seed;
	list_init(&t->open);
	list_init(&t->closed);
	list_init(&t->late);
	return t;
}

void segments_to(struct segments *t, event_fn fn, void *ctx)
{
	t->fn = fn;
	t->ctx = ctx;
}

const struct segment_stats *segments_stats(const struct segments *t)
{
	return &t->stats;
}

/* --- connections --- */

static uint64_t hash_end(uint64_t h, const struct endpoint *e)
{
	uint64_t a, b;

	memcpy(&a, e->addr, 8);
	memcpy(&b, e->addr + 8, 8);
	h = (h ^ a ^ e->port) * 0x9e3779b97f4a7c15u;
	h = (h ^ h >> 29 ^ b) * 0xbf58476d1ce4e5b9u;
	return h ^ h >> 32;
}

static bool same_end(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && memcmp(a->addr, b->addr, 16) == 0;
}

uint64_t tcp_hash(const struct segments *t, const struct segment *s)
{
	return (hash_end(t->seed, &s->src) + hash_end(t->seed, &s->dst)) |
	       1; /* the same in both directions */
}

struct tcp *tcp_find(const struct segments *t, const struct segment *s, uint64_t hash,
		     int *ret_from)
{
	struct tcp *c = map_find(&t->by_hash, hash);

	for (; c; c = c->chain) {
		int from = same_end(&c->end[0], &s->src) && same_end(&c->end[1], &s->dst) ? 0 : 1;

		if (from == 1 && !(same_end(&c->end[1], &s->src) && same_end(&c->end[0], &s->dst)))
			continue;
		*ret_from = from;
		return c;
	}
	return NULL;
}

void tcp_remove(struct segments *t, struct tcp *c)
{
	struct tcp *first = map_find(&t->by_hash, c->hash);

	if (first == c && c->chain) {
		(void)map_put(&t->by_hash, c->hash, c->chain); /* replaces: needs no memory */
	} else if (first == c) {
		(void)map_take(&t->by_hash, c->hash);
	} else {
		while (first->chain != c)
			first = first->chain;
		first->chain = c->chain;
	}
	link_remove(&c->lru);
	link_remove(&c->late);
	if (c->closed)
		t->nclosed--;
	else
		t->nopen--;
	tcp_drop_held(t, c);
	free(c->half[0].ranges);
	free(c->half[1].ranges);
	free(c);
}

struct tcp *tcp_last(const struct link *list)
{
	return list_empty(list) ? NULL : LINK_OWNER(list->prev, struct tcp, lru);
}

void tcp_close(struct segments *t, struct tcp *c, unsigned how)
{
	if (c->closed)
		return;
	tcp_release_all(t, c);
	for (int i = 0; i < 2; i++)
		tcp_lose_rest(t, c, i);
	tcp_tell_close(t, c, how);
	c->closed = true;
	t->nopen--;
	t->nclosed++;
	link_remove(&c->late);
	link_move(&t->closed, &c->lru);
	if (t->nclosed > MAX_CLOSED)
		tcp_remove(t, tcp_last(&t->closed));
}

struct tcp *tcp_add(struct segments *t, const struct segment *s, uint64_t hash)
{
	struct tcp *c, *first = map_find(&t->by_hash, hash);

	if (t->nopen == MAX_CONNS) {
		c = tcp_last(&t->open);
		tcp_close(t, c, EV_END_ALL);
		tcp_remove(t, c);
		first = map_find(&t->by_hash, hash);
	}
	c = calloc(1, sizeof(*c));
	if (!c || map_put(&t->by_hash, hash, c) < 0) {
		free(c);
		return NULL;
	}
	c->chain = first;
	c->hash = hash;
	c->end[0] = s->src;
	c->end[1] = s->dst;
	c->half[0].fin = c->half[1].fin = SEGMENT_NEVER;
	c->first_ns = s->ts_ns;
	t->nopen++;
	link_move(&t->open, &c->lru);
	return c;
}
