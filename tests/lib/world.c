/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"
#include "toy.h"

#include <stdio.h>
#include <stdlib.h>

static void copy(char *to, size_t size, const char *from)
{
	(void)snprintf(to, size, "%s", from ? from : "");
}

static void name_peer(char *to, size_t size, const struct flow_peer *p)
{
	(void)snprintf(to, size, "%s@%s", p->comm ? p->comm : "?",
		       p->container ? p->container : "?");
}

static void on_flow(void *ctx, const struct flow *f)
{
	struct world *w = ctx;
	struct world_flow *to;
	size_t i = 0, n = 0;

	while (i < w->n && memcmp(w->flows[i].id, f->id, 16) != 0)
		i++;
	if (i == sizeof(w->flows) / sizeof(w->flows[0])) {
		w->overflow++;
		return;
	}
	if (i == w->n)
		w->n++;
	to = &w->flows[i];
	memcpy(to->id, f->id, 16);
	copy(to->proto, sizeof(to->proto), f->proto);
	to->has_req = f->has_req;
	to->has_resp = f->has_resp;
	copy(to->request, sizeof(to->request), f->has_req ? f->req.target : "-");
	copy(to->answer, sizeof(to->answer), f->has_resp ? f->resp.status : "-");
	to->attrs[0] = '\0';
	for (size_t k = 0; k < f->resp.nattrs && n < sizeof(to->attrs); k++)
		n += (size_t)snprintf(to->attrs + n, sizeof(to->attrs) - n, "%s=%s;",
				      f->resp.attrs[k].key, f->resp.attrs[k].value);
	to->state = f->state;
	to->flags = f->flags;
	to->writes++;
	to->seen_by = f->conn->seen_by;
	to->req_len = f->req.body.len;
	to->resp_len = f->resp.body.len;
	to->begin_ns = f->has_req ? f->req.begin_ns : f->resp.begin_ns;
	to->end_ns = f->resp.end_ns;
	name_peer(to->client, sizeof(to->client), &f->conn->client);
	name_peer(to->server, sizeof(to->server), &f->conn->server);
	to->client_port = f->conn->client.port;
	to->server_port = f->conn->server.port;
	copy(to->l4, sizeof(to->l4), f->conn->l4);
	copy(to->path, sizeof(to->path), f->conn->path ? f->conn->path : "-");
	to->tls = f->conn->tls;
	if (f->conn->tls) {
		copy(to->library, sizeof(to->library), f->conn->tls->library);
		copy(to->road, sizeof(to->road), f->conn->tls->road);
		copy(to->mapping, sizeof(to->mapping), f->conn->tls->mapping);
		copy(to->sni, sizeof(to->sni), f->conn->tls->sni);
		copy(to->alpn, sizeof(to->alpn), f->conn->tls->alpn);
		copy(to->protocol, sizeof(to->protocol), f->conn->tls->protocol);
	}
}

/* Control group N belongs to container "cN"; so does the address 10.0.0.N. */
static bool on_names(void *ctx, uint64_t cgroup_id, const uint8_t addr[16], uint16_t port,
		     uint32_t pid, struct conn_names *ret)
{
	static char name[16];
	struct world *w = ctx;
	unsigned n = cgroup_id ? (unsigned)cgroup_id : addr[12] == 10 ? addr[15] : 0;

	(void)port;
	(void)pid;
	if (!w->named || n == 0)
		return false;
	(void)snprintf(name, sizeof(name), "c%u", n);
	ret->container = name;
	return true;
}

static void on_tls(void *ctx, uint8_t tls, uint16_t tls_lib, struct flow_tls *ret)
{
	(void)ctx;
	ret->library = tls == 1 ? "openssl" : "?";
	ret->version = tls_lib == 7 ? "3.0.15" : NULL;
}

static void on_verdict(void *ctx, uint64_t cookie, enum ev_verdict v)
{
	struct world *w = ctx;

	if (v == EV_COPY_NONE && w->verdicts < 64)
		w->verdict_cookie[w->verdicts++] = cookie;
}

void world_begin(struct world *w)
{
	*w = (struct world){ .now = 1000 * SECOND, .named = true };
	conn_limits_default(&w->lim);
	w->hooks = (struct conn_hooks){ .flow = on_flow,
					.names = on_names,
					.tls = on_tls,
					.verdict = on_verdict,
					.protos = toys };
}

void world_start(struct world *w)
{
	static const uint8_t seed[16] = "0123456789abcde";

	w->t = conn_table_new(&w->lim, &w->hooks, w, 1700000000 * (int64_t)SECOND, seed);
}

void world_end(struct world *w)
{
	conn_table_free(w->t);
	w->t = NULL;
}

static struct ev_hdr header(struct world *w, enum ev_kind kind, size_t size, uint64_t cookie)
{
	uint64_t ts = (w->now += 1000) - w->early;

	w->early = 0;
	return (struct ev_hdr){ .ts_ns = ts,
				.size = (uint32_t)size,
				.kind = (uint16_t)kind,
				.cookie = cookie,
				.tgid = 1,
				.tid = 1 };
}

static void address(uint8_t to[16], unsigned last)
{
	memset(to, 0, 16);
	to[10] = to[11] = 0xff;
	to[12] = last ? 10 : 127;
	to[15] = last ? (uint8_t)last : 1;
}

void world_open(struct world *w, struct world_socket s)
{
	union {
		struct ev_open ev;
		uint8_t room[sizeof(struct ev_open) + EV_PATH_MAX];
	} u = { .ev = { .h = header(w, EV_OPEN, sizeof(u.ev) + s.path.n, s.cookie) } };
	struct ev_open *ev = &u.ev;

	ev->h.tgid = s.pid;
	ev->h.flags = s.flags;
	ev->cgroup_id = s.last_ip;
	ev->l4 = (uint8_t)s.l4;
	if (s.l4 == EV_UNIX) {
		ev->peer_cookie = s.peer_cookie;
		ev->peer_tgid = s.peer_pid;
		ev->peer_cgroup_id = s.last_remote_ip;
		if (s.peer_pid)
			(void)snprintf(ev->peer_comm, sizeof(ev->peer_comm), "p%u", s.peer_pid);
		ev->path_len = (uint16_t)s.path.n;
		if (s.path.n)
			memcpy(ev->path, s.path.p, s.path.n);
	} else {
		address(ev->local, s.last_ip);
		address(ev->remote, s.last_remote_ip);
		ev->lport = s.port;
		ev->rport = s.remote_port;
		ev->tcp_link = s.l4 == EV_TCP ? s.tcp_link : 0;
		memcpy(ev->base, s.base, sizeof(ev->base));
	}
	ev->side = (uint8_t)s.side;
	ev->netns = s.netns;
	(void)snprintf(ev->comm, sizeof(ev->comm), "p%u", s.pid);
	w->rc = conn_table_event(w->t, &ev->h);
}

struct world_socket world_client(uint64_t c)
{
	return (struct world_socket){ .cookie = c,
				      .side = EV_CLIENT,
				      .last_ip = 1,
				      .last_remote_ip = 2,
				      .port = (uint16_t)(40000 + c),
				      .remote_port = 80,
				      .pid = 11,
				      .netns = 1 };
}

struct world_socket world_server(uint64_t c)
{
	return (struct world_socket){ .cookie = c + 1,
				      .side = EV_SERVER,
				      .last_ip = 2,
				      .last_remote_ip = 1,
				      .port = 80,
				      .remote_port = (uint16_t)(40000 + c),
				      .pid = 22,
				      .netns = 2 };
}

static void put_bytes(struct world *w, uint64_t cookie, enum ev_dir dir, uint64_t off,
		      struct slice data, uint32_t len, uint8_t tls, enum ev_sure sure)
{
	size_t size = sizeof(struct ev_data) + data.n;
	struct ev_data *ev = calloc(1, size);

	if (!ev)
		return; /* refused on purpose: the record is lost */
	ev->h = header(w, EV_DATA, size, cookie);
	ev->off = off;
	ev->len = len;
	ev->ncap = (uint32_t)data.n;
	ev->dir = (uint8_t)dir;
	ev->tls = tls;
	ev->tls_lib = 7;
	ev->sure = (uint8_t)sure;
	if (data.n)
		memcpy(ev->data, data.p, data.n);
	w->rc = conn_table_event(w->t, &ev->h);
	free(ev);
}

void world_bytes(struct world *w, uint64_t cookie, enum ev_dir dir, uint64_t off, struct slice data,
		 uint32_t len, uint8_t tls)
{
	put_bytes(w, cookie, dir, off, data, len, tls, EV_SURE_NONE);
}

void world_secret(struct world *w, uint64_t cookie, enum ev_dir dir, uint64_t off, const char *text,
		  enum ev_sure sure)
{
	put_bytes(w, cookie, dir, off, slice_str(text), (uint32_t)strlen(text), 1, sure);
}

void world_data(struct world *w, uint64_t cookie, enum ev_dir dir, uint64_t off, const char *text)
{
	world_bytes(w, cookie, dir, off, slice_str(text), (uint32_t)strlen(text), 0);
}

void world_plain(struct world *w, uint64_t cookie, enum ev_dir dir, uint64_t off, const char *text)
{
	world_bytes(w, cookie, dir, off, slice_str(text), (uint32_t)strlen(text), 1);
}

void world_close(struct world *w, uint64_t cookie, uint32_t how, uint64_t read, uint64_t written)
{
	struct ev_close ev = { .h = header(w, EV_CLOSE, sizeof(ev), cookie),
			       .total = { read, written },
			       .how = how };

	w->rc = conn_table_event(w->t, &ev.h);
}

void world_close_tls(struct world *w, uint64_t cookie, uint64_t read, uint64_t written,
		     uint64_t plain_read, uint64_t plain_written)
{
	struct ev_close ev = { .h = header(w, EV_CLOSE, sizeof(ev), cookie),
			       .total = { read, written },
			       .tls_total = { plain_read, plain_written },
			       .how = EV_END_ALL };

	w->rc = conn_table_event(w->t, &ev.h);
}

void world_wait(struct world *w, uint64_t ns)
{
	for (uint64_t end = w->now + ns; w->now < end;) {
		w->now += end - w->now < 100 * MS ? end - w->now : 100 * MS;
		(void)conn_table_tick(w->t, w->now);
	}
}

bool world_told(const struct world *w, uint64_t cookie)
{
	for (unsigned i = 0; i < w->verdicts; i++)
		if (w->verdict_cookie[i] == cookie)
			return true;
	return false;
}

const char *world_text(const struct world *w)
{
	static char text[65536];
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < w->n && n < sizeof(text) - 256; i++) {
		const struct world_flow *f = &w->flows[i];

		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s>%s %s", f->request, f->answer,
				      flow_state_name(f->state));
		for (unsigned bit = 1; bit <= FLOW_DECODE_ERROR; bit <<= 1)
			if (f->flags & bit)
				n += (size_t)snprintf(text + n, sizeof(text) - n, " %s",
						      flow_flag_name(bit));
		n += (size_t)snprintf(text + n, sizeof(text) - n, "\n");
	}
	return text;
}
