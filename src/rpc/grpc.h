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
	GRPC_OK = 0, GRPC_CANCELLED = 1, GRPC_UNKNOWN = 2, GRPC_DEADLINE = 4, GRPC_PERMISSION = 7,
	GRPC_EXHAUSTED = 8, GRPC_UNIMPLEMENTED = 12, GRPC_INTERNAL = 13, GRPC_UNAVAILABLE = 14,
	GRPC_UNAUTHENTICATED = 16,
};

struct grpc;
struct grpc_hooks {
	/* Server: a call arrived.  auth is the authorization header, or NULL.  Returns GRPC_OK to take
	 * it, else the status it is ended with. */
	enum grpc_status (*called)(void *ctx, int32_t stream, const char *path, const char *auth);
	/* One whole message; borrowed. */
	void (*message)(void *ctx, int32_t stream, struct slice msg);
	/* The peer half-closed (server), or the call ended with a status (client: always once). */
	void (*ended)(void *ctx, int32_t stream, enum grpc_status st, const char *text);
	void *ctx;
};
struct grpc_options {
	bool server;
	size_t message_max;  /* of one message; 0: 16 MiB */
	uint32_t window;     /* of streams and of the connection; 0: 4 MiB */
	bool manual_window;  /* received bytes count against the window until grpc_consume */
	uint64_t ping_ns, ping_timeout_ns; /* 0: 10 s, 5 s */
};

struct grpc *grpc_new(const struct grpc_options *o, const struct grpc_hooks *h); /* hooks are copied */
/* Client: stream id, or negative errno.  token may be NULL. */
int32_t grpc_call(struct grpc *g, const char *path, const char *authority, const char *token);
/* Queues one message, copied; last: half-close after it.  0, -ENOMEM, -EPIPE: no such stream. */
int grpc_send(struct grpc *g, int32_t stream, struct slice msg, bool last);
/* Server: ends the call with trailers.  Client: cancels with RST_STREAM. */
int grpc_finish(struct grpc *g, int32_t stream, enum grpc_status st, const char *text);
/* Bytes of messages not yet taken by grpc_output. */
size_t grpc_queued(const struct grpc *g, int32_t stream);
int grpc_consume(struct grpc *g, int32_t stream, size_t n); /* with manual_window */
/* 0, or -EPROTO: drop the connection. */
int grpc_input(struct grpc *g, struct slice in);
/* What to write to the peer, valid until the next call; grpc_sent tells how much was. */
struct slice grpc_output(struct grpc *g);
void grpc_sent(struct grpc *g, size_t n);
/* Keepalive.  0; -ETIMEDOUT: the peer is dead. */
int grpc_tick(struct grpc *g, uint64_t now_ns);
/* Sends GOAWAY; calls already there may finish. */
void grpc_drain(struct grpc *g);
bool grpc_done(const struct grpc *g); /* nothing more will be read or written */
void grpc_free(struct grpc *g);

#endif
