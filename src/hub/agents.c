/* SPDX-License-Identifier: Apache-2.0 */
/* Facts and containers are written as JSON once, when they come; what they hold was said by an agent, not by
 * what it captured, but it goes through the same writer. */
#include "hub/agents.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define CONTAINERS_MAX 5000
#define FACTS_MAX      500
#define COUNTERS_MAX   200
#define TLS_MAX	       1000

/* The keys that the page's status bar is made of (docs/api.md). */
enum sum { SUM_DROPPED, SUM_TRUNCATED, SUM_GAPS, SUM_DROPPED_BYTES, SUM_GAP_BYTES, SUMS };
static const struct {
	const char *key;
	enum sum sum;
} summed[] = {
	{ "loss.ring_records", SUM_DROPPED },
	{ "loss.inflight", SUM_DROPPED },
	{ "queue.dropped_flows", SUM_DROPPED },
	{ "queue.dropped_updates", SUM_DROPPED },
	{ "conn.truncated", SUM_TRUNCATED },
	{ "conn.gaps", SUM_GAPS },
	{ "loss.ring_bytes", SUM_DROPPED_BYTES },
	{ "loss.fault_bytes", SUM_DROPPED_BYTES },
	{ "loss.no_buffer_bytes", SUM_DROPPED_BYTES },
	{ "loss.unseen_bytes", SUM_DROPPED_BYTES },
	{ "loss.shed_bytes", SUM_DROPPED_BYTES },
	{ "loss.tls_unmapped_bytes", SUM_DROPPED_BYTES },
	{ "conn.gap_bytes", SUM_GAP_BYTES },
};
_Static_assert(SUMS <= 16, "agents.retired holds them");

struct one_container {
	char id[65];
	struct buf json; /* members, without braces */
};
struct agent {
	char id[65], hostname[256], version[64], kernel[128], runtime[200];
	unsigned connections;
	uint64_t last_seen_ns;
	struct buf facts, counters, tls; /* JSON */
	uint64_t sums[SUMS], undecrypted;
	struct one_container *containers;
	size_t ncontainers;
};

static void copy(char *to, size_t n, const char *from)
{
	(void)snprintf(to, n, "%s", from ? from : "");
}

static struct agent *find(const struct agents *s, const char *id)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->list[i]->id, id) == 0)
			return s->list[i];
	return NULL;
}

static void drop_containers(struct agent *a)
{
	for (size_t i = 0; i < a->ncontainers; i++)
		buf_release(&a->containers[i].json);
	free(a->containers);
	a->containers = NULL;
	a->ncontainers = 0;
}

static void forget(struct agents *s, size_t i)
{
	struct agent *a = s->list[i];

	for (size_t k = 0; k < SUMS; k++)
		s->retired[k] += a->sums[k];
	drop_containers(a);
	buf_release(&a->facts);
	buf_release(&a->counters);
	buf_release(&a->tls);
	free(a);
	s->list[i] = s->list[--s->n];
}

/* Room for one more: a gone agent of the same host has been replaced by it; else the one gone longest. */
static void make_room(struct agents *s, const char *hostname)
{
	size_t oldest;

	for (size_t i = s->n; i > 0; i--)
		if (s->list[i - 1]->connections == 0 &&
		    strcmp(s->list[i - 1]->hostname, hostname) == 0)
			forget(s, i - 1);
	if (s->n < AGENTS_MAX)
		return;
	oldest = s->n;
	for (size_t i = 0; i < s->n; i++)
		if (s->list[i]->connections == 0 &&
		    (oldest == s->n || s->list[i]->last_seen_ns < s->list[oldest]->last_seen_ns))
			oldest = i;
	if (oldest < s->n)
		forget(s, oldest);
}

void agents_hello(struct agents *s, const struct ingest_agent *in, uint64_t now_ns)
{
	struct agent *a = find(s, in->id);

	if (!a) {
		make_room(s, in->hostname ? in->hostname : "");
		if (s->n == AGENTS_MAX)
			return; /* its flows are taken all the same */
		a = calloc(1, sizeof(*a));
		if (!a)
			return;
		s->list[s->n++] = a;
		copy(a->id, sizeof(a->id), in->id);
	}
	copy(a->hostname, sizeof(a->hostname), in->hostname);
	copy(a->version, sizeof(a->version), in->version);
	copy(a->kernel, sizeof(a->kernel), in->kernel);
	a->connections++;
	a->last_seen_ns = now_ns;
	s->version++;
	s->containers_version++;
}

void agents_gone(struct agents *s, const struct ingest_agent *in, uint64_t now_ns)
{
	struct agent *a = find(s, in->id);

	if (!a || a->connections == 0)
		return;
	a->connections--;
	a->last_seen_ns = now_ns;
	s->version++;
	s->containers_version++;
}

static void member(struct buf *out, const char *key, const char *value)
{
	buf_printf(out, "%s\"%s\":", out->n && out->p[out->n - 1] != '{' ? "," : "", key);
	buf_put_json_str(out, slice_str(value ? value : ""));
}

/* Empty is null: the container has none. */
static void member_or_null(struct buf *out, const char *key, const char *value)
{
	if (value && value[0])
		member(out, key, value);
	else
		buf_printf(out, ",\"%s\":null", key);
}

static void container_json(struct buf *out, const Limpid__V1__Container *c)
{
	const char *comma = "";
	char ip[46];

	member(out, "id", c->id);
	member(out, "name", c->name);
	member(out, "image", c->image);
	member_or_null(out, "project", c->project);
	member_or_null(out, "service", c->service);
	member_or_null(out, "pod", c->pod);
	member_or_null(out, "namespace", c->namespace_);
	member(out, "state", c->state);
	member(out, "networks", c->networks);
	buf_puts(out, ",\"addrs\":[");
	for (size_t i = 0; i < c->n_addrs; i++) {
		if (c->addrs[i].len != 16)
			continue;
		flow_addr_format(c->addrs[i].data, ip);
		buf_puts(out, comma);
		buf_put_json_str(out, slice_str(ip));
		comma = ",";
	}
	buf_printf(out, "],\"captured\":%s", c->captured ? "true" : "false");
}

void agents_containers(struct agents *s, const struct ingest_agent *in,
		       const Limpid__V1__Containers *m)
{
	size_t n = m->n_containers < CONTAINERS_MAX ? m->n_containers : CONTAINERS_MAX;
	struct agent *a = find(s, in->id);
	struct one_container *list = calloc(n + 1, sizeof(*list));

	if (!a || !list) {
		free(list);
		return;
	}
	drop_containers(a);
	a->containers = list;
	for (; a->ncontainers < n; a->ncontainers++) {
		const Limpid__V1__Container *c = m->containers[a->ncontainers];

		copy(list[a->ncontainers].id, sizeof(list->id), c->id);
		container_json(&list[a->ncontainers].json, c);
	}
	copy(a->runtime, sizeof(a->runtime), m->runtime);
	s->containers_version++;
	s->version++;
}

static void facts_json(struct buf *out, const Limpid__V1__Health *m)
{
	buf_puts(out, "[");
	for (size_t i = 0; i < m->n_facts && i < FACTS_MAX; i++) {
		buf_puts(out, i ? ",{" : "{");
		member(out, "key", m->facts[i]->key);
		buf_printf(out, ",\"level\":%" PRIu32, m->facts[i]->level);
		member(out, "text", m->facts[i]->text);
		member(out, "hint", m->facts[i]->hint);
		buf_puts(out, "}");
	}
	buf_puts(out, "]");
}

static void member_bytes(struct buf *out, const char *key, const ProtobufCBinaryData *b)
{
	buf_printf(out, "%s\"%s\":", out->p[out->n - 1] != '{' ? "," : "", key);
	buf_put_json_str(out, (struct slice){ b->data, b->len });
}

static void libraries_json(struct buf *out, const Limpid__V1__TlsProcess *p)
{
	buf_puts(out, ",\"libraries\":[");
	for (size_t i = 0; i < p->n_libraries; i++) {
		buf_puts(out, i ? ",{" : "{");
		member(out, "name", p->libraries[i]->name);
		member_bytes(out, "version", &p->libraries[i]->version);
		member_bytes(out, "path", &p->libraries[i]->path);
		member(out, "code", p->libraries[i]->code);
		buf_puts(out, "}");
	}
	buf_printf(out, "],\"more_libraries\":%" PRIu32, p->more_libraries);
}

static void ledger_json(struct buf *out, const Limpid__V1__Health *m)
{
	buf_puts(out, "{\"processes\":[");
	for (size_t i = 0; i < m->n_tls && i < TLS_MAX; i++) {
		const Limpid__V1__TlsProcess *p = m->tls[i];

		buf_printf(out, "%s{\"pid\":%" PRIu32 ",\"processes\":%" PRIu32, i ? "," : "", p->pid,
			   p->processes);
		member_bytes(out, "comm", &p->comm);
		member_or_null(out, "container", p->container);
		member(out, "code", p->code);
		member(out, "text", p->text);
		member(out, "hint", p->hint);
		buf_printf(out, ",\"readable\":%s,\"gone\":%s", p->readable ? "true" : "false",
			   p->gone ? "true" : "false");
		libraries_json(out, p);
		buf_printf(out,
			   ",\"connections\":%" PRIu64 ",\"unread\":%" PRIu64 ",\"wire_bytes\":%" PRIu64
			   ",\"plain_bytes\":%" PRIu64 "}",
			   p->connections, p->unread, p->wire_bytes, p->plain_bytes);
	}
	buf_printf(out, "],\"left_out\":%" PRIu64 "}", m->tls_left_out);
}

static void take_counters(struct agent *a, const Limpid__V1__Health *m)
{
	memset(a->sums, 0, sizeof(a->sums));
	a->undecrypted = 0;
	buf_puts(&a->counters, "{");
	for (size_t i = 0; i < m->n_counters && i < COUNTERS_MAX; i++) {
		const Limpid__V1__Counter *c = m->counters[i];

		for (size_t k = 0; k < sizeof(summed) / sizeof(*summed); k++)
			if (strcmp(summed[k].key, c->key) == 0)
				a->sums[summed[k].sum] += c->value;
		if (strcmp(c->key, "conn.undecrypted_now") == 0)
			a->undecrypted = c->value;
		buf_puts(&a->counters, i ? "," : "");
		buf_put_json_str(&a->counters, slice_str(c->key));
		buf_printf(&a->counters, ":%" PRIu64, c->value);
	}
	buf_puts(&a->counters, "}");
}

void agents_health(struct agents *s, const struct ingest_agent *in, const Limpid__V1__Health *m,
		   uint64_t now_ns)
{
	struct agent *a = find(s, in->id);
	struct agents_sums before, after;

	if (!a)
		return;
	agents_sums(s, &before);
	buf_clear(&a->facts);
	buf_clear(&a->counters);
	buf_clear(&a->tls);
	facts_json(&a->facts, m);
	take_counters(a, m);
	ledger_json(&a->tls, m);
	a->last_seen_ns = now_ns;
	agents_sums(s, &after);
	/* Tabs are told only what their status bar shows; the rest is fetched. */
	if (memcmp(&before, &after, sizeof(before)) != 0)
		s->version++;
}

size_t agents_connected(const struct agents *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += s->list[i]->connections > 0;
	return n;
}

void agents_sums(const struct agents *s, struct agents_sums *ret)
{
	uint64_t sums[SUMS], undecrypted = 0;

	memcpy(sums, s->retired, sizeof(sums));
	for (size_t i = 0; i < s->n; i++) {
		for (size_t k = 0; k < SUMS; k++)
			sums[k] += s->list[i]->sums[k];
		if (s->list[i]->connections > 0)
			undecrypted += s->list[i]->undecrypted;
	}
	*ret = (struct agents_sums){
		.dropped = sums[SUM_DROPPED],
		.truncated = sums[SUM_TRUNCATED],
		.undecrypted = undecrypted,
		.gaps = sums[SUM_GAPS],
		.dropped_bytes = sums[SUM_DROPPED_BYTES],
		.gap_bytes = sums[SUM_GAP_BYTES],
	};
}

static struct slice or_empty(const struct buf *b, const char *empty)
{
	return b->n && !b->failed ? buf_slice(b) : slice_str(empty);
}

void agents_health_json(const struct agents *s, struct buf *out, uint64_t now_ns)
{
	buf_puts(out, "[");
	for (size_t i = 0; i < s->n; i++) {
		const struct agent *a = s->list[i];
		uint64_t age = now_ns > a->last_seen_ns ? now_ns - a->last_seen_ns : 0;

		buf_puts(out, i ? ",{" : "{");
		member(out, "id", a->id);
		member(out, "hostname", a->hostname);
		member(out, "version", a->version);
		member(out, "kernel", a->kernel);
		buf_printf(out, ",\"connected\":%s,\"last_seen_ms\":%" PRIu64 ",\"facts\":",
			   a->connections ? "true" : "false", age / 1000000);
		buf_put(out, or_empty(&a->facts, "[]"));
		buf_puts(out, ",\"counters\":");
		buf_put(out, or_empty(&a->counters, "{}"));
		buf_puts(out, ",\"tls\":");
		buf_put(out, or_empty(&a->tls, "{\"processes\":[],\"left_out\":0}"));
		buf_puts(out, "}");
	}
	buf_puts(out, "]");
}

struct id_count {
	const char *id;
	uint64_t n;
};

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct id_count *)a)->id, ((const struct id_count *)b)->id);
}

/* Rows by container id, sorted.  An end of a connection counts its uses: no row has to be looked at. */
static struct id_count *count_rows(const struct list *l, size_t *ret_n)
{
	struct id_count *c = calloc(intern_end(&l->blobs) + (size_t)1, sizeof(*c));
	size_t n = 0, out = 0;

	for (uint32_t i = 1; c && i < intern_end(&l->blobs); i++) {
		const char *id = intern_uses(&l->blobs, i) ? list_container_id(l, i) : NULL;

		if (id)
			c[n++] = (struct id_count){ id, intern_uses(&l->blobs, i) };
	}
	if (n == 0) {
		*ret_n = 0;
		return c;
	}
	qsort(c, n, sizeof(*c), by_id);
	for (size_t i = 1; i < n; i++) {
		if (strcmp(c[out].id, c[i].id) == 0)
			c[out].n += c[i].n;
		else
			c[++out] = c[i];
	}
	*ret_n = out + 1;
	return c;
}

void agents_containers_json(const struct agents *s, const struct list *l, struct buf *out)
{
	const char *comma = "", *runtime = "";
	size_t ncounts;
	struct id_count *counts = count_rows(l, &ncounts);

	for (size_t i = 0; i < s->n; i++)
		if (s->list[i]->connections && !runtime[0])
			runtime = s->list[i]->runtime;
	buf_puts(out, "{");
	member(out, "runtime", runtime);
	buf_puts(out, ",\"containers\":[");
	for (size_t i = 0; i < s->n; i++) {
		const struct agent *a = s->list[i];

		for (size_t k = 0; a->connections && k < a->ncontainers; k++) {
			struct id_count key = { a->containers[k].id, 0 };
			struct id_count *c =
				ncounts ? bsearch(&key, counts, ncounts, sizeof(key), by_id) : NULL;

			buf_printf(out, "%s{", comma);
			buf_put(out, buf_slice(&a->containers[k].json));
			buf_printf(out, ",\"flows\":%" PRIu64, c ? c->n : 0);
			member(out, "agent", a->hostname);
			buf_puts(out, "}");
			comma = ",";
		}
	}
	buf_puts(out, "]}");
	free(counts);
}

void agents_release(struct agents *s)
{
	while (s->n > 0)
		forget(s, 0);
}
