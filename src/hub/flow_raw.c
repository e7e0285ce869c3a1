/* SPDX-License-Identifier: Apache-2.0 */
/* One flow as bytes of its protocol, and a captured page as a page, shut in. */
#include <strings.h>

#include "export/wire.h"
#include "hub/serve.h"

#define RAW_MAX ((size_t)256 << 10) /* of a side, in the answer that has both */

struct raw {
	struct buf bytes[2], note[2]; /* [1]: the server's */
};

static void push(void *ctx, struct wire_conn *conn, int64_t at_ns, bool from_server, struct slice bytes,
		 const char *comment)
{
	struct raw *r = ctx;

	(void)conn;
	(void)at_ns;
	buf_put(&r->bytes[from_server], bytes);
	if (!comment || !comment[0])
		return;
	buf_puts(&r->note[from_server], r->note[from_server].n ? "; " : "");
	buf_puts(&r->note[from_server], comment);
}

/* Of HTTP/2 the frames say nothing to people: its heads as HTTP/1 would have them. */
static const struct wire *wire_of(const struct flow *f)
{
	return strcmp(f->proto, "http2") == 0 ? &wire_http1 : wire_find(f->proto);
}

static void put_side(struct buf *out, const char *name, const struct raw *r, unsigned side)
{
	struct slice all = buf_slice(&r->bytes[side]), s = slice_cut(all, 0, RAW_MAX);

	buf_printf(out, "\"%s\":{\"len\":%zu,\"cut\":%s,\"note\":", name, all.n, s.n < all.n ? "true" : "false");
	buf_put_json_str(out, buf_slice(&r->note[side]));
	if (slice_is_utf8(s)) {
		buf_puts(out, ",\"text\":");
		buf_put_json_str(out, s);
	} else {
		buf_puts(out, ",\"base64\":\"");
		buf_put_base64(out, s);
		buf_puts(out, "\"");
	}
	buf_puts(out, "}");
}

static void raw_answer(struct conn *c, const struct raw *r)
{
	const char *side = request_arg(c, "side");
	struct buf *out = &c->a.own;

	buf_clear(out);
	if (side) {
		buf_put(out, buf_slice(&r->bytes[strcmp(side, "resp") == 0]));
		buf_puts(&c->a.head, "Content-Disposition: attachment; filename=\"raw.bin\"\r\n"
				     "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'; sandbox\r\n");
		answer_own(c, 200, "application/octet-stream");
		return;
	}
	buf_puts(out, "{");
	put_side(out, "request", r, 0);
	buf_puts(out, ",");
	put_side(out, "response", r, 1);
	buf_puts(out, "}");
	answer_own(c, 200, NULL);
}

void flow_raw(struct conn *c, const struct flow *f)
{
	const char *side = request_arg(c, "side");
	struct wire_conn conn = { .open = true, .greeted = true };
	struct raw r = { 0 };
	struct wire_out o = { .ctx = &r, .push = push, .conn = &conn };
	const struct wire *w = wire_of(f);
	bool failed;

	if (side && strcmp(side, "req") != 0 && strcmp(side, "resp") != 0) {
		answer_error(c, 400, "side is req or resp");
		return;
	}
	if (!w || !w->flow(&o, f)) {
		answer_error(c, 404, "there are no bytes to show of this protocol");
	} else {
		failed = o.b.failed || o.note.failed;
		for (unsigned i = 0; i < 2; i++)
			failed |= r.bytes[i].failed || r.note[i].failed;
		if (failed)
			answer_error(c, 503, "the hub is out of memory");
		else
			raw_answer(c, &r);
	}
	for (unsigned i = 0; i < 2; i++) {
		buf_release(&r.bytes[i]);
		buf_release(&r.note[i]);
	}
	buf_release(&o.b);
	buf_release(&o.note);
}

/* By the charset that the media type names; without one it is UTF-8, or what the page itself says. */
static const char *page_type(const struct flow_body *b)
{
	static const struct {
		const char *name, *type;
	} known[] = {
		{ "iso-8859-", "text/html; charset=windows-1252" }, { "windows-125", "text/html; charset=windows-1252" },
		{ "shift_jis", "text/html; charset=shift_jis" },    { "euc-jp", "text/html; charset=euc-jp" },
		{ "gb", "text/html; charset=gb18030" },		    { "big5", "text/html; charset=big5" },
		{ "euc-kr", "text/html; charset=euc-kr" },	    { "koi8-r", "text/html; charset=koi8-r" },
		{ "utf-16", "text/html; charset=utf-16" },
	};
	const char *at = b->type ? strcasestr(b->type, "charset=") : NULL;

	for (size_t i = 0; at && i < sizeof(known) / sizeof(*known); i++) {
		const char *v = at + strlen("charset=") + (at[8] == '"');

		if (strncasecmp(v, known[i].name, strlen(known[i].name)) == 0)
			return known[i].type;
	}
	return slice_is_utf8(b->data) ? "text/html; charset=utf-8" : "text/html";
}

/* No script, no form, no origin, nothing fetched; automatic redirects are off with scripts (HTML, "sandboxed automatic
 * features"), and the page's own frame-src keeps links inside. */
void flow_preview(struct conn *c, const struct flow_body *b)
{
	buf_clear(&c->a.own);
	buf_put(&c->a.own, b->data);
	buf_puts(&c->a.head, "Content-Security-Policy: sandbox; default-src 'none'; style-src 'unsafe-inline'; "
			     "img-src data:; frame-ancestors 'self'\r\n");
	answer_own(c, 200, page_type(b));
}
