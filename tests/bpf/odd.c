/* SPDX-License-Identifier: Apache-2.0 */
/* odd.c - what TCP streams have besides plain bytes: an urgent byte, and TLS by the kernel. */
#include <stdio.h>
#include <string.h>

#include "check.h"

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

static void kernel_tls(struct watch *w, struct worker *k, uint32_t sop, uint32_t rop)
{
	const char *send = way_send(sop)->name, *recv = way_recv(rop)->name;
	static const uint64_t sizes[] = { 1, 100, 16384, 16385, 200000 };
	struct losses before = losses_now(w);
	struct reply r = order(k, T_OPEN, F_V4), tls = { 0 };
	struct end *c, *s;
	uint64_t sum = 0;
	bool ok = true;

	if (worker_do(k, (struct order){ .what = T_KTLS }, &tls)) {
		check(true, "kernel TLS: %s and %s # SKIP the kernel has no TLS (%s)", send, recv,
		      strerror(-tls.error));
		order(k, T_CLOSE, 0);
		return;
	}
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		ok = ok && move(k, 0, sop, rop, sizes[i]).error == 0 &&
		     move(k, 1, sop, rop, sizes[i]).error == 0;
		sum += sizes[i];
	}
	order(k, T_CLOSE, 0);
	ok = watch_gone(w, r.cport, r.sport) && ok;
	c = watch_end(w, r.cport, r.sport);
	s = watch_end(w, r.sport, r.cport);
	ok = ok && c && s && !c->wrong && !s->wrong && losses_agree(w, &before);
	for (int d = 0; ok && d < 2; d++)
		ok = c->captured[d] == sum && s->captured[d] == sum && c->total[d] == sum &&
		     s->total[d] == sum && !c->holes[d] && !s->holes[d];
	if (!check(ok, "kernel TLS: %s and %s: every byte of the plaintext", send, recv)) {
		explain("client", c);
		explain("server", s);
	}
	watch_forget(w);
}

void odd(struct watch *w, struct worker *k)
{
	urgent(w, k, true);
	kernel_tls(w, k, S_WRITE, R_READ);
	kernel_tls(w, k, S_SENDMSG, R_RECVMSG);
	kernel_tls(w, k, S_MORE, R_PEEK);
}
