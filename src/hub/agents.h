/* SPDX-License-Identifier: Apache-2.0 */
/* agents.h - what the agents said of themselves: containers, health, counters; kept for a while after they
 * are gone.  Not locked: the hub has one lock around it. */
#ifndef LIMPID_HUB_AGENTS_H
#define LIMPID_HUB_AGENTS_H

#include "hub/ingest.h"
#include "hub/list.h"

#define AGENTS_MAX 64 /* the one gone longest gives way */

struct agent;
struct agents { /* zero-initialise before the first use */
	struct agent *list[AGENTS_MAX];
	size_t n;
	uint64_t retired[16];	     /* counters of agents that were forgotten */
	uint64_t version;	     /* grows when health or presence changed */
	uint64_t containers_version; /* grows when the containers changed */
};
struct agents_sums {
	uint64_t dropped, truncated, undecrypted, gaps, dropped_bytes, gap_bytes;
};

void agents_hello(struct agents *s, const struct ingest_agent *a, uint64_t now_ns);
void agents_gone(struct agents *s, const struct ingest_agent *a, uint64_t now_ns);
void agents_containers(struct agents *s, const struct ingest_agent *a,
		       const Limpid__V1__Containers *m);
void agents_health(struct agents *s, const struct ingest_agent *a, const Limpid__V1__Health *m,
		   uint64_t now_ns);
size_t agents_connected(const struct agents *s);
void agents_sums(const struct agents *s, struct agents_sums *ret);
/* The array "agents" of GET /api/health. */
void agents_health_json(const struct agents *s, struct buf *out, uint64_t now_ns);
/* GET /api/containers. */
void agents_containers_json(const struct agents *s, const struct list *l, struct buf *out);
void agents_release(struct agents *s);

#endif
