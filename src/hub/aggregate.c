/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/aggregate.h"

#include <inttypes.h>
#include <stdlib.h>

#include "hub/job.h"

/* --- durations ------------------------------------------------------------------------------------------------- */

#define FIRST_BIT 10 /* below 1,024 ns everything is one bucket */
#define LAST_BIT  42 /* and from 2.4 hours on */

unsigned hist_bucket(uint64_t ns)
{
	unsigned bit = 63 - (unsigned)__builtin_clzll(ns | 1);

	if (bit < FIRST_BIT)
		return 0;
	if (bit > LAST_BIT)
		return HIST_BUCKETS - 1;
	return (bit - FIRST_BIT) * 32 + (unsigned)(ns >> (bit - 5) & 31) + 1;
}

/* The largest duration of a bucket. */
static uint64_t bucket_ns(unsigned i)
{
	unsigned bit, shift;

	if (i == 0)
		return (1u << FIRST_BIT) - 1;
	if (i == HIST_BUCKETS - 1)
		return UINT64_MAX;
	bit = (i - 1) / 32 + FIRST_BIT;
	shift = bit - 5;
	return ((33 + (uint64_t)(i - 1) % 32) << shift) - 1;
}

void hist_add(struct hist *h, uint64_t ns)
{
	h->n[hist_bucket(ns)]++;
	h->total++;
	if (ns > h->max_ns)
		h->max_ns = ns;
}

void hist_merge(struct hist *h, const struct hist *from)
{
	for (unsigned i = 0; i < HIST_BUCKETS; i++)
		h->n[i] += from->n[i];
	h->total += from->total;
	if (from->max_ns > h->max_ns)
		h->max_ns = from->max_ns;
}

uint64_t hist_percentile(const struct hist *h, unsigned per_mille)
{
	uint64_t want = (h->total * per_mille + 999) / 1000, sum = 0;

	for (unsigned i = 0; i < HIST_BUCKETS && h->total > 0; i++) {
		sum += h->n[i];
		if (sum >= want && sum > 0)
			return bucket_ns(i) < h->max_ns ? bucket_ns(i) : h->max_ns;
	}
	return 0;
}

void hist_json(struct buf *out, const struct hist *h)
{
	if (!h || h->total == 0)
		buf_puts(out, "\"p50\":null,\"p95\":null,\"p99\":null,\"max\":null");
	else
		buf_printf(out, "\"p50\":%" PRIu64 ",\"p95\":%" PRIu64 ",\"p99\":%" PRIu64 ",\"max\":%" PRIu64,
			   hist_percentile(h, 500), hist_percentile(h, 950), hist_percentile(h, 990), h->max_ns);
}

bool aggregate_timed(const char *proto)
{
	static const char *const lasting[] = { "websocket", "sse", "tcp", "tls" };

	for (size_t i = 0; i < sizeof(lasting) / sizeof(*lasting); i++)
		if (proto && strcmp(proto, lasting[i]) == 0)
			return false;
	return true;
}

/* --- who ------------------------------------------------------------------------------------------------------- */

bool aggregate_by_parse(const char *s, enum aggregate_by *ret)
{
	static const char *const names[] = { "service", "container", "project", "namespace" };

	if (!s) {
		*ret = BY_SERVICE;
		return true;
	}
	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(s, names[i]) != 0)
			continue;
		*ret = (enum aggregate_by)i;
		return true;
	}
	return false;
}

const char *end_kind_name(enum end_kind k)
{
	static const char *const names[] = { "service", "container", "project", "namespace", "process",
					     "host",	"address",   "socket",	"unknown",   "others" };

	return names[k];
}

/* Folded into groups a project stands for what is in no namespace, and the other way round.  Names before addresses: a container, a process, of a server what it was asked as, an address. */
void end_name(struct end *ret, enum aggregate_by by, const struct flow_peer *p, const char *path, bool server,
	      const char *host)
{
	const char *group = p->project ? p->project : p->ns ? p->ns : "";

	if (by == BY_NAMESPACE && p->ns)
		group = p->ns;
	ret->group = group;
	if ((by == BY_PROJECT || by == BY_NAMESPACE) && group[0]) {
		ret->kind = group == p->project ? END_PROJECT : END_NAMESPACE;
		ret->name = group;
	} else if (p->pod || p->container) {
		ret->kind = by == BY_CONTAINER ? END_CONTAINER : END_SERVICE;
		ret->name = by != BY_CONTAINER ? flow_service_name(p, ret->room) : p->pod ? p->pod : p->container;
	} else if (p->comm) {
		ret->kind = END_PROCESS;
		ret->name = p->comm;
	} else if (server && host && host[0]) {
		ret->kind = END_HOST;
		ret->name = host;
	} else {
		flow_addr_format(p->addr, ret->room);
		ret->kind = ret->room[0] ? END_ADDRESS : path ? END_SOCKET : END_UNKNOWN;
		ret->name = ret->room[0] ? ret->room : path ? path : "";
	}
}

/* --- which come first ------------------------------------------------------------------------------------------ */

static int by_flows(const void *a, const void *b)
{
	const struct aggregate_rank *x = a, *y = b;

	if (x->flows != y->flows)
		return x->flows < y->flows ? 1 : -1;
	return x->id < y->id ? -1 : x->id > y->id;
}

void aggregate_rank(struct aggregate_rank *list, size_t n)
{
	qsort(list, n, sizeof(*list), by_flows);
}

/* --- numbers of the list --------------------------------------------------------------------------------------- */

uint32_t memo_get(struct memo *m, const struct list *l, uint32_t id)
{
	if (m->version != l->version || m->now == 0) {
		m->version = l->version;
		if (++m->now == 0) { /* after four thousand million times */
			memset(m->when, 0, m->n * sizeof(*m->when));
			m->now = 1;
		}
	}
	return id < m->n && m->when[id] == m->now ? m->value[id] : 0;
}

void memo_put(struct memo *m, uint32_t id, uint32_t value)
{
	if (id == 0)
		return;
	if (id >= m->n) {
		size_t n = (size_t)id * 2 + 1024;
		uint32_t *value_ = realloc(m->value, n * sizeof(*value_)), *when;

		if (!value_)
			return;
		m->value = value_;
		when = realloc(m->when, n * sizeof(*when));
		if (!when)
			return;
		m->when = when;
		memset(when + m->n, 0, (n - m->n) * sizeof(*when));
		m->n = n;
	}
	m->value[id] = value;
	m->when[id] = m->now;
}

void memo_release(struct memo *m)
{
	free(m->value);
	free(m->when);
	*m = (struct memo){ 0 };
}

/* --- when ------------------------------------------------------------------------------------------------------ */

static int64_t sane(int64_t ns)
{
	const int64_t most = INT64_C(4000000000000000000);

	return ns < 0 ? 0 : ns < most ? ns : most;
}

int64_t aggregate_begin_ns(const struct row *r)
{
	return sane(r->ts_ns);
}

int64_t aggregate_end_ns(const struct row *r)
{
	uint64_t dur = r->dur_ns == ROW_NO_DURATION ? 0 : r->dur_ns;

	return sane(sane(r->ts_ns) + sane(dur > INT64_MAX ? INT64_MAX : (int64_t)dur));
}

struct aggregate_span aggregate_span(const struct job *j, int64_t last_ns)
{
	const int64_t least = 1000000;
	struct aggregate_span s = { j->range.since_ns, j->range.until_ns };
	int64_t first;

	if (walk_first_ns(j->walk, &first) && sane(first) > s.from_ns)
		s.from_ns = sane(first);
	if (s.to_ns > j->now_ns)
		s.to_ns = j->range.since_ns != INT64_MIN && j->now_ns > last_ns ? j->now_ns : last_ns;
	s.to_ns = sane(s.to_ns);
	if (s.from_ns == INT64_MIN) /* there is nothing at all */
		s.from_ns = s.to_ns - least;
	s.from_ns = sane(s.from_ns);
	if (s.to_ns < s.from_ns + least)
		s.to_ns = s.from_ns + least;
	return s;
}
