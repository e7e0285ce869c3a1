/* SPDX-License-Identifier: Apache-2.0 */
/* Which protocol is it?  guess.c says what fits best; here it is decided when that is enough.  Where the first bytes
 * may lie inside a message, every protocol that can searches for a frame's start, and what was searched is
 * dropped, so that the work stays linear.  What nobody knows is a conversation of its own (talk.c). */
#include "conn/conn.h"

#include <errno.h>

#define HOLD_NS	    50000000u
#define SILENT_NS   5000000000u	 /* the other direction has nothing to say: it is decided without it */
#define PATIENCE_NS 30000000000u /* more bytes, which a probe asked for, do not come */
#define SEARCH_BOTH ((uint64_t)1 << 20)
#define SEARCH_ONE  ((uint64_t)16 << 20)

static size_t unread(const struct layer *l, enum ev_dir dir)
{
	return l->dir[dir].s ? stream_head(l->dir[dir].s).n : 0;
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

bool layer_turn_tls(struct layer *l, bool *ret_wait)
{
	int rc = l->plain ? -EINVAL : looks_like_tls(l);

	*ret_wait = rc == -EAGAIN && !l->force;
	if (rc != 0)
		return false;
	l->c->is_tls = true;
	l->phase = PHASE_HELLO;
	talk_end_here(l);
	unread_begin(l);
	conn_count_undecrypted(l->c);
	return true;
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

/* --- a decision --- */

static bool found(struct layer *l, enum ev_dir dir, enum side side, const struct proto *p)
{
	struct conn *c = l->c;

	if (c->side == EV_SIDE_UNKNOWN) {
		c->side = (dir == EV_WRITE) == (side == SIDE_REQ) ? EV_CLIENT : EV_SERVER;
		c->side_inferred = true;
	}
	if (!layer_start(l, p))
		return false;
	/* The other direction may begin inside a message. */
	l->dir[!dir].resync = l->midstream;
	return true;
}

static bool passed(const struct layer *l, uint64_t ns)
{
	return l->c->t->now_ns >= l->look_ns + ns;
}

static bool waited(const struct layer *l, uint64_t ns)
{
	return l->force || passed(l, ns);
}

/* The answer came first: give its request a moment to be seen. */
static bool too_early(const struct layer *l, const struct guess *g)
{
	return g->side == SIDE_RESP && !l->force && unread(l, (enum ev_dir) !g->dir) == 0 &&
	       l->c->t->now_ns < stream_time(l->dir[g->dir].s, 0) + HOLD_NS;
}

static bool is_enough(const struct layer *l, const struct guess *g)
{
	switch (g->fit) {
	case FIT_NONE:
	case FIT_OPEN:
		return false;
	case FIT_LIKELY: /* an answer that nobody asked for is none: POP3 says "+OK" first, as Redis never does */
		return g->side == SIDE_REQ && waited(l, SILENT_NS);
	case FIT_DISPUTED: /* somebody who waits for more may fit better */
		return !g->open || waited(l, SILENT_NS);
	case FIT_BOTH:
	case FIT_SURE:
		return !too_early(l, g);
	}
	return false;
}

/* --- from somewhere inside a message --- */

static void pass_over(struct layer *l, enum ev_dir dir, size_t n)
{
	talk_keep(l, dir, n);
	stream_consume(l->dir[dir].s, n);
	l->dir[dir].looked_at += n;
}

/* True: a protocol was found. */
static bool search(struct layer *l, enum ev_dir dir)
{
	enum side side = (l->c->side == EV_SERVER) == (dir == EV_READ) ? SIDE_REQ : SIDE_RESP;
	size_t keep = 0, keep_other = 0;
	const struct proto *p;

	if (l->c->side == EV_SIDE_UNKNOWN)
		side = SIDE_REQ;
	p = guess_inside(l, dir, side, &keep);
	if (l->c->side == EV_SIDE_UNKNOWN) {
		const struct proto *q = guess_inside(l, dir, SIDE_RESP, &keep_other);
		/* Of two, the nearer one; one that reads alike both ways by its ports. */
		bool nearer = keep_other < keep ||
			      (keep_other == keep && (dir == EV_WRITE) !=
							     (l->c->self.port > l->c->other.port));

		if (q && (!p || nearer)) {
			p = q;
			keep = keep_other;
			side = SIDE_RESP;
		} else if (!p && keep_other < keep) {
			keep = keep_other;
		}
	}
	pass_over(l, dir, keep);
	if (!p)
		return false;
	l->midstream = true;
	l->c->flags |= FLOW_MIDSTREAM;
	return found(l, dir, side, p);
}

static bool search_both(struct layer *l)
{
	enum ev_dir first = l->c->side == EV_SERVER ? EV_READ : EV_WRITE; /* requests first */

	return (guess_is_hopeless(l, first) && search(l, first)) ||
	       (guess_is_hopeless(l, (enum ev_dir) !first) && search(l, (enum ev_dir) !first));
}

/* --- giving up --- */

static bool searched_enough(const struct layer *l)
{
	uint64_t read = l->dir[EV_READ].looked_at, write = l->dir[EV_WRITE].looked_at;

	return (read > SEARCH_BOTH && write > SEARCH_BOTH) || read > SEARCH_ONE ||
	       write > SEARCH_ONE;
}

static bool is_unknown(struct layer *l, const struct guess *g)
{
	bool no[2] = { guess_is_hopeless(l, EV_READ), guess_is_hopeless(l, EV_WRITE) };

	if ((no[EV_READ] && no[EV_WRITE]) ||
	    (g->fit == FIT_NONE && !g->open && unread(l, EV_READ) && unread(l, EV_WRITE)))
		return true;
	if (!no[EV_READ] && !no[EV_WRITE])
		return passed(l, PATIENCE_NS);
	/* One has nothing for us: the other one may be silent for long. */
	if (g->open && !passed(l, PATIENCE_NS))
		return false;
	return passed(l, SILENT_NS) || unread(l, no[EV_READ] ? EV_READ : EV_WRITE) >= 8192;
}

static bool skip_gaps(struct layer *l)
{
	bool changed = false;

	for (int i = 0; i < 2; i++) {
		if (layer_skip_gap(l, &l->dir[i], 0) == 0)
			continue;
		l->midstream = true;
		changed = true;
	}
	return changed;
}

bool layer_detect(struct layer *l)
{
	/* Plaintext is searched too: its probe may have come in the middle. */
	bool searching = l->midstream || l->plain || l->refuted, wait = false;
	struct guess g;

	if (layer_turn_tls(l, &wait))
		return true;
	if (wait)
		return false;
	if (l->was && (l->dir[0].s || l->dir[1].s)) {
		if (!layer_start(l, l->was))
			return false;
		l->dir[0].resync = l->dir[1].resync = l->midstream;
		return true;
	}
	if (!l->plain && l->c->plain_seen) {
		talk_drop(l);
		layer_opaque(l);
		return false;
	}
	if (!unread(l, EV_READ) && !unread(l, EV_WRITE))
		return skip_gaps(l);
	if (!l->look_ns)
		l->look_ns = l->c->t->now_ns;
	g = guess_from_start(l);
	if (is_enough(l, &g))
		return found(l, g.dir, g.side, g.p);
	if (searching && search_both(l))
		return true;
	if (skip_gaps(l))
		return true;
	if (searching ? searched_enough(l) : is_unknown(l, &g)) {
		talk_begin(l);
		return true;
	}
	return false;
}
