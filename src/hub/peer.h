/* SPDX-License-Identifier: Apache-2.0 */
/* peer.h - inside ingest only: one connection from an agent. */
#ifndef LIMPID_HUB_PEER_H
#define LIMPID_HUB_PEER_H

#include "hub/ingest.h"
#include "rpc/grpc.h"

struct pending { /* a batch that was handed out and is not durable yet */
	uint64_t seq;
	size_t bytes; /* of its message: the window it holds */
};

struct peer {
	struct ingest *in;
	struct peer *next;
	struct grpc *g;
	int fd;
	int32_t stream; /* of the one call; 0: none */
	bool dead;	/* to be freed when the events at hand are dealt with */
	bool inside;	/* within grpc_input: output has to wait */
	bool polls_out;
	uint64_t begun_ns; /* of the connection, or of its being without an agent */

	bool hello;
	struct ingest_agent agent; /* strings are ours */
	uint64_t last_seq;	   /* the highest seen on this connection */
	uint64_t stored, acked;	   /* durable; the last the agent was told */
	bool ack_due, settings_due;
	struct pending *pending; /* a ring of cap (a power of two) entries */
	size_t npending, first, cap;
};

struct ingest {
	int epoll, listener;
	bool listening; /* the listener is in epoll: not while descriptors are short */
	uint16_t port;
	char *token;
	struct ingest_hooks hooks;
	struct ingest_stats stats;
	struct peer *peers;
	size_t npeers;
	bool told_token;     /* a refusal was logged */
	struct buf settings; /* HubMessage for all, encoded; empty: none yet */
	uint64_t now_ns;
};

#define PEER_SILENT_NS 10000000000ull /* to say hello */

/* Takes over fd, also on failure.  0, negative errno. */
int peer_open(struct ingest *in, int fd);
void peer_input(struct peer *p); /* readable: reads, decodes, answers */
void peer_output(struct peer *p);
void peer_tick(struct peer *p);
void peer_ack(struct peer *p, uint64_t seq);
void peer_settings(struct peer *p);
/* Says goodbye with this status as far as the socket takes it at once, and marks it dead. */
void peer_end(struct peer *p, enum grpc_status st, const char *text);
void peer_free(struct peer *p); /* tells no hook */

#endif
