/* SPDX-License-Identifier: Apache-2.0 */
/* pick.h - whole flows out of a store, those that a filter wants, in bounded steps: exports. */
#ifndef LIMPID_STORE_PICK_H
#define LIMPID_STORE_PICK_H

#include "filter/filter.h"
#include "store/store.h"

struct pick {
	const struct store_ops *ops;
	struct store *store;	     /* a reader */
	const struct filter *filter; /* NULL: all */
	uint64_t after;		     /* rows up to this one were looked at; 0 at first */
	uint64_t unread;	     /* matched, but could not be read: damaged, or larger than 1 GiB */
};
/* Goes on behind p->after.  fn gets each flow that matches, with its bodies and all its messages; enough is asked after each row.
 * 1: there may be more; 0: the end; or negative errno.  fn's flow is borrowed. */
int pick_some(struct pick *p, flow_fn fn, bool (*enough)(void *ctx), void *ctx);

#endif
