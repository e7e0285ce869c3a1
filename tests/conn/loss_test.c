/* SPDX-License-Identifier: Apache-2.0 */
/* Conversations made up at random, delivered in every way a kernel may: cut, late, twice, not at all, and
 * with memory running out.  Late and cut: the same flows.  Lost: flows are missing or flagged, and an
 * answer is never given to another request. */
#include "test.h"

#include "alloc.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_CHUNKS 256

struct chunk {
	enum ev_dir dir;
	uint64_t off, ts_ns;
	char text[64];
};

struct talk {
	struct chunk chunks[MAX_CHUNKS];
	size_t n;
	uint64_t total[2];
	uint64_t ts_ns;
};

static void say(struct talk *t, enum ev_dir dir, const char *text)
{
	struct chunk *c = &t->chunks[t->n++];

	c->dir = dir;
	c->off = t->total[dir];
	c->ts_ns = t->ts_ns += 1000;
	(void)snprintf(c->text, sizeof(c->text), "%s", text);
	t->total[dir] += strlen(text);
}

static void message(struct talk *t, enum ev_dir dir, char type, unsigned name)
{
	char text[64];
	unsigned len = (unsigned)rand() % 12;

	(void)snprintf(text, sizeof(text), "%c%u:%u\n%.*s", type, name, len, (int)len,
		       "xxxxxxxxxxxx");
	say(t, dir, text);
}

/* The client's view of n exchanges, of which up to window are under way at once. */
static void converse(struct talk *t, unsigned n, unsigned window)
{
	unsigned asked = 0, answered = 0;

	*t = (struct talk){ .ts_ns = 1000 * SECOND };
	while (answered < n) {
		bool ask =
			asked < n && asked - answered < window && (asked == answered || rand() % 2);

		if (ask)
			message(t, EV_WRITE, 'Q', asked++);
		else
			message(t, EV_READ, 'A', answered++);
	}
}

static void deliver(struct world *w, uint64_t cookie, const struct chunk *c)
{
	enum ev_dir dir = cookie == 1 ? c->dir : (enum ev_dir) !c->dir;

	w->now = c->ts_ns > w->now ? c->ts_ns : w->now;
	w->early = w->now + 1000 - c->ts_ns;
	world_data(w, cookie, dir, c->off, c->text);
}

static void end(struct world *w, const struct talk *t)
{
	world_close(w, 1, EV_END_ALL, t->total[EV_READ], t->total[EV_WRITE]);
	world_wait(w, SECOND);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The flows in the order of their text, in ret. */
static void sorted(struct world *w, char *ret, size_t size)
{
	char *lines[600], *text = (char *)(uintptr_t)world_text(w);
	size_t n = 0, used = 0;

	for (char *line = strtok(text, "\n"); line && n < 600; line = strtok(NULL, "\n"))
		lines[n++] = line;
	qsort(lines, n, sizeof(lines[0]), by_text);
	ret[0] = '\0';
	for (size_t i = 0; i < n && used < size - 1; i++)
		used += (size_t)snprintf(ret + used, size - used, "%s\n", lines[i]);
}

static struct world w;
static char want[65536], got[65536];

static void expectation(const struct talk *t)
{
	world_begin(&w);
	w.named = false;
	world_start(&w);
	world_open(&w, world_client(1));
	for (size_t i = 0; i < t->n; i++)
		deliver(&w, 1, &t->chunks[i]);
	end(&w, t);
	sorted(&w, want, sizeof(want));
	world_end(&w);
}

static void never_paired_wrongly(void)
{
	for (size_t i = 0; i < w.n; i++) {
		const struct world_flow *f = &w.flows[i];

		if (strcmp(f->proto, "tcp") == 0)
			continue; /* what is left is no message */
		if (f->has_req && f->has_resp && *f->request && *f->answer)
			assert_string_equal(f->request, f->answer);
		if (f->state != FLOW_DONE || !f->has_req || !f->has_resp)
			assert_int_not_equal(f->flags, 0);
		assert_int_not_equal(f->state, FLOW_OPEN);
	}
}

/* --- nothing is lost: nothing may change ------------------------------------------------------ */

static struct talk cut(const struct talk *t)
{
	struct talk r = { .total = { t->total[0], t->total[1] } };

	for (size_t i = 0; i < t->n; i++) {
		const struct chunk *c = &t->chunks[i];
		size_t len = strlen(c->text);

		for (size_t at = 0, n; at < len; at += n) {
			struct chunk *to = &r.chunks[r.n];

			n = r.n > MAX_CHUNKS - 100 ? len - at : 1 + (size_t)rand() % (len - at);
			*to = (struct chunk){ c->dir, c->off + at, c->ts_ns, "" };
			(void)snprintf(to->text, sizeof(to->text), "%.*s", (int)n, c->text + at);
			r.n++;
		}
	}
	return r;
}

/* Neighbours change places, as records of two processors may. */
static void disorder(struct talk *t)
{
	for (size_t i = 0; i + 1 < t->n; i++) {
		struct chunk c = t->chunks[i];

		if (rand() % 3)
			continue;
		t->chunks[i] = t->chunks[i + 1];
		t->chunks[i + 1] = c;
	}
}

static void cut_late_and_twice_changes_nothing(void **state)
{
	(void)state;
	srand(11);
	for (int round = 0; round < 400; round++) {
		static struct talk t, r;

		converse(&t, 1 + (unsigned)rand() % 12, round % 2 ? 1 : 4);
		expectation(&t);
		r = cut(&t);
		disorder(&r);
		world_begin(&w);
		w.named = false;
		world_start(&w);
		world_open(&w, world_client(1));
		for (size_t i = 0; i < r.n; i++) {
			deliver(&w, 1, &r.chunks[i]);
			if (rand() % 4 == 0)
				deliver(&w, 1, &r.chunks[(size_t)rand() % (i + 1)]);
		}
		end(&w, &t);
		sorted(&w, got, sizeof(got));
		assert_string_equal(got, want);
		assert_int_equal(conn_table_stats(w.t)->gaps, 0);
		assert_int_equal(conn_table_stats(w.t)->bytes_held, 0);
		world_end(&w);
	}
}

static void both_ends_in_any_order_give_each_flow_once(void **state)
{
	(void)state;
	srand(12);
	for (int round = 0; round < 200; round++) {
		static struct talk t;
		size_t at[2] = { 0, 0 };

		converse(&t, 1 + (unsigned)rand() % 8, round % 2 ? 1 : 3);
		expectation(&t);
		world_begin(&w);
		w.named = false;
		world_start(&w);
		world_open(&w, world_client(1));
		world_open(&w, world_server(1));
		while (at[0] < t.n || at[1] < t.n) {
			size_t end_no = at[0] == t.n ? 1 : at[1] == t.n ? 0 : (size_t)rand() % 2;

			/* neither end is ahead of the other by more than the kernel buffers */
			if (at[end_no] > at[!end_no] + 2 && at[!end_no] < t.n)
				end_no = !end_no;
			deliver(&w, 1 + end_no, &t.chunks[at[end_no]++]);
		}
		world_close(&w, 2, EV_END_ALL, t.total[EV_WRITE], t.total[EV_READ]);
		end(&w, &t);
		sorted(&w, got, sizeof(got));
		assert_string_equal(got, want);
		world_end(&w);
	}
}

/* --- something is lost ---------------------------------------------------------------------- */

/* The first `safe` chunks come. */
static void lose(const struct talk *t, size_t safe, unsigned one_in, bool known)
{
	uint64_t lost = 0;

	world_begin(&w);
	w.named = false;
	world_start(&w);
	world_open(&w, world_client(1));
	for (size_t i = 0; i < t->n; i++) {
		const struct chunk *c = &t->chunks[i];

		if (i >= safe && (unsigned)rand() % one_in == 0) {
			lost += strlen(c->text);
			if (known)
				world_bytes(&w, 1, c->dir, c->off, (struct slice){ 0 },
					    (uint32_t)strlen(c->text), 0);
			continue;
		}
		deliver(&w, 1, c);
		if (rand() % 10 == 0)
			world_wait(&w, 300 * MS);
	}
	end(&w, t);
	never_paired_wrongly();
	assert_int_equal(conn_table_stats(w.t)->gap_bytes, lost);
	world_end(&w);
}

/* A connection that pipelines has to be seen doing so once: off by one from its first request on, it
 * could not be told from one that does not. */
static void loss_never_pairs_wrongly(void **state)
{
	(void)state;
	srand(13);
	for (int round = 0; round < 3000; round++) {
		static struct talk t, r;
		size_t safe = 0;

		converse(&t, 1 + (unsigned)rand() % 15, round % 3 ? 1 : 4);
		while (round % 3 == 0 && safe < t.n &&
		       !(safe > 1 && t.chunks[safe].dir == EV_READ &&
			 t.chunks[safe - 1].dir == EV_WRITE && t.chunks[safe - 2].dir == EV_WRITE))
			safe++;
		safe += round % 3 == 0;
		if (round % 2 && safe == 0) {
			r = cut(&t);
			r.ts_ns = t.ts_ns;
			t = r;
		}
		for (size_t i = 0; i < t.n; i++) /* time does not stand still after a wait */
			t.chunks[i].ts_ns += i * 400 * MS;
		lose(&t, safe, 2 + (unsigned)rand() % 20, round % 5 == 0);
	}
}

/* Sequential exchanges pair again after a loss, soon. */
static void after_a_loss_pairing_begins_again(void **state)
{
	(void)state;
	srand(14);
	for (size_t drop = 0; drop < 40; drop++) {
		static struct talk t;
		size_t whole = 0;

		converse(&t, 20, 1);
		world_begin(&w);
		w.named = false;
		world_start(&w);
		world_open(&w, world_client(1));
		for (size_t i = 0; i < t.n; i++) {
			t.chunks[i].ts_ns += i * 400 * MS;
			if (i != drop)
				deliver(&w, 1, &t.chunks[i]);
			world_wait(&w, 300 * MS);
		}
		end(&w, &t);
		for (size_t i = 0; i < w.n; i++)
			whole += w.flows[i].has_req && w.flows[i].has_resp &&
				 w.flows[i].state == FLOW_DONE;
		assert_true(whole >= 17);
		never_paired_wrongly();
		world_end(&w);
	}
}

/* --- memory runs out ------------------------------------------------------------------------ */

static bool starved(const struct talk *t, size_t fail, size_t times)
{
	bool refused;

	world_begin(&w);
	w.named = true;
	world_start(&w);
	assert_non_null(w.t);
	alloc_fail(fail, times);
	world_open(&w, world_client(1));
	world_open(&w, world_server(1));
	for (size_t i = 0; i < t->n; i++) {
		deliver(&w, 1, &t->chunks[i]);
		deliver(&w, 2, &t->chunks[i]);
		world_plain(&w, 1, EV_WRITE, 5 * i, "K1:1\n");
	}
	refused = alloc_refused();
	end(&w, t);
	world_wait(&w, 130 * SECOND);
	for (size_t i = 0; i < w.n; i++)
		if (w.flows[i].has_req && w.flows[i].has_resp && *w.flows[i].request &&
		    *w.flows[i].answer)
			assert_string_equal(w.flows[i].request, w.flows[i].answer);
	world_end(&w);
	return refused;
}

static void each_allocation_may_fail(void **state)
{
	static struct talk t;
	size_t fail = 0;

	(void)state;
	srand(15);
	converse(&t, 4, 2);
	while (starved(&t, fail, 1))
		fail++;
	assert_true(fail > 20);
	for (size_t n = 0; n < fail; n += 3)
		(void)starved(&t, n, 7);
	(void)starved(&t, 0, 100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cut_late_and_twice_changes_nothing),
		cmocka_unit_test(both_ends_in_any_order_give_each_flow_once),
		cmocka_unit_test(loss_never_pairs_wrongly),
		cmocka_unit_test(after_a_loss_pairing_begins_again),
		cmocka_unit_test(each_allocation_may_fail),
	};

	return cmocka_run_group_tests_name("loss", tests, NULL, NULL);
}
