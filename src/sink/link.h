/* SPDX-License-Identifier: Apache-2.0 */
/* link.h - inside the collector only: its state, and the half of it that talks to the hub. */
#ifndef LIMPID_SINK_LINK_H
#define LIMPID_SINK_LINK_H

#include "rpc/grpc.h"
#include "sink/collector.h"
#include "sink/queue.h"

#define MS		    1000000ull
#define LINK_PING_NS	    (10000 * MS)
#define LINK_DELAY_FIRST_MS 200

struct said { /* the last of its kind; said again after a reconnect */
	struct buf bytes;
	bool due;
};

struct collector {
	struct sink sink;
	struct collector_options o; /* strings are our copies */
	char *runtime;
	struct collector_stats stats;
	uint64_t now_ns;

	struct buf open; /* flows of the batch that is being filled */
	size_t open_flows, open_updates; /* writes in it; those that are not their flow's last */
	uint64_t closed_ns, next_seq; /* closed_ns: when the last one was closed */
	struct queue q;
	struct said hello, containers, health;

	int fd;
	struct grpc *g;
	int32_t call;
	bool welcome;
	int broken; /* negative errno: the connection is to be given up */
	uint64_t begun_ns, ping_ns;
	uint64_t acked_ns; /* when the hub last took something, or was there again */
	struct batch *sending;
	struct slice sending_flows; /* of it: in the queue's memory */
	size_t sending_off;

	bool asked; /* want_connect was called and not answered yet */
	bool was_connected;
	unsigned delay_ms;
	uint64_t random;
};

/* Asks the owner for a connection, after the delay that is due. */
void link_ask(struct collector *c, bool at_once);
/* Takes over fd.  0, -ENOMEM (another one was asked for). */
int link_open(struct collector *c, int fd);
bool link_wants_write(const struct collector *c);
void link_read(struct collector *c);
void link_write(struct collector *c);
void link_tick(struct collector *c); /* pings, and the patience with a silent hub */
/* 0, or the negative errno for which the connection was given up just now and another one asked for. */
int link_settle(struct collector *c);

#endif
