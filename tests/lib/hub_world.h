/* SPDX-License-Identifier: Apache-2.0 */
/* hub_world.h - the whole hub, in a process of its own, with an agent's real sink on one port and clients on the other. */
#ifndef LIMPID_TESTS_HUB_WORLD_H
#define LIMPID_TESTS_HUB_WORLD_H

#include <sys/types.h>

#include "agent_hub.h"
#include "web.h"

#define HUB_TOKEN  "00112233445566778899aabbccddeeff"
#define HUB_BEARER "Authorization: Bearer " HUB_TOKEN "\r\n"
#define HUB_PAGE   "<!doctype html><title>test</title>"
#define HUB_SCRIPT "console.log(1)"

struct hub_running {
	pid_t pid;
	int stop;
	uint16_t http, grpc;
	char dir[64], db[96], line[600];
};

/* Of cmocka: *state is a running hub with an empty database, gone afterwards. */
int hub_setup(void **state);
int hub_teardown(void **state);
/* In a new directory, on free ports. */
void hub_begin(struct hub_running *h);
/* On the ports and the database in h; the first line it said is in h->line. */
void hub_start(struct hub_running *h);
int hub_end(struct hub_running *h); /* its status */

void hub_step(struct agent *a, const struct hub_running *h);
#define HUB_UNTIL(a, h, cond)                                             \
	for (uint64_t end_ = test_now() + 20000000000ull; !(cond);) { \
		hub_step(a, h);                                           \
		assert_true(test_now() < end_);                       \
	}

/* Flow n: its id ends in n, its answer has this status (0: none yet) and this body. */
void hub_send_flow(struct agent *a, unsigned n, unsigned status, struct slice body);
#define FLOW_ID(n) "00000000-0000-7000-8000-" n
void hub_settle(struct agent *a, const struct hub_running *h); /* until all is stored */
/* Flows first to last by an agent of their own; each tenth failed. */
void hub_feed(const struct hub_running *h, unsigned first, unsigned last);

cJSON *hub_get_json(const struct hub_running *h, const char *path); /* to be deleted by the caller */
double hub_number(const cJSON *j, const char *key);
int hub_status_of(const struct hub_running *h, const char *method, const char *path, const char *more,
		  const char *body);

#endif
