/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of a view in another order: those that there were when it was asked for.  While the view goes on finding rows behind
 * it, the sorted ones stay what they are, so that nothing moves until somebody asks again. */
#include "hub/view_priv.h"

#define SHOWN_WINDOWS 4 /* the last ones that were asked for */

void view_sort(struct view *v, enum order_by by, bool desc, int64_t tag)
{
	order_begin(&v->order, by, desc);
	v->sorting = by == ORDER_NONE ? SORT_NONE : SORT_WAIT;
	v->tag = tag;
	v->force = true;
	v->nchanged = v->next_window = 0;
	memset(v->windows, 0, sizeof(v->windows));
	v->sent_end = v->sent_count = 0;
}

void view_stop(struct view *v)
{
	v->stopping = true;
}

static void collect(struct view *v, const struct list *l, size_t max)
{
	if (v->sort_next < v->base)
		v->sort_next = v->base; /* those before are gone */
	for (; max > 0 && v->sort_next < v->sort_end; max--, v->sort_next++) {
		uint64_t pos = view_found_place(v, v->sort_next - v->base);

		if (pos >= l->base && !order_add(&v->order, l, pos)) {
			v->stale = true; /* without memory: some are missing until it is asked for again */
			v->sort_next = v->sort_end;
			return;
		}
	}
}

bool view_sort_step(struct view *v, const struct list *l, size_t max, bool found_all)
{
	if (v->sorting == SORT_WAIT) {
		if (!found_all)
			return false;
		v->sort_next = v->base;
		v->sort_end = v->base + view_found(v);
		v->sorting = SORT_COLLECT;
	}
	if (v->sorting == SORT_COLLECT) {
		collect(v, l, max);
		if (v->sort_next < v->sort_end)
			return true;
		v->sorting = SORT_MERGE;
	}
	if (v->sorting == SORT_READY && l->base == l->end)
		v->order.n = 0; /* everything was deleted */
	if (v->sorting == SORT_MERGE) {
		if (order_step(&v->order, l, max))
			return true;
		v->sorting = SORT_READY;
		v->force = true;
	}
	return false;
}

bool view_sort_shows(const struct view *v, uint64_t pos)
{
	size_t n = v->next_window < SHOWN_WINDOWS ? v->next_window : SHOWN_WINDOWS;

	for (size_t i = 0; v->sorting == SORT_READY && i < n; i++) {
		const struct window *w = &v->windows[(v->next_window - 1 - i) % WINDOWS];

		for (uint64_t at = w->lo; at < w->hi; at++)
			if (v->order.items[at].pos == pos)
				return true;
	}
	return false;
}

/* --- what there is to show ------------------------------------------------------------------------------ */

uint64_t view_base(const struct view *v)
{
	return v->sorting == SORT_NONE ? v->base : 0;
}

uint64_t view_matched(const struct view *v)
{
	if (v->sorting == SORT_NONE)
		return view_found(v);
	return v->sorting == SORT_READY ? v->order.n : 0;
}
