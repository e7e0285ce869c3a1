/* SPDX-License-Identifier: Apache-2.0 */
/* chaos.h - the worker's side of the property test: random calls of random sizes on several connections at once.
 *
 * Each connection has two threads at each end, one per direction.  A seed gives the same calls again; how the threads
 * take turns it does not.
 */
#ifndef LIMPID_TESTS_CHAOS_H
#define LIMPID_TESTS_CHAOS_H

#include <stdbool.h>
#include <stdint.h>

#include "way.h"

extern bool only_tcp; /* --only-tcp: no system call is hooked, and connections are of TCP (check.c) */

#define CHAOS_CONNS 3
/* What moved on one connection, as the return values of the calls have it: [0] client to server, [1] back. */
struct chaos_conn {
	uint16_t cport, sport;
	uint32_t family;
	uint64_t cookie[2]; /* as in struct reply */
	uint32_t faults;    /* calls that ended in unmapped memory */
	uint64_t sent[2][S_OPS], got[2][R_OPS];
};

/* To choose from: bit sets of enum send_op and of enum recv_op. */
struct chaos_ways {
	uint64_t on_tcp[2], on_unix[2];
};

struct conn;
/* Opens connections of random families, at most CHAOS_CONNS.  Their number, or negative errno. */
int chaos_open(struct conn *c, uint64_t seed, struct chaos_conn *ret);
/* Moves bytes on n connections, which are open, until all that was sent has been received.   0, or negative errno: a call failed, or the receiver's bytes were not
 * those sent. */
int chaos_run(struct conn *c, unsigned n, uint64_t seed, const struct chaos_ways *ways,
	      struct chaos_conn *ret);

#endif
