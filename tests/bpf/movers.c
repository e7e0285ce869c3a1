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

	if (e->total[dir] != moved || e->captured[dir] + missing != moved)
		return false;
	if (x.seen == SEEN_BYTES)
		return missing == 0;
	allowed = e->why[dir][x.why];
	/* Nobody was there to announce these. */
	if (x.why == EV_WHY_UNSEEN)
		allowed += e->why[dir][EV_WHY_NONE] + tail;
	return missing == allowed && (x.seen == SEEN_PART ? missing > 0 : missing == moved);
}

static bool open_right(const struct end *e, enum ev_side side, uint32_t family)
{
	return e->side == side && !e->flags && !e->wrong && has_addr(e, family) &&
	       (e->how & EV_END_ALL) && !(e->how & EV_END_RESET);
}

/* One connection, in both directions. */
static void one_way(struct watch *w, struct worker *k, const char *what, uint32_t sop, uint32_t rop,
		    uint32_t family, const uint32_t *sizes, size_t nsizes)
{
	enum tap_backend b = backend_used(w);
	struct expect out = expect_send(b, sop), in = expect_recv(b, rop);
	bool no_empty = (way_send(sop)->flags | way_recv(rop)->flags) & WAY_NO_EMPTY, ok = true;
	struct losses before = losses_now(w);
	struct reply r = order(k, T_OPEN, family);
	struct end *c, *s;
	uint64_t sum = 0;

	for (size_t i = 0; i < nsizes; i++) {
		if (!sizes[i] && no_empty)
			continue;
		ok = ok && move(k, 0, sop, rop, sizes[i]).error == 0 &&
		     move(k, 1, sop, rop, sizes[i]).error == 0;
		sum += sizes[i];
	}
	order(k, T_CLOSE, 0);
	ok = watch_gone(w, r.cport, r.sport) && ok;
	c = watch_end(w, r.cport, r.sport);
	s = watch_end(w, r.sport, r.cport);
	ok = ok && c && s && open_right(c, EV_CLIENT, family) && open_right(s, EV_SERVER, family) &&
	     dir_right(c, EV_WRITE, sum, out) && dir_right(s, EV_READ, sum, in) &&
	     dir_right(s, EV_WRITE, sum, out) && dir_right(c, EV_READ, sum, in) &&
	     (c->how & EV_END_WRITE) && (s->how & EV_END_READ) && losses_agree(w, &before);
	if (!check(ok, "%s over %s: %s", what, family_names[family],
		   out.seen || in.seen ? "the hole is as long as what moved, and counted"
				       : "every byte")) {
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

void movers(struct watch *w, struct worker *k)
{
	uint32_t op;

	k->idle = watch_take;
	k->idle_arg = w;
	for (op = 0; op < S_FORKED; op++)
		if (can(way_send(op)))
			one_way(w, k, way_send(op)->name, op, R_READ, op % F_FAMILIES,
				SIZES(edges));
	for (op = 0; op < R_OPS; op++)
		if (can(way_recv(op))) /* whole pages can be mapped */
			one_way(w, k, way_recv(op)->name,
				op == R_ZEROCOPY ? S_SPLICE_PIPE : S_WRITE, op, op % F_FAMILIES,
				SIZES(edges));
	if (!quick) {
		one_way(w, k, "write and read of 4 MiB", S_WRITE, R_READ, F_V4, SIZES(big));
		one_way(w, k, "1024 buffers, 4 MiB", S_WRITEV_MANY, R_READV_MANY, F_V6, SIZES(big));
		one_way(w, k, "sendmsg and recvmsg of 4 MiB", S_SENDMSG, R_RECVMSG, F_V4,
			SIZES(big));
		one_way(w, k, "a full socket, 4 MiB", S_NONBLOCK, R_WAITALL, F_MAPPED, SIZES(big));
		one_way(w, k, "sendfile of 4 MiB", S_SENDFILE, R_READ, F_V4, SIZES(big));
		one_way(w, k, "MSG_ZEROCOPY of 4 MiB", S_ZEROCOPY, R_RECVFROM, F_V6, SIZES(big));
	}
	k->idle = NULL;
}
