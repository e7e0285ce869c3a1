/* SPDX-License-Identifier: Apache-2.0 */
/* Rows lie in chunks that never move, used as a ring of chunks.  What rows share (names, addresses, targets) is
 * interned: an end of a connection is one blob: its address and pid, followed by its names. */
#include "hub/list.h"

#include <errno.h>
#include <stdlib.h>

#include "flow/trace.h"

#define CHUNK 4096

int list_init(struct list *l, size_t max_rows, size_t max_bytes)
{
	*l = (struct list){ .max_rows = max_rows, .max_bytes = max_bytes };
	l->nchunks = max_rows / CHUNK + 2;
	l->chunks = calloc(l->nchunks, sizeof(*l->chunks));
	l->changes = calloc(LIST_CHANGES, sizeof(*l->changes));
	l->rescued = calloc(LIST_RESCUED, sizeof(*l->rescued));
	if (l->chunks && l->changes && l->rescued)
		return 0;
	list_release(l);
	return -ENOMEM;
}

static struct row *at(const struct list *l, uint64_t pos)
{
	return &l->chunks[pos / CHUNK % l->nchunks][pos % CHUNK];
}

const struct row *list_at(const struct list *l, uint64_t pos)
{
	return at(l, pos);
}

uint64_t list_place(const struct list *l, uint64_t n)
{
	uint64_t lo = l->base, hi = l->end;

	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;

		if (at(l, mid)->n < n)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

size_t list_bytes(const struct list *l)
{
	uint64_t chunks = l->end > l->base ? (l->end - 1) / CHUNK - l->base / CHUNK + 1 : 0;

	return l->strings.bytes + l->blobs.bytes + (size_t)chunks * CHUNK * sizeof(struct row);
}

static void forget(struct list *l, const struct row *r)
{
	const uint32_t strings[] = { r->proto,	r->op,	 r->target,   r->status,
				     r->reason, r->host, r->req_type, r->resp_type };

	for (size_t i = 0; i < sizeof(strings) / sizeof(*strings); i++)
		intern_drop(&l->strings, strings[i]);
	intern_drop(&l->blobs, r->client);
	intern_drop(&l->blobs, r->server);
	intern_drop(&l->strings, r->tls);
	intern_drop(&l->strings, r->mark);
}

static void rescue(struct list *l, const struct row *r)
{
	struct flow_mark m;

	if (row_mark(l, r, &m) && m.pinned && l->nrescued < LIST_RESCUED)
		memcpy(l->rescued[l->nrescued++], r->id, 16);
}

static void drop_first(struct list *l)
{
	uint64_t chunk = l->base / CHUNK;

	tally_row(l, at(l, l->base), -1);
	rescue(l, at(l, l->base));
	forget(l, at(l, l->base));
	l->base++;
	l->version++;
	if (l->base / CHUNK != chunk) {
		free(l->chunks[chunk % l->nchunks]);
		l->chunks[chunk % l->nchunks] = NULL;
	}
}

void list_drop_below(struct list *l, uint64_t n)
{
	while (l->base < l->end && at(l, l->base)->n < n)
		drop_first(l);
}

void list_clear(struct list *l)
{
	while (l->base < l->end)
		drop_first(l);
	l->nrescued = 0; /* what is cleared is not to come back */
	l->version++;
}

void list_release(struct list *l)
{
	for (size_t i = 0; l->chunks && i < l->nchunks; i++)
		free(l->chunks[i]);
	free(l->chunks);
	free(l->changes);
	free(l->rescued);
	intern_release(&l->strings);
	intern_release(&l->blobs);
	*l = (struct list){ 0 };
}

/* --- from a flow --------------------------------------------------------------------------------------- */

#define NAMES 8
#define HEAD  (sizeof(((struct flow_peer *)NULL)->addr) + sizeof(((struct flow_peer *)NULL)->pid))

static uint32_t put_blob(struct intern *t, const uint8_t *head, size_t nhead,
			 const char *const names[NAMES])
{
	struct buf b = { 0 };
	uint32_t id;

	if (nhead)
		buf_put(&b, (struct slice){ head, nhead });
	for (size_t i = 0; i < NAMES; i++) {
		struct slice s = slice_cut(slice_str(names[i]), 0, 256);

		buf_put(&b, s);
		buf_put(&b, (struct slice){ (const uint8_t *)"", 1 });
	}
	id = b.failed ? 0 : intern_put(t, buf_slice(&b));
	buf_release(&b);
	return id;
}

/* Names come after head, each with its NUL; an empty one is NULL. */
static void get_blob(struct slice s, size_t nhead, const char *ret[NAMES])
{
	size_t pos = nhead;

	for (size_t i = 0; i < NAMES; i++) {
		const char *name = pos < s.n ? (const char *)s.p + pos : "";

		ret[i] = name[0] ? name : NULL;
		pos += strlen(name) + 1;
	}
}

/* path: of the unix socket, for its server. */
static uint32_t put_peer(struct list *l, const struct flow_peer *p, const char *path)
{
	const char *const names[NAMES] = { p->comm, p->container, p->container_id, path,
					   p->pod,  p->ns,	  p->project,	   NULL };

	uint8_t head[HEAD];

	memcpy(head, p->addr, 16);
	memcpy(head + 16, &p->pid, sizeof(p->pid));
	return put_blob(&l->blobs, head, sizeof(head), names);
}

void list_peer(const struct list *l, uint32_t id, struct flow_peer *ret, const char **ret_path)
{
	struct slice s = intern_get(&l->blobs, id);
	const char *names[NAMES];

	*ret_path = NULL;
	if (s.n < HEAD)
		return;
	get_blob(s, HEAD, names);
	memcpy(ret->addr, s.p, 16);
	memcpy(&ret->pid, s.p + 16, sizeof(ret->pid));
	ret->comm = names[0];
	ret->container = names[1];
	ret->container_id = names[2];
	*ret_path = names[3];
	ret->pod = names[4];
	ret->ns = names[5];
	ret->project = names[6];
}

const char *list_container_id(const struct list *l, uint32_t blob)
{
	struct flow_peer p = { 0 };
	const char *path;

	list_peer(l, blob, &p, &path);
	return p.container_id;
}

static void replace(struct intern *t, uint32_t *id, const char *s, size_t max)
{
	uint32_t now = intern_put(t, slice_cut(slice_str(s), 0, max));

	intern_drop(t, *id);
	*id = now;
}

static void put_conn(struct list *l, struct row *r, const struct flow *f)
{
	const struct flow_conn *c = f->conn;
	const struct flow_tls *tls = c->tls;
	uint32_t client = put_peer(l, &c->client, NULL);
	uint32_t server = put_peer(l, &c->server, c->path), id = 0;

	if (tls) {
		const char *const names[NAMES] = { tls->library, tls->version, tls->road,
						   tls->sni,	 tls->alpn,    tls->protocol,
						   tls->cipher,	 tls->mapping };

		id = put_blob(&l->strings, NULL, 0, names);
	}
	intern_drop(&l->blobs, r->client);
	intern_drop(&l->blobs, r->server);
	intern_drop(&l->strings, r->tls);
	r->client = client;
	r->server = server;
	r->tls = id;
	r->cport = c->client.port;
	r->sport = c->server.port;
	r->conn = (uint32_t)c->id;
	r->bits = (uint8_t)((r->bits & ~ROW_UNIX) | (flow_is_unix(c) ? ROW_UNIX : 0));
}

static const char *host_of(const struct flow *f)
{
	const char *h = flow_header(&f->req, "host");

	if (!h)
		h = flow_header(&f->req, ":authority");
	return h ? h : f->conn->tls ? f->conn->tls->sni : NULL;
}

/* How much was sent in that direction: a body, or the messages of a conversation. */
static uint64_t said(const struct flow *f, size_t side, uint64_t body_len)
{
	return f->streams && f->stream.bytes[side] > body_len ? f->stream.bytes[side] : body_len;
}

/* Rows that a statement sent, or else changed. */
static uint32_t rows_of(const struct flow_half *resp)
{
	const char *best = NULL;
	unsigned long long n;

	for (size_t i = 0; i < resp->nattrs; i++) {
		if (strcmp(resp->attrs[i].key, "rows") == 0) {
			best = resp->attrs[i].value;
			break;
		}
		if (!best && strcmp(resp->attrs[i].key, "affected") == 0)
			best = resp->attrs[i].value;
	}
	n = best ? strtoull(best, NULL, 10) : 0;
	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

/* Later facts win; a side that this write does not have is left as it was. */
static void fill(struct list *l, struct row *r, const struct flow *f)
{
	struct intern *t = &l->strings;

	put_conn(l, r, f);
	replace(t, &r->proto, f->proto, 64);
	r->state = (uint8_t)f->state;
	r->flags = (uint16_t)f->flags;
	r->bits = (uint8_t)((r->bits & ~ROW_FAILED) | (f->failed ? ROW_FAILED : 0));
	if (f->has_req || !(r->bits & ROW_HAS_REQ)) {
		replace(t, &r->op, f->req.op, 256);
		replace(t, &r->target, f->req.target, LIST_TARGET_MAX);
		replace(t, &r->host, host_of(f), 256);
		replace(t, &r->req_type, f->req.body.type, 256);
		r->req_len = said(f, 0, f->req.body.len);
		r->trace = trace_fold(trace_id(&f->req));
		r->request = trace_fold(trace_request(&f->req));
		if (f->req.target && strlen(f->req.target) > LIST_TARGET_MAX)
			r->bits |= ROW_CUT;
	}
	if (f->has_resp || !(r->bits & ROW_HAS_RESP)) {
		replace(t, &r->status, f->resp.status, 256);
		replace(t, &r->reason, f->resp.reason, 256);
		replace(t, &r->resp_type, f->resp.body.type, 256);
		r->resp_len = said(f, 1, f->resp.body.len);
		r->rows = rows_of(&f->resp);
	}
	if (f->state == FLOW_OPEN)
		r->dur_ns = ROW_NO_DURATION;
	else if (f->req.begin_ns && f->resp.end_ns)
		r->dur_ns = flow_duration_ns(f);
	if (f->req.begin_ns || r->ts_ns == 0)
		r->ts_ns = flow_time_ns(f);
	r->bits |= (uint8_t)((f->has_req ? ROW_HAS_REQ : 0) | (f->has_resp ? ROW_HAS_RESP : 0));
}

static struct row *append(struct list *l)
{
	struct row **chunk;

	while (l->end > l->base &&
	       (l->end - l->base >= l->max_rows || list_bytes(l) > l->max_bytes))
		drop_first(l);
	chunk = &l->chunks[l->end / CHUNK % l->nchunks];
	if (!*chunk)
		*chunk = calloc(CHUNK, sizeof(**chunk));
	if (!*chunk)
		return NULL;
	*at(l, l->end) = (struct row){ .dur_ns = ROW_NO_DURATION };
	return at(l, l->end);
}

int list_put(struct list *l, uint64_t n, const struct flow *f)
{
	uint64_t pos = l->base < l->end && n <= at(l, l->end - 1)->n ? list_place(l, n) : l->end;
	struct row *r;

	if (pos < l->end && at(l, pos)->n != n)
		return -ESTALE;
	if (pos < l->end) {
		r = at(l, pos);
		tally_row(l, r, -1);
		l->changes[l->nchanges++ % LIST_CHANGES] = pos;
	} else {
		r = append(l);
		if (!r)
			return -ENOMEM;
		r->n = n;
		memcpy(r->id, f->id, 16);
		l->end++;
	}
	fill(l, r, f);
	if (f->mark)
		(void)list_set_mark(l, r, f->mark); /* without memory: not shown, but stored */
	tally_row(l, r, 1);
	l->version++;
	return 0;
}

int list_mark(struct list *l, uint64_t n, const struct flow_mark *m)
{
	uint64_t pos = list_place(l, n);
	struct row *r;
	int e;

	if (pos >= l->end || at(l, pos)->n != n)
		return -ENOENT;
	r = at(l, pos);
	tally_row(l, r, -1);
	e = list_set_mark(l, r, m);
	tally_row(l, r, 1);
	l->changes[l->nchanges++ % LIST_CHANGES] = pos;
	l->version++;
	return e;
}

/* --- to a flow ----------------------------------------------------------------------------------------- */

static const char *text(const struct list *l, uint32_t id)
{
	return (const char *)intern_get(&l->strings, id).p;
}

static void fill_tls(const struct list *l, uint32_t id, struct flow_tls *ret)
{
	const char *names[NAMES];

	get_blob(intern_get(&l->strings, id), 0, names);
	*ret = (struct flow_tls){
		.library = names[0],
		.version = names[1],
		.road = names[2],
		.sni = names[3],
		.alpn = names[4],
		.protocol = names[5],
		.cipher = names[6],
		.mapping = names[7],
	};
}

/* All but the ends' names and what tls says. */
static void fill_flow(const struct list *l, const struct row *r, struct row_flow *ret)
{
	struct flow *f = &ret->flow;
	bool req = r->bits & ROW_HAS_REQ, resp = r->bits & ROW_HAS_RESP;

	ret->conn.l4 = r->bits & ROW_UNIX ? "unix" : "tcp";
	ret->conn.client.port = r->cport;
	ret->conn.server.port = r->sport;
	ret->conn.id = r->conn;
	ret->conn.tls = r->tls ? &ret->tls : NULL;
	memcpy(f->id, r->id, 16);
	f->conn = &ret->conn;
	f->proto = text(l, r->proto);
	f->state = r->state;
	f->flags = r->flags;
	f->failed = r->bits & ROW_FAILED;
	f->has_req = req;
	f->has_resp = resp;
	/* Only differences of times are looked at: begin at 1 ns. */
	f->epoch_ns = r->ts_ns - 1;
	f->req.begin_ns = req;
	f->resp.begin_ns = resp;
	f->resp.end_ns = r->dur_ns == ROW_NO_DURATION ? 0 : 1 + r->dur_ns;
	f->req.op = text(l, r->op);
	f->req.target = text(l, r->target);
	f->req.body.len = r->req_len;
	f->req.body.type = text(l, r->req_type);
	f->resp.status = text(l, r->status);
	f->resp.reason = text(l, r->reason);
	f->resp.body.len = r->resp_len;
	f->resp.body.type = text(l, r->resp_type);
	f->mark = row_mark(l, r, &ret->mark) ? &ret->mark : NULL;
	ret->host = (struct flow_attr){ "host", text(l, r->host) };
	f->req.headers = r->host ? &ret->host : NULL;
	f->req.nheaders = r->host != 0;
}

void row_flow(const struct list *l, const struct row *r, struct row_flow *ret)
{
	const char *none;

	*ret = (struct row_flow){ 0 };
	list_peer(l, r->client, &ret->conn.client, &none);
	list_peer(l, r->server, &ret->conn.server, &ret->conn.path);
	if (r->tls)
		fill_tls(l, r->tls, &ret->tls);
	fill_flow(l, r, ret);
}

static const struct reader_peer *read_peer(struct row_reader *rd, const struct list *l, uint32_t id)
{
	struct reader_peer *p = &rd->peers[id % READER_PEERS];

	if (p->id != id || id == 0) {
		list_peer(l, id, &p->peer, &p->path);
		p->id = id;
	}
	return p;
}

const struct flow *row_read(struct row_reader *rd, const struct list *l, const struct row *r)
{
	const struct reader_peer *p = read_peer(rd, l, r->client);

	rd->rf.conn.client = p->peer;
	p = read_peer(rd, l, r->server);
	rd->rf.conn.server = p->peer;
	rd->rf.conn.path = p->path;
	if (r->tls && r->tls != rd->tls)
		fill_tls(l, rd->tls = r->tls, &rd->rf.tls);
	fill_flow(l, r, &rd->rf);
	return &rd->rf.flow;
}
