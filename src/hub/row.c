/* SPDX-License-Identifier: Apache-2.0 */
/* A row of the list as JSON: the one writer for the HTTP answers and the WebSocket. */
#include "hub/list.h"

#include <inttypes.h>
#include <stdio.h>

static void str(struct buf *out, const char *key, struct slice s, bool or_null)
{
	buf_printf(out, ",\"%s\":", key);
	if (!s.p && or_null)
		buf_puts(out, "null");
	else
		buf_put_json_str(out, s);
}

/* "10.0.0.1:80", "[::1]:80", the path of a unix socket, or "" where it is not known. */
static void put_ip(struct buf *out, const char *key, const struct flow_peer *p, const char *path)
{
	char ip[46];

	flow_addr_format(p->addr, ip);
	if (!ip[0])
		str(out, key, slice_str(path), false);
	else
		buf_printf(out, strchr(ip, ':') ? ",\"%s\":\"[%s]:%u\"" : ",\"%s\":\"%s:%u\"", key,
			   ip, p->port);
}

void row_name(const struct flow_peer *p, const char *path, char *ret, size_t n)
{
	const char *name = p->container ? p->container : p->comm ? p->comm : path;
	char ip[46], in_pod[FLOW_NAME_MAX];

	if (p->pod)
		name = flow_container_name(p, in_pod);
	flow_addr_format(p->addr, ip);
	(void)snprintf(ret, n, "%s", name ? name : ip); /* names are shorter, as the list keeps them */
}

static void put_name(struct buf *out, const char *key, const struct flow_peer *p, const char *path)
{
	char name[FLOW_NAME_MAX + 64];

	row_name(p, path, name, sizeof(name));
	str(out, key, slice_str(name), false);
}

static void put_flags(struct buf *out, unsigned flags)
{
	const char *comma = "";

	buf_puts(out, ",\"flags\":[");
	for (unsigned bit = 1; bit && bit <= flags; bit <<= 1) {
		if (!(flags & bit) || !flow_flag_name(bit))
			continue;
		buf_printf(out, "%s\"%s\"", comma, flow_flag_name(bit));
		comma = ",";
	}
	buf_puts(out, "]");
}

/* At most max bytes, ending with a whole character. */
static struct slice shorten(struct slice s, size_t max)
{
	size_t n = s.n;

	if (n <= max)
		return s;
	n = max;
	while (n > max - 3 && (s.p[n] & 0xc0) == 0x80)
		n--;
	return slice_cut(s, 0, n);
}

static void gone(struct buf *out)
{
	buf_puts(
		out,
		"{\"n\":0,\"id\":\"\",\"ts_ns\":\"0\",\"proto\":\"\",\"tls\":false,\"src\":\"\","
		"\"dst\":\"\","
		"\"src_ip\":\"\",\"dst_ip\":\"\",\"op\":\"\",\"target\":\"\",\"host\":\"\","
		"\"status\":null,"
		"\"reason\":null,\"state\":\"gone\",\"failed\":false,\"dur_ns\":null,\"req_len\":0,"
		"\"resp_len\":0,\"type\":null,\"flags\":[]}");
}

static void put_mark(struct buf *out, const struct flow_mark *m)
{
	if (m && m->colour)
		buf_printf(out, ",\"mark\":%u", m->colour);
	if (m && m->pinned)
		buf_puts(out, ",\"pinned\":true");
	if (m && m->note)
		str(out, "note", slice_str(m->note), false);
}

void row_json(struct buf *out, const struct list *l, const struct row *r)
{
	struct row_flow rf;
	const struct flow *f = &rf.flow;
	struct slice target;
	char id[37];

	if (!r) {
		gone(out);
		return;
	}
	row_flow(l, r, &rf);
	target = slice_str(f->req.target);
	flow_id_format(r->id, id);
	buf_printf(out, "{\"n\":%" PRIu64 ",\"id\":\"%s\",\"ts_ns\":\"%" PRId64 "\"", r->n, id,
		   r->ts_ns);
	str(out, "proto", slice_str(f->proto), false);
	buf_printf(out, ",\"tls\":%s", r->tls ? "true" : "false");
	put_name(out, "src", &rf.conn.client, NULL);
	put_name(out, "dst", &rf.conn.server, rf.conn.path);
	put_ip(out, "src_ip", &rf.conn.client, NULL);
	put_ip(out, "dst_ip", &rf.conn.server, rf.conn.path);
	str(out, "op", slice_str(f->req.op), false);
	str(out, "target", shorten(target, ROW_TARGET_MAX), false);
	str(out, "host", slice_str(rf.host.value), false);
	str(out, "status", slice_str(f->resp.status), true);
	str(out, "reason", slice_str(f->resp.reason), true);
	buf_printf(out, ",\"state\":\"%s\",\"failed\":%s,\"dur_ns\":", flow_state_name(f->state),
		   f->failed ? "true" : "false");
	if (r->dur_ns == ROW_NO_DURATION)
		buf_puts(out, "null");
	else
		buf_printf(out, "%" PRIu64, r->dur_ns);
	buf_printf(out, ",\"req_len\":%" PRIu64 ",\"resp_len\":%" PRIu64, r->req_len, r->resp_len);
	str(out, "type", slice_str(r->resp_type ? f->resp.body.type : f->req.body.type), true);
	put_flags(out, r->flags);
	put_mark(out, f->mark);
	buf_puts(out, target.n > ROW_TARGET_MAX ? ",\"cut\":true}" : "}");
}
