/* SPDX-License-Identifier: Apache-2.0 */
/* movers.c - every way to move bytes, both directions, against what the back end may miss. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "expect.h"

static bool has_addr(const struct end *e, uint32_t family)
{
	struct in6_addr want;

	inet_pton(AF_INET6, family == F_V6 ? "::1" : "::ffff:127.0.0.1", &want);
	return memcmp(e->local, &want, 16) == 0 && memcmp(e->remote, &want, 16) == 0;
}

/* Captured and missing bytes are those moved, and only those are missing that may be. */
static bool dir_right(const struct end *e, int dir, uint64_t moved, struct expect x)
{
	uint64_t tail = watch_tail(e, dir), missing = e->holes[dir] + tail, allowed = 0;

	if (x.seen == SEEN_NOT)
		return e->total[dir] == 0 && e->captured[dir] + missing == 0;
	if (e->total[dir] != moved || e->captured[dir] + missing != moved)
		return false;
	if (x.seen == SEEN_BYTES)
		return missing == 0;
	allowed = e->why[dir][x.why];
	return missing == allowed && (x.seen == SEEN_PART ? missing > 0 : missing == moved);
}

/* What an end of AF_UNIX says of itself and of the other. */
static bool has_path(const struct end *e, const struct reply *r, const struct worker *k,
		     uint32_t family)
{
	char path[EV_PATH_MAX] = "";
	int n = snprintf(path, sizeof(path), "/tmp/limpid-test-%d", (int)k->pid);

	if (family == F_UNIX_ABSTRACT)
		path[0] = '\0';
	if (family == F_UNIX_PAIR)
		n = 0;
	return e->l4 == EV_UNIX && e->path_len == n && memcmp(e->path, path, (size_t)n) == 0 &&
	       e->peer_tgid == (uint32_t)k->pid &&
	       (e->peer_cookie == r->cookie[!e->is_server] || !e->peer_cookie);
}

static bool open_right(const struct end *e, bool server, const struct reply *r,
		       const struct worker *k, uint32_t family)
{
	uint8_t side = server ? EV_SERVER : EV_CLIENT;

	if (family == F_UNIX_PAIR)
		side = EV_SIDE_UNKNOWN;
	return e->side == side && !e->flags && !e->wrong && (e->how & EV_END_ALL) &&
	       !(e->how & EV_END_RESET) &&
	       (family < F_FAMILIES ? e->l4 == EV_TCP && has_addr(e, family)
				    : has_path(e, r, k, family));
}

/* Moves all sizes, in both directions, and closes.  Their sum, or -1. */
static int64_t move_all(struct worker *k, uint32_t sop, uint32_t rop, const uint32_t *sizes,
			size_t nsizes)
{
	bool no_empty = (way_send(sop)->flags | way_recv(rop)->flags) & WAY_NO_EMPTY, ok = true;
	int64_t sum = 0;

	for (size_t i = 0; i < nsizes; i++) {
		if (!sizes[i] && no_empty)
			continue;
		ok = ok && move(k, 0, sop, rop, sizes[i]).error == 0 &&
		     move(k, 1, sop, rop, sizes[i]).error == 0;
		sum += sizes[i];
	}
	order(k, T_CLOSE, 0);
	return ok ? sum : -1;
}

/* One connection. */
static void one_way(struct watch *w, struct worker *k, const char *what, uint32_t sop, uint32_t rop,
		    uint32_t family, const uint32_t *sizes, size_t nsizes)
{
	static const char *const seen[] = { "every byte",
					    "the hole is as long as what moved, and counted",
					    "what is missing is as long as what was mapped",
					    "not seen" };
	enum tap_backend b = backend_used(w);
	enum ev_l4 l4 = family < F_FAMILIES ? EV_TCP : EV_UNIX;
	struct expect out = expect_send(b, l4, sop), in = expect_recv(b, l4, rop);
	struct losses before = losses_now(w);
	struct reply r = order(k, T_OPEN, family);
	struct end *c, *s;
	int64_t sum;
	bool ok;

	if (l4 == EV_UNIX)
		watch_unix(w, r.cookie, r.cport, r.sport);
	sum = move_all(k, sop, rop, sizes, nsizes);
	ok = watch_gone(w, r.cport, r.sport) && sum >= 0;
	c = watch_end(w, r.cport, r.sport);
	s = watch_end(w, r.sport, r.cport);
	ok = ok && c && s && open_right(c, false, &r, k, family) &&
	     open_right(s, true, &r, k, family);
	for (int d = 0; ok && d < 2; d++)
		ok = dir_right(d ? s : c, EV_WRITE, (uint64_t)sum, out) &&
		     dir_right(d ? c : s, EV_READ, (uint64_t)sum, in);
	/* AF_UNIX has nothing like a FIN: its end is EV_END_ALL. */
	ok = ok && ((c->how & EV_END_WRITE) || l4 == EV_UNIX) && (s->how & EV_END_READ) &&
	     losses_agree(w, &before);
	if (!check(ok, "%s over %s: %s", what, family_names[family],
		   seen[in.seen ? in.seen : out.seen])) {
		explain("client", c);
		explain("server", s);
	}
	watch_forget(w);
}

static const uint32_t edges[] = { 0,	1,     4095,  4096,  4097,  8191,  8192,
				  8193, 16383, 16384, 16385, 65536, 100003 };
static const uint32_t big[] = { 0, 1 << 20, (4 << 20) - 1, 4 << 20 };
#define SIZES(a) (a), sizeof(a) / sizeof(*(a))

static bool can(const struct way *way)
{
	const char *why = way->lacks ? way->lacks() : NULL;

	if (why)
		check(true, "%s # SKIP %s", way->name, why);
	return !why;
}

static void every_way(struct watch *w, struct worker *k, uint32_t first_family, uint32_t families)
{
	uint32_t without = first_family < F_FAMILIES ? 0 : WAY_TCP, op;

	for (op = 0; op < S_FORKED; op++)
		if (!(way_send(op)->flags & without) && can(way_send(op)))
			one_way(w, k, way_send(op)->name, op, R_READ, first_family + op % families,
				SIZES(edges));
	for (op = 0; op < R_OPS; op++)
		if (!(way_recv(op)->flags & without) && can(way_recv(op)))
			one_way(w, k, way_recv(op)->name,
				op == R_ZEROCOPY ? S_SPLICE_PIPE : S_WRITE, /* whole pages */
				op, first_family + op % families, SIZES(edges));
}

static void large(struct watch *w, struct worker *k)
{
	static const struct {
		const char *what;
		uint32_t sop, rop, family;
	} rows[] = {
		{ "write and read of 4 MiB", S_WRITE, R_READ, F_V4 },
		{ "1024 buffers, 4 MiB", S_WRITEV_MANY, R_READV_MANY, F_V6 },
		{ "sendmsg and recvmsg of 4 MiB", S_SENDMSG, R_RECVMSG, F_V4 },
		{ "a full socket, 4 MiB", S_NONBLOCK, R_WAITALL, F_MAPPED },
		{ "sendfile of 4 MiB", S_SENDFILE, R_READ, F_V4 },
		{ "MSG_ZEROCOPY of 4 MiB", S_ZEROCOPY, R_RECVFROM, F_V6 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		one_way(w, k, rows[i].what, rows[i].sop, rows[i].rop, rows[i].family, SIZES(big));
}

void movers(struct watch *w, struct worker *k)
{
	k->idle = watch_take;
	k->idle_arg = w;
	every_way(w, k, 0, F_FAMILIES);
	if (!quick)
		large(w, k);
	k->idle = NULL;
}

void unix_movers(struct watch *w, struct worker *k)
{
	k->idle = watch_take;
	k->idle_arg = w;
	every_way(w, k, F_FAMILIES, F_ALL - F_FAMILIES);
	k->idle = NULL;
}
