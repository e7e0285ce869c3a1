/* SPDX-License-Identifier: Apache-2.0 */
/* complete.h - what may be typed at a place of the filter box: keys, and values that the newest flows have. */
#ifndef LIMPID_HUB_COMPLETE_H
#define LIMPID_HUB_COMPLETE_H

#include "hub/state.h"

/* `,"complete":[...]` of docs/api.md, for the cursor at byte `at`.  Takes the lock.  reader may be NULL: then what only the
 * store knows is missing. */
void complete_json(struct buf *out, struct hub_state *st, const struct store_ops *ops,
		   struct store *reader, const char *text, size_t at);

#endif
