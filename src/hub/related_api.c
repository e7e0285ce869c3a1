/* SPDX-License-Identifier: Apache-2.0 */
/* GET /api/flow/ID/related (docs/api.md). */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "flow/shape.h"
#include "flow/trace.h"
#include "hub/related.h"
#include "hub/serve.h"

#define PIECE	     20000 /* rows between two times that others may have the lock */
#define GROUPS	     64
#define GROUPED_ROWS 4000 /* rows whose shapes are made */
#define REPEATED     5	  /* so many of one shape are worth a word */

/* Requests of one shape that one request caused. */
struct group {
	uint64_t key, busy_ns;
	unsigned n, failed;
	struct buf shape;
};
struct groups {
	struct group g[GROUPS];
	size_t n;
};

static void scan(struct hub_state *st, struct related *q)
{
	bool more;

	do {
		hub_lock(st);
		more = related_scan(q, &st->list, PIECE);
		hub_unlock(st);
	} while (more);
}

static const struct row *row_of(const struct list *l, uint64_t n)
{
	uint64_t pos = list_place(l, n);

	return pos < l->end && list_at(l, pos)->n == n ? list_at(l, pos) : NULL;
}

/* --- what is repeated ----------------------------------------------------------------------------------------- */

/* What opens, ends and keeps a session says nothing about how a program asks. */
static bool counts(const char *proto, struct slice shape)
{
	static const char *const verbs[] = { "SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "MERGE", "CALL", "REPLACE" };

	if (!shape_is_sql(proto))
		return true;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
		struct slice v = slice_str(verbs[i]);

		if (slice_eq_nocase(slice_cut(shape, 0, v.n), v))
			return true;
	}
	return false;
}

static void shape_row(struct buf *out, const struct list *l, const struct row *r, const char **ret_proto)
{
	struct row_flow rf;

	row_flow(l, r, &rf);
	buf_clear(out);
	shape_of(out, rf.flow.proto, rf.flow.req.op, rf.flow.req.target);
	*ret_proto = rf.flow.proto;
}

static struct group *group_of(struct groups *gs, struct slice shape, bool add)
{
	uint64_t key = shape_key(shape);

	for (size_t i = 0; i < gs->n; i++)
		if (gs->g[i].key == key)
			return &gs->g[i];
	if (!add || gs->n == GROUPS)
		return NULL;
	gs->g[gs->n] = (struct group){ .key = key };
	buf_put(&gs->g[gs->n].shape, shape);
	return &gs->g[gs->n++];
}

static void group_rows(struct groups *gs, const struct list *l, struct related *q)
{
	struct buf shape = { 0 };

	for (size_t i = 0; i < GROUPED_ROWS; i++) {
		uint64_t n = related_caused_at(q, i);
		const struct row *r = n ? row_of(l, n) : NULL;
		const char *proto;
		struct group *g;

		if (!n)
			break;
		if (!r)
			continue;
		shape_row(&shape, l, r, &proto);
		g = counts(proto, buf_slice(&shape)) ? group_of(gs, buf_slice(&shape), true) : NULL;
		if (!g)
			continue;
		g->n++;
		g->failed += !!(r->bits & ROW_FAILED);
		g->busy_ns += r->dur_ns == ROW_NO_DURATION ? 0 : r->dur_ns;
	}
	buf_release(&shape);
}

static void groups_release(struct groups *gs)
{
	for (size_t i = 0; i < gs->n; i++)
		buf_release(&gs->g[i].shape);
	free(gs);
}

static void put_groups(struct buf *out, const struct groups *gs, const struct group *only)
{
	const char *comma = "";

	buf_puts(out, "[");
	for (size_t i = 0; i < gs->n; i++) {
		const struct group *g = &gs->g[i];

		if (g->n < REPEATED || (only && g != only))
			continue;
		buf_printf(out, "%s{\"shape\":", comma);
		buf_put_json_str(out, buf_slice(&g->shape));
		buf_printf(out, ",\"n\":%u,\"failed\":%u,\"busy_ns\":%" PRIu64 "}", g->n, g->failed, g->busy_ns);
		comma = ",";
	}
	buf_puts(out, "]");
}

/* --- the answer ----------------------------------------------------------------------------------------------- */

/* gs: of the rows, NULL: none. */
static void put_rows(struct buf *out, const struct list *l, const char *key, const struct related_rows *rows,
		     struct groups *gs)
{
	const char *comma = "";
	struct buf shape = { 0 };

	buf_printf(out, ",\"%s\":{\"n\":%" PRIu64 ",\"busy_ns\":%" PRIu64 ",\"rows\":[", key, rows->n, rows->busy_ns);
	for (size_t i = 0; i < rows->kept; i++) {
		const struct row *r = row_of(l, rows->rows[i].n);
		const struct group *g = NULL;
		const char *proto;

		if (!r)
			continue; /* evicted meanwhile */
		buf_puts(out, comma);
		row_json(out, l, r);
		out->n -= out->n > 0; /* its closing brace */
		if (gs) {
			shape_row(&shape, l, r, &proto);
			g = group_of(gs, buf_slice(&shape), false);
		}
		buf_printf(out, ",\"of\":%u", rows->rows[i].of);
		if (g && g->n >= REPEATED) {
			buf_puts(out, ",\"shape\":");
			buf_put_json_str(out, buf_slice(&g->shape));
		}
		buf_puts(out, "}");
		comma = ",";
	}
	buf_puts(out, "]}");
	buf_release(&shape);
}

static void put_ids(struct buf *out, const struct flow_half *req)
{
	const char *const *names = trace_headers();
	const char *comma = "";

	buf_puts(out, ",\"ids\":[");
	for (; *names; names++) {
		const char *v = flow_header(req, *names);

		if (!v)
			continue;
		buf_printf(out, "%s{\"name\":\"%s\",\"value\":", comma, *names);
		buf_put_json_str(out, slice_cut(slice_str(v), 0, 256));
		buf_puts(out, "}");
		comma = ",";
	}
	buf_puts(out, "]");
}

/* Of a flow that one request caused: how often that request asked so. */
static void put_siblings(struct conn *c, struct buf *out, struct related *q, const struct flow *f)
{
	const struct related_rows *by = related_caused_by(q);
	struct groups *gs = by->n == 1 && by->kept == 1 ? calloc(1, sizeof(*gs)) : NULL;
	struct hub_state *st = c->w->st;
	struct related *parent = NULL;
	struct buf shape = { 0 };
	const struct row *r;
	const struct group *g;

	if (!gs)
		return;
	hub_lock(st);
	r = row_of(&st->list, by->rows[0].n);
	parent = r ? related_of_row(&st->list, r) : NULL;
	hub_unlock(st);
	if (parent) {
		scan(st, parent);
		hub_lock(st);
		group_rows(gs, &st->list, parent);
		hub_unlock(st);
		shape_of(&shape, f->proto, f->req.op, f->req.target);
		g = group_of(gs, buf_slice(&shape), false);
		if (g && g->n >= REPEATED) {
			buf_puts(out, ",\"siblings\":");
			put_groups(out, gs, g);
		}
	}
	buf_release(&shape);
	related_free(parent);
	groups_release(gs);
}

static const char *by_name(enum related_by by)
{
	return by == RELATED_PROCESS ? "\"process\"" : by == RELATED_CONTAINER ? "\"container\"" : "null";
}

void api_related(struct conn *c, const struct flow *f, uint64_t row)
{
	struct related *q = related_new(f, row);
	struct groups *gs = calloc(1, sizeof(*gs));
	struct buf *out = &c->a.own;
	struct hub_state *st = c->w->st;
	const struct list *l = &st->list;

	if (q && gs) {
		scan(st, q);
		buf_clear(out);
		buf_printf(out, "{\"client_by\":%s,\"server_by\":%s", by_name(related_client_by(q)),
			   by_name(related_server_by(q)));
		hub_lock(st);
		group_rows(gs, l, q);
		put_rows(out, l, "caused_by", related_caused_by(q), NULL);
		put_rows(out, l, "caused", related_caused(q), gs);
		put_rows(out, l, "trace", related_trace(q), NULL);
		put_rows(out, l, "connection", related_connection(q), NULL);
		hub_unlock(st);
		put_ids(out, &f->req);
		buf_puts(out, ",\"repeated\":");
		put_groups(out, gs, NULL);
		put_siblings(c, out, q, f);
		buf_puts(out, "}");
		answer_own(c, 200, NULL);
	} else {
		answer_error(c, 503, "the hub is out of memory");
	}
	related_free(q);
	if (gs)
		groups_release(gs);
}
