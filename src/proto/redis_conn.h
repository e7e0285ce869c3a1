/* SPDX-License-Identifier: Apache-2.0 */
/* redis_conn.h - what a connection remembers, and messages of it.  Internal to src/proto/redis*.c. */
#ifndef LIMPID_PROTO_REDIS_CONN_H
#define LIMPID_PROTO_REDIS_CONN_H

#include "proto/redis_cmd.h"

#define REDIS_RUNS   256
#define REDIS_QUEUED 65536 /* bytes of JSON of a transaction's commands */

enum redis_repl {
	REPL_NONE,
	REPL_HEAD, /* the snapshot's "$length" or "$EOF:mark" comes */
	REPL_RDB,
	REPL_RDB_MARK,
	REPL_COMMANDS,
};

struct redis {
	const struct proto_limits *limits;
	struct resp resp[2]; /* by enum side */
	struct {
		enum redis_kind kind;
		uint32_t n;
	} runs[REDIS_RUNS]; /* requests without answer, as runs of one kind, the oldest at first */
	unsigned first, nruns;
	bool unsure, after_one; /* as in http1: messages were lost; ... but an answer was seen since */
	bool astray[2];		/* by enum side: the next bytes may lie inside a value */
	bool rdb_gap;
	bool resp3;		/* answers and pushes can be told apart */
	bool off, skip;		/* CLIENT REPLY: no answers; none to the next command */
	bool secret_next;	/* the last value was the name of a secret setting */
	bool confirmed;		/* the subscription that began it was answered */
	bool stream;		/* a conversation is open, begun by: */
	enum redis_kind stream_kind;
	bool multi, queued_cut;
	struct buf queued; /* the commands of the transaction, as JSON arrays with commas between */
	unsigned nqueued;
	char db[12];
	enum redis_repl repl;
	uint64_t rdb_left, rdb_len;
	uint8_t mark[40];
};

/* --- redis_msg.c --- */
/* Fills *out in from the value that was read of that side; it is cleared.  cut: its end is missing. */
void redis_request(struct redis *s, bool cut, struct msg *out);
void redis_reply(struct redis *s, bool cut, struct msg *out);
/* A command of a master to its replica. */
void redis_replicated(struct redis *s, struct msg *out);
void redis_snapshot(struct redis *s, struct msg *out);
/* The kind of the oldest request without answer. */
enum redis_kind redis_asked(const struct redis *s);
enum redis_kind redis_answered(struct redis *s); /* the same; it waits no longer */

#endif
