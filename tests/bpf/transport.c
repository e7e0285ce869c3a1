/* SPDX-License-Identifier: Apache-2.0 */
/* From the programs to the reader: several rings, full rings, what is left out on request, wake-ups.  Whatever is
 * missing must have been told, with its reason, and the counters must say the same. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "dgram.h"
#include "tap/ends.h"

#define CONNS 12

static const enum ev_loss loss_of[EV_WHY_MAX] = {
	[EV_WHY_NO_BUFFER] = EV_LOSS_NO_BUFFER, [EV_WHY_FAULT] = EV_LOSS_FAULT_BYTES,
	[EV_WHY_UNSEEN] = EV_LOSS_UNSEEN_BYTES, [EV_WHY_BUDGET] = EV_LOSS_BUDGET_BYTES,
	[EV_WHY_SHED] = EV_LOSS_SHED_BYTES,	[EV_WHY_RING] = EV_LOSS_RING_BYTES,
};

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static struct worker open_worker(struct watch *w)
{
	struct worker k;

	start(&k, 0);
	tap_bpf_rule_tgid(w->bpf, (uint32_t)k.pid, EV_RULE_INCLUDE);
	return k;
}

/* --- every missing byte is told ---------------------------------------------------------------------- */

/* Of all ends that were seen: what records told as missing, by reason, and whether positions add up. */
static bool sum_up(const struct watch *w, uint64_t sums[EV_WHY_MAX])
{
	bool ok = w->n > 0;

	memset(sums, 0, EV_WHY_MAX * sizeof(*sums));
	for (unsigned i = 0; i < w->n; i++) {
		const struct end *e = &w->ends[i];

		ok = ok && !e->wrong && (e->how & EV_END_ALL);
		for (int d = 0; d < 2; d++) {
			ok = ok && e->next[d] == e->total[d] &&
			     e->captured[d] + e->holes[d] == e->total[d];
			for (int why = 0; why < EV_WHY_MAX; why++)
				sums[why] += e->why[d][why];
		}
	}
	return ok;
}

static void equal(const struct watch *w, const char *what, bool complete)
{
	uint64_t loss[EV_LOSS_MAX] = { 0 }, sums[EV_WHY_MAX];
	bool ok = sum_up(w, sums) && sums[EV_WHY_NONE] == 0 && complete;

	tap_bpf_losses(w->bpf, loss);
	for (int why = 1; why < EV_WHY_MAX; why++)
		ok = ok && sums[why] == loss[loss_of[why]];
	if (check(ok && !loss[EV_LOSS_UNTOLD] && !loss[EV_LOSS_UNTOLD_BYTES], "%s", what))
		return;
	for (unsigned i = 0; i < w->n; i++)
		explain(w->ends[i].side == EV_CLIENT ? "client" : "server", &w->ends[i]);
	for (int why = 0; why < EV_WHY_MAX; why++)
		printf("# why %d: records say %" PRIu64 ", counter %" PRIu64 "\n", why, sums[why],
		       why ? loss[loss_of[why]] : 0);
	printf("# untold %" PRIu64 " records %" PRIu64 " bytes; refused %" PRIu64 "\n",
	       loss[EV_LOSS_UNTOLD], loss[EV_LOSS_UNTOLD_BYTES], loss[EV_LOSS_RING]);
}

static bool all_gone(const struct watch *w, const void *arg)
{
	unsigned gone = 0;

	for (unsigned i = 0; i < w->n; i++)
		gone += (w->ends[i].how & EV_END_ALL) != 0;
	return gone >= *(const unsigned *)arg;
}

/* Bodies give way first: one that comes while a ring is nearly full loses its end, not its beginning. */
static void shed(struct watch *w)
{
	const unsigned both = 2;
	struct worker k = open_worker(w);
	uint64_t sums[EV_WHY_MAX];

	order(&k, T_OPEN, F_V4);
	for (int i = 0; i < 8; i++)
		move(&k, 0, S_WRITE, R_READ, 64 << 10);
	order(&k, T_CLOSE, 0);
	watch_until(w, all_gone, &both);
	sum_up(w, sums);
	check(sums[EV_WHY_SHED] > 0,
	      "a ring that fills up gets the beginnings of calls: %" PRIu64 " bytes left out",
	      sums[EV_WHY_SHED]);
	equal(w, "what was left out is told, and counted the same", w->n == both);
	worker_stop(&k);
	watch_forget(w);
}

/* Nobody reads.  Connections come and go unheard; then the reader comes back. */
static void refused(struct watch *w)
{
	const unsigned ends = 2 * CONNS;
	struct worker k = open_worker(w);
	uint64_t loss[EV_LOSS_MAX] = { 0 };

	for (unsigned i = 0; i < CONNS; i++) {
		order(&k, T_OPEN, i % F_FAMILIES);
		for (int j = 0; j < 50; j++) {
			move(&k, 0, S_WRITE, R_READ, 500);
			move(&k, 1, S_WRITEV, R_READV, 700);
		}
		order(&k, T_CLOSE, 0);
	}
	tap_bpf_losses(w->bpf, loss);
	check(loss[EV_LOSS_RING] > 0 && loss[EV_LOSS_RING_BYTES] > 0,
	      "a full ring refuses, and counts: %" PRIu64 " records, %" PRIu64 " bytes",
	      loss[EV_LOSS_RING], loss[EV_LOSS_RING_BYTES]);
	watch_until(w, all_gone, &ends);
	equal(w, "connections that came and went while the ring was full are told, with every byte",
	      w->n == ends);
	worker_stop(&k);
	watch_forget(w);
}

/* One that is alive and says nothing more: user space has to ask. */
static void silent(struct watch *w)
{
	struct worker k = open_worker(w);
	struct reply r = order(&k, T_OPEN, F_V4);
	uint64_t moved = 0;
	struct end *c;

	for (int j = 0; j < 400; j++) {
		move(&k, 0, S_WRITE, R_READ, 1000);
		moved += 1000;
	}
	check(watch_moved(w, r.cport, r.sport, moved, 0),
	      "what a full ring refused is told though nothing follows");
	move(&k, 0, S_WRITE, R_READ, 1000);
	watch_moved(w, r.cport, r.sport, moved + 1000, 0);
	c = watch_end(w, r.cport, r.sport);
	if (!check(c && c->why[EV_WRITE][EV_WHY_RING] > 0 &&
			   c->captured[EV_WRITE] + c->why[EV_WRITE][EV_WHY_RING] == moved + 1000,
		   "and what comes then is captured again"))
		explain("client", c);
	order(&k, T_CLOSE, 0);
	worker_stop(&k);
	watch_forget(w);
}

/* No call ends a socket of datagrams: what was refused comes by the next one, or because user space asks. */
static void datagrams(struct watch *w)
{
	struct losses before = losses_now(w);
	struct worker k = open_worker(w);
	uint64_t loss[EV_LOSS_MAX] = { 0 };
	struct ends e = { 0 };
	struct reply at = { 0 }, r;
	const uint64_t n = 600, size = 1000;
	struct end *c, *s;
	bool ok;

	ends_udp(&e, "all");
	tap_bpf_set_ends(w->bpf, &e);
	ok = !worker_do(&k, (struct order){ .what = T_DGRAM_OPEN, .a = F_V4, .b = D_SEND }, &at);
	for (uint64_t i = 0; ok && i < n; i++)
		ok = !worker_do(&k, (struct order){ .what = T_DGRAM, .b = D_SEND, .n = size }, &r);
	tap_bpf_losses(w->bpf, loss);
	ok = watch_moved(w, at.cport, at.sport, n * size, 0) && ok;
	c = watch_end(w, at.cport, at.sport);
	s = watch_end(w, at.sport, at.cport);
	ok = ok && c && s && !c->wrong && !s->wrong && loss[EV_LOSS_RING_BYTES] > 0 &&
	     c->captured[EV_WRITE] + c->why[EV_WRITE][EV_WHY_RING] == n * size &&
	     s->captured[EV_READ] + s->why[EV_READ][EV_WHY_RING] == n * size;
	if (!check(ok && losses_agree(w, &before),
		   "datagrams that a full ring refused are told: %" PRIu64 " bytes",
		   loss[EV_LOSS_RING_BYTES])) {
		explain("client", c);
		explain("server", s);
	}
	worker_stop(&k);
	watch_forget(w);
}

void overload(struct watch *w)
{
	static void (*const parts[])(struct watch * w) = { shed, refused, silent, datagrams };

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		if (only_tcp && parts[i] == datagrams)
			continue;
		if (!load(w, 256 << 10))
			return;
		parts[i](w);
		watch_release(w);
	}
}

/* --- several rings ------------------------------------------------------------------------------------- */

static void several(struct watch *w, struct worker *k)
{
	const unsigned ends = 2 * CONNS;
	const int *fds;
	unsigned n = tap_bpf_events_maps(w->bpf, &fds);
	struct losses before = losses_now(w);
	uint64_t sums[EV_WHY_MAX];
	struct worker more[CONNS];
	bool ok;

	(void)k;
	for (int i = 0; i < CONNS; i++) {
		more[i] = open_worker(w);
		order(&more[i], T_OPEN, F_V4);
	}
	for (int j = 0; j < (quick ? 5 : 20); j++)
		for (int i = 0; i < CONNS; i++) {
			move(&more[i], 0, S_WRITE, R_READ, 3000);
			move(&more[i], 1, S_WRITE, R_READ, 20000);
		}
	for (int i = 0; i < CONNS; i++)
		order(&more[i], T_CLOSE, 0);
	watch_until(w, all_gone, &ends);
	printf("# %u rings\n", n);
	ok = losses_agree(w, &before);
	ok = sum_up(w, sums) && sums[EV_WHY_NONE] == 0 && w->n == ends && ok;
	check(ok, "with several rings, every connection's bytes are in order");
	for (int i = 0; i < CONNS; i++)
		worker_stop(&more[i]);
	watch_forget(w);
}

/* --- what is left out on request ------------------------------------------------------------------------ */

static void skipped(struct watch *w, struct worker *k)
{
	struct reply r = order(k, T_OPEN, F_V4);
	struct end *c;

	move(k, 0, S_WRITE, R_READ, 1000);
	watch_moved(w, r.cport, r.sport, 1000, 0);
	c = watch_end(w, r.cport, r.sport);
	check(c && tap_bpf_skip(w->bpf, c->cookie, EV_WRITE, false, 61000) == 0,
	      "bytes up to a position can be left out");
	for (int i = 0; i < 6; i++)
		move(k, 0, S_WRITE, R_READ, 10000);
	check(watch_moved(w, r.cport, r.sport, 61000, 0), "their end is told at once");
	move(k, 0, S_WRITE, R_READ, 500);
	move(k, 1, S_WRITE, R_READ, 500);
	watch_moved(w, r.cport, r.sport, 61500, 500);
	c = watch_end(w, r.cport, r.sport);
	if (!check(c && c->captured[EV_WRITE] == 1500 && c->captured[EV_READ] == 500 &&
			   c->why[EV_WRITE][EV_WHY_BUDGET] == 60000 && !c->wrong,
		   "all of them are left out, and nothing else"))
		explain("client", c);
	/* Not up to its end: the next byte that is wanted says how many went by. */
	if (c)
		tap_bpf_skip(w->bpf, c->cookie, EV_WRITE, false, 80000);
	move(k, 0, S_WRITE, R_READ, 10000);
	move(k, 0, S_WRITE, R_READ, 20000);
	order(k, T_CLOSE, 0);
	watch_gone(w, r.cport, r.sport);
	c = watch_end(w, r.cport, r.sport);
	if (!check(c && c->captured[EV_WRITE] == 21500 &&
			   c->why[EV_WRITE][EV_WHY_BUDGET] == 70000 &&
			   c->total[EV_WRITE] == 91500 && !c->wrong,
		   "a call that goes beyond the position is copied whole"))
		explain("client", c);
	check(tap_bpf_skip(w->bpf, 1234567890123, EV_READ, true, 1) == -ENOENT,
	      "an unknown connection has nothing to leave out");
	watch_forget(w);
}

/* Each direction has a budget of its own; a call that crosses its end is cut there. */
static void budget(struct watch *w, struct worker *k)
{
	struct losses before = losses_now(w);
	struct reply r;
	struct end *c, *s;

	tap_bpf_set_budget(w->bpf, 10000);
	r = order(k, T_OPEN, F_V4);
	move(k, 0, S_WRITE, R_READ, 8000);
	move(k, 0, S_WRITEV, R_READV, 8000);
	move(k, 1, S_WRITE, R_READ, 10000);
	for (int i = 0; i < 3; i++)
		move(k, 0, S_SENDMSG, R_RECVMSG, 50000);
	check(watch_moved(w, r.cport, r.sport, 166000, 10000),
	      "what is over the budget is told though nothing follows");
	c = watch_end(w, r.cport, r.sport);
	s = watch_end(w, r.sport, r.cport);
	if (!check(c && s && !c->wrong && !s->wrong && c->captured[EV_WRITE] == 10000 &&
			   s->captured[EV_READ] == 10000 &&
			   c->why[EV_WRITE][EV_WHY_BUDGET] == 156000 &&
			   s->why[EV_READ][EV_WHY_BUDGET] == 156000 &&
			   c->captured[EV_READ] == 10000 && s->captured[EV_WRITE] == 10000,
		   "of each direction as many bytes are copied as its budget has")) {
		explain("client", c);
		explain("server", s);
	}
	tap_bpf_set_budget(w->bpf, 0);
	move(k, 0, S_WRITE, R_READ, 500);
	order(k, T_CLOSE, 0);
	watch_gone(w, r.cport, r.sport);
	c = watch_end(w, r.cport, r.sport);
	check(c && c->captured[EV_WRITE] == 10500 && losses_agree(w, &before),
	      "without a budget it goes on; the counters say what the records told");
	watch_forget(w);
}

static void paused(struct watch *w, struct worker *k)
{
	struct ev_policy p = { .dflt = EV_DEFAULT_NONE };
	struct reply r = order(k, T_OPEN, F_V4);
	struct end *c;

	move(k, 0, S_WRITE, R_READ, 1000);
	p.paused = 1;
	tap_bpf_set_policy(w->bpf, &p);
	move(k, 0, S_WRITE, R_READ, 5000);
	p.paused = 0;
	tap_bpf_set_policy(w->bpf, &p);
	move(k, 0, S_WRITE, R_READ, 1000);
	order(k, T_CLOSE, 0);
	watch_gone(w, r.cport, r.sport);
	c = watch_end(w, r.cport, r.sport);
	if (!check(c && c->captured[EV_WRITE] == 2000 && c->why[EV_WRITE][EV_WHY_BUDGET] == 5000,
		   "what moves while capture is paused is told as not wanted"))
		explain("client", c);
	watch_forget(w);
}

/* --- when the reader is woken ----------------------------------------------------------------------------- */

static uint64_t newest_us;

static void newest(void *ctx, const struct ev_hdr *ev)
{
	(void)ctx;
	if (ev->kind == EV_DATA)
		newest_us = ev->ts_ns / 1000;
}

static int by_size(const void *a, const void *b)
{
	return (*(const uint64_t *)a > *(const uint64_t *)b) -
	       (*(const uint64_t *)a < *(const uint64_t *)b);
}

#define IDLE_RUNS 41

/* From a call to the reader's hands, when nothing happened for a while before.  Half of the runs have to be
 * within 5 ms: the machine may be busy. */
static void idle(struct watch *w, struct worker *k)
{
	uint64_t late[IDLE_RUNS];
	struct reply r;

	r = order(k, T_OPEN, F_V4);
	move(k, 0, S_WRITE, R_READ, 100);
	watch_moved(w, r.cport, r.sport, 100, 0);
	for (int i = 0; i < IDLE_RUNS; i++) {
		pid_t pid;

		usleep((useconds_t)(20000 + 5000 * (i % 9)));
		while (w->src->ops->poll(w->src, 0, newest, NULL) > 0)
			;
		newest_us = 0;
		pid = fork();
		if (pid == 0) {
			usleep(70000); /* longer than the reader expects more */
			move(k, 0, S_WRITE, R_READ, 100);
			_exit(0);
		}
		for (int tries = 0; !newest_us && tries < 20; tries++)
			w->src->ops->poll(w->src, 200, newest, NULL);
		late[i] = newest_us ? now_us() - newest_us : UINT64_MAX;
		if (pid > 0)
			waitpid(pid, NULL, 0);
	}
	qsort(late, IDLE_RUNS, sizeof(*late), by_size);
	check(late[IDLE_RUNS / 2] <= 5000,
	      "after a quiet time the reader has a record within 5 ms: median %" PRIu64
	      " us, p90 %" PRIu64 " us, most %" PRIu64 " us",
	      late[IDLE_RUNS / 2], late[IDLE_RUNS * 9 / 10], late[IDLE_RUNS - 1]);
	order(k, T_CLOSE, 0);
	watch_forget(w);
}

static void busy(struct watch *w, struct worker *k)
{
	uint64_t before[EV_LOSS_MAX] = { 0 }, after[EV_LOSS_MAX] = { 0 }, start_us = now_us(), ms,
		 woken;
	const int *fds;
	unsigned n = tap_bpf_events_maps(w->bpf, &fds);
	unsigned records = w->records;

	tap_bpf_losses(w->bpf, before);
	order(k, T_OPEN, F_V4);
	for (int i = 0; i < (quick ? 300 : 2000); i++) {
		move(k, 0, S_WRITE, R_READ, 9000);
		if (i % 50 == 0)
			watch_take(w);
	}
	order(k, T_CLOSE, 0);
	tap_bpf_losses(w->bpf, after);
	ms = (now_us() - start_us) / 1000 + 1;
	woken = after[EV_COUNT_WAKEUPS] - before[EV_COUNT_WAKEUPS];
	watch_take(w);
	check(woken > 0 && woken <= ms * n,
	      "under load there is no more than a wake-up a millisecond and ring: %" PRIu64
	      " in %" PRIu64 " ms, %u records, %u rings",
	      woken, ms, w->records - records, n);
	watch_forget(w);
}

void transport(struct watch *w, struct worker *k)
{
	several(w, k);
	skipped(w, k);
	budget(w, k);
	paused(w, k);
	busy(w, k);
	if (!quick)
		idle(w, k);
}
