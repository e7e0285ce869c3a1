/* SPDX-License-Identifier: Apache-2.0 */
/* match.h - pairs requests with answers, in order or by key, and emits flows.
 *
 * A flow is emitted open when its request is there (or the head of it), again when the answer begins,
 * and with its final state when both are whole.  What is open for a short time only need not be told:
 * see open_after_ns.  An answer that comes after its flow was given up as
 * unanswered for its age is emitted once more, under the same id.
 *
 * A stream (struct msg.streams) stays open until ROLE_END or a message that ends.  It is written at most ten times a
 * second, each time with the messages that came since; those that find no room until then are counted, and their
 * numbers are missing.  ROLE_MESSAGE without a stream begins one without a request.
 */
#ifndef LIMPID_PROTO_MATCH_H
#define LIMPID_PROTO_MATCH_H

#include "proto/proto.h"

struct match;

struct match_hooks {
	flow_fn flow;
	void (*new_id)(void *ctx, uint64_t begin_ns, uint8_t ret_id[16]);
	void *ctx;
	/* An exchange is emitted open only by a match_flush that comes so long after its message: most are
	 * over by then, and cost everybody behind half as much.  0: at once. */
	uint64_t open_after_ns;
	/* Of a stream that says more than can wait for its next write, all is written at once, and nothing left out: for a
	 * file, which waits for its reader. */
	bool all_messages;
	bool streams_only; /* only streams are emitted open: whoever reads a file sees the rest when it is over */
};

/* conn is borrowed for the matcher's life.  At most max_pending requests wait; the oldest is then
 * given up as unanswered.  NULL: out of memory. */
struct match *match_new(const struct proto *p, const struct flow_conn *conn, int64_t epoch_ns,
			unsigned max_pending, const struct match_hooks *hooks);
/* Takes over msg's arena, even on failure.  0; -ENOMEM (the message is lost, the next flow flagged). */
int match_push(struct match *m, enum side side, struct msg *msg);
/* Emits as unanswered what ended before t_ns. */
void match_expire(struct match *m, uint64_t t_ns);
/* Emits messages of streams that wait because their flow was written less than 100 ms before, and open flows
 * that have been open for open_after_ns. */
void match_flush(struct match *m, uint64_t now_ns);
bool match_wants_flush(const struct match *m);
/* Bytes of this side were lost (flag: FLOW_AFTER_GAP) or left out (FLOW_TRUNCATED): order no longer pairs, and nothing
 * is guessed; the flag goes to the flows concerned.  Requests that were seen
 * before lost ones keep their answers; all others are given up when an answer comes that may be
 * theirs.  Pairing begins again with the first request that was sent after a whole answer with nothing
 * else pending (two seconds after, if this connection was seen to pipeline), or after a silence that
 * match_expire calls too long.  Where answers are left out, requests are given up at once until one comes. */
void match_lost(struct match *m, enum side side, unsigned flag);
/* To be called at once: the first messages may not be the connection's first.  owed: a request that will not
 * be seen waits for its answer. */
void match_join(struct match *m, bool owed);
/* From now on messages come from p.  Exchanges that stream stay open where both pair in order; all others end. */
void match_become(struct match *m, const struct proto *p);
bool match_streams(const struct match *m); /* a stream is open */
bool match_in_order(const struct match *m); /* false: match_lost, and not yet in order again */
/* The connection ended: pending requests are emitted as unanswered, or reset. */
void match_end(struct match *m, bool reset);
bool match_unanswered(const struct match *m); /* an exchange waits for (the rest of) its answer */
size_t match_held(const struct match *m);     /* bytes of messages kept */
size_t match_open(const struct match *m);     /* exchanges that are not over */
void match_free(struct match *m);	      /* emits nothing; m may be NULL */

#endif
