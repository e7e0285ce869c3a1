/* SPDX-License-Identifier: Apache-2.0 */
/* redis_cmd.h - what is known of commands: their keys, what they do to the connection, what must not be shown.
 *
 * Source: the command tables of Redis 7.4 (src/commands/ *.json: key specifications) and Valkey 8.  Internal to src/proto/redis*.c.
 */
#ifndef LIMPID_PROTO_REDIS_CMD_H
#define LIMPID_PROTO_REDIS_CMD_H

#include "proto/redis_resp.h"

#define REDIS_NAME 48

enum redis_kind {
	REDIS_PLAIN,
	REDIS_SUBSCRIBE,   /* its answers are messages, and more follow */
	REDIS_UNSUBSCRIBE,
	REDIS_MONITOR,	   /* an answer, then a line for each command of anybody */
	REDIS_SYNC,	   /* from here on the server sends its own commands */
	REDIS_MULTI,
	REDIS_EXEC,
	REDIS_DISCARD,
	REDIS_SELECT,
	REDIS_RESET,
	REDIS_ACL,	   /* hashes of passwords may be in its answer */
	REDIS_HELLO,
	REDIS_REPLY_ON, REDIS_REPLY_OFF, REDIS_REPLY_SKIP, /* CLIENT REPLY */
};

struct redis_cmd {
	char name[REDIS_NAME]; /* "GET", "CONFIG SET" */
	enum redis_kind kind;
	unsigned key; /* which word is the first key, channel, pattern ...; 0: none, or not among the words */
	bool whole;   /* the words that name it and its key are there */
};

bool redis_is_known(struct slice word); /* a command's name in any case */
/* Of a command whose first words were read. */
void redis_cmd(const struct resp *r, struct redis_cmd *ret);
/* The argument that comes next, whose bytes these are, is a secret, or may contain one. */
bool redis_hides(const struct resp *r, struct slice arg);
/* Likewise of a value in an answer: it follows the name of a setting that is one. */
bool redis_is_secret_setting(struct slice name);
/* A hash of a password as ACL shows it: 64 hexadecimal digits, perhaps with a '#' before. */
bool redis_has_hash(struct slice v);

#endif
