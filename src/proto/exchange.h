/* SPDX-License-Identifier: Apache-2.0 */
/* exchange.h - one exchange of a matcher: its halves, its memory, and how it is written.
 *
 * Internal to match.c and exchange.c.
 */
#ifndef LIMPID_PROTO_EXCHANGE_H
#define LIMPID_PROTO_EXCHANGE_H

#include "base/map.h"
#include "proto/match.h"

#define MAX_INTERIM    8
#define MAX_QUEUED     2048	/* messages of one stream that wait to be written, */
#define MAX_QUEUED_BYTES (2u << 20) /* and their memory; one message may be larger */
#define WRITE_EVERY_NS 100000000u

struct pend {
	struct pend *next, *prev;
	uint64_t key;
	struct flow f;
	struct arena *req_arena, *resp_arena;
	struct arena *own; /* of the interim answers */
	size_t held, used[2]; /* used: of held, by the halves; an arena that is shared may have grown since */
	const char *interim[MAX_INTERIM];
	unsigned ninterim;
	bool req_whole, resp_whole, streams;
	bool unsure;  /* sent while order was lost */
	bool cut;     /* one half broke off */
	bool expired; /* emitted as unanswered already */
	bool untold;  /* open, and not emitted as such since untold_ns */
	uint64_t untold_ns;
	struct flow_msg *msgs; /* that wait to be written; */
	struct arena **arenas; /* what owns each */
	size_t nmsgs, cap_msgs, msg_bytes;
	uint64_t written_ns;
	uint64_t told_ns[2]; /* by enum side: end of what a half that went on said last, before it streamed */
};

struct match {
	const struct proto *proto;
	const struct flow_conn *conn;
	int64_t epoch_ns;
	unsigned max;
	struct match_hooks hooks;
	struct pend *first, *last;
	size_t n, held;
	struct map by_key;
	struct pend *current; /* whose answer has begun */
	struct pend *asking;  /* whose request goes on; with keys the last such */
	size_t owed;	      /* answers to come whose requests gave way to the limit */
	unsigned next_flags;  /* of the next new flow: what was lost before it */
	size_t nqueued;	      /* messages of all streams that wait */
	size_t nstreams;      /* exchanges that stream */
	size_t nuntold;	      /* exchanges that are */
	bool lost, pipelined; /* see match.c */
	bool joined;	      /* match_join, and no request has been answered since */
	bool blind;	      /* requests were lost, and none was seen since */
	bool deaf;	      /* answers are left out, and none was seen since */
	unsigned lost_flags;  /* of flows that suffer from the loss */
	bool after_answer;    /* lost, but a whole answer was seen since */
	uint64_t answer_ns;   /* its end */
	uint64_t last_ns;     /* end of the last message */
};

static inline bool by_key(const struct match *m)
{
	return m->proto->match == MATCH_KEY;
}

/* Fills p in for the flow that msg begins; it is in no list yet. */
void pend_init(struct match *m, struct pend *p, const struct msg *msg);
void pend_release(struct match *m, struct pend *p); /* frees what p refers to, not p */
/* A new exchange in the list; the oldest gives way when there are too many.  NULL: out of memory. */
struct pend *pend_add(struct match *m, const struct msg *msg);
/* Takes over msg's arena; what a partial message brought before is replaced, but for its begin. */
void pend_set_half(struct match *m, struct pend *p, enum side side, struct msg *msg);
/* Notes an answer before the answer; text is copied. */
void pend_add_interim(struct pend *p, const struct flow_half *half);
/* Adds half's attributes to the answer's, or without one to the request's; text is copied. */
void pend_add_attrs(struct pend *p, const struct flow_half *half);
/* Takes over msg's arena.  The message waits for the next write of p; one for which there is no room is counted. */
void pend_queue(struct match *m, struct pend *p, enum side side, struct msg *msg);
void pend_set_streams(struct match *m, struct pend *p);
void pend_emit(struct match *m, struct pend *p, enum flow_state state);
/* After a half was set: writes p, for the last time when it is over (p is gone then). */
void pend_settle(struct match *m, struct pend *p);
void pend_finish(struct match *m, struct pend *p, enum flow_state state);
/* As finish, but says nothing when the flow was given up before. */
void pend_give_up(struct match *m, struct pend *p, enum flow_state state, unsigned flags);
void pend_drop(struct match *m, struct pend *p); /* emits nothing */

#endif
