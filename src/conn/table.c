/* SPDX-License-Identifier: Apache-2.0 */
#include "conn/conn.h"

#include <errno.h>
#include <stdlib.h>

#include "base/spare.h"

#define TICK_NS	     200000000u /* events do a tick's work when nobody else does */
#define EXPIRE_NS    1000000000u
#define DEAD_NS	     2000000000u
#define MAX_DEAD     4096
#define SPARES	     1024 /* a MiB: of the exchanges that come and go */
#define HOLDER_BYTES 4096 /* a connection that holds less is no help against a full memory */

void conn_limits_default(struct conn_limits *ret)
{
	*ret = (struct conn_limits){
		.conns = 65536,
		.stream_bytes = (size_t)1 << 20,
		.total_bytes = (size_t)256 << 20,
		.pending = 1000,
		.gap_ns = 200000000u,
		.idle_ns = 600000000000u,
		.answer_ns = 120000000000u,
		.msg = { .body_bytes = (size_t)1 << 20,
			 .decoded_bytes = (size_t)4 << 20,
			 .head_bytes = (size_t)256 << 10 },
	};
}

struct conn_table *conn_table_new(const struct conn_limits *lim, const struct conn_hooks *h,
				  void *ctx, int64_t epoch_ns, const uint8_t seed[16])
{
	struct conn_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->lim = *lim;
	t->hooks = *h;
	t->ctx = ctx;
	t->epoch_ns = epoch_ns;
	memcpy(t->rng, seed, sizeof(t->rng));
	t->rng[0] |= 1; /* all zero would stay so */
	list_init(&t->lru);
	list_init(&t->holders);
	list_init(&t->attention);
	list_init(&t->dead);
	spare_keep(SPARES);
	return t;
}

void conn_table_set_limits(struct conn_table *t, const struct conn_limits *lim)
{
	t->lim = *lim;
}

const struct conn_stats *conn_table_stats(const struct conn_table *t)
{
	return &t->stats;
}

/* --- places in the lists --- */

static void account(struct conn *c)
{
	struct conn_table *t = c->t;
	size_t held = sizeof(*c) + secure_held(c) + layer_held(&c->raw) + layer_held(&c->plain);

	size_t open = (c->raw.m ? match_open(c->raw.m) : 0) + (c->plain.m ? match_open(c->plain.m) : 0);

	t->stats.bytes_held += held - c->held;
	c->held = held;
	t->stats.exchanges += open - c->exchanges;
	c->exchanges = open;
}

/* After anything that may have changed what c holds or waits for. */
static void settle(struct conn *c)
{
	struct conn_table *t = c->t;

	account(c);
	if (c->held < HOLDER_BYTES)
		link_remove(&c->holder);
	else if (!link_listed(&c->holder))
		link_move(&t->holders, &c->holder);
	if (!c->closing && !layer_waits(&c->raw) && !layer_waits(&c->plain))
		link_remove(&c->attention);
	else if (!link_listed(&c->attention))
		link_move(&t->attention, &c->attention);
}

/* c's cookie is free again.  It stays in the address index for a while if its other end may follow. */
static void retire(struct conn *c, bool linger)
{
	struct conn_table *t = c->t;

	pair_part(c);
	c->covered = true;
	conn_count_undecrypted(c);
	(void)map_take(&t->by_cookie, c->cookie);
	link_remove(&c->lru);
	link_remove(&c->holder);
	link_remove(&c->attention);
	t->stats.bytes_held -= c->held;
	t->stats.exchanges -= c->exchanges;
	t->stats.conns--;
	if (!linger || c->paired || !c->spoke || !c->opened || pair_index(c) < 0) {
		conn_release(c);
		return;
	}
	layer_release(&c->raw);
	layer_release(&c->plain);
	link_move(&t->dead, &c->dead);
	t->ndead++;
}

static void bury(struct conn *c)
{
	pair_unindex(c);
	link_remove(&c->dead);
	c->t->ndead--;
	conn_release(c);
}

/* All was said that will be said of it; but why it was not read may be told in a moment. */
static bool is_over(const struct conn *c)
{
	return layer_complete(&c->raw) && layer_complete(&c->plain) && !unread_waits(c);
}

static void end(struct conn *c)
{
	conn_finish(c);
	retire(c, true);
}

/* --- limits --- */

static struct conn *last(const struct link *head, size_t offset)
{
	return list_empty(head) ? NULL : (struct conn *)((char *)head->prev - offset);
}

static void evict(struct conn *c)
{
	struct conn_stats *s = &c->t->stats;

	s->evicted_conns++;
	s->evicted_bytes += c->held;
	c->flags |= FLOW_TRUNCATED;
	conn_finish(c);
	retire(c, false);
}

/* Gives up what c holds, keeping who it is. */
static void empty(struct conn *c)
{
	unsigned flags = c->flags;

	c->flags |= FLOW_TRUNCATED;
	c->t->stats.evicted_conns++;
	c->t->stats.evicted_bytes += c->held;
	layer_finish(&c->raw);
	layer_finish(&c->plain);
	layer_sleep(&c->raw);
	layer_sleep(&c->plain);
	c->flags = flags;
	settle(c);
	link_remove(&c->holder);
}

static void keep_limits(struct conn_table *t, const struct conn *current)
{
	struct conn *c;

	while (t->stats.conns > t->lim.conns &&
	       (c = last(&t->lru, offsetof(struct conn, lru))) != current)
		evict(c);
	while (t->stats.bytes_held > t->lim.total_bytes &&
	       (c = last(&t->holders, offsetof(struct conn, holder))) && c != current)
		empty(c);
}

/* --- events --- */

static struct conn *add(struct conn_table *t, uint64_t cookie)
{
	struct conn *c = conn_new(t, cookie);

	if (!c || map_put(&t->by_cookie, cookie, c) < 0) {
		free(c);
		t->stats.nomem++;
		return NULL;
	}
	t->stats.conns++;
	return c;
}

static void touch(struct conn *c)
{
	c->last_ns = c->t->now_ns;
	link_move(&c->t->lru, &c->lru);
	if (link_listed(&c->holder))
		link_move(&c->t->holders, &c->holder);
}

/* No protocol reads datagrams: their connections are counted, and nothing is kept of them. */
static int on_datagrams(struct conn_table *t, const struct ev_open *ev)
{
	t->stats.datagram_conns++;
	if (t->hooks.verdict)
		t->hooks.verdict(t->ctx, ev->h.cookie, EV_COPY_NONE);
	return 0;
}

static int on_open(struct conn_table *t, const struct ev_open *ev)
{
	struct conn *c = map_find(&t->by_cookie, ev->h.cookie);

	if (ev->side > EV_SERVER || ev->l4 > EV_UDP || ev->path_len > EV_PATH_MAX ||
	    ev->h.size < sizeof(*ev) + ev->path_len ||
	    (ev->l4 == EV_UDP) != ((ev->h.cookie & EV_UDP_COOKIE) != 0))
		return -EINVAL;
	if (ev->l4 == EV_UDP)
		return on_datagrams(t, ev);
	if (c && c->closing) { /* it was left out for a while, or its socket connects anew */
		end(c);
		c = NULL;
	}
	if (!c && !(c = add(t, ev->h.cookie)))
		return -ENOMEM;
	touch(c);
	conn_identify(c, ev);
	if (pair_index(c) < 0)
		t->stats.nomem++; /* shown as two ends that do not know each other */
	pair_find(c);
	pair_share(c);
	if (c->peer) /* what it said of itself stands, whatever address c has for it */
		pair_share(c->peer);
	if (t->hooks.use && c->self.pid)
		t->hooks.use(t->ctx, &(struct conn_use){ .pid = c->self.pid,
							 .cgroup_id = c->self.cgroup_id,
							 .comm = c->self.comm });
	layer_feed(&c->raw); /* the side may be what was missing */
	layer_feed(&c->plain);
	settle(c);
	keep_limits(t, c);
	return 0;
}

static void note_data(struct conn *c, const struct ev_data *ev)
{
	struct conn_stats *s = &c->t->stats;

	s->bytes += ev->len;
	s->captured_bytes += ev->ncap;
	s->missing[ev->why] += ev->len - ev->ncap;
	if (ev->dir == EV_READ && !c->first_read_ns && ev->len)
		c->first_read_ns = ev->h.ts_ns;
	if (!ev->tls)
		return;
	s->tls_bytes += ev->len;
	if (ev->tls != EV_TLS_KERNEL || !c->tls_row) { /* a library that hands over to the kernel stays */
		c->tls_row = ev->tls;
		c->tls_lib = ev->tls_lib;
	}
	if (ev->sure > c->sure && ev->sure <= EV_SURE_MATCHED)
		c->sure = ev->sure;
	if (!c->plain_seen) {
		c->plain_seen = true;
		conn_count_undecrypted(c);
		if (c->peer)
			conn_count_undecrypted(c->peer);
		talk_drop(&c->raw); /* that was ciphertext */
		layer_feed(&c->raw);
		if (c->secure && c->secure->row)
			(void)unread_end(c);
	}
	pair_take_over(c);
}

static int on_data(struct conn_table *t, const struct ev_data *ev)
{
	struct conn *c = map_find(&t->by_cookie, ev->h.cookie);
	struct layer *l;
	int rc;

	if (ev->dir > EV_WRITE || ev->why >= EV_WHY_MAX || ev->ncap > ev->len ||
	    ev->ncap > EV_CHUNK_MAX || ev->ncap > ev->h.size - sizeof(*ev) ||
	    ev->len > UINT64_MAX - ev->off)
		return -EINVAL;
	if (ev->h.cookie & EV_UDP_COOKIE)
		return 0;
	if (!c) { /* its EV_OPEN was lost */
		c = add(t, ev->h.cookie);
		if (!c)
			return -ENOMEM;
		c->late = c->raw.midstream = true;
		c->flags |= FLOW_MIDSTREAM;
	}
	touch(c);
	note_data(c, ev);
	l = ev->tls ? &c->plain : &c->raw;
	rc = layer_put(l, ev);
	layer_feed(l);
	if (c->closing && is_over(c)) {
		end(c);
		c = NULL;
	} else {
		settle(c);
	}
	keep_limits(t, c);
	return rc == -ENOMEM ? rc : 0;
}

static int on_close(struct conn_table *t, const struct ev_close *ev)
{
	struct conn *c = map_find(&t->by_cookie, ev->h.cookie);

	if (!c)
		return 0;
	if (ev->how) /* else it was asked for */
		touch(c);
	conn_close(c, ev);
	if (c->closing && is_over(c))
		end(c);
	else
		settle(c);
	return 0;
}

static int dispatch(struct conn_table *t, const struct ev_hdr *ev)
{
	if (ev->size < sizeof(*ev) || ev->cookie == 0)
		return -EINVAL;
	switch (ev->kind) {
	case EV_OPEN:
		return ev->size < sizeof(struct ev_open) ? -EINVAL : on_open(t, (const void *)ev);
	case EV_DATA:
		return ev->size < sizeof(struct ev_data) ? -EINVAL : on_data(t, (const void *)ev);
	case EV_CLOSE:
		return ev->size < sizeof(struct ev_close) ? -EINVAL : on_close(t, (const void *)ev);
	default:
		return -EINVAL;
	}
}

int conn_table_event(struct conn_table *t, const struct ev_hdr *ev)
{
	int rc;

	t->stats.events++;
	if (ev->size >= sizeof(*ev) && ev->ts_ns > t->now_ns)
		t->now_ns = ev->ts_ns;
	if (t->now_ns - t->ticked_ns > TICK_NS)
		(void)conn_table_tick(t, t->now_ns);
	rc = dispatch(t, ev);
	t->stats.bad_events += rc == -EINVAL;
	return rc;
}

/* --- time --- */

static void attend(struct conn *c)
{
	struct conn_table *t = c->t;

	layer_feed(&c->raw);
	layer_feed(&c->plain);
	if (c->raw.m)
		match_flush(c->raw.m, t->now_ns);
	if (c->plain.m)
		match_flush(c->plain.m, t->now_ns);
	talk_flush(&c->raw);
	talk_flush(&c->plain);
	if (c->closing && (t->now_ns >= c->close_ns + t->lim.gap_ns ||
			   is_over(c)))
		end(c);
	else
		settle(c);
}

/* A conversation may pause for long, and goes on as the same one. */
static bool streams(const struct layer *l)
{
	return l->m && match_streams(l->m);
}

static void expire(struct conn *c)
{
	struct conn_table *t = c->t;
	uint64_t before = t->now_ns > t->lim.answer_ns ? t->now_ns - t->lim.answer_ns : 0;

	if (c->raw.m)
		match_expire(c->raw.m, before);
	if (c->plain.m)
		match_expire(c->plain.m, before);
	unread_tick(c);
	talk_tick(&c->raw);
	talk_tick(&c->plain);
	if (t->now_ns - c->last_ns > EXPIRE_NS) {
		layer_trim(&c->raw);
		layer_trim(&c->plain);
	}
	if (t->now_ns - c->last_ns > t->lim.idle_ns && !streams(&c->raw) && !streams(&c->plain)) {
		layer_finish(&c->raw);
		layer_finish(&c->plain);
		layer_sleep(&c->raw);
		layer_sleep(&c->plain);
	}
	settle(c);
}

/* Calls fn with each of the list, which may take itself out of it. */
static void each(struct link *head, size_t offset, void (*fn)(struct conn *c))
{
	struct link *next, *stop = head;

	for (struct link *l = head->next; l != stop; l = next) {
		next = l->next;
		fn((struct conn *)((char *)l - offset));
	}
}

int conn_table_tick(struct conn_table *t, uint64_t now_ns)
{
	struct conn *c;

	if (now_ns > t->now_ns)
		t->now_ns = now_ns;
	t->ticked_ns = t->now_ns;
	each(&t->attention, offsetof(struct conn, attention), attend);
	while ((c = last(&t->dead, offsetof(struct conn, dead))) &&
	       (t->ndead > MAX_DEAD || t->now_ns - c->close_ns > DEAD_NS))
		bury(c);
	if (t->now_ns - t->expired_ns >= EXPIRE_NS) {
		t->expired_ns = t->now_ns;
		each(&t->lru, offsetof(struct conn, lru), expire);
	}
	keep_limits(t, NULL);
	return 0;
}

void conn_table_finish(struct conn_table *t)
{
	each(&t->lru, offsetof(struct conn, lru), end);
}

void conn_table_free(struct conn_table *t)
{
	struct conn *c;

	if (!t)
		return;
	while ((c = last(&t->lru, offsetof(struct conn, lru))))
		retire(c, false);
	while ((c = last(&t->dead, offsetof(struct conn, dead))))
		bury(c);
	map_release(&t->by_cookie);
	map_release(&t->by_addr);
	map_release(&t->by_link);
	free(t);
	spare_keep(0);
}
