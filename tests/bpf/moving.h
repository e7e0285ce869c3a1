/* SPDX-License-Identifier: Apache-2.0 */
/* moving.h - what the threads of a worker that move bytes are at, so that whoever gave the order can say why it failed.
 *
 * Each thread writes its own entry, in memory that the worker shares with its parent: it can be read while the order does not
 * come to its end, and after the worker has died.  The entries are those of the last order.
 */
#ifndef LIMPID_TESTS_MOVING_H
#define LIMPID_TESTS_MOVING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "way.h"

struct moving {
	bool used, sends, back, inside; /* inside: the call has not come back */
	bool waitall, unmapped;		/* of the call: with MSG_WAITALL; its last buffer ends in memory that is not mapped */
	uint32_t family, conn;		/* enum family; which of the order's connections */
	uint64_t total, done, calls;
	const struct way *way; /* of the last call; at the same address in both processes */
	size_t asked, bufs;    /* bufs 0: those of the way */
	ssize_t rc;
	int err;
	unsigned failed; /* 0: it did not; else the how-manieth to do so: what comes after the first may follow from it */
	int error;	 /* negative errno */
	uint64_t wrong_at;
	uint8_t wrong_got, wrong_want;
};
#define MOVINGS 16
struct movings {
	atomic_uint failures;
	struct moving at[MOVINGS];
};
/* Those of this process: the worker's, set before its first order.  Never NULL in a worker. */
extern struct movings *movings;

struct movings *movings_new(void); /* shared with children; NULL: no memory */
void movings_free(struct movings *m);
void movings_clear(struct movings *m); /* before an order */

/* By the thread itself: before its first call, before and after each call (errno is kept), and when it gives up. */
void moving_begin(struct moving *m, uint32_t conn, uint32_t family, int back, bool sends, uint64_t total);
void moving_call(struct moving *m, const struct way *way, uint64_t done, size_t asked);
void moving_came_back(struct moving *m, ssize_t rc);
void moving_failed(struct moving *m, int error); /* only the first counts */

/* The error of the entry that failed first, or 0. */
int movings_error(const struct movings *m);
/* TAP comments: one for each entry in use, the first to fail before all others. */
void movings_print(const struct movings *m, FILE *f);

#endif
