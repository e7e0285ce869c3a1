/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/exchange.h"

#include <stdlib.h>

#include "base/spare.h"

#define OWN_ARENA_BYTES 65536

_Static_assert(sizeof(struct pend) <= SPARE_BYTES, "an exchange is one block");

void pend_init(struct match *m, struct pend *p, const struct msg *msg)
{
	*p = (struct pend){ .key = msg->key };
	p->f.epoch_ns = m->epoch_ns;
	p->f.conn = m->conn;
	p->f.proto = msg->proto ? msg->proto : m->proto->name;
	p->f.flags = m->next_flags;
	p->written_ns = msg->half.begin_ns; /* what comes soon is told together */
	m->next_flags = 0;
	m->hooks.new_id(m->hooks.ctx, msg->half.begin_ns, p->f.id);
}

static void free_queue(struct match *m, struct pend *p)
{
	for (size_t i = 0; i < p->nmsgs; i++)
		arena_free(p->arenas[i]);
	m->nqueued -= p->nmsgs;
	m->held -= p->msg_bytes;
	p->nmsgs = p->msg_bytes = 0;
}

static void told(struct match *m, struct pend *p)
{
	m->nuntold -= p->untold;
	p->untold = false;
}

void pend_release(struct match *m, struct pend *p)
{
	told(m, p);
	free_queue(m, p);
	free(p->msgs);
	free(p->arenas);
	m->nstreams -= p->f.streams;
	m->held -= p->held;
	arena_free(p->req_arena);
	arena_free(p->resp_arena);
	arena_free(p->own);
}

void pend_drop(struct match *m, struct pend *p)
{
	if (p->prev)
		p->prev->next = p->next;
	else
		m->first = p->next;
	if (p->next)
		p->next->prev = p->prev;
	else
		m->last = p->prev;
	if (by_key(m) && map_find(&m->by_key, p->key) == p)
		(void)map_take(&m->by_key, p->key);
	if (m->current == p)
		m->current = NULL;
	if (m->asking == p)
		m->asking = NULL;
	m->n--;
	pend_release(m, p);
	spare_put(p);
}

void pend_emit(struct match *m, struct pend *p, enum flow_state state)
{
	told(m, p);
	p->f.state = state;
	p->f.msgs = p->msgs;
	p->f.nmsgs = p->nmsgs;
	p->written_ns = m->last_ns;
	m->hooks.flow(m->hooks.ctx, &p->f);
	p->f.msgs = NULL;
	p->f.nmsgs = 0;
	free_queue(m, p);
}

/* --- messages of a stream --- */

static bool has_room(struct pend *p, size_t bytes)
{
	size_t cap = p->cap_msgs ? p->cap_msgs * 2 : 8;
	struct flow_msg *msgs;
	struct arena **arenas;

	if (p->nmsgs == MAX_QUEUED || (p->nmsgs > 0 && p->msg_bytes + bytes > MAX_QUEUED_BYTES))
		return false;
	if (p->nmsgs < p->cap_msgs)
		return true;
	msgs = realloc(p->msgs, cap * sizeof(*msgs));
	if (msgs)
		p->msgs = msgs;
	arenas = msgs ? realloc(p->arenas, cap * sizeof(*arenas)) : NULL;
	if (!arenas)
		return false;
	p->arenas = arenas;
	p->cap_msgs = cap;
	return true;
}

void pend_queue(struct match *m, struct pend *p, enum side side, struct msg *msg)
{
	struct flow_stream *s = &p->f.stream;
	size_t bytes = msg->arena ? arena_used(msg->arena) : 0;

	s->n[side == SIDE_RESP]++;
	s->bytes[side == SIDE_RESP] += msg->half.body.len;
	p->f.failed |= msg->failed;
	p->f.flags |= msg->flags;
	p->cut |= msg->cut;
	bytes += sizeof(*p->msgs) + sizeof(*p->arenas);
	if (m->hooks.all_messages && p->nmsgs > 0 && !has_room(p, bytes))
		pend_emit(m, p, FLOW_OPEN);
	if (!msg->arena || !has_room(p, bytes)) {
		s->left_out++;
		p->f.flags |= FLOW_TRUNCATED;
		arena_free(msg->arena);
		return;
	}
	p->msgs[p->nmsgs] =
		(struct flow_msg){ .seq = s->n[0] + s->n[1],
				   .ts_ns = msg->told && p->told_ns[side] ? p->told_ns[side]
									  : msg->half.begin_ns,
				   .from_server = side == SIDE_RESP,
				   .flags = msg->flags,
				   .op = msg->half.op,
				   .attrs = msg->half.attrs,
				   .nattrs = msg->half.nattrs,
				   .body = msg->half.body };
	p->arenas[p->nmsgs++] = msg->arena;
	p->msg_bytes += bytes;
	m->held += bytes;
	m->nqueued++;
}

void pend_set_streams(struct match *m, struct pend *p)
{
	m->nstreams += !p->f.streams;
	p->streams = p->f.streams = true;
}

/* --- halves --- */

/* The attributes of half, then what was said in between. */
static void add_interim(struct pend *p, struct flow_half *half)
{
	size_t n = half->nattrs + p->ninterim;
	struct flow_attr *attrs;

	if (p->ninterim == 0)
		return;
	attrs = arena_alloc(p->own, n * sizeof(*attrs));
	if (!attrs) {
		p->f.flags |= FLOW_TRUNCATED;
		return;
	}
	if (half->nattrs)
		memcpy(attrs, half->attrs, half->nattrs * sizeof(*attrs));
	for (unsigned i = 0; i < p->ninterim; i++)
		attrs[half->nattrs + i] = (struct flow_attr){ "interim", p->interim[i] };
	half->attrs = attrs;
	half->nattrs = n;
}

void pend_add_interim(struct pend *p, const struct flow_half *half)
{
	const char *text = NULL;

	if (!p->own)
		p->own = arena_new(OWN_ARENA_BYTES);
	if (p->own && p->ninterim < MAX_INTERIM)
		text = arena_printf(p->own, "%s%s%s", half->status ? half->status : "",
				    half->reason ? " " : "", half->reason ? half->reason : "");
	if (text)
		p->interim[p->ninterim++] = text;
	else
		p->f.flags |= FLOW_TRUNCATED;
}

void pend_add_attrs(struct pend *p, const struct flow_half *more)
{
	struct flow_half *half = p->f.has_resp ? &p->f.resp : &p->f.req;
	size_t n = half->nattrs;
	struct flow_attr *attrs;

	if (more->nattrs == 0)
		return;
	if (!p->own)
		p->own = arena_new(OWN_ARENA_BYTES);
	attrs = p->own ? arena_alloc(p->own, (n + more->nattrs) * sizeof(*attrs)) : NULL;
	if (!attrs) {
		p->f.flags |= FLOW_TRUNCATED;
		return;
	}
	if (n)
		memcpy(attrs, half->attrs, n * sizeof(*attrs));
	for (size_t i = 0; i < more->nattrs; i++) {
		const char *key = arena_str(p->own, slice_str(more->attrs[i].key));
		const char *value = arena_str(p->own, slice_str(more->attrs[i].value));

		if (key && value)
			attrs[n++] = (struct flow_attr){ key, value };
		else
			p->f.flags |= FLOW_TRUNCATED;
	}
	half->attrs = attrs;
	half->nattrs = n;
}

void pend_finish(struct match *m, struct pend *p, enum flow_state state)
{
	if (!p->f.has_resp && p->f.has_req)
		add_interim(p, &p->f.req);
	pend_emit(m, p, state);
	pend_drop(m, p);
}

void pend_give_up(struct match *m, struct pend *p, enum flow_state state, unsigned flags)
{
	p->f.flags |= flags;
	if (p->expired)
		pend_drop(m, p); /* said already */
	else
		pend_finish(m, p, state);
}

static void append(struct match *m, struct pend *p)
{
	p->prev = m->last;
	if (m->last)
		m->last->next = p;
	else
		m->first = p;
	m->last = p;
	m->n++;
}

/* The oldest gives way.  Its answer may still come, and must not be taken for the next one's. */
static void make_room(struct match *m)
{
	struct pend *p = m->first;

	m->owed += !by_key(m) && !m->lost && p->f.has_req && !p->resp_whole;
	pend_give_up(m, p, p->f.has_resp ? FLOW_DONE : FLOW_UNANSWERED, FLOW_TRUNCATED);
}

struct pend *pend_add(struct match *m, const struct msg *msg)
{
	struct pend *p, *same;

	if (m->n >= m->max)
		make_room(m);
	same = by_key(m) ? map_find(&m->by_key, msg->key) : NULL;
	if (same)
		pend_give_up(m, same, same->f.has_resp ? FLOW_DONE : FLOW_UNANSWERED, 0);
	p = spare_get();
	if (!p)
		return NULL;
	if (by_key(m) && map_put(&m->by_key, msg->key, p) < 0) {
		spare_put(p);
		return NULL;
	}
	pend_init(m, p, msg);
	append(m, p);
	return p;
}

void pend_set_half(struct match *m, struct pend *p, enum side side, struct msg *msg)
{
	struct flow_half *half = side == SIDE_REQ ? &p->f.req : &p->f.resp;
	struct arena **arena = side == SIDE_REQ ? &p->req_arena : &p->resp_arena;
	uint64_t begin = half->begin_ns;
	size_t old = p->used[side], now = msg->arena ? arena_used(msg->arena) : 0;

	arena_free(*arena);
	*arena = msg->arena;
	p->used[side] = now;
	p->held += now - old;
	m->held += now - old;
	*half = msg->half;
	if (begin)
		half->begin_ns = begin;
	if (side == SIDE_REQ) {
		p->f.has_req = true;
		p->req_whole = !msg->partial;
		if (msg->partial)
			m->asking = p;
	} else {
		p->f.has_resp = true;
		p->resp_whole = !msg->partial;
		p->expired = false;
		m->current = msg->partial ? p : NULL;
		add_interim(p, half);
	}
	if (msg->proto)
		p->f.proto = msg->proto;
	if (msg->partial && !msg->streams)
		p->told_ns[side] = msg->half.end_ns;
	p->f.flags |= msg->flags;
	p->f.failed |= msg->failed;
	if (msg->streams)
		pend_set_streams(m, p);
	if (msg->ends)
		p->streams = false;
	p->cut |= msg->cut;
}

void pend_settle(struct match *m, struct pend *p)
{
	bool over = p->resp_whole && (p->req_whole || !p->f.has_req) && !p->streams;

	/* With keys a half that broke off is told as whole, and the other one still comes. */
	if (over || (p->cut && p->f.has_resp && !by_key(m)))
		pend_finish(m, p,
			    p->cut && !(p->f.flags & FLOW_AFTER_GAP) ? FLOW_RESET : FLOW_DONE);
	else if (m->hooks.streams_only && !p->f.streams)
		return;
	else if (!m->hooks.open_after_ns)
		pend_emit(m, p, FLOW_OPEN);
	else if (!p->untold) {
		p->untold = true;
		p->untold_ns = m->last_ns;
		m->nuntold++;
	}
}
