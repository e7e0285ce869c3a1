/* SPDX-License-Identifier: Apache-2.0 */
/* The way through the connection table: events in. */
#include "fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "alloc.h"
#include "conn/table.h"
#include "proto/schemas.h"

#define STEP_NS	 1000000u
#define START_NS 1000000000u

struct sender {
	struct conn_table *t;
	struct fixture_flows *r;
	uint64_t now, step;
	uint64_t total[2]; /* by enum ev_dir */
};

static void event(struct sender *s, struct ev_hdr *h, uint16_t kind, size_t size)
{
	int rc;

	h->ts_ns = s->now;
	h->size = (uint32_t)size;
	h->kind = kind;
	h->cookie = 7;
	h->tgid = h->tid = 100;
	rc = conn_table_event(s->t, h);
	if (rc == -EINVAL)
		s->r->failed = true;
	else if (rc < 0)
		s->r->error = true;
}

static void open_conn(struct sender *s, const struct fixture *f)
{
	struct ev_open o = { .lport = 40000, .rport = 80, .side = EV_CLIENT, .cgroup_id = 1 };

	o.local[10] = o.local[11] = o.remote[10] = o.remote[11] = 0xff;
	o.local[12] = o.remote[12] = 10;
	o.local[15] = 1;
	o.remote[15] = 2;
	snprintf(o.comm, sizeof(o.comm), "client");
	if (f->midstream)
		o.h.flags = EV_LATE;
	event(s, &o.h, EV_OPEN, sizeof(o));
}

static void send_chunk(struct sender *s, const struct fixture_chunk *c)
{
	enum ev_dir dir = c->side == SIDE_REQ ? EV_WRITE : EV_READ;
	uint64_t end = c->off + c->data.n;

	if (s->total[dir] < end)
		s->total[dir] = end;
	s->now += s->step;
	for (size_t at = 0; at < c->data.n && !c->lost; at += EV_CHUNK_MAX) {
		struct slice part = slice_cut(c->data, at, at + EV_CHUNK_MAX);
		struct ev_data *d;

		alloc_pause(true);
		d = calloc(1, sizeof(*d) + part.n);
		alloc_pause(false);
		if (!d)
			abort();
		d->off = c->off + at;
		d->len = d->ncap = (uint32_t)part.n;
		d->dir = (uint8_t)dir;
		memcpy(d->data, part.p, part.n);
		event(s, &d->h, EV_DATA, sizeof(*d) + part.n);
		free(d);
	}
}

static void tick(struct sender *s, uint64_t ns)
{
	s->now += ns;
	if (conn_table_tick(s->t, s->now) < 0)
		s->r->error = true;
}

static void close_conn(struct sender *s, const struct fixture *f)
{
	struct ev_close c = { .how = EV_END_ALL };

	if (f->open)
		return;
	c.how |= f->reset ? EV_END_RESET : EV_END_READ | EV_END_WRITE;
	memcpy(c.total, s->total, sizeof(c.total));
	s->now += STEP_NS;
	event(s, &c.h, EV_CLOSE, sizeof(c));
}

void fixture_run(const struct fixture *f, const struct fixture_chunk *chunks, size_t n,
		 struct fixture_flows *ret)
{
	static const uint8_t seed[16] = "fixture fixture";
	struct conn_hooks hooks = { .flow = fixture_on_flow };
	struct conn_limits lim;
	/* However many pieces, the whole takes as long. */
	struct sender s = { .r = ret, .now = START_NS, .step = STEP_NS * (f->n + 1) / (n + 1) };

	*ret = (struct fixture_flows){ 0 };
	conn_limits_default(&lim);
	if (f->limits.body_bytes)
		lim.msg.body_bytes = f->limits.body_bytes;
	if (f->limits.decoded_bytes)
		lim.msg.decoded_bytes = f->limits.decoded_bytes;
	if (f->limits.head_bytes)
		lim.msg.head_bytes = f->limits.head_bytes;
	lim.msg.unread_bodies = f->limits.unread_bodies;
	alloc_pause(true);
	lim.msg.schemas = schemas_new(0, 1 << 20);
	alloc_pause(false);
	s.t = conn_table_new(&lim, &hooks, ret, 0, seed);
	if (!s.t) {
		schemas_free(lim.msg.schemas);
		ret->error = true;
		return;
	}
	open_conn(&s, f);
	for (size_t i = 0; i < n; i++)
		send_chunk(&s, &chunks[i]);
	/* The holes that are still open are given up before the end. */
	for (unsigned i = 0; i < 4; i++)
		tick(&s, lim.gap_ns);
	close_conn(&s, f);
	for (unsigned i = 0; i < 4; i++)
		tick(&s, lim.gap_ns);
	conn_table_finish(s.t);
	if (conn_table_stats(s.t)->nomem > 0)
		ret->error = true;
	conn_table_free(s.t);
	schemas_free(lim.msg.schemas);
}
