/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/walk.h"

#include <errno.h>
#include <stdlib.h>

#define STORE_ROUND 20000 /* rows fetched from the store between two looks at the list */

struct walk {
	struct filter *filter; /* NULL: everything */
	enum filter_needs needs;
	struct walk_range range;
	walk_fn fn;
	void *ctx;
	bool started, store_wanted, any;
	uint64_t pos, end; /* places: every one before pos was decided */
	uint64_t store_first, store_last;
	uint64_t *hits; /* numbers that matched, of this round */
	size_t nhits, hits_cap;
	uint64_t missed;
	int64_t first_ns;
};

int walk_new(struct walk **ret, const char *filter, struct walk_range range, walk_fn fn, void *ctx,
	     struct filter_error *ret_err)
{
	struct walk *w = calloc(1, sizeof(*w));
	bool blank = filter[strspn(filter, " \t\r\n")] == '\0';
	int r = !w ? -ENOMEM : blank ? 0 : filter_new(&w->filter, filter, ret_err);

	if (r < 0) {
		free(w);
		return r;
	}
	w->needs = w->filter ? filter_needs(w->filter) : FILTER_SUMMARY;
	w->range = range;
	w->fn = fn;
	w->ctx = ctx;
	*ret = w;
	return 0;
}

void walk_free(struct walk *w)
{
	if (!w)
		return;
	filter_free(w->filter);
	free(w->hits);
	free(w);
}

static bool in_range(const struct walk *w, const struct row *r)
{
	if (r->ts_ns >= w->range.until_ns)
		return false;
	return r->ts_ns >= w->range.since_ns || (w->range.open && r->state == FLOW_OPEN);
}

static bool matches(const struct walk *w, const struct list *l, const struct row *r)
{
	struct row_flow rf;

	if (!w->filter)
		return true;
	row_flow(l, r, &rf);
	return filter_match(w->filter, &rf.flow);
}

/* From the row at pos on; up to the last one of the round that the range leaves. */
static void want_store(struct walk *w, const struct list *l)
{
	uint64_t end = w->end - w->pos < STORE_ROUND ? w->end : w->pos + STORE_ROUND, last = w->pos;

	if (w->needs != FILTER_SUMMARY)
		for (uint64_t pos = w->pos; pos < end; pos++)
			if (in_range(w, list_at(l, pos)))
				last = pos;
	w->store_first = list_at(l, w->pos)->n;
	w->store_last = list_at(l, last)->n;
	w->store_wanted = true;
	w->nhits = 0;
}

bool walk_step(struct walk *w, const struct list *l, size_t max)
{
	const struct row *r;

	if (!w->started) {
		w->started = true;
		w->pos = l->base;
		w->end = l->end;
	}
	if (w->store_wanted)
		return false;
	if (w->pos < l->base)
		w->pos = l->base;
	for (; max > 0 && w->pos < w->end; max--, w->pos++) {
		r = list_at(l, w->pos);
		if (!in_range(w, r))
			continue;
		if (r->ts_ns >= w->range.since_ns && (!w->any || r->ts_ns < w->first_ns)) {
			w->first_ns = r->ts_ns;
			w->any = true;
		}
		if (w->filter && (w->needs != FILTER_SUMMARY || (r->bits & ROW_CUT))) {
			want_store(w, l);
			return true;
		}
		if (matches(w, l, r))
			w->fn(w->ctx, l, r);
	}
	return w->pos < w->end;
}

bool walk_wants(const struct walk *w, uint64_t *ret_first, uint64_t *ret_last, bool *ret_bodies)
{
	if (!w->store_wanted)
		return false;
	*ret_first = w->store_first;
	*ret_last = w->store_last;
	*ret_bodies = w->needs == FILTER_BODIES;
	return true;
}

void walk_try(struct walk *w, uint64_t n, const struct flow *f)
{
	if (!filter_match(w->filter, f))
		return;
	if (w->nhits == w->hits_cap) {
		size_t cap = w->hits_cap ? w->hits_cap * 2 : 256;
		uint64_t *p = realloc(w->hits, cap * sizeof(*p));

		if (!p) {
			w->missed++;
			return;
		}
		w->hits = p;
		w->hits_cap = cap;
	}
	w->hits[w->nhits++] = n;
}

void walk_tried(struct walk *w, const struct list *l, uint64_t last)
{
	for (size_t i = 0; i < w->nhits; i++) {
		uint64_t pos = list_place(l, w->hits[i]);

		if (pos < l->end && list_at(l, pos)->n == w->hits[i] && in_range(w, list_at(l, pos)))
			w->fn(w->ctx, l, list_at(l, pos));
	}
	w->nhits = 0;
	w->store_wanted = false;
	if (last + 1 > w->store_first && list_place(l, last + 1) > w->pos)
		w->pos = list_place(l, last + 1);
}

bool walk_done(const struct walk *w)
{
	return w->started && !w->store_wanted && w->pos >= w->end;
}

bool walk_first_ns(const struct walk *w, int64_t *ret)
{
	if (w->any)
		*ret = w->first_ns;
	return w->any;
}

uint64_t walk_missed(const struct walk *w)
{
	return w->missed;
}
