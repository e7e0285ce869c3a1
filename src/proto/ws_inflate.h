/* SPDX-License-Identifier: Apache-2.0 */
/* ws_inflate.h - one direction of permessage-deflate (RFC 7692), also where its beginning was not seen.
 *
 * A message may repeat what earlier messages said.  Where those are not known (capture began later, bytes were lost)
 * a byte that was copied from them is not known either, nor are copies of it: such bytes come out as '?', and all
 * others come out right.
 */
#ifndef LIMPID_PROTO_WS_INFLATE_H
#define LIMPID_PROTO_WS_INFLATE_H

#include "base/bytes.h"

struct ws_inflate;

/* bits: of the window, 8 to 15.  NULL: out of memory. */
struct ws_inflate *ws_inflate_new(int bits);
/* Takes what piece was given out: borrowed until it returns; unknown: bytes of it are '?' in place of others. */
typedef void (*ws_inflate_fn)(void *ctx, struct slice piece, bool unknown);
/* One more piece of a message.  0; -EBADMSG: this is not deflate; -ENOMEM.  After an error the rest of the message cannot
 * be read: ws_inflate_forget. */
int ws_inflate_put(struct ws_inflate *z, struct slice in, ws_inflate_fn fn, void *ctx);
/* The message is whole (RFC 7692, 7.2.2).  As ws_inflate_put. */
int ws_inflate_end(struct ws_inflate *z, ws_inflate_fn fn, void *ctx);
/* The next message begins with an empty window: no context takeover. */
void ws_inflate_reset(struct ws_inflate *z);
/* What was said before the next message is not known.  0, -ENOMEM: as ws_inflate_reset, so that copies fail. */
int ws_inflate_forget(struct ws_inflate *z);
size_t ws_inflate_held(const struct ws_inflate *z);
void ws_inflate_free(struct ws_inflate *z); /* z may be NULL */

#endif
