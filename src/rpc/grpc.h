/* SPDX-License-Identifier: Apache-2.0 */
/* grpc.h - gRPC framing over nghttp2: bytes in, bytes out, no sockets, no clock but the one told.
 *
 * Source of the rules: the gRPC over HTTP/2 specification (grpc.io, PROTOCOL-HTTP2) and the table in
 * docs/grpc.md.  One struct grpc is one HTTP/2 connection, client or server.
 */
#ifndef LIMPID_RPC_GRPC_H
#define LIMPID_RPC_GRPC_H

#include "base/bytes.h"

enum grpc_status {
	GRPC_OK = 0,
	GRPC_CANCELLED = 1,
	GRPC_UNKNOWN = 2,
	GRPC_DEADLINE = 4,
	GRPC_PERMISSION = 7,
	GRPC_EXHAUSTED = 8,
	GRPC_UNIMPLEMENTED = 12,
	GRPC_INTERNAL = 13,
	GRPC_UNAVAILABLE = 14,
	GRPC_UNAUTHENTICATED = 16,
};

struct grpc;
struct grpc_hooks {
	/* Server: a call arrived.  auth is the authorization header, or NULL.  Returns GRPC_OK to take
	 * it, else the status it is ended with (a text of one's own: grpc_finish, then GRPC_OK). */
	enum grpc_status (*called)(void *ctx, int32_t stream, const char *path, const char *auth);
	/* One whole message; borrowed. */
	void (*message)(void *ctx, int32_t stream, struct slice msg);
	/* Server: the peer half-closed (GRPC_OK: the call is still to be finished), or it went away or ran
	 * out of time (any other status: the call is over).  Client: the call ended with this status; always
	 * once, unless the connection is dropped before.  text may be "", is never NULL. */
	void (*ended)(void *ctx, int32_t stream, enum grpc_status st, const char *text);
	void *ctx;
};
struct grpc_options {
	bool server;
	size_t message_max; /* of one message; 0: 16 MiB */
	uint32_t window;    /* of streams and of the connection; 0: 4 MiB */
	bool manual_window; /* received bytes count against the window until grpc_consume */
	uint64_t ping_ns, ping_timeout_ns; /* 0: 10 s, 5 s */
	size_t queue_max;		   /* bytes queued on one stream; 0: 2 x message_max */
};
/* No function but grpc_send*, grpc_finish, grpc_consume, grpc_queued and grpc_drain may be called from a
 * hook. */

struct grpc *grpc_new(const struct grpc_options *o,
		      const struct grpc_hooks *h); /* hooks are copied */
/* Client: stream id, or negative errno (-EPIPE: the peer said GOAWAY).  token may be NULL. */
int32_t grpc_call(struct grpc *g, const char *path, const char *authority, const char *token);
/* The same with a deadline, kept by both ends; 0: none. */
int32_t grpc_call_within(struct grpc *g, const char *path, const char *authority, const char *token,
			 uint64_t timeout_ns);
/* Queues one message, copied; last: half-close after it (client; a server uses grpc_finish).
 * 0; -ENOMEM; -EPIPE: no such stream, or already finished; -EMSGSIZE: over 4 GiB;
 * -ENOBUFS: over queue_max (an empty queue takes any message). */
int grpc_send(struct grpc *g, int32_t stream, struct slice msg, bool last);
/* One message of len bytes in pieces, so that a long one need not lie in the queue as a whole: begin,
 * then more until len bytes are given.  -EINVAL: another message is begun, or more than len. */
int grpc_send_begin(struct grpc *g, int32_t stream, size_t len);
int grpc_send_more(struct grpc *g, int32_t stream, struct slice piece);
/* Server: ends the call with trailers after what is queued.  Client: cancels with RST_STREAM; `ended`
 * follows with st.  text may be NULL.  0, -EPIPE, -ENOMEM. */
int grpc_finish(struct grpc *g, int32_t stream, enum grpc_status st, const char *text);
/* Bytes of messages not yet taken by grpc_output. */
size_t grpc_queued(const struct grpc *g, int32_t stream);
/* With manual_window: a message of n bytes was dealt with, its part of the window goes back to the peer.
 * Once for each message.  (A message holds at most a quarter of the window, so that one longer than
 * the window can arrive at all.) */
int grpc_consume(struct grpc *g, int32_t stream, size_t n);
/* 0, or -EPROTO: drop the connection at once.  (A peer that breaks HTTP/2 within a sound framing is told so
 * by a GOAWAY first: 0 here, and grpc_done when that is written.) */
int grpc_input(struct grpc *g, struct slice in);
/* What to write to the peer, valid until the next call; grpc_sent tells how much was. */
struct slice grpc_output(struct grpc *g);
void grpc_sent(struct grpc *g, size_t n);
bool grpc_wants_write(const struct grpc *g); /* grpc_output would give something */
/* Keepalive and deadlines; to be called every 100 ms or so.  0; -ETIMEDOUT: the peer is dead. */
int grpc_tick(struct grpc *g, uint64_t now_ns);
/* Sends GOAWAY; calls already there may finish. */
void grpc_drain(struct grpc *g);
bool grpc_done(const struct grpc *g); /* nothing more will be read or written */
/* The peer's GOAWAY said "too_many_pings" (grpc.io, keepalive): double ping_ns on the next connection. */
bool grpc_pinged_too_often(const struct grpc *g);
void grpc_free(struct grpc *g); /* g may be NULL; no hook is called */

#endif
