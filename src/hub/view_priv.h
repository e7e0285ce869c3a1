/* SPDX-License-Identifier: Apache-2.0 */
/* view_priv.h - inside of a view: view.c finds the rows, view_tell.c tells the tab of them. */
#ifndef LIMPID_HUB_VIEW_PRIV_H
#define LIMPID_HUB_VIEW_PRIV_H

#include "hub/view.h"

#define WINDOWS	    64
#define TAIL	    6000 /* the page keeps 60 blocks of 100 */
#define WATCH_MAX   64
#define CHANGED_MAX 1000
#define RECHECK_MAX 4096
#define STORE_ROUND 20000 /* rows fetched from the store between two looks at the list */

struct window {
	uint64_t lo, hi; /* places, [lo, hi) */
};

enum sort_state {
	SORT_NONE,
	SORT_WAIT, /* for the filter to have looked at everything */
	SORT_COLLECT,
	SORT_MERGE,
	SORT_READY
};

struct view {
	struct filter *filter; /* NULL: everything */
	int64_t tag;
	size_t n;
	enum filter_needs needs;
	bool follow, force;
	bool stale;	   /* more changed than is kept */
	bool store_wanted; /* numbers store_first to store_last are to be fetched */

	uint64_t *rows;		  /* places */
	size_t first, nrows, cap; /* rows[first .. first + nrows) */
	uint64_t base;		  /* rows dropped at the front */
	uint64_t *bits, anchor;	  /* bit i of all is place anchor + i */
	size_t nbits;		  /* words */
	uint64_t scanned;	  /* every place before this was decided */
	uint64_t list_base;	  /* of the list, when it was last looked at */
	uint64_t seen_change;

	enum sort_state sorting;
	struct order order;
	uint64_t sort_next, sort_end; /* rows to be taken, counted from the view's first ever */
	bool stopping;		      /* what was not looked at is passed over, with the next scan */
	uint64_t stopped;	      /* so many rows were; 0: none */

	uint64_t store_first, store_last;
	uint64_t *hits, *recheck; /* numbers that matched; places to be decided again */
	size_t nhits, hits_cap, nrecheck;

	struct window windows[WINDOWS];
	size_t next_window;
	uint8_t watch[WATCH_MAX][16];
	size_t nwatch;
	uint64_t changed[CHANGED_MAX];
	size_t nchanged;

	uint64_t seq, acked;
	uint64_t tick_ns; /* when the next tick would be due at an even pace; it may come VIEW_TICK_NS before that */
	uint64_t seen_version, seen_common;
	uint64_t sent_end;   /* place up to which rows may have been sent */
	uint64_t sent_count; /* base + matched at the last tick */
};

/* view.c: drops what the list has dropped; first of all in every call that takes the list. */
void view_drop_front(struct view *v, const struct list *l);
/* Rows that were found, in the order in which they came to match: how many, and the place of one. */
static inline uint64_t view_found(const struct view *v)
{
	return v->filter ? v->nrows : v->list_base == UINT64_MAX ? 0 : v->scanned - v->list_base;
}
static inline uint64_t view_found_place(const struct view *v, uint64_t i)
{
	return v->filter ? v->rows[v->first + i] : v->list_base + i;
}
/* The place of the view's row i, of view_matched. */
static inline uint64_t view_place(const struct view *v, uint64_t i)
{
	return v->sorting == SORT_NONE ? view_found_place(v, i) : v->order.items[i].pos;
}
/* view_sort.c: goes on with sorting; true: there is more to do. */
bool view_sort_step(struct view *v, const struct list *l, size_t max, bool found_all);
/* Is the place among the sorted rows that the tab holds? */
bool view_sort_shows(const struct view *v, uint64_t pos);

#endif
