/* SPDX-License-Identifier: Apache-2.0 */
/* drive.h - runs one parser over bytes the way a connection does, without streams and pairing. */
#ifndef LIMPID_TESTS_DRIVE_H
#define LIMPID_TESTS_DRIVE_H

#include "proto/proto.h"

/* Takes over m->arena when it sets it to NULL.  A message whose partial is set is given too. */
typedef void (*drive_fn)(void *ctx, enum side side, struct msg *m);

struct drive {
	const struct proto *p;
	struct proto_limits limits;
	drive_fn fn;
	void *ctx;
	bool guard; /* each input ends at an unreadable page */
	uint64_t now; /* CLOCK_MONOTONIC of what is fed; may be changed any time */
	/* Optional: after PARSE_STOP the parser it names goes on, and the caller is told first. */
	void (*become)(void *ctx, const struct proto *next);
	/* From here on the driver's own; results may be read. */
	void *state;
	struct buf in[2];
	size_t need[2];
	bool stopped;		  /* PARSE_STOP was returned */
	const struct proto *next; /* by it */
	size_t calls, bad;	  /* of parse; how many of them said PARSE_BAD */
	bool lost; /* lost() said false; the caller may clear it */
	bool broken;		  /* the parser broke its contract: why is printed */
};

/* p, limits, fn, ctx and guard were set, the rest is zero. */
void drive_begin(struct drive *d);
void drive_feed(struct drive *d, enum side side, struct slice s);
void drive_lost(struct drive *d, enum side side, uint64_t n);
void drive_end(struct drive *d, enum side side, enum proto_end how);
void drive_release(struct drive *d);

#endif
