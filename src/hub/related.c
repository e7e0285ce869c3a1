/* SPDX-License-Identifier: Apache-2.0 */
/* Times decide first: they lie in the rows, while an end's process is behind a number that has to be looked up. */
#include "hub/related.h"

#include <stdlib.h>

#include "flow/trace.h"

#define RIVALS_MAX 512			      /* requests that are served at the same time */
#define LOST_NS	   INT64_C(10000000000) /* what was never answered may have caused things for so long */
#define SEEN	   64			      /* ends remembered from row to row; a power of two */
#define NAME_MAX   80

struct party {
	enum related_by by;
	uint32_t pid;
	char container[NAME_MAX], comm[NAME_MAX];
};

struct span {
	int64_t begin, end; /* Unix time, ns */
	uint32_t trace, request;
	uint64_t n;
};

struct child {
	struct related_row row;
	int64_t begin;
	uint64_t dur;
	uint32_t trace, request;
};

struct related {
	struct span self;
	struct party client, server;
	bool serves; /* an exchange that may have caused others */
	uint32_t conn;
	uint16_t cport, sport;
	bool is_unix;
	uint8_t caddr[16], saddr[16];

	uint64_t next; /* place to go on from */
	bool begun, settled;
	struct span rivals[RIVALS_MAX], parents[RIVALS_MAX];
	size_t nrivals, nparents;
	uint64_t parents_n, parents_ns;
	struct child *children;
	size_t nchildren, children_cap;
	uint64_t left_out; /* children that had no room */
	struct related_rows caused_by, caused, trace, connection;
	size_t before; /* of connection's rows, those that came before f; from there on they turn */
};

/* --- processes ---------------------------------------------------------------------------------------------- */

static void text_copy(char *to, const char *s)
{
	size_t n = s ? strnlen(s, NAME_MAX - 1) : 0;

	if (n)
		memcpy(to, s, n);
	to[n] = '\0';
}

static void party_of(struct party *p, const struct flow_peer *peer)
{
	p->pid = peer->pid;
	text_copy(p->container, peer->container_id);
	text_copy(p->comm, peer->comm);
	p->by = p->pid ? RELATED_PROCESS : p->container[0] ? RELATED_CONTAINER : RELATED_UNKNOWN;
}

/* On another host the same pid is another process: its container or its name tells. */
static bool is_party(const struct party *p, const struct flow_peer *peer)
{
	const char *container = peer->container_id ? peer->container_id : "";

	if (p->by == RELATED_UNKNOWN)
		return false;
	if (strncmp(container, p->container, NAME_MAX - 1) != 0)
		return false;
	if (p->by == RELATED_CONTAINER || (!peer->pid && p->container[0]))
		return true;
	return peer->pid == p->pid &&
	       (p->container[0] || !p->comm[0] || !peer->comm || strncmp(peer->comm, p->comm, NAME_MAX - 1) == 0);
}

/* Which of the two an end is; remembered by its number, for as long as the list does not change. */
struct ends {
	const struct list *l;
	const struct related *q;
	struct {
		uint32_t blob;
		bool is_client, is_server;
	} seen[SEEN];
};

static size_t look_up(struct ends *e, const struct row *r, bool server)
{
	uint32_t blob = server ? r->server : r->client;
	size_t i = blob % SEEN;
	struct row_flow rf;

	if (e->seen[i].blob == blob && blob)
		return i;
	row_flow(e->l, r, &rf);
	e->seen[i].blob = blob;
	e->seen[i].is_client = is_party(&e->q->client, server ? &rf.conn.server : &rf.conn.client);
	e->seen[i].is_server = is_party(&e->q->server, server ? &rf.conn.server : &rf.conn.client);
	return i;
}

/* --- rows --------------------------------------------------------------------------------------------------- */

/* Conversations and what is not read last as long as their connection: what happened meanwhile says nothing. */
static bool lasts(const char *proto)
{
	static const char *const names[] = { "websocket", "sse", "tcp", "tls" };

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(proto, names[i]) == 0)
			return true;
	return false;
}

static bool row_lasts(const struct list *l, const struct row *r)
{
	struct slice proto = intern_get(&l->strings, r->proto);

	return proto.p && lasts((const char *)proto.p);
}

static int64_t end_of(int64_t begin, uint64_t dur, unsigned state)
{
	if (dur == ROW_NO_DURATION)
		return state == FLOW_OPEN ? INT64_MAX : begin + LOST_NS;
	return dur < (uint64_t)(INT64_MAX - begin) ? begin + (int64_t)dur : INT64_MAX;
}

static struct span span_of(const struct row *r)
{
	return (struct span){ r->ts_ns, end_of(r->ts_ns, r->dur_ns, r->state), r->trace, r->request, r->n };
}

static void keep(struct related_rows *rows, uint64_t n, uint64_t dur, unsigned of)
{
	rows->n++;
	rows->busy_ns += dur == ROW_NO_DURATION ? 0 : dur;
	if (rows->kept < RELATED_MAX)
		rows->rows[rows->kept++] = (struct related_row){ n, of };
}

/* The last half of the room before f, and what is free behind it. */
static void keep_connection(struct related *q, const struct row *r)
{
	struct related_rows *c = &q->connection;

	if (r->n < q->self.n && q->before == RELATED_MAX / 2) {
		memmove(c->rows, c->rows + 1, (q->before - 1) * sizeof(*c->rows));
		c->kept--;
		q->before--;
	}
	keep(c, r->n, r->dur_ns, 1);
	q->before += r->n < q->self.n;
}

static bool same_connection(const struct related *q, const struct list *l, const struct row *r)
{
	struct row_flow rf;

	if (r->conn != q->conn || r->cport != q->cport || r->sport != q->sport ||
	    (bool)(r->bits & ROW_UNIX) != q->is_unix)
		return false;
	row_flow(l, r, &rf);
	return memcmp(rf.conn.client.addr, q->caddr, 16) == 0 && memcmp(rf.conn.server.addr, q->saddr, 16) == 0;
}

static void add_child(struct related *q, const struct row *r)
{
	if (q->nchildren == q->children_cap) {
		size_t cap = q->children_cap ? q->children_cap * 2 : 64;
		struct child *p = cap <= 65536 ? realloc(q->children, cap * sizeof(*p)) : NULL;

		if (!p) {
			q->left_out++;
			return;
		}
		q->children = p;
		q->children_cap = cap;
	}
	q->children[q->nchildren++] =
		(struct child){ { r->n, 1 }, r->ts_ns, r->dur_ns, r->trace, r->request };
}

static void look_at(struct related *q, struct ends *e, const struct row *r)
{
	struct span s = span_of(r);
	bool within = q->serves && s.begin >= q->self.begin && s.begin <= q->self.end;
	bool beside = q->serves && s.begin <= q->self.end && s.end >= q->self.begin;
	bool around = s.begin <= q->self.begin && s.end >= q->self.begin;

	if (r->n == q->self.n)
		return;
	if (same_connection(q, e->l, r))
		keep_connection(q, r);
	if ((q->self.trace && r->trace == q->self.trace) || (q->self.request && r->request == q->self.request))
		keep(&q->trace, r->n, r->dur_ns, 1);
	if (within && e->seen[look_up(e, r, false)].is_server)
		add_child(q, r);
	if ((!beside && !around) || row_lasts(e->l, r))
		return;
	if (beside && q->nrivals < RIVALS_MAX && e->seen[look_up(e, r, true)].is_server)
		q->rivals[q->nrivals++] = s;
	if (around && e->seen[look_up(e, r, true)].is_client) {
		q->parents_n++;
		if (q->nparents < RIVALS_MAX)
			q->parents[q->nparents++] = s;
	}
}

bool related_scan(struct related *q, const struct list *l, size_t max)
{
	struct ends e = { .l = l, .q = q };

	if (!q->begun || q->next < l->base)
		q->next = l->base;
	q->begun = true;
	for (; max > 0 && q->next < l->end; max--, q->next++)
		look_at(q, &e, list_at(l, q->next));
	return q->next < l->end;
}

/* --- what follows from it ------------------------------------------------------------------------------------- */

/* 1: the same by what both say; -1: not the same; 0: they do not say. */
static int said(uint32_t a_trace, uint32_t a_request, uint32_t b_trace, uint32_t b_request)
{
	if (a_trace && b_trace)
		return a_trace == b_trace ? 1 : -1;
	if (a_request && b_request)
		return a_request == b_request ? 1 : -1;
	return 0;
}

/* How many requests may be the cause of that, f among them; 0: it is another one's. */
static unsigned causes(const struct related *q, const struct child *c)
{
	int own = said(q->self.trace, q->self.request, c->trace, c->request);
	unsigned n = 1;

	if (own > 0)
		return 1;
	for (size_t i = 0; i < q->nrivals; i++) {
		const struct span *s = &q->rivals[i];
		int other = said(s->trace, s->request, c->trace, c->request);

		if (s->begin > c->begin || s->end < c->begin || s->n == c->row.n)
			continue;
		if (other > 0)
			return 0;
		n += other == 0;
	}
	return own < 0 && n > 1 ? 0 : n;
}

static int by_begin(const void *a, const void *b)
{
	const struct child *x = a, *y = b;

	return (x->begin > y->begin) - (x->begin < y->begin);
}

static void settle_parents(struct related *q)
{
	size_t sure = 0, open = 0;

	for (size_t i = 0; i < q->nparents; i++) {
		int is = said(q->parents[i].trace, q->parents[i].request, q->self.trace, q->self.request);

		sure += is > 0;
		open += is == 0;
	}
	for (size_t i = 0; i < q->nparents; i++) {
		const struct span *s = &q->parents[i];
		int is = said(s->trace, s->request, q->self.trace, q->self.request);

		if (sure ? is > 0 : is == 0 || open == 0)
			keep(&q->caused_by, s->n, 0, (unsigned)(sure ? sure : open ? open : q->nparents));
	}
	if (!sure && q->parents_n > q->nparents)
		q->caused_by.n += q->parents_n - q->nparents;
}

static void settle(struct related *q)
{
	if (q->settled)
		return;
	q->settled = true;
	settle_parents(q);
	if (q->nchildren)
		qsort(q->children, q->nchildren, sizeof(*q->children), by_begin);
	for (size_t i = 0; i < q->nchildren; i++) {
		struct child *c = &q->children[i];
		unsigned of = causes(q, c);

		if (!of)
			continue;
		c->row.of = of;
		keep(&q->caused, c->row.n, c->dur, of);
		q->children[q->caused.n - 1] = *c; /* those that stay, without holes */
	}
	q->nchildren = q->caused.n;
	q->caused.n += q->left_out;
}

const struct related_rows *related_caused_by(struct related *q)
{
	settle(q);
	return &q->caused_by;
}

const struct related_rows *related_caused(struct related *q)
{
	settle(q);
	return &q->caused;
}

uint64_t related_caused_at(struct related *q, size_t i)
{
	settle(q);
	return i < q->nchildren ? q->children[i].row.n : 0;
}

const struct related_rows *related_trace(const struct related *q)
{
	return &q->trace;
}

const struct related_rows *related_connection(const struct related *q)
{
	return &q->connection;
}

enum related_by related_server_by(const struct related *q)
{
	return q->server.by;
}

enum related_by related_client_by(const struct related *q)
{
	return q->client.by;
}

/* --- life --------------------------------------------------------------------------------------------------- */

static struct related *new_of(const struct flow *f, uint64_t row, struct span self)
{
	struct related *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->self = self;
	q->self.n = row;
	q->serves = !f->streams && !lasts(f->proto ? f->proto : "");
	party_of(&q->client, &f->conn->client);
	party_of(&q->server, &f->conn->server);
	q->conn = (uint32_t)f->conn->id;
	q->cport = f->conn->client.port;
	q->sport = f->conn->server.port;
	q->is_unix = flow_is_unix(f->conn);
	memcpy(q->caddr, f->conn->client.addr, 16);
	memcpy(q->saddr, f->conn->server.addr, 16);
	return q;
}

struct related *related_new(const struct flow *f, uint64_t row)
{
	bool ended = f->state != FLOW_OPEN && f->req.begin_ns && f->resp.end_ns;
	struct span self = { .begin = flow_time_ns(f),
			     .trace = trace_fold(trace_id(&f->req)),
			     .request = trace_fold(trace_request(&f->req)) };

	self.end = end_of(self.begin, ended ? flow_duration_ns(f) : ROW_NO_DURATION, f->state);
	return new_of(f, row, self);
}

struct related *related_of_row(const struct list *l, const struct row *r)
{
	struct row_flow rf;

	row_flow(l, r, &rf);
	return new_of(&rf.flow, r->n, span_of(r));
}

void related_free(struct related *q)
{
	if (q)
		free(q->children);
	free(q);
}
