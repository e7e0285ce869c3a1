/* SPDX-License-Identifier: Apache-2.0 */
/* list.h - every protocol, one line each, the strictest probe first: detection asks in this order.
 *
 * A line PROTO(x) wants a `const struct proto proto_x` in src/proto/x.c.  No include guard: registry.c
 * reads this file several times.
 */
PROTO(http2)
PROTO(postgres)
PROTO(http1)
PROTO(websocket)
PROTO(mysql)
PROTO(redis)
