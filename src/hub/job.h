/* SPDX-License-Identifier: Apache-2.0 */
/* job.h - a request whose answer is summed up over the rows that its parameters leave: f (the filter), since and until
 * (Unix time in ms; negative: so many ms ago).  Jobs are done one after the other, the oldest first, in slices
 * between the other work of the web thread.
 */
#ifndef LIMPID_HUB_JOB_H
#define LIMPID_HUB_JOB_H

#include "hub/walk.h"

struct conn;
struct web;
struct job;

struct job_ops {
	/* With the lock held, as walk_fn. */
	void (*row)(struct job *j, const struct list *l, const struct row *r);
	/* All were seen: appends one JSON object.  Without the lock. */
	void (*answer)(struct job *j, struct buf *out);
	void (*free)(struct job *j);
};

/* The first member of what ops work on; ops is set by its maker, the rest by job_begin. */
struct job {
	const struct job_ops *ops;
	struct walk *walk;
	struct walk_range range;
	int64_t now_ns; /* Unix time at which it began */
	uint64_t number; /* of the first job 1, and so on */
};

/* Takes over j, which becomes the request's; answers at once when the parameters are wrong.  j NULL: out of memory. */
void job_begin(struct conn *c, struct job *j);
void job_free(struct job *j); /* j may be NULL */
/* Works at the oldest job until the deadline (CLOCK_MONOTONIC); true: there is more to do at once. */
bool job_run(struct web *w, uint64_t deadline_ns);
/* Answers a job that is done. */
void job_poll(struct conn *c);

#endif
