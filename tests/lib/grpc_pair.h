/* SPDX-License-Identifier: Apache-2.0 */
/* grpc_pair.h - two connections back to back in memory, and what their hooks were told. */
#ifndef LIMPID_TESTS_GRPC_PAIR_H
#define LIMPID_TESTS_GRPC_PAIR_H

#include "rpc/grpc.h"

#define END_MESSAGES 64
struct end {
	struct grpc *g;
	struct buf log; /* "called 1 /a.B/C Bearer x\n", "message 1 5 hash\n", "ended 1 0 text\n" */
	unsigned messages, ended;
	enum grpc_status status; /* of the last `ended` */
	char text[256];
	int32_t stream; /* of the last `called` */
	size_t lens[END_MESSAGES];
	/* What the server's hooks shall do. */
	enum grpc_status refuse;
	bool echo, finish_on_end, finish_on_message, consume;
	int error; /* of grpc_input, sticks */
};
struct pair {
	struct end client, server;
};

void pair_open(struct pair *p, const struct grpc_options *client,
	       const struct grpc_options *server);
void pair_close(struct pair *p);
/* Moves bytes in pieces of at most cut until nothing moves; cut 0: whole. */
void pair_pump(struct pair *p, size_t cut);
/* One direction only; bytes moved. */
size_t pair_move(struct end *from, struct end *to, size_t cut);
/* A message whose bytes depend on n and seed; to be freed. */
struct slice test_message(size_t n, unsigned seed);

#endif
