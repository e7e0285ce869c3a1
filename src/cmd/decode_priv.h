/* SPDX-License-Identifier: Apache-2.0 */
/* decode_priv.h - what decode.c (the loop) and report.c (what the hub is told) share. */
#ifndef LIMPID_CMD_DECODE_PRIV_H
#define LIMPID_CMD_DECODE_PRIV_H

#include "capture/record.h"
#include "cmd/decode.h"
#include "cmd/hold.h"
#include "cmd/names.h"
#include "cmd/notes.h"
#include "cmd/tls_use.h"
#include "sink/collector.h"

#define DECODE_FACTS 256

struct decode {
	const struct decode_options *o;
	int ep, ipc;
	struct source *source;
	struct conn_table *table;
	struct conn_limits limits;
	struct names *names;
	struct hold *hold;
	struct tls_use *tls;
	struct sink *sink;	   /* the hub's, or the terminal's; NULL when recording */
	struct recorder *recorder; /* else NULL */
	bool to_hub;		   /* sink is a collector */
	int hub_fd;		   /* as registered with ep; -1: none */
	bool hub_out;		   /* registered for writing too */
	bool held_back;		   /* what is in the rings waits there for the hub: they do not wake us */
	uint64_t connect_ns;	   /* when to ask tap for a connection; 0: not */
	bool containers_new;	   /* the hub has to hear of them */
	struct ipc_health *facts;
	size_t nfacts;
	uint64_t loss[EV_LOSS_MAX], restarts, up_s;
	uint64_t cost_cpu_ms[2], cost_bytes[2]; /* of tap and of this process, as tap told */
	char why[160]; /* the collector's complaint that was logged last */
	uint64_t now_ns, printed, dropped;
	uint64_t status_ns, status_flows; /* when the last line was drawn, and how much there was then */
	bool stop, closed; /* closed: nobody reads the output */
	bool failed;	   /* the recording could not be written */
};

/* Hooks of the connection table (ctx: struct decode), for the ledger. */
void report_use(void *ctx, const struct conn_use *u);
enum tls_reason report_why(void *ctx, uint32_t pid);
/* decode_hooks.c; the context is struct decode. */
extern const struct conn_hooks decode_hooks;
void decode_out(void *ctx, const struct flow *f); /* named as well as may be: to the sink */

/* Tells the hub; every second, and when something changed. */
void report_health(struct decode *d);
void report_containers(struct decode *d);
void report_fact(struct decode *d, const struct ipc_health *h);
struct sink *report_collector(struct decode *d);
/* Once a second: the last line of a tail's terminal. */
void report_status(struct decode *d);
/* Says at the end of a tail how much there was. */
void report_end(const struct decode *d);

#endif
