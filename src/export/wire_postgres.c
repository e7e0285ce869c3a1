/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL 3.0.  Statements, parameters, rows and errors are as they were, all values as text; an execution is Bind, Execute, Sync, with
 * the statement it names, or with the statement itself when that had no name.  Rows that were not kept are missing. */
#include "export/wire.h"

#include "export/export.h"

static void put_cstr(struct buf *b, const char *s)
{
	buf_puts(b, s ? s : "");
	wire_be(b, 0, 1);
}

static size_t begin(struct buf *b, char type)
{
	if (type)
		wire_be(b, (uint8_t)type, 1);
	wire_be(b, 0, 4);
	return b->n - 4;
}

static void end(struct buf *b, size_t at)
{
	size_t n = b->n - at;

	for (size_t i = 0; i < 4 && !b->failed; i++)
		b->p[at + i] = (uint8_t)(n >> 8 * (3 - i));
}

/* --- what clients say --- */

static void startup(struct wire_out *o, const struct flow *f)
{
	size_t at = begin(&o->b, 0);

	wire_be(&o->b, 3 << 16, 4);
	for (size_t i = 0; i < f->req.nheaders; i++) {
		put_cstr(&o->b, f->req.headers[i].key);
		put_cstr(&o->b, f->req.headers[i].value);
	}
	wire_be(&o->b, 0, 1);
	end(&o->b, at);
	wire_note(o, "what authenticates is not kept");
}

static void sync_message(struct buf *b)
{
	end(b, begin(b, 'S'));
}

static void parse(struct buf *b, const char *name, const char *text)
{
	size_t at = begin(b, 'P');

	put_cstr(b, name);
	put_cstr(b, text);
	wire_be(b, 0, 2);
	end(b, at);
}

static void bind(struct buf *b, const char *portal, const char *name, const char *params)
{
	struct arena *a = arena_new(4096 + 100 * (params ? strlen(params) : 0));
	const struct json *v;
	size_t at = begin(b, 'B'), n = wire_list(params, a, &v);

	put_cstr(b, portal);
	put_cstr(b, name);
	wire_be(b, 0, 2);
	wire_be(b, n < UINT16_MAX ? n : UINT16_MAX, 2);
	for (size_t i = 0; v && i < UINT16_MAX; v = v->next, i++) {
		wire_be(b, v->kind == JSON_STRING ? v->text.n : UINT32_MAX, 4);
		if (v->kind == JSON_STRING)
			buf_put(b, v->text);
	}
	wire_be(b, 0, 2);
	end(b, at);
	arena_free(a);
}

static bool is(const struct flow *f, const char *op)
{
	return f->req.op && strcmp(f->req.op, op) == 0;
}

static bool request(struct wire_out *o, const struct flow *f)
{
	const char *name = export_attr(&f->req, "statement"), *portal = export_attr(&f->req, "portal");
	struct buf *b = &o->b;
	size_t at;

	if (is(f, "Startup")) {
		startup(o, f);
	} else if (is(f, "Query")) {
		at = begin(b, 'Q');
		put_cstr(b, f->req.target);
		end(b, at);
	} else if (is(f, "Prepare")) {
		parse(b, name, f->req.target);
		sync_message(b);
	} else if (is(f, "Execute")) {
		if (!name || !name[0])
			parse(b, "", f->req.target);
		else
			wire_note(o, "the statement is %.200s", f->req.target ? f->req.target : "not known");
		bind(b, portal, name, export_attr(&f->req, "params"));
		at = begin(b, 'E');
		put_cstr(b, portal);
		wire_be(b, 0, 4);
		end(b, at);
		sync_message(b);
	} else {
		return false;
	}
	wire_note_cut(o, &f->req.body);
	wire_send(o, wire_time(f, f->req.begin_ns), false, true);
	return true;
}

/* --- what servers say --- */

static uint32_t oid(const struct json *type)
{
	static const struct {
		const char *name;
		uint32_t oid;
	} oids[] = { { "bool", 16 },	    { "bytea", 17 },	  { "int8", 20 },  { "int2", 21 },   { "int4", 23 },
		     { "text", 25 },	    { "json", 114 },	  { "float4", 700 }, { "float8", 701 }, { "varchar", 1043 },
		     { "date", 1082 },	    { "time", 1083 },	  { "timestamp", 1114 }, { "timestamptz", 1184 },
		     { "numeric", 1700 }, { "uuid", 2950 },	  { "jsonb", 3802 } };
	const char *name = json_text(type);

	for (size_t i = 0; name && i < sizeof(oids) / sizeof(*oids); i++)
		if (strcmp(oids[i].name, name) == 0)
			return oids[i].oid;
	return 25;
}

static size_t columns(struct buf *b, const struct flow_half *h)
{
	const char *names = export_attr(h, "columns"), *types = export_attr(h, "types");
	struct arena *a = arena_new((size_t)16 << 20);
	const struct json *name, *type;
	size_t n = wire_list(names, a, &name), at;

	(void)wire_list(types, a, &type);
	n = n < UINT16_MAX ? n : UINT16_MAX;
	if (n) {
		at = begin(b, 'T');
		wire_be(b, n, 2);
		for (size_t i = 0; i < n && name; i++, name = name->next, type = type ? type->next : NULL) {
			put_cstr(b, json_text(name));
			wire_be(b, 0, 6);
			wire_be(b, oid(type), 4);
			wire_be(b, UINT16_MAX, 2); /* of no fixed size */
			wire_be(b, UINT32_MAX, 4);
			wire_be(b, 0, 2); /* as text */
		}
		end(b, at);
	}
	arena_free(a);
	return n;
}

static void row_begin(struct wire_out *o, size_t n)
{
	o->conn->columns = (unsigned)begin(&o->b, 'D');
	wire_be(&o->b, n, 2);
}

static void row_value(struct wire_out *o, const struct slice *text)
{
	wire_be(&o->b, text ? text->n : UINT32_MAX, 4);
	if (text)
		buf_put(&o->b, *text);
}

static void row_end(struct wire_out *o)
{
	end(&o->b, o->conn->columns);
}

static void put_error(struct buf *b, const struct flow_half *h)
{
	const char *severity = export_attr(h, "severity");
	size_t at = begin(b, 'E');

	buf_puts(b, "S");
	put_cstr(b, severity ? severity : "ERROR");
	buf_puts(b, "C");
	put_cstr(b, h->status);
	buf_puts(b, "M");
	put_cstr(b, h->reason);
	wire_be(b, 0, 1);
	end(b, at);
}

static void ready(struct buf *b)
{
	size_t at = begin(b, 'Z');

	buf_puts(b, "I");
	end(b, at);
}

static void parameters(struct buf *b, const struct flow_half *h)
{
	for (size_t i = 0; i < h->nheaders; i++) {
		size_t at = begin(b, 'S');

		put_cstr(b, h->headers[i].key);
		put_cstr(b, h->headers[i].value);
		end(b, at);
	}
}

/* One tag for each statement of a simple query. */
static void complete(struct buf *b, const struct flow_half *h)
{
	bool any = false;
	size_t at;

	for (size_t i = 0; i < h->nattrs; i++) {
		if (strcmp(h->attrs[i].key, "tag") != 0)
			continue;
		at = begin(b, 'C');
		put_cstr(b, h->attrs[i].value);
		end(b, at);
		any = true;
	}
	if (any || !h->status)
		return;
	if (strcmp(h->status, "EMPTY") == 0 || strcmp(h->status, "SUSPENDED") == 0) {
		end(b, begin(b, h->status[0] == 'E' ? 'I' : 's'));
		return;
	}
	at = begin(b, 'C');
	put_cstr(b, h->status);
	end(b, at);
}

static void response(struct wire_out *o, const struct flow *f)
{
	static const struct wire_rows rows = { row_begin, row_value, row_end };
	const struct flow_half *h = &f->resp;
	size_t n, at;

	if (is(f, "Startup") && !f->failed) {
		at = begin(&o->b, 'R');
		wire_be(&o->b, 0, 4);
		end(&o->b, at);
		parameters(&o->b, h);
	}
	if ((is(f, "Prepare") || is(f, "Execute")) && !f->failed)
		end(&o->b, begin(&o->b, is(f, "Prepare") ? '1' : '2'));
	n = columns(&o->b, h);
	if (n) /* COPY's data has none */
		(void)wire_sql_rows(o, h->body.data, n, UINT64_MAX, &rows);
	if (f->failed) {
		put_error(&o->b, h);
	} else if (!is(f, "Startup") && !is(f, "Prepare")) {
		complete(&o->b, h);
	}
	if (h->status)
		ready(&o->b);
	wire_note_cut(o, &h->body);
	wire_send(o, wire_time(f, h->end_ns ? h->end_ns : h->begin_ns), true, true);
}

static bool postgres(struct wire_out *o, const struct flow *f)
{
	if (!f->has_req || !request(o, f))
		return false;
	if (f->has_resp)
		response(o, f);
	return true;
}

const struct wire wire_postgres = { "postgres", 5432, "pgsql", postgres };
