/* SPDX-License-Identifier: Apache-2.0 */
/* order.h - rows of the list in the order of one of their columns, worked out in slices, so that neither ingest nor
 * another tab waits for the sorting of a million rows.
 *
 * What has no value comes last, in both directions; equal rows are in the order of their arrival.  Text is compared without
 * regard to ASCII case.
 */
#ifndef LIMPID_HUB_ORDER_H
#define LIMPID_HUB_ORDER_H

#include "hub/list.h"

enum order_by {
	ORDER_NONE,
	ORDER_TS,
	ORDER_DUR,
	ORDER_REQ,
	ORDER_RESP,
	ORDER_SIZE, /* the answer's, or where there is none the request's, as the page shows it */
	ORDER_MARK,
	ORDER_PROTO,
	ORDER_SRC,
	ORDER_DST,
	ORDER_OP,
	ORDER_TARGET,
	ORDER_HOST,
	ORDER_STATUS,
	ORDER_TYPE,
};
/* ORDER_NONE: there is no such column. */
enum order_by order_by_name(const char *name); /* "ts", "dur", ... */

struct order_item {
	uint64_t key; /* decides, unless it is equal */
	uint64_t pos;
};
struct order {
	enum order_by by;
	bool desc;
	struct order_item *items, *other; /* being sorted; room to merge into */
	size_t n, cap;
	size_t width, lo, i, j, k; /* runs of width are sorted; the pair at lo is being merged */
	bool sorted;
};

/* An empty order; what it held is released. */
void order_begin(struct order *o, enum order_by by, bool desc);
/* False: out of memory.  Only before the first order_step. */
bool order_add(struct order *o, const struct list *l, uint64_t pos);
/* Merges up to max items; true: again.  Rows that the list dropped meanwhile are still in it. */
bool order_step(struct order *o, const struct list *l, size_t max);
void order_release(struct order *o);

#endif
