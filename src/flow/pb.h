/* SPDX-License-Identifier: Apache-2.0 */
/* pb.h - a flow as the protobuf message limpid.v1.Flow (api/limpid.proto). */
#ifndef LIMPID_FLOW_PB_H
#define LIMPID_FLOW_PB_H

#include "base/arena.h"
#include "flow/flow.h"
#include "limpid.pb-c.h"

/* Appends the encoded message.  0, -ENOMEM. */
int flow_pb_pack(struct buf *out, const struct flow *f);
/* Appends a message without its messages, its mark, and data and shown of its two bodies.  It may be of any origin, and is not
 * looked at further.  0; -EBADMSG, with something appended; -ENOMEM. */
int flow_pb_bare(struct buf *out, struct slice packed);
/* Decodes in into *ret; all pointers lie in a.  Of a mark what no mark may hold is left out.
 * 0; -EBADMSG: not such a message, or a field out of range; -ENOMEM: the arena's limit. */
int flow_pb_unpack(struct slice in, struct arena *a, struct flow *ret);
/* The same from a message that is unpacked already; body bytes stay in m.  Same errors. */
int flow_pb_from(const Limpid__V1__Flow *m, struct arena *a, struct flow *ret);

#endif
