/* SPDX-License-Identifier: Apache-2.0 */
/* property.c - whatever a program calls, the bytes captured and those reported missing are those it moved. */
#include <string.h>
#include <time.h>

#include <stdio.h>

#include "check.h"
#include "expect.h"

/* Not chosen: a child's writes belong to another process; how much is mapped, and how much a multishot receive
 * takes, is not for the program to say. */
#define NOT_SENT (1ULL << S_FORKED)
#define NOT_GOT	 (1ULL << R_ZEROCOPY | 1ULL << R_URING_MULTISHOT)

struct want { /* of one direction at one end */
	uint64_t moved, hole[EV_WHY_MAX];
};

static void want_add(struct want *x, struct expect e, uint64_t n)
{
	x->moved += n;
	if (e.seen == SEEN_HOLE)
		x->hole[e.why] += n;
}

static bool as_wanted(const struct end *e, int dir, const struct want *x)
{
	uint64_t tail = watch_tail(e, dir), silent = e->why[dir][EV_WHY_NONE] + tail;
	bool ok = e->total[dir] == x->moved && e->captured[dir] + e->holes[dir] + tail == x->moved;

	for (int y = EV_WHY_NO_BUFFER; ok && y < EV_WHY_MAX; y++)
		ok = e->why[dir][y] + (y == EV_WHY_UNSEEN ? silent : 0) == x->hole[y];
	return ok;
}

static bool conn_right(struct watch *w, const struct chaos_conn *r)
{
	enum tap_backend b = backend_used(w);
	struct want out[2] = { 0 }, in[2] = { 0 };
	struct end *end[2];
	bool ok;

	watch_gone(w, r->cport, r->sport);
	end[0] = watch_end(w, r->cport, r->sport);
	end[1] = watch_end(w, r->sport, r->cport);
	for (int d = 0; d < 2; d++) {
		for (uint32_t op = 0; op < S_OPS; op++)
			want_add(&out[d], expect_send(b, EV_TCP, op), r->sent[d][op]);
		for (uint32_t op = 0; op < R_OPS; op++)
			want_add(&in[d], expect_recv(b, EV_TCP, op), r->got[d][op]);
	}
	ok = end[0] && end[1] && !end[0]->wrong && !end[1]->wrong;
	for (int d = 0; ok && d < 2; d++)
		ok = as_wanted(end[d], EV_WRITE, &out[d]) && as_wanted(end[!d], EV_READ, &in[d]);
	for (int d = 0; !ok && d < 2; d++) {
		explain(d ? "server" : "client", end[d]);
		printf("# moved: sent %llu, got by the other end %llu\n",
		       (unsigned long long)out[d].moved, (unsigned long long)in[d].moved);
	}
	return ok;
}

struct round {
	uint64_t bytes, faults;
	bool ok;
};

static struct round one_round(struct watch *w, struct worker *k, uint64_t s, const uint64_t ways[2])
{
	struct order o = { .what = T_CHAOS, .n = s, .ways = { ways[0], ways[1] } };
	struct losses before = losses_now(w);
	struct round sum = { .ok = true };
	struct reply r = { 0 };
	int rc = worker_do(k, o, &r);

	if (rc) {
		printf("# the program itself failed: %s\n", strerror(-rc));
		sum.ok = false;
		return sum;
	}
	for (uint32_t i = 0; i < r.nchaos; i++) {
		sum.ok = conn_right(w, &r.chaos[i]) && sum.ok;
		sum.faults += r.chaos[i].faults;
		for (int op = 0; op < R_OPS; op++)
			sum.bytes += r.chaos[i].got[0][op] + r.chaos[i].got[1][op];
	}
	sum.ok = losses_agree(w, &before) && sum.ok;
	watch_forget(w);
	return sum;
}

static uint64_t possible(const struct way *(*way)(uint32_t op), uint32_t ops, uint64_t without)
{
	uint64_t set = 0;

	for (uint32_t op = 0; op < ops; op++)
		if (!(without >> op & 1) && (!way(op)->lacks || !way(op)->lacks()))
			set |= 1ULL << op;
	return set;
}

/* Rounds until the time is over or one fails. */
static void rounds(struct watch *w, struct worker *k, const char *what, const uint64_t ways[2],
		   int seconds)
{
	uint64_t s = seed, bytes = 0, faults = 0;
	time_t end = time(NULL) + seconds;
	struct round r;
	unsigned n = 0;

	do {
		r = one_round(w, k, s++, ways);
		bytes += r.bytes;
		faults += r.faults;
		n++;
	} while (r.ok && time(NULL) < end);
	if (!check(r.ok, "%s: %u rounds, %llu bytes, %llu calls into unmapped memory", what, n,
		   (unsigned long long)bytes, (unsigned long long)faults))
		printf("# repeat it with --only property --seed %llu\n", (unsigned long long)s - 1);
}

static void every_power(struct watch *w, struct worker *k)
{
	struct losses before = losses_now(w);
	struct reply r = order(k, T_OPEN, F_V4);
	struct end *c, *s;
	uint64_t sum = 0;
	bool ok = true;

	for (uint64_t n = 1; n <= 4 << 20; n <<= 1)
		for (uint64_t m = n - 1; ok && m <= n + 1; m++) {
			ok = move(k, 0, S_WRITE, R_READ, m).error == 0;
			sum += m;
		}
	order(k, T_CLOSE, 0);
	watch_gone(w, r.cport, r.sport);
	c = watch_end(w, r.cport, r.sport);
	s = watch_end(w, r.sport, r.cport);
	if (!check(ok && c && s && !c->wrong && !s->wrong && c->captured[EV_WRITE] == sum &&
			   s->captured[EV_READ] == sum && losses_agree(w, &before),
		   "every power of two to 4 MiB, and its neighbours")) {
		explain("client", c);
		explain("server", s);
	}
	watch_forget(w);
}

void property(struct watch *w, struct worker *k)
{
	/* Those with a buffer of the program, and all. */
	uint64_t sends = possible(way_send, S_OPS, NOT_SENT),
		 recvs = possible(way_recv, R_OPS, NOT_GOT);
	uint64_t plain[2] = { sends & ((1ULL << S_SENDFILE) - 1),
			      recvs & ((1ULL << R_SPLICE) - 1) };
	uint64_t all[2] = { sends, recvs };

	if (!seed)
		seed = (uint64_t)time(NULL);
	printf("# --seed %llu\n", (unsigned long long)seed);
	k->idle = watch_take;
	k->idle_arg = w;
	every_power(w, k);
	rounds(w, k, "system calls with buffers", plain, quick ? 2 : 5);
	rounds(w, k, "every way mixed", all, quick ? 2 : 5);
	k->idle = NULL;
}
