/* SPDX-License-Identifier: Apache-2.0 */
/* A view without a filter is the list itself and holds no rows of its own.  Any other keeps the places of its
 * rows in an array, and a bit for every place of the list that says whether it is in there.
 *
 * What a tab holds is not known exactly.  An update is sent for a row of the last 64 windows it asked
 * for, of the newest 6,000 rows that went by while it followed, or of its watch list; so what it
 * shows is never out of date, and what it does not show costs nothing. */
#include "hub/view_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

struct view *view_new(void)
{
	struct view *v = calloc(1, sizeof(*v));

	if (!v)
		return NULL;
	v->recheck = calloc(RECHECK_MAX, sizeof(*v->recheck));
	if (!v->recheck) {
		free(v);
		return NULL;
	}
	v->tag = -1;
	v->force = true;
	return v;
}

static void forget_rows(struct view *v)
{
	free(v->rows);
	free(v->bits);
	v->rows = NULL;
	v->bits = NULL;
	v->first = v->nrows = v->cap = v->nbits = 0;
	v->base = v->scanned = v->anchor = 0;
	v->store_wanted = false;
	v->nhits = v->nrecheck = v->nchanged = v->next_window = 0;
	memset(v->windows, 0, sizeof(v->windows));
	v->stale = false;
	v->sent_end = v->sent_count = 0;
	v->list_base = UINT64_MAX; /* not looked at yet */
	order_release(&v->order);
	v->sorting = SORT_NONE;
	v->stopping = false;
	v->stopped = 0;
}

void view_free(struct view *v)
{
	if (!v)
		return;
	forget_rows(v);
	filter_free(v->filter);
	free(v->recheck);
	free(v->hits);
	free(v);
}

static bool blank(const char *s)
{
	return s[strspn(s, " \t\r\n")] == '\0';
}

int view_sub(struct view *v, const char *filter, size_t n, int64_t tag,
	     struct filter_error *ret_err)
{
	struct filter *q = NULL;
	int r = blank(filter) ? 0 : filter_new(&q, filter, ret_err);

	if (r < 0)
		return r;
	filter_free(v->filter);
	v->filter = q;
	v->needs = q ? filter_needs(q) : FILTER_SUMMARY;
	v->tag = tag;
	v->n = n > VIEW_ROWS_MAX ? VIEW_ROWS_MAX : n;
	forget_rows(v);
	v->force = true;
	return 0;
}

void view_follow(struct view *v, bool on)
{
	v->force |= on && !v->follow;
	v->follow = on;
	v->sent_count = on ? 0 : v->sent_count; /* the whole of the newest n, with the next tick */
}

void view_watch(struct view *v, const char *const *ids, size_t n)
{
	v->nwatch = 0;
	for (size_t i = 0; i < n && v->nwatch < WATCH_MAX; i++)
		if (flow_id_parse(ids[i], v->watch[v->nwatch]) == 0)
			v->nwatch++;
}

void view_ack(struct view *v, uint64_t seq)
{
	if (seq > v->acked && seq <= v->seq)
		v->acked = seq;
}

/* --- the set of matching places -------------------------------------------------------------------------- */

static bool has_bit(const struct view *v, uint64_t pos)
{
	uint64_t i = pos - v->anchor;

	return pos >= v->anchor && i / 64 < v->nbits && (v->bits[i / 64] >> i % 64 & 1);
}

static bool set_bit(struct view *v, uint64_t pos)
{
	uint64_t i = pos - v->anchor;

	if (i / 64 >= v->nbits) {
		size_t n = (size_t)(i / 64 + 1) * 2;
		uint64_t *p = realloc(v->bits, n * sizeof(*p));

		if (!p)
			return false;
		memset(p + v->nbits, 0, (n - v->nbits) * sizeof(*p));
		v->bits = p;
		v->nbits = n;
	}
	v->bits[i / 64] |= UINT64_C(1) << i % 64;
	return true;
}

static void add_row(struct view *v, uint64_t pos)
{
	if (has_bit(v, pos))
		return;
	if (v->first + v->nrows == v->cap) {
		if (v->first > v->cap / 2) {
			memmove(v->rows, v->rows + v->first, v->nrows * sizeof(*v->rows));
			v->first = 0;
		} else {
			size_t cap = v->cap ? v->cap * 2 : 1024;
			uint64_t *p = realloc(v->rows, cap * sizeof(*p));

			if (!p) {
				v->stale =
					true; /* the row is missing until the filter is set again */
				return;
			}
			v->rows = p;
			v->cap = cap;
		}
	}
	if (set_bit(v, pos))
		v->rows[v->first + v->nrows++] = pos;
}

/* Follows the list's front.  Rows that came late may stay behind an older front for a while. */
void view_drop_front(struct view *v, const struct list *l)
{
	size_t shift;

	if (v->list_base == UINT64_MAX) {
		v->anchor = l->base;
		v->scanned = v->filter ? l->base : l->end;
		v->seen_change = l->nchanges;
	}
	if (!v->filter && v->list_base != UINT64_MAX)
		v->base += l->base - v->list_base;
	v->list_base = l->base;
	if (v->scanned < l->base)
		v->scanned = l->base;
	while (v->nrows > 0 && v->rows[v->first] < l->base) {
		v->first++;
		v->nrows--;
		v->base++;
	}
	shift = (size_t)((l->base - v->anchor) / 64);
	if (shift > 16384 || shift > v->nbits / 2) {
		size_t gone = shift < v->nbits ? shift : v->nbits;

		if (v->nbits) {
			memmove(v->bits, v->bits + gone, (v->nbits - gone) * sizeof(*v->bits));
			memset(v->bits + v->nbits - gone, 0, gone * sizeof(*v->bits));
		}
		v->anchor += shift * 64;
	}
}

/* --- deciding -------------------------------------------------------------------------------------------- */

static bool needs_store(const struct view *v, const struct row *r)
{
	return v->needs != FILTER_SUMMARY || (r->bits & ROW_CUT);
}

static bool matches(const struct view *v, const struct list *l, const struct row *r)
{
	struct row_flow rf;

	row_flow(l, r, &rf);
	return filter_match(v->filter, &rf.flow);
}

static bool in_window(const struct view *v, uint64_t pos)
{
	uint64_t found = view_found(v);

	if (v->sorting != SORT_NONE)
		return view_sort_shows(v, pos);
	if (found > 0 && pos >= view_found_place(v, found > TAIL ? found - TAIL : 0))
		return true;
	for (size_t i = 0; i < WINDOWS; i++)
		if (pos >= v->windows[i].lo && pos < v->windows[i].hi)
			return true;
	return false;
}

static bool watched(const struct view *v, const struct row *r)
{
	for (size_t i = 0; i < v->nwatch; i++)
		if (memcmp(v->watch[i], r->id, 16) == 0)
			return true;
	return false;
}

static void note_change(struct view *v, uint64_t pos)
{
	for (size_t i = v->nchanged; i > 0 && i + 8 > v->nchanged; i--)
		if (v->changed[i - 1] == pos)
			return;
	if (v->nchanged == CHANGED_MAX)
		v->stale = true;
	else
		v->changed[v->nchanged++] = pos;
}

static void one_change(struct view *v, const struct list *l, uint64_t pos)
{
	const struct row *r;
	bool member;

	if (pos < l->base || pos >= l->end)
		return;
	r = list_at(l, pos);
	member = v->filter ? has_bit(v, pos) : true;
	if ((member && pos < v->sent_end && in_window(v, pos)) || watched(v, r))
		note_change(v, pos);
	if (member || pos >= v->scanned)
		return;
	if (needs_store(v, r)) {
		if (v->nrecheck < RECHECK_MAX)
			v->recheck[v->nrecheck++] = pos;
	} else if (matches(v, l, r)) {
		add_row(v, pos);
	}
}

static void follow_changes(struct view *v, const struct list *l)
{
	uint64_t i = v->seen_change;

	if (l->nchanges - i >
	    LIST_CHANGES) { /* slept too long: nothing is known of the older ones */
		i = l->nchanges - LIST_CHANGES;
		v->stale = true;
	}
	for (; i < l->nchanges; i++)
		one_change(v, l, l->changes[i % LIST_CHANGES]);
	v->seen_change = l->nchanges;
}

static void want_store(struct view *v, uint64_t first, uint64_t last)
{
	v->store_wanted = true;
	v->store_first = first;
	v->store_last = last;
	v->nhits = 0;
}

static void pass_over(struct view *v, const struct list *l)
{
	v->stopping = false;
	if (!v->filter || v->scanned >= l->end)
		return;
	v->stopped += l->end - v->scanned;
	v->scanned = l->end;
	v->store_wanted = false;
	v->force = true;
}

static bool find_rows(struct view *v, const struct list *l, size_t max)
{
	struct row_reader rd = { 0 };
	const struct row *r;

	view_drop_front(v, l);
	follow_changes(v, l);
	if (v->stopping)
		pass_over(v, l);
	if (!v->filter) {
		v->scanned = l->end;
		return false;
	}
	if (v->store_wanted)
		return false;
	while (v->nrecheck > 0) {
		uint64_t pos = v->recheck[--v->nrecheck];

		if (pos < l->base || has_bit(v, pos))
			continue;
		want_store(v, list_at(l, pos)->n, list_at(l, pos)->n);
		return true;
	}
	for (; max > 0 && v->scanned < l->end; max--, v->scanned++) {
		r = list_at(l, v->scanned);
		if (needs_store(v, r)) {
			uint64_t last = v->scanned + STORE_ROUND < l->end ? v->scanned + STORE_ROUND
									  : l->end;

			want_store(v, r->n,
				   v->needs == FILTER_SUMMARY ? r->n : list_at(l, last - 1)->n);
			return true;
		}
		if (filter_match(v->filter, row_read(&rd, l, r)))
			add_row(v, v->scanned);
	}
	return v->scanned < l->end;
}

static bool found_all(const struct view *v, const struct list *l)
{
	return v->scanned >= l->end && !v->store_wanted && v->nrecheck == 0;
}

bool view_scan(struct view *v, const struct list *l, size_t max)
{
	bool more = find_rows(v, l, max);

	return view_sort_step(v, l, max, found_all(v, l)) || more;
}

bool view_wants(const struct view *v, uint64_t *ret_first, uint64_t *ret_last, bool *ret_bodies)
{
	if (!v->store_wanted)
		return false;
	*ret_first = v->store_first;
	*ret_last = v->store_last;
	*ret_bodies = v->needs == FILTER_BODIES;
	return true;
}

void view_try(struct view *v, uint64_t n, const struct flow *f)
{
	if (!filter_match(v->filter, f))
		return;
	if (v->nhits == v->hits_cap) {
		size_t cap = v->hits_cap ? v->hits_cap * 2 : 256;
		uint64_t *p = realloc(v->hits, cap * sizeof(*p));

		if (!p) {
			v->stale = true;
			return;
		}
		v->hits = p;
		v->hits_cap = cap;
	}
	v->hits[v->nhits++] = n;
}

void view_tried(struct view *v, const struct list *l, uint64_t last)
{
	uint64_t pos;

	view_drop_front(v, l);
	for (size_t i = 0; i < v->nhits; i++) {
		pos = list_place(l, v->hits[i]);
		if (pos < l->end && list_at(l, pos)->n == v->hits[i])
			add_row(v, pos);
	}
	v->nhits = 0;
	v->store_wanted = false;
	pos = list_place(l, last + 1);
	if (pos > v->scanned)
		v->scanned = pos;
}

bool view_done(const struct view *v, const struct list *l)
{
	return found_all(v, l) && (v->sorting == SORT_NONE || v->sorting == SORT_READY);
}
