/* SPDX-License-Identifier: Apache-2.0 */
/* related.h - which flows belong with one: what caused it, what it caused, its trace, its connection.
 *
 * Cause is told by time and process: what a process asks as a client while it serves a request was asked for that request.
 * Where it served several at that moment, each of them may be the cause, and it is said how many there are, unless a
 * trace's or request's number that both have decides it.  Threads are not known here.
 * One pass over the list in pieces; the hub's lock is held by the caller during each.
 */
#ifndef LIMPID_HUB_RELATED_H
#define LIMPID_HUB_RELATED_H

#include "hub/list.h"

#define RELATED_MAX 200 /* rows of each kind that are kept */

struct related_row {
	uint64_t n;  /* number of the row */
	unsigned of; /* of so many requests one is the cause; 1: there is no other */
};
struct related_rows {
	uint64_t n;	  /* how many there are */
	uint64_t busy_ns; /* sum of their durations */
	size_t kept;
	struct related_row rows[RELATED_MAX]; /* the first ones; of a connection those nearest by arrival */
};

struct related; /* what is looked for, and what was found so far */

enum related_by { RELATED_UNKNOWN, RELATED_PROCESS, RELATED_CONTAINER };

/* f is a whole flow, row its number; nothing of f is kept.  NULL: out of memory. */
struct related *related_new(const struct flow *f, uint64_t row);
struct related *related_of_row(const struct list *l, const struct row *r);
/* Looks at up to max rows.  True: there are more. */
bool related_scan(struct related *q, const struct list *l, size_t max);

/* What was found, once related_scan said false.  "Caused by" has all that may be. */
const struct related_rows *related_caused_by(struct related *q);
const struct related_rows *related_caused(struct related *q);
/* The number of the i-th row that was caused, in the order of time, beyond RELATED_MAX too; 0: there is none. */
uint64_t related_caused_at(struct related *q, size_t i);
const struct related_rows *related_trace(const struct related *q);
const struct related_rows *related_connection(const struct related *q);
/* How the process that served f is known, and the one that asked. */
enum related_by related_server_by(const struct related *q);
enum related_by related_client_by(const struct related *q);
void related_free(struct related *q);

#endif
