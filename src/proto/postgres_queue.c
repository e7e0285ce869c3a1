/* SPDX-License-Identifier: Apache-2.0 */
/* What was asked and is not answered.  After a loss nobody knows which unit an answer belongs to.  A client that does not
 * pipeline sends when it has its ReadyForQuery, so what was sent after one that was seen starts afresh; of a client
 * that was seen to send before, only what comes after two silent seconds. */
#include "proto/postgres_priv.h"

#include <stdlib.h>

#define QUIET_NS 2000000000u

static struct pg_unit *at(struct pg_queue *q, size_t i)
{
	return &q->list[(q->first + i) % q->cap];
}

void pg_pop(struct pg *p)
{
	struct pg_queue *q = &p->queue;

	if (q->n == 0)
		return;
	pg_formats_release(&at(q, 0)->formats);
	q->first = (q->first + 1) % q->cap;
	q->n--;
}

void pg_pop_after_head(struct pg *p)
{
	struct pg_unit head = *at(&p->queue, 0);

	at(&p->queue, 0)->formats = (struct pg_formats){ 0 };
	pg_pop(p);
	pg_formats_release(&at(&p->queue, 0)->formats);
	*at(&p->queue, 0) = head;
}

static bool grow(struct pg_queue *q)
{
	size_t cap = q->cap ? q->cap * 2 : 16;
	struct pg_unit *list = cap > PG_UNITS_MAX ? NULL : calloc(cap, sizeof(*list));

	if (!list)
		return false;
	for (size_t i = 0; i < q->n; i++)
		list[i] = *at(q, i);
	free(q->list);
	*q = (struct pg_queue){ list, 0, q->n, cap };
	return true;
}

void pg_unsure(struct pg *p)
{
	p->unsure = true;
	p->quiet = p->skipping = false;
}

/* Could what is sent at time_ns be asked after everything was answered? */
static bool afresh(const struct pg *p, uint64_t time_ns)
{
	return time_ns >= p->ready_ns + (p->pipelined ? QUIET_NS : 0);
}

bool pg_ask(struct pg *p, struct pg_unit *u)
{
	struct pg_queue *q = &p->queue;

	if (q->n == q->cap && !grow(q)) {
		pg_formats_release(&u->formats);
		pg_unsure(p);
		return false;
	}
	if (p->unsure && p->quiet && u->kind != PG_LOST) {
		p->unsure = !afresh(p, u->time_ns);
		p->quiet = false;
	}
	*at(q, q->n++) = *u;
	*u = (struct pg_unit){ 0 };
	return true;
}

struct pg_unit *pg_head(struct pg *p)
{
	struct pg_queue *q = &p->queue;

	if (q->n > 0 && !p->unsure && at(q, 0)->kind == PG_LOST) {
		pg_pop(p);
		pg_unsure(p);
	}
	return q->n > 0 && !p->unsure ? at(q, 0) : NULL;
}

struct pg_unit *pg_after_head(struct pg *p)
{
	return p->queue.n > 1 ? at(&p->queue, 1) : NULL;
}

/* Was the first unit behind the answered ones sent before their ReadyForQuery? */
static void note_pipelining(struct pg *p, uint64_t ready_ns)
{
	if (p->queue.n > 0 && at(&p->queue, 0)->kind != PG_LOST &&
	    at(&p->queue, 0)->time_ns < ready_ns)
		p->pipelined = true;
}

bool pg_resume(struct pg *p, uint64_t ready_ns, struct msg *out)
{
	struct pg_queue *q = &p->queue;

	if (!p->unsure) {
		note_pipelining(p, ready_ns);
		return false;
	}
	p->ready_ns = ready_ns;
	while (q->n > 0 && (at(q, 0)->kind == PG_LOST || at(q, 0)->time_ns < ready_ns ||
			    !afresh(p, at(q, 0)->time_ns))) {
		uint64_t key = at(q, 0)->silent ? 0 : at(q, 0)->key;

		pg_pop(p);
		if (key) {
			*out = (struct msg){ .role = ROLE_UNANSWERED,
					     .key = key,
					     .flags = FLOW_AFTER_GAP };
			return true;
		}
	}
	p->quiet = q->n == 0;
	p->unsure = p->quiet;
	return false;
}

void pg_queue_release(struct pg *p)
{
	while (p->queue.n > 0)
		pg_pop(p);
	free(p->queue.list);
	p->queue = (struct pg_queue){ 0 };
}
