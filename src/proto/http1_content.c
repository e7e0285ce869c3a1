/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http1_content.h"

#include <stdlib.h>

#define TRAILERS_BYTES 65536

void http1_content_drop(struct http1_exchange **x)
{
	if (*x && --(*x)->users == 0) {
		(*x)->content->close((*x)->state);
		free(*x);
	}
	*x = NULL;
}

void http1_content_release(struct http1_dir *d)
{
	if (d->has_ahead)
		arena_free(d->ahead.arena);
	http1_content_drop(&d->exchange);
}

size_t http1_content_held(const struct http1_exchange *x)
{
	return x ? sizeof(*x) + x->content->held(x->state) : 0;
}

static struct http1_exchange *choose(struct http1_dir *d, enum side side)
{
	const struct content *c =
		side == SIDE_REQ ? content_of(&d->msg.half, NULL) : content_of(NULL, &d->msg.half);
	struct http1_exchange *x = c ? calloc(1, sizeof(*x)) : NULL;

	if (!c)
		return NULL;
	if (x)
		x->state = c->open(d->limits);
	if (!x || !x->state) { /* it is shown as HTTP */
		d->msg.flags |= FLOW_TRUNCATED;
		free(x);
		return NULL;
	}
	x->content = c;
	x->users = 1;
	return x;
}

void http1_content_begin(struct http1_exchange **waits, struct http1_dir *d, enum side side,
			 bool alone, bool unsure)
{
	struct http1_exchange *x = NULL;

	if (!d->msg.arena)
		return;
	if (side == SIDE_REQ) {
		x = choose(d, side);
		if (alone)
			http1_content_drop(waits);
		if (alone && x) {
			*waits = x;
			x->users++;
		}
	} else if (*waits && alone && (!unsure || (*waits)->content->is(NULL, &d->msg.half))) {
		x = *waits;
		*waits = NULL;
	} else {
		x = choose(d, side);
	}
	if (!x)
		return;
	http1_attrs(d, &d->msg);
	d->exchange = x;
	d->side = side;
	x->content->head(x->state, side, &d->msg);
	d->msg.arena = arena_new(TRAILERS_BYTES);
	d->msg.half = (struct flow_half){ 0 };
}

/* The content's next message, once the body ended also what that makes of it. */
static bool next(struct http1_dir *d, struct msg *ret)
{
	static const struct flow_attr none;
	const struct http1_exchange *x = d->exchange;

	if (x->content->next(x->state, d->side, ret))
		return true;
	if (d->at != HTTP1_COMPLETE || d->told_end)
		return false;
	d->told_end = true;
	x->content->end(x->state, d->side, d->trailers ? d->trailers : &none, d->ntrailers,
			d->msg.cut, NULL);
	return x->content->next(x->state, d->side, ret);
}

/* Nothing is left to be given out. */
static void over(struct http1_dir *d)
{
	http1_content_drop(&d->exchange);
	arena_free(d->msg.arena);
	*d = (struct http1_dir){ .after_gap = d->after_gap,
				 .astray = d->astray || d->msg.cut,
				 .limits = d->limits };
}

bool http1_content_next(struct http1_dir *d, size_t used, struct msg *out, size_t *ret_used)
{
	struct msg more = { 0 };

	if (d->has_ahead)
		used = d->owed;
	else
		d->has_ahead = next(d, &d->ahead);
	*ret_used = used;
	if (!d->has_ahead) {
		if (d->at == HTTP1_COMPLETE)
			over(d);
		return false;
	}
	*out = d->ahead;
	out->proto = d->exchange->content->name;
	if (out->role != ROLE_MESSAGE)
		out->flags |= d->msg.flags;
	d->has_ahead = next(d, &more);
	d->ahead = more;
	d->owed = used;
	if (d->has_ahead)
		*ret_used = 0;
	else if (d->at == HTTP1_COMPLETE)
		over(d);
	return true;
}
