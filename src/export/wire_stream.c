/* SPDX-License-Identifier: Apache-2.0 */
/* What HTTP carries besides bodies: events, messages of gRPC. */
#include <stdio.h>

#include "export/export.h"
#include "export/wire.h"

/* --- Server-Sent Events ------------------------------------------------------------------------------- */

static const char *attr(const struct flow_msg *m, const char *key)
{
	for (size_t i = 0; i < m->nattrs; i++)
		if (strcmp(m->attrs[i].key, key) == 0)
			return m->attrs[i].value;
	return NULL;
}

static void put_line(struct buf *b, const char *field, struct slice value)
{
	buf_puts(b, field);
	buf_puts(b, ": ");
	for (size_t i = 0; i < value.n; i++)
		buf_put(b, value.p[i] == '\r' || value.p[i] == '\n' ? SLICE_LIT(" ") : slice_cut(value, i, i + 1));
	buf_puts(b, "\n");
}

static void put_event(struct buf *b, const struct flow_msg *m)
{
	const char *op = m->op ? m->op : "message", *id = attr(m, "id"), *retry = attr(m, "retry");
	bool comment = strcmp(op, "comment") == 0, control = strcmp(op, "control") == 0;
	struct slice left = m->body.data;

	if (id)
		put_line(b, "id", slice_str(id));
	if (retry)
		put_line(b, "retry", slice_str(retry));
	if (!comment && !control && strcmp(op, "message") != 0)
		put_line(b, "event", slice_str(op));
	for (bool more = !control; more;) {
		size_t end = slice_find(left, SLICE_LIT("\n"), 0);

		put_line(b, comment ? "" : "data", slice_cut(left, 0, end));
		more = end < left.n;
		left = slice_cut(left, end + 1, left.n);
	}
	if (!attr(m, "incomplete"))
		buf_puts(b, "\n");
}

void wire_events(struct wire_out *o, const struct flow *f,
		 void (*wrap)(struct wire_out *o, const struct flow_msg *m, bool from_server))
{
	for (size_t i = 0; i < f->nmsgs; i++) {
		const struct flow_msg *m = &f->msgs[i];

		if (!m->from_server)
			continue;
		put_event(&o->b, m);
		if (wrap)
			wrap(o, m, true);
		wire_note_cut(o, &m->body);
		wire_send(o, wire_time(f, m->ts_ns), true, !wire_is_http2(f));
	}
}

/* --- gRPC ----------------------------------------------------------------------------------------------- */

static void put_message(struct buf *b, unsigned flags, struct slice data)
{
	wire_be(b, flags, 1);
	wire_be(b, data.n, 4);
	buf_put(b, data);
}

static bool is_type(const struct flow_half *h, const char *want)
{
	const char *type = flow_header(h, "content-type");

	return type && strncmp(type, want, strlen(want)) == 0;
}

static void put_trailers(struct buf *b, const struct flow_half *h)
{
	const char *code = export_attr(h, "code");
	struct buf text = { 0 };

	if (code)
		buf_printf(&text, "grpc-status: %s\r\n", code);
	if (h->reason)
		buf_printf(&text, "grpc-message: %.*s\r\n", (int)strcspn(h->reason, "\r\n"), h->reason);
	for (size_t i = 0; i < h->nattrs; i++)
		if (strncmp(h->attrs[i].key, "trailer:", 8) == 0)
			buf_printf(&text, "%s: %.*s\r\n", h->attrs[i].key + 8, (int)strcspn(h->attrs[i].value, "\r\n"),
				   h->attrs[i].value);
	if (text.n)
		put_message(b, 0x80, buf_slice(&text));
	b->failed |= text.failed;
	buf_release(&text);
}

void wire_grpc_body(struct buf *b, const struct flow *f, bool answer)
{
	const struct flow_half *h = answer ? &f->resp : &f->req;
	struct buf plain = { 0 };

	if (!is_type(h, "application/grpc")) { /* of a proxy, say */
		buf_put(b, h->body.data);
		return;
	}
	if (h->body.len || h->body.data.n || h->body.shown.n)
		put_message(&plain, 0, h->body.data);
	for (size_t i = 0; i < f->nmsgs; i++)
		if (f->msgs[i].from_server == answer)
			put_message(&plain, 0, f->msgs[i].body.data);
	if (answer && is_type(h, "application/grpc-web"))
		put_trailers(&plain, h);
	if (is_type(h, "application/grpc-web-text"))
		buf_put_base64(b, buf_slice(&plain));
	else
		buf_put(b, buf_slice(&plain));
	b->failed |= plain.failed;
	buf_release(&plain);
}
