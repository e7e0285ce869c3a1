/* SPDX-License-Identifier: Apache-2.0 */
/* decode.h - the confined process: records in, flows out. */
#ifndef LIMPID_CMD_DECODE_H
#define LIMPID_CMD_DECODE_H

#include "capture/source.h"
#include "cmd/args.h"
#include "cmd/confine.h"
#include "filter/filter.h"
#include "sink/sink.h"

enum decode_to { DECODE_HUB, DECODE_PRINT, DECODE_RECORD };

/* What one decode leaves to the next when it is killed: memory that they share. */
struct decode_left {
	uint64_t exchanges; /* that were not over */
	uint64_t waiting;   /* writes of flows that the hub had not acknowledged */
	uint64_t lost;	    /* both, of all that were killed */
};

struct decode_options {
	enum decode_to to;
	const struct args *args;
	const struct filter *filter; /* DECODE_PRINT; NULL: everything */
	int output;		     /* descriptor of DECODE_PRINT and DECODE_RECORD, else -1 */
	struct identity who;
	struct decode_left *left; /* NULL: nobody counts */
};

/* In the child that tap started: keeps only standard output and error, ipc, the rings and its output, gives
 * up everything (confine.h), and only then reads the first record.  Exit status: 0: told to stop, or nobody
 * reads the output any more; 1: could not start; 3: out of memory. */
int decode_main(const struct decode_options *o, int ipc, const int *rings, unsigned nrings);

/* The sink for standard output as args ask for it, and the rule which writes of a flow are shown. */
struct sink *print_sink(const struct args *a, int fd);
/* Anything of bodies is printed, or asked for. */
bool print_bodies(const struct args *a, const struct filter *q);
bool print_wants(const struct args *a, const struct filter *q, const struct flow *f);
/* The terminal's last line, of a sink made by print_sink without --json: rate, what is open, what is missing. */
struct print_counts {
	uint64_t flows, flows_before; /* ended, now and so many seconds ago */
	uint64_t shown, open, missing, dropped, undecrypted;
};
void print_status(struct sink *s, const struct print_counts *c, double seconds);

#endif
