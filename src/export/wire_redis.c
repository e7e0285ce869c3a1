/* SPDX-License-Identifier: Apache-2.0 */
/* Redis: a command is written as the array of bulk strings that clients send (inline commands too); an answer from its rendering as JSON:
 * strings as bulk strings, numbers as numbers, null, true, false and objects as RESP3 has them.  What was hidden (AUTH) stays so. */
#include "export/wire.h"

#include <stdio.h>

#include "base/json.h"
#include "export/export.h"

#define DEPTH_MAX 64

static void put_bulk(struct buf *b, struct slice s)
{
	buf_printf(b, "$%zu\r\n", s.n);
	buf_put(b, s);
	buf_puts(b, "\r\n");
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

	for (const char *p = op; *p; p++) /* "CONFIG GET" is two words on the wire */
		words += *p == ' ';
	buf_printf(&o->b, "*%zu\r\n", words + (args && args->kind == JSON_ARRAY ? count(args) : 0));
	for (; words; words--) {
		size_t n = strcspn(op, " ");

		put_bulk(&o->b, (struct slice){ (const uint8_t *)op, n });
		op += n + (op[n] == ' ');
	}
	for (const struct json *m = args && args->kind == JSON_ARRAY ? args->first : NULL; m; m = m->next)
		put_bulk(&o->b, m->kind == JSON_STRING ? m->text : m->raw);
	wire_note_cut(o, &f->req.body);
	wire_send(o, wire_time(f, f->req.begin_ns), false, true);
	arena_free(a);
}

static bool is_error(const struct flow *f)
{
	return f->failed && f->resp.status;
}

/* A rendering that was cut is no JSON: its text is what there is. */
static void answer(struct wire_out *o, const struct flow *f, const struct flow_body *body)
{
	struct arena *a = arena_new((1 << 20) + 100 * body->data.n);
	const struct json *v = parse(body->data, a);

	if (v)
		put_value(&o->b, v, 0);
	else
		put_bulk(&o->b, body->data);
	wire_note_cut(o, body);
	(void)f;
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
	} else {
		buf_printf(&o->b, "+%s\r\n", h->status ? h->status : "OK");
	}
	wire_send(o, wire_time(f, h->end_ns ? h->end_ns : h->begin_ns), true, true);
}

static bool redis(struct wire_out *o, const struct flow *f)
{
	if (f->has_req)
		request(o, f);
	if (f->has_resp)
		response(o, f);
	for (size_t i = 0; i < f->nmsgs; i++) {
		answer(o, f, &f->msgs[i].body);
		wire_send(o, wire_time(f, f->msgs[i].ts_ns), f->msgs[i].from_server, true);
	}
	return true;
}

const struct wire wire_redis = { "redis", 6379, "resp", redis };
