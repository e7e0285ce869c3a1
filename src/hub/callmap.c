/* SPDX-License-Identifier: Apache-2.0 */
/* While rows are counted nodes and edges are what an intern table numbers: a node's kind, name and group, an edge's two
 * nodes and its protocol.  In the answer nodes are numbered anew, those with the most flows first, and what has no
 * room among them is put together. */
#include "hub/callmap.h"

#include <inttypes.h>
#include <stdlib.h>

struct node {
	uint64_t flows; /* as either end */
	uint32_t told;	/* its number in the answer */
	uint8_t kind;
};
struct edge_key {
	uint32_t from, to, proto;
};
struct edge {
	struct edge_key key;
	uint64_t flows, failed, open, tls, req_bytes, resp_bytes;
	struct hist *hist; /* NULL: no duration yet */
};
struct edges {
	struct intern keys;
	struct edge *list; /* by number in keys */
	size_t cap;
};

struct callmap {
	struct job job;
	enum aggregate_by by;
	size_t max_nodes;
	struct intern names, protos;
	struct node *nodes; /* by number in names */
	size_t nodes_cap;
	uint32_t others;
	struct edges edges;
	struct memo clients, servers, hosts;
	uint64_t flows, not_told; /* not_told: of these, in no edge */
	int64_t last_ns;
	struct buf key;
};
#define BY_HOST UINT32_MAX /* in servers: the answer depends on what the request was for */

/* --- nodes ------------------------------------------------------------------------------------------------------ */

static bool grow(void **list, size_t *cap, size_t size, size_t n)
{
	size_t now = *cap ? *cap : 64;
	char *p;

	if (n < *cap)
		return true;
	while (now <= n)
		now *= 2;
	p = realloc(*list, now * size);
	if (!p)
		return false;
	memset(p + *cap * size, 0, (now - *cap) * size);
	*list = p;
	*cap = now;
	return true;
}

/* The number of a node, which may be new; m->others when there is no room.  0: out of memory. */
static uint32_t node_of(struct callmap *m, enum end_kind kind, const char *name, const char *group)
{
	uint8_t k = (uint8_t)kind;
	uint32_t id;

	buf_clear(&m->key);
	buf_put(&m->key, (struct slice){ &k, 1 });
	buf_put(&m->key, (struct slice){ (const uint8_t *)name, strlen(name) + 1 });
	buf_puts(&m->key, group);
	if (m->key.failed)
		return 0;
	id = intern_put(&m->names, buf_slice(&m->key));
	if (!id || !grow((void **)&m->nodes, &m->nodes_cap, sizeof(*m->nodes), id))
		return 0;
	if (intern_uses(&m->names, id) > 1 || m->names.live <= CALLMAP_NODES_KEPT) {
		m->nodes[id].kind = k;
		return id;
	}
	intern_drop(&m->names, id);
	return m->others;
}

static uint32_t named(struct callmap *m, const struct flow_peer *p, const char *path, bool server, const char *host)
{
	struct end e;

	end_name(&e, m->by, p, path, server, host);
	return node_of(m, e.kind, e.name, e.group);
}

static uint32_t client_of(struct callmap *m, const struct list *l, const struct row *r)
{
	uint32_t id = memo_get(&m->clients, l, r->client);
	struct flow_peer p = { 0 };
	const char *path;

	if (id)
		return id;
	list_peer(l, r->client, &p, &path);
	id = named(m, &p, path, false, NULL);
	memo_put(&m->clients, r->client, id);
	return id;
}

static uint32_t server_of(struct callmap *m, const struct list *l, const struct row *r)
{
	uint32_t id = memo_get(&m->servers, l, r->server);
	struct flow_peer p = { 0 };
	const char *path, *host;

	if (id && id != BY_HOST)
		return id;
	if (id == BY_HOST && r->host) {
		id = memo_get(&m->hosts, l, r->host);
		if (id)
			return id;
	}
	list_peer(l, r->server, &p, &path);
	host = r->host ? (const char *)intern_get(&l->strings, r->host).p : NULL;
	id = named(m, &p, path, true, host);
	if (p.pod || p.container || p.comm) {
		memo_put(&m->servers, r->server, id);
	} else {
		memo_put(&m->servers, r->server, BY_HOST);
		if (r->host && host[0]) {
			(void)memo_get(&m->hosts, l, r->host); /* of this version of the list */
			memo_put(&m->hosts, r->host, id);
		}
	}
	return id;
}

/* --- edges ------------------------------------------------------------------------------------------------------ */

/* NULL: no room, or out of memory. */
static struct edge *edge_of(struct edges *e, struct edge_key key)
{
	uint32_t id = intern_put(&e->keys, (struct slice){ (const uint8_t *)&key, sizeof(key) });

	if (!id)
		return NULL;
	if ((intern_uses(&e->keys, id) == 1 && e->keys.live > CALLMAP_EDGES_KEPT) ||
	    !grow((void **)&e->list, &e->cap, sizeof(*e->list), id)) {
		intern_drop(&e->keys, id);
		return NULL;
	}
	e->list[id].key = key;
	return &e->list[id];
}

static void edges_release(struct edges *e)
{
	for (size_t i = 0; i < e->cap; i++)
		free(e->list[i].hist);
	free(e->list);
	intern_release(&e->keys);
}

static void add_duration(struct edge *e, uint64_t ns)
{
	if (!e->hist)
		e->hist = calloc(1, sizeof(*e->hist));
	if (e->hist)
		hist_add(e->hist, ns);
}

static void on_row(struct job *j, const struct list *l, const struct row *r)
{
	struct callmap *m = (struct callmap *)j;
	struct slice proto = intern_get(&l->strings, r->proto);
	int64_t end = aggregate_end_ns(r);
	struct edge_key key = { client_of(m, l, r), server_of(m, l, r), 0 };
	struct edge *e;

	m->flows++;
	if (end > m->last_ns)
		m->last_ns = end;
	key.proto = intern_put(&m->protos, proto.p ? proto : SLICE_LIT(""));
	e = key.from && key.to && key.proto ? edge_of(&m->edges, key) : NULL;
	if (!e) {
		m->not_told++;
		return;
	}
	m->nodes[key.from].flows++;
	if (key.to != key.from)
		m->nodes[key.to].flows++;
	e->flows++;
	e->failed += (r->bits & ROW_FAILED) != 0;
	e->open += r->state == FLOW_OPEN;
	e->tls += r->tls != 0;
	e->req_bytes += r->req_len;
	e->resp_bytes += r->resp_len;
	if (r->dur_ns != ROW_NO_DURATION && r->state == FLOW_DONE && aggregate_timed((const char *)proto.p))
		add_duration(e, r->dur_ns);
}

/* --- the answer ------------------------------------------------------------------------------------------------- */

struct told {
	uint32_t *nodes; /* their numbers, in the order of the answer */
	size_t nnodes, folded;
	struct edges edges; /* nodes' numbers are the answer's, from 1 on */
	struct edge **order;
	size_t nedges;
};

static int edge_by_flows(const void *a, const void *b)
{
	const struct edge *x = *(struct edge *const *)a, *y = *(struct edge *const *)b;
	int c = memcmp(&x->key, &y->key, sizeof(x->key));

	return x->flows != y->flows ? (x->flows < y->flows ? 1 : -1) : c;
}

/* Which nodes have a place of their own; all others get that of `others`, which is the last one. */
static bool choose_nodes(struct callmap *m, struct told *t)
{
	size_t n = intern_end(&m->names), places = 0, addresses = 0;
	struct aggregate_rank *rank = calloc(n + 1, sizeof(*rank));

	t->nodes = calloc(n + 1, sizeof(*t->nodes));
	if (!rank || !t->nodes) {
		free(rank);
		return false;
	}
	for (uint32_t id = 1; id < n; id++)
		if (m->nodes[id].flows > 0 && id != m->others)
			rank[places++] = (struct aggregate_rank){ m->nodes[id].flows, id };
	aggregate_rank(rank, places);
	for (size_t i = 0; i < places; i++) {
		struct node *node = &m->nodes[rank[i].id];
		bool room = t->nnodes < m->max_nodes;

		if (room && node->kind == END_ADDRESS)
			room = addresses++ < CALLMAP_ADDRESSES_MAX;
		if (room)
			t->nodes[t->nnodes++] = rank[i].id;
		node->told = room ? (uint32_t)t->nnodes : 0;
		t->folded += !room;
		m->nodes[m->others].flows += room ? 0 : node->flows;
	}
	free(rank);
	if (t->folded > 0 || m->nodes[m->others].flows > 0) {
		t->nodes[t->nnodes++] = m->others;
		m->nodes[m->others].told = (uint32_t)t->nnodes;
	}
	for (uint32_t id = 1; id < n; id++)
		if (m->nodes[id].told == 0)
			m->nodes[id].told = m->nodes[m->others].told;
	return true;
}

static void edge_merge(struct edge *into, struct edge *from)
{
	into->flows += from->flows;
	into->failed += from->failed;
	into->open += from->open;
	into->tls += from->tls;
	into->req_bytes += from->req_bytes;
	into->resp_bytes += from->resp_bytes;
	if (into->hist && from->hist) {
		hist_merge(into->hist, from->hist);
	} else if (from->hist) {
		into->hist = from->hist;
		from->hist = NULL;
	}
}

static bool choose_edges(struct callmap *m, struct told *t)
{
	uint32_t n = intern_end(&m->edges.keys);

	for (uint32_t id = 1; id < n; id++) {
		struct edge *from = &m->edges.list[id], *to;
		struct edge_key key = from->key;

		if (from->flows == 0)
			continue;
		key.from = m->nodes[key.from].told;
		key.to = m->nodes[key.to].told;
		to = edge_of(&t->edges, key);
		if (!to)
			return false;
		edge_merge(to, from);
	}
	n = intern_end(&t->edges.keys);
	t->order = calloc((size_t)n + 1, sizeof(*t->order));
	if (!t->order)
		return false;
	for (uint32_t id = 1; id < n; id++)
		t->order[t->nedges++] = &t->edges.list[id];
	qsort(t->order, t->nedges, sizeof(*t->order), edge_by_flows);
	return true;
}

static void node_json(struct callmap *m, struct buf *out, uint32_t id)
{
	const char *name = id == m->others ? "" : (const char *)intern_get(&m->names, id).p + 1;
	const char *group = id == m->others ? "" : name + strlen(name) + 1;

	buf_printf(out, "{\"kind\":\"%s\",\"name\":", end_kind_name(m->nodes[id].kind));
	buf_put_json_str(out, slice_str(name));
	buf_puts(out, ",\"group\":");
	buf_put_json_str(out, slice_str(group));
	buf_printf(out, ",\"flows\":%" PRIu64 "}", m->nodes[id].flows);
}

static void edge_json(struct callmap *m, struct buf *out, const struct edge *e)
{
	buf_printf(out, "{\"from\":%" PRIu32 ",\"to\":%" PRIu32 ",\"proto\":", e->key.from - 1, e->key.to - 1);
	buf_put_json_str(out, intern_get(&m->protos, e->key.proto));
	buf_printf(out,
		   ",\"flows\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"open\":%" PRIu64 ",\"tls\":%" PRIu64
		   ",\"req_bytes\":%" PRIu64 ",\"resp_bytes\":%" PRIu64 ",",
		   e->flows, e->failed, e->open, e->tls, e->req_bytes, e->resp_bytes);
	hist_json(out, e->hist);
	buf_puts(out, "}");
}

static void write_answer(struct callmap *m, const struct told *t, struct buf *out)
{
	struct aggregate_span span = aggregate_span(&m->job, m->last_ns);
	size_t edges = t->nedges < CALLMAP_EDGES_MAX ? t->nedges : CALLMAP_EDGES_MAX;
	uint64_t hidden = m->not_told;

	buf_printf(out, "{\"from_ns\":\"%" PRId64 "\",\"to_ns\":\"%" PRId64 "\",\"flows\":%" PRIu64 ",\"nodes\":[",
		   span.from_ns, span.to_ns, m->flows);
	for (size_t i = 0; i < t->nnodes; i++) {
		buf_puts(out, i ? "," : "");
		node_json(m, out, t->nodes[i]);
	}
	buf_puts(out, "],\"edges\":[");
	for (size_t i = 0; i < edges; i++) {
		buf_puts(out, i ? "," : "");
		edge_json(m, out, t->order[i]);
	}
	for (size_t i = edges; i < t->nedges; i++)
		hidden += t->order[i]->flows;
	buf_printf(out, "],\"left_out\":{\"nodes\":%zu,\"edges\":%zu,\"flows\":%" PRIu64 "}}", t->folded,
		   t->nedges - edges, hidden + walk_missed(m->job.walk));
}

static void answer(struct job *j, struct buf *out)
{
	struct callmap *m = (struct callmap *)j;
	struct told t = { 0 };

	if (choose_nodes(m, &t) && choose_edges(m, &t))
		write_answer(m, &t, out);
	else
		out->failed = true;
	free(t.nodes);
	free(t.order);
	edges_release(&t.edges);
}

static void callmap_free(struct job *j)
{
	struct callmap *m = (struct callmap *)j;

	edges_release(&m->edges);
	intern_release(&m->names);
	intern_release(&m->protos);
	free(m->nodes);
	memo_release(&m->clients);
	memo_release(&m->servers);
	memo_release(&m->hosts);
	buf_release(&m->key);
	free(m);
}

struct job *callmap_new(enum aggregate_by by, size_t nodes)
{
	static const struct job_ops ops = { on_row, answer, callmap_free };
	struct callmap *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->job.ops = &ops;
	m->by = by;
	m->max_nodes = nodes < 1 ? 1 : nodes < CALLMAP_NODES_MAX ? nodes : CALLMAP_NODES_MAX;
	m->others = node_of(m, END_OTHERS, "", "");
	if (m->others)
		return &m->job;
	callmap_free(&m->job);
	return NULL;
}
