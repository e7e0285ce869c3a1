/* SPDX-License-Identifier: Apache-2.0 */
/* replay.h - a recording becomes flows, the same ones each time: time is what the records say. */
#ifndef LIMPID_CMD_REPLAY_H
#define LIMPID_CMD_REPLAY_H

#include "capture/record.h"
#include "conn/table.h"

struct replay;

#define REPLAY_UNREAD SIZE_MAX /* as body_limit: the usual one, and nobody looks at bodies (proto_limits.unread_bodies) */

/* s is one of source_file_open, borrowed; body_limit 0: the usual one; schemas (of protobuf's messages): borrowed,
 * or NULL: those that are learned.  fn gets the flows.  NULL: out of memory. */
struct replay *replay_new(struct source *s, size_t body_limit, struct schemas *schemas, flow_fn fn, void *ctx);
/* Reads on, a bounded batch.  What the source's poll says. */
int replay_step(struct replay *r);
/* Nothing follows: gives out what was pending. */
void replay_finish(struct replay *r);
const struct conn_stats *replay_stats(const struct replay *r);
void replay_free(struct replay *r);

#endif
