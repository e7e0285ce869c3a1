/* SPDX-License-Identifier: Apache-2.0 */
#include "drive.h"

#include <stdio.h>
#include <stdlib.h>

#include "alloc.h"
#include "test.h"

static void broke(struct drive *d, const char *why)
{
	fprintf(stderr, "# %s: %s\n", d->p->name, why);
	d->broken = true;
}

void drive_begin(struct drive *d)
{
	if (!d->limits.body_bytes)
		d->limits = (struct proto_limits){ .body_bytes = 1 << 20,
						   .decoded_bytes = 4 << 20,
						   .head_bytes = 65536 };
	alloc_pause(true);
	d->state = calloc(1, d->p->state_size ? d->p->state_size : 1);
	alloc_pause(false);
	if (!d->state)
		abort();
	if (d->p->init)
		d->p->init(d->state, &d->limits);
}

static void give(struct drive *d, enum side side, struct msg *m)
{
	if (d->fn)
		d->fn(d->ctx, side, m);
	arena_free(m->arena);
}

static struct parse call(struct drive *d, enum side side, struct msg *m)
{
	struct slice in = buf_slice(&d->in[side]);
	struct parse r;

	*m = (struct msg){ .half.begin_ns = d->p->own_times ? d->now : 0 };
	d->calls++;
	if (!d->guard)
		return d->p->parse(d->state, side, in, m);
	in = guarded(in);
	r = d->p->parse(d->state, side, in, m);
	guarded_free(in);
	return r;
}

/* Leaves the bytes from the next plausible start on. */
static void resync(struct drive *d, enum side side, size_t from)
{
	struct slice in = buf_slice(&d->in[side]);
	size_t at = in.n;

	if (d->guard)
		in = guarded(in);
	if (d->p->resync)
		at = d->p->resync(d->state, side, in, from);
	if (d->guard)
		guarded_free(in);
	if (at > in.n || at < from)
		broke(d, "resync leaves the input");
	buf_drop(&d->in[side], at);
}

/* next goes on, with what the one before it knows. */
static void become(struct drive *d, const struct proto *next)
{
	void *state;

	alloc_pause(true);
	state = calloc(1, next->state_size ? next->state_size : 1);
	alloc_pause(false);
	if (!state)
		abort();
	if (next->init)
		next->init(state, &d->limits);
	if (next->inherit)
		next->inherit(state, d->p, d->state);
	d->become(d->ctx, next);
	if (d->p->done)
		d->p->done(d->state);
	free(d->state);
	d->p = next;
	d->state = state;
	d->stopped = false;
	d->need[0] = d->need[1] = 0;
}

static void run(struct drive *d, enum side side)
{
	unsigned idle = 0;
	bool again = false;

	while (!d->stopped && !d->broken && (d->in[side].n > 0 || again)) {
		struct msg m;
		struct parse r;

		if (d->in[side].n < d->need[side] && !again)
			return;
		d->need[side] = 0;
		r = call(d, side, &m);
		if (r.used > d->in[side].n) {
			broke(d, "more consumed than there was");
			return;
		}
		again = r.kind == PARSE_MSG && r.again;
		idle = r.used ? 0 : idle + 1;
		switch (r.kind) {
		case PARSE_STOP:
			d->stopped = true;
			d->next = r.next;
			if (r.has_msg)
				give(d, side, &m);
			break;
		case PARSE_MSG:
			give(d, side, &m);
			if (idle > (d->p->own_times ? 10000u : 8u))
				broke(d, "messages out of nothing");
			break;
		case PARSE_SKIP:
			if (!r.used)
				broke(d, "PARSE_SKIP of nothing");
			break;
		case PARSE_MORE:
			if (r.used || r.need <= d->in[side].n)
				broke(d, "PARSE_MORE that asks for no more");
			d->need[side] = r.need;
			return;
		case PARSE_BAD:
			d->bad++;
			idle = 0;
			resync(d, side, 1);
			break;
		}
		buf_drop(&d->in[side], r.used < d->in[side].n ? r.used : d->in[side].n);
		if (r.kind == PARSE_STOP && r.next && d->become) {
			become(d, r.next);
			run(d, side == SIDE_REQ ? SIDE_RESP : SIDE_REQ);
		}
	}
}

void drive_feed(struct drive *d, enum side side, struct slice s)
{
	alloc_pause(true);
	buf_put(&d->in[side], s);
	alloc_pause(false);
	run(d, side);
}

void drive_lost(struct drive *d, enum side side, uint64_t n)
{
	struct msg m = { 0 };

	buf_clear(&d->in[side]);
	d->need[side] = 0;
	if (d->p->lost && d->p->lost(d->state, side, n))
		return;
	d->lost = true;
	if (d->p->end && d->p->end(d->state, side, PROTO_END_LOST, &m))
		give(d, side, &m);
}

void drive_end(struct drive *d, enum side side, enum proto_end how)
{
	struct msg m = { 0 };

	while (!d->stopped && d->p->end && d->p->end(d->state, side, how, &m)) {
		give(d, side, &m);
		m = (struct msg){ 0 };
		if (!d->p->own_times && !d->p->ends_often)
			break;
	}
}

void drive_release(struct drive *d)
{
	if (d->p->done)
		d->p->done(d->state);
	free(d->state);
	buf_release(&d->in[0]);
	buf_release(&d->in[1]);
}
