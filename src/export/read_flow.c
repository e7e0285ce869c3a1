/* SPDX-License-Identifier: Apache-2.0 */
/* docs/flow.md backwards.  begin_ns and end_ns come from ts, send_ns, ttfb_ns and duration_ns: those four say all of them, so that a
 * flow that is read and written again is the same text. */
#include "export/read.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include "flow/time.h"

/* --- pieces ----------------------------------------------------------------------------------------- */

static const char *text(const struct json *o, const char *key)
{
	return json_text(json_get(o, key));
}

static uint64_t number(const struct json *o, const char *key)
{
	uint64_t v = 0;

	(void)json_u64(json_get(o, key), &v); /* 0 then */
	return v;
}

static size_t count(const struct json *list)
{
	size_t n = 0;

	for (const struct json *m = list ? list->first : NULL; m; m = m->next)
		n++;
	return n;
}

static unsigned bits(const struct json *list, const char *(*name_of)(unsigned))
{
	unsigned v = 0;

	for (const struct json *m = list ? list->first : NULL; m; m = m->next)
		for (unsigned bit = 1; bit; bit <<= 1)
			if (name_of(bit) && json_text(m) && strcmp(name_of(bit), json_text(m)) == 0)
				v |= bit;
	return v;
}

static uint64_t mix(uint64_t h, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) /* FNV-1a, 64 bits */
		h = (h ^ s.p[i]) * UINT64_C(1099511628211);
	return h;
}

void read_made_id(int64_t unix_ns, struct slice content, uint8_t ret[16])
{
	uint64_t ms = (uint64_t)unix_ns / 1000000, a = mix(UINT64_C(14695981039346656037), content),
		 b = mix(a ^ UINT64_C(0x9e3779b97f4a7c15), content);

	for (size_t i = 0; i < 6; i++)
		ret[i] = (uint8_t)(ms >> 8 * (5 - i));
	for (size_t i = 0; i < 8; i++)
		ret[8 + i] = (uint8_t)(a >> 8 * i);
	ret[6] = (uint8_t)(0x70 | (b & 15)); /* version 7, variant 10 (RFC 9562, 5.7) */
	ret[7] = (uint8_t)(b >> 8);
	ret[8] = (uint8_t)(0x80 | (ret[8] & 63));
}

static int digit64(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

int read_base64(struct slice in, struct arena *a, struct slice *ret)
{
	uint8_t *out = arena_alloc(a, in.n / 4 * 3 + 4);
	uint32_t v = 0;
	size_t n = 0, have = 0;

	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < in.n && in.p[i] != '='; i++) {
		int d = digit64(in.p[i]);

		if (in.p[i] == '\n' || in.p[i] == '\r')
			continue;
		if (d < 0)
			return -EBADMSG;
		v = v << 6 | (uint32_t)d;
		have += 6;
		if (have >= 8) {
			have -= 8;
			out[n++] = (uint8_t)(v >> have);
		}
	}
	*ret = (struct slice){ out, n };
	return 0;
}

/* --- bodies and halves ------------------------------------------------------------------------------- */

static int body(const struct json *v, struct arena *a, struct flow_body *ret)
{
	const struct json *plain = json_get(v, "text"), *coded = json_get(v, "base64"),
			  *shown = json_get(v, "decoded");

	*ret = (struct flow_body){ 0 };
	if (!v || v->kind != JSON_OBJECT)
		return 0;
	ret->len = number(v, "len");
	ret->captured = number(v, "captured");
	ret->type = text(v, "type");
	ret->encoding = text(v, "encoding");
	if (shown && !flow_shown_ok(shown->raw))
		return -EBADMSG;
	if (shown)
		ret->shown = shown->raw;
	if (json_text(plain))
		ret->data = plain->text;
	return json_text(coded) ? read_base64(coded->text, a, &ret->data) : 0;
}

static int headers(const struct json *list, struct arena *a, struct flow_half *h)
{
	size_t n = count(list);
	struct flow_attr *p;

	if (n == 0)
		return 0;
	p = arena_alloc(a, n * sizeof(*p));
	if (!p)
		return -ENOMEM;
	h->headers = p;
	for (const struct json *m = list->first; m; m = m->next, p++, h->nheaders++) {
		p->key = json_text(m->first);
		p->value = m->first ? json_text(m->first->next) : NULL;
		if (!p->key || !p->value)
			return -EBADMSG;
	}
	return 0;
}

/* An array is a key that came several times. */
static int attrs(const struct json *o, struct arena *a, const struct flow_attr **ret, size_t *ret_n)
{
	struct flow_attr *p;
	size_t n = 0;

	for (const struct json *m = o ? o->first : NULL; m; m = m->next)
		n += m->kind == JSON_ARRAY ? count(m) : 1;
	if (n == 0)
		return 0;
	p = arena_alloc(a, n * sizeof(*p));
	if (!p)
		return -ENOMEM;
	*ret = p;
	*ret_n = n;
	for (const struct json *m = o->first; m; m = m->next) {
		const struct json *one = m->kind == JSON_ARRAY ? m->first : m;
		const char *key = arena_str(a, m->key);

		if (!key)
			return -ENOMEM;
		for (; one; one = m->kind == JSON_ARRAY ? one->next : NULL, p++)
			*p = (struct flow_attr){ key, json_text(one) ? json_text(one) : "" };
	}
	return 0;
}

static int half(const struct json *v, struct arena *a, bool *ret_has, struct flow_half *h)
{
	int r;

	*ret_has = v && v->kind == JSON_OBJECT;
	if (!*ret_has)
		return 0;
	h->op = text(v, "op");
	h->target = text(v, "target");
	h->status = text(v, "status");
	h->reason = text(v, "reason");
	r = headers(json_get(v, "headers"), a, h);
	r = r ? r : attrs(json_get(v, "attrs"), a, &h->attrs, &h->nattrs);
	return r ? r : body(json_get(v, "body"), a, &h->body);
}

static int messages(const struct json *list, struct arena *a, struct flow *f)
{
	size_t n = count(list);
	struct flow_msg *m;

	if (n == 0)
		return 0;
	f->msgs = m = arena_alloc(a, n * sizeof(*m));
	if (!m)
		return -ENOMEM;
	for (const struct json *v = list->first; v; v = v->next, m++, f->nmsgs++) {
		const char *dir = text(v, "dir"), *ts = text(v, "ts");
		int64_t ns = 0;
		int r;

		if (v->kind != JSON_OBJECT || !dir)
			return -EBADMSG;
		if (ts && flow_time_parse(ts, &ns) < 0)
			return -EBADMSG;
		*m = (struct flow_msg){ .seq = number(v, "seq"),
					.ts_ns = (uint64_t)ns,
					.from_server = strcmp(dir, "s2c") == 0,
					.flags = bits(json_get(v, "flags"), flow_flag_name),
					.op = text(v, "op") };
		if (m->seq == 0)
			m->seq = f->nmsgs + 1;
		r = body(json_get(v, "body"), a, &m->body);
		r = r ? r : attrs(json_get(v, "attrs"), a, &m->attrs, &m->nattrs);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- the connection ---------------------------------------------------------------------------------- */

static void peer(const struct json *v, struct flow_peer *p)
{
	static const uint8_t v4[12] = { [10] = 0xff, [11] = 0xff };
	const char *ip = text(v, "ip");
	uint64_t port = number(v, "port"), pid = number(v, "pid");

	if (ip && inet_pton(AF_INET, ip, p->addr + 12) == 1)
		memcpy(p->addr, v4, sizeof(v4));
	else if (ip && inet_pton(AF_INET6, ip, p->addr) != 1)
		memset(p->addr, 0, sizeof(p->addr));
	p->port = port <= UINT16_MAX ? (uint16_t)port : 0;
	p->pid = pid <= UINT32_MAX ? (uint32_t)pid : 0;
	p->comm = text(v, "comm");
	p->container = text(v, "container");
	p->container_id = text(v, "container_id");
	p->image = text(v, "image");
	p->project = text(v, "project");
	p->pod = text(v, "pod");
	p->ns = text(v, "namespace");
}

/* An array of strings as one, commas between; NULL when there is none.  Linear: the room is measured first. */
static const char *joined(const struct json *list, struct arena *a)
{
	size_t n = 1;
	char *p, *out;

	for (const struct json *m = list ? list->first : NULL; m; m = m->next)
		n += m->text.n + 1;
	if (n == 1)
		return NULL;
	p = out = arena_alloc(a, n);
	for (const struct json *m = list->first; m && out; m = m->next) {
		if (p > out && m->text.n)
			*p++ = ',';
		if (json_text(m)) {
			memcpy(p, m->text.p, m->text.n);
			p += m->text.n;
		}
	}
	return p > out ? out : NULL;
}

static int tls(const struct json *v, struct arena *a, struct flow_conn *c)
{
	const struct json *cert = json_get(v, "certificate"), *alert = json_get(v, "alert");
	const char *until = text(cert, "not_after");
	struct flow_tls *t;

	if (!v || v->kind != JSON_OBJECT)
		return 0;
	c->tls = t = arena_alloc(a, sizeof(*t));
	if (!t)
		return -ENOMEM;
	*t = (struct flow_tls){ .library = text(v, "library"),
				.version = text(v, "version"),
				.road = text(v, "road"),
				.mapping = text(v, "mapping"),
				.sni = text(v, "sni"),
				.alpn = text(v, "alpn"),
				.protocol = text(v, "protocol"),
				.cipher = text(v, "cipher"),
				.group = text(v, "group"),
				.offered = joined(json_get(v, "offered"), a),
				.subject = text(cert, "subject"),
				.issuer = text(cert, "issuer"),
				.names = joined(json_get(cert, "names"), a),
				.alert = text(alert, "name"),
				.alert_by = text(alert, "by"),
				.flags = bits(json_get(v, "flags"), flow_tls_flag_name),
				.reason = text(v, "reason"),
				.why = text(v, "why"),
				.hint = text(v, "hint") };
	if (until && flow_second_parse(until, &t->not_after) < 0)
		return -EBADMSG;
	return arena_short(a) ? -ENOMEM : 0;
}

static int connection(const struct json *v, struct arena *a, struct flow *f)
{
	struct flow_conn *c = arena_alloc(a, sizeof(*c));
	const char *seen = text(v, "seen_by"), *l4 = text(v, "l4");

	if (!c)
		return -ENOMEM;
	f->conn = c;
	c->id = number(v, "conn");
	c->l4 = l4 ? l4 : "tcp";
	c->path = text(json_get(v, "server"), "path");
	peer(json_get(v, "client"), &c->client);
	peer(json_get(v, "server"), &c->server);
	if (seen)
		c->seen_by = strcmp(seen, "client") == 0   ? FLOW_SEEN_CLIENT
			     : strcmp(seen, "server") == 0 ? FLOW_SEEN_SERVER
							   : FLOW_SEEN_CLIENT | FLOW_SEEN_SERVER;
	return tls(json_get(v, "tls"), a, c);
}

/* --- the flow --------------------------------------------------------------------------------------- */

static int state(const char *name, enum flow_state *ret)
{
	static const enum flow_state all[] = { FLOW_OPEN, FLOW_DONE, FLOW_UNANSWERED, FLOW_RESET };

	for (size_t i = 0; name && i < sizeof(all) / sizeof(*all); i++) {
		if (strcmp(name, flow_state_name(all[i])) != 0)
			continue;
		*ret = all[i];
		return 0;
	}
	return -EBADMSG;
}

static int times(const struct json *v, struct flow *f)
{
	const char *ts = text(v, "ts");
	uint64_t send = 0, ttfb = 0, duration = 0;
	bool answered = json_u64(json_get(v, "ttfb_ns"), &ttfb), ended = json_u64(json_get(v, "duration_ns"), &duration);
	int64_t at = 0;

	if (ts && flow_time_parse(ts, &at) < 0)
		return -EBADMSG;
	if (!f->has_req) {
		f->resp.begin_ns = f->resp.end_ns = (uint64_t)at;
		return 0;
	}
	f->req.begin_ns = (uint64_t)at;
	if (json_u64(json_get(v, "send_ns"), &send))
		f->req.end_ns = f->req.begin_ns + send;
	if (answered)
		f->resp.begin_ns = (f->req.end_ns ? f->req.end_ns : f->req.begin_ns) + ttfb;
	if (ended)
		f->resp.end_ns = f->req.begin_ns + duration;
	return 0;
}

static void stream(const struct json *v, struct flow *f)
{
	static const char *const names[] = { "c2s", "s2c" };

	f->streams = v && v->kind == JSON_OBJECT;
	for (size_t i = 0; i < 2 && f->streams; i++) {
		f->stream.n[i] = number(json_get(v, names[i]), "messages");
		f->stream.bytes[i] = number(json_get(v, names[i]), "bytes");
	}
	f->stream.left_out = number(v, "left_out");
}

int read_mark(const struct json *v, const char *note, struct arena *a, struct flow *f)
{
	const struct json *pinned = json_get(v, "pinned");
	uint64_t colour = number(v, "mark");
	struct flow_mark *m;

	if (!note || !note[0] || strlen(note) > FLOW_NOTE_MAX)
		note = NULL;
	if (colour > FLOW_MARK_MAX)
		colour = 0;
	if (!note && !colour && !(pinned && pinned->kind == JSON_TRUE))
		return 0;
	f->mark = m = arena_alloc(a, sizeof(*m));
	if (!m)
		return -ENOMEM;
	*m = (struct flow_mark){ (unsigned)colour, pinned && pinned->kind == JSON_TRUE, note };
	return 0;
}

int read_flow(const struct json *v, struct arena *a, struct flow *ret)
{
	const char *id = text(v, "id");
	struct flow f = { .proto = text(v, "proto"), .flags = bits(json_get(v, "flags"), flow_flag_name) };
	const struct json *failed = json_get(v, "failed");
	int r;

	if (!v || v->kind != JSON_OBJECT || !f.proto || !f.proto[0] || number(v, "v") != 1)
		return -EBADMSG;
	f.failed = failed && failed->kind == JSON_TRUE;
	stream(json_get(v, "stream"), &f);
	r = state(text(v, "state"), &f.state);
	r = r ? r : half(json_get(v, "request"), a, &f.has_req, &f.req);
	r = r ? r : half(json_get(v, "response"), a, &f.has_resp, &f.resp);
	r = r ? r : messages(json_get(v, "messages"), a, &f);
	r = r ? r : connection(v, a, &f);
	r = r ? r : times(v, &f);
	r = r ? r : read_mark(v, text(v, "note"), a, &f);
	if (r < 0)
		return r;
	if (!id)
		read_made_id(flow_time_ns(&f), slice_str(f.req.target), f.id);
	else if (flow_id_parse(id, f.id) < 0)
		return -EBADMSG;
	*ret = f;
	return 0;
}
