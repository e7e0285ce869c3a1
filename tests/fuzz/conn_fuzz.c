/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes become records of a few sockets: opened, read and written at any offset, closed, in any order, and
 * contradicting themselves.  Whatever comes, memory stays within its limits, counters agree, a flow
 * ends once, and an answer has the name of its request or says why it has none. */
#include "../lib/toy.c"

#include "conn/table.h"

#include <errno.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct proto *all[8];

static void on_flow(void *ctx, const struct flow *f)
{
	uint64_t *finished = ctx;

	*finished += f->state != FLOW_OPEN;
	if (!f->conn || !f->proto)
		abort();
	if (!f->has_req && !f->has_resp && f->stream.n[0] + f->stream.n[1] == 0)
		abort(); /* a conversation whose beginning was not seen has had messages, if none since the last write */
	if (f->has_resp && f->has_req && f->resp.begin_ns && f->req.begin_ns == 0)
		abort();
}

static bool on_names(void *ctx, uint64_t cgroup_id, const uint8_t addr[16], uint16_t port,
		     uint32_t pid, struct conn_names *ret)
{
	(void)ctx;
	(void)port;
	(void)pid;
	*ret = (struct conn_names){ .container = "c", .image = cgroup_id ? "i" : NULL };
	return (cgroup_id ^ addr[15]) & 1;
}

static uint64_t bits(struct rd *r, unsigned n)
{
	return rd_u8(r) & ((1u << n) - 1);
}

static int on_open(struct conn_table *t, struct rd *r, struct ev_hdr h)
{
	uint64_t room[(sizeof(struct ev_open) + EV_PATH_MAX) / 8 + 1] = { 0 };
	struct ev_open *ev = (struct ev_open *)room;
	uint8_t how = rd_u8(r);

	ev->h = h;
	ev->h.size = sizeof(*ev);
	ev->h.kind = EV_OPEN;
	ev->h.flags = how & 1 ? EV_LATE : 0;
	if (how & 16) /* without EV_LATE it means nothing */
		ev->h.flags |= EV_OWED;
	ev->side = how >> 1 & 3;
	ev->cgroup_id = how >> 3 & 1;
	ev->netns = how >> 4 & 1;
	ev->local[10] = ev->local[11] = ev->remote[10] = ev->remote[11] = 0xff;
	ev->local[12] = ev->remote[12] = how & 32 ? 127 : 10;
	ev->local[15] = (uint8_t)(h.cookie & 1);
	ev->remote[15] = (uint8_t)(~h.cookie & 1);
	ev->lport = (uint16_t)(h.cookie & 1 ? 80 : h.cookie / 2);
	ev->rport = (uint16_t)(h.cookie & 1 ? h.cookie / 2 : 80);
	memcpy(ev->comm, "abcdefghijklmnop", sizeof(ev->comm));
	if (how & 64) {
		ev->l4 = how & 32 ? EV_UNIX : EV_UDP;
		ev->peer_cookie = rd_u8(r);
		memcpy(ev->peer_comm, ev->comm, sizeof(ev->peer_comm));
		ev->peer_cgroup_id = ev->peer_tgid = how >> 5 & 1;
	}
	if (how & 128) {
		struct slice path = rd_bytes(r, rd_u8(r) & 127);

		ev->path_len = (uint16_t)path.n; /* may be too long, and may not be there */
		if (path.n && path.n <= EV_PATH_MAX) {
			memcpy(ev->path, path.p, path.n);
			ev->h.size += (uint32_t)path.n - (path.p[0] & 1);
		}
	}
	return conn_table_event(t, &ev->h);
}

static int on_data(struct conn_table *t, struct rd *r, struct ev_hdr h, uint64_t off[2][2])
{
	uint8_t how = rd_u8(r);
	struct slice s = rd_bytes(r, rd_u8(r));
	struct ev_data *ev = calloc(1, sizeof(*ev) + s.n);
	uint64_t *at = &off[how >> 1 & 1][how & 1];
	int rc;

	if (!ev)
		abort();
	ev->h = h;
	ev->h.size = (uint32_t)(sizeof(*ev) + s.n - (how & 128 && s.n ? 1 : 0));
	ev->h.kind = EV_DATA;
	ev->dir = how & 1;
	ev->tls = how >> 1 & 1;
	if (how & 4) /* somewhere else */
		ev->off = *at + rd_u8(r) - 128;
	else if (how & 8)
		ev->off = rd_be64(r);
	else
		ev->off = *at;
	ev->ncap = (uint32_t)s.n;
	ev->why = how & 32 ? EV_WHY_RING : EV_WHY_NONE;
	ev->len = (uint32_t)s.n + (how & 16 ? rd_be16(r) : 0) - (how & 64 ? 1 : 0);
	if (s.n)
		memcpy(ev->data, s.p, s.n);
	rc = conn_table_event(t, &ev->h);
	if (rc == 0 && !(how & 12))
		*at += ev->len;
	free(ev);
	return rc;
}

static int on_close(struct conn_table *t, struct rd *r, struct ev_hdr h, uint64_t off[2][2])
{
	uint8_t how = rd_u8(r);
	struct ev_close ev = { .h = h, .how = how & 15 };

	ev.h.size = sizeof(ev);
	ev.h.kind = EV_CLOSE;
	for (int d = 0; d < 2; d++) {
		ev.total[d] = how & 16 ? rd_be64(r) : off[0][d] + (how >> 5 & 1);
		ev.tls_total[d] = off[1][d] + (how >> 6);
	}
	return conn_table_event(t, &ev.h);
}

static void one(struct conn_table *t, struct rd *r, uint64_t *now)
{
	static uint64_t off[8][2][2];
	uint8_t what = rd_u8(r);
	size_t c = what >> 3 & 7;
	struct ev_hdr h = { .ts_ns = *now, .cookie = what == 255 ? 0 : c + 1, .tgid = 1 };
	int rc = 0;

	if (*now < 1000000000000 + 1000) /* the first record of an input */
		memset(off, 0, sizeof(off));
	*now += 1000;
	switch (what & 7) {
	case 0:
		rc = on_open(t, r, h);
		break;
	case 1:
		rc = on_close(t, r, h, off[c]);
		break;
	case 2:
		*now += bits(r, 4) * 50000000;
		rc = conn_table_tick(t, *now);
		break;
	case 3:
		h.kind = (uint16_t)bits(r, 4);
		h.size = sizeof(h);
		rc = conn_table_event(t, &h);
		break;
	default:
		rc = on_data(t, r, h, off[c]);
		break;
	}
	if (rc != 0 && rc != -EINVAL)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t seed[16] = { 1 };
	struct rd r = rd_init((struct slice){ data, size });
	uint64_t finished = 0, now = 1000000000000;
	struct conn_hooks hooks = { .flow = on_flow, .names = on_names, .protos = all };
	const struct conn_stats *s;
	struct conn_limits lim;
	struct conn_table *t;
	uint8_t how = rd_u8(&r);
	size_t n = 0;

	for (const struct proto *const *p = toys; *p; p++)
		all[n++] = *p;
	for (const struct proto *const *p = proto_all(); *p && n < 7; p++)
		all[n++] = *p;
	conn_limits_default(&lim);
	lim.stream_bytes = how & 1 ? 600 : 65536;
	lim.conns = how & 2 ? 3 : 100;
	lim.total_bytes = how & 4 ? 20000 : 10000000;
	lim.pending = how & 8 ? 2 : 100;
	t = conn_table_new(&lim, &hooks, &finished, 0, seed);
	if (!t)
		abort();
	s = conn_table_stats(t);
	while (rd_left(&r) > 0 && !r.short_read) {
		one(t, &r, &now);
		if (s->conns > lim.conns || s->bytes_held > lim.total_bytes + 150000)
			abort();
	}
	conn_table_finish(t);
	if (s->conns || s->bytes_held || s->undecrypted_now || s->flows != finished || s->nomem)
		abort();
	conn_table_free(t);
	return 0;
}
