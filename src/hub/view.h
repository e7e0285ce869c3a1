/* SPDX-License-Identifier: Apache-2.0 */
/* view.h - what one tab sees of the list: its filter, the rows that match, what it was sent.  No sockets.
 *
 * The rows of a view are in the order in which they came to match; they stay until they are evicted, so
 * that no row changes its place while somebody looks at it (docs/api.md).  Callers hold the hub's lock
 * around every call that takes the list, except where it says otherwise.
 */
#ifndef LIMPID_HUB_VIEW_H
#define LIMPID_HUB_VIEW_H

#include "filter/filter.h"
#include "hub/list.h"
#include "hub/order.h"

#define VIEW_ROWS_MAX 500
/* Between two ticks; but one more may follow at once after a pause, so that what comes alone is seen at once.  Never more than
 * ten in any second. */
#define VIEW_TICK_NS UINT64_C(112000000)

struct view;

/* Sees all rows until view_sub.  NULL: out of memory. */
struct view *view_new(void);
void view_free(struct view *v);
/* Replaces filter and rows.  tag is given back in what the view writes; -1: none.  n: rows a tick carries.
 * 0; -EINVAL: *ret_err says why and nothing changed; -ENOMEM. */
int view_sub(struct view *v, const char *filter, size_t n, int64_t tag,
	     struct filter_error *ret_err);
/* From now on the rows that there are, in the order of a column; those that come later are only counted.  Done when view_scan
 * has nothing more to do.  ORDER_NONE: all rows as they come again.  tag as of view_sub. */
void view_sort(struct view *v, enum order_by by, bool desc, int64_t tag);
/* Looks no further for older rows that match; those that come are still looked at. */
void view_stop(struct view *v);
void view_follow(struct view *v, bool on);
/* ids in the 36-character form; others are ignored.  At most 64. */
void view_watch(struct view *v, const char *const *ids, size_t n);
void view_ack(struct view *v, uint64_t seq);

/* --- finding the rows that match --- */

/* Looks at up to max rows, or until it meets one that only the store can decide.  True: look again at once, unless
 * view_wants says otherwise. */
bool view_scan(struct view *v, const struct list *l, size_t max);
/* Numbers of rows to be fetched from the store and given to view_try; false: none.  *ret_bodies: with bodies. */
bool view_wants(const struct view *v, uint64_t *ret_first, uint64_t *ret_last, bool *ret_bodies);
/* One of them; needs no lock.  View_tried ends the round: everything up to last was given. */
void view_try(struct view *v, uint64_t n, const struct flow *f);
void view_tried(struct view *v, const struct list *l, uint64_t last);
/* Every row that there is was decided. */
bool view_done(const struct view *v, const struct list *l);

/* --- what it holds --- */

uint64_t view_base(const struct view *v);    /* rows dropped at the front so far */
uint64_t view_matched(const struct view *v); /* rows there are */
/* `"rows":[...]` of up to n rows from `from` on. */
void view_rows(struct view *v, const struct list *l, struct buf *out, uint64_t from, size_t n);
/* Position of the last row whose number is at most n, or -1. */
int64_t view_find(struct view *v, const struct list *l, uint64_t n);

/* --- what is sent by itself --- */

/* A tick may go out: the last one was acknowledged and long enough ago, and there is something new.  common_version: of
 * what else a tick tells. */
bool view_due(const struct view *v, const struct list *l, uint64_t common_version, uint64_t now_ns);
/* When it is worth asking again; UINT64_MAX: after an ack, or a change. */
uint64_t view_due_at(const struct view *v);
/* The messages: first an `upd` into upd (or nothing), then the tick.  common: members of the tick that are the same for
 * all tabs, without the braces. */
void view_tick(struct view *v, const struct list *l, struct slice common, uint64_t common_version,
	       uint64_t now_ns, struct buf *upd, struct buf *tick);
/* `,"view":TAG`, or nothing. */
void view_tag(const struct view *v, struct buf *out);

#endif
