/* SPDX-License-Identifier: Apache-2.0 */
/* Long bodies of which enough was kept, and where the bytes went that did not come. */
#include "test.h"

#include <stdio.h>

#include "world.h"

#define BODY	1000000u
#define REQUEST 30u
#define LIMIT	1000u
#define FIRST	5000u /* bytes of the body that come */

static struct world w;
static struct {
	uint64_t cookie, to;
	enum ev_dir dir;
	bool plain;
	unsigned n;
} asked;

static void on_skip(void *ctx, uint64_t cookie, enum ev_dir dir, bool plain, uint64_t to)
{
	(void)ctx;
	asked.cookie = cookie;
	asked.to = to;
	asked.dir = dir;
	asked.plain = plain;
	asked.n++;
}

static void begin(void)
{
	static const struct proto *protos[2];

	protos[0] = proto_find("http1");
	world_begin(&w);
	w.lim.msg.body_bytes = LIMIT;
	w.hooks.protos = protos;
	w.hooks.skip = on_skip;
	asked.n = 0;
	world_start(&w);
	world_open(&w, world_client(1));
	world_data(&w, 1, EV_WRITE, 0, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
}

static unsigned flags(size_t i)
{
	return w.flows[i].flags & ~(unsigned)FLOW_PEER_INFERRED;
}

static void lost(enum ev_dir dir, uint64_t off, uint32_t len, enum ev_why why)
{
	struct ev_data ev = { .h = { .size = sizeof(ev), .kind = EV_DATA, .cookie = 1 },
			      .off = off,
			      .len = len,
			      .dir = (uint8_t)dir,
			      .why = (uint8_t)why };

	w.now += 1000;
	ev.h.ts_ns = w.now;
	assert_int_equal(conn_table_event(w.t, &ev.h), 0);
}

/* The head and n bytes of the body; where the body begins. */
static uint64_t answer(const char *framing, unsigned n)
{
	static uint8_t body[FIRST];
	char head[200];
	uint64_t at = (uint64_t)snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\n%s\r\n", framing);

	world_data(&w, 1, EV_READ, 0, head);
	world_bytes(&w, 1, EV_READ, at, (struct slice){ body, n }, n, 0);
	return at;
}

static void next_exchange(uint64_t off)
{
	world_data(&w, 1, EV_WRITE, REQUEST, "GET /next HTTP/1.1\r\nHost: x\r\n\r\n");
	world_data(&w, 1, EV_READ, off, "HTTP/1.1 204 No Content\r\n\r\n");
	assert_int_equal(w.n, 2);
	assert_string_equal(w.flows[1].request, "/next");
	assert_int_equal(flags(1), 0);
}

static void rest_of_a_long_body_is_not_asked_for(void **state)
{
	uint64_t at;

	(void)state;
	begin();
	at = answer("Content-Length: 1000000\r\n", FIRST);
	assert_int_equal(asked.n, 1);
	assert_int_equal(asked.cookie, 1);
	assert_int_equal(asked.dir, EV_READ);
	assert_false(asked.plain);
	assert_int_equal(asked.to, at + BODY);
	lost(EV_READ, at + FIRST, 400000, EV_WHY_BUDGET);
	assert_int_equal(asked.n, 1); /* once is enough */
	lost(EV_READ, at + FIRST + 400000, BODY - FIRST - 400000, EV_WHY_BUDGET);
	assert_int_equal(w.n, 1);
	assert_int_equal(w.flows[0].state, FLOW_DONE);
	assert_int_equal(flags(0), FLOW_TRUNCATED);
	assert_int_equal(w.flows[0].resp_len, BODY);
	assert_true(w.flows[0].end_ns == w.now); /* when its last byte went by */
	assert_int_equal(conn_table_stats(w.t)->gap_bytes, 0);
	assert_int_equal(conn_table_stats(w.t)->missing[EV_WHY_BUDGET], BODY - FIRST);
	next_exchange(at + BODY);
	world_end(&w);
}

static void body_until_the_close_is_not_asked_for_to_its_end(void **state)
{
	uint64_t at;

	(void)state;
	begin();
	at = answer("", FIRST);
	assert_int_equal(asked.n, 1);
	assert_true(asked.to == UINT64_MAX);
	lost(EV_READ, at + FIRST, 70000, EV_WHY_BUDGET);
	world_close(&w, 1, EV_END_ALL, at + FIRST + 70000, REQUEST);
	assert_int_equal(w.n, 1);
	assert_int_equal(w.flows[0].state, FLOW_DONE);
	assert_int_equal(flags(0), FLOW_TRUNCATED);
	assert_int_equal(w.flows[0].resp_len, FIRST + 70000);
	world_end(&w);
}

static void short_rest_is_not_worth_asking(void **state)
{
	(void)state;
	begin();
	(void)answer("Content-Length: 60000\r\n", FIRST);
	assert_int_equal(asked.n, 0);
	world_end(&w);
}

static void loss_where_nothing_is_kept_is_no_gap(void **state)
{
	uint64_t at;

	(void)state;
	begin();
	at = answer("Content-Length: 1000000\r\n", FIRST);
	lost(EV_READ, at + FIRST, BODY - FIRST, EV_WHY_RING);
	assert_int_equal(flags(0), FLOW_TRUNCATED);
	assert_int_equal(conn_table_stats(w.t)->missing[EV_WHY_RING], BODY - FIRST);
	next_exchange(at + BODY);
	world_end(&w);
}

static void loss_of_what_would_be_kept_is_a_gap(void **state)
{
	uint64_t at;

	(void)state;
	begin();
	at = answer("Content-Length: 1000000\r\n", LIMIT / 2);
	assert_int_equal(asked.n, 0);
	lost(EV_READ, at + LIMIT / 2, BODY - LIMIT / 2, EV_WHY_SHED);
	assert_int_equal(flags(0), FLOW_AFTER_GAP);
	assert_int_equal(w.flows[0].resp_len, BODY);
	assert_int_equal(conn_table_stats(w.t)->gap_bytes, BODY - LIMIT / 2);
	assert_int_equal(conn_table_stats(w.t)->missing[EV_WHY_SHED], BODY - LIMIT / 2);
	next_exchange(at + BODY);
	world_end(&w);
}

static void hole_that_no_record_told_is_counted_apart(void **state)
{
	uint64_t at;

	(void)state;
	begin();
	at = answer("Content-Length: 1000000\r\n", 100);
	world_data(&w, 1, EV_READ, at + BODY, "HTTP/1.1 204 No Content\r\n\r\n");
	world_wait(&w, SECOND);
	assert_int_equal(conn_table_stats(w.t)->missing[EV_WHY_NONE], BODY - 100);
	assert_int_equal(conn_table_stats(w.t)->gap_bytes, BODY - 100);
	world_end(&w);
}

/* --- a budget of the connection: the kernel stops copying by itself --- */

static void beyond_the_budget_flows_are_truncated_and_not_after_a_gap(void **state)
{
	const char *text;
	uint64_t at;

	(void)state;
	begin();
	at = answer("Content-Length: 3000\r\n", 500); /* less than is kept */
	lost(EV_READ, at + 500, 2000, EV_WHY_BUDGET);
	assert_int_equal(w.flows[0].state, FLOW_OPEN);
	lost(EV_READ, at + 2500, 500, EV_WHY_BUDGET);
	assert_int_equal(w.flows[0].state, FLOW_DONE);
	assert_int_equal(flags(0), FLOW_TRUNCATED);
	assert_int_equal(w.flows[0].resp_len, 3000);
	/* Requests have a budget of their own: those whose answers are left out are told at once. */
	world_data(&w, 1, EV_WRITE, REQUEST, "GET /b HTTP/1.1\r\nHost: x\r\n\r\n");
	lost(EV_READ, at + 3000, 200, EV_WHY_BUDGET);
	world_data(&w, 1, EV_WRITE, REQUEST + 28, "GET /c HTTP/1.1\r\nHost: x\r\n\r\n");
	lost(EV_READ, at + 3200, 200, EV_WHY_BUDGET);
	text = world_text(&w);
	assert_int_equal(w.n, 3);
	for (size_t i = 1; i < 3; i++) {
		assert_int_equal(w.flows[i].state, FLOW_UNANSWERED);
		assert_int_equal(flags(i), FLOW_TRUNCATED);
	}
	assert_non_null(strstr(text, "/c"));
	assert_int_equal(conn_table_stats(w.t)->gap_bytes, 0);
	assert_int_equal(conn_table_stats(w.t)->missing[EV_WHY_BUDGET], 2900);
	/* More was allowed: it goes on. */
	world_data(&w, 1, EV_READ, at + 3400, "HTTP/1.1 204 No Content\r\n\r\n");
	world_data(&w, 1, EV_WRITE, REQUEST + 56, "GET /d HTTP/1.1\r\nHost: x\r\n\r\n");
	world_data(&w, 1, EV_READ, at + 3427, "HTTP/1.1 204 No Content\r\n\r\n");
	world_wait(&w, SECOND);
	assert_int_equal(w.flows[w.n - 1].state, FLOW_DONE);
	assert_string_equal(w.flows[w.n - 1].request, "/d");
	assert_int_equal(flags(w.n - 1), 0);
	world_end(&w);
}

static void answer_that_the_budget_cuts_short_is_truncated(void **state)
{
	uint64_t at;

	(void)state;
	begin();
	at = answer("Transfer-Encoding: chunked\r\n", 0);
	world_data(&w, 1, EV_READ, at, "5\r\nhello\r\n8\r\nwo");
	lost(EV_READ, at + 15, 5000, EV_WHY_BUDGET);
	assert_int_equal(w.flows[0].state, FLOW_DONE);
	assert_int_equal(flags(0), FLOW_TRUNCATED);
	world_end(&w);
}

static void loss_next_to_what_the_budget_leaves_out_is_a_gap(void **state)
{
	uint64_t at;

	(void)state;
	begin();
	at = answer("Content-Length: 3000\r\n", 500);
	lost(EV_READ, at + 500, 500, EV_WHY_RING);
	lost(EV_READ, at + 1000, 2000, EV_WHY_BUDGET);
	assert_int_equal(flags(0), FLOW_AFTER_GAP);
	assert_int_equal(conn_table_stats(w.t)->gap_bytes, 500);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rest_of_a_long_body_is_not_asked_for),
		cmocka_unit_test(body_until_the_close_is_not_asked_for_to_its_end),
		cmocka_unit_test(short_rest_is_not_worth_asking),
		cmocka_unit_test(loss_where_nothing_is_kept_is_no_gap),
		cmocka_unit_test(loss_of_what_would_be_kept_is_a_gap),
		cmocka_unit_test(hole_that_no_record_told_is_counted_apart),
		cmocka_unit_test(beyond_the_budget_flows_are_truncated_and_not_after_a_gap),
		cmocka_unit_test(answer_that_the_budget_cuts_short_is_truncated),
		cmocka_unit_test(loss_next_to_what_the_budget_leaves_out_is_a_gap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
