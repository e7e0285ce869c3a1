/* SPDX-License-Identifier: Apache-2.0 */
#include "export/read.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "export/url.h"
#include "flow/time.h"

static const char *text(const struct json *o, const char *key)
{
	return json_text(json_get(o, key));
}

/* Content that our own export keeps beside the flow, or a browser's; nothing when there is none. */
static int content(const struct json *o, const char *coding, struct arena *a, struct slice *ret)
{
	const struct json *t = json_get(o, "text");
	const char *coded = text(o, coding);

	if (!json_text(t))
		return 0;
	if (coded && strcmp(coded, "base64") == 0)
		return read_base64(t->text, a, ret);
	*ret = t->text;
	return 0;
}

/* --- of a browser ----------------------------------------------------------------------------------------- */

/* Pseudo headers of HTTP/2 say what method and URL say. */
static int headers(const struct json *list, struct arena *a, struct flow_half *h)
{
	struct flow_attr *p;
	size_t n = 0;

	for (const struct json *m = list ? list->first : NULL; m; m = m->next)
		n++;
	if (n == 0)
		return 0;
	h->headers = p = arena_alloc(a, n * sizeof(*p));
	if (!p)
		return -ENOMEM;
	for (const struct json *m = list->first; m; m = m->next) {
		const char *name = text(m, "name"), *value = text(m, "value");

		if (name && name[0] && name[0] != ':')
			p[h->nheaders++] = (struct flow_attr){ name, value ? value : "" };
	}
	return 0;
}

static uint64_t ns_of(const struct json *o, const char *key)
{
	double v = json_number(json_get(o, key));

	return v > 0 && v < 1e12 ? (uint64_t)(v * 1e6) : 0; /* -1: does not apply */
}

static void times(const struct json *v, int64_t at, struct flow *f)
{
	const struct json *t = json_get(v, "timings");
	uint64_t begin = (uint64_t)at + ns_of(t, "blocked") + ns_of(t, "dns") + ns_of(t, "connect");

	f->req.begin_ns = begin;
	f->req.end_ns = begin + ns_of(t, "send");
	if (!f->has_resp)
		return;
	f->resp.begin_ns = f->req.end_ns + ns_of(t, "wait");
	f->resp.end_ns = f->resp.begin_ns + ns_of(t, "receive");
}

static void sizes(const struct json *half, struct flow_body *b)
{
	uint64_t len;

	if (!json_u64(json_get(half, "bodySize"), &len) || (len == 0 && b->data.n > 0))
		len = b->data.n;
	b->len = len;
	b->captured = b->data.n ? len : 0;
	if (b->encoding && b->len == b->data.n)
		b->encoding = NULL; /* nobody says what was saved: it is shown as it is */
}

static int body(const struct json *half, const char *member, const char *coding, struct arena *a, struct flow_half *h)
{
	const struct json *o = json_get(half, member);
	int r = content(o, coding, a, &h->body.data);

	h->body.type = flow_header(h, "content-type");
	if (!h->body.type)
		h->body.type = text(o, "mimeType");
	h->body.encoding = flow_header(h, "content-encoding");
	sizes(half, &h->body);
	return r;
}

static int request(const struct json *q, struct arena *a, struct flow *f, struct url *ret)
{
	const struct json *u = json_get(q, "url");
	int r;

	f->has_req = true;
	f->req.op = text(q, "method");
	if (!f->req.op || !json_text(u) || url_parse(u->text, ret) < 0)
		return -EBADMSG;
	f->req.target = ret->target.n ? arena_str(a, ret->target) : "/";
	r = headers(json_get(q, "headers"), a, &f->req);
	return r ? r : body(q, "postData", "_encoding", a, &f->req);
}

static int response(const struct json *p, struct arena *a, struct flow *f)
{
	double status = json_number(json_get(p, "status"));
	int r;

	if (status < 100 || status > 999) { /* browsers: 0, there was none */
		f->state = FLOW_UNANSWERED;
		return 0;
	}
	f->has_resp = true;
	f->failed = status >= 400;
	f->resp.status = arena_printf(a, "%u", (unsigned)status);
	f->resp.reason = text(p, "statusText");
	r = headers(json_get(p, "headers"), a, &f->resp);
	return r ? r : body(p, "content", "encoding", a, &f->resp);
}

static int one_message(const struct json *v, struct arena *a, uint64_t seq, struct flow_msg *m)
{
	const struct json *data = json_get(v, "data");
	const char *type = text(v, "type");
	double opcode = json_number(json_get(v, "opcode")), time = json_number(json_get(v, "time"));
	int r = 0;

	*m = (struct flow_msg){ .seq = seq,
				.ts_ns = time > 0 && time < 9e9 ? (uint64_t)(time * 1e9) : 0,
				.from_server = type && strcmp(type, "receive") == 0,
				.op = opcode == 1 ? "text" : opcode == 8 ? "close" : opcode == 9 ? "ping" : opcode == 10 ? "pong" : "binary" };
	if (json_text(data) && opcode == 1)
		m->body.data = data->text;
	else if (json_text(data))
		r = read_base64(data->text, a, &m->body.data);
	m->body.len = m->body.captured = m->body.data.n;
	return r;
}

static int messages(const struct json *list, struct arena *a, struct flow *f)
{
	struct flow_msg *m;
	size_t n = 0;
	int r = 0;

	for (const struct json *v = list ? list->first : NULL; v; v = v->next)
		n++;
	if (n == 0)
		return 0;
	f->msgs = m = arena_alloc(a, n * sizeof(*m));
	if (!m)
		return -ENOMEM;
	f->streams = true;
	for (const struct json *v = list->first; v && r == 0; v = v->next, m++) {
		r = one_message(v, a, ++f->nmsgs, m);
		f->stream.n[m->from_server]++;
		f->stream.bytes[m->from_server] += m->body.len;
	}
	return r;
}

static int connection(const struct json *v, struct arena *a, const struct url *u, struct flow *f)
{
	struct flow_conn *c = arena_alloc(a, sizeof(*c));
	struct flow_tls *tls = arena_alloc(a, sizeof(*tls));
	const char *ip = text(v, "serverIPAddress"), *number = text(v, "connection");
	bool secure = slice_eq_nocase(u->scheme, SLICE_LIT("https")) || slice_eq_nocase(u->scheme, SLICE_LIT("wss"));
	char host[64];

	if (!c || !tls)
		return -ENOMEM;
	f->conn = c;
	c->l4 = "tcp";
	c->id = number ? strtoull(number, NULL, 10) : 0;
	c->seen_by = FLOW_SEEN_CLIENT;
	c->server.port = u->port ? u->port : secure ? 443 : 80;
	if (ip && ip[0] == '[') { /* Chromium's way to write IPv6 */
		(void)snprintf(host, sizeof(host), "%.*s", (int)strcspn(ip + 1, "]"), ip + 1);
		ip = host;
	}
	if (ip && inet_pton(AF_INET, ip, c->server.addr + 12) == 1)
		c->server.addr[10] = c->server.addr[11] = 0xff;
	else if (ip)
		(void)inet_pton(AF_INET6, ip, c->server.addr); /* no address: unknown */
	if (secure) {
		tls->library = tls->road = "imported";
		tls->sni = arena_str(a, u->host);
		c->tls = tls;
	}
	return arena_short(a) ? -ENOMEM : 0;
}

static const char *proto_of(const struct json *v, const struct url *u)
{
	const char *version = text(json_get(v, "request"), "httpVersion");

	if (slice_starts(u->scheme, SLICE_LIT("ws")) || json_get(v, "_webSocketMessages"))
		return "websocket";
	if (version && (strchr(version, '3') || strstr(version, "quic")))
		return "http3";
	return version && strchr(version, '2') ? "http2" : "http1";
}

static int foreign(struct slice raw, const struct json *v, struct arena *a, struct flow *f)
{
	const char *when = text(v, "startedDateTime");
	struct url u = { 0 };
	int64_t at = 0;
	int r;

	if (!when || flow_time_parse(when, &at) < 0)
		return -EBADMSG;
	f->state = FLOW_DONE;
	r = request(json_get(v, "request"), a, f, &u);
	r = r ? r : response(json_get(v, "response"), a, f);
	r = r ? r : messages(json_get(v, "_webSocketMessages"), a, f);
	r = r ? r : connection(v, a, &u, f);
	r = r ? r : read_mark(NULL, text(v, "comment"), a, f);
	if (r < 0)
		return r;
	f->proto = proto_of(v, &u);
	times(v, at, f);
	read_made_id(at, raw, f->id);
	return 0;
}

/* --- both --------------------------------------------------------------------------------------------------- */

int read_har_entry(struct slice raw, const struct json *v, struct arena *a, struct flow *ret)
{
	const struct json *own = json_get(v, "_limpid");
	struct flow f = { 0 };
	int r;

	if (!v || v->kind != JSON_OBJECT)
		return -EBADMSG;
	if (own) {
		r = read_flow(own, a, &f);
		r = r ? r : content(json_get(json_get(v, "request"), "postData"), "_encoding", a, &f.req.body.data);
		r = r ? r : content(json_get(json_get(v, "response"), "content"), "encoding", a, &f.resp.body.data);
	} else {
		r = foreign(raw, v, a, &f);
	}
	if (r == 0)
		*ret = f;
	return r;
}
