/* SPDX-License-Identifier: Apache-2.0 */
/* What a layer holds: its parser from the start on, and how it gives things up: for good, or to begin anew. */
#include "conn/conn.h"

#include <stdlib.h>

bool layer_start(struct layer *l, const struct proto *p)
{
	struct conn_table *t = l->c->t;
	struct match_hooks hooks = { .flow = conn_emit,
				     .new_id = conn_new_id,
				     .ctx = l,
				     .open_after_ns = t->lim.open_ns,
				     .all_messages = t->lim.all_messages,
				     .streams_only = t->lim.streams_only };
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

void layer_end_exchanges(struct layer *l)
{
	const struct dir *req;
	uint64_t since;

	if (!l->ending || l->phase != PHASE_PARSE || !layer_dir(l, SIDE_RESP)->ended)
		return;
	req = layer_dir(l, SIDE_REQ);
	if (!req->ended &&
	    (req->has_total || req->begin_ns || (req->s && stream_has_gap(req->s, &since))))
		return;
	l->ending = false;
	match_end(l->m, l->c->reset);
}

void layer_drop_state(struct layer *l)
{
	if (l->proto && l->proto->done)
		l->proto->done(l->state);
	free(l->state);
	l->state = NULL;
	l->proto = NULL;
	for (int i = 0; i < 2; i++) {
		l->dir[i].need = 0;
		l->dir[i].begin_ns = l->dir[i].end_ns = 0;
		l->dir[i].poke = l->dir[i].resync = false;
	}
}

void layer_drop_parser(struct layer *l)
{
	layer_drop_state(l);
	match_free(l->m);
	l->m = NULL;
}

void layer_release(struct layer *l)
{
	layer_drop_parser(l);
	for (int i = 0; i < 2; i++) {
		stream_free(l->dir[i].s);
		l->dir[i].s = NULL;
	}
}

void layer_opaque(struct layer *l)
{
	layer_release(l);
	l->phase = PHASE_OPAQUE;
	if (!l->plain)
		conn_verdict(l->c, EV_COPY_NONE);
}

static void begin_anew(struct layer *l)
{
	talk_rebase(l);
	l->look_ns = 0;
	l->ending = false;
	layer_release(l);
	for (int i = 0; i < 2; i++) {
		struct dir *d = &l->dir[i];

		*d = (struct dir){ .start = d->seen, .seen = d->seen, .hello_done = d->hello_done };
	}
}

void layer_sleep(struct layer *l)
{
	const struct proto *was = l->proto ? l->proto : l->was;

	begin_anew(l);
	if (l->phase == PHASE_PARSE) {
		l->was = was;
		l->phase = PHASE_DETECT;
	}
	if (l->phase == PHASE_DETECT)
		l->midstream = l->dir[EV_READ].seen || l->dir[EV_WRITE].seen;
}

void layer_restart(struct layer *l)
{
	layer_sleep(l);
	for (int i = 0; i < 2; i++)
		l->dir[i] = (struct dir){ 0 };
}

void layer_wake(struct layer *l)
{
	begin_anew(l);
	l->phase = PHASE_DETECT;
	l->midstream = l->dir[EV_READ].seen || l->dir[EV_WRITE].seen;
}

void layer_trim(struct layer *l)
{
	for (int i = 0; i < 2; i++)
		if (l->dir[i].s)
			stream_trim(l->dir[i].s);
}

size_t layer_held(const struct layer *l)
{
	size_t n = 0;

	for (int i = 0; i < 2; i++)
		n += l->dir[i].s ? stream_held(l->dir[i].s) : 0;
	n += talk_held(l);
	if (l->m)
		n += match_held(l->m);
	if (l->state && l->proto->held)
		n += l->proto->held(l->state);
	return n;
}

bool layer_complete(const struct layer *l)
{
	uint64_t since;

	for (int i = 0; i < 2; i++) {
		const struct dir *d = &l->dir[i];

		if (d->has_total && (d->seen < d->total || (d->s && stream_has_gap(d->s, &since))))
			return false;
	}
	return true;
}
