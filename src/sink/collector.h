/* SPDX-License-Identifier: Apache-2.0 */
/* collector.h - the sink that speaks limpid.v1.Collector/Exchange with a hub (DESIGN, 5).
 *
 * It owns no address: a connected socket is handed to it and, when that breaks, want_connect is
 * called; the owner then brings another one (with back-off: 0.2 s x 1.6, cap 5 s, jitter 20 %).
 * Batches are numbered and kept until acknowledged; after a reconnect the unacknowledged ones are
 * sent again.  Beyond queue_bytes the oldest batch is dropped and counted.
 */
#ifndef LIMPID_SINK_COLLECTOR_H
#define LIMPID_SINK_COLLECTOR_H

#include "sink/sink.h"

struct collector_settings { /* from the hub */
	bool paused, hosts, include_new;
	unsigned mode; /* 0 all, 1 chosen, 2 all except */
	uint64_t body_limit, conn_budget;
	const char *const *names;
	size_t nnames;
	const char *const *ends; /* rules as in base/end_rule.h, not checked */
	size_t nends;
	const char *const *processes; /* rules as in base/proc_rule.h, not checked */
	size_t nprocesses;
};

struct collector_container {
	const char *id, *name, *image, *project, *service, *state, *networks, *pod, *ns;
	uint8_t (*addrs)[16];
	size_t naddrs;
	bool captured;
};

struct collector_fact { /* one line of the health report */
	const char *key, *text, *hint;
	unsigned level;
};
struct collector_counter {
	const char *key;
	uint64_t value;
};

struct collector_tls_lib {
	const char *name, *version, *path, *code; /* code: "read", or why not */
};
struct collector_tls { /* processes of one kind, and their TLS */
	uint32_t pid;	    /* of one of them */
	unsigned processes; /* how many */
	const char *comm, *container; /* container: NULL: none */
	const char *code, *text, *hint; /* why it is not read (src/tls/reason.h) */
	bool readable, gone; /* gone: all of them ended */
	struct collector_tls_lib libs[3];
	size_t nlibs;
	unsigned more_libs;
	uint64_t conns, unread, wire, plain; /* connections; those not read; bytes encrypted; bytes read */
};
struct collector_ledger {
	const struct collector_tls *rows;
	size_t n;
	uint64_t left_out; /* processes, for the limits */
};

struct collector_options {
	const char *agent_id, *hostname, *version, *kernel;
	const char *token;  /* metadata "authorization: Bearer ..."; NULL: none */
	size_t queue_bytes; /* unacknowledged batches kept at most */
	void (*want_connect)(void *ctx, unsigned delay_ms);
	void (*settings)(void *ctx, const struct collector_settings *s); /* s is borrowed */
	void *ctx;
};
struct collector_stats {
	uint64_t waiting; /* writes of flows that the hub has not acknowledged */
	uint64_t flows, batches, acked, resent, dropped_flows, dropped_updates, queue_bytes, queue_max, reconnects;
	bool connected;
	uint64_t since_ns; /* when `connected` last changed, as told to collector_tick */
	char why[160]; /* one sentence: what broke or refused the last connection; "" if nothing did */
};

struct sink *collector_new(const struct collector_options *o);
/* Takes over fd (connected, non-blocking).  fd < 0 (negative errno): the attempt failed; want_connect is
 * called again with the next delay.  The first want_connect comes from the first collector_tick.
 * 0, -ENOMEM, -EINVAL: it is connected already (fd is closed). */
int collector_connected(struct sink *s, int fd);
/* Another bound of the queue; holds from the next flow on. */
void collector_queue(struct sink *s, size_t bytes);
/* The hub takes flows, but slower than they come: more than half of the queue is taken.  What waits before the sink should
 * wait there.  Not so while the hub is away, or has acknowledged nothing for half a second. */
bool collector_crowded(const struct sink *s);
int collector_fd(const struct sink *s); /* -1: not connected */
bool collector_wants_write(const struct sink *s);
/* The descriptor is ready, or may be.  0, or negative errno after which the socket was closed. */
int collector_io(struct sink *s, uint64_t now_ns);
/* Every 100 ms or so, and after writes: sends what there is, unless it did so within the last 50 ms, pings, notices a dead hub. */
void collector_tick(struct sink *s, uint64_t now_ns);
/* The whole list each time it changes; the hub replaces its own. */
void collector_containers(struct sink *s, const struct collector_container *list, size_t n);
/* "docker 28.2", or why there is none; goes with the next list. */
void collector_runtime(struct sink *s, const char *runtime);
/* Once a second.  tls may be NULL. */
void collector_health(struct sink *s, const struct collector_fact *facts, size_t nfacts,
		      const struct collector_counter *counters, size_t ncounters,
		      const struct collector_ledger *tls);
const struct collector_stats *collector_stats(const struct sink *s);

#endif
