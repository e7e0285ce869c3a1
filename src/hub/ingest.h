/* SPDX-License-Identifier: Apache-2.0 */
/* ingest.h - the hub's gRPC side: agents in, decoded messages out.  One epoll loop, no thread of its own. */
#ifndef LIMPID_HUB_INGEST_H
#define LIMPID_HUB_INGEST_H

#include "flow/flow.h"
#include "limpid.pb-c.h"

struct ingest;
struct ingest_agent { /* as it said hello; strings live as long as the connection */
	const char *id, *hostname, *version, *kernel;
	uint64_t last_seen_ns; /* CLOCK_MONOTONIC */
};
struct ingest_hooks {
	/* An agent said hello; returns the highest batch of it that is stored. */
	uint64_t (*hello)(void *ctx, const struct ingest_agent *a);
	void (*gone)(void *ctx, const struct ingest_agent *a);
	void (*containers)(void *ctx, const struct ingest_agent *a,
			   const Limpid__V1__Containers *m);
	void (*health)(void *ctx, const struct ingest_agent *a, const Limpid__V1__Health *m);
	/* One call a flow, then batch_end.  packed is borrowed, and a limpid.v1.Flow if the agent is right.  The batch is
	 * acknowledged by ingest_ack. */
	void (*flow)(void *ctx, const struct ingest_agent *a, struct slice packed);
	void (*batch_end)(void *ctx, const struct ingest_agent *a, uint64_t seq);
	void *ctx;
};
struct ingest_stats {
	uint64_t agents; /* now connected */
	uint64_t batches, flows;
	uint64_t bad_messages; /* undecodable, or out of turn */
	uint64_t refused; /* connections and calls: rubbish, a wrong token, silence, too many */
};

/* addr: "127.0.0.1:50052" or "[::1]:50052".  agent_token: NULL: none needed.  0, or negative errno after err
 * got one sentence with what to do (-EADDRINUSE, -EADDRNOTAVAIL, -EACCES, -EINVAL). */
int ingest_open(struct ingest **ret, const char *addr, const char *agent_token,
		const struct ingest_hooks *h, char *err, size_t errlen);
uint16_t ingest_port(const struct ingest *g); /* the one it listens on, also when addr said 0 */
int ingest_fd(const struct ingest *g);	      /* an epoll descriptor: readable: call ingest_poll */
/* Handles what is there; never blocks. */
int ingest_poll(struct ingest *g, uint64_t now_ns);
/* Keepalive; every 100 ms. */
void ingest_tick(struct ingest *g, uint64_t now_ns);
/* Batches up to seq of this agent are durable.  May be called from batch_end.  Until this an agent may send
 * 4 MiB more, so acknowledge soon. */
void ingest_ack(struct ingest *g, const char *agent_id, uint64_t seq);
/* To all agents, and to each that comes from now on. */
int ingest_settings(struct ingest *g, const Limpid__V1__Settings *s);
const struct ingest_stats *ingest_stats(const struct ingest *g);
void ingest_close(struct ingest *g); /* `gone` is called for each agent; g may be NULL */

#endif
