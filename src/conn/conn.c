/* SPDX-License-Identifier: Apache-2.0 */
#include "conn/conn.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define ASK_NS 20000000u /* not with each of thousands of flows a second */

/* --- flow ids --- */

/* xoroshiro128+ (Blackman, Vigna: "Scrambled linear pseudorandom number generators"): ids have to be
 * different, not secret. */
static uint64_t rotl(uint64_t x, unsigned k)
{
	return x << k | x >> (64 - k);
}

static uint64_t next_random(uint64_t s[2])
{
	uint64_t a = s[0], b = s[1], sum = a + b;

	b ^= a;
	s[0] = rotl(a, 24) ^ b ^ b << 16;
	s[1] = rotl(b, 37);
	return sum;
}

/* RFC 9562, 5.7, with the part of a millisecond in rand_a as in its 6.2, method 3: ids sort by time. */
void conn_new_id(void *ctx, uint64_t begin_ns, uint8_t ret_id[16])
{
	const struct layer *l = ctx;
	struct conn_table *t = l->c->t;
	uint64_t unix_ns = begin_ns + (uint64_t)t->epoch_ns, ms = unix_ns / 1000000;
	uint64_t part = unix_ns % 1000000 * 4096 / 1000000;
	uint64_t hi = ms << 16 | 7 << 12 | part;
	uint64_t lo = next_random(t->rng) >> 2 | (uint64_t)2 << 62;

	hi = htobe64(hi);
	lo = htobe64(lo);
	memcpy(ret_id, &hi, sizeof(hi));
	memcpy(ret_id + 8, &lo, sizeof(lo));
}

/* --- who is at the ends --- */

void party_forget_names(struct party *p)
{
	free(p->names);
	p->names = NULL;
	p->container = p->container_id = p->image = p->project = p->pod = p->ns = NULL;
	p->inferred = false;
	p->asked_ns = 0;
}

void party_copy(struct party *p, const struct party *from)
{
	if (p->known && p->cgroup_id == from->cgroup_id && p->names) {
		p->pid = from->pid;
		memcpy(p->comm, from->comm, sizeof(p->comm));
		return;
	}
	party_forget_names(p);
	*p = *from;
	p->asked_ns = 0;
	p->names = NULL;
	p->container = p->container_id = p->image = p->project = p->pod = p->ns = NULL;
}

static const char *keep(char **at, const char *s)
{
	size_t n = s ? strlen(s) + 1 : 0;
	char *copy = *at;

	if (!s)
		return NULL;
	memcpy(copy, s, n);
	*at += n;
	return copy;
}

static size_t room(const char *s)
{
	return s ? strlen(s) + 1 : 0;
}

static void find_names(struct conn_table *t, struct party *p)
{
	static const uint8_t none[16];
	struct conn_names n = { 0 };
	char *at;

	if (p->names || (!p->cgroup_id && memcmp(p->addr, none, 16) == 0) ||
	    (p->asked_ns && t->now_ns - p->asked_ns < ASK_NS))
		return;
	if (!t->hooks.names(t->ctx, p->cgroup_id, p->addr, p->port, p->pid, &n)) {
		p->asked_ns = t->now_ns;
		return;
	}
	at = malloc(1 + room(n.container) + room(n.container_id) + room(n.image) + room(n.project) +
		    room(n.pod) + room(n.ns));
	if (!at) {
		t->stats.nomem++;
		return;
	}
	p->names = at;
	p->container = keep(&at, n.container);
	p->container_id = keep(&at, n.container_id);
	p->image = keep(&at, n.image);
	p->project = keep(&at, n.project);
	p->pod = keep(&at, n.pod);
	p->ns = keep(&at, n.ns);
	p->inferred = !p->cgroup_id;
}

static void fill_peer(struct flow_peer *ret, const struct party *p)
{
	memcpy(ret->addr, p->addr, sizeof(ret->addr));
	ret->port = p->port;
	ret->pid = p->pid;
	ret->comm = p->comm[0] ? p->comm : NULL;
	ret->container = p->container;
	ret->container_id = p->container_id;
	ret->image = p->image;
	ret->project = p->project;
	ret->pod = p->pod;
	ret->ns = p->ns;
}

struct conn *conn_new(struct conn_table *t, uint64_t cookie)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->t = t;
	c->cookie = cookie;
	c->id = ++t->next_id;
	c->last_ns = t->now_ns;
	layer_init(&c->raw, c, false);
	layer_init(&c->plain, c, true);
	return c;
}

static void copy_text(char *to, size_t size, const char *from)
{
	size_t n = strnlen(from, size - 1);

	memcpy(to, from, n);
	to[n] = '\0';
}

static void learn_side(struct conn *c, enum ev_side side)
{
	if (side == EV_SIDE_UNKNOWN || (c->side == side && !c->side_inferred))
		return;
	if (c->side != EV_SIDE_UNKNOWN && c->side != side) {
		/* It was read the wrong way round. */
		layer_finish(&c->raw);
		layer_finish(&c->plain);
		layer_sleep(&c->raw);
		layer_sleep(&c->plain);
		c->raw.was = c->plain.was = NULL;
	}
	c->side = side;
	c->side_inferred = false;
}

static void learn_path(struct conn *c, const struct ev_open *ev)
{
	char *path = ev->path_len ? malloc(ev->path_len + 1u) : NULL;

	if (!path) {
		c->t->stats.nomem += ev->path_len > 0;
		return;
	}
	for (uint16_t i = 0; i < ev->path_len; i++) /* an abstract name may hold NULs anywhere */
		path[i] = ev->path[i] ? ev->path[i] : '@';
	path[ev->path_len] = '\0';
	free(c->path);
	c->path = path;
}

/* What a unix socket's end knows of the other one: until that one speaks for itself. */
static void learn_other(struct conn *c, const struct ev_open *ev)
{
	if (ev->peer_cookie)
		c->peer_cookie = ev->peer_cookie;
	if (c->other.known)
		return;
	if (c->other.cgroup_id != ev->peer_cgroup_id)
		party_forget_names(&c->other);
	c->other.cgroup_id = ev->peer_cgroup_id;
	c->other.pid = ev->peer_tgid;
	copy_text(c->other.comm, sizeof(c->other.comm), ev->peer_comm);
}

/* The kernel side had forgotten c, and what it had been told of it.  Of TCP it is known how far the socket is; other
 * positions begin anew, and what was lost in between nobody knows. */
static void resume(struct conn *c, const struct ev_open *ev)
{
	if (ev->l4 == EV_TCP && memcmp(ev->base, c->base, sizeof(c->base)) == 0)
		return; /* said twice */
	c->t->stats.forgotten_conns++;
	for (int i = 0; i < 2; i++) {
		c->shift[i] = ev->l4 == EV_TCP ? ev->base[i] - c->base[i] : 0;
		c->raw.dir[i].skip_to = 0;
	}
	layer_finish(&c->plain);
	layer_restart(&c->plain);
	if (ev->l4 != EV_TCP) {
		layer_finish(&c->raw);
		layer_restart(&c->raw);
	}
	if (c->verdict && c->t->hooks.verdict)
		c->t->hooks.verdict(c->t->ctx, c->cookie, (enum ev_verdict)c->verdict);
}

void conn_identify(struct conn *c, const struct ev_open *ev)
{
	if (c->opened && (ev->h.flags & EV_ANEW))
		resume(c, ev);
	if (!c->opened) {
		if (ev->l4 == EV_TCP)
			memcpy(c->base, ev->base, sizeof(c->base));
		c->opened = true;
		c->open_ns = ev->h.ts_ns;
		c->late = ev->h.flags & EV_LATE;
		c->wire = ev->h.flags & EV_WIRE;
		c->l4 = (enum ev_l4)ev->l4;
		c->raw.midstream = c->late;
		c->raw.owed = c->plain.owed = c->late && (ev->h.flags & EV_OWED);
		if (c->late)
			c->flags |= FLOW_MIDSTREAM;
	}
	if (c->self.cgroup_id != ev->cgroup_id || !c->self.known)
		party_forget_names(&c->self);
	c->self.known = true;
	c->self.cgroup_id = ev->cgroup_id;
	c->self.pid = ev->h.tgid ? ev->h.tgid : c->self.pid;
	if (ev->comm[0])
		memcpy(c->self.comm, ev->comm, EV_COMM_LEN);
	c->self.comm[EV_COMM_LEN - 1] = '\0';
	memcpy(c->self.addr, ev->local, 16);
	memcpy(c->other.addr, ev->remote, 16);
	c->self.port = ev->lport;
	c->other.port = ev->rport;
	c->netns = ev->netns;
	if (ev->l4 == EV_UNIX) {
		learn_path(c, ev);
		learn_other(c, ev);
	}
	if (ev->l4 == EV_TCP && ev->tcp_link && !c->tcp_link) /* the index goes by it */
		c->tcp_link = ev->tcp_link;
	learn_side(c, (enum ev_side)ev->side);
}

/* --- TLS --- */

void conn_count_undecrypted(struct conn *c)
{
	bool now = c->is_tls && !c->plain_seen && !c->lender && !c->covered &&
		   !(c->peer && (c->peer->plain_seen || c->peer->counted_now));

	if (now != c->counted_now)
		c->t->stats.undecrypted_now += now ? 1 : (uint64_t)-1;
	c->counted_now = now;
}

void conn_verdict(struct conn *c, enum ev_verdict v)
{
	if (c->verdict == v || c->closing)
		return;
	c->verdict = (uint8_t)v;
	if (c->t->hooks.verdict)
		c->t->hooks.verdict(c->t->ctx, c->cookie, v);
}

/* --- flows on their way out --- */

static void count(struct conn_stats *s, const struct flow *f)
{
	if (f->state == FLOW_OPEN) {
		s->flows_open++;
		return;
	}
	s->flows++;
	s->truncated += (f->flags & FLOW_TRUNCATED) != 0;
}

static const char *l4_name(enum ev_l4 l4)
{
	switch (l4) {
	case EV_TCP:
		return "tcp";
	case EV_UNIX:
		return "unix";
	case EV_UDP:
		return "udp";
	}
	return "tcp";
}

void conn_server_name(const struct conn *c, char *ret, size_t size)
{
	const struct party *p = c->side == EV_SERVER ? &c->self : &c->other;
	char ip[46];

	flow_addr_format(p->addr, ip);
	if (c->l4 == EV_UNIX)
		(void)snprintf(ret, size, "%s", c->path ? c->path : "");
	else
		(void)snprintf(ret, size, strchr(ip, ':') ? "[%s]:%u" : "%s:%u", ip, p->port);
}

void conn_emit(void *ctx, const struct flow *f)
{
	struct layer *l = ctx;

	if (!l->c->lender)
		conn_emit_tls(l, f, l->plain ? secure_describe(l->c, l->proto) : NULL);
}

void conn_emit_tls(struct layer *l, const struct flow *f, const struct flow_tls *tls)
{
	struct conn *c = l->c;
	bool server = c->side == EV_SERVER;
	unsigned flags = f->flags | c->flags;
	struct flow out;

	if (c->lender)
		return;
	c->spoke = true;
	pair_claim(c);
	if (c->t->hooks.names) {
		find_names(c->t, &c->self);
		find_names(c->t, &c->other);
	}
	l->fc.id = c->id;
	fill_peer(&l->fc.client, server ? &c->other : &c->self);
	fill_peer(&l->fc.server, server ? &c->self : &c->other);
	l->fc.tls = tls;
	l->fc.seen_by = 0;
	l->fc.l4 = l4_name(c->l4);
	l->fc.path = c->path ? c->path : c->peer ? c->peer->path : NULL;
	if (c->self.known && !c->wire)
		l->fc.seen_by |= server ? FLOW_SEEN_SERVER : FLOW_SEEN_CLIENT;
	if (c->other.known)
		l->fc.seen_by |= server ? FLOW_SEEN_CLIENT : FLOW_SEEN_SERVER;
	if (c->side_inferred || c->self.inferred || c->other.inferred)
		flags |= FLOW_PEER_INFERRED;
	if (flags != f->flags) {
		out = *f;
		out.flags = flags;
		f = &out;
	}
	count(&c->t->stats, f);
	if (c->t->hooks.flow)
		c->t->hooks.flow(c->t->ctx, f);
}

/* --- the end --- */

/* Of what nobody copies, this is all that is heard until the end. */
static void note_totals(struct layer *l, const __u64 total[2], const uint64_t shift[2])
{
	for (int i = 0; i < 2; i++)
		if (l->phase == PHASE_OPAQUE && l->dir[i].seen < total[i] + shift[i])
			l->dir[i].seen = total[i] + shift[i];
	talk_moved(l);
}

void conn_close(struct conn *c, const struct ev_close *ev)
{
	bool all = ev->how & (EV_END_ALL | EV_END_RESET);

	c->reset |= (ev->how & EV_END_RESET) != 0;
	if (all || (ev->how & EV_END_WRITE))
		layer_total(&c->raw, EV_WRITE, ev->total[EV_WRITE] + c->shift[EV_WRITE]);
	if (all || (ev->how & EV_END_READ))
		layer_total(&c->raw, EV_READ, ev->total[EV_READ] + c->shift[EV_READ]);
	if (all) { /* before that, a library may still have plaintext to give */
		layer_total(&c->plain, EV_WRITE, ev->tls_total[EV_WRITE]);
		layer_total(&c->plain, EV_READ, ev->tls_total[EV_READ]);
	}
	if (ev->how & EV_END_TLS_WRITE)
		layer_total(&c->plain, EV_WRITE, ev->tls_total[EV_WRITE]);
	if (ev->how & EV_END_TLS_READ)
		layer_total(&c->plain, EV_READ, ev->tls_total[EV_READ]);
	if (!ev->how) { /* an answer to hooks.totals */
		note_totals(&c->raw, ev->total, c->shift);
		note_totals(&c->plain, ev->tls_total, (const uint64_t[2]){ 0, 0 });
		return;
	}
	talk_moved(&c->raw);
	talk_moved(&c->plain);
	layer_feed(&c->raw);
	layer_feed(&c->plain);
	if (ev->how & EV_END_ALL) {
		c->closing = true;
		c->close_ns = c->t->now_ns;
	}
}

static bool moved(const struct conn *c)
{
	return c->raw.dir[0].seen || c->raw.dir[1].seen || c->plain.dir[0].seen ||
	       c->plain.dir[1].seen;
}

void conn_finish(struct conn *c)
{
	struct conn_stats *s = &c->t->stats;
	bool talked;

	layer_finish(&c->raw);
	layer_finish(&c->plain);
	talked = talk_finish(&c->raw);
	talked |= talk_finish(&c->plain);
	unread_use(c);
	if (unread_end(c)) {
		s->undecrypted_conns++;
		return;
	}
	if (!talked && (c->lender || c->covered || c->peer))
		return; /* the other end counts */
	if (c->is_tls && !c->plain_seen)
		s->undecrypted_conns++;
	else if (!c->recognised && moved(c))
		s->unknown_conns++;
}

void conn_release(struct conn *c)
{
	layer_release(&c->raw);
	layer_release(&c->plain);
	talk_release(&c->raw);
	talk_release(&c->plain);
	party_forget_names(&c->self);
	party_forget_names(&c->other);
	secure_release(c);
	free(c->path);
	free(c);
}
