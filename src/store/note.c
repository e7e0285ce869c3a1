/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <errno.h>

int store_note_import(const struct store_ops *ops, struct store *s, const uint8_t id[16], const struct flow_mark *m,
		      struct arena *a, struct flow_mark *ret)
{
	struct store_mark change = { .to = *m };
	uint64_t row;
	int r = ops->mark(s, id, &change, a, &row, ret); /* nothing changes: what is there */

	if (r < 0)
		return r;
	change.colour = m->colour && !ret->colour;
	change.pinned = m->pinned && !ret->pinned;
	change.note = m->note && !ret->note;
	if (!change.colour && !change.pinned && !change.note)
		return 0;
	r = ops->mark(s, id, &change, a, &row, ret);
	if (r == -EDQUOT) {
		change.pinned = false;
		r = ops->mark(s, id, &change, a, &row, ret);
	}
	return r;
}
