/* SPDX-License-Identifier: Apache-2.0 */
/* marks.h - what people note beside flows: colours, notes, pins.  In the store, and in the list for the tabs. */
#ifndef LIMPID_HUB_MARKS_H
#define LIMPID_HUB_MARKS_H

#include "hub/state.h"

#define MARKS_IDS_MAX 5000 /* flows of one change */

/* A change of docs/api.md: of the flow id, or, where that is NULL, of those that the object lists. */
struct marks_change {
	struct store_mark mark;
	char note[FLOW_NOTE_MAX + 1];
	uint8_t (*ids)[16];
	size_t nids;
};
/* 0, and marks_release is to be called; -EINVAL: *ret_why is a sentence; -ENOMEM. */
int marks_parse(struct slice json, const char *id, struct marks_change *ret, const char **ret_why);
void marks_release(struct marks_change *c);

/* The command's part: an id of 36 characters or 36 blanks, then the object.  Durable when it returns.
 * 0; -ENOENT: no such flow (of several: none of them); -EDQUOT: too many are pinned; else as store_ops.mark. */
int marks_apply(struct hub_state *st, const struct store_ops *ops, struct store *store,
		struct slice part);
/* Pinned flows that gave way in the list come back with the number that the store has given them, or gives them now.
 * 0; as store_ops.put. */
int marks_rescue(struct hub_state *st, const struct store_ops *ops, struct store *store);

#endif
