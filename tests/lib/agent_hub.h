/* SPDX-License-Identifier: Apache-2.0 */
/* agent_hub.h - a collector and an ingest in one process, over a real socket on loopback. */
#ifndef LIMPID_TESTS_AGENT_HUB_H
#define LIMPID_TESTS_AGENT_HUB_H

#include "hub/ingest.h"
#include "sink/collector.h"

#define HUB_FLOWS 65536
struct hub { /* stores which flows it has; what is not committed is lost when it is killed */
	struct ingest *in;
	uint16_t port;
	const char *token;
	uint8_t seen[HUB_FLOWS], durable[HUB_FLOWS];
	uint64_t stored, last; /* highest durable batch, highest batch handed out */
	unsigned hellos, gones, containers, health, batches;
	size_t bytes; /* of bodies */
	bool commit;  /* each batch at once */
	char agent[128], first_container[128], runtime[64], fact[128];
	uint64_t counter;
	uint8_t body_sum;
};
void hub_open(struct hub *h, const char *token); /* on a port of its own, or the one it had */
struct hub *hub_new(const char *token); /* on the heap, and open */
void hub_free(struct hub *h);
void hub_commit(struct hub *h);
void hub_kill(struct hub *h); /* loses what is not committed */

struct agent {
	struct sink *sink;
	unsigned asked, delays[64];
	bool wants;
	unsigned settings;
	struct collector_settings last;
	char names[128];
};
void agent_open(struct agent *a, const char *id, const char *token, size_t queue_bytes);
void agent_connect(struct agent *a, uint16_t port); /* or tells that it failed */
void agent_close(struct agent *a);

uint64_t test_now(void);
/* One round of both; waits up to 5 ms when nothing is ready.  Either may be NULL.  Reconnects. */
void both_step(struct agent *a, struct hub *h);
/* Writes flow number n (its id) with a body; what write returned. */
int write_flow(struct agent *a, unsigned n, size_t body);
/* Steps until cond holds; fails the test after 20 s. */
#define STEP_UNTIL(a, h, cond)                                        \
	for (uint64_t end_ = test_now() + 20000000000ull; !(cond);) { \
		both_step(a, h);                                      \
		assert_true(test_now() < end_);                       \
	}

#endif
