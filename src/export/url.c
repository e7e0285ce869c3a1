/* SPDX-License-Identifier: Apache-2.0 */
#include "export/url.h"

#include <errno.h>
#include <stdlib.h>

#include "export/export.h"

static bool allowed(uint8_t c)
{
	return c > 32 && c < 127 && !strchr("\"<>\\^`{|}", c);
}

static int hex(uint8_t c)
{
	uint8_t l = c | 32;

	return c >= '0' && c <= '9' ? c - '0' : l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

static void put_uri(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		bool triplet = s.p[i] == '%' && i + 2 < s.n && hex(s.p[i + 1]) >= 0 && hex(s.p[i + 2]) >= 0;

		if (allowed(s.p[i]) && (s.p[i] != '%' || triplet))
			buf_put(out, slice_cut(s, i, i + 1));
		else
			buf_printf(out, "%%%02X", s.p[i]);
	}
}

static bool is_websocket(const struct flow *f)
{
	return strcmp(f->proto, "websocket") == 0;
}

static void put_host(struct buf *out, const struct flow *f)
{
	const char *host = flow_header(&f->req, "host"), *authority = flow_header(&f->req, ":authority");
	const struct flow_conn *c = f->conn;
	char addr[46];

	if (!host || !host[0])
		host = authority ? authority : export_attr(&f->req, "authority");
	if (host && host[0]) {
		put_uri(out, slice_str(host));
		return;
	}
	flow_addr_format(c->server.addr, addr);
	if (c->tls && c->tls->sni)
		put_uri(out, slice_str(c->tls->sni));
	else
		buf_printf(out, strchr(addr, ':') ? "[%s]" : "%s", addr[0] ? addr : "localhost");
	if (c->server.port && c->server.port != (c->tls ? 443 : 80))
		buf_printf(out, ":%u", c->server.port);
}

void url_put(struct buf *out, const struct flow *f)
{
	struct slice target = slice_str(f->req.target), scheme = SLICE_LIT("http");

	if (slice_find(target, SLICE_LIT("://"), 0) < 10 && target.n && target.p[0] != '/') {
		put_uri(out, target); /* absolute already: to a proxy */
		return;
	}
	if (is_websocket(f))
		scheme = f->conn->tls ? SLICE_LIT("wss") : SLICE_LIT("ws");
	else if (f->conn->tls)
		scheme = SLICE_LIT("https");
	buf_put(out, scheme);
	buf_puts(out, "://");
	if (f->req.op && strcmp(f->req.op, "CONNECT") == 0 && target.n && target.p[0] != '/') {
		put_uri(out, target);
		return;
	}
	put_host(out, f);
	if (target.n == 0 || target.p[0] != '/')
		buf_puts(out, "/");
	put_uri(out, target);
}

void url_decode(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i] == '+' ? ' ' : s.p[i];

		if (c == '%' && i + 2 < s.n && hex(s.p[i + 1]) >= 0 && hex(s.p[i + 2]) >= 0) {
			c = (uint8_t)(hex(s.p[i + 1]) << 4 | hex(s.p[i + 2]));
			i += 2;
		}
		buf_put(out, (struct slice){ &c, 1 });
	}
}

static size_t find_any(struct slice s, const char *chars, size_t from)
{
	while (from < s.n && !(s.p[from] && strchr(chars, s.p[from])))
		from++;
	return from;
}

int url_parse(struct slice s, struct url *ret)
{
	size_t colon = slice_find(s, SLICE_LIT("://"), 0), slash, at, end, n;
	struct url u = { .scheme = slice_cut(s, 0, colon) };
	struct slice host;

	if (colon == 0 || colon == s.n || find_any(u.scheme, "/?#@ ", 0) < u.scheme.n)
		return -EBADMSG;
	slash = find_any(s, "/?#", colon + 3);
	host = slice_cut(s, colon + 3, slash);
	at = slice_find(host, SLICE_LIT("@"), 0);
	if (at < host.n)
		host = slice_cut(host, at + 1, host.n);
	u.target = slice_cut(s, slash, find_any(s, "#", slash));
	end = host.n && host.p[0] == '[' ? slice_find(host, SLICE_LIT("]"), 0) : 0;
	n = slice_find(host, SLICE_LIT(":"), end);
	u.host = end ? slice_cut(host, 1, end) : slice_cut(host, 0, n);
	for (size_t i = n + 1; i < host.n; i++) {
		unsigned port = u.port * 10u + (host.p[i] - '0');

		if (host.p[i] < '0' || host.p[i] > '9' || port > UINT16_MAX)
			return -EBADMSG;
		u.port = (uint16_t)port;
	}
	*ret = u;
	return u.host.n ? 0 : -EBADMSG;
}
