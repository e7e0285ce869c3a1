/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges wait in a list in the order of their requests; with MATCH_KEY a map finds them too.
 *
 * The hard part is order after a loss.  Nobody knows how many answers are still to come, so halves are
 * shown apart (an answer without request, a request without answer) until order is certain.  On a
 * connection that does not pipeline, a request is only sent when everything before it was answered: so
 * the first request that was sent after a whole answer, with nothing pending before it, starts afresh.
 * A connection that was seen to pipeline does not get that benefit: there, alternation proves nothing, only
 * a silence does.  Where capture began in the middle of a connection, the same holds as soon as requests
 * are seen to wait for more than one answer, because others may wait before them.
 * Times, not the order of calls, decide what was before what: while a hole is waited for, one side may
 * be far ahead.  Rejected: counting the answers owed (the loss may hide requests), and pairing by
 * nearness in time (a slow server defeats it). */
#include "proto/match.h"

#include "proto/exchange.h"

#include <errno.h>
#include <stdlib.h>

#define QUIET_NS 2000000000u /* after such a silence nobody owes an answer any more */

struct match *match_new(const struct proto *p, const struct flow_conn *conn, int64_t epoch_ns,
			unsigned max_pending, const struct match_hooks *hooks)
{
	struct match *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->proto = p;
	m->conn = conn;
	m->epoch_ns = epoch_ns;
	m->max = max_pending ? max_pending : 1;
	m->hooks = *hooks;
	return m;
}

/* --- requests --- */

/* The request that this message goes on with. */
static struct pend *unfinished_request(const struct match *m, const struct msg *msg)
{
	struct pend *p = by_key(m) ? map_find(&m->by_key, msg->key) : m->asking;

	/* With keys also one whose answer was quicker to be seen.  In order there is one at most: no other request begins
	 * before it ends. */
	return p && !p->req_whole ? p : NULL;
}

/* Order was lost: is everything that waits now sent after the last answer, and so certain?  quiet_ns: when the
 * last message before ended. */
static void try_to_resume(struct match *m, uint64_t quiet_ns)
{
	const struct pend *p = m->first;

	while (p && p->streams)
		p = p->next;
	if (!m->after_answer || m->current || !p || p->f.req.begin_ns < m->answer_ns ||
	    (m->pipelined && p->f.req.begin_ns < quiet_ns + QUIET_NS))
		return;
	m->lost = m->after_answer = false;
	m->lost_flags = 0;
	for (struct pend *q = m->first; q; q = q->next)
		q->unsure = false;
}

static int out_of_memory(struct match *m, enum side side, struct msg *msg)
{
	arena_free(msg->arena);
	match_lost(m, side, FLOW_AFTER_GAP); /* one message less: the order is gone */
	m->next_flags |= FLOW_AFTER_GAP;
	return -ENOMEM;
}

static int push_request(struct match *m, struct msg *msg)
{
	struct pend *p = unfinished_request(m, msg);
	uint64_t quiet_ns = m->last_ns;

	m->blind = false;
	if (!p) {
		p = pend_add(m, msg);
		if (!p)
			return out_of_memory(m, SIDE_REQ, msg);
		p->unsure = m->lost;
	}
	p->f.flags &= ~(unsigned)FLOW_NO_REQUEST;
	pend_set_half(m, p, SIDE_REQ, msg);
	m->last_ns = msg->half.end_ns;
	if (m->lost)
		try_to_resume(m, quiet_ns);
	if (m->deaf && p->req_whole && !p->streams)
		pend_give_up(m, p, FLOW_UNANSWERED, m->lost_flags);
	else
		pend_settle(m, p);
	return 0;
}

/* --- answers --- */

/* Order is lost: this answer may belong to any request that was sent before it, or to one never seen. */
static void give_up_unsure(struct match *m, uint64_t answered_ns)
{
	/* A second answer, and no request that could be told from it: somebody pipelines, if its request is not
	 * one of those that were lost. */
	m->pipelined |= m->after_answer && !m->blind;
	for (struct pend *p = m->first, *next; p; p = next) {
		next = p->next;
		if (!p->unsure || p->f.req.begin_ns >= answered_ns)
			continue;
		if (!p->streams) {
			pend_give_up(m, p, FLOW_UNANSWERED, m->lost_flags);
			continue;
		}
		p->resp_whole = true; /* it goes on; but the answer may have been its own */
		p->f.flags |= m->lost_flags;
	}
}

/* The exchange that msg answers, or NULL: its request is not known, or not for certain. */
static struct pend *awaiting(const struct match *m, const struct msg *msg)
{
	struct pend *p = by_key(m) ? map_find(&m->by_key, msg->key) : m->current;

	if (p || by_key(m))
		return p && !p->resp_whole ? p : NULL;
	for (p = m->first; p && p->resp_whole;)
		p = p->next;
	if (!p || p->unsure || m->owed > 0)
		return NULL;
	/* What began before the request was sent (an answer to one that was not seen, a server's parting
	 * word) is not its answer. */
	return p->f.has_req && msg->half.begin_ns < p->f.req.begin_ns ? NULL : p;
}

/* An answer whose request was not seen: needs no memory when it is whole. */
static int push_orphan(struct match *m, struct msg *msg)
{
	struct pend single, *p = &single;

	if (msg->partial || msg->streams) {
		p = pend_add(m, msg);
		if (!p)
			return out_of_memory(m, SIDE_RESP, msg);
	} else {
		pend_init(m, p, msg);
	}
	p->f.flags |= FLOW_NO_REQUEST | (m->lost ? m->lost_flags : 0);
	pend_set_half(m, p, SIDE_RESP, msg);
	if (p != &single) {
		pend_settle(m, p);
		return 0;
	}
	pend_emit(m, p, p->cut && !(p->f.flags & FLOW_AFTER_GAP) ? FLOW_RESET : FLOW_DONE);
	pend_release(m, p);
	return 0;
}

/* The first answer since capture began in the middle, while several requests wait: there may be more, and it
 * theirs. */
static bool pipelines_already(const struct match *m, const struct pend *p, const struct msg *msg)
{
	return m->joined && !by_key(m) && p->next && p->next->f.has_req &&
	       p->next->f.req.begin_ns < msg->half.begin_ns;
}

static int push_response(struct match *m, struct msg *msg)
{
	struct pend *p = awaiting(m, msg);
	uint64_t end_ns = msg->half.end_ns;
	bool whole = !msg->partial, orphan = !p || !p->f.has_req;
	int rc = 0;

	m->deaf = false;
	m->last_ns = end_ns;
	if (p && !orphan && pipelines_already(m, p, msg)) {
		m->pipelined = orphan = true;
		match_lost(m, SIDE_RESP, FLOW_AFTER_GAP);
		p = NULL;
	}
	m->joined &= orphan;
	if (!p) {
		if (m->lost && m->owed == 0)
			give_up_unsure(m, msg->half.begin_ns);
		m->owed -= m->owed > 0;
		rc = push_orphan(m, msg);
	} else {
		struct pend *next = p->next;

		if (whole && next && next->f.has_req && next->f.req.begin_ns < end_ns)
			m->pipelined = true;
		pend_set_half(m, p, SIDE_RESP, msg);
		pend_settle(m, p);
	}
	if (whole && orphan && rc == 0 && m->lost) {
		m->after_answer = true;
		m->answer_ns = end_ns;
		try_to_resume(m, end_ns);
	}
	return rc;
}

static int push_interim(struct match *m, struct msg *msg)
{
	struct pend *p = awaiting(m, msg);

	if (p) {
		pend_add_interim(p, &msg->half);
		p->f.flags |= msg->flags;
	}
	arena_free(msg->arena);
	return 0;
}

/* --- the rest --- */

static int push_oneway(struct match *m, enum side side, struct msg *msg)
{
	struct pend p;

	pend_init(m, &p, msg);
	pend_set_half(m, &p, msg->half.op ? SIDE_REQ : side, msg);
	pend_emit(m, &p, p.cut ? FLOW_RESET : FLOW_DONE);
	pend_release(m, &p);
	return 0;
}

static struct pend *stream_of(const struct match *m, enum side side, const struct msg *msg)
{
	struct pend *p;

	if (by_key(m))
		p = map_find(&m->by_key, msg->key);
	else if (side == SIDE_RESP && m->current)
		p = m->current;
	else
		for (p = m->last; p && !p->streams;)
			p = p->prev;
	return p && p->streams ? p : NULL;
}

static void end_stream(struct match *m, struct pend *p)
{
	if (p->f.has_resp && m->last_ns > p->f.resp.end_ns)
		p->f.resp.end_ns = m->last_ns; /* the answer lasted until now */
	p->streams = false;
	pend_finish(m, p, p->cut ? FLOW_RESET : FLOW_DONE);
}

static int push_message(struct match *m, enum side side, struct msg *msg)
{
	struct pend *p = stream_of(m, side, msg);

	if (!p) { /* its beginning was not seen */
		p = pend_add(m, msg);
		if (!p)
			return out_of_memory(m, side, msg);
		pend_set_streams(m, p);
		p->f.flags |= FLOW_NO_REQUEST;
	}
	m->last_ns = msg->half.end_ns;
	if (msg->proto)
		p->f.proto = msg->proto;
	pend_queue(m, p, side, msg);
	if (msg->ends)
		end_stream(m, p);
	else if (m->last_ns - p->written_ns >= WRITE_EVERY_NS)
		pend_emit(m, p, FLOW_OPEN);
	return 0;
}

static int push_end(struct match *m, enum side side, struct msg *msg)
{
	struct pend *p = by_key(m) ? map_find(&m->by_key, msg->key) : stream_of(m, side, msg);

	m->last_ns = msg->half.end_ns;
	if (p) {
		p->f.failed |= msg->failed;
		p->f.flags |= msg->flags;
		pend_add_attrs(p, &msg->half);
		p->cut |= msg->cut;
		end_stream(m, p);
	}
	arena_free(msg->arena);
	return 0;
}

static int push_unanswered(struct match *m, struct msg *msg)
{
	struct pend *p = by_key(m) ? map_find(&m->by_key, msg->key) : NULL;

	if (p)
		pend_give_up(m, p, FLOW_UNANSWERED, msg->flags);
	arena_free(msg->arena);
	return 0;
}

int match_push(struct match *m, enum side side, struct msg *msg)
{
	if (msg->from != MSG_FROM_BYTES)
		side = msg->from == MSG_FROM_CLIENT ? SIDE_REQ : SIDE_RESP;
	switch (msg->role) {
	case ROLE_REQUEST:
		return push_request(m, msg);
	case ROLE_RESPONSE:
		return push_response(m, msg);
	case ROLE_INTERIM:
		return push_interim(m, msg);
	case ROLE_ONEWAY:
		return push_oneway(m, side, msg);
	case ROLE_MESSAGE:
		return push_message(m, side, msg);
	case ROLE_END:
		return push_end(m, side, msg);
	case ROLE_UNANSWERED:
		return push_unanswered(m, msg);
	}
	return 0;
}

void match_expire(struct match *m, uint64_t t_ns)
{
	for (struct pend *p = m->first, *next; p; p = next) {
		next = p->next;
		if (!p->req_whole || p->f.has_resp || p->streams || p->expired ||
		    p->f.req.end_ns >= t_ns)
			continue;
		if (p->unsure) {
			pend_give_up(m, p, FLOW_UNANSWERED, m->lost_flags);
			continue;
		}
		/* It keeps its place: an answer that still comes is its own, not the next one's. */
		p->expired = true;
		pend_emit(m, p, FLOW_UNANSWERED);
	}
	if (m->lost && m->n == 0 && m->last_ns < t_ns) {
		m->lost = false;
		m->lost_flags = 0;
	}
}

void match_flush(struct match *m, uint64_t now_ns)
{
	for (struct pend *p = m->first; p && (m->nqueued || m->nuntold); p = p->next)
		if ((p->nmsgs && now_ns - p->written_ns >= WRITE_EVERY_NS) ||
		    (p->untold && now_ns - p->untold_ns >= m->hooks.open_after_ns))
			pend_emit(m, p, FLOW_OPEN);
}

bool match_wants_flush(const struct match *m)
{
	return m->nqueued > 0 || m->nuntold > 0;
}

void match_lost(struct match *m, enum side side, unsigned flag)
{
	m->lost_flags |= flag;
	if (side == SIDE_RESP)
		m->deaf = flag == FLOW_TRUNCATED && !by_key(m);
	for (struct pend *p = m->first, *next; p; p = next) {
		next = p->next;
		if (by_key(m) || p->streams) {
			p->f.flags |= flag;
			/* its answer may have been among them: the next one is another's */
			p->resp_whole |= !by_key(m) && side == SIDE_RESP && !p->f.has_resp;
		} else if (p->f.has_resp && !p->resp_whole && side == SIDE_RESP) {
			pend_give_up(m, p, FLOW_DONE, flag);
		} else if (m->deaf && p->f.has_req && p->req_whole && !p->f.has_resp) {
			pend_give_up(m, p, FLOW_UNANSWERED, flag);
		} else {
			p->unsure |= side == SIDE_RESP && !p->resp_whole;
			p->req_whole |= side == SIDE_REQ; /* as far as it goes */
		}
	}
	if (side == SIDE_RESP)
		m->owed = 0;
	m->lost = !by_key(m);
	m->blind = side == SIDE_REQ;
	m->after_answer = false;
}

void match_join(struct match *m, bool owed)
{
	m->joined = true;
	if (owed)
		match_lost(m, SIDE_REQ, FLOW_AFTER_GAP);
}

bool match_in_order(const struct match *m)
{
	return !m->lost;
}

static void end_pend(struct match *m, struct pend *p, bool reset)
{
	enum flow_state state = FLOW_UNANSWERED;

	if (reset || p->cut || (p->f.has_resp && !p->resp_whole))
		state = FLOW_RESET;
	else if (p->f.has_resp || (p->streams && !p->f.has_req))
		state = FLOW_DONE;
	pend_give_up(m, p, state, p->unsure ? m->lost_flags : 0);
}

void match_become(struct match *m, const struct proto *p)
{
	for (struct pend *q = m->first, *next; q; q = next) {
		next = q->next;
		if (!q->streams || by_key(m) || p->match == MATCH_KEY)
			end_pend(m, q, false);
	}
	m->proto = p;
	m->lost = m->deaf = m->joined = m->pipelined = false;
	m->lost_flags = 0;
	m->owed = 0;
	m->current = NULL;
}

bool match_streams(const struct match *m)
{
	return m->nstreams > 0;
}

void match_end(struct match *m, bool reset)
{
	while (m->first)
		end_pend(m, m->first, reset);
	m->lost = m->deaf = false;
	m->lost_flags = 0;
	m->owed = 0;
}

bool match_unanswered(const struct match *m)
{
	for (const struct pend *p = m->first; p; p = p->next)
		if (!p->resp_whole)
			return true;
	return false;
}

size_t match_held(const struct match *m)
{
	return m->held + m->n * sizeof(struct pend);
}

size_t match_open(const struct match *m)
{
	return m->n;
}

void match_free(struct match *m)
{
	if (!m)
		return;
	while (m->first)
		pend_drop(m, m->first);
	map_release(&m->by_key);
	free(m);
}
