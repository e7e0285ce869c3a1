/* SPDX-License-Identifier: Apache-2.0 */
/* odd.c - what TCP streams have besides plain bytes: an urgent byte, and TLS by the kernel. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "expect.h"

/* The urgent byte is written like any other; who reads the stream does not get it, unless it asked for it in line. */
static void urgent(struct watch *w, struct worker *k, bool in_line)
{
	struct losses before = losses_now(w);
	struct reply r = order(k, T_OPEN, F_V4);
	uint64_t hole = in_line ? 0 : 1;
	struct end *c, *s;
	bool ok;

	order(k, T_URGENT, in_line);
	order(k, T_CLOSE, 0);
	ok = watch_gone(w, r.cport, r.sport) && !r.error;
	c = watch_end(w, r.cport, r.sport);
	s = watch_end(w, r.sport, r.cport);
	if (!check(ok && c && s && !c->wrong && !s->wrong && c->captured[EV_WRITE] == 201 &&
			   s->captured[EV_READ] == 201 - hole && s->holes[EV_READ] == hole &&
			   s->total[EV_READ] == 201 && losses_agree(w, &before),
		   in_line ? "an urgent byte in line is like any other"
			   : "an urgent byte is a hole of one byte to who reads the stream")) {
		explain("client", c);
		explain("server", s);
	}
	watch_forget(w);
}

/* --- TLS by the kernel ------------------------------------------------------------------------------ */

#define BEFORE 300 /* bytes in the clear before the keys are given, as a handshake has them */

static bool plain_right(const struct end *e, int dir, uint64_t sum, struct expect x)
{
	const struct plain *p = &e->plain[dir];

	if (e->captured[dir] != BEFORE || e->holes[dir] || p->total != sum ||
	    p->captured + p->holes != sum || watch_tail(e, dir))
		return false;
	return x.seen == SEEN_BYTES ? !p->holes : p->why[x.why] == sum;
}

static void tls_way(struct watch *w, struct worker *k, uint32_t sop, uint32_t rop)
{
	static const uint64_t sizes[] = { 1, 100, 16384, 16385, 200000 };
	struct losses before = losses_now(w);
	struct reply r = order(k, T_OPEN, F_V4);
	struct expect out = expect_tls(backend_used(w), true, sop),
		      in = expect_tls(backend_used(w), false, rop);
	struct end *c, *s;
	uint64_t sum = 0;
	bool ok = true;

	for (int back = 0; back < 2; back++)
		ok = move(k, back, S_WRITE, R_READ, BEFORE).error == 0 && ok;
	ok = order(k, T_KTLS, 3).error == 0 && ok;
	for (size_t i = 0; ok && i < sizeof(sizes) / sizeof(*sizes); i++) {
		for (int back = 0; back < 2; back++)
			ok = move(k, back, sop, rop, sizes[i]).error == 0 && ok;
		ok = order(k, T_ALERT, 0).error == 0 && ok;
		sum += sizes[i];
	}
	order(k, T_CLOSE, 0);
	ok = watch_gone(w, r.cport, r.sport) && ok;
	c = watch_end(w, r.cport, r.sport);
	s = watch_end(w, r.sport, r.cport);
	ok = ok && c && s && !c->wrong && !s->wrong && losses_agree(w, &before) &&
	     plain_right(c, EV_WRITE, sum, out) && plain_right(s, EV_WRITE, sum, out) &&
	     plain_right(c, EV_READ, sum, in) && plain_right(s, EV_READ, sum, in);
	if (!check(ok, "kernel TLS: %s and %s: %s of the plaintext, and no alert", way_send(sop)->name,
		   way_recv(rop)->name,
		   out.seen == SEEN_BYTES && in.seen == SEEN_BYTES ? "every byte" : "a hole as long as what moved")) {
		explain("client", c);
		explain("server", s);
	}
	watch_forget(w);
}

/* The other direction goes on as it was; what it carries is ciphertext of the program's own making, and left out. */
static void tls_one_way(struct watch *w, struct worker *k, int back)
{
	struct losses before = losses_now(w);
	struct reply r = order(k, T_OPEN, F_V6);
	struct end *c, *s, *from, *to;
	bool ok = order(k, T_KTLS, back ? 2 : 1).error == 0;

	for (int i = 0; i < 3; i++)
		ok = move(k, back, S_WRITE, R_READ, 20000).error == 0 &&
		     move(k, !back, S_WRITE, R_READ, 1000).error == 0 && ok;
	order(k, T_CLOSE, 0);
	ok = watch_gone(w, r.cport, r.sport) && ok;
	c = watch_end(w, r.cport, r.sport);
	s = watch_end(w, r.sport, r.cport);
	from = back ? s : c;
	to = back ? c : s;
	ok = ok && c && s && !c->wrong && !s->wrong && losses_agree(w, &before) &&
	     from->plain[EV_WRITE].captured == 60000 && to->plain[EV_READ].captured == 60000 &&
	     from->total[EV_READ] == 3000 && to->total[EV_WRITE] == 3000 && !from->plain[EV_READ].seen &&
	     !to->plain[EV_WRITE].seen && from->total[EV_WRITE] > 60000;
	if (!check(ok, "kernel TLS of one direction: %s", back ? "from the server" : "from the client")) {
		explain("client", c);
		explain("server", s);
	}
	watch_forget(w);
}

static bool has_tls(struct watch *w, struct worker *k)
{
	struct reply r = { 0 };

	order(k, T_OPEN, F_V4);
	worker_do(k, (struct order){ .what = T_KTLS, .a = 3 }, &r);
	order(k, T_CLOSE, 0);
	watch_gone(w, r.cport, r.sport);
	watch_forget(w);
	if (r.error == -ENOENT || r.error == -ENOPROTOOPT)
		check(true, "kernel TLS # SKIP the kernel has none, or no AES-GCM for it (%s)", strerror(-r.error));
	else if (r.error)
		check(false, "kernel TLS takes its keys: %s", strerror(-r.error));
	return !r.error;
}

static void kernel_tls(struct watch *w, struct worker *k)
{
	static const uint32_t recvs[] = { R_READV, R_READV_MANY, R_RECVFROM, R_RECVMSG,
					  R_PEEK,  R_WAITALL,	 R_NONBLOCK, R_SPLICE }; /* no recvmmsg */
	static const uint32_t uring[][2] = { { S_URING_SEND, R_URING_RECV }, { S_URING_WRITEV, R_URING_READ } };

	if (!has_tls(w, k))
		return;
	k->idle = watch_take;
	k->idle_arg = w;
	for (uint32_t op = S_WRITE; op <= S_SPLICE_PIPE; op++)
		if (op != S_SENDMMSG && op != S_CORK && op != S_ZEROCOPY) /* which it refuses */
			tls_way(w, k, op, R_READ);
	for (size_t i = 0; i < sizeof(recvs) / sizeof(*recvs); i++)
		tls_way(w, k, S_WRITE, recvs[i]);
	for (size_t i = 0; i < sizeof(uring) / sizeof(*uring); i++)
		if (!way_send(uring[i][0])->lacks() && !way_recv(uring[i][1])->lacks() &&
		    expect_tls(backend_used(w), true, uring[i][0]).seen != SEEN_NOT)
			tls_way(w, k, uring[i][0], uring[i][1]);
	tls_one_way(w, k, 0);
	tls_one_way(w, k, 1);
	k->idle = NULL;
}

void odd(struct watch *w, struct worker *k)
{
	urgent(w, k, true);
	urgent(w, k, false);
	if (only_tcp)
		check(true, "kernel TLS # SKIP it is a gap of the ciphertext without hooks of system calls");
	else
		kernel_tls(w, k);
}
