/* SPDX-License-Identifier: Apache-2.0 */
/* What a layer holds, and how it gives that up: for good, or to begin anew. */
#include "conn/conn.h"

#include <stdlib.h>

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
