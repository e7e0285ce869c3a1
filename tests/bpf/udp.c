/* SPDX-License-Identifier: Apache-2.0 */
/* udp.c - datagrams: each is one, with the bytes that it had.  One of no bytes moves none, and no record tells of it. */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "dgram.h"
#include "expect.h"
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
	"a way",
};

static bool dgram(struct worker *k, int back, uint32_t op, uint64_t n)
{
	struct order o = { .what = T_DGRAM, .a = (uint32_t)back, .b = op, .n = n };
	struct reply r = { 0 };
	int rc = worker_do(k, o, &r);

	if (rc)
		printf("# %s of %llu bytes: %s\n", op_names[op & 0xff], (unsigned long long)n,
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

/* Ways without a system call: a datagram each. */
static const struct {
	uint32_t sop, rop;
	uint64_t
		most; /* bytes: buffers that the kernel chooses from are smaller than a datagram may be */
} urings[] = {
	{ S_URING_SEND, R_URING_RECV, D_MAX },	      { S_URING_SENDMSG, R_URING_RECVMSG, D_MAX },
	{ S_URING_WRITE, R_URING_READ, D_MAX },	      { S_URING_WRITEV, R_URING_READV, D_MAX },
	{ S_URING_SEND_ZC, R_URING_MULTISHOT, 4096 }, { S_URING_SENDMSG_ZC, R_URING_SELECT, 4096 },
	{ S_URING_ASYNC, R_URING_ASYNC, D_MAX },      { S_URING_SQPOLL, R_URING_SQPOLL, D_MAX },
	{ S_URING_SEND, R_URING_PEEK, D_MAX },
};

static const char *lacking(const struct way *way)
{
	return way->lacks ? way->lacks() : NULL;
}

/* Of one direction of one end; a hole is one of as many bytes as the datagrams had. */
static bool udp_expected(const struct end *e, int dir, uint64_t bytes, unsigned datagrams,
			 struct expect x)
{
	uint64_t hole = x.seen == SEEN_HOLE ? bytes : 0;

	return e->l4 == EV_UDP && !e->wrong && e->captured[dir] == bytes - hole &&
	       e->holes[dir] == hole && e->why[dir][x.why] == hole &&
	       e->datagrams[dir] == datagrams;
}

static void by_uring(struct watch *w, struct worker *k, size_t i)
{
	uint32_t sop = urings[i].sop, rop = urings[i].rop, op = D_BY(sop, rop),
		 family = i % F_FAMILIES;
	struct expect x[2] = { [EV_WRITE] = expect_send(backend_used(w), EV_UDP, sop),
			       [EV_READ] = expect_recv(backend_used(w), EV_UDP, rop) };
	const char *why = lacking(way_send(sop)) ? lacking(way_send(sop)) : lacking(way_recv(rop));
	struct losses before = losses_now(w);
	unsigned count = 0;
	uint64_t sum = 0;
	struct end *c, *s;
	struct reply r;
	bool ok = true, not_seen = x[0].seen == SEEN_NOT;

	if (why) {
		check(true, "UDP, %s # SKIP %s", way_send(sop)->name, why);
		return;
	}
	r = udp_open(k, family, op);
	for (size_t j = 1; j < SIZES && sizes[j] <= urings[i].most; j++, count++) {
		ok = ok && dgram(k, 0, op, sizes[j]) && dgram(k, 1, op, sizes[j]);
		sum += sizes[j];
	}
	if (!not_seen)
		ok = watch_moved(w, r.cport, r.sport, sum, sum) && ok;
	else
		watch_take(w);
	c = watch_end(w, r.cport, r.sport);
	s = watch_end(w, r.sport, r.cport);
	for (int d = 0; ok && d < 2; d++)
		ok = not_seen ? !c && !s
			      : c && s && udp_expected(c, d, sum, count, x[d]) &&
					udp_expected(s, d, sum, count, x[d]);
	ok = ok && losses_agree(w, &before);
	if (!check(ok, "UDP, %s and %s over %s: %s", way_send(sop)->name, way_recv(rop)->name,
		   family_names[family],
		   not_seen		    ? "not seen"
		   : x[0].seen == SEEN_HOLE ? "as many bytes are missing"
					    : "every byte of every datagram")) {
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
	for (size_t i = 0; i < sizeof(urings) / sizeof(*urings); i++)
		by_uring(w, k, i);
	k->idle = NULL;
}
