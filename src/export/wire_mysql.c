/* SPDX-License-Identifier: Apache-2.0 */
/* MySQL, as of 4.1, with EOF packets.  Statements, rows, counts and errors are as they were, all values as text; a prepared statement's
 * execution is written as a query, because rows of the binary protocol are not kept as bytes. */
#include "export/wire.h"

#include <stdlib.h>

#include "export/export.h"

#define PACKET_MAX 0xffffffu
#define CAPS	   0x000aa209u /* 4.1, passwords of 4.1, names of their plugins, a database with the login, transactions */
#define CHARSET	   33u	       /* utf8 */
#define VAR_STRING 0xfdu

/* What lies in b from `at` on becomes packets; numbers go on from *number. */
static void packets(struct buf *b, size_t at, unsigned *number)
{
	struct buf payload = { 0 };
	struct slice left;

	buf_put(&payload, slice_cut(buf_slice(b), at, b->n));
	b->n = at;
	left = buf_slice(&payload);
	for (bool more = true; more;) {
		struct slice piece = slice_cut(left, 0, PACKET_MAX);

		more = piece.n == PACKET_MAX;
		wire_le(b, piece.n, 3);
		wire_le(b, (*number)++, 1);
		buf_put(b, piece);
		left = slice_cut(left, piece.n, left.n);
	}
	b->failed |= payload.failed;
	buf_release(&payload);
}

static void put_number(struct buf *b, uint64_t v)
{
	if (v < 251) {
		wire_le(b, v, 1);
	} else if (v <= UINT16_MAX) {
		wire_le(b, 0xfc, 1);
		wire_le(b, v, 2);
	} else if (v < 1u << 24) {
		wire_le(b, 0xfd, 1);
		wire_le(b, v, 3);
	} else {
		wire_le(b, 0xfe, 1);
		wire_le(b, v, 8);
	}
}

static void put_text(struct buf *b, struct slice s)
{
	put_number(b, s.n);
	buf_put(b, s);
}

static void put_cstr(struct buf *b, const char *s)
{
	buf_puts(b, s ? s : "");
	wire_le(b, 0, 1);
}

static void put_ok(struct buf *b, const struct flow_half *h, unsigned *number)
{
	const char *affected = export_attr(h, "affected"), *id = export_attr(h, "last_insert_id"), *info = export_attr(h, "info");
	size_t at = b->n;

	wire_le(b, 0, 1);
	put_number(b, affected ? strtoull(affected, NULL, 10) : 0);
	put_number(b, id ? strtoull(id, NULL, 10) : 0);
	wire_le(b, 2, 2);
	wire_le(b, 0, 2);
	buf_puts(b, info ? info : "");
	packets(b, at, number);
}

/* more: another result follows. */
static void put_eof(struct buf *b, bool more, unsigned *number)
{
	size_t at = b->n;

	wire_le(b, 0xfe, 1);
	wire_le(b, 0, 2);
	wire_le(b, more ? 10 : 2, 2);
	packets(b, at, number);
}

static void put_error(struct buf *b, const struct flow_half *h, unsigned *number)
{
	const char *state = export_attr(h, "sqlstate");
	size_t at = b->n;

	wire_le(b, 0xff, 1);
	wire_le(b, h->status ? strtoul(h->status, NULL, 10) : 0, 2);
	buf_puts(b, "#");
	buf_puts(b, state && strlen(state) == 5 ? state : "HY000");
	buf_puts(b, h->reason ? h->reason : "");
	packets(b, at, number);
}

/* --- the beginning of a connection --- */

static void greeting(struct wire_out *o, const struct flow *f)
{
	const char *version = export_attr(&f->resp, "server_version"), *id = export_attr(&f->resp, "connection_id");
	unsigned number = 0;
	struct buf *b = &o->b;

	wire_le(b, 10, 1);
	put_cstr(b, version ? version : "unknown");
	wire_le(b, id ? strtoul(id, NULL, 10) : 0, 4);
	wire_le(b, 0, 9); /* what passwords are scrambled with is not kept */
	wire_le(b, CAPS & UINT16_MAX, 2);
	wire_le(b, CHARSET, 1);
	wire_le(b, 2, 2);
	wire_le(b, CAPS >> 16, 2);
	wire_le(b, 21, 1);
	wire_le(b, 0, 23);
	put_cstr(b, "mysql_native_password");
	packets(b, 0, &number);
	wire_note(o, "made up but for the server's version and the connection's number");
	wire_send(o, flow_time_ns(f), true, true);
}

static void login(struct wire_out *o, const struct flow *f)
{
	const char *user = export_attr(&f->req, "user"), *database = export_attr(&f->req, "database"),
		   *plugin = export_attr(&f->req, "plugin");
	unsigned number = 1;
	struct buf *b = &o->b;

	wire_le(b, database ? CAPS | 8 : CAPS, 4);
	wire_le(b, PACKET_MAX, 4);
	wire_le(b, CHARSET, 1);
	wire_le(b, 0, 23);
	put_cstr(b, user);
	wire_le(b, 0, 1);
	if (database)
		put_cstr(b, database);
	put_cstr(b, plugin ? plugin : "mysql_native_password");
	packets(b, 0, &number);
	wire_note(o, "what authenticates is not kept");
	wire_send(o, wire_time(f, f->req.begin_ns), false, true);
}

/* A connection that was joined late: dissectors want to have seen its beginning. */
static void made_up(struct wire_out *o, const struct flow *f)
{
	struct flow empty = { .conn = f->conn, .epoch_ns = f->epoch_ns };
	unsigned number = 2;

	empty.req.begin_ns = f->req.begin_ns ? f->req.begin_ns : f->resp.begin_ns;
	greeting(o, &empty);
	login(o, &empty);
	put_ok(&o->b, &empty.resp, &number);
	wire_note(o, "made up: its beginning was not seen");
	wire_send(o, flow_time_ns(&empty), true, true);
}

/* --- results --- */

static void row_begin(struct wire_out *o, size_t n)
{
	(void)n;
	o->conn->columns = (unsigned)o->b.n;
}

static void row_value(struct wire_out *o, const struct slice *text)
{
	if (text)
		put_text(&o->b, *text);
	else
		wire_le(&o->b, 0xfb, 1);
}

static void row_end(struct wire_out *o)
{
	unsigned number = o->conn->stream;

	packets(&o->b, o->conn->columns, &number);
	o->conn->stream = number;
}

static void put_column(struct buf *b, const struct json *name, unsigned *number)
{
	size_t at = b->n;

	put_text(b, SLICE_LIT("def"));
	wire_le(b, 0, 3); /* no schema, no table */
	put_text(b, slice_str(json_text(name)));
	put_text(b, slice_str(json_text(name)));
	wire_le(b, 12, 1);
	wire_le(b, CHARSET, 2);
	wire_le(b, UINT16_MAX, 4);
	wire_le(b, VAR_STRING, 1);
	wire_le(b, 0, 5);
	packets(b, at, number);
}

/* names: the first of the columns.  What is left of the rows. */
static struct slice put_result(struct wire_out *o, const struct json *names, struct slice rows, uint64_t max, bool more,
			       unsigned *number)
{
	static const struct wire_rows to = { row_begin, row_value, row_end };
	size_t n = 0, at = o->b.n;

	for (const struct json *name = names; name; name = name->next)
		n++;
	put_number(&o->b, n);
	packets(&o->b, at, number);
	for (const struct json *name = names; name; name = name->next)
		put_column(&o->b, name, number);
	put_eof(&o->b, false, number);
	o->conn->stream = *number;
	rows = wire_sql_rows(o, rows, n, max, &to);
	*number = o->conn->stream;
	put_eof(&o->b, more, number);
	return rows;
}

/* Several results of one command, as the attribute `results` tells them; their rows follow each other. */
static void put_results(struct wire_out *o, const struct flow *f, const struct json *first, unsigned *number)
{
	struct slice rows = f->resp.body.data;

	for (const struct json *r = first; r; r = r->next) {
		const struct json *columns = json_get(r, "columns");
		bool more = r->next || f->failed;
		uint64_t n = 0;
		size_t at = o->b.n;

		if (columns) {
			(void)json_u64(json_get(r, "rows"), &n); /* none then */
			rows = put_result(o, columns->first, rows, n, more, number);
			continue;
		}
		(void)json_u64(json_get(r, "affected"), &n);
		wire_le(&o->b, 0, 1);
		put_number(&o->b, n);
		put_number(&o->b, 0);
		wire_le(&o->b, more ? 10 : 2, 2);
		wire_le(&o->b, 0, 2);
		packets(&o->b, at, number);
	}
	if (f->failed)
		put_error(&o->b, &f->resp, number);
}

static void response(struct wire_out *o, const struct flow *f, unsigned number)
{
	const char *columns = export_attr(&f->resp, "columns"), *results = export_attr(&f->resp, "results");
	struct arena *a = arena_new((size_t)32 << 20);
	const struct json *first;

	if (results && wire_list(results, a, &first))
		put_results(o, f, first, &number);
	else if (f->failed)
		put_error(&o->b, &f->resp, &number);
	else if (columns && wire_list(columns, a, &first))
		(void)put_result(o, first, f->resp.body.data, UINT64_MAX, false, &number);
	else
		put_ok(&o->b, &f->resp, &number);
	wire_note_cut(o, &f->resp.body);
	wire_send(o, wire_time(f, f->resp.end_ns ? f->resp.end_ns : f->resp.begin_ns), true, true);
	arena_free(a);
}

static bool command(struct wire_out *o, const struct flow *f)
{
	static const struct {
		const char *op;
		uint8_t code;
	} codes[] = { { "Quit", 1 }, { "InitDb", 2 }, { "Query", 3 }, { "Statistics", 9 }, { "Ping", 14 }, { "Execute", 3 } };
	const char *op = f->req.op ? f->req.op : "", *params = export_attr(&f->req, "params");
	unsigned number = 0;

	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
		if (strcmp(codes[i].op, op) != 0)
			continue;
		wire_le(&o->b, codes[i].code, 1);
		buf_puts(&o->b, f->req.target ? f->req.target : "");
		packets(&o->b, 0, &number);
		if (strcmp(op, "Execute") == 0)
			wire_note(o, "this was a prepared statement's execution%s%.200s", params ? " with " : "", params ? params : "");
		wire_send(o, wire_time(f, f->req.begin_ns), false, true);
		return true;
	}
	return false;
}

static bool mysql(struct wire_out *o, const struct flow *f)
{
	bool connects = f->req.op && strcmp(f->req.op, "Connect") == 0;

	if (!f->has_req)
		return false;
	if (connects) {
		greeting(o, f);
		login(o, f);
		o->conn->greeted = true;
	} else {
		if (!o->conn->greeted)
			made_up(o, f);
		o->conn->greeted = true;
		if (!command(o, f))
			return false;
	}
	if (f->has_resp)
		response(o, f, connects ? 2 : 1);
	return true;
}

const struct wire wire_mysql = { "mysql", 3306, "mysql", mysql };
