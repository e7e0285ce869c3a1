/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1 (RFC 9112).  Start line, fields and trailers are as they were; a body is decoded, so that fields which no longer fit it are
 * renamed or changed, and the comment says what they were:
 *
 *   Content-Encoding: gzip         becomes  X-Limpid-Content-Encoding: gzip
 *   Transfer-Encoding: chunked     stays, the body is one chunk
 *   Content-Length: 4096           becomes the length of what is there
 */
#include "export/wire.h"

#include "export/export.h"

static bool is(const char *name, const char *want)
{
	return slice_eq_nocase(slice_str(name), slice_str(want));
}

/* What a line cannot hold would begin another one. */
static void put_clean(struct buf *b, const char *s)
{
	for (; s && *s; s++)
		buf_put(b, (struct slice){ (const uint8_t *)(*s == '\r' || *s == '\n' ? " " : s), 1 });
}

static void put_field(struct buf *b, const char *name, const char *value)
{
	put_clean(b, name);
	buf_puts(b, ": ");
	put_clean(b, value);
	buf_puts(b, "\r\n");
}

static void put_version(struct buf *b, const struct flow_half *h)
{
	const char *v = export_attr(h, "version");

	buf_puts(b, "HTTP/");
	buf_puts(b, v && strcmp(v, "1.0") == 0 ? "1.0" : "1.1");
}

static bool has_chunked(const struct flow_half *h)
{
	const char *te = flow_header(h, "transfer-encoding");

	return te && slice_find(slice_str(te), SLICE_LIT("hunked"), 0) < strlen(te);
}

/* Fields; no_body: the message has none whatever they say (HEAD, 204, 304). */
static void put_fields(struct wire_out *o, const struct flow_half *h, bool no_body, bool decoded)
{
	bool chunked = has_chunked(h), sized = false;

	for (size_t i = 0; i < h->nheaders; i++) {
		const char *name = h->headers[i].key, *value = h->headers[i].value;
		bool length = is(name, "content-length");

		if (length && !no_body && !chunked) {
			char real[24];
			struct buf n = { 0 };

			if (sized)
				continue;
			sized = true;
			buf_printf(&n, "%zu", h->body.data.n);
			buf_put(&n, (struct slice){ (const uint8_t *)"", 1 });
			if (n.failed || n.n > sizeof(real))
				o->b.failed = true;
			else
				memcpy(real, n.p, n.n);
			if (!o->b.failed && strcmp(real, value) != 0)
				wire_note(o, "Content-Length was %s", value);
			put_field(&o->b, name, o->b.failed ? "" : real);
			buf_release(&n);
		} else if (is(name, "content-encoding") && decoded) {
			buf_puts(&o->b, "X-Limpid-");
			put_field(&o->b, name, value);
			wire_note(o, "the body was sent with Content-Encoding %s and is shown decoded", value);
		} else if (is(name, "transfer-encoding") && chunked) {
			put_field(&o->b, name, "chunked");
		} else {
			put_field(&o->b, name, value);
		}
	}
	buf_puts(&o->b, "\r\n");
}

static void put_body(struct wire_out *o, const struct flow_half *h, bool no_body)
{
	static const char trailer[] = "trailer:";

	if (no_body)
		return;
	wire_note_cut(o, &h->body);
	if (!has_chunked(h)) {
		buf_put(&o->b, h->body.data);
		return;
	}
	if (h->body.data.n) {
		wire_note(o, "chunks of another size");
		buf_printf(&o->b, "%zx\r\n", h->body.data.n);
		buf_put(&o->b, h->body.data);
		buf_puts(&o->b, "\r\n");
	}
	buf_puts(&o->b, "0\r\n");
	for (size_t i = 0; i < h->nattrs; i++)
		if (strncmp(h->attrs[i].key, trailer, sizeof(trailer) - 1) == 0)
			put_field(&o->b, h->attrs[i].key + sizeof(trailer) - 1, h->attrs[i].value);
	buf_puts(&o->b, "\r\n");
}

/* Whether the content coding was undone: the parser leaves a body that it cannot decode as it was sent. */
static bool was_decoded(const struct flow *f, const struct flow_half *h)
{
	return !(f->flags & FLOW_DECODE_ERROR) && ((h->body.encoding && h->body.data.n) || strcmp(f->proto, "sse") == 0);
}

static void request(struct wire_out *o, const struct flow *f)
{
	const struct flow_half *h = &f->req;

	put_clean(&o->b, h->op ? h->op : "GET");
	buf_puts(&o->b, " ");
	put_clean(&o->b, h->target ? h->target : "/");
	buf_puts(&o->b, " ");
	put_version(&o->b, h);
	buf_puts(&o->b, "\r\n");
	put_fields(o, h, false, was_decoded(f, h));
	if (h->end_ns > h->begin_ns)
		wire_send(o, wire_time(f, h->begin_ns), false, true);
	put_body(o, h, !h->body.len && !has_chunked(h));
	wire_send(o, wire_time(f, h->end_ns ? h->end_ns : h->begin_ns), false, true);
}

/* "100 Continue", before the answer. */
static void interim(struct wire_out *o, const struct flow *f)
{
	for (size_t i = 0; i < f->resp.nattrs; i++) {
		if (strcmp(f->resp.attrs[i].key, "interim") != 0)
			continue;
		buf_puts(&o->b, "HTTP/1.1 ");
		put_clean(&o->b, f->resp.attrs[i].value);
		buf_puts(&o->b, "\r\n\r\n");
		wire_note(o, "an answer before the answer, without its fields and at the answer's time");
		wire_send(o, wire_time(f, f->resp.begin_ns), true, true);
	}
}

static bool no_body(const struct flow *f)
{
	const char *s = f->resp.status ? f->resp.status : "";

	return (f->req.op && strcmp(f->req.op, "HEAD") == 0) || s[0] == '1' || strcmp(s, "204") == 0 ||
	       strcmp(s, "304") == 0;
}

static void chunk(struct wire_out *o, const struct flow_msg *m, bool from_server)
{
	struct buf payload = o->b;

	(void)m;
	(void)from_server;
	o->b = (struct buf){ 0 };
	buf_printf(&o->b, "%zx\r\n", payload.n);
	buf_put(&o->b, buf_slice(&payload));
	buf_puts(&o->b, "\r\n");
	o->b.failed |= payload.failed;
	buf_release(&payload);
}

static void response(struct wire_out *o, const struct flow *f)
{
	const struct flow_half *h = &f->resp;

	interim(o, f);
	put_version(&o->b, h);
	buf_puts(&o->b, " ");
	put_clean(&o->b, h->status);
	buf_puts(&o->b, " ");
	put_clean(&o->b, h->reason);
	buf_puts(&o->b, "\r\n");
	put_fields(o, h, no_body(f), was_decoded(f, h));
	if (f->state == FLOW_RESET)
		wire_note(o, "the connection broke in the middle of the exchange");
	if (h->end_ns > h->begin_ns)
		wire_send(o, wire_time(f, h->begin_ns), true, true);
	if (strcmp(f->proto, "sse") == 0 && f->nmsgs) {
		wire_send(o, wire_time(f, h->begin_ns), true, true);
		wire_events(o, f, has_chunked(h) ? chunk : NULL);
	}
	put_body(o, h, no_body(f) || (f->state == FLOW_OPEN && !h->body.data.n));
	wire_send(o, wire_time(f, h->end_ns ? h->end_ns : h->begin_ns), true, true);
}

static bool http1(struct wire_out *o, const struct flow *f);

/* gRPC-Web is HTTP/1 with a body of frames. */
static bool grpc_web(struct wire_out *o, const struct flow *f)
{
	struct buf bodies[2] = { 0 };
	struct flow as = *f;
	bool sent;

	as.proto = "http1";
	as.req.op = export_method(f);
	as.resp.status = export_status(f);
	as.resp.reason = NULL;
	as.nmsgs = 0;
	for (int i = 0; i < 2; i++) {
		struct flow_half *h = i ? &as.resp : &as.req;

		wire_grpc_body(&bodies[i], f, i);
		h->body.data = buf_slice(&bodies[i]);
		h->body.encoding = NULL;
		h->body.len = h->body.captured = h->body.data.n;
	}
	sent = http1(o, &as);
	for (int i = 0; i < 2; i++) {
		o->b.failed |= bodies[i].failed;
		buf_release(&bodies[i]);
	}
	return sent;
}

static bool http1(struct wire_out *o, const struct flow *f)
{
	if (wire_is_http2(f))
		return wire_http2.flow(o, f);
	if (export_is_grpc(f))
		return grpc_web(o, f);
	if (f->has_req)
		request(o, f);
	if (f->has_resp)
		response(o, f);
	if (strcmp(f->proto, "websocket") == 0)
		wire_websocket(o, f, NULL);
	return true;
}

const struct wire wire_http1 = { "http1 websocket sse grpc-web", 80, NULL, http1 };
