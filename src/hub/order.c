/* SPDX-License-Identifier: Apache-2.0 */
/* A merge sort from the bottom up whose loops can be left and entered again: it is stable, touches memory in order, and each
 * comparison may be of rows that are gone by now, which only means that they end up somewhere.
 *
 * A key of 64 bits decides most comparisons: the number itself, or the first eight letters; only of equal letters the
 * rows are looked at. */
#include "hub/order.h"

#include <stdlib.h>

#define LAST UINT64_MAX /* has no value */

static const struct {
	const char *name;
	enum order_by by;
} names[] = {
	{ "ts", ORDER_TS },	{ "dur", ORDER_DUR },	{ "req", ORDER_REQ },
	{ "resp", ORDER_RESP }, { "size", ORDER_SIZE }, { "mark", ORDER_MARK },
	{ "proto", ORDER_PROTO }, { "src", ORDER_SRC }, { "dst", ORDER_DST },
	{ "op", ORDER_OP },	{ "target", ORDER_TARGET }, { "host", ORDER_HOST },
	{ "status", ORDER_STATUS }, { "type", ORDER_TYPE },
};

enum order_by order_by_name(const char *name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(name, names[i].name) == 0)
			return names[i].by;
	return ORDER_NONE;
}

void order_release(struct order *o)
{
	free(o->items);
	free(o->other);
	*o = (struct order){ 0 };
}

void order_begin(struct order *o, enum order_by by, bool desc)
{
	order_release(o);
	o->by = by;
	o->desc = desc;
	o->width = 1;
}

/* --- what a row is sorted by ------------------------------------------------------------------------------ */

static bool is_text(enum order_by by)
{
	return by >= ORDER_PROTO;
}

static uint64_t number_of(enum order_by by, const struct list *l, const struct row *r)
{
	struct flow_mark m = { 0 };

	switch (by) {
	case ORDER_TS:
		return (uint64_t)r->ts_ns;
	case ORDER_DUR:
		return r->dur_ns; /* ROW_NO_DURATION is LAST */
	case ORDER_REQ:
		return r->req_len;
	case ORDER_RESP:
		return r->bits & ROW_HAS_RESP ? r->resp_len : LAST;
	case ORDER_SIZE:
		return r->resp_len ? r->resp_len : r->req_len;
	default: /* ORDER_MARK */
		return row_mark(l, r, &m) && m.colour ? m.colour : LAST;
	}
}

struct text_room {
	struct row_flow rf;
	char name[FLOW_NAME_MAX + 64];
};

static struct slice text_of(enum order_by by, const struct list *l, const struct row *r,
			    struct text_room *room)
{
	switch (by) {
	case ORDER_PROTO:
		return intern_get(&l->strings, r->proto);
	case ORDER_OP:
		return intern_get(&l->strings, r->op);
	case ORDER_TARGET:
		return intern_get(&l->strings, r->target);
	case ORDER_HOST:
		return intern_get(&l->strings, r->host);
	case ORDER_STATUS:
		return intern_get(&l->strings, r->status);
	case ORDER_TYPE:
		return intern_get(&l->strings, r->resp_type ? r->resp_type : r->req_type);
	default: /* the ends */
		row_flow(l, r, &room->rf);
		row_name(by == ORDER_SRC ? &room->rf.conn.client : &room->rf.conn.server,
			 by == ORDER_SRC ? NULL : room->rf.conn.path, room->name, sizeof(room->name));
		return slice_str(room->name);
	}
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 32) : c;
}

static uint64_t key_of(const struct order *o, const struct list *l, uint64_t pos)
{
	const struct row *r = list_at(l, pos);
	struct text_room room;
	struct slice s;
	uint64_t key = 0;

	if (is_text(o->by)) {
		s = text_of(o->by, l, r, &room);
		for (size_t i = 0; i < 8; i++)
			key = key << 8 | (i < s.n ? lower(s.p[i]) : 0);
		if (s.n == 0)
			return LAST;
	} else {
		key = number_of(o->by, l, r);
		if (key == LAST)
			return LAST;
	}
	key = key == LAST ? LAST - 1 : key;
	return o->desc ? LAST - 1 - key : key;
}

static int compare_text(struct slice a, struct slice b)
{
	size_t n = a.n < b.n ? a.n : b.n;

	for (size_t i = 0; i < n; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return lower(a.p[i]) < lower(b.p[i]) ? -1 : 1;
	return a.n < b.n ? -1 : a.n > b.n;
}

/* Does b come before a, which arrived earlier? */
static bool before(const struct order *o, const struct list *l, const struct order_item *b,
		   const struct order_item *a)
{
	struct text_room ra, rb;
	int c;

	if (a->key != b->key)
		return b->key < a->key;
	if (!is_text(o->by) || a->key == LAST || a->pos < l->base || b->pos < l->base)
		return false;
	c = compare_text(text_of(o->by, l, list_at(l, b->pos), &rb),
			 text_of(o->by, l, list_at(l, a->pos), &ra));
	return o->desc ? c > 0 : c < 0;
}

/* --- sorting ---------------------------------------------------------------------------------------------- */

bool order_add(struct order *o, const struct list *l, uint64_t pos)
{
	if (o->n == o->cap) {
		size_t cap = o->cap ? o->cap * 2 : 1024;
		struct order_item *p = realloc(o->items, cap * sizeof(*p));

		if (!p)
			return false;
		o->items = p;
		o->cap = cap;
	}
	o->items[o->n++] = (struct order_item){ key_of(o, l, pos), pos };
	return true;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* One more item of the pair of runs at lo; false: they are merged. */
static bool merge_one(struct order *o, const struct list *l)
{
	size_t mid = least(o->lo + o->width, o->n), hi = least(o->lo + 2 * o->width, o->n);
	const struct order_item *a = &o->items[o->lo + o->i], *b = &o->items[mid + o->j];
	bool left = o->lo + o->i < mid, right = mid + o->j < hi;

	if (!left && !right)
		return false;
	if (right && (!left || before(o, l, b, a))) {
		o->other[o->k++] = *b;
		o->j++;
	} else {
		o->other[o->k++] = *a;
		o->i++;
	}
	return true;
}

static void next_pair(struct order *o)
{
	struct order_item *p = o->items;

	o->i = o->j = 0;
	o->lo += 2 * o->width;
	if (o->lo < o->n)
		return;
	o->items = o->other;
	o->other = p;
	o->width *= 2;
	o->lo = o->k = 0;
}

bool order_step(struct order *o, const struct list *l, size_t max)
{
	if (o->sorted)
		return false;
	if (!o->other && o->n > 1)
		o->other = calloc(o->cap, sizeof(*o->other));
	/* Without memory they stay in the order of their arrival, which is better than nothing. */
	while (o->other && o->width < o->n && max > 0) {
		if (merge_one(o, l))
			max--;
		else
			next_pair(o);
	}
	if (o->other && o->width < o->n)
		return true;
	free(o->other);
	o->other = NULL;
	o->sorted = true;
	return false;
}
