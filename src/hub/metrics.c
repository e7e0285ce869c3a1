/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of a row is its time, group, bytes and the bucket of its duration: which groups are told over time, and what
 * a point of time is, is known when all rows were seen.  That is 24 bytes a row, for as long as one request takes. */
#include "hub/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "flow/shape.h"

struct hit {
	int64_t ts_ns;
	uint64_t bytes;
	uint32_t group;
	uint16_t bucket; /* of its duration; NO_BUCKET: that is none */
	bool failed;
};
#define NO_BUCKET UINT16_MAX

struct group {
	uint64_t flows, failed, bytes;
	struct hist *hist;  /* NULL: no duration yet */
	uint32_t series;    /* its number there, from 1 on; 0: not told over time */
};

/* Rows of one group often come again with the same numbers of the list, which hold as long as nothing in it changes. */
struct known {
	uint32_t ids[5], group;
	uint64_t version;
};
#define KNOWN 8192 /* a power of two */

struct metrics {
	struct job job;
	enum metrics_by by;
	size_t max_points, max_series;
	struct intern names; /* of groups: kind, name, group of the server, kind of request */
	struct group *groups;
	size_t groups_cap;
	uint32_t rest;
	struct hit *hits;
	size_t nhits, hits_cap;
	struct known *known;
	uint64_t flows, not_told;
	int64_t last_ns;
	struct buf key, shape;
};

bool metrics_by_parse(const char *s, enum metrics_by *ret)
{
	static const char *const names[] = { "service", "client", "endpoint", "proto", "status" };

	if (!s) {
		*ret = METRICS_BY_SERVICE;
		return true;
	}
	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(s, names[i]) != 0)
			continue;
		*ret = (enum metrics_by)i;
		return true;
	}
	return false;
}

/* --- groups ----------------------------------------------------------------------------------------------------- */

static bool room_for(struct metrics *m, uint32_t id)
{
	size_t cap = (size_t)id * 2 + 64;
	struct group *p;

	if (id < m->groups_cap)
		return true;
	p = realloc(m->groups, cap * sizeof(*p));
	if (!p)
		return false;
	memset(p + m->groups_cap, 0, (cap - m->groups_cap) * sizeof(*p));
	m->groups = p;
	m->groups_cap = cap;
	return true;
}

static void add_part(struct metrics *m, struct slice s)
{
	buf_put(&m->key, s);
	buf_put(&m->key, (struct slice){ (const uint8_t *)"", 1 });
}

/* The group of what is in m->key; 0: out of memory. */
static uint32_t group_of(struct metrics *m)
{
	uint32_t id = m->key.failed ? 0 : intern_put(&m->names, buf_slice(&m->key));

	if (id && (intern_uses(&m->names, id) > 1 || m->names.live <= METRICS_GROUPS_KEPT) && room_for(m, id))
		return id;
	intern_drop(&m->names, id);
	return m->rest;
}

static void add_end(struct metrics *m, const struct list *l, const struct row *r, bool server)
{
	struct flow_peer p = { 0 };
	const char *path;
	struct end e;

	list_peer(l, server ? r->server : r->client, &p, &path);
	end_name(&e, BY_SERVICE, &p, path, server,
		 r->host ? (const char *)intern_get(&l->strings, r->host).p : NULL);
	add_part(m, slice_str(end_kind_name(e.kind)));
	add_part(m, slice_str(e.name));
	add_part(m, slice_str(e.group));
}

static void add_status(struct metrics *m, const struct list *l, const struct row *r)
{
	struct slice s = intern_get(&l->strings, r->status);
	bool code = s.n == 3 && s.p[0] >= '1' && s.p[0] <= '5';
	char class[4];

	for (size_t i = 1; code && i < 3; i++)
		code = s.p[i] >= '0' && s.p[i] <= '9';
	if (!s.p) {
		add_part(m, slice_str(flow_state_name(r->state)));
	} else if (code) {
		(void)snprintf(class, sizeof(class), "%cxx", s.p[0]);
		add_part(m, slice_str(class));
	} else {
		add_part(m, s);
	}
}

static void make_key(struct metrics *m, const struct list *l, const struct row *r)
{
	buf_clear(&m->key);
	switch (m->by) {
	case METRICS_BY_SERVICE:
	case METRICS_BY_CLIENT:
		add_end(m, l, r, m->by == METRICS_BY_SERVICE);
		break;
	case METRICS_BY_ENDPOINT:
		add_end(m, l, r, true);
		add_part(m, intern_get(&l->strings, r->proto));
		buf_clear(&m->shape);
		shape_of(&m->shape, (const char *)intern_get(&l->strings, r->proto).p,
			 (const char *)intern_get(&l->strings, r->op).p,
			 (const char *)intern_get(&l->strings, r->target).p);
		m->key.failed |= m->shape.failed;
		add_part(m, buf_slice(&m->shape));
		break;
	case METRICS_BY_PROTO:
		add_part(m, intern_get(&l->strings, r->proto));
		break;
	case METRICS_BY_STATUS:
		add_status(m, l, r);
		break;
	}
}

static uint32_t find_group(struct metrics *m, const struct list *l, const struct row *r)
{
	struct known now = { .version = l->version }, *k;
	uint64_t hash = 0;

	if (m->by == METRICS_BY_STATUS) {
		now.ids[0] = r->status;
		now.ids[1] = r->state;
	} else if (m->by == METRICS_BY_CLIENT) {
		now.ids[0] = r->client;
	} else if (m->by != METRICS_BY_PROTO) {
		now.ids[0] = r->server;
		now.ids[1] = r->host;
	}
	if (m->by == METRICS_BY_ENDPOINT) {
		now.ids[2] = r->op;
		now.ids[3] = r->target;
	}
	now.ids[4] = r->proto;
	for (size_t i = 0; i < 5; i++)
		hash = (hash ^ now.ids[i]) * UINT64_C(0x9e3779b97f4a7c15);
	k = &m->known[hash >> 32 & (KNOWN - 1)];
	if (k->group && k->version == now.version && memcmp(k->ids, now.ids, sizeof(now.ids)) == 0)
		return k->group;
	make_key(m, l, r);
	now.group = group_of(m);
	*k = now;
	return now.group;
}

/* --- counting --------------------------------------------------------------------------------------------------- */

static struct hit *new_hit(struct metrics *m)
{
	if (m->nhits == m->hits_cap) {
		size_t cap = m->hits_cap ? m->hits_cap + m->hits_cap / 2 : 1024;
		struct hit *p = realloc(m->hits, cap * sizeof(*p));

		if (!p)
			return NULL;
		m->hits = p;
		m->hits_cap = cap;
	}
	return &m->hits[m->nhits++];
}

static void on_row(struct job *j, const struct list *l, const struct row *r)
{
	struct metrics *m = (struct metrics *)j;
	const char *proto = (const char *)intern_get(&l->strings, r->proto).p;
	uint32_t id = find_group(m, l, r);
	struct hit *h = id ? new_hit(m) : NULL;
	struct group *g = &m->groups[id];
	bool timed = r->dur_ns != ROW_NO_DURATION && r->state == FLOW_DONE && aggregate_timed(proto);
	int64_t end = aggregate_end_ns(r);

	m->flows++;
	if (end > m->last_ns)
		m->last_ns = end;
	if (!h) {
		m->not_told++;
		return;
	}
	*h = (struct hit){ .ts_ns = aggregate_begin_ns(r),
			   .bytes = r->req_len + r->resp_len,
			   .group = id,
			   .bucket = timed ? (uint16_t)hist_bucket(r->dur_ns) : NO_BUCKET,
			   .failed = r->bits & ROW_FAILED };
	g->flows++;
	g->failed += h->failed;
	g->bytes += h->bytes;
	if (timed && !g->hist)
		g->hist = calloc(1, sizeof(*g->hist));
	if (timed && g->hist)
		hist_add(g->hist, r->dur_ns);
}

/* --- over time -------------------------------------------------------------------------------------------------- */

struct cell {
	uint64_t flows, failed, bytes;
	struct hist hist;
};
struct series {
	int64_t first_ns, step_ns; /* of the first point */
	size_t points, n;	   /* n: of series, the first being everything */
	struct cell *cells;	   /* points of the first series, of the second, ... */
};

/* The smallest step that people count in with which the span has at most so many points. */
static int64_t step_of(int64_t span_ns, size_t points)
{
	static const int64_t ms[] = { 1,      2,      5,       10,	20,	 50,	  100,	   200,	    500,      1000,
				      2000,   5000,   10000,   15000,	30000,	 60000,	  120000,  300000,  600000,   900000,
				      1800000, 3600000, 7200000, 21600000, 43200000, 86400000, 604800000 };
	size_t i = 0;

	/* One more than fit: the first and the last are not whole. */
	while (i + 1 < sizeof(ms) / sizeof(*ms) && span_ns / (ms[i] * 1000000) + 2 > (int64_t)points)
		i++;
	if (span_ns / (ms[i] * 1000000) + 2 <= (int64_t)points)
		return ms[i] * 1000000;
	return span_ns / (int64_t)points * 2 + 1;
}

/* All groups, those with the most flows first; NULL: out of memory. */
static struct aggregate_rank *rank(const struct metrics *m, size_t *ret_n)
{
	uint32_t end = intern_end(&m->names);
	struct aggregate_rank *list = calloc((size_t)end + 1, sizeof(*list));
	size_t n = 0;

	if (!list)
		return NULL;
	for (uint32_t id = 1; id < end; id++)
		if (m->groups[id].flows > 0 && id != m->rest)
			list[n++] = (struct aggregate_rank){ m->groups[id].flows, id };
	aggregate_rank(list, n);
	*ret_n = n;
	return list;
}

static void add_hit(struct series *s, const struct hit *h, uint32_t series)
{
	int64_t at = (h->ts_ns - s->first_ns) / s->step_ns;
	struct cell *c;

	if (h->ts_ns < s->first_ns || at >= (int64_t)s->points)
		return;
	c = &s->cells[series * s->points + (size_t)at];
	c->flows++;
	c->failed += h->failed;
	c->bytes += h->bytes;
	if (h->bucket != NO_BUCKET) {
		c->hist.n[h->bucket]++;
		c->hist.total++;
	}
}

static bool make_series(struct metrics *m, struct series *s, const struct aggregate_rank *list, size_t n)
{
	struct aggregate_span span = aggregate_span(&m->job, m->last_ns);

	s->step_ns = step_of(span.to_ns - span.from_ns, m->max_points);
	s->first_ns = span.from_ns - (span.from_ns % s->step_ns + s->step_ns) % s->step_ns;
	s->points = (size_t)((span.to_ns - s->first_ns) / s->step_ns) + 1;
	s->n = 1;
	for (size_t i = 0; i < n && i < m->max_series; i++)
		m->groups[list[i].id].series = (uint32_t)s->n++;
	s->cells = calloc(s->n * s->points, sizeof(*s->cells));
	if (!s->cells)
		return false;
	for (size_t i = 0; i < m->nhits; i++) {
		uint32_t own = m->groups[m->hits[i].group].series;

		add_hit(s, &m->hits[i], 0);
		if (own)
			add_hit(s, &m->hits[i], own);
	}
	return true;
}

/* --- the answer ------------------------------------------------------------------------------------------------- */

static void put_counts(struct buf *out, const char *name, const struct cell *c, size_t points, size_t off)
{
	buf_printf(out, "%s\"%s\":[", off == offsetof(struct cell, flows) ? "" : ",", name);
	for (size_t i = 0; i < points; i++)
		buf_printf(out, "%s%" PRIu64, i ? "," : "",
			   *(const uint64_t *)(const void *)((const char *)&c[i] + off));
	buf_puts(out, "]");
}

static void put_percentile(struct buf *out, const char *name, struct cell *c, size_t points, unsigned per_mille)
{
	buf_printf(out, ",\"%s\":[", name);
	for (size_t i = 0; i < points; i++) {
		c[i].hist.max_ns = UINT64_C(1) << 43; /* it is not known here */
		if (c[i].hist.total == 0)
			buf_puts(out, i ? ",null" : "null");
		else
			buf_printf(out, "%s%" PRIu64, i ? "," : "", hist_percentile(&c[i].hist, per_mille));
	}
	buf_puts(out, "]");
}

static void series_json(struct buf *out, const struct series *s, size_t number)
{
	struct cell *c = &s->cells[number * s->points];

	buf_puts(out, "{");
	put_counts(out, "flows", c, s->points, offsetof(struct cell, flows));
	put_counts(out, "failed", c, s->points, offsetof(struct cell, failed));
	put_counts(out, "bytes", c, s->points, offsetof(struct cell, bytes));
	put_percentile(out, "p50", c, s->points, 500);
	put_percentile(out, "p95", c, s->points, 950);
	put_percentile(out, "p99", c, s->points, 990);
	buf_puts(out, "}");
}

static void group_json(const struct metrics *m, struct buf *out, uint32_t id, const struct series *s)
{
	static const char *const of_end[] = { "kind", "name", "group", "proto", "shape" };
	bool end = m->by == METRICS_BY_SERVICE || m->by == METRICS_BY_CLIENT || m->by == METRICS_BY_ENDPOINT;
	const char *const *names = end ? of_end : of_end + 1; /* only "name" */
	const size_t most = end ? 5 : 1;
	const struct group *g = &m->groups[id];
	struct slice key = intern_get(&m->names, id);

	buf_puts(out, "{");
	for (size_t at = 0, i = 0; at < key.n && i < most; i++) {
		struct slice part = slice_str((const char *)key.p + at);

		buf_printf(out, "\"%s\":", names[i]);
		buf_put_json_str(out, part);
		buf_puts(out, ",");
		at += part.n + 1;
	}
	buf_printf(out, "\"flows\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"bytes\":%" PRIu64 ",", g->flows, g->failed,
		   g->bytes);
	hist_json(out, g->hist);
	if (g->series) {
		buf_puts(out, ",\"series\":");
		series_json(out, s, g->series);
	}
	buf_puts(out, "}");
}

static void write_answer(struct metrics *m, struct buf *out, const struct series *s, const struct aggregate_rank *list, size_t n)
{
	struct aggregate_span span = aggregate_span(&m->job, m->last_ns);
	struct hist all = { 0 };
	uint64_t failed = 0, bytes = 0;
	size_t told = n < METRICS_GROUPS_MAX ? n : METRICS_GROUPS_MAX;
	uint64_t hidden = m->not_told + walk_missed(m->job.walk);

	for (uint32_t id = 1; id < intern_end(&m->names); id++) {
		const struct group *g = &m->groups[id];

		failed += g->failed;
		bytes += g->bytes;
		if (g->hist)
			hist_merge(&all, g->hist);
	}
	buf_printf(out,
		   "{\"from_ns\":\"%" PRId64 "\",\"to_ns\":\"%" PRId64 "\",\"first_ns\":\"%" PRId64
		   "\",\"step_ns\":%" PRId64 ",\"points\":%zu,\"flows\":%" PRIu64 ",\"failed\":%" PRIu64
		   ",\"bytes\":%" PRIu64 ",",
		   span.from_ns, span.to_ns, s->first_ns, s->step_ns, s->points, m->flows, failed, bytes);
	hist_json(out, &all);
	buf_puts(out, ",\"series\":");
	series_json(out, s, 0);
	buf_puts(out, ",\"groups\":[");
	for (size_t i = 0; i < told; i++) {
		buf_puts(out, i ? "," : "");
		group_json(m, out, list[i].id, s);
	}
	for (size_t i = told; i < n; i++)
		hidden += list[i].flows;
	buf_printf(out, "],\"left_out\":{\"groups\":%zu,\"flows\":%" PRIu64 "}}", n - told,
		   hidden + m->groups[m->rest].flows);
}

static void answer(struct job *j, struct buf *out)
{
	struct metrics *m = (struct metrics *)j;
	struct series s = { 0 };
	size_t n = 0;
	struct aggregate_rank *list = rank(m, &n);

	if (list && make_series(m, &s, list, n))
		write_answer(m, out, &s, list, n);
	else
		out->failed = true;
	free(list);
	free(s.cells);
}

static void metrics_free(struct job *j)
{
	struct metrics *m = (struct metrics *)j;

	for (size_t i = 0; i < m->groups_cap; i++)
		free(m->groups[i].hist);
	free(m->groups);
	free(m->hits);
	free(m->known);
	intern_release(&m->names);
	buf_release(&m->key);
	buf_release(&m->shape);
	free(m);
}

struct job *metrics_new(enum metrics_by by, size_t points, size_t series)
{
	static const struct job_ops ops = { on_row, answer, metrics_free };
	struct metrics *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->job.ops = &ops;
	m->by = by;
	m->max_points = points < 4 ? 4 : points < METRICS_POINTS_MAX ? points : METRICS_POINTS_MAX;
	m->max_series = series < METRICS_SERIES_MAX ? series : METRICS_SERIES_MAX;
	m->known = calloc(KNOWN, sizeof(*m->known));
	buf_puts(&m->key, "rest"); /* no group's key, as it has no NUL */
	m->rest = m->known && !m->key.failed ? intern_put(&m->names, buf_slice(&m->key)) : 0;
	if (m->rest && room_for(m, m->rest))
		return &m->job;
	metrics_free(&m->job);
	return NULL;
}
