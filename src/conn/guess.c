/* SPDX-License-Identifier: Apache-2.0 */
/* What fits?  Every protocol is asked of both directions, and of both readings of them where the sides are not known.
 * How well it fits is what both say together: bytes that are typical in one direction only do not make a protocol,
 * and bytes that are proof in one direction count less when the other one is certainly something else.  Among
 * those that fit equally, the order of the list decides, which is the strictness of their probes. */
#include "conn/conn.h"

#include <stdlib.h>

#define DETECT_BYTES 8192 /* a probe that has not decided by then says no */

static const struct proto *const *candidates(const struct layer *l)
{
	return l->c->t->hooks.protos ? l->c->t->hooks.protos : proto_all();
}

static struct slice unread(const struct layer *l, enum ev_dir dir)
{
	return l->dir[dir].s ? stream_head(l->dir[dir].s) : (struct slice){ 0 };
}

static bool refuted(const struct layer *l, size_t i)
{
	return i < 64 && (l->refuted >> i & 1);
}

void guess_refute(struct layer *l, const struct proto *p)
{
	for (size_t i = 0; candidates(l)[i] && i < 64; i++)
		if (candidates(l)[i] == p)
			l->refuted |= (uint64_t)1 << i;
}

/* The next frame's start in the unread bytes, or their number. */
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

static enum probe ask(struct layer *l, const struct proto *p, enum side side, struct slice in)
{
	enum probe at = p->probe(side, in);

	/* Where the first bytes may be missing, "ET / HTTP/1.1" is no request. */
	if (at >= PROBE_LIKELY && l->midstream && p->resync && next_start(l, p, side, in) > 0)
		return PROBE_NO;
	return at == PROBE_MAYBE && in.n >= DETECT_BYTES ? PROBE_NO : at;
}

/* --- both directions together --- */

static enum fit rate(enum probe sure, bool other_empty, enum probe other)
{
	if (sure == PROBE_YES)
		return other == PROBE_NO && !other_empty ? FIT_DISPUTED : FIT_SURE;
	if (sure == PROBE_LIKELY && !other_empty && other != PROBE_MAYBE)
		return other == PROBE_LIKELY ? FIT_BOTH : FIT_NONE;
	if (sure == PROBE_LIKELY)
		return FIT_LIKELY;
	return sure == PROBE_MAYBE ? FIT_OPEN : FIT_NONE;
}

/* p, when the client's bytes are those of dir asks. */
static struct guess fit_of(struct layer *l, const struct proto *p, enum ev_dir asks)
{
	struct slice q = unread(l, asks), a = unread(l, (enum ev_dir) !asks);
	enum probe at_q = q.n ? ask(l, p, SIDE_REQ, q) : PROBE_NO;
	enum probe at_a = a.n ? ask(l, p, SIDE_RESP, a) : PROBE_NO;
	bool by_q = at_q >= at_a;
	/* In the middle of a connection the other direction may well be inside a message. */
	bool no_other = (by_q ? a.n : q.n) == 0 || (l->midstream && (by_q ? at_a : at_q) == PROBE_NO);
	enum fit fit = rate(by_q ? at_q : at_a, no_other, by_q ? at_a : at_q);

	return (struct guess){ .p = fit ? p : NULL,
			       .fit = fit,
			       .open = at_q == PROBE_MAYBE || at_a == PROBE_MAYBE,
			       .side = by_q ? SIDE_REQ : SIDE_RESP,
			       .dir = by_q ? asks : (enum ev_dir) !asks };
}

static struct guess best_of(struct layer *l, enum ev_dir asks)
{
	const struct proto *const *p = candidates(l);
	struct guess best = { 0 };

	for (size_t i = 0; p[i]; i++) {
		struct guess g = { 0 };
		bool open = best.open;

		if (refuted(l, i))
			continue;
		g = fit_of(l, p[i], asks);
		if (g.fit > best.fit)
			best = g;
		best.open = open || g.open;
	}
	return best;
}

struct guess guess_from_start(struct layer *l)
{
	const struct conn *c = l->c;
	struct guess g[2], none = { .fit = FIT_OPEN, .open = true };

	if (c->side != EV_SIDE_UNKNOWN)
		return best_of(l, c->side == EV_SERVER ? EV_READ : EV_WRITE);
	for (int i = 0; i < 2; i++)
		g[i] = best_of(l, (enum ev_dir)i);
	if (g[0].fit != g[1].fit)
		return g[g[1].fit > g[0].fit];
	if (g[0].fit == FIT_NONE || g[0].fit == FIT_OPEN)
		return g[0].open ? g[0] : g[1];
	/* It tells nothing: servers have the lower port. */
	if (c->self.port == c->other.port)
		return none;
	return g[c->self.port > c->other.port ? EV_WRITE : EV_READ];
}

bool guess_is_hopeless(struct layer *l, enum ev_dir dir)
{
	const struct proto *const *p = candidates(l);
	struct slice in = unread(l, dir);
	enum ev_side side = l->c->side;

	if (in.n == 0)
		return false;
	for (size_t i = 0; p[i]; i++)
		for (enum side as = SIDE_REQ; as <= SIDE_RESP; as++) {
			bool asks = as == SIDE_REQ;
			/* client and writes, or server and reads */
			bool can = side == EV_SIDE_UNKNOWN ||
				   (side == EV_CLIENT) == (asks == (dir == EV_WRITE));

			if (can && !refuted(l, i) && ask(l, p[i], as, in) != PROBE_NO)
				return false;
		}
	return true;
}

bool guess_has_other(struct layer *l)
{
	const struct proto *const *p = candidates(l);
	enum ev_dir asks = l->c->side == EV_SERVER ? EV_READ : EV_WRITE;

	for (size_t i = 0; p[i]; i++)
		if (p[i] != l->proto && !refuted(l, i) && fit_of(l, p[i], asks).fit >= FIT_BOTH)
			return true;
	return false;
}

/* --- inside a message --- */

const struct proto *guess_inside(struct layer *l, enum ev_dir dir, enum side side, size_t *ret_keep)
{
	const struct proto *const *p = candidates(l);
	struct slice in = unread(l, dir);
	size_t keep = in.n;

	for (size_t i = 0; p[i]; i++) {
		size_t pos = p[i]->resync && !refuted(l, i) ? next_start(l, p[i], side, in) : in.n;

		if (pos < in.n && p[i]->probe(side, slice_cut(in, pos, in.n)) == PROBE_YES) {
			*ret_keep = pos;
			return p[i];
		}
		if (pos < keep)
			keep = pos;
	}
	*ret_keep = keep;
	return NULL;
}
