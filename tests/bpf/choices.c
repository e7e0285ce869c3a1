/* SPDX-License-Identifier: Apache-2.0 */
/* The choice of connections by port and address. */
#include <stdio.h>
#include <string.h>

#include "check.h"

/* A worker whose connection is always captured: by the time it ends, all before it was delivered. */
static struct worker marker;

static void choose(struct watch *w, const struct ends *e)
{
	static const struct ends none;
	struct ev_policy p = { .dflt = EV_DEFAULT_NONE, .ends = e ? e->kinds : 0 };

	tap_bpf_set_ends(w->bpf, e ? e : &none);
	tap_bpf_set_policy(w->bpf, &p);
}

/* What is captured of 1,000 bytes each way on a connection to that port, under that choice: 0 to 4,000. */
static uint64_t seen(struct watch *w, struct worker *k, uint32_t family, uint16_t port, struct ends *e)
{
	struct reply r;
	struct end *at[2];
	uint64_t n = 0;

	choose(w, e);
	worker_do(k, (struct order){ .what = T_OPEN, .a = family, .n = port }, &r);
	move(k, 0, S_WRITE, R_READ, 1000);
	move(k, 1, S_WRITE, R_READ, 1000);
	order(k, T_CLOSE, 0);
	choose(w, NULL);
	at[0] = watch_end(w, r.cport, r.sport);
	r = order(&marker, T_OPEN, F_V4);
	order(&marker, T_CLOSE, 0);
	watch_gone(w, r.cport, r.sport);
	for (unsigned i = 0; i < w->n; i++) {
		at[0] = &w->ends[i];
		if (at[0]->lport == port || at[0]->rport == port)
			n += at[0]->captured[0] + at[0]->captured[1];
	}
	watch_forget(w);
	return n;
}

static void is_seen(struct watch *w, struct worker *k, uint32_t family, uint16_t port, bool want,
		    const char *ports, const char *not_ports, const char *addr, const char *not_addr)
{
	struct ends e = { 0 };
	int err = 0;
	uint64_t n;

	err |= ports ? ends_ports(&e, EV_RULE_INCLUDE, ports) : 0;
	err |= not_ports ? ends_ports(&e, EV_RULE_EXCLUDE, not_ports) : 0;
	err |= addr ? ends_address(&e, EV_RULE_INCLUDE, addr) : 0;
	err |= not_addr ? ends_address(&e, EV_RULE_EXCLUDE, not_addr) : 0;
	n = err ? 1 : seen(w, k, family, port, &e);
	check(n == (want ? 4000 : 0), "%s with port %s, not %s; address %s, not %s: %s", family_names[family],
	      ports ? "its own" : "any", not_ports ? "its own" : "none", addr ? addr : "any",
	      not_addr ? not_addr : "none", want ? "captured" : "left out");
}

static void by_port(struct watch *w, struct worker *k, uint16_t port)
{
	char own[16], range[32], other[32];

	snprintf(own, sizeof(own), "%u", port);
	snprintf(range, sizeof(range), "1,%u-%u", port - 1, port);
	snprintf(other, sizeof(other), "1-%u", 20);
	is_seen(w, k, F_V4, port, true, own, NULL, NULL, NULL);
	is_seen(w, k, F_V6, port, true, range, NULL, NULL, NULL);
	check(seen(w, k, F_V4, port, &(struct ends){ .kinds = EV_PORTS_CHOSEN }) == 0,
	      "other ports are chosen: left out");
	is_seen(w, k, F_V4, port, false, NULL, own, NULL, NULL);
	is_seen(w, k, F_MAPPED, port, false, range, own, NULL, NULL);
	is_seen(w, k, F_V4, port, true, NULL, other, NULL, NULL);
}

static void by_address(struct watch *w, struct worker *k, uint16_t port)
{
	is_seen(w, k, F_V4, port, true, NULL, NULL, "127.0.0.0/8", NULL);
	is_seen(w, k, F_MAPPED, port, true, NULL, NULL, "127.0.0.1", NULL);
	is_seen(w, k, F_V4, port, false, NULL, NULL, "10.0.0.0/8", NULL);
	is_seen(w, k, F_V6, port, true, NULL, NULL, "::1", NULL);
	is_seen(w, k, F_V6, port, false, NULL, NULL, "2001:db8::/32", NULL);
	is_seen(w, k, F_V6, port, false, NULL, NULL, NULL, "::/64");
	is_seen(w, k, F_V4, port, true, NULL, NULL, NULL, "::1");
	is_seen(w, k, F_V4, port, false, NULL, NULL, NULL, "127.0.0.1");
	is_seen(w, k, F_V4, port, true, NULL, NULL, "127.0.0.1", "127.0.0.0/8");
	is_seen(w, k, F_V4, port, false, NULL, NULL, "127.0.0.0/8", "127.0.0.1");
	check(seen(w, k, F_V4, port, &(struct ends){ .kinds = EV_PORTS_CHOSEN | EV_ADDRS_CHOSEN }) == 0,
	      "a chosen address alone is not enough when ports are chosen too");
}

/* An open connection follows a change: it ends for the reader, and comes back in its middle. */
static void changes(struct watch *w, struct worker *k)
{
	struct reply r = order(k, T_OPEN, F_V4);
	struct ends e = { 0 };
	struct end *c;

	move(k, 0, S_WRITE, R_READ, 1000);
	ends_address(&e, EV_RULE_EXCLUDE, "127.0.0.1");
	choose(w, &e);
	move(k, 0, S_WRITE, R_READ, 20000);
	choose(w, NULL);
	move(k, 0, S_WRITE, R_READ, 3000);
	order(k, T_CLOSE, 0);
	watch_gone(w, r.cport, r.sport);
	c = watch_end(w, r.cport, r.sport);
	if (!check(c && c->opens == 2 && !c->wrong && c->captured[EV_WRITE] == 4000 &&
			   c->holes[EV_WRITE] == 20000 && c->total[EV_WRITE] == 24000 &&
			   (c->flags & EV_LATE),
		   "a connection that is left out for a while ends, and begins again in its middle"))
		explain("client", c);
	watch_forget(w);
}

void choices(struct watch *w, struct worker *k)
{
	struct reply r = order(k, T_OPEN, F_V6);

	order(k, T_CLOSE, 0);
	start(&marker, 0);
	tap_bpf_rule_tgid(w->bpf, (uint32_t)marker.pid, EV_RULE_INCLUDE);
	by_port(w, k, r.sport);
	by_address(w, k, r.sport);
	changes(w, k);
	worker_stop(&marker);
}
