/* SPDX-License-Identifier: Apache-2.0 */
/* Two sockets with mirrored addresses are the ends of one connection; or, of AF_UNIX, one that names the other by
 * its cookie (both do, but for a client that spoke before it was accepted).  Both are decoded until one of them
 * yields a message; from then on the other only lends its identity.
 *
 * Addresses alone do not prove it.  Loopback addresses (and a host that talks to its own) exist once
 * in every network namespace, so there the namespace has to be the same.  A port is used again: a
 * socket is paired once in its life, and one that read bytes long before the other was opened cannot
 * be its end.  And a program may be accepted late: a client that said all it had to say and closed is
 * remembered for a moment, so that the server's socket is not taken for a second connection.
 *
 * Where addresses are translated between the ends (a published port), they do not mirror.  But TCP's initial
 * sequence numbers go through: two ends with the same tcp_link belong together, two with different ones do not. */
#include "conn/conn.h"

#include <errno.h>

#define STALE_NS 1000000000u

static uint64_t mix(uint64_t h, const void *p, size_t n)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < n; i++) /* FNV-1a */
		h = (h ^ b[i]) * 0x100000001b3u;
	return h;
}

static uint64_t key_of(const struct party *local, const struct party *remote)
{
	uint64_t h = 0xcbf29ce484222325u;

	h = mix(h, local->addr, 16);
	h = mix(h, &local->port, sizeof(local->port));
	h = mix(h, remote->addr, 16);
	return mix(h, &remote->port, sizeof(remote->port));
}

/* Under which c is found: a unix socket by the cookie of the end it belongs to, or, as long as that is not known, by
 * its own. */
enum unix_key { BY_PEER = 1, BY_SELF };

static uint64_t unix_key(enum unix_key kind, uint64_t cookie)
{
	uint8_t tag = (uint8_t)kind;

	return mix(mix(0xcbf29ce484222325u, &tag, 1), &cookie, sizeof(cookie));
}

static uint64_t index_key(const struct conn *c)
{
	if (c->l4 != EV_UNIX)
		return key_of(&c->self, &c->other);
	return c->peer_cookie ? unix_key(BY_PEER, c->peer_cookie) : unix_key(BY_SELF, c->cookie);
}

static bool same_end(const struct party *a, const struct party *b)
{
	return a->port == b->port && memcmp(a->addr, b->addr, 16) == 0;
}

int pair_index(struct conn *c)
{
	struct map *m = &c->t->by_addr;
	uint64_t key = index_key(c);
	struct conn *first;

	if (c->indexed && c->addr_key == key)
		return 0;
	pair_unindex(c);
	first = map_find(m, key);
	if (map_put(m, key, c) < 0)
		return -ENOMEM;
	c->addr_next = first;
	c->addr_key = key;
	c->indexed = true;
	if (!c->paired && c->tcp_link && !map_find(&c->t->by_link, c->tcp_link) &&
	    map_put(&c->t->by_link, c->tcp_link, c) < 0)
		c->t->stats.nomem++; /* shown as two, where addresses are translated */
	return 0;
}

static void unlink_tcp(struct conn *c)
{
	if (c->tcp_link && map_find(&c->t->by_link, c->tcp_link) == c)
		(void)map_take(&c->t->by_link, c->tcp_link); /* known to be there */
}

void pair_unindex(struct conn *c)
{
	struct map *m = &c->t->by_addr;
	struct conn *first;

	unlink_tcp(c);
	if (!c->indexed)
		return;
	c->indexed = false;
	first = map_find(m, c->addr_key);
	if (first == c) {
		if (c->addr_next)
			(void)map_put(m, c->addr_key, c->addr_next); /* replaces: needs no memory */
		else
			(void)map_take(m, c->addr_key);
		return;
	}
	while (first && first->addr_next != c)
		first = first->addr_next;
	if (first)
		first->addr_next = c->addr_next;
}

static bool loopback(const uint8_t addr[16])
{
	static const uint8_t v4[12] = { [10] = 0xff, [11] = 0xff }, v6[16] = { [15] = 1 };

	return (memcmp(addr, v4, 12) == 0 && addr[12] == 127) || memcmp(addr, v6, 16) == 0;
}

static bool same_place(const struct conn *a, const struct conn *b)
{
	bool local = loopback(a->self.addr) || memcmp(a->self.addr, a->other.addr, 16) == 0;

	return !local || a->netns == b->netns || !a->netns || !b->netns;
}

/* New was opened long after old had read something: that came from somebody else. */
static bool stale(const struct conn *old, const struct conn *new)
{
	return !new->late && old->first_read_ns && old->first_read_ns + STALE_NS < new->open_ns;
}

static bool linked(const struct conn *c, const struct conn *p)
{
	return c->tcp_link && c->tcp_link == p->tcp_link;
}

static bool mirrored_addresses(const struct conn *c, const struct conn *p)
{
	if (c->tcp_link && p->tcp_link && !linked(c, p))
		return false;
	return same_end(&c->self, &p->other) && same_end(&c->other, &p->self) && same_place(c, p) &&
	       !stale(p, c) && !stale(c, p) &&
	       !(p->side != EV_SIDE_UNKNOWN && p->side == c->side && !p->side_inferred);
}

static bool named_each_other(const struct conn *c, const struct conn *p)
{
	return (c->peer_cookie == p->cookie || p->peer_cookie == c->cookie) &&
	       (!c->peer_cookie || c->peer_cookie == p->cookie) &&
	       (!p->peer_cookie || p->peer_cookie == c->cookie);
}

static bool mirrors(const struct conn *c, const struct conn *p)
{
	if (p == c || p->paired || p->l4 != c->l4)
		return false;
	return c->l4 == EV_UNIX ? named_each_other(c, p) : mirrored_addresses(c, p);
}

static struct conn *candidate(const struct conn *c, uint64_t key)
{
	struct conn *p = map_find(&c->t->by_addr, key);

	while (p && !mirrors(c, p))
		p = p->addr_next;
	return p;
}

static struct conn *by_link(const struct conn *c)
{
	struct conn *p = c->tcp_link ? map_find(&c->t->by_link, c->tcp_link) : NULL;

	return p && p != c && p->l4 == EV_TCP && !p->paired && p->side != c->side ? p : NULL;
}

static struct conn *other_end(const struct conn *c)
{
	struct conn *p;

	if (c->l4 != EV_UNIX) {
		p = candidate(c, key_of(&c->other, &c->self));
		return p ? p : by_link(c);
	}
	p = candidate(c, unix_key(BY_PEER, c->cookie));
	if (!p && c->peer_cookie)
		p = candidate(c, unix_key(BY_SELF, c->peer_cookie));
	return p;
}

/* c's identity is all that is wanted of it. */
static void lend(struct conn *c)
{
	c->lending = true;
	talk_drop(&c->raw);
	talk_drop(&c->plain);
	c->lending = false;
	c->lender = true;
	layer_opaque(&c->raw);
	layer_opaque(&c->plain);
	conn_count_undecrypted(c);
}

void pair_claim(struct conn *c)
{
	if (c->peer && !c->peer->lender && !c->lending)
		lend(c->peer);
}

void pair_take_over(struct conn *c)
{
	struct conn *p = c->peer;

	if (!c->lender || !p || p->plain_seen || p->raw.phase == PHASE_PARSE)
		return;
	layer_finish(&p->raw);
	if (p->secure && p->secure->row)
		(void)unread_end(p);
	lend(p);
	c->lender = false;
	layer_wake(&c->plain);
}

void pair_share(struct conn *c)
{
	if (!c->peer)
		return;
	party_copy(&c->peer->other, &c->self);
	if (c->peer->side == EV_SIDE_UNKNOWN || c->peer->side_inferred) {
		bool known = c->side != EV_SIDE_UNKNOWN && !c->side_inferred;
		enum ev_side opposite = c->side == EV_CLIENT ? EV_SERVER : EV_CLIENT;

		if (known && (c->peer->side == EV_SIDE_UNKNOWN || c->peer->side == opposite)) {
			c->peer->side = opposite;
			c->peer->side_inferred = false;
		}
	}
}

/* Forgets those of an earlier connection between the same ends. */
static void bury_predecessors(struct conn *c)
{
	struct conn *next;

	for (struct conn *p = map_find(&c->t->by_addr, c->addr_key); p; p = next) {
		next = p->addr_next;
		if (p != c && same_end(&p->self, &c->self) && same_end(&p->other, &c->other) &&
		    p->netns == c->netns)
			pair_unindex(p);
	}
}

void pair_find(struct conn *c)
{
	struct conn *p;

	if (c->paired || !c->opened)
		return;
	if (c->l4 != EV_UNIX) /* whose cookies are not used again */
		bury_predecessors(c);
	p = other_end(c);
	if (!p)
		return;
	c->paired = p->paired = true;
	unlink_tcp(p);
	if (link_listed(&p->dead)) { /* all was said already */
		c->covered = true;
		lend(c);
		return;
	}
	c->peer = p;
	p->peer = c;
	pair_share(c);
	pair_share(p);
	if (p->spoke)
		lend(c);
	else if (c->spoke)
		lend(p);
	conn_count_undecrypted(c);
	conn_count_undecrypted(p);
}

void pair_part(struct conn *c)
{
	struct conn *p = c->peer;

	pair_unindex(c);
	if (!p)
		return;
	c->peer = NULL;
	p->peer = NULL;
	p->covered |= p->lender || c->plain_seen;
	conn_count_undecrypted(p);
}
