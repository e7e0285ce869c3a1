/* SPDX-License-Identifier: Apache-2.0 */
/* Which protocol is it?  Both directions are asked, because a stream may be joined where only one of them
 * is at the start of a message.  Where the first bytes may lie inside a message, every protocol that
 * can searches for a frame's start, and what was searched is dropped, so that the work stays linear. */
#include "conn/conn.h"

#include <errno.h>
#include <stdlib.h>

#define HOLD_NS	     50000000u
#define DETECT_BYTES 8192
#define SEARCH_BOTH  ((uint64_t)1 << 20)
#define SEARCH_ONE   ((uint64_t)16 << 20)

enum look { LOOK_EMPTY, LOOK_WAIT, LOOK_NO, LOOK_DONE };

static const struct proto *const *candidates(const struct layer *l)
{
	return l->c->t->hooks.protos ? l->c->t->hooks.protos : proto_all();
}

bool layer_start(struct layer *l, const struct proto *p)
{
	struct conn_table *t = l->c->t;
	struct match_hooks hooks = { .flow = conn_emit,
				     .new_id = conn_new_id,
				     .ctx = l,
				     .open_after_ns = t->lim.open_ns,
				     .all_messages = t->lim.all_messages };
	void *state = calloc(1, p->state_size ? p->state_size : 1);
	struct match *m = match_new(p, &l->fc, t->epoch_ns, t->lim.pending, &hooks);

	if (!state || !m) {
		free(state);
		match_free(m);
		t->stats.nomem++;
		return false;
	}
	if (p->init)
		p->init(state, &t->lim.msg);
	if (l->midstream)
		match_join(m, l->owed);
	l->owed = false;
	for (int i = 0; i < 2; i++) /* requests may have been among the lost bytes */
		if (l->dir[i].after_gap || l->dir[i].cut)
			match_lost(m, SIDE_REQ, layer_lost_flag(&l->dir[i]));
	l->proto = p;
	l->state = state;
	l->m = m;
	l->was = NULL;
	l->phase = PHASE_PARSE;
	l->c->recognised = true;
	return true;
}

unsigned layer_lost_flag(const struct dir *d)
{
	return d->after_gap || !d->cut ? FLOW_AFTER_GAP : FLOW_TRUNCATED;
}

uint64_t layer_skip_gap(struct layer *l, struct dir *d, uint64_t unkept)
{
	struct conn_table *t = l->c->t;
	uint64_t since, n, rest, untold, from;

	if (!d->s || !stream_has_gap(d->s, &since))
		return 0;
	if (since && since < d->total_ns)
		since = d->total_ns;
	if (since && !l->force && t->now_ns < since + t->lim.gap_ns)
		return 0;
	rest = stream_head(d->s).n;
	untold = stream_untold(d->s);
	n = stream_skip_gap(d->s);
	from = stream_offset(d->s) - n;
	t->stats.missing[EV_WHY_NONE] += stream_untold(d->s) - untold;
	if (rest + n <= unkept)
		return rest + n;
	if (from >= d->cut_from && from + n <= d->cut_to) {
		d->cut = true;
	} else {
		d->after_gap = true;
		t->stats.gaps++;
		t->stats.gap_bytes += n;
	}
	return rest + n;
}

/* --- TLS --- */

/* -EINVAL: neither direction looks like it; -EAGAIN: one may; 0: it is. */
static int looks_like_tls(const struct layer *l)
{
	int best = -EINVAL;

	for (int i = 0; i < 2; i++) {
		const struct dir *d = &l->dir[i];
		struct slice in = d->s ? stream_head(d->s) : (struct slice){ 0 };
		int rc;

		if (in.n == 0)
			continue;
		rc = tls_hello_probe(in);
		if (rc == -EINVAL && l->midstream)
			rc = tls_record_probe(in);
		if (rc == 0)
			return 0;
		if (rc == -EAGAIN)
			best = rc;
	}
	return best;
}

/* True: this layer's bytes are TLS, or may yet turn out to be. */
static bool tls(struct layer *l, bool *ret_changed)
{
	int rc = l->plain ? -EINVAL : looks_like_tls(l);

	if (rc == 0) {
		l->c->is_tls = true;
		l->phase = PHASE_HELLO;
		unread_begin(l);
		conn_count_undecrypted(l->c);
		*ret_changed = true;
	}
	return rc != -EINVAL && !(rc == -EAGAIN && l->force);
}

bool layer_hellos(struct layer *l)
{
	bool some = secure_read(l, EV_READ);

	some |= secure_read(l, EV_WRITE);
	/* What a probe reads is not copied any more. */
	if (l->c->plain_seen || (l->dir[EV_READ].hello_done && l->dir[EV_WRITE].hello_done))
		layer_opaque(l);
	return some;
}

/* --- from the start of a message --- */

static size_t next_start(struct layer *l, const struct proto *p, enum side side, struct slice in)
{
	void *state = calloc(1, p->state_size ? p->state_size : 1);
	size_t pos;

	if (!state) {
		l->c->t->stats.nomem++;
		return 0; /* nothing is dropped; searched again with the next bytes */
	}
	if (p->init)
		p->init(state, &l->c->t->lim.msg);
	pos = p->resync(state, side, in, 0);
	if (p->done)
		p->done(state);
	free(state);
	return pos < in.n ? pos : in.n;
}

/* What a direction that reads as side from its first byte is.  *ret set: LOOK_DONE. */
static enum look look(struct layer *l, struct dir *d, enum side side, const struct proto **ret)
{
	struct slice in = d->s ? stream_head(d->s) : (struct slice){ 0 };
	bool maybe = false;

	if (in.n == 0)
		return LOOK_EMPTY;
	*ret = proto_detect_in(candidates(l), side, in, &maybe);
	/* Where the first bytes may be missing, "ET / HTTP/1.1" is no request. */
	if (*ret && l->midstream && (*ret)->resync && next_start(l, *ret, side, in) > 0)
		*ret = NULL;
	if (*ret)
		return LOOK_DONE;
	return maybe && in.n < DETECT_BYTES ? LOOK_WAIT : LOOK_NO;
}

/* --- from somewhere inside one --- */

/* Searches the unread bytes; *ret_keep is from where on they may still hold a frame's start. */
static const struct proto *search(struct layer *l, struct dir *d, enum side side, size_t *ret_keep)
{
	struct slice in = stream_head(d->s);
	size_t keep = in.n;

	for (const struct proto *const *p = candidates(l); *p; p++) {
		size_t pos = (*p)->resync ? next_start(l, *p, side, in) : in.n;

		if (pos < in.n && (*p)->probe(side, slice_cut(in, pos, in.n)) == PROBE_YES) {
			*ret_keep = pos;
			return *p;
		}
		if (pos < keep)
			keep = pos;
	}
	*ret_keep = keep;
	return NULL;
}

/* --- together --- */

static void set_side(struct conn *c, enum ev_dir dir, enum side side)
{
	if (c->side != EV_SIDE_UNKNOWN)
		return;
	c->side = (dir == EV_WRITE) == (side == SIDE_REQ) ? EV_CLIENT : EV_SERVER;
	c->side_inferred = true;
}

static bool found(struct layer *l, enum ev_dir dir, enum side side, const struct proto *p)
{
	set_side(l->c, dir, side);
	if (!layer_start(l, p))
		return false;
	/* The other direction may begin inside a message. */
	l->dir[!dir].resync = l->midstream;
	return true;
}

/* The answer came first: give its request a moment to be seen. */
static bool too_early(const struct layer *l, enum ev_dir dir, enum side side)
{
	const struct dir *d = &l->dir[dir], *other = &l->dir[!dir];

	return side == SIDE_RESP && !l->force && (!other->s || stream_head(other->s).n == 0) &&
	       l->c->t->now_ns < stream_time(d->s, 0) + HOLD_NS;
}

static enum look try_side(struct layer *l, enum ev_dir dir, enum side side, bool searching)
{
	struct dir *d = &l->dir[dir];
	const struct proto *p = NULL;
	enum look at = look(l, d, side, &p);
	size_t keep = 0;

	if (at == LOOK_DONE && too_early(l, dir, side))
		return LOOK_WAIT;
	if (at == LOOK_NO && searching) {
		p = search(l, d, side, &keep);
		if (l->c->side != EV_SIDE_UNKNOWN || p) {
			stream_consume(d->s, keep);
			d->looked_at += keep;
		}
		if (p) {
			l->midstream = true;
			l->c->flags |= FLOW_MIDSTREAM;
			at = LOOK_DONE;
		}
	}
	if (at == LOOK_DONE && !found(l, dir, side, p))
		return LOOK_WAIT;
	return at;
}

/* Both sides are possible: which does this direction read as? */
static enum look try_both(struct layer *l, enum ev_dir dir, bool searching)
{
	struct dir *d = &l->dir[dir];
	const struct proto *req = NULL, *resp = NULL;
	enum look as_req = look(l, d, SIDE_REQ, &req), as_resp = look(l, d, SIDE_RESP, &resp);
	size_t keep_req = 0, keep_resp = 0;

	if (as_req == LOOK_EMPTY)
		return LOOK_EMPTY;
	if (as_req == LOOK_NO && as_resp == LOOK_NO && searching) {
		req = search(l, d, SIDE_REQ, &keep_req);
		resp = search(l, d, SIDE_RESP, &keep_resp);
		if (req && resp) { /* the nearer one */
			if (keep_req <= keep_resp)
				resp = NULL;
			else
				req = NULL;
		}
		if (!req && (resp || keep_resp < keep_req))
			keep_req = keep_resp;
		stream_consume(d->s, keep_req);
		d->looked_at += keep_req;
		l->midstream |= req || resp;
	}
	if (req && resp) { /* it tells nothing: servers have the lower port */
		if (l->c->self.port == l->c->other.port)
			return LOOK_WAIT;
		if ((dir == EV_WRITE) == (l->c->self.port > l->c->other.port))
			resp = NULL;
		else
			req = NULL;
	}
	if (req)
		return found(l, dir, SIDE_REQ, req) ? LOOK_DONE : LOOK_WAIT;
	if (resp)
		return found(l, dir, SIDE_RESP, resp) ? LOOK_DONE : LOOK_WAIT;
	return as_req == LOOK_WAIT || as_resp == LOOK_WAIT ? LOOK_WAIT : LOOK_NO;
}

static enum look try_dir(struct layer *l, enum ev_dir dir, bool searching)
{
	enum side side = layer_dir(l, SIDE_REQ) == &l->dir[dir] ? SIDE_REQ : SIDE_RESP;

	if (l->c->side == EV_SIDE_UNKNOWN)
		return try_both(l, dir, searching);
	return try_side(l, dir, side, searching);
}

static bool hopeless(const struct layer *l, const enum look at[2], bool searching)
{
	uint64_t read = l->dir[EV_READ].looked_at, write = l->dir[EV_WRITE].looked_at;

	if (searching)
		return (read > SEARCH_BOTH && write > SEARCH_BOTH) || read > SEARCH_ONE ||
		       write > SEARCH_ONE;
	if (at[EV_READ] == LOOK_NO && at[EV_WRITE] == LOOK_NO)
		return true;
	for (int i = 0; i < 2; i++)
		if (at[i] == LOOK_NO && stream_head(l->dir[i].s).n >= DETECT_BYTES)
			return true;
	return false;
}

static bool has_bytes(const struct layer *l)
{
	for (int i = 0; i < 2; i++)
		if (l->dir[i].s && stream_head(l->dir[i].s).n > 0)
			return true;
	return false;
}

bool layer_detect(struct layer *l)
{
	/* Plaintext is searched too: its probe may have come in the middle. */
	bool searching = l->midstream || l->plain, changed = false;
	enum ev_dir first = layer_dir(l, SIDE_REQ) == &l->dir[EV_WRITE] ? EV_WRITE : EV_READ;
	enum look at[2];

	if (tls(l, &changed))
		return changed;
	if (l->was && (l->dir[0].s || l->dir[1].s)) {
		if (!layer_start(l, l->was))
			return false;
		l->dir[0].resync = l->dir[1].resync = l->midstream;
		return true;
	}
	if ((!l->plain && l->c->plain_seen) || (l->tunnel && has_bytes(l))) {
		layer_opaque(l);
		return false;
	}
	if (l->tunnel)
		return false;
	for (int i = 0; i < 2; i++) { /* requests first */
		enum ev_dir dir = i == 0 ? first : (enum ev_dir) !first;

		at[dir] = try_dir(l, dir, searching);
		if (at[dir] == LOOK_DONE)
			return true;
	}
	for (int i = 0; i < 2; i++) {
		if (layer_skip_gap(l, &l->dir[i], 0) == 0)
			continue;
		l->midstream = true;
		changed = true;
	}
	if (!changed && hopeless(l, at, searching))
		layer_opaque(l);
	return changed;
}
