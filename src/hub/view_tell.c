/* SPDX-License-Identifier: Apache-2.0 */
/* Windows, updates and ticks of a view. */
#include "hub/view_priv.h"

#include <inttypes.h>

/* --- what it holds --------------------------------------------------------------------------------------- */

static void put_rows(const struct view *v, const struct list *l, struct buf *out, uint64_t from,
		     uint64_t to)
{
	buf_puts(out, "\"rows\":[");
	for (uint64_t i = from; i < to; i++) {
		uint64_t pos = view_place(v, i);

		if (i > from)
			buf_puts(out, ",");
		row_json(out, l, pos < l->base ? NULL : list_at(l, pos));
	}
	buf_puts(out, "]");
}

/* Which places they are; sorted, which of the order. */
static struct window window_of(const struct view *v, uint64_t from, uint64_t to)
{
	struct window w = { UINT64_MAX, 0 };

	if (v->sorting != SORT_NONE)
		return (struct window){ from, to };
	for (uint64_t i = from; i < to; i++) {
		uint64_t pos = view_place(v, i);

		w.lo = pos < w.lo ? pos : w.lo;
		w.hi = pos + 1 > w.hi ? pos + 1 : w.hi;
	}
	return w;
}

void view_rows(struct view *v, const struct list *l, struct buf *out, uint64_t from, size_t n)
{
	uint64_t matched, to;
	struct window *w = &v->windows[v->next_window++ % WINDOWS];

	view_drop_front(v, l);
	matched = view_matched(v);
	from = from > matched ? matched : from;
	to = n > VIEW_ROWS_MAX ? from + VIEW_ROWS_MAX : from + n;
	to = to > matched ? matched : to;
	*w = window_of(v, from, to);
	if (v->sorting != SORT_NONE)
		v->sent_end = UINT64_MAX;
	else if (w->hi > v->sent_end)
		v->sent_end = w->hi;
	put_rows(v, l, out, from, to);
}

static int64_t find_sorted(const struct view *v, const struct list *l, uint64_t n)
{
	uint64_t pos = list_place(l, n);

	for (uint64_t i = 0; i < view_matched(v); i++)
		if (view_place(v, i) == pos)
			return (int64_t)i;
	return -1;
}

int64_t view_find(struct view *v, const struct list *l, uint64_t n)
{
	uint64_t pos, best_pos = 0;
	int64_t best = -1;

	view_drop_front(v, l);
	if (v->sorting != SORT_NONE)
		return find_sorted(v, l, n);
	pos = list_place(l, n + 1); /* rows before this have a number of at most n */
	if (!v->filter)
		return (int64_t)((pos < v->scanned ? pos : v->scanned) - v->list_base) - 1;
	for (size_t i = v->nrows; i > 0; i--) {
		uint64_t p = v->rows[v->first + i - 1];

		if (p < pos && (best < 0 || p > best_pos)) {
			best = (int64_t)i - 1;
			best_pos = p;
			if (p + 1 == pos)
				break;
		}
	}
	return best;
}

/* --- ticks ----------------------------------------------------------------------------------------------- */

bool view_due(const struct view *v, const struct list *l, uint64_t common_version, uint64_t now_ns)
{
	/* How far a scan is comes at the even pace; its end does not wait for that. */
	if (v->seq > v->acked || now_ns < (view_done(v, l) ? view_due_at(v) : v->tick_ns))
		return false;
	return v->force || v->seen_version != l->version || v->seen_common != common_version ||
	       v->stale || !view_done(v, l);
}

uint64_t view_due_at(const struct view *v)
{
	if (v->seq > v->acked)
		return UINT64_MAX;
	return v->tick_ns > VIEW_TICK_NS ? v->tick_ns - VIEW_TICK_NS : 0;
}

void view_tag(const struct view *v, struct buf *out)
{
	if (v->tag >= 0)
		buf_printf(out, ",\"view\":%" PRId64, v->tag);
}

static void put_upd(struct view *v, const struct list *l, struct buf *out)
{
	const char *comma = "";
	size_t n = v->nchanged < VIEW_ROWS_MAX ? v->nchanged : VIEW_ROWS_MAX;

	if (n == 0)
		return;
	buf_puts(out, "{\"op\":\"upd\"");
	view_tag(v, out);
	buf_puts(out, ",\"rows\":[");
	for (size_t i = 0; i < n; i++) {
		if (v->changed[i] < l->base)
			continue;
		buf_puts(out, comma);
		row_json(out, l, list_at(l, v->changed[i]));
		comma = ",";
	}
	buf_puts(out, "]}");
	memmove(v->changed, v->changed + n, (v->nchanged - n) * sizeof(*v->changed));
	v->nchanged -= n;
}

void view_tick(struct view *v, const struct list *l, struct slice common, uint64_t common_version,
	       uint64_t now_ns, struct buf *upd, struct buf *tick)
{
	uint64_t matched, end, from;

	view_drop_front(v, l);
	matched = view_matched(v);
	end = view_base(v) + matched;
	put_upd(v, l, upd);
	v->seq++;
	buf_printf(tick, "{\"op\":\"tick\",\"seq\":%" PRIu64, v->seq);
	view_tag(v, tick);
	buf_printf(tick, ",\"total\":%" PRIu64 ",\"matched\":%" PRIu64 ",\"base\":%" PRIu64,
		   l->end - l->base, matched, view_base(v));
	if (v->sorting != SORT_NONE)
		buf_printf(tick, ",\"sorted\":{\"ready\":%s,\"fresh\":%" PRIu64 "}",
			   v->sorting == SORT_READY ? "true" : "false",
			   v->sorting == SORT_READY ? v->base + view_found(v) - v->sort_end : 0);
	if (v->stopped)
		buf_printf(tick, ",\"stopped\":%" PRIu64, v->stopped);
	if (!view_done(v, l))
		buf_printf(tick, ",\"scan\":{\"done\":%" PRIu64 ",\"of\":%" PRIu64 "}",
			   v->scanned - l->base, l->end - l->base);
	if (v->stale)
		buf_puts(tick, ",\"stale\":true");
	if (common.n) {
		buf_puts(tick, ",");
		buf_put(tick, common);
	}
	buf_puts(tick, ",");
	/* Only what is new since the last tick, which is the end of the view all the same. */
	from = matched > v->n ? matched - v->n : 0;
	if (v->sent_count > v->base + from)
		from = v->sent_count > end ? matched : v->sent_count - v->base;
	put_rows(v, l, tick, v->follow && v->sorting == SORT_NONE ? from : matched, matched);
	buf_puts(tick, "}");
	if (v->follow && v->sorting == SORT_NONE) {
		v->sent_count = end;
		v->sent_end = matched > 0 && v->scanned > v->sent_end ? v->scanned : v->sent_end;
	}
	v->force = v->nchanged > 0 || !view_done(v, l); /* that the scan is over has to be said, too */
	v->stale = false;
	v->tick_ns = (now_ns > v->tick_ns ? now_ns : v->tick_ns) + VIEW_TICK_NS;
	v->seen_version = l->version;
	v->seen_common = common_version;
}
