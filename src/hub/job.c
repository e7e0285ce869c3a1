/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/job.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "hub/serve.h"

#define STEP_ROWS 4000 /* looked at without letting go of the lock */

void job_free(struct job *j)
{
	if (!j)
		return;
	walk_free(j->walk);
	j->ops->free(j);
}

static int64_t unix_now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* A parameter of milliseconds as Unix time in ns; left alone when it is missing. */
static bool time_arg(const struct conn *c, const char *name, int64_t now_ns, int64_t *ret)
{
	const int64_t most = INT64_MAX / 1000000;
	int64_t ms = INT64_MIN;

	if (!api_number(c, name, &ms))
		return false;
	if (ms == INT64_MIN)
		return request_arg(c, name) == NULL;
	if (ms > most || ms < -most)
		return false;
	*ret = ms < 0 ? now_ns + ms * 1000000 : ms * 1000000;
	return ms >= 0 || *ret < now_ns;
}

static void on_row(void *ctx, const struct list *l, const struct row *r)
{
	struct job *j = ctx;

	j->ops->row(j, l, r);
}

void job_begin(struct conn *c, struct job *j)
{
	const char *filter = request_arg(c, "f");
	struct filter_error e = { 0 };
	char text[256];
	int r;

	if (!j) {
		answer_error(c, 503, "the hub is out of memory");
		return;
	}
	j->now_ns = unix_now_ns();
	j->range.since_ns = INT64_MIN;
	j->range.until_ns = INT64_MAX;
	if (!time_arg(c, "since", j->now_ns, &j->range.since_ns) ||
	    !time_arg(c, "until", j->now_ns, &j->range.until_ns)) {
		answer_error(c, 400, "since and until are Unix time in ms, or negative: so many ms ago");
		job_free(j);
		return;
	}
	r = walk_new(&j->walk, filter ? filter : "", j->range, on_row, j, &e);
	if (r < 0) {
		(void)snprintf(text, sizeof(text), "at byte %zu of the filter: %s", e.at, e.text);
		answer_error(c, r == -EINVAL ? 400 : 503, r == -EINVAL ? text : "the hub is out of memory");
		job_free(j);
		return;
	}
	j->number = ++c->w->jobs;
	c->job = j;
	lws_cancel_service(c->w->context);
}

struct trial {
	struct walk *walk;
	uint64_t last, deadline;
	unsigned n;
	bool stopped;
};

static bool try_one(void *ctx, uint64_t row, const struct flow *f)
{
	struct trial *t = ctx;

	walk_try(t->walk, row, f);
	t->last = row;
	t->stopped = ++t->n % 16 == 0 && hub_now_ns() >= t->deadline;
	return !t->stopped;
}

/* Rows that only the store can decide; without the lock. */
static void try_store(struct web *w, struct walk *walk, uint64_t deadline)
{
	struct trial t = { .walk = walk, .deadline = deadline };
	uint64_t first, last;
	bool bodies;

	if (!walk_wants(walk, &first, &last, &bodies))
		return;
	if (!w->reader && w->ops->open_reader(&w->reader, w->st->o->db_path) < 0)
		w->reader = NULL;
	if (w->reader)
		(void)w->ops->scan(w->reader, first, last, bodies, try_one, &t);
	hub_lock(w->st);
	walk_tried(walk, &w->st->list, t.stopped ? t.last : last);
	hub_unlock(w->st);
}

static struct job *oldest(const struct web *w)
{
	struct job *j = NULL;

	for (const struct conn *c = w->conns; c; c = c->next)
		if (c->job && !walk_done(c->job->walk) && (!j || c->job->number < j->number))
			j = c->job;
	return j;
}

bool job_run(struct web *w, uint64_t deadline_ns)
{
	struct job *j = oldest(w);

	while (j && !walk_done(j->walk)) {
		hub_lock(w->st);
		(void)walk_step(j->walk, &w->st->list, STEP_ROWS);
		hub_unlock(w->st);
		try_store(w, j->walk, deadline_ns);
		if (hub_now_ns() >= deadline_ns)
			break;
	}
	return oldest(w) != NULL;
}

void job_poll(struct conn *c)
{
	struct job *j = c->job;

	if (!walk_done(j->walk))
		return;
	buf_clear(&c->a.own);
	j->ops->answer(j, &c->a.own);
	c->job = NULL;
	job_free(j);
	answer_own(c, 200, NULL);
}
