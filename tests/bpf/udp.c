/* SPDX-License-Identifier: Apache-2.0 */
/* udp.c - datagrams: each is one, with the bytes that it had.  One of no bytes moves none, and no record tells of it. */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "dgram.h"
#include "tap/ends.h"

static const uint32_t sizes[] = { 0, 1, 2, 1472, 1473, 8192, 16384, 16385, D_MAX };
#define SIZES (sizeof(sizes) / sizeof(*sizes))
static const char *const op_names[D_OPS] = {
	"send and recv",
	"write and read",
	"sendto and recvfrom",
	"sendmsg and recvmsg",
	"sendmmsg and recvmmsg",
	"MSG_PEEK",
	"MSG_TRUNC into half of a buffer",
	"recv into half of a buffer",
};

static bool dgram(struct worker *k, int back, uint32_t op, uint64_t n)
{
	struct order o = { .what = T_DGRAM, .a = (uint32_t)back, .b = op, .n = n };
	struct reply r = { 0 };
	int rc = worker_do(k, o, &r);

	if (rc)
		printf("# %s of %llu bytes: %s\n", op_names[op], (unsigned long long)n,
		       strerror(-rc));
	return rc == 0;
}

static struct reply udp_open(struct worker *k, uint32_t family, uint32_t op)
{
	struct reply r = { 0 };

	worker_do(k, (struct order){ .what = T_DGRAM_OPEN, .a = family, .b = op }, &r);
	return r;
}

static bool udp_right(const struct end *e, int dir, uint64_t bytes, unsigned datagrams)
{
	return e->l4 == EV_UDP && !e->wrong && e->captured[dir] == bytes && !e->holes[dir] &&
	       e->datagrams[dir] == datagrams;
}

static void whole(struct watch *w, struct worker *k, uint32_t op, uint32_t family)
{
	struct losses before = losses_now(w);
	struct reply r = udp_open(k, family, op);
	unsigned batch = op == D_MANY ? D_BATCH : 1, count = 0;
	uint64_t sum = 0;
	struct end *c, *s;
	bool ok = true;

	for (size_t i = 0; i < SIZES; i++) {
		ok = ok && dgram(k, 0, op, sizes[i]) && dgram(k, 1, op, sizes[i]);
		sum += (uint64_t)sizes[i] * batch;
		count += sizes[i] ? batch : 0;
	}
	ok = watch_moved(w, r.cport, r.sport, sum, sum) && ok;
	c = watch_end(w, r.cport, r.sport);
	s = watch_end(w, r.sport, r.cport);
	for (int d = 0; ok && d < 2; d++)
		ok = udp_right(c, d, sum, count) && udp_right(s, d, sum, count);
	ok = ok && c->side == EV_CLIENT && s->side == EV_SERVER && losses_agree(w, &before);
	if (!check(ok, "UDP, %s over %s: every byte of every datagram", op_names[op],
		   family_names[family])) {
		explain("client", c);
		explain("server", s);
	}
	order(k, T_CLOSE, 0);
	watch_forget(w);
}

/* Sent whole, received in half. */
static void halved(struct watch *w, struct worker *k, uint32_t op, uint32_t family)
{
	struct losses before = losses_now(w);
	struct reply r = udp_open(k, family, op);
	uint64_t n = 3001, got = op == D_TRUNC ? n : n / 2, hole = got - n / 2;
	bool ok = dgram(k, 0, op, n) && dgram(k, 1, op, n) &&
		  watch_moved(w, r.cport, r.sport, got, got);
	struct end *c = watch_end(w, r.cport, r.sport), *s = watch_end(w, r.sport, r.cport);
	struct end *ends[] = { c, s };

	for (int i = 0; ok && i < 2; i++) {
		struct end *e = ends[i];

		ok = !e->wrong && e->captured[EV_WRITE] == n && e->captured[EV_READ] == n / 2 &&
		     e->holes[EV_READ] == hole && e->why[EV_READ][EV_WHY_NO_BUFFER] == hole &&
		     e->datagrams[EV_READ] == 1 && e->datagrams[EV_WRITE] == 1;
	}
	ok = ok && losses_agree(w, &before);
	if (!check(ok, "UDP, %s over %s: %s", op_names[op], family_names[family],
		   hole ? "the rest is a hole" : "what was received")) {
		explain("client", c);
		explain("server", s);
	}
	order(k, T_CLOSE, 0);
	watch_forget(w);
}

void udp(struct watch *w, struct worker *k)
{
	struct ends e = { 0 };

	k->idle = watch_take;
	k->idle_arg = w;
	ends_udp(&e, "all");
	tap_bpf_set_ends(w->bpf, &e);
	for (uint32_t op = 0; op < D_TRUNC; op++)
		whole(w, k, op, op % F_FAMILIES);
	halved(w, k, D_TRUNC, F_V4);
	halved(w, k, D_CUT, F_V6);
	k->idle = NULL;
}
