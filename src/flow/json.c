/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/json.h"

#include <inttypes.h>
#include <time.h>

#include "flow/time.h"

#define BODY_ELSEWHERE (SIZE_MAX - 1)

static void key(struct buf *out, const char *name)
{
	if (out->n > 0 && out->p[out->n - 1] != '{' && out->p[out->n - 1] != '[')
		buf_puts(out, ",");
	if (!name)
		return;
	buf_put_json_str(out, slice_str(name));
	buf_puts(out, ":");
}

static void str(struct buf *out, const char *name, const char *value)
{
	key(out, name);
	if (value)
		buf_put_json_str(out, slice_str(value));
	else
		buf_puts(out, "null");
}

static void num(struct buf *out, const char *name, uint64_t value)
{
	key(out, name);
	buf_printf(out, "%" PRIu64, value);
}

static void put_time(struct buf *out, int64_t unix_ns)
{
	char text[FLOW_TIME_MAX];

	str(out, "ts", flow_time_format(unix_ns, 9, text) ? text : NULL);
}

/* Without the start of a character that was cut off at the end. */
static struct slice whole_characters(struct slice s)
{
	size_t back = s.n < 3 ? s.n : 3;

	for (size_t i = 1; i <= back; i++) {
		uint8_t c = s.p[s.n - i];

		if ((c & 0xc0) == 0x80)
			continue;
		if (c >= 0xc0 && utf8_len(slice_cut(s, s.n - i, s.n)) == 0)
			return slice_cut(s, 0, s.n - i);
		break;
	}
	return s;
}

bool flow_body_text(const struct flow_body *b, size_t max, struct slice *ret)
{
	struct slice data = slice_cut(b->data, 0, max);

	*ret = data.n < b->data.n || b->captured < b->len ? whole_characters(data) : data;
	if (slice_is_utf8(*ret))
		return true;
	*ret = data;
	return false;
}

static void put_data(struct buf *out, const struct flow_body *b, size_t max)
{
	struct slice data;

	if (flow_body_text(b, max, &data)) {
		key(out, "text");
		buf_put_json_str(out, data);
		return;
	}
	key(out, "base64");
	buf_puts(out, "\"");
	buf_put_base64(out, data);
	buf_puts(out, "\"");
}

/* max BODY_ELSEWHERE: all but the content. */
static void put_body(struct buf *out, const struct flow_body *b, size_t max)
{

	key(out, "body");
	if (b->len == 0 && b->data.n == 0 && b->shown.n == 0) {
		buf_puts(out, "null");
		return;
	}
	buf_puts(out, "{");
	num(out, "len", b->len);
	num(out, "captured", b->captured);
	str(out, "type", b->type);
	str(out, "encoding", b->encoding);
	if (max != BODY_ELSEWHERE)
		put_data(out, b, max);
	if (b->data.n > max)
		buf_puts(out, ",\"cut\":true");
	if (b->shown.n > 0 && b->shown.n <= max) {
		key(out, "decoded");
		buf_put(out, b->shown);
	}
	buf_puts(out, "}");
}

static void put_headers(struct buf *out, const struct flow_half *h)
{
	key(out, "headers");
	buf_puts(out, "[");
	for (size_t i = 0; i < h->nheaders; i++) {
		key(out, NULL);
		buf_puts(out, "[");
		buf_put_json_str(out, slice_str(h->headers[i].key));
		buf_puts(out, ",");
		buf_put_json_str(out, slice_str(h->headers[i].value));
		buf_puts(out, "]");
	}
	buf_puts(out, "]");
}

static bool same_key(const struct flow_attr *attrs, size_t a, size_t b)
{
	return strcmp(attrs[a].key, attrs[b].key) == 0;
}

/* One value, or an array where the same key came several times. */
static void put_attr(struct buf *out, const struct flow_attr *attrs, size_t n, size_t i)
{
	size_t same = 0;

	for (size_t k = 0; k < i; k++)
		if (same_key(attrs, k, i))
			return;
	for (size_t k = i; k < n; k++)
		same += same_key(attrs, k, i);
	if (same == 1) {
		str(out, attrs[i].key, attrs[i].value);
		return;
	}
	key(out, attrs[i].key);
	buf_puts(out, "[");
	for (size_t k = i; k < n; k++)
		if (same_key(attrs, k, i))
			str(out, NULL, attrs[k].value);
	buf_puts(out, "]");
}

static void put_attrs(struct buf *out, const struct flow_attr *attrs, size_t n)
{
	key(out, "attrs");
	buf_puts(out, "{");
	for (size_t i = 0; i < n; i++)
		put_attr(out, attrs, n, i);
	buf_puts(out, "}");
}

static void put_half(struct buf *out, const char *name, bool request, const struct flow_half *h,
		     size_t max)
{
	key(out, name);
	buf_puts(out, "{");
	if (request) {
		str(out, "op", h->op);
		str(out, "target", h->target);
	} else {
		str(out, "status", h->status);
		str(out, "reason", h->reason);
	}
	put_headers(out, h);
	put_body(out, &h->body, max);
	put_attrs(out, h->attrs, h->nattrs);
	buf_puts(out, "}");
}

/* The ends of a unix socket have no address and no port; the server's has a path instead. */
static void put_peer(struct buf *out, const char *name, const struct flow_conn *c,
		     const struct flow_peer *p)
{
	char ip[46];

	key(out, name);
	buf_puts(out, "{");
	if (!flow_is_unix(c)) {
		flow_addr_format(p->addr, ip);
		str(out, "ip", ip[0] ? ip : NULL);
		num(out, "port", p->port);
	} else if (p == &c->server) {
		str(out, "path", c->path);
	}
	str(out, "container", p->container);
	str(out, "container_id", p->container_id);
	str(out, "image", p->image);
	if (p->project)
		str(out, "project", p->project);
	if (p->pod)
		str(out, "pod", p->pod);
	if (p->ns)
		str(out, "namespace", p->ns);
	key(out, "pid");
	if (p->pid)
		buf_printf(out, "%" PRIu32, p->pid);
	else
		buf_puts(out, "null");
	str(out, "comm", p->comm);
	buf_puts(out, "}");
}

static void put_bits(struct buf *out, const char *name, unsigned bits,
		     const char *(*name_of)(unsigned))
{
	key(out, name);
	buf_puts(out, "[");
	for (unsigned bit = 1; bit && bit <= bits; bit <<= 1)
		if ((bits & bit) && name_of(bit))
			str(out, NULL, name_of(bit));
	buf_puts(out, "]");
}

/* A list of texts with commas between them. */
static void put_list(struct buf *out, const char *name, const char *list)
{
	struct slice s = slice_str(list);

	key(out, name);
	buf_puts(out, "[");
	while (s.n > 0) {
		size_t n = slice_find(s, SLICE_LIT(","), 0);

		key(out, NULL);
		buf_put_json_str(out, slice_cut(s, 0, n));
		s = slice_cut(s, n + 1, s.n);
	}
	buf_puts(out, "]");
}

/* 0: not known.  Beyond what fits into ns: certificates without an end say 9999. */
static void put_second(struct buf *out, const char *name, int64_t unix_s)
{
	time_t sec = unix_s;
	struct tm tm;

	key(out, name);
	if (unix_s == 0 || !gmtime_r(&sec, &tm)) {
		buf_puts(out, "null");
		return;
	}
	buf_printf(out, "\"%04d-%02d-%02dT%02d:%02d:%02dZ\"", tm.tm_year + 1900, tm.tm_mon + 1,
		   tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

static void put_certificate(struct buf *out, const struct flow_tls *t)
{
	key(out, "certificate");
	if (!t->subject && !t->names && !t->not_after) {
		buf_puts(out, "null");
		return;
	}
	buf_puts(out, "{");
	str(out, "subject", t->subject);
	str(out, "issuer", t->issuer);
	put_list(out, "names", t->names);
	put_second(out, "not_after", t->not_after);
	buf_puts(out, "}");
}

static void put_tls(struct buf *out, const struct flow_tls *t)
{
	buf_puts(out, "{");
	str(out, "library", t->library);
	str(out, "version", t->version);
	str(out, "road", t->road);
	str(out, "mapping", t->mapping);
	str(out, "sni", t->sni);
	str(out, "alpn", t->alpn);
	str(out, "protocol", t->protocol);
	str(out, "cipher", t->cipher);
	str(out, "group", t->group);
	put_list(out, "offered", t->offered);
	put_certificate(out, t);
	key(out, "alert");
	if (t->alert) {
		buf_puts(out, "{");
		str(out, "name", t->alert);
		str(out, "by", t->alert_by);
		buf_puts(out, "}");
	} else {
		buf_puts(out, "null");
	}
	put_bits(out, "flags", t->flags, flow_tls_flag_name);
	if (t->reason) {
		str(out, "reason", t->reason);
		str(out, "why", t->why);
		str(out, "hint", t->hint);
	}
	buf_puts(out, "}");
}

static void put_conn(struct buf *out, const struct flow_conn *c)
{
	static const char *const seen[] = { NULL, "client", "server", "both" };

	put_peer(out, "client", c, &c->client);
	put_peer(out, "server", c, &c->server);
	str(out, "seen_by", seen[c->seen_by & 3]);
	key(out, "tls");
	if (c->tls)
		put_tls(out, c->tls);
	else
		buf_puts(out, "null");
}

static void put_messages(struct buf *out, const struct flow *f, bool no_time, size_t max)
{
	key(out, "messages");
	buf_puts(out, "[");
	for (size_t i = 0; i < f->nmsgs; i++) {
		const struct flow_msg *m = &f->msgs[i];

		key(out, NULL);
		buf_puts(out, "{");
		if (!no_time) {
			num(out, "seq", m->seq);
			put_time(out, (int64_t)m->ts_ns + f->epoch_ns);
		}
		str(out, "dir", m->from_server ? "s2c" : "c2s");
		str(out, "op", m->op);
		put_body(out, &m->body, max);
		if (m->nattrs)
			put_attrs(out, m->attrs, m->nattrs);
		if (m->flags)
			put_bits(out, "flags", m->flags, flow_flag_name);
		buf_puts(out, "}");
	}
	buf_puts(out, "]");
}

static void put_stream(struct buf *out, const struct flow_stream *s)
{
	static const char *const names[] = { "c2s", "s2c" };

	key(out, "stream");
	buf_puts(out, "{");
	for (size_t i = 0; i < 2; i++) {
		key(out, names[i]);
		buf_puts(out, "{");
		num(out, "messages", s->n[i]);
		num(out, "bytes", s->bytes[i]);
		buf_puts(out, "}");
	}
	num(out, "left_out", s->left_out);
	buf_puts(out, "}");
}

static void put_duration(struct buf *out, const char *name, bool known, uint64_t ns)
{
	if (known)
		num(out, name, ns);
	else
		str(out, name, NULL);
}

void flow_json_messages(struct buf *out, const struct flow *f, const struct flow_json_options *o)
{
	put_messages(out, f, o->no_time_or_id, o->body_max);
	if (f->streams)
		put_stream(out, &f->stream);
}

static void put_mark(struct buf *out, const struct flow_mark *m)
{
	if (m && m->colour)
		num(out, "mark", m->colour);
	if (m && m->pinned)
		buf_puts(out, ",\"pinned\":true");
	if (m && m->note)
		str(out, "note", m->note);
}

void flow_json(struct buf *out, const struct flow *f, const struct flow_json_options *opts)
{
	static const struct flow_json_options everything = { .body_max = SIZE_MAX };
	const struct flow_json_options *o = opts ? opts : &everything;
	size_t half_max = o->no_half_data ? BODY_ELSEWHERE : o->body_max;
	char id[37];

	buf_puts(out, "{\"v\":1");
	if (!o->no_time_or_id) {
		bool whole = f->state != FLOW_OPEN && f->req.begin_ns && f->resp.end_ns;

		flow_id_format(f->id, id);
		str(out, "id", id);
		put_time(out, flow_time_ns(f));
		put_duration(out, "duration_ns", whole, flow_duration_ns(f));
		put_duration(out, "ttfb_ns", f->req.begin_ns && f->resp.begin_ns, flow_ttfb_ns(f));
		put_duration(out, "send_ns", f->req.begin_ns && f->req.end_ns >= f->req.begin_ns,
			     f->req.end_ns - f->req.begin_ns);
	}
	str(out, "proto", f->proto);
	str(out, "l4", f->conn->l4);
	str(out, "state", flow_state_name(f->state));
	if (!o->no_time_or_id) {
		num(out, "conn", f->conn->id);
		put_conn(out, f->conn);
	}
	if (f->has_req)
		put_half(out, "request", true, &f->req, half_max);
	else
		str(out, "request", NULL);
	if (f->has_resp)
		put_half(out, "response", false, &f->resp, half_max);
	else
		str(out, "response", NULL);
	flow_json_messages(out, f, o);
	key(out, "failed");
	buf_puts(out, f->failed ? "true" : "false");
	put_bits(out, "flags", f->flags, flow_flag_name);
	put_mark(out, f->mark);
	buf_puts(out, "}");
}
