/* SPDX-License-Identifier: Apache-2.0 */
/* saved.h - named filters, kept by the hub for everybody: a list of docs/api.md. */
#ifndef LIMPID_HUB_SAVED_H
#define LIMPID_HUB_SAVED_H

#include "hub/state.h"

#define SAVED_MAX 100

/* Checks a list and writes it out anew.  0; -EINVAL: *ret_why is a sentence; -ENOMEM. */
int saved_parse(struct slice json, struct buf *ret, const char **ret_why);
/* What was stored, or none. */
void saved_load(struct hub_state *st, const struct store_ops *ops, struct store *store);
/* part: as of saved_parse.  Durable when it returns.  0; as store_ops.set. */
int saved_apply(struct hub_state *st, const struct store_ops *ops, struct store *store,
		struct buf *part);

#endif
