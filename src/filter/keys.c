/* SPDX-License-Identifier: Apache-2.0 */
/* The table of keys: what each reads from a flow. */
#include "filter/ends.h"
#include "filter/spoken.h"

#include <strings.h>

static bool see(visit_fn visit, void *ctx, const char *s)
{
	return s && visit(ctx, slice_str(s));
}

static const char *host_of(const struct flow *f)
{
	const char *h = flow_header(&f->req, "host");

	if (!h)
		h = flow_header(&f->req, ":authority");
	return h ? h : f->conn->tls ? f->conn->tls->sni : NULL;
}

static bool t_op(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	(void)arg;
	return see(visit, ctx, f->req.op);
}

static bool t_target(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	(void)arg;
	return see(visit, ctx, f->req.target);
}

static bool t_host(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	(void)arg;
	return see(visit, ctx, host_of(f));
}

static bool t_path(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	struct slice t = slice_str(f->req.target);

	(void)arg;
	return t.n > 0 && visit(ctx, slice_cut(t, 0, slice_find(t, SLICE_LIT("?"), 0)));
}

static bool t_url(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	const char *host = host_of(f);
	struct buf url = { 0 };
	bool hit;

	(void)arg;
	if (!f->req.target)
		return false;
	if (!host || strstr(f->req.target, "://"))
		return visit(ctx, slice_str(f->req.target));
	buf_puts(&url, f->conn->tls ? "https://" : "http://");
	buf_puts(&url, host);
	buf_puts(&url, f->req.target);
	hit = visit(ctx, buf_slice(&url));
	buf_release(&url);
	return hit;
}

static int hex_digit(uint8_t c)
{
	return c >= '0' && c <= '9'		    ? c - '0'
	       : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
						    : -1;
}

/* Undoes %XX and + of a query component (WHATWG URL, 5.1). */
static void put_decoded(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];

		if (c == '+') {
			c = ' ';
		} else if (c == '%' && s.n - i > 2 && hex_digit(s.p[i + 1]) >= 0 &&
			   hex_digit(s.p[i + 2]) >= 0) {
			c = (uint8_t)((unsigned)hex_digit(s.p[i + 1]) * 16 +
				      (unsigned)hex_digit(s.p[i + 2]));
			i += 2;
		}
		buf_put(out, (struct slice){ &c, 1 });
	}
}

static bool t_query(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	struct slice t = slice_str(f->req.target);
	size_t at = slice_find(t, SLICE_LIT("?"), 0) + 1;
	struct buf key = { 0 }, value = { 0 };
	bool hit = false;

	while (!hit && at < t.n) {
		size_t end = slice_find(t, SLICE_LIT("&"), at);
		struct slice pair = slice_cut(t, at, end);
		size_t eq = slice_find(pair, SLICE_LIT("="), 0);

		buf_clear(&key);
		buf_clear(&value);
		put_decoded(&key, slice_cut(pair, 0, eq));
		put_decoded(&value, slice_cut(pair, eq + 1, pair.n));
		hit = slice_eq(buf_slice(&key), slice_str(arg)) && visit(ctx, buf_slice(&value));
		at = end + 1;
	}
	buf_release(&key);
	buf_release(&value);
	return hit;
}

static bool headers_named(const struct flow_half *h, const char *name, visit_fn visit, void *ctx)
{
	for (size_t i = 0; i < h->nheaders; i++)
		if (strcasecmp(h->headers[i].key, name) == 0 &&
		    see(visit, ctx, h->headers[i].value))
			return true;
	return false;
}

static bool t_req_header(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	return headers_named(&f->req, arg, visit, ctx);
}

static bool t_resp_header(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	return headers_named(&f->resp, arg, visit, ctx);
}

static bool t_header(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	return t_req_header(f, arg, visit, ctx) || t_resp_header(f, arg, visit, ctx);
}

struct cookie_search {
	const char *name;
	visit_fn visit;
	void *ctx;
};

/* One Cookie header: name=value pairs between "; " (RFC 6265, 4.2.1). */
static bool cookie_in(void *ctx, struct slice header)
{
	const struct cookie_search *s = ctx;

	for (size_t at = 0; at < header.n;) {
		size_t end = slice_find(header, SLICE_LIT(";"), at), eq;
		struct slice pair = slice_cut(header, at, end);

		while (pair.n > 0 && pair.p[0] == ' ')
			pair = slice_cut(pair, 1, pair.n);
		eq = slice_find(pair, SLICE_LIT("="), 0);
		if (slice_eq(slice_cut(pair, 0, eq), slice_str(s->name)) &&
		    s->visit(s->ctx, slice_cut(pair, eq + 1, pair.n)))
			return true;
		at = end + 1;
	}
	return false;
}

static bool t_cookie(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	struct cookie_search s = { arg, visit, ctx };

	return headers_named(&f->req, "cookie", cookie_in, &s);
}

static bool t_type(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	(void)arg;
	return see(visit, ctx, f->resp.body.type) || see(visit, ctx, f->req.body.type);
}

static bool see_body(visit_fn visit, void *ctx, const struct flow_body *b)
{
	return (b->data.n > 0 && visit(ctx, b->data)) || (b->shown.n > 0 && visit(ctx, b->shown));
}

static bool t_req_body(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	(void)arg;
	return see_body(visit, ctx, &f->req.body);
}

static bool t_resp_body(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	(void)arg;
	return see_body(visit, ctx, &f->resp.body);
}

static bool t_body(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	if (t_req_body(f, arg, visit, ctx) || t_resp_body(f, arg, visit, ctx))
		return true;
	for (size_t i = 0; i < f->nmsgs; i++)
		if (see_body(visit, ctx, &f->msgs[i].body))
			return true;
	return false;
}

static bool any_header(const struct flow_half *h, visit_fn visit, void *ctx)
{
	for (size_t i = 0; i < h->nheaders; i++)
		if (see(visit, ctx, h->headers[i].key) || see(visit, ctx, h->headers[i].value))
			return true;
	return false;
}

static bool t_any(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	return t_url(f, arg, visit, ctx) || t_op(f, arg, visit, ctx) || key_src(f, arg, visit, ctx) ||
	       key_dst(f, arg, visit, ctx) || see(visit, ctx, f->resp.status) ||
	       see(visit, ctx, f->resp.reason) || any_header(&f->req, visit, ctx) ||
	       any_header(&f->resp, visit, ctx) || t_body(f, arg, visit, ctx);
}

static bool t_proto(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	(void)arg;
	return see(visit, ctx, f->proto);
}

static bool t_status(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	(void)arg;
	return see(visit, ctx, f->resp.status) || see(visit, ctx, f->resp.reason);
}

static bool t_tls(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	(void)arg;
	if (!f->conn->tls)
		return see(visit, ctx, "none") || see(visit, ctx, "no");
	return see(visit, ctx, "yes") || see(visit, ctx, f->conn->tls->library) ||
	       see(visit, ctx, f->conn->tls->version);
}

static bool t_sni(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	(void)arg;
	return f->conn->tls && see(visit, ctx, f->conn->tls->sni);
}

static bool t_alpn(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	(void)arg;
	return f->conn->tls && see(visit, ctx, f->conn->tls->alpn);
}

static bool t_mapping(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	(void)arg;
	return f->conn->tls && see(visit, ctx, f->conn->tls->mapping);
}

/* "TLS 1.3", and "1.3", which is easier to type. */
static bool t_tlsver(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	const char *v = f->conn->tls ? f->conn->tls->protocol : NULL;

	(void)arg;
	return v && (see(visit, ctx, v) || see(visit, ctx, strchr(v, ' ') ? strchr(v, ' ') + 1 : v));
}

static bool t_cipher(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	(void)arg;
	return f->conn->tls && see(visit, ctx, f->conn->tls->cipher);
}

static bool t_cert(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	const struct flow_tls *t = f->conn->tls;

	(void)arg;
	return t && (see(visit, ctx, t->subject) || see(visit, ctx, t->names) ||
		     see(visit, ctx, t->issuer));
}

static bool t_mark(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	const char digit[] = { (char)('0' + (f->mark ? f->mark->colour % 10 : 0)), '\0' };

	(void)arg;
	return see(visit, ctx, digit) || (f->mark && see(visit, ctx, flow_mark_name(f->mark->colour)));
}

static bool t_note(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	(void)arg;
	return f->mark && see(visit, ctx, f->mark->note);
}

static bool t_ip(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	(void)arg;
	if (flow_is_unix(f->conn))
		return false;
	return visit(ctx, (struct slice){ f->conn->client.addr, 16 }) ||
	       visit(ctx, (struct slice){ f->conn->server.addr, 16 });
}

static bool n_port(const struct flow *f, uint64_t *ret)
{
	*ret = f->conn->server.port;
	return !flow_is_unix(f->conn);
}

static bool n_pid(const struct flow *f, uint64_t *ret)
{
	*ret = f->conn->client.pid ? f->conn->client.pid : f->conn->server.pid;
	return *ret != 0;
}

static bool n_conn(const struct flow *f, uint64_t *ret)
{
	*ret = f->conn->id;
	return true;
}

static bool n_req_size(const struct flow *f, uint64_t *ret)
{
	*ret = f->req.body.len;
	return f->has_req;
}

static bool n_resp_size(const struct flow *f, uint64_t *ret)
{
	*ret = f->resp.body.len;
	return f->has_resp;
}

static bool n_size(const struct flow *f, uint64_t *ret)
{
	*ret = f->req.body.len + f->resp.body.len;
	return true;
}

static bool n_dur(const struct flow *f, uint64_t *ret)
{
	*ret = flow_duration_ns(f);
	return f->state != FLOW_OPEN && f->req.begin_ns && f->resp.end_ns;
}

static bool n_ttfb(const struct flow *f, uint64_t *ret)
{
	*ret = flow_ttfb_ns(f);
	return f->req.begin_ns && f->resp.begin_ns;
}

static const struct key keys[] = {
	{ "op", KIND_CHOICE, false, FILTER_SUMMARY, t_op, NULL, "operation: GET, Query, HGETALL" },
	{ "method", KIND_CHOICE, false, FILTER_SUMMARY, t_op, NULL, "the same as op" },
	{ "target", KIND_TEXT, false, FILTER_SUMMARY, t_target, NULL,
	  "what was asked for, as sent" },
	{ "host", KIND_TEXT, false, FILTER_SUMMARY, t_host, NULL,
	  "Host header, or the TLS server name" },
	{ "path", KIND_TEXT, false, FILTER_SUMMARY, t_path, NULL, "target without the query" },
	{ "url", KIND_TEXT, false, FILTER_SUMMARY, t_url, NULL, "scheme, host and target" },
	{ "query", KIND_TEXT, true, FILTER_SUMMARY, t_query, NULL,
	  "query.NAME: one parameter, decoded" },
	{ "src", KIND_TEXT, false, FILTER_SUMMARY, key_src, NULL,
	  "client: container, pod, process or address" },
	{ "dst", KIND_TEXT, false, FILTER_SUMMARY, key_dst, NULL,
	  "server: container, pod, process, address or socket path" },
	{ "sock", KIND_TEXT, false, FILTER_SUMMARY, key_sock, NULL,
	  "path of the unix socket; abstract names begin with @" },
	{ "l4", KIND_CHOICE, false, FILTER_SUMMARY, key_l4, NULL, "tcp, unix or udp" },
	{ "container", KIND_TEXT, false, FILTER_SUMMARY, key_container, NULL,
	  "container at either end" },
	{ "container.id", KIND_TEXT, false, FILTER_HEADERS, key_container_id, NULL,
	  "container id at either end" },
	{ "image", KIND_TEXT, false, FILTER_HEADERS, key_image, NULL, "image at either end" },
	{ "compose", KIND_TEXT, false, FILTER_SUMMARY, key_project, NULL,
	  "Compose project at either end" },
	{ "src.compose", KIND_TEXT, false, FILTER_SUMMARY, key_src_project, NULL,
	  "Compose project of the client" },
	{ "dst.compose", KIND_TEXT, false, FILTER_SUMMARY, key_dst_project, NULL,
	  "Compose project of the server" },
	{ "service", KIND_TEXT, false, FILTER_SUMMARY, key_service, NULL,
	  "what a container or pod is one of: web for shop-web-2" },
	{ "src.service", KIND_TEXT, false, FILTER_SUMMARY, key_src_service, NULL, "the client's" },
	{ "dst.service", KIND_TEXT, false, FILTER_SUMMARY, key_dst_service, NULL, "the server's" },
	{ "pod", KIND_TEXT, false, FILTER_SUMMARY, key_pod, NULL, "Kubernetes pod at either end" },
	{ "ns", KIND_TEXT, false, FILTER_SUMMARY, key_ns, NULL,
	  "Kubernetes namespace at either end" },
	{ "src.ns", KIND_TEXT, false, FILTER_SUMMARY, key_src_ns, NULL,
	  "Kubernetes namespace of the client" },
	{ "dst.ns", KIND_TEXT, false, FILTER_SUMMARY, key_dst_ns, NULL,
	  "Kubernetes namespace of the server" },
	{ "proc", KIND_TEXT, false, FILTER_SUMMARY, key_proc, NULL, "process name at either end" },
	{ "header", KIND_TEXT, true, FILTER_HEADERS, t_header, NULL,
	  "header.NAME in request or answer" },
	{ "req.header", KIND_TEXT, true, FILTER_HEADERS, t_req_header, NULL, "req.header.NAME" },
	{ "resp.header", KIND_TEXT, true, FILTER_HEADERS, t_resp_header, NULL, "resp.header.NAME" },
	{ "cookie", KIND_TEXT, true, FILTER_HEADERS, t_cookie, NULL, "cookie.NAME of the request" },
	{ "type", KIND_TEXT, false, FILTER_SUMMARY, t_type, NULL, "media type of the body" },
	{ "body", KIND_TEXT, false, FILTER_BODIES, t_body, NULL, "either body, decoded" },
	{ "req.body", KIND_TEXT, false, FILTER_BODIES, t_req_body, NULL, "request body, decoded" },
	{ "resp.body", KIND_TEXT, false, FILTER_BODIES, t_resp_body, NULL,
	  "response body, decoded" },
	{ "any", KIND_TEXT, false, FILTER_BODIES, t_any, NULL,
	  "everything: names, headers, bodies" },
	{ "json", KIND_TEXT, true, FILTER_BODIES, key_json, NULL,
	  "json.user.id: a member of a body, or of a message; json.items.0 or json.items.id of an array" },
	{ "grpc", KIND_CHOICE, false, FILTER_SUMMARY, key_grpc, NULL, "status of a gRPC call: NOT_FOUND" },
	{ "sql", KIND_TEXT, false, FILTER_SUMMARY, key_sql, NULL, "text of a statement" },
	{ "sql.op", KIND_CHOICE, false, FILTER_SUMMARY, key_sql_op, NULL,
	  "a statement's first word: SELECT" },
	{ "sql.table", KIND_TEXT, false, FILTER_SUMMARY, key_sql_table, NULL,
	  "a table that a statement names" },
	{ "sql.error", KIND_TEXT, false, FILTER_SUMMARY, key_sql_error, NULL,
	  "a statement's error: its code or text" },
	{ "sql.rows", KIND_NUMBER, false, FILTER_HEADERS, NULL, key_sql_rows,
	  "rows of the answer, or affected" },
	{ "redis.cmd", KIND_CHOICE, false, FILTER_SUMMARY, key_redis_cmd, NULL, "command of Redis: HGETALL" },
	{ "redis.key", KIND_TEXT, false, FILTER_SUMMARY, key_redis_key, NULL, "its first key or channel" },
	{ "ws.kind", KIND_CHOICE, false, FILTER_BODIES, key_ws_kind, NULL,
	  "a WebSocket message: text, binary, close" },
	{ "ws.dir", KIND_CHOICE, false, FILTER_BODIES, key_ws_dir, NULL, "who sent one: c2s, s2c" },
	{ "proto", KIND_CHOICE, false, FILTER_SUMMARY, t_proto, NULL, "http1, ..." },
	{ "status", KIND_STATUS, false, FILTER_SUMMARY, t_status, NULL,
	  "404, 5xx, 500..599, a word" },
	{ "tls", KIND_CHOICE, false, FILTER_SUMMARY, t_tls, NULL, "yes, no, or a library's name" },
	{ "sni", KIND_TEXT, false, FILTER_SUMMARY, t_sni, NULL, "server name in the TLS handshake" },
	{ "alpn", KIND_CHOICE, false, FILTER_SUMMARY, t_alpn, NULL,
	  "protocol agreed on in the TLS handshake: h2" },
	{ "mapping", KIND_CHOICE, false, FILTER_SUMMARY, t_mapping, NULL,
	  "how the connection of what TLS carried was found: nested, sticky, matched" },
	{ "tlsver", KIND_CHOICE, false, FILTER_SUMMARY, t_tlsver, NULL, "version of TLS: 1.2, 1.3" },
	{ "cipher", KIND_TEXT, false, FILTER_SUMMARY, t_cipher, NULL, "cipher suite of TLS" },
	{ "cert", KIND_TEXT, false, FILTER_HEADERS, t_cert, NULL,
	  "names or issuer of the server's certificate, before TLS 1.3" },
	{ "mark", KIND_CHOICE, false, FILTER_SUMMARY, t_mark, NULL,
	  "colour that somebody marked it with on the page: 1 to 6, or red; 0 for none" },
	{ "note", KIND_TEXT, false, FILTER_SUMMARY, t_note, NULL,
	  "what somebody noted beside it on the page" },
	{ "is", KIND_IS, false, FILTER_SUMMARY, NULL, NULL, "a condition: is:error" },
	{ "ip", KIND_ADDRESS, false, FILTER_SUMMARY, t_ip, NULL,
	  "address or network at either end" },
	{ "port", KIND_NUMBER, false, FILTER_SUMMARY, NULL, n_port, "the server's port" },
	{ "pid", KIND_NUMBER, false, FILTER_HEADERS, NULL, n_pid, "process id" },
	{ "shape", KIND_TEXT, false, FILTER_SUMMARY, key_shape, NULL, "what was asked, values left out" },
	{ "trace", KIND_TEXT, false, FILTER_HEADERS, key_trace, NULL, "traceparent, x-request-id, ..." },
	{ "id", KIND_TEXT, false, FILTER_SUMMARY, key_id, NULL, "the flow's id, or a part of it" },
	{ "conn", KIND_NUMBER, false, FILTER_HEADERS, NULL, n_conn, "connection number" },
	{ "size", KIND_SIZE, false, FILTER_SUMMARY, NULL, n_size, "both bodies as sent: 10kb" },
	{ "req.size", KIND_SIZE, false, FILTER_SUMMARY, NULL, n_req_size, "request body as sent" },
	{ "resp.size", KIND_SIZE, false, FILTER_SUMMARY, NULL, n_resp_size,
	  "response body as sent" },
	{ "dur", KIND_DURATION, false, FILTER_SUMMARY, NULL, n_dur, "first byte to last: 500ms" },
	{ "ttfb", KIND_DURATION, false, FILTER_HEADERS, NULL, n_ttfb,
	  "request's end to answer's first byte" },
	{ "wait", KIND_DURATION, false, FILTER_HEADERS, NULL, n_ttfb, "the same as ttfb" },
	{ 0 },
};

const struct key *key_table(void)
{
	return keys;
}

const struct key *key_find(const char *name, const char **ret_arg)
{
	for (const struct key *k = keys; k->name; k++) {
		size_t n = strlen(k->name);

		if (!k->takes_name && strcmp(name, k->name) == 0) {
			*ret_arg = NULL;
			return k;
		}
		if (k->takes_name && strncmp(name, k->name, n) == 0 && name[n] == '.' &&
		    name[n + 1]) {
			*ret_arg = name + n + 1;
			return k;
		}
	}
	return NULL;
}

const struct filter_key *filter_keys(void)
{
	static const char *const kinds[] = { "text", "choice",	 "choice",  "number",
					     "size", "duration", "address", "choice" };
	static struct filter_key public[sizeof(keys) / sizeof(*keys)];

	/* Constant content, so that filling it twice at once does no harm. */
	for (size_t i = 0; keys[i].name; i++)
	public[i] = (struct filter_key){ keys[i].name, kinds[keys[i].kind], keys[i].help };
	return public;
}
