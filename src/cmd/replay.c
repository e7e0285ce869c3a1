/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/replay.h"

#include <stdlib.h>

#include "capture/pcap.h"
#include "cmd/args.h"
#include "cmd/hold.h"
#include "cmd/notes.h"
#include "proto/schemas.h"

#define TICK_NS 100000000ull
#define WIRE_GAP_NS \
	10000000000ull /* a hole in packets stays open for retransmissions: five take 6.2 s (RFC 6298, 5) */

struct replay {
	struct source *source;
	struct conn_table *table;
	struct names *names;
	struct hold *hold;	 /* NULL: no names are waited for */
	struct schemas *learned; /* NULL: they are somebody else's */
	flow_fn fn;
	void *ctx;
	uint64_t tick_ns, now_ns;
};

/* As in the live run, but that nobody can be asked: a name that was learnt late is waited for by hold. */
static bool names_hook(void *ctx, uint64_t cgroup_id, const uint8_t addr[16], uint16_t port,
		       uint32_t pid, struct conn_names *ret)
{
	const struct replay *r = ctx;
	bool ask;

	return hold_names(r->hold, cgroup_id, addr, port, pid, ret, &ask);
}

static void tls_hook(void *ctx, uint8_t tls, uint16_t tls_lib, struct flow_tls *ret)
{
	const struct replay *r = ctx;

	(void)tls;
	names_by_lib(r->names, tls_lib, &ret->library, &ret->version);
}

static void flow_hook(void *ctx, const struct flow *f)
{
	struct replay *r = ctx;

	if (r->hold)
		hold_flow(r->hold, f, r->now_ns);
	else
		r->fn(r->ctx, f);
}

static enum tls_reason tls_why_hook(void *ctx, uint32_t pid)
{
	(void)ctx;
	(void)pid;
	return TLS_WHY_CAPTURE;
}

static void event(void *ctx, const struct ev_hdr *ev)
{
	struct replay *r = ctx;

	if (ev->ts_ns > r->now_ns)
		r->now_ns = ev->ts_ns;
	if (!notes_replay(r->names, ev))
		(void)conn_table_event(r->table, ev); /* what is wrong with it is counted */
	if (r->now_ns < r->tick_ns)
		return;
	r->tick_ns = r->now_ns + TICK_NS;
	(void)conn_table_tick(r->table, r->now_ns); /* counted */
	if (r->hold)
		hold_tick(r->hold, r->now_ns);
}

/* Packets say nothing of processes and containers. */
static bool has_names(const struct source *s)
{
	struct pcap_stats st;

	return !source_pcap_stats(s, &st);
}

struct replay *replay_new(struct source *s, size_t body_limit, struct schemas *schemas, flow_fn fn,
			  void *ctx)
{
	static const struct conn_hooks hooks = { .flow = flow_hook,
						 .names = names_hook,
						 .tls = tls_hook };
	static const struct conn_hooks wire_hooks = { .flow = flow_hook, .tls_why = tls_why_hook };
	static const uint8_t seed[16] = "limpid read file"; /* the same ids each time */
	struct replay *r = calloc(1, sizeof(*r));
	bool names = has_names(s);
	struct conn_limits limits;

	if (!r)
		return NULL;
	conn_limits_default(&limits);
	limits.all_messages = true; /* the file waits for its reader */
	limits.streams_only = true;
	limits.msg.unread_bodies = body_limit == REPLAY_UNREAD;
	if (body_limit && body_limit != REPLAY_UNREAD) {
		limits.msg.body_bytes = body_limit;
		if (limits.msg.decoded_bytes < body_limit)
			limits.msg.decoded_bytes = body_limit;
	}
	r->learned = schemas ? NULL : args_schemas_new();
	limits.msg.schemas = schemas ? schemas : r->learned; /* without: nothing is learned */
	if (!names)
		limits.gap_ns = WIRE_GAP_NS;
	r->source = s;
	r->fn = fn;
	r->ctx = ctx;
	r->names = names_new();
	r->hold = names && r->names ? hold_new(r->names, fn, ctx) : NULL;
	r->table = conn_table_new(&limits, names ? &hooks : &wire_hooks, r, s->epoch_ns, seed);
	if (r->names && (r->hold || !names) && r->table)
		return r;
	replay_free(r);
	return NULL;
}

int replay_step(struct replay *r)
{
	return r->source->ops->poll(r->source, 0, event, r);
}

void replay_finish(struct replay *r)
{
	conn_table_finish(r->table);
	if (r->hold)
		hold_tick(r->hold, UINT64_MAX);
}

const struct conn_stats *replay_stats(const struct replay *r)
{
	return conn_table_stats(r->table);
}

void replay_free(struct replay *r)
{
	if (!r)
		return;
	conn_table_free(r->table);
	hold_free(r->hold);
	names_free(r->names);
	schemas_free(r->learned);
	free(r);
}
