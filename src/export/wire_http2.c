/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2 (RFC 9113) and what it carries.  Header blocks are literals that no table remembers (RFC 7541, 6.2.2), so that each stands for
 * itself; the preface, SETTINGS and window updates are made up, padding and priorities are gone. */
#include "export/wire.h"

#include <stdlib.h>

#include "export/export.h"

#define FRAME_MAX 16384u

enum { DATA = 0, HEADERS = 1, RST_STREAM = 3, SETTINGS = 4, WINDOW_UPDATE = 8, CONTINUATION = 9 };
enum { END_STREAM = 1, END_HEADERS = 4 };

static void put_frame(struct buf *b, unsigned type, unsigned flags, uint32_t stream, struct slice payload)
{
	wire_be(b, payload.n, 3);
	wire_be(b, type, 1);
	wire_be(b, flags, 1);
	wire_be(b, stream, 4);
	buf_put(b, payload);
}

/* Lengths of RFC 7541, 5.1, with a prefix of 7 bits that is clear: no Huffman coding. */
static void put_string(struct buf *b, struct slice s)
{
	size_t left = s.n;

	if (left < 127) {
		wire_be(b, left, 1);
	} else {
		wire_be(b, 127, 1);
		for (left -= 127; left >= 128; left >>= 7)
			wire_be(b, 128 | (left & 127), 1);
		wire_be(b, left, 1);
	}
	buf_put(b, s);
}

static void put_field(struct buf *b, struct slice name, const char *value)
{
	wire_be(b, 0, 1);
	put_string(b, name);
	put_string(b, slice_str(value));
}

/* HTTP/2 knows only small letters (RFC 9113, 8.2.1): fields that came by HTTP/1.1 have others. */
static void put_small(struct buf *b, const char *name, const char *value)
{
	struct buf small = { 0 };

	for (; *name; name++) {
		uint8_t c = (uint8_t)(*name >= 'A' && *name <= 'Z' ? *name | 32 : *name);

		buf_put(&small, (struct slice){ &c, 1 });
	}
	put_field(b, buf_slice(&small), value);
	b->failed |= small.failed;
	buf_release(&small);
}

static bool pseudo(const struct flow_half *h, const char *name)
{
	return flow_header(h, name) != NULL;
}

static void put_pseudo(struct buf *b, const struct flow *f, bool request)
{
	const struct flow_half *h = request ? &f->req : &f->resp;
	const char *host = flow_header(h, "host");

	if (!request && !pseudo(h, ":status"))
		put_field(b, SLICE_LIT(":status"), export_status(f));
	if (!request)
		return;
	if (!pseudo(h, ":method"))
		put_field(b, SLICE_LIT(":method"), export_method(f));
	if (!pseudo(h, ":path") && h->target)
		put_field(b, SLICE_LIT(":path"), h->target);
	if (!pseudo(h, ":scheme"))
		put_field(b, SLICE_LIT(":scheme"), f->conn->tls ? "https" : "http");
	if (!pseudo(h, ":authority") && host)
		put_field(b, SLICE_LIT(":authority"), host);
}

static bool decoded(const struct flow *f, const struct flow_half *h)
{
	return !(f->flags & FLOW_DECODE_ERROR) && ((h->body.encoding && h->body.data.n) || strcmp(f->proto, "sse") == 0);
}

static void put_fields(struct wire_out *o, struct buf *b, const struct flow *f, bool request)
{
	const struct flow_half *h = request ? &f->req : &f->resp;

	put_pseudo(b, f, request);
	for (size_t i = 0; i < h->nheaders; i++) {
		const char *name = h->headers[i].key, *value = h->headers[i].value;

		if (slice_eq_nocase(slice_str(name), SLICE_LIT("content-encoding")) && decoded(f, h)) {
			put_small(b, "x-limpid-content-encoding", value);
			wire_note(o, "the body was sent with content-encoding %s and is shown decoded", value);
		} else if (slice_eq_nocase(slice_str(name), SLICE_LIT("content-length")) &&
			   (decoded(f, h) || export_is_grpc(f) || h->body.captured < h->body.len)) {
			put_small(b, "x-limpid-content-length", value);
		} else {
			put_small(b, name, value);
		}
	}
}

static void put_block(struct buf *b, uint32_t stream, struct slice block, bool end)
{
	unsigned type = HEADERS, flags = end ? END_STREAM : 0;

	do {
		struct slice piece = slice_cut(block, 0, FRAME_MAX);

		block = slice_cut(block, piece.n, block.n);
		put_frame(b, type, flags | (block.n ? 0 : END_HEADERS), stream, piece);
		type = CONTINUATION;
		flags = 0;
	} while (block.n);
}

static void put_data(struct buf *b, uint32_t stream, struct slice data, bool end)
{
	while (data.n || end) {
		struct slice piece = slice_cut(data, 0, FRAME_MAX);

		data = slice_cut(data, piece.n, data.n);
		put_frame(b, DATA, end && !data.n ? END_STREAM : 0, stream, piece);
		end = end && data.n;
	}
}

/* gRPC's are its status and reason. */
static struct buf trailers(const struct flow *f, const struct flow_half *h)
{
	static const char key[] = "trailer:";
	const char *code = export_is_grpc(f) ? export_attr(h, "code") : NULL;
	struct buf b = { 0 };

	if (code && !flow_header(h, "grpc-status"))
		put_field(&b, SLICE_LIT("grpc-status"), code);
	if (code && h->reason && !flow_header(h, "grpc-message"))
		put_field(&b, SLICE_LIT("grpc-message"), h->reason);

	for (size_t i = 0; i < h->nattrs; i++)
		if (strncmp(h->attrs[i].key, key, sizeof(key) - 1) == 0)
			put_small(&b, h->attrs[i].key + sizeof(key) - 1, h->attrs[i].value);
	return b;
}

/* Both sides' first bytes: windows as large as can be, so that no window is ever full. */
static void greet(struct wire_out *o, int64_t at_ns)
{
	static const uint8_t settings[] = { 0, 4, 0x7f, 0xff, 0xff, 0xff }, window[] = { 0x7f, 0xff, 0, 0 };

	for (int server = 0; server < 2; server++) {
		if (!server)
			buf_puts(&o->b, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
		put_frame(&o->b, SETTINGS, 0, 0, (struct slice){ settings, sizeof(settings) });
		put_frame(&o->b, WINDOW_UPDATE, 0, 0, (struct slice){ window, sizeof(window) });
		wire_note(o, "made up: preface and settings");
		wire_send(o, at_ns, server, false);
	}
	o->conn->greeted = true;
}

/* --- messages --- */

static void wrap(struct wire_out *o, const struct flow_msg *m, bool from_server)
{
	struct buf payload = o->b;

	(void)from_server;
	(void)m;
	o->b = (struct buf){ 0 };
	put_data(&o->b, o->conn->stream, buf_slice(&payload), false);
	o->b.failed |= payload.failed;
	buf_release(&payload);
}

/* Each message behind its five bytes, at its time. */
static void grpc_messages(struct wire_out *o, const struct flow *f)
{
	for (size_t i = 0; i < f->nmsgs; i++) {
		const struct flow_msg *m = &f->msgs[i];

		wire_be(&o->b, 0, 1);
		wire_be(&o->b, m->body.data.n, 4);
		buf_put(&o->b, m->body.data);
		wrap(o, m, m->from_server);
		wire_note_cut(o, &m->body);
		wire_send(o, wire_time(f, m->ts_ns), m->from_server, false);
	}
}

static void messages(struct wire_out *o, const struct flow *f)
{
	if (strcmp(f->proto, "websocket") == 0)
		wire_websocket(o, f, wrap);
	else if (strcmp(f->proto, "sse") == 0)
		wire_events(o, f, wrap);
	else if (export_is_grpc(f))
		grpc_messages(o, f);
}

/* The end of a side's messages, or of the half: whichever is later. */
static int64_t end_of(const struct flow *f, const struct flow_half *h, bool from_server, bool carried)
{
	int64_t at_ns = wire_time(f, h->end_ns ? h->end_ns : h->begin_ns);

	for (size_t i = 0; carried && i < f->nmsgs; i++)
		if (f->msgs[i].from_server == from_server && wire_time(f, f->msgs[i].ts_ns) > at_ns)
			at_ns = wire_time(f, f->msgs[i].ts_ns);
	return at_ns;
}

static uint32_t reset_code(const char *name)
{
	static const char *const names[] = { "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR",
					     "SETTINGS_TIMEOUT", "STREAM_CLOSED", "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL",
					     "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM", "INADEQUATE_SECURITY",
					     "HTTP_1_1_REQUIRED" };

	for (uint32_t i = 0; name && i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(name, names[i]) == 0)
			return i;
	return 8;
}

static void reset(struct wire_out *o, const struct flow *f)
{
	const struct flow_half *h = export_attr(&f->resp, "reset") ? &f->resp : &f->req;
	const char *code = export_attr(h, "reset"), *by = export_attr(h, "reset_by");
	uint8_t payload[4] = { 0, 0, 0, (uint8_t)reset_code(code) };
	uint64_t at = f->resp.end_ns > f->req.end_ns ? f->resp.end_ns : f->req.end_ns;

	if (!code)
		wire_note(o, "what broke the stream off is not known");
	put_frame(&o->b, RST_STREAM, 0, o->conn->stream, (struct slice){ payload, 4 });
	wire_send(o, wire_time(f, at), by && strcmp(by, "server") == 0, false);
}

static void half(struct wire_out *o, const struct flow *f, bool request)
{
	const struct flow_half *h = request ? &f->req : &f->resp;
	bool carried = f->nmsgs && (export_is_grpc(f) || strcmp(f->proto, "websocket") == 0 || strcmp(f->proto, "sse") == 0);
	bool ends = f->state != FLOW_OPEN && f->state != FLOW_RESET;
	int64_t end_ns = end_of(f, h, !request, carried);
	struct buf block = { 0 }, after = trailers(f, h), data = { 0 };
	struct flow single = *f;
	bool more;

	single.nmsgs = 0;
	if (export_is_grpc(f))
		wire_grpc_body(&data, &single, !request);
	else
		buf_put(&data, h->body.data);
	more = data.n || after.n || carried;
	put_fields(o, &block, f, request);
	put_block(&o->b, o->conn->stream, buf_slice(&block), !more && ends);
	if (carried || h->end_ns > h->begin_ns)
		wire_send(o, wire_time(f, h->begin_ns), !request, false);
	if (carried && request == (strcmp(f->proto, "sse") != 0))
		messages(o, f);
	put_data(&o->b, o->conn->stream, buf_slice(&data), more && !after.n && ends);
	wire_note_cut(o, &h->body);
	if (after.n)
		put_block(&o->b, o->conn->stream, buf_slice(&after), true);
	o->b.failed |= block.failed || after.failed || data.failed;
	wire_send(o, end_ns, !request, false);
	buf_release(&block);
	buf_release(&after);
	buf_release(&data);
}

static bool http2(struct wire_out *o, const struct flow *f)
{
	const char *number = export_attr(&f->req, "stream");

	if (!wire_is_http2(f))
		return wire_http1.flow(o, f);
	if (!o->conn->greeted)
		greet(o, flow_time_ns(f));
	if (number && strtoul(number, NULL, 10) < 1u << 31)
		o->conn->stream = (uint32_t)strtoul(number, NULL, 10);
	half(o, f, true);
	if (f->has_resp)
		half(o, f, false);
	if (f->state == FLOW_RESET)
		reset(o, f);
	o->conn->stream += 2; /* for one without a number */
	return true;
}

const struct wire wire_http2 = { "http2 grpc", 80, NULL, http2 };
