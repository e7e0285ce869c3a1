/* SPDX-License-Identifier: Apache-2.0 */
/* types.h - protobuf's message types that the hub was given, to decode bodies by: one set of descriptors, for everybody.
 *
 * What an agent knew when it read a message is in the message; these are for those it did not. */
#ifndef LIMPID_HUB_TYPES_H
#define LIMPID_HUB_TYPES_H

#include "hub/serve.h"
#include "proto/schemas.h"

#define TYPES_MAX ((size_t)16 << 20) /* bytes of all descriptors kept, and of one request */

/* Main thread.  What was stored, or none. */
void types_load(struct hub_state *st, const struct store_ops *ops, struct store *store);
/* part: '+' and a google.protobuf.FileDescriptorSet: its files replace those of the same name; '?' and one: only files that
 * are not there are taken; '-': all are forgotten.  Durable when it returns.  0; -EFBIG: they would be more than TYPES_MAX;
 * -EINVAL; as store_ops.set. */
int types_apply(struct hub_state *st, const struct store_ops *ops, struct store *store, struct slice part);
/* The set that has and then the files of more (as above), appended to out.  0; -EFBIG; -ENOMEM. */
int types_merge(struct buf *out, struct slice has, struct slice more, bool replace);

/* Web thread.  NULL: none are known, or memory ran out. */
const struct schemas *types_now(struct web *w);
/* GET, POST and DELETE /api/schemas */
void types_get(struct conn *c, const char *rest);
void types_post(struct conn *c, const char *rest);
void types_delete(struct conn *c, const char *rest);
/* Fills b->shown, in a, from its bytes: a message of that type; "": by the looks of its fields.  False: answered, it is none. */
bool types_show(struct conn *c, struct arena *a, const char *type, struct flow_body *b);

#endif
