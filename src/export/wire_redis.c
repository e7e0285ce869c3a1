/* SPDX-License-Identifier: Apache-2.0 */
/* Redis: a command is written as the array of bulk strings that clients send (inline commands too); an answer from its rendering as JSON:
 * strings as bulk strings, numbers as numbers, null, true, false and objects as RESP3 has them.  What was hidden (AUTH) stays so. */
#include "export/wire.h"

#include <stdio.h>

#include "base/json.h"
#include "export/export.h"
#include "export/read.h"

#define DEPTH_MAX 64

static void put_bulk(struct buf *b, struct slice s)
{
	buf_printf(b, "$%zu\r\n", s.n);
	buf_put(b, s);
	buf_puts(b, "\r\n");
}

/* What is no UTF-8 is {"base64":"..."}. */
static bool put_bytes(struct buf *b, const struct json *v)
{
	const struct json *coded = json_get(v, "base64");
	struct arena *a;
	struct slice data;
	bool ok;

	if (!json_text(coded) || v->first->next)
		return false;
	a = arena_new(64 + coded->text.n);
	ok = a && read_base64(coded->text, a, &data) == 0;
	if (ok)
		put_bulk(b, data);
	arena_free(a);
	return ok;
}

static bool put_inner_error(struct buf *b, const struct json *v)
{
	const struct json *text = json_get(v, "error");

	if (!json_text(text) || v->first->next)
		return false;
	buf_printf(b, "-%.*s\r\n", (int)strcspn(json_text(text), "\r\n"), json_text(text));
	return true;
}

static size_t count(const struct json *v)
{
	size_t n = 0;

	for (const struct json *m = v->first; m; m = m->next)
		n++;
	return n;
}

static bool whole_number(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != '-' && (s.p[i] < '0' || s.p[i] > '9'))
			return false;
	return s.n < 21;
}

static void put_value(struct buf *b, const struct json *v, unsigned depth)
{
	switch (depth < DEPTH_MAX ? v->kind : JSON_NULL) {
	case JSON_NULL:
		buf_puts(b, "$-1\r\n");
		return;
	case JSON_TRUE:
	case JSON_FALSE:
		buf_puts(b, v->kind == JSON_TRUE ? "#t\r\n" : "#f\r\n");
		return;
	case JSON_NUMBER:
		buf_puts(b, whole_number(v->text) ? ":" : ",");
		buf_put(b, v->text);
		buf_puts(b, "\r\n");
		return;
	case JSON_STRING:
		put_bulk(b, v->text);
		return;
	case JSON_ARRAY:
	case JSON_OBJECT:
		if (put_bytes(b, v) || put_inner_error(b, v))
			return;
		buf_printf(b, "%c%zu\r\n", v->kind == JSON_OBJECT ? '%' : '*', count(v));
		for (const struct json *m = v->first; m; m = m->next) {
			if (v->kind == JSON_OBJECT)
				put_bulk(b, m->key);
			put_value(b, m, depth + 1);
		}
		return;
	}
}

static const struct json *parse(struct slice text, struct arena *a)
{
	const struct json *v;

	return a && text.n && json_parse(text, a, &v) == 0 ? v : NULL;
}

static void request(struct wire_out *o, const struct flow *f)
{
	struct arena *a = arena_new((1 << 20) + 100 * f->req.body.data.n);
	const struct json *args = parse(f->req.body.data, a);
	const char *op = f->req.op ? f->req.op : "?";
	size_t words = 1;

	if (export_attr(&f->req, "commands")) /* EXEC shows what it executes; that was sent before it */
		args = NULL;

	for (const char *p = op; *p; p++) /* "CONFIG GET" is two words on the wire */
		words += *p == ' ';
	buf_printf(&o->b, "*%zu\r\n", words + (args && args->kind == JSON_ARRAY ? count(args) : 0));
	for (; words; words--) {
		size_t n = strcspn(op, " ");

		put_bulk(&o->b, (struct slice){ (const uint8_t *)op, n });
		op += n + (op[n] == ' ');
	}
	for (const struct json *m = args && args->kind == JSON_ARRAY ? args->first : NULL; m; m = m->next)
		if (m->kind == JSON_STRING || !put_bytes(&o->b, m))
			put_bulk(&o->b, m->kind == JSON_STRING ? m->text : m->raw);
	wire_note_cut(o, &f->req.body);
	wire_send(o, wire_time(f, f->req.begin_ns), false, true);
	arena_free(a);
}

static bool is_error(const struct flow *f)
{
	const char *s = f->resp.status;

	return s && (f->failed || strcmp(s, "MOVED") == 0 || strcmp(s, "ASK") == 0) && f->resp.body.len == 0;
}

/* A rendering that was cut is no JSON: its text is what there is. */
static void answer(struct wire_out *o, const struct flow *f, const struct flow_body *body)
{
	struct arena *a = arena_new((1 << 20) + 100 * body->data.n);
	const struct json *v = parse(body->data, a);

	/* large integers are strings, for the sake of what reads JSON */
	if (v && v->kind == JSON_STRING && f->resp.status && strcmp(f->resp.status, "integer") == 0)
		buf_printf(&o->b, ":%.*s\r\n", (int)strcspn(json_text(v), "\r\n"), json_text(v));
	else if (v)
		put_value(&o->b, v, 0);
	else
		put_bulk(&o->b, body->data);
	wire_note_cut(o, body);
	arena_free(a);
}

static void response(struct wire_out *o, const struct flow *f)
{
	const struct flow_half *h = &f->resp;

	if (is_error(f)) {
		buf_printf(&o->b, "-%s%s%.*s\r\n", h->status, h->reason ? " " : "",
			   (int)strcspn(h->reason ? h->reason : "", "\r\n"), h->reason ? h->reason : "");
	} else if (h->body.data.n) {
		answer(o, f, &h->body);
	} else if (h->status && strcmp(h->status, "nil") == 0) {
		buf_puts(&o->b, "$-1\r\n");
	} else {
		buf_printf(&o->b, "+%s\r\n", h->status ? h->status : "OK");
	}
	wire_send(o, wire_time(f, h->end_ns ? h->end_ns : h->begin_ns), true, true);
}

/* Of a subscription: what it is, where it came from, the payload. */
static void message(struct wire_out *o, const struct flow *f, const struct flow_msg *m)
{
	static const char *const keys[] = { "pattern", "channel" };
	struct buf words = { 0 };
	size_t n = 1;

	put_bulk(&words, slice_str(m->op));
	for (size_t k = 0; k < 2; k++)
		for (size_t i = 0; i < m->nattrs; i++)
			if (strcmp(m->attrs[i].key, keys[k]) == 0) {
				put_bulk(&words, slice_str(m->attrs[i].value));
				n++;
			}
	if (m->body.data.n) {
		put_bulk(&words, m->body.data);
		n++;
	}
	buf_printf(&o->b, "*%zu\r\n", n);
	buf_put(&o->b, buf_slice(&words));
	o->b.failed |= words.failed;
	buf_release(&words);
	wire_note_cut(o, &m->body);
	wire_send(o, wire_time(f, m->ts_ns), m->from_server, true);
}

static bool redis(struct wire_out *o, const struct flow *f)
{
	if (f->has_req)
		request(o, f);
	if (f->has_resp)
		response(o, f);
	for (size_t i = 0; i < f->nmsgs; i++)
		message(o, f, &f->msgs[i]);
	return true;
}

const struct wire wire_redis = { "redis", 6379, "resp", redis };
