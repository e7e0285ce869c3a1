/* SPDX-License-Identifier: Apache-2.0 */
/* redis_resp.h - one value of RESP, versions 2 and 3, read piece by piece and written as JSON.
 *
 * Specification: https://redis.io/docs/latest/develop/reference/protocol-spec/ and, for streamed types and
 * attributes, the RESP3 specification (github.com/redis/redis-specifications).  Internal to src/proto/redis*.c.
 *
 * JSON: strings that are UTF-8 as strings, others as {"base64":"..."}; errors within a value as {"error":"..."}; maps as
 * objects, whose keys are text; integers and doubles as numbers where a double holds them, else as strings; big
 * numbers as strings; verbatim strings without their type; sets and pushes as arrays.
 */
#ifndef LIMPID_PROTO_REDIS_RESP_H
#define LIMPID_PROTO_REDIS_RESP_H

#include "proto/proto.h"

#define RESP_DEPTH 32 /* deeper values are refused; Redis' own clients stop at 7 to 9 */
#define RESP_WORDS 16
#define RESP_WORD  512 /* bytes kept of one */

enum resp_at { RESP_AT_VALUE, RESP_AT_LINE, RESP_AT_BULK, RESP_AT_BULK_END, RESP_AT_CHUNK };
enum resp_got { RESP_MORE, RESP_DONE, RESP_BAD };

struct resp_level {
	uint64_t left, index; /* elements to come; that came */
	char type;	      /* '*' '~' '>' '%' '|' */
	bool streamed, shown, key_shown;
};

struct resp {
	const struct proto_limits *limits;
	/* True: this value is not to be shown.  words has what came before it on the first level. */
	bool (*hide)(const struct resp *r, struct slice value);
	void *ctx;
	bool commands; /* only commands: arrays of bulk strings, or inline; the first word is not part of the JSON */
	enum resp_at at;
	char type;  /* of the value as a whole */
	char piece_type;
	bool streamed; /* the string at hand comes in chunks */
	struct resp_level level[RESP_DEPTH];
	unsigned depth, mute; /* mute: nothing is written from that depth (+ 1) on */
	uint64_t left;	      /* bytes of the string, or of its chunk */
	uint64_t len, kept, piece_len0;
	size_t piece_max;
	bool begun, cut, gap, piece_cut;
	unsigned errors;		      /* error values inside */
	struct buf text, piece, words, notes; /* notes: the attribute before the value, as JSON */
	size_t word_off[RESP_WORDS], word_len[RESP_WORDS];
	unsigned nwords;
	uint64_t count; /* values on the first level of an aggregate; 0 for null */
	bool null;
	bool unread; /* no JSON is written, but for an attribute before the value: proto_limits.unread_bodies */
};

/* Takes as much of in as belongs to the value.  RESP_MORE: not all of it came; *ret_used may be 0.  Work is
 * proportional to *ret_used, and a constant. */
enum resp_got resp_feed(struct resp *r, struct slice in, size_t *ret_used);
/* n bytes are missing.  True: they lie inside a string, and it goes on behind them. */
bool resp_lost(struct resp *r, uint64_t n);
uint64_t resp_unkept(const struct resp *r); /* bytes to come that would only be counted */
struct slice resp_word(const struct resp *r, unsigned i); /* of a scalar value: word 0 */
/* --- redis_json.c --- */
/* A whole scalar; v may be a part of it (piece_cut).  True: the outermost value is over. */
bool resp_scalar(struct resp *r, char type, struct slice v);
void resp_open_level(struct resp *r, char type, uint64_t n, bool streamed);
/* Of elements that are all there.  True: the outermost value is over. */
bool resp_close_level(struct resp *r);
struct resp_level *resp_top(struct resp *r); /* NULL: none */
bool resp_in_key(const struct resp_level *l); /* the next value is the key of a map; l may be NULL */
/* The JSON text closed where it was broken off. */
void resp_close(struct resp *r);
void resp_clear(struct resp *r); /* for the next value; memory kept, up to a few KiB */
void resp_release(struct resp *r);
size_t resp_held(const struct resp *r);

/* The arguments of an inline command, or of a line of MONITOR, as sdssplitargs of Redis reads them: blanks between, double quotes with
 * escapes, single quotes without.  False: a quote is not closed.  fn may be called before that is known.
 * room is the caller's; room->failed: arguments are incomplete. */
bool resp_split(struct slice line, struct buf *room, void (*fn)(void *ctx, struct slice arg), void *ctx);
/* v as JSON: a string, or {"base64":...} */
void resp_put_string(struct buf *b, struct slice v);

/* How the bytes look. */
enum probe resp_probe(struct slice in, bool commands);

#endif
