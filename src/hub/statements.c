/* SPDX-License-Identifier: Apache-2.0 */
/* A shape is worked out once for each text that the list has, as long as the list does not change; prepared statements have one
 * text for all their executions. */
#include "hub/statements.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/map.h"
#include "flow/shape.h"
#include "hub/aggregate.h"

#define ENDS 8 /* names of callers and of servers kept for a shape */

struct names {
	uint32_t id[ENDS];
	uint64_t n[ENDS];
	uint64_t others;
};

struct statement {
	struct buf shape;
	const char *proto; /* borrowed from protos */
	uint64_t calls, failed, rows, bytes, busy_ns, key;
	uint32_t place; /* in list, from 1 on */
	int64_t last_ns;
	uint8_t last[16]; /* id of the newest flow */
	struct names callers, servers;
	struct hist *hist; /* NULL: no duration yet */
};

struct statements {
	struct job job;
	size_t told;
	struct map by_key;
	struct statement *list[STATEMENTS_KEPT];
	size_t n;
	struct intern ends, protos;
	struct memo shapes; /* target to place in list, from 1 on */
	struct buf shape;
	uint64_t flows, not_told;
	int64_t last_ns;
};

static void count_name(struct names *t, struct intern *in, const struct list *l, uint32_t blob, bool server)
{
	struct flow_peer p = { 0 };
	const char *path;
	struct end e;
	uint32_t id;

	list_peer(l, blob, &p, &path);
	end_name(&e, BY_SERVICE, &p, path, server, NULL);
	id = intern_put(in, slice_cut(slice_str(e.name), 0, 200));
	for (size_t i = 0; i < ENDS; i++) {
		if (t->id[i] == id || t->id[i] == 0) {
			t->id[i] = id; /* counted in `in` as often as it is used: all go together */
			t->n[i]++;
			return;
		}
	}
	t->others++;
}

/* NULL: no room, or out of memory. */
static struct statement *new_statement(struct statements *s, uint64_t key, struct slice proto)
{
	struct statement *t = s->n < STATEMENTS_KEPT ? calloc(1, sizeof(*t)) : NULL;
	uint32_t id = t ? intern_put(&s->protos, proto) : 0;

	if (!id || map_put(&s->by_key, key, t) < 0) {
		free(t);
		return NULL;
	}
	t->key = key;
	t->proto = (const char *)intern_get(&s->protos, id).p;
	buf_put(&t->shape, buf_slice(&s->shape));
	s->list[s->n++] = t;
	t->place = (uint32_t)s->n;
	return t;
}

static struct statement *statement_of(struct statements *s, const struct list *l, const struct row *r, struct slice proto)
{
	uint32_t known = memo_get(&s->shapes, l, r->target);
	const char *target = (const char *)intern_get(&l->strings, r->target).p;
	struct statement *t;
	uint64_t key;

	/* One text of two protocols has a shape in each. */
	if (known && strcmp(s->list[known - 1]->proto, (const char *)proto.p) == 0)
		return s->list[known - 1];
	buf_clear(&s->shape);
	shape_of(&s->shape, (const char *)proto.p, NULL, target);
	if (s->shape.n == 0 || s->shape.failed)
		return NULL;
	key = shape_key(buf_slice(&s->shape)) ^ (proto.n * UINT64_C(0x9e3779b97f4a7c15));
	t = map_find(&s->by_key, key);
	if (!t)
		t = new_statement(s, key, proto);
	if (t && !known)
		memo_put(&s->shapes, r->target, t->place);
	return t;
}

static void on_row(struct job *j, const struct list *l, const struct row *r)
{
	struct statements *s = (struct statements *)j;
	struct slice proto = intern_get(&l->strings, r->proto);
	int64_t end = aggregate_end_ns(r);
	struct statement *t;

	if (!proto.p || !shape_is_sql((const char *)proto.p) || !r->target)
		return;
	t = statement_of(s, l, r, proto);
	s->flows++;
	if (end > s->last_ns)
		s->last_ns = end;
	if (!t) {
		s->not_told++;
		return;
	}
	t->calls++;
	t->failed += (r->bits & ROW_FAILED) != 0;
	t->rows += r->rows;
	t->bytes += r->resp_len;
	if (r->ts_ns >= t->last_ns) {
		t->last_ns = r->ts_ns;
		memcpy(t->last, r->id, 16);
	}
	count_name(&t->callers, &s->ends, l, r->client, false);
	count_name(&t->servers, &s->ends, l, r->server, true);
	if (r->dur_ns == ROW_NO_DURATION || r->state != FLOW_DONE)
		return;
	t->busy_ns += r->dur_ns;
	if (!t->hist)
		t->hist = calloc(1, sizeof(*t->hist));
	if (t->hist)
		hist_add(t->hist, r->dur_ns);
}

/* --- the answer ------------------------------------------------------------------------------------------------- */

/* Those that took the most time together come first. */
static int by_busy(const void *a, const void *b)
{
	const struct statement *x = *(struct statement *const *)a, *y = *(struct statement *const *)b;

	if (x->busy_ns != y->busy_ns)
		return x->busy_ns < y->busy_ns ? 1 : -1;
	if (x->calls != y->calls)
		return x->calls < y->calls ? 1 : -1;
	return x->key < y->key ? -1 : x->key > y->key;
}

static void names_json(struct buf *out, const char *key, const struct names *t, const struct intern *in)
{
	buf_printf(out, ",\"%s\":[", key);
	for (size_t i = 0; i < ENDS && t->id[i]; i++) {
		buf_puts(out, i ? ",{\"name\":" : "{\"name\":");
		buf_put_json_str(out, intern_get(in, t->id[i]));
		buf_printf(out, ",\"calls\":%" PRIu64 "}", t->n[i]);
	}
	if (t->others)
		buf_printf(out, ",{\"name\":\"\",\"calls\":%" PRIu64 "}", t->others);
	buf_puts(out, "]");
}

static void statement_json(struct buf *out, const struct statement *t, const struct statements *s)
{
	char id[37];

	flow_id_format(t->last, id);
	buf_puts(out, "{\"shape\":");
	buf_put_json_str(out, buf_slice(&t->shape));
	buf_printf(out,
		   ",\"proto\":\"%s\",\"calls\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"rows\":%" PRIu64 ",\"bytes\":%" PRIu64
		   ",\"busy_ns\":%" PRIu64 ",\"last\":\"%s\",\"last_ns\":\"%" PRId64 "\",",
		   t->proto, t->calls, t->failed, t->rows, t->bytes, t->busy_ns, id, t->last_ns);
	hist_json(out, t->hist);
	names_json(out, "callers", &t->callers, &s->ends);
	names_json(out, "servers", &t->servers, &s->ends);
	buf_puts(out, "}");
}

static void answer(struct job *j, struct buf *out)
{
	struct statements *s = (struct statements *)j;
	struct aggregate_span span = aggregate_span(j, s->last_ns);
	size_t n = s->n < s->told ? s->n : s->told;
	uint64_t hidden = s->not_told + walk_missed(j->walk);

	if (s->n)
		qsort(s->list, s->n, sizeof(*s->list), by_busy);
	buf_printf(out, "{\"from_ns\":\"%" PRId64 "\",\"to_ns\":\"%" PRId64 "\",\"flows\":%" PRIu64 ",\"statements\":[",
		   span.from_ns, span.to_ns, s->flows);
	for (size_t i = 0; i < n; i++) {
		buf_puts(out, i ? "," : "");
		statement_json(out, s->list[i], s);
	}
	for (size_t i = n; i < s->n; i++)
		hidden += s->list[i]->calls;
	buf_printf(out, "],\"left_out\":{\"statements\":%zu,\"flows\":%" PRIu64 "}}", s->n - n, hidden);
}

static void statements_free(struct job *j)
{
	struct statements *s = (struct statements *)j;

	for (size_t i = 0; i < s->n; i++) {
		buf_release(&s->list[i]->shape);
		free(s->list[i]->hist);
		free(s->list[i]);
	}
	map_release(&s->by_key);
	intern_release(&s->ends);
	intern_release(&s->protos);
	memo_release(&s->shapes);
	buf_release(&s->shape);
	free(s);
}

struct job *statements_new(size_t told)
{
	static const struct job_ops ops = { on_row, answer, statements_free };
	struct statements *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->job.ops = &ops;
	s->told = told < STATEMENTS_TOLD ? told : STATEMENTS_TOLD;
	return &s->job;
}
