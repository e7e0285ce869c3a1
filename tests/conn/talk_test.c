/* SPDX-License-Identifier: Apache-2.0 */
/* What no protocol reads: its one flow, what is kept of it, and what the kernel is told. */
#include "test.h"
#include "world.h"

#include <stdlib.h>

#define FIRST 4096u

static struct world w;
static unsigned asked;
static uint64_t skipped[2];
static char sent[2][65536]; /* first bytes of the last write, by "from the server" */
static size_t nsent[2];
static flow_fn keep_flow;

static void on_totals(void *ctx, uint64_t cookie)
{
	(void)ctx;
	asked += cookie == 1;
}

static void on_skip(void *ctx, uint64_t cookie, enum ev_dir dir, bool plain, uint64_t to)
{
	(void)ctx;
	(void)cookie;
	if (plain)
		skipped[dir] = to;
}

static void on_flow(void *ctx, const struct flow *f)
{
	struct slice s[2] = { f->req.body.data, f->resp.body.data };

	for (int i = 0; i < 2; i++) {
		assert_true(s[i].n <= FIRST);
		assert_int_equal(s[i].n, i ? f->resp.body.captured : f->req.body.captured);
		nsent[i] = s[i].n;
		if (s[i].n)
			memcpy(sent[i], s[i].p, s[i].n);
	}
	keep_flow(ctx, f);
}

static int begin(void **state)
{
	(void)state;
	world_begin(&w);
	w.named = false;
	keep_flow = w.hooks.flow;
	w.hooks.flow = on_flow;
	w.hooks.totals = on_totals;
	w.hooks.skip = on_skip;
	asked = 0;
	skipped[0] = skipped[1] = 0;
	world_start(&w);
	return 0;
}

static int end(void **state)
{
	(void)state;
	world_end(&w);
	return 0;
}

static void many(uint64_t cookie, enum ev_dir dir, uint64_t off, size_t n, uint8_t tls)
{
	char *p = malloc(n);

	assert_non_null(p);
	for (size_t i = 0; i < n; i++)
		p[i] = (char)('A' + (off + i) % 23 + (dir == EV_READ ? 1 : 0));
	p[0] = off ? p[0] : '!';
	world_bytes(&w, cookie, dir, off, (struct slice){ (uint8_t *)p, n }, (uint32_t)n, tls);
	free(p);
}

static void its_first_bytes_and_all_its_counts_are_shown(void **state)
{
	const struct world_flow *f = &w.flows[0];

	(void)state;
	world_open(&w, world_client(1));
	world_data(&w, 1, EV_READ, 0, "220 hello\r\n");
	world_data(&w, 1, EV_WRITE, 0, "EHLO me\r\n");
	world_wait(&w, 200 * MS);
	assert_int_equal(w.n, 1);
	assert_int_equal(f->state, FLOW_OPEN);
	assert_string_equal(f->proto, "tcp");
	assert_string_equal(f->request, "10.0.0.2:80");
	world_data(&w, 1, EV_READ, 11, "250 me\r\n");
	world_wait(&w, 3 * SECOND);
	assert_int_equal(f->resp_len, 19); /* while it is open */
	assert_int_equal(f->req_len, 9);
	world_data(&w, 1, EV_WRITE, 9, "QUIT\r\n");
	world_close(&w, 1, EV_END_ALL, 19, 15);
	assert_string_equal(world_text(&w), "10.0.0.2:80>unknown done\n");
	assert_int_equal(f->req_len, 15);
	assert_int_equal(nsent[0], 15);
	assert_memory_equal(sent[0], "EHLO me\r\nQUIT\r\n", 15);
	assert_memory_equal(sent[1], "220 hello\r\n250 me\r\n", 19);
	assert_false(world_told(&w, 1)); /* nothing to save */
	assert_int_equal(conn_table_stats(w.t)->unknown_conns, 1);
	assert_int_equal(conn_table_stats(w.t)->conns, 0);
	assert_int_equal(conn_table_stats(w.t)->bytes_held, 0);
}

static void a_long_one_is_counted_without_being_copied(void **state)
{
	const struct world_flow *f = &w.flows[0];

	(void)state;
	world_open(&w, world_client(1));
	many(1, EV_WRITE, 0, 3000, 0);
	many(1, EV_READ, 0, 6000, 0);
	assert_false(world_told(&w, 1));
	many(1, EV_WRITE, 3000, 5000, 0);
	assert_true(world_told(&w, 1)); /* both have their first 4 KiB */
	assert_true(conn_table_stats(w.t)->bytes_held < 12000);
	world_wait(&w, 2 * SECOND);
	assert_true(asked > 0);
	world_close(&w, 1, 0, 5000000, 7000000); /* the kernel's answer */
	world_wait(&w, 5 * SECOND);
	assert_int_equal(f->state, FLOW_OPEN);
	assert_int_equal(f->req_len, 7000000);
	assert_int_equal(f->resp_len, 5000000);
	assert_int_equal(nsent[0], FIRST);
	asked = 0;
	world_wait(&w, 100 * SECOND);
	assert_in_range(asked, 5, 9); /* ever less often */
	world_close(&w, 1, EV_END_ALL, 5000001, 7000002);
	world_wait(&w, SECOND);
	assert_int_equal(f->state, FLOW_DONE);
	assert_int_equal(f->req_len, 7000002);
	assert_int_equal(f->resp_len, 5000001);
	assert_int_equal(nsent[1], FIRST);
	assert_int_equal(sent[1][4095], 'A' + 4095 % 23 + 1);
	assert_int_equal(conn_table_stats(w.t)->gap_bytes, 0);
}

/* A log shipper: it is not acknowledged, ever. */
static void one_direction_is_enough(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	world_data(&w, 1, EV_WRITE, 0, "<13>a line");
	world_wait(&w, 2 * SECOND);
	assert_int_equal(w.n, 0); /* an answer might tell */
	world_wait(&w, 10 * SECOND);
	assert_int_equal(w.n, 1);
	assert_int_equal(w.flows[0].req_len, 10);
	world_close(&w, 1, EV_END_ALL | EV_END_RESET, 0, 10);
	assert_string_equal(world_text(&w), "10.0.0.2:80>unknown reset\n");
}

static void a_hole_is_counted_and_ends_what_is_kept(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	world_data(&w, 1, EV_WRITE, 0, "!abc");
	world_data(&w, 1, EV_READ, 0, "!abc");
	world_data(&w, 1, EV_WRITE, 104, "def");
	world_wait(&w, SECOND);
	world_close(&w, 1, EV_END_ALL, 4, 107);
	world_wait(&w, SECOND);
	assert_int_equal(w.flows[0].req_len, 107);
	assert_int_equal(nsent[0], 4);
	assert_string_equal(world_text(&w), "10.0.0.2:80>unknown done after_gap\n");
}

static void plaintext_that_nobody_knows_is_shown_with_its_tls(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	many(1, EV_WRITE, 0, 9000, 1);
	many(1, EV_READ, 0, 9000, 1);
	/* Plaintext is searched for a message: what the probe saw first may not be the first. */
	for (uint64_t i = 1; i < 130; i++) {
		many(1, EV_WRITE, i * 9000, 9000, 1);
		many(1, EV_READ, i * 9000, 9000, 1);
	}
	assert_true(skipped[EV_READ] == UINT64_MAX && skipped[EV_WRITE] == UINT64_MAX);
	world_close_tls(&w, 1, 0, 0, 2000000, 3000000);
	world_wait(&w, SECOND);
	assert_int_equal(w.n, 1);
	assert_string_equal(w.flows[0].proto, "tcp");
	assert_true(w.flows[0].tls);
	assert_int_equal(w.flows[0].req_len, 3000000);
	assert_int_equal(w.flows[0].resp_len, 2000000);
	assert_int_equal(nsent[0], FIRST);
	assert_int_equal(sent[0][0], '!');
}

/* SMTP's STARTTLS: what was said before it is one flow, the TLS behind it another. */
static void tls_that_begins_later_is_recognised(void **state)
{
	static const struct slice hello = SLICE_LIT(
		"\x16\x03\x01\x00\x39\x01\x00\x00\x35\x03\x03"
		"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
		"\x00\x00\x02\x13\x01\x01\x00\x00\x0a\x00\x00\x00\x06\x00\x04\x00\x00\x01m");

	(void)state;
	world_open(&w, world_client(1));
	world_data(&w, 1, EV_READ, 0, "220 hello\r\n");
	world_data(&w, 1, EV_WRITE, 0, "STARTTLS\r\n");
	world_data(&w, 1, EV_READ, 11, "220 go ahead\r\n");
	world_bytes(&w, 1, EV_WRITE, 10, hello, (uint32_t)hello.n, 0);
	assert_string_equal(world_text(&w), "10.0.0.2:80>unknown done\n");
	assert_int_equal(w.flows[0].req_len, 10);
	assert_int_equal(w.flows[0].resp_len, 25);
	world_plain(&w, 1, EV_WRITE, 0, "Qa:0\n");
	world_plain(&w, 1, EV_READ, 0, "Aa:0\n");
	assert_int_equal(w.n, 2);
	assert_string_equal(w.flows[1].answer, "a");
	assert_true(w.flows[1].tls);
}

static void two_ends_are_one_conversation(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	world_open(&w, world_server(1));
	world_data(&w, 1, EV_WRITE, 0, "!hello");
	world_data(&w, 2, EV_READ, 0, "!hello");
	world_data(&w, 2, EV_WRITE, 0, "!you");
	world_data(&w, 1, EV_READ, 0, "!you");
	world_wait(&w, SECOND);
	world_close(&w, 2, EV_END_ALL, 6, 4);
	world_close(&w, 1, EV_END_ALL, 4, 6);
	world_wait(&w, 3 * SECOND);
	assert_string_equal(world_text(&w), "10.0.0.2:80>unknown done\n");
	assert_int_equal(w.flows[0].seen_by, FLOW_SEEN_CLIENT | FLOW_SEEN_SERVER);
	assert_string_equal(w.flows[0].client, "p11@?");
	assert_int_equal(conn_table_stats(w.t)->unknown_conns, 1);
}

/* A pool's connection, silent for an hour, is not forgotten. */
static void counts_go_on_after_a_long_silence(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	world_data(&w, 1, EV_WRITE, 0, "!abc");
	world_data(&w, 1, EV_READ, 0, "!abcd");
	world_wait(&w, 3600 * SECOND);
	world_data(&w, 1, EV_WRITE, 4, "efg");
	world_close(&w, 1, EV_END_ALL, 5, 7);
	world_wait(&w, SECOND);
	assert_string_equal(world_text(&w), "10.0.0.2:80>unknown done\n");
	assert_int_equal(w.flows[0].req_len, 7);
	assert_int_equal(w.flows[0].resp_len, 5);
}

static void a_connection_without_bytes_is_none(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	world_wait(&w, 60 * SECOND);
	world_close(&w, 1, EV_END_ALL, 0, 0);
	assert_int_equal(w.n, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(its_first_bytes_and_all_its_counts_are_shown),
		T(a_long_one_is_counted_without_being_copied),
		T(one_direction_is_enough),
		T(a_hole_is_counted_and_ends_what_is_kept),
		T(plaintext_that_nobody_knows_is_shown_with_its_tls),
		T(tls_that_begins_later_is_recognised),
		T(two_ends_are_one_conversation),
		T(counts_go_on_after_a_long_silence),
		T(a_connection_without_bytes_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
