/* SPDX-License-Identifier: Apache-2.0 */
/* websocket.h - what a handshake agreed on, and how frames begin. */
#ifndef LIMPID_PROTO_WEBSOCKET_H
#define LIMPID_PROTO_WEBSOCKET_H

#include "proto/proto.h"

/* Of the answer's Sec-WebSocket-Extensions. */
struct ws_options {
	bool seen;	 /* the handshake was; else anything may have been agreed on */
	bool deflate;	 /* permessage-deflate (RFC 7692) */
	bool fresh[2];	 /* by enum side, the sender: no context takeover */
	uint8_t bits[2]; /* of the sender's window, 8 to 15 */
};
struct ws_options ws_options_read(const struct flow_attr *headers, size_t n);

enum ws_op {
	WS_CONTINUATION = 0,
	WS_TEXT = 1,
	WS_BINARY = 2,
	WS_CLOSE = 8,
	WS_PING = 9,
	WS_PONG = 10
};
struct ws_frame {
	uint8_t op; /* enum ws_op */
	bool fin, compressed, masked, control;
	bool odd; /* against the rules, but clear: a length in more bytes than it needs, a mask where there is none */
	uint8_t mask[4];
	uint64_t len; /* of the payload */
	size_t head;  /* bytes before it */
};
#define WS_HEAD_MAX 14
/* RFC 6455, 5.2.  0; -EAGAIN: more bytes are needed, at least ret->head; -EBADMSG: it is none. */
int ws_frame_read(struct slice in, enum side side, struct ws_frame *ret);
/* How much the bytes look like frames of that side. */
enum probe ws_probe(enum side side, struct slice in);
/* The next place at or after from where a frame plausibly starts, or in.n. */
size_t ws_next_start(enum side side, struct slice in, size_t from);

extern const struct proto proto_websocket;
/* state: of proto_websocket.  What its handshake agreed on, where another parser than http1 read it. */
void websocket_agreed(void *state, struct ws_options o);

#endif
