/* SPDX-License-Identifier: Apache-2.0 */
/* HAR 1.2 (http://www.softwareishard.com/blog/har-12-spec/), with the fields that Chromium adds: _webSocketMessages, _resourceType.
 * What HAR has no place for lies in _limpid: the flow of docs/flow.md without the content of its two bodies, which is in postData and
 * content.  So what is imported again is what was exported.
 */
#include "export/export.h"

#include <errno.h>
#include <stdlib.h>

#include "export/redact.h"
#include "export/url.h"
#include "flow/json.h"
#include "flow/time.h"

struct exporter {
	bool begun, more, redacted;
};

static void key(struct buf *out, const char *name)
{
	uint8_t last = out->n ? out->p[out->n - 1] : '{';

	if (last != '{' && last != '[')
		buf_puts(out, ",");
	if (name)
		buf_printf(out, "\"%s\":", name);
}

static void str(struct buf *out, const char *name, const char *value)
{
	key(out, name);
	buf_put_json_str(out, slice_str(value ? value : ""));
}

static void pair(struct buf *out, struct slice name, struct slice value)
{
	key(out, NULL);
	buf_puts(out, "{\"name\":");
	buf_put_json_str(out, name);
	buf_puts(out, ",\"value\":");
	buf_put_json_str(out, value);
	buf_puts(out, "}");
}

static void ms(struct buf *out, const char *name, uint64_t ns)
{
	key(out, name);
	buf_printf(out, "%llu.%06llu", (unsigned long long)(ns / 1000000), (unsigned long long)(ns % 1000000));
}

/* --- lists ------------------------------------------------------------------------------------------- */

static void put_headers(struct buf *out, const struct flow_half *h)
{
	key(out, "headers");
	buf_puts(out, "[");
	for (size_t i = 0; i < h->nheaders; i++)
		if (h->headers[i].key[0] != ':') /* HTTP/2's pseudo headers say what method, URL and status say */
			pair(out, slice_str(h->headers[i].key), slice_str(h->headers[i].value));
	buf_puts(out, "]");
}

static struct slice trim(struct slice s)
{
	while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = slice_cut(s, 1, s.n);
	while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

/* "a=1" or, after a Set-Cookie, "a=1; Path=/; Secure". */
static void put_cookie(struct buf *out, struct slice s, bool set)
{
	size_t end = set ? slice_find(s, SLICE_LIT(";"), 0) : s.n, eq = slice_find(slice_cut(s, 0, end), SLICE_LIT("="), 0);
	bool http_only = false, secure = false;

	if (trim(slice_cut(s, 0, eq)).n == 0)
		return;
	pair(out, trim(slice_cut(s, 0, eq)), trim(slice_cut(s, eq + 1, end)));
	if (!set || out->failed)
		return;
	out->n--; /* its closing brace: more members */
	for (size_t at = end + 1; at < s.n; at = end + 1) {
		struct slice part, name;

		end = slice_find(s, SLICE_LIT(";"), at);
		part = trim(slice_cut(s, at, end));
		eq = slice_find(part, SLICE_LIT("="), 0);
		name = slice_cut(part, 0, eq);
		http_only |= slice_eq_nocase(name, SLICE_LIT("httponly"));
		secure |= slice_eq_nocase(name, SLICE_LIT("secure"));
		if (!slice_eq_nocase(name, SLICE_LIT("path")) && !slice_eq_nocase(name, SLICE_LIT("domain")))
			continue;
		key(out, slice_eq_nocase(name, SLICE_LIT("path")) ? "path" : "domain");
		buf_put_json_str(out, slice_cut(part, eq + 1, part.n));
	}
	buf_puts(out, http_only ? ",\"httpOnly\":true" : ",\"httpOnly\":false");
	buf_puts(out, secure ? ",\"secure\":true}" : ",\"secure\":false}");
}

static void put_cookies(struct buf *out, const struct flow_half *h, bool set)
{
	struct slice want = set ? SLICE_LIT("set-cookie") : SLICE_LIT("cookie");

	key(out, "cookies");
	buf_puts(out, "[");
	for (size_t i = 0; i < h->nheaders; i++) {
		struct slice v = slice_str(h->headers[i].value);

		if (!slice_eq_nocase(slice_str(h->headers[i].key), want))
			continue;
		if (set)
			put_cookie(out, v, true);
		for (size_t at = 0, end; !set && at < v.n; at = end + 1) {
			end = slice_find(v, SLICE_LIT(";"), at);
			put_cookie(out, slice_cut(v, at, end), false);
		}
	}
	buf_puts(out, "]");
}

static void put_query(struct buf *out, struct slice url)
{
	struct buf name = { 0 }, value = { 0 };
	size_t at = slice_find(url, SLICE_LIT("?"), 0) + 1, end;

	key(out, "queryString");
	buf_puts(out, "[");
	for (; at < url.n; at = end + 1) {
		struct slice part;
		size_t eq;

		end = slice_find(url, SLICE_LIT("&"), at);
		part = slice_cut(url, at, end);
		eq = slice_find(part, SLICE_LIT("="), 0);
		buf_clear(&name);
		buf_clear(&value);
		url_decode(&name, slice_cut(part, 0, eq));
		url_decode(&value, slice_cut(part, eq + 1, part.n));
		if (part.n)
			pair(out, buf_slice(&name), buf_slice(&value));
	}
	buf_puts(out, "]");
	out->failed |= name.failed || value.failed;
	buf_release(&name);
	buf_release(&value);
}

/* --- bodies -------------------------------------------------------------------------------------------- */

static const char *media_type(const struct flow_half *h)
{
	const char *type = h->body.type ? h->body.type : flow_header(h, "content-type");

	return type ? type : "application/octet-stream";
}

/* "text", and how it is coded: of a request HAR says nothing about that, so the field is ours. */
static void put_text(struct buf *out, const struct flow_body *b, bool request)
{
	struct slice data;

	if (flow_body_text(b, SIZE_MAX, &data)) {
		key(out, "text");
		buf_put_json_str(out, data);
	} else {
		key(out, "text");
		buf_puts(out, "\"");
		buf_put_base64(out, data);
		buf_puts(out, "\"");
		str(out, request ? "_encoding" : "encoding", "base64");
	}
	if (b->captured < b->len) {
		key(out, "comment");
		buf_printf(out, "\"%llu of %llu bytes were kept\"", (unsigned long long)b->captured,
			   (unsigned long long)b->len);
	}
}

static void put_content(struct buf *out, const struct flow_half *h)
{
	const struct flow_body *b = &h->body;

	key(out, "content");
	buf_printf(out, "{\"size\":%zu", b->data.n);
	if (b->encoding && b->captured == b->len && b->data.n > b->len)
		buf_printf(out, ",\"compression\":%llu", (unsigned long long)(b->data.n - b->len));
	str(out, "mimeType", media_type(h));
	if (b->data.n)
		put_text(out, b, false);
	buf_puts(out, "}");
}

static const char *version(const struct flow *f, const struct flow_half *h)
{
	const char *v = export_attr(h, "version");

	if (strcmp(f->proto, "http1") == 0 || strcmp(f->proto, "websocket") == 0)
		return v && strcmp(v, "1.0") == 0 ? "HTTP/1.0" : v && v[0] == '2' ? "HTTP/2.0" : "HTTP/1.1";
	return v && v[0] == '1' ? "HTTP/1.1" : strcmp(f->proto, "http3") == 0 ? "HTTP/3.0" : "HTTP/2.0";
}

static void put_request(struct buf *out, const struct flow *f)
{
	const struct flow_half *h = &f->req;
	struct buf url = { 0 };

	url_put(&url, f);
	key(out, "request");
	buf_puts(out, "{");
	str(out, "method", export_method(f));
	key(out, "url");
	buf_put_json_str(out, buf_slice(&url));
	str(out, "httpVersion", version(f, h));
	put_cookies(out, h, false);
	put_headers(out, h);
	put_query(out, buf_slice(&url));
	if (h->body.data.n) {
		key(out, "postData");
		buf_puts(out, "{");
		str(out, "mimeType", media_type(h));
		put_text(out, &h->body, true);
		buf_puts(out, "}");
	}
	buf_printf(out, ",\"headersSize\":-1,\"bodySize\":%llu}", (unsigned long long)h->body.len);
	out->failed |= url.failed;
	buf_release(&url);
}

static unsigned status_of(const char *s)
{
	unsigned v = 0;

	for (; s && *s >= '0' && *s <= '9' && v < 1000; s++)
		v = v * 10 + (unsigned)(*s - '0');
	return v;
}

static void put_response(struct buf *out, const struct flow *f)
{
	const struct flow_half *h = &f->resp;

	key(out, "response");
	buf_printf(out, "{\"status\":%u", f->has_resp ? status_of(export_status(f)) : 0);
	str(out, "statusText", export_is_grpc(f) ? NULL : h->reason);
	str(out, "httpVersion", version(f, f->has_resp ? h : &f->req));
	put_cookies(out, h, true);
	put_headers(out, h);
	put_content(out, h);
	str(out, "redirectURL", flow_header(h, "location"));
	buf_printf(out, ",\"headersSize\":-1,\"bodySize\":%lld}",
		   f->has_resp ? (long long)(h->body.len > INT64_MAX ? INT64_MAX : h->body.len) : -1LL);
}

/* --- the entry --------------------------------------------------------------------------------------------- */

static void put_timings(struct buf *out, const struct flow *f)
{
	const struct flow_half *q = &f->req, *a = &f->resp;
	uint64_t send = q->begin_ns && q->end_ns > q->begin_ns ? q->end_ns - q->begin_ns : 0;
	uint64_t receive = a->begin_ns && a->end_ns > a->begin_ns ? a->end_ns - a->begin_ns : 0;
	uint64_t wait = flow_ttfb_ns(f);

	ms(out, "time", send + wait + receive);
	key(out, "timings");
	buf_puts(out, "{\"blocked\":-1,\"dns\":-1,\"connect\":-1,\"ssl\":-1");
	ms(out, "send", send);
	ms(out, "wait", wait);
	ms(out, "receive", receive);
	buf_puts(out, "}");
}

static unsigned opcode(const char *op)
{
	static const struct {
		const char *op;
		unsigned code;
	} codes[] = { { "text", 1 }, { "binary", 2 }, { "close", 8 }, { "ping", 9 }, { "pong", 10 } };

	for (size_t i = 0; op && i < sizeof(codes) / sizeof(*codes); i++)
		if (strcmp(op, codes[i].op) == 0)
			return codes[i].code;
	return 2;
}

/* As Chromium: seconds since 1970; data of anything but text in base64. */
static void put_websocket(struct buf *out, const struct flow *f)
{
	str(out, "_resourceType", "websocket");
	key(out, "_webSocketMessages");
	buf_puts(out, "[");
	for (size_t i = 0; i < f->nmsgs; i++) {
		const struct flow_msg *m = &f->msgs[i];
		uint64_t ns = m->ts_ns + (uint64_t)f->epoch_ns;
		unsigned code = opcode(m->op);
		struct slice data;

		key(out, NULL);
		buf_printf(out, "{\"type\":\"%s\",\"time\":%llu.%09llu,\"opcode\":%u,\"data\":",
			   m->from_server ? "receive" : "send", (unsigned long long)(ns / 1000000000),
			   (unsigned long long)(ns % 1000000000), code);
		if (flow_body_text(&m->body, SIZE_MAX, &data) && code == 1) {
			buf_put_json_str(out, data);
		} else {
			buf_puts(out, "\"");
			buf_put_base64(out, m->body.data);
			buf_puts(out, "\"");
		}
		buf_puts(out, "}");
	}
	buf_puts(out, "]");
}

static void put_ends(struct buf *out, const struct flow *f)
{
	char addr[46];

	flow_addr_format(f->conn->server.addr, addr);
	if (addr[0])
		str(out, "serverIPAddress", addr);
	key(out, "connection");
	buf_printf(out, "\"%llu\"", (unsigned long long)f->conn->id);
}

static int har_flow(struct exporter *e, const struct flow *f, struct buf *out)
{
	static const struct flow_json_options rest = { .body_max = SIZE_MAX, .no_half_data = true };
	char when[FLOW_TIME_MAX];

	if (!export_is_http(f) || !f->has_req)
		return 0;
	if (!e->begun)
		buf_puts(out, "{\"log\":{\"version\":\"1.2\",\"creator\":{\"name\":\"Limpid\",\"version\":\"" LIMPID_VERSION
			      "\"},\"pages\":[],\"entries\":[");
	buf_puts(out, e->more ? ",\n{" : "\n{");
	e->begun = e->more = true;
	e->redacted |= (f->flags & FLOW_REDACTED) != 0;
	str(out, "startedDateTime", flow_time_format(flow_time_ns(f), 6, when) ? when : "1970-01-01T00:00:00.000Z");
	put_request(out, f);
	put_response(out, f);
	buf_puts(out, ",\"cache\":{}");
	put_timings(out, f);
	put_ends(out, f);
	if (strcmp(f->proto, "websocket") == 0)
		put_websocket(out, f);
	if (f->mark && f->mark->note) /* HAR's own place for it, which other programs show */
		str(out, "comment", f->mark->note);
	key(out, "_limpid");
	flow_json(out, f, &rest);
	buf_puts(out, "}");
	return out->failed ? -ENOMEM : 1;
}

static struct exporter *har_open(void)
{
	return calloc(1, sizeof(struct exporter));
}

static int har_end(struct exporter *e, struct buf *out)
{
	if (!e->begun)
		buf_puts(out, "{\"log\":{\"version\":\"1.2\",\"creator\":{\"name\":\"Limpid\",\"version\":\"" LIMPID_VERSION
			      "\"},\"pages\":[],\"entries\":[");
	buf_puts(out, "\n]");
	if (e->redacted)
		buf_puts(out, ",\"comment\":\"Secrets are hidden: the word " REDACT_MARK " stands for them\",\"_redacted\":true");
	buf_puts(out, "}}\n");
	return out->failed ? -ENOMEM : 0;
}

static void har_free(struct exporter *e)
{
	free(e);
}

const struct export_ops export_har = { "har", har_open, har_flow, har_end, NULL, har_free };
