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
	if (e.seen == SEEN_NOT)
		return;
	x->moved += n;
	if (e.seen == SEEN_HOLE)
		x->hole[e.why] += n;
}

/* skipped: the kernel did not run some program, nor its second one, so that what one call moved may be a hole as long: nobody saw
 * it, or only the exit of the system call, which knows no buffer of sendfile or splice; a direction's only call may not even be in
 * its total.  begun: bytes of a call that failed while it copied them were seen by the tracepoint at its beginning, and are there
 * when another way takes them that would be a hole. */
static bool as_wanted(const struct end *e, int dir, const struct want *x, bool skipped, bool begun)
{
	uint64_t tail = watch_tail(e, dir);
	bool ok = (e->total[dir] == x->moved || (skipped && e->total[dir] < x->moved)) &&
		  e->captured[dir] + e->holes[dir] + tail == e->total[dir];

	for (int y = EV_WHY_NONE; ok && y < EV_WHY_MAX; y++)
		ok = e->why[dir][y] == x->hole[y] ||
		     (begun && e->why[dir][y] < x->hole[y]) || (skipped && (y == EV_WHY_UNSEEN || y == EV_WHY_NO_BUFFER || e->why[dir][y] < x->hole[y]));
	return ok;
}

static bool conn_right(struct watch *w, const struct chaos_conn *r, bool skipped)
{
	enum ev_l4 l4 = r->family < F_FAMILIES ? EV_TCP : EV_UNIX;
	enum tap_backend b = backend_used(w);
	bool ok;
	struct want out[2] = { 0 }, in[2] = { 0 };
	struct end *end[2];

	watch_gone(w, r->cport, r->sport);
	end[0] = watch_end(w, r->cport, r->sport);
	end[1] = watch_end(w, r->sport, r->cport);
	for (int d = 0; d < 2; d++) {
		for (uint32_t op = 0; op < S_OPS; op++)
			want_add(&out[d], expect_send(b, l4, op), r->sent[d][op]);
		for (uint32_t op = 0; op < R_OPS; op++)
			want_add(&in[d], expect_recv(b, l4, op), r->got[d][op]);
	}
	ok = end[0] && end[1];
	/* What nobody saw of AF_UNIX is missing without a gap, so that what follows stands too early. */
	for (int d = 0; ok && d < 2; d++)
		ok = !end[d]->wrong || (skipped && l4 == EV_UNIX &&
					end[d]->total[EV_WRITE] + end[d]->total[EV_READ] < out[d].moved + in[!d].moved);
	for (int d = 0; ok && d < 2; d++)
		ok = as_wanted(end[d], EV_WRITE, &out[d], skipped, false) &&
		     as_wanted(end[!d], EV_READ, &in[d], skipped, only_tcp && r->faults);
	for (int d = 0; !ok && d < 2; d++) {
		explain(d ? "server" : "client", end[d]);
		printf("# %s moved: sent %llu, got by the other end %llu\n",
		       family_names[r->family], (unsigned long long)out[d].moved,
		       (unsigned long long)in[d].moved);
	}
	return ok;
}

struct round {
	uint64_t bytes, faults;
	bool ok;
};

/* Opens and moves: before anything is moved, the ends must be known. */
static int carry_out(struct watch *w, struct worker *k, uint64_t s, const struct chaos_ways *ways,
		     struct reply *ret)
{
	struct order o = { .what = T_CHAOS_OPEN, .n = s, .ways = *ways };
	struct reply open = { 0 };
	int rc = worker_do(k, o, &open);

	for (uint32_t i = 0; i < open.nchaos; i++)
		if (open.chaos[i].cookie[0])
			watch_unix(w, open.chaos[i].cookie, open.chaos[i].cport,
				   open.chaos[i].sport);
	o.what = T_CHAOS;
	rc = rc ? rc : worker_do(k, o, ret);
	for (uint32_t i = 0; i < open.nchaos; i++) {
		ret->chaos[i].cport = open.chaos[i].cport;
		ret->chaos[i].sport = open.chaos[i].sport;
		ret->chaos[i].family = open.chaos[i].family;
	}
	ret->nchaos = open.nchaos;
	return rc;
}

static struct round one_round(struct watch *w, struct worker *k, uint64_t s,
			      const struct chaos_ways *ways)
{
	struct losses before = losses_now(w);
	struct round sum = { .ok = true };
	struct reply r = { 0 };
	int rc = carry_out(w, k, s, ways, &r);

	if (rc) {
		printf("# the program itself failed:\n");
		worker_explain(k, rc);
		watch_forget(w);
		sum.ok = false;
		return sum;
	}
	for (uint32_t i = 0; i < r.nchaos; i++) {
		sum.ok = conn_right(w, &r.chaos[i], losses_now(w).n[EV_LOSS_SKIPPED] > before.n[EV_LOSS_SKIPPED]) && sum.ok;
		sum.faults += r.chaos[i].faults;
		for (int op = 0; op < R_OPS; op++)
			sum.bytes += r.chaos[i].got[0][op] + r.chaos[i].got[1][op];
	}
	sum.ok = losses_agree(w, &before) && sum.ok;
	watch_forget(w);
	return sum;
}

/* The ways that this kernel has and the back end at least counts: where the bytes of one are not known to have moved,
 * those of the next stand in the wrong place. */
static struct chaos_ways possible(enum tap_backend b)
{
	struct chaos_ways set = { 0 };

	for (uint32_t op = 0; op < S_OPS; op++)
		if (!(NOT_SENT >> op & 1) && (!way_send(op)->lacks || !way_send(op)->lacks())) {
			set.on_tcp[0] |= 1ULL << op;
			if (!only_tcp && !(way_send(op)->flags & WAY_TCP) &&
			    expect_send(b, EV_UNIX, op).seen != SEEN_NOT)
				set.on_unix[0] |= 1ULL << op;
		}
	for (uint32_t op = 0; op < R_OPS; op++)
		if (!(NOT_GOT >> op & 1) && (!way_recv(op)->lacks || !way_recv(op)->lacks())) {
			set.on_tcp[1] |= 1ULL << op;
			if (!only_tcp && !(way_recv(op)->flags & WAY_TCP) &&
			    expect_recv(b, EV_UNIX, op).seen != SEEN_NOT)
				set.on_unix[1] |= 1ULL << op;
		}
	return set;
}

/* Rounds until the time is over or one fails. */
static void rounds(struct watch *w, struct worker *k, const char *what,
		   const struct chaos_ways *ways, int seconds)
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

/* A page may be unmapped when a program of ours reads it, which cannot wait for it: the kernel migrates it, or makes a huge
 * page of it and its neighbours.  Those bytes are a hole of that length, and nothing else is lost. */
static void unmapped(struct watch *w, struct worker *k)
{
	struct losses before = losses_now(w);
	struct reply r = order(k, T_OPEN, F_V4);
	struct order o = { .what = T_MOVE_UNMAPPED, .n = 8 << 20 };
	uint64_t missing = 0, sum[2] = { 0 };
	struct end *e[2];
	bool ok = true;
	int rc;

	for (int i = 0; ok && i < 4; i++) {
		o.a = i % 2;
		sum[i % 2] += o.n;
		rc = worker_do(k, o, &r);
		ok = rc == 0;
		if (!ok)
			worker_explain(k, rc);
	}
	order(k, T_CLOSE, 0);
	watch_gone(w, r.cport, r.sport);
	e[0] = watch_end(w, r.cport, r.sport);
	e[1] = watch_end(w, r.sport, r.cport);
	for (int i = 0; i < 2; i++)
		for (int dir = 0; ok && (ok = e[i] && !e[i]->wrong) && dir < 2; dir++) {
			/* The client's writes and the server's reads went one way. */
			ok = e[i]->captured[dir] + e[i]->why[dir][EV_WHY_FAULT] == sum[(dir == EV_WRITE) == (i == 1)];
			missing += e[i]->why[dir][EV_WHY_FAULT];
		}
	if (!check(ok && losses_agree(w, &before),
		   "pages that are unmapped while they are read: %llu of %llu bytes are missing, each in a hole",
		   (unsigned long long)missing, (unsigned long long)(2 * (sum[0] + sum[1])))) {
		explain("client", e[0]);
		explain("server", e[1]);
	}
	watch_forget(w);
}

void property(struct watch *w, struct worker *k)
{
	const uint64_t sends = (1ULL << S_SENDFILE) - 1, recvs = (1ULL << R_SPLICE) - 1;
	struct chaos_ways all = possible(backend_used(w)), plain = all;

	/* Those with a buffer of the program. */
	plain.on_tcp[0] &= sends;
	plain.on_tcp[1] &= recvs;
	plain.on_unix[0] &= sends;
	plain.on_unix[1] &= recvs;
	if (!seed)
		seed = (uint64_t)time(NULL);
	printf("# --seed %llu\n", (unsigned long long)seed);
	k->idle = watch_take;
	k->idle_arg = w;
	every_power(w, k);
	unmapped(w, k);
	rounds(w, k, "system calls with buffers", &plain, quick ? 2 : 5);
	rounds(w, k, "every way mixed", &all, quick ? 2 : 5);
	k->idle = NULL;
	check(watch_skips_right(w), "runs that the kernel skipped are counted (%llu of all programs)",
	      (unsigned long long)watch_misses(w, false));
}
