/* SPDX-License-Identifier: Apache-2.0 */
/* The way without a connection: parser and matcher alone. */
#include "fixture.h"

#include <stdlib.h>

#include "alloc.h"
#include "drive.h"
#include "proto/match.h"
#include "proto/schemas.h"

struct pairing {
	struct match *m;
	struct fixture_flows *r;
	uint64_t now;
	uint8_t ids;
};

static void new_id(void *ctx, uint64_t begin_ns, uint8_t ret_id[16])
{
	struct pairing *p = ctx;

	(void)begin_ns;
	memset(ret_id, 0, 16);
	ret_id[15] = ++p->ids;
}

static void on_flow(void *ctx, const struct flow *f)
{
	struct pairing *p = ctx;

	fixture_on_flow(p->r, f);
}

static void on_msg(void *ctx, enum side side, struct msg *m)
{
	struct pairing *p = ctx;
	struct msg own = *m;

	m->arena = NULL;
	own.half.begin_ns = own.half.end_ns = p->now;
	if (match_push(p->m, side, &own) < 0)
		p->r->error = true;
}

static void become(void *ctx, const struct proto *next)
{
	struct pairing *p = ctx;

	match_become(p->m, next);
}

static void feed(struct drive *d, struct pairing *p, const struct fixture_chunk *c)
{
	size_t bad = d->bad;

	p->now += 1000000;
	d->now = p->now;
	if (c->lost)
		drive_lost(d, c->side, c->data.n);
	else
		drive_feed(d, c->side, c->data);
	if (d->lost || d->bad > bad)
		match_lost(p->m, c->side, FLOW_AFTER_GAP);
	d->lost = false;
}

void fixture_run_parser(const struct fixture *f, const struct fixture_chunk *chunks, size_t n,
			struct fixture_flows *ret)
{
	static const struct flow_conn conn = { .l4 = "tcp" };
	struct pairing p = { .r = ret, .now = 1000000000 };
	struct match_hooks hooks = { .flow = on_flow, .new_id = new_id, .ctx = &p };
	struct drive d = { .p = proto_find(f->via[0] ? f->via : f->proto),
			   .fn = on_msg,
			   .ctx = &p,
			   .guard = true,
			   .become = become,
			   .limits = { 1 << 20, 4 << 20, 65536, NULL } };

	*ret = (struct fixture_flows){ 0 };
	if (f->limits.body_bytes)
		d.limits.body_bytes = f->limits.body_bytes;
	if (f->limits.decoded_bytes)
		d.limits.decoded_bytes = f->limits.decoded_bytes;
	if (f->limits.head_bytes)
		d.limits.head_bytes = f->limits.head_bytes;
	alloc_pause(true);
	d.limits.schemas = schemas_new(0, 1 << 20);
	alloc_pause(false);
	p.m = match_new(d.p, &conn, 0, 1000, &hooks);
	if (!p.m) {
		schemas_free(d.limits.schemas);
		ret->error = true;
		return;
	}
	drive_begin(&d);
	for (size_t i = 0; i < n; i++)
		feed(&d, &p, &chunks[i]);
	if (!f->open) {
		enum proto_end how = f->reset ? PROTO_END_RESET : PROTO_END_CLOSED;

		drive_end(&d, SIDE_REQ, how);
		drive_end(&d, SIDE_RESP, how);
	}
	match_end(p.m, f->reset);
	match_free(p.m);
	ret->failed = d.broken;
	drive_release(&d);
	schemas_free(d.limits.schemas);
}
