/* SPDX-License-Identifier: Apache-2.0 */
/* http1.h - what HTTP/1 knows when another protocol takes over. */
#ifndef LIMPID_PROTO_HTTP1_H
#define LIMPID_PROTO_HTTP1_H

#include "proto/websocket.h"

extern const struct proto proto_http1, proto_http2;
/* state: of proto_http1.  What the answer 101 agreed on. */
const struct ws_options *http1_websocket(const void *state);
/* The request that asked for HTTP/2 (RFC 7540, 3.2), and which HTTP/2 answers if the server agrees: a copy without its body,
 * begin_ns filled in.  Whoever takes it clears asked and takes over the arena. */
struct http1_upgrade {
	struct msg request;
	bool asked;
};
struct http1_upgrade *http1_upgrade_of(void *state);

#endif
