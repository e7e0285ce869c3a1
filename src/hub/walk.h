/* SPDX-License-Identifier: Apache-2.0 */
/* walk.h - every row of the list that a filter and a range of time leave, once, for what is summed over all of them.
 *
 * It goes in slices, so that neither the lock around the list nor the web thread is held for long.  Rows that come
 * meanwhile are not visited; those that are evicted meanwhile are missed.  No sockets, no clock.
 */
#ifndef LIMPID_HUB_WALK_H
#define LIMPID_HUB_WALK_H

#include "filter/filter.h"
#include "hub/list.h"

struct walk;
struct walk_range {
	int64_t since_ns, until_ns; /* Unix time of a flow's first byte: [since, until) */
	bool open; /* flows from before it that are still open, too */
};
#define WALK_ALWAYS ((struct walk_range){ INT64_MIN, INT64_MAX, false })

/* With the lock held.  What l numbers (intern.h) may stand for something else in the next call. */
typedef void (*walk_fn)(void *ctx, const struct list *l, const struct row *r);

/* 0; -EINVAL: *ret_err says why; -ENOMEM. */
int walk_new(struct walk **ret, const char *filter, struct walk_range range, walk_fn fn, void *ctx,
	     struct filter_error *ret_err);
void walk_free(struct walk *w); /* w may be NULL */
/* Looks at up to max rows, or until it meets one that only the store can decide.  True: look again, unless walk_wants
 * says otherwise. */
bool walk_step(struct walk *w, const struct list *l, size_t max);
/* As view_wants, view_try and view_tried (view.h). */
bool walk_wants(const struct walk *w, uint64_t *ret_first, uint64_t *ret_last, bool *ret_bodies);
void walk_try(struct walk *w, uint64_t n, const struct flow *f);
void walk_tried(struct walk *w, const struct list *l, uint64_t last);
bool walk_done(const struct walk *w);
/* Of the rows in the range, those that the filter left out included: first byte of the first; false: there is none. */
bool walk_first_ns(const struct walk *w, int64_t *ret);
/* What could not be visited for want of memory. */
uint64_t walk_missed(const struct walk *w);

#endif
