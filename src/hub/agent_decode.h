/* SPDX-License-Identifier: Apache-2.0 */
/* agent_decode.h - one limpid.v1.AgentMessage taken apart.  Pure: no socket, no clock.
 *
 * A batch is walked by hand, flow by flow, and its flows are handed out as they came: they are decoded once, when they
 * are stored (keep.h).  The other kinds are small and go through protobuf-c, with memory from an arena with a limit.
 */
#ifndef LIMPID_HUB_AGENT_DECODE_H
#define LIMPID_HUB_AGENT_DECODE_H

#include "base/bytes.h"
#include "limpid.pb-c.h"

struct agent_decode_hooks { /* a negative errno ends the decoding and is returned */
	int (*hello)(void *ctx, const Limpid__V1__Hello *m);
	int (*containers)(void *ctx, const Limpid__V1__Containers *m);
	int (*health)(void *ctx, const Limpid__V1__Health *m);
	int (*batch)(void *ctx, uint64_t seq); /* before its flows; 1: skip them and batch_end */
	void (*flow)(void *ctx, struct slice packed); /* what should be a limpid.v1.Flow */
	int (*batch_end)(void *ctx, uint64_t seq);
};
/* 0; -EBADMSG: not such a message; -ENOMEM: it would need more memory than its size allows; what a hook
 * returned.  A kind that is not known is skipped. */
int agent_decode(struct slice msg, const struct agent_decode_hooks *h, void *ctx);

#endif
