/* SPDX-License-Identifier: Apache-2.0 */
/* What the server's messages put into an answer. */
#include "proto/postgres_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define NOTICES_MAX 4
#define RESULTS_MAX 4 /* of one answer, whose columns are told */

struct pg_answer *pg_answer(struct pg *p)
{
	struct pg_answer *w = &p->answer;
	const struct pg_unit *u;

	if (w->on)
		return w;
	u = pg_head(p);
	*w = (struct pg_answer){ .on = true, .orphan = !u };
	w->a = arena_new(p->limits->decoded_bytes + p->limits->head_bytes * 2 +
			 p->limits->body_bytes * 2 + 8 * SQL_LIST_BYTES);
	w->flags = w->a ? 0 : FLOW_TRUNCATED;
	if (p->dir[SIDE_RESP].gap && w->orphan)
		w->flags |= FLOW_AFTER_GAP;
	return w;
}

/* --- errors and notices --- */

struct slice pg_field(struct slice fields, char code)
{
	struct rd r = rd_init(fields);

	while (rd_left(&r) > 1) {
		uint8_t c = rd_u8(&r);
		struct slice s = pg_cstr(&r);

		if (c == (uint8_t)code)
			return s;
	}
	return (struct slice){ 0 };
}

/* 54.8 of the documentation */
static const struct {
	char code;
	const char *key;
} fields_told[] = {
	{ 'D', "detail" },	   { 'H', "hint" },
	{ 'P', "position" },	   { 'p', "internal_position" },
	{ 'q', "internal_query" }, { 'W', "where" },
	{ 's', "schema" },	   { 't', "table" },
	{ 'c', "column" },	   { 'd', "datatype" },
	{ 'n', "constraint" },	   { 'F', "file" },
	{ 'L', "line" },	   { 'R', "routine" },
};

static struct slice severity(struct slice fields)
{
	struct slice s = pg_field(fields, 'V'); /* not translated; since 9.6 */

	return s.n ? s : pg_field(fields, 'S');
}

void pg_answer_error(struct pg *p, struct slice fields)
{
	struct pg_answer *w = pg_answer(p);
	struct slice code = pg_field(fields, 'C');

	w->failed = true;
	w->status = code.n == 0 ? "ERROR" : w->a ? arena_str(w->a, code) : NULL;
	if (!w->a)
		return;
	w->reason = arena_str(w->a, pg_field(fields, 'M'));
	sql_attr_slice(&w->attrs, w->a, "severity", severity(fields));
	for (size_t i = 0; i < sizeof(fields_told) / sizeof(fields_told[0]); i++) {
		struct slice s = pg_field(fields, fields_told[i].code);

		if (s.n > 0)
			sql_attr_slice(&w->attrs, w->a, fields_told[i].key, s);
	}
}

void pg_answer_notice(struct pg *p, struct slice fields)
{
	struct pg_answer *w = pg_answer(p);
	struct slice level = severity(fields), text = pg_field(fields, 'M');

	if (!w->a || ++w->notices > NOTICES_MAX) {
		w->flags |= FLOW_TRUNCATED;
		return;
	}
	text = slice_cut(text, 0, 4096);
	sql_attr(&w->attrs, "notice",
		 arena_printf(w->a, "%.*s: %.*s", (int)(level.n < 32 ? level.n : 32),
			      level.n ? (const char *)level.p : "", (int)text.n,
			      text.n ? (const char *)text.p : ""));
}

/* --- columns --- */

static void put_type(struct sql_list *l, uint32_t oid)
{
	const char *name = pg_type_name(oid);
	char number[16];

	if (!name)
		(void)snprintf(number, sizeof(number), "%" PRIu32, oid);
	sql_list_add(l, SQL_LIST_BYTES, slice_str(name ? name : number));
}

static struct pg_columns keep_columns(struct pg *p, struct arena *a, const struct pg_column *list,
				      uint32_t n)
{
	struct pg_columns c = { .n = n };
	struct pg_column *to = arena_alloc(a, (n ? n : 1) * sizeof(*to));

	if (to && n)
		memcpy(to, list, n * sizeof(*to));
	c.list = to;
	c.names = sql_list_copy(&p->names, a);
	c.types = sql_list_copy(&p->types, a);
	return c;
}

/* RowDescription */
void pg_answer_columns(struct pg *p, struct slice body)
{
	struct pg_answer *w = pg_answer(p);
	const struct pg_unit *u = pg_head(p);
	struct rd r = rd_init(body);
	uint32_t n = rd_be16(&r), kept = n < PG_COLUMNS_MAX ? n : PG_COLUMNS_MAX;
	struct pg_column *list = w->a ? calloc(kept + (size_t)1, sizeof(*list)) : NULL;
	struct pg_named *s;

	sql_list_clear(&p->names);
	sql_list_clear(&p->types);
	if (!list) {
		w->flags |= FLOW_TRUNCATED;
		return;
	}
	for (uint32_t i = 0; i < kept && !r.short_read; i++) {
		struct slice name = pg_cstr(&r);

		(void)rd_be32(&r); /* table */
		(void)rd_be16(&r); /* column there */
		list[i].type = rd_be32(&r);
		(void)rd_be16(&r); /* size */
		(void)rd_be32(&r); /* modifier */
		list[i].binary = rd_be16(&r) == 1;
		sql_list_add(&p->names, SQL_LIST_BYTES, name);
		put_type(&p->types, list[i].type);
	}
	if (r.short_read || n > kept)
		w->flags |= FLOW_TRUNCATED;
	w->columns = keep_columns(p, w->a, list, kept);
	w->has_columns = w->columns.list != NULL;
	if (w->results < RESULTS_MAX) {
		sql_attr(&w->attrs, "columns", w->columns.names);
		sql_attr(&w->attrs, "types", w->columns.types);
	}
	if (p->names.cut || p->types.cut || arena_short(w->a))
		w->flags |= FLOW_TRUNCATED;
	s = u ? pg_named_at(&p->stmts, u->stmt_hash, u->stmt_serial) : NULL;
	if (s && !s->columns.list && s->text.p) { /* later executions need not ask again */
		s->columns = keep_columns(p, s->a, list, kept);
		pg_named_grew(&p->stmts, s);
	}
	free(list);
}

/* ParameterDescription */
void pg_answer_params(struct pg *p, struct slice body)
{
	struct pg_answer *w = pg_answer(p);
	const struct pg_unit *u = pg_head(p);
	struct pg_named *s = u ? pg_named_at(&p->stmts, u->stmt_hash, u->stmt_serial) : NULL;
	struct rd r = rd_init(body);
	uint32_t n = rd_be16(&r);

	n = n < rd_left(&r) / 4 ? n : (uint32_t)(rd_left(&r) / 4);
	if (s && s->ntypes < n) {
		uint32_t *types = arena_alloc(s->a, n * sizeof(*types));

		s->types = types ? types : s->types;
		s->ntypes = types ? n : s->ntypes;
		pg_named_grew(&p->stmts, s);
	}
	sql_list_clear(&p->names);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t oid = rd_be32(&r);

		if (s && i < s->ntypes)
			s->types[i] = oid;
		put_type(&p->names, oid);
	}
	if (w->a)
		sql_attr(&w->attrs, "param_types", sql_list_copy(&p->names, w->a));
	if (p->names.cut)
		w->flags |= FLOW_TRUNCATED;
}

/* --- rows --- */

/* What the statement was when it was described, if this answer does not say. */
static void recall_columns(struct pg *p, struct pg_answer *w, const struct pg_unit *u)
{
	struct pg_named *s = u ? pg_named_at(&p->stmts, u->stmt_hash, u->stmt_serial) : NULL;

	w->has_columns = true;
	if (!s || !s->columns.list || !w->a) {
		w->flags |= pg_unknown(p);
		return;
	}
	w->columns.n = s->columns.n;
	w->columns.list = arena_alloc(w->a, (s->columns.n + (size_t)1) * sizeof(struct pg_column));
	if (!w->columns.list) {
		w->flags |= FLOW_TRUNCATED;
		return;
	}
	memcpy((void *)(uintptr_t)w->columns.list, s->columns.list,
	       s->columns.n * sizeof(struct pg_column));
	sql_attr_slice(&w->attrs, w->a, "columns", slice_str(s->columns.names));
	sql_attr_slice(&w->attrs, w->a, "types", slice_str(s->columns.types));
}

static enum pg_format format_of(const struct pg_answer *w, const struct pg_unit *u, uint32_t i)
{
	if (u && u->formats.known)
		return pg_formats_of(&u->formats, i);
	if (i >= w->columns.n || !w->columns.list)
		return PG_FORMAT_UNKNOWN;
	return w->columns.list[i].binary ? PG_BINARY : PG_TEXT;
}

static void put_row_value(struct pg *p, const struct pg_answer *w, const struct pg_unit *u,
			  uint32_t i, struct slice v, uint64_t sent)
{
	enum pg_format f = format_of(w, u, i);

	if (f == PG_TEXT) {
		sql_row_value(&p->rows, v, sent);
		return;
	}
	buf_clear(&p->scratch);
	pg_value(&p->scratch, i < w->columns.n && w->columns.list ? w->columns.list[i].type : 0, f,
		 v);
	sql_row_value(&p->rows, buf_slice(&p->scratch), sent);
	p->rows.full |= p->scratch.failed;
}

void pg_answer_row(struct pg *p, const struct pg_in *in)
{
	struct pg_answer *w = pg_answer(p);
	const struct pg_unit *u = pg_head(p);
	struct rd r = rd_init(in->body);
	uint32_t n = rd_be16(&r);
	bool cut = in->body.n < in->len;

	if (in->holed)
		w->flags |= FLOW_AFTER_GAP;
	if (!w->has_columns)
		recall_columns(p, w, u);
	if (!sql_row_begin(&p->rows, in->len, p->limits->body_bytes, p->limits->decoded_bytes))
		return;
	for (uint32_t i = 0; i < n; i++) {
		int32_t len = (int32_t)rd_be32(&r);
		size_t have = len > 0 && (size_t)len > rd_left(&r) ? rd_left(&r) : (size_t)len;
		uint64_t room = sql_rows_room(&p->rows, p->limits->body_bytes);
		struct slice v;

		if (r.short_read || p->rows.full)
			break;
		if (len < 0) {
			sql_row_null(&p->rows);
			continue;
		}
		v = rd_bytes(&r, have);
		put_row_value(p, w, u, i, slice_cut(v, 0, room), (uint64_t)len + 4);
		if (have < (size_t)len)
			break;
	}
	sql_row_end(&p->rows, cut || r.short_read);
}

void pg_answer_value(struct pg *p, const struct pg_in *in)
{
	struct rd r = rd_init(in->body);
	int32_t len = (int32_t)rd_be32(&r);

	(void)pg_answer(p);
	if (!sql_row_begin(&p->rows, in->len, p->limits->body_bytes, p->limits->decoded_bytes))
		return;
	buf_clear(&p->scratch);
	pg_value(&p->scratch, 0, PG_FORMAT_UNKNOWN,
		 slice_cut(rd_bytes(&r, rd_left(&r)), 0, p->limits->body_bytes));
	if (len < 0)
		sql_row_null(&p->rows);
	else
		sql_row_value(&p->rows, buf_slice(&p->scratch), in->len);
	sql_row_end(&p->rows, in->body.n < in->len);
}

/* --- the end --- */

/* "INSERT 0 5" is five rows of INSERT; "CREATE TABLE" has no number. */
void pg_answer_tag(struct pg *p, struct slice tag)
{
	struct pg_answer *w = pg_answer(p);
	struct rd r = rd_init(tag);
	struct slice s = pg_cstr(&r), words;
	size_t n, end;
	uint64_t count = 0;
	bool number;

	for (n = s.n; n > 0 && s.p[n - 1] >= '0' && s.p[n - 1] <= '9';)
		n--;
	number = n < s.n && n > 0 && s.p[n - 1] == ' ' && s.n - n < 20;
	for (size_t i = n; number && i < s.n; i++)
		count = count * 10 + (uint64_t)(s.p[i] - '0');
	for (end = 0; end < s.n && (s.p[end] < '0' || s.p[end] > '9');)
		end++;
	while (end > 0 && s.p[end - 1] == ' ')
		end--;
	words = slice_cut(s, 0, end);
	if (w->results < RESULTS_MAX && w->a)
		sql_attr_slice(&w->attrs, w->a, "tag", s);
	else
		w->flags |= FLOW_TRUNCATED;
	w->results++;
	w->has_columns = false;
	w->columns = (struct pg_columns){ 0 };
	if (w->failed)
		return;
	w->status = w->a ? arena_str(w->a, words) : NULL;
	if (number && !slice_eq(words, SLICE_LIT("SELECT")) &&
	    !slice_eq(words, SLICE_LIT("FETCH")) && !slice_eq(words, SLICE_LIT("SHOW"))) {
		w->affected += count;
		w->has_affected = true;
	}
}

static void put_body(struct pg *p, struct pg_answer *w, struct msg *out)
{
	if (w->copies) {
		out->half.body = w->copied;
		if (w->copied.captured < w->copied.len)
			out->flags |= FLOW_TRUNCATED;
		return;
	}
	if (p->rows.rows > 0 || w->attrs.n > 0)
		out->flags |= sql_rows_copy(&p->rows, w->a, &out->half.body);
}

void pg_answer_give(struct pg *p, uint64_t key, struct msg *out)
{
	struct pg_answer *w = pg_answer(p);
	bool described = false;

	*out = (struct msg){ .role = ROLE_RESPONSE,
			     .key = w->orphan ? (uint64_t)1 << 63 | ++p->orphans : key,
			     .failed = w->failed,
			     .flags = w->flags,
			     .arena = w->a };
	out->streams = w->streams;
	for (size_t i = 0; i < w->attrs.n; i++)
		described |= strcmp(w->attrs.list[i].key, "columns") == 0;
	if (w->a && (p->rows.rows > 0 || (described && w->results > 0)))
		sql_attr_num(&w->attrs, w->a, "rows", p->rows.rows);
	if (w->a && w->has_affected)
		sql_attr_num(&w->attrs, w->a, "affected", w->affected);
	if (w->a)
		put_body(p, w, out);
	if (w->a && w->attrs.cut)
		out->flags |= FLOW_TRUNCATED;
	if (w->a && sql_attrs_put(&w->attrs, w->a, &out->half) && !arena_short(w->a)) {
		out->half.status = w->status;
		out->half.reason = w->reason;
		out->half.headers = w->headers;
		out->half.nheaders = w->nheaders;
	} else {
		arena_free(w->a);
		out->arena = NULL;
		out->half = (struct flow_half){ 0 };
		out->flags |= FLOW_TRUNCATED;
	}
	*w = (struct pg_answer){ 0 };
	sql_rows_clear(&p->rows);
}
