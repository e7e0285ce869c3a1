/* SPDX-License-Identifier: Apache-2.0 */
/* What goes over the connection is given to a table of connections as the kernel side would give it, so that the flow is made by
 * the same code as any other: framing, codings, events and all. */
#include "resend/resend.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "conn/table.h"
#include "resend/dial.h"

#define ANSWER_MAX ((uint64_t)256 << 20) /* of an answer, also what is not kept */
#define COOKIE	   1

struct run {
	const struct resend *r;
	struct conn_table *t;
	struct dial *d;
	flow_fn fn;
	void *ctx;
	uint64_t off[2]; /* by enum ev_dir */
	uint64_t conn;
	bool done;
};

static void put_names(struct flow_peer *p, const struct flow_peer *of)
{
	p->comm = of->comm;
	p->pid = of->pid;
	p->container = of->container;
	p->container_id = of->container_id;
	p->image = of->image;
	p->project = of->project;
	p->pod = of->pod;
	p->ns = of->ns;
}

static void on_flow(void *ctx, const struct flow *f)
{
	struct run *run = ctx;
	struct flow_attr attrs[16];
	struct flow_conn conn = *f->conn;
	struct flow_tls tls;
	struct flow g = *f;

	if (f->state == FLOW_OPEN || run->done)
		return;
	run->done = true;
	conn.id = run->conn;
	conn.seen_by = FLOW_SEEN_CLIENT;
	if (run->r->server)
		put_names(&conn.server, run->r->server);
	if (dial_tls(run->d, &tls))
		conn.tls = &tls;
	g.conn = &conn;
	if (run->r->from && g.req.nattrs + 1 < sizeof(attrs) / sizeof(*attrs)) {
		if (g.req.nattrs)
			memcpy(attrs, g.req.attrs, g.req.nattrs * sizeof(*attrs));
		attrs[g.req.nattrs++] = (struct flow_attr){ "resent", run->r->from };
		g.req.attrs = attrs;
	}
	run->fn(run->ctx, &g);
}

static int event(struct run *run, struct ev_hdr *h, enum ev_kind kind, size_t size)
{
	h->ts_ns = dial_now_ns();
	h->kind = (uint16_t)kind;
	h->size = (uint32_t)size;
	h->cookie = COOKIE;
	h->tgid = h->tid = (uint32_t)getpid();
	return conn_table_event(run->t, h);
}

static int moved(struct run *run, enum ev_dir dir, struct slice s)
{
	uint8_t room[sizeof(struct ev_data) + EV_CHUNK_MAX] __attribute__((aligned(8)));
	int rc = 0;

	for (size_t at = 0; at < s.n && rc == 0; at += EV_CHUNK_MAX) {
		struct slice part = slice_cut(s, at, at + EV_CHUNK_MAX);
		struct ev_data *ev = (struct ev_data *)room;

		*ev = (struct ev_data){ .off = run->off[dir], .len = (uint32_t)part.n, .ncap = (uint32_t)part.n, .dir = (uint8_t)dir };
		memcpy(ev->data, part.p, part.n);
		run->off[dir] += part.n;
		rc = event(run, &ev->h, EV_DATA, sizeof(*ev) + part.n);
	}
	return rc;
}

static int opened(struct run *run)
{
	struct ev_open ev = { .side = EV_CLIENT, .l4 = EV_TCP, .rport = run->r->port };

	memcpy(ev.remote, run->r->addr, sizeof(ev.remote));
	dial_local(run->d, ev.local, &ev.lport);
	(void)snprintf(ev.comm, sizeof(ev.comm), "limpid resend");
	return event(run, &ev.h, EV_OPEN, sizeof(ev));
}

/* Both directions at their end; broken: as a reset. */
static void ended(struct run *run, bool broken)
{
	struct ev_close ev = { .total = { run->off[EV_READ], run->off[EV_WRITE] }, .how = EV_END_READ | EV_END_WRITE | EV_END_ALL };

	if (broken)
		ev.how |= EV_END_RESET;
	(void)event(run, &ev.h, EV_CLOSE, sizeof(ev));
	conn_table_finish(run->t);
}

static void talk(struct run *run)
{
	uint8_t in[EV_CHUNK_MAX];
	ssize_t n = dial_send(run->d, run->r->request);

	(void)moved(run, EV_WRITE, run->r->request); /* also what did not get through: the answer may say why */
	while (!run->done && run->off[EV_READ] < ANSWER_MAX) {
		n = dial_recv(run->d, in, sizeof(in));
		if (n <= 0)
			break;
		if (moved(run, EV_READ, (struct slice){ in, (size_t)n }) < 0)
			break;
		(void)conn_table_tick(run->t, dial_now_ns());
	}
	if (!run->done)
		ended(run, n < 0);
}

static int make_table(struct run *run)
{
	static const struct conn_hooks hooks = { .flow = on_flow };
	struct conn_limits lim;
	struct timespec ts;
	uint8_t seed[16];
	int64_t now;

	conn_limits_default(&lim);
	lim.conns = 4;
	lim.open_ns = UINT64_MAX / 4; /* nobody looks at it before it is over */
	lim.total_bytes = (size_t)64 << 20;
	if (run->r->body_max)
		lim.msg.body_bytes = run->r->body_max;
	if (getrandom(seed, sizeof(seed), 0) != sizeof(seed))
		return -EIO;
	(void)clock_gettime(CLOCK_REALTIME, &ts);
	now = (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
	run->conn = (uint64_t)now / 1000; /* connections of agents count from 1 */
	run->t = conn_table_new(&lim, &hooks, run, now - (int64_t)dial_now_ns(), seed);
	return run->t ? 0 : -ENOMEM;
}

int resend_run(const struct resend *r, flow_fn fn, void *ctx, char *err, size_t errlen)
{
	struct run run = { .r = r, .fn = fn, .ctx = ctx };
	int rc = make_table(&run);

	if (rc < 0)
		(void)snprintf(err, errlen, "the hub is out of memory");
	if (rc == 0)
		rc = dial_open(&run.d, r, dial_now_ns() + r->timeout_ms * UINT64_C(1000000), err, errlen);
	if (rc == 0) {
		rc = opened(&run);
		talk(&run);
		if (rc == 0 && !run.done) {
			(void)snprintf(err, errlen, "what was sent could not be read back: the hub is out of memory");
			rc = -ENOMEM;
		}
	}
	conn_table_free(run.t);
	dial_close(run.d);
	return rc;
}
