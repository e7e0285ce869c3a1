/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdio.h>

#include "hub/related.h"

#define EPOCH INT64_C(1700000000000000000)
#define MS    UINT64_C(1000000)

static struct list list;

static int setup(void **state)
{
	(void)state;
	return list_init(&list, 10000, 64 << 20);
}

static int teardown(void **state)
{
	(void)state;
	list_release(&list);
	return 0;
}

struct call {
	uint64_t n, from_ms, to_ms; /* to_ms 0: still open */
	uint32_t client, server;    /* pids */
	const char *proto, *trace, *container;
	uint64_t conn;
};

static struct flow_conn conn;
static struct flow_attr header;

static struct flow flow_of(const struct call *k)
{
	struct flow f = { .epoch_ns = EPOCH,
			  .conn = &conn,
			  .proto = k->proto ? k->proto : "http1",
			  .state = k->to_ms ? FLOW_DONE : FLOW_OPEN,
			  .has_req = true,
			  .has_resp = k->to_ms != 0,
			  .req = { .begin_ns = k->from_ms * MS, .end_ns = k->from_ms * MS, .op = "GET", .target = "/" },
			  .resp = { .begin_ns = k->to_ms * MS, .end_ns = k->to_ms * MS } };

	conn = (struct flow_conn){ .id = k->conn ? k->conn : k->n,
				   .client = { .pid = k->client, .port = (uint16_t)(k->conn ? 7 : k->n) },
				   .server = { .pid = k->server, .port = 80, .container_id = k->container },
				   .l4 = "tcp" };
	f.id[15] = (uint8_t)k->n;
	if (k->trace) {
		header = (struct flow_attr){ "x-b3-traceid", k->trace };
		f.req.headers = &header;
		f.req.nheaders = 1;
	}
	return f;
}

static void put(struct call k)
{
	struct flow f = flow_of(&k);

	assert_int_equal(list_put(&list, k.n, &f), 0);
}

/* What is left out is NULL or 0. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#define PUT(...) put((struct call){ __VA_ARGS__ })

/* Of the flow that k describes, in pieces of two rows. */
static struct related *of(struct call k)
{
	struct flow f = flow_of(&k);
	struct related *q = related_new(&f, k.n);

	assert_non_null(q);
	while (related_scan(q, &list, 2))
		;
	return q;
}

#define OF(...) of((struct call){ __VA_ARGS__ })

static void rows_are(const struct related_rows *rows, const char *want)
{
	char got[512] = "";
	size_t n = 0;

	for (size_t i = 0; i < rows->kept; i++)
		n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%u/%u", i ? " " : "", (unsigned)rows->rows[i].n,
				      rows->rows[i].of);
	assert_string_equal(got, want);
}

/* 1: web (pid 10) asks api (20), which asks a database (30) twice meanwhile, once before and once after. */
static void what_a_process_asks_while_it_serves_was_caused(void **state)
{
	struct related *q;

	(void)state;
	PUT(1, 100, 200, 10, 20);
	PUT(2, 90, 95, 20, 30, "postgres");
	PUT(3, 110, 120, 20, 30, "postgres");
	PUT(4, 120, 250, 20, 30, "redis");
	PUT(5, 210, 220, 20, 30, "postgres");
	PUT(6, 150, 160, 21, 30, "postgres");
	q = OF(1, 100, 200, 10, 20);
	rows_are(related_caused(q), "3/1 4/1");
	assert_int_equal(related_caused(q)->busy_ns, 140 * MS);
	assert_int_equal(related_caused_at(q, 1), 4);
	assert_int_equal(related_caused_at(q, 2), 0);
	rows_are(related_caused_by(q), "");
	assert_int_equal(related_server_by(q), RELATED_PROCESS);
	related_free(q);
	q = OF(3, 110, 120, 20, 30, "postgres");
	rows_are(related_caused_by(q), "1/1");
	related_free(q);
	q = OF(5, 210, 220, 20, 30, "postgres");
	rows_are(related_caused_by(q), "");
	related_free(q);
}

static void a_request_still_open_has_caused_things_already(void **state)
{
	struct related *q;

	(void)state;
	PUT(1, 100, 0, 10, 20);
	PUT(2, 110, 120, 20, 30);
	q = OF(1, 100, 0, 10, 20);
	rows_are(related_caused(q), "2/1");
	related_free(q);
}

static void of_two_at_once_each_may_be_the_cause_and_it_says_so(void **state)
{
	struct related *q;

	(void)state;
	PUT(1, 100, 200, 10, 20);
	PUT(2, 150, 250, 11, 20);
	PUT(3, 110, 120, 20, 30);
	PUT(4, 160, 170, 20, 30);
	q = OF(1, 100, 200, 10, 20);
	rows_are(related_caused(q), "3/1 4/2");
	related_free(q);
	q = OF(4, 160, 170, 20, 30);
	rows_are(related_caused_by(q), "1/2 2/2");
	related_free(q);
}

static void a_trace_decides_between_them(void **state)
{
	static const char a[] = "00000000000000aa", b[] = "00000000000000bb";
	struct related *q;

	(void)state;
	PUT(1, 100, 200, 10, 20, NULL, a);
	PUT(2, 150, 250, 11, 20, NULL, b);
	PUT(3, 160, 170, 20, 30, NULL, a);
	PUT(4, 161, 170, 20, 30, NULL, b);
	PUT(5, 900, 910, 50, 60, NULL, a);
	q = OF(1, 100, 200, 10, 20, NULL, a);
	rows_are(related_caused(q), "3/1");
	rows_are(related_trace(q), "3/1 5/1");
	related_free(q);
	q = OF(4, 161, 170, 20, 30, NULL, b);
	rows_are(related_caused_by(q), "2/1");
	related_free(q);
}

static void conversations_are_no_cause(void **state)
{
	struct related *q;

	(void)state;
	PUT(1, 100, 0, 10, 20, "websocket");
	PUT(2, 110, 200, 10, 20);
	PUT(3, 120, 130, 20, 30);
	q = OF(3, 120, 130, 20, 30);
	rows_are(related_caused_by(q), "2/1");
	related_free(q);
	q = OF(1, 100, 0, 10, 20, "websocket");
	rows_are(related_caused(q), "");
	related_free(q);
}

static void a_pid_of_another_container_is_another_process(void **state)
{
	struct related *q;

	(void)state;
	PUT(1, 100, 200, 10, 20, NULL, NULL, "c0ffee");
	PUT(2, 110, 120, 20, 30);
	q = OF(1, 100, 200, 10, 20, NULL, NULL, "c0ffee");
	rows_are(related_caused(q), "");
	related_free(q);
	q = OF(1, 100, 200, 10, 0);
	assert_int_equal(related_server_by(q), RELATED_UNKNOWN);
	rows_are(related_caused(q), "");
	related_free(q);
}

static void of_a_connection_the_nearest_are_kept_and_all_counted(void **state)
{
	const struct related_rows *rows;
	struct related *q;

	(void)state;
	for (uint64_t n = 1; n <= 600; n++)
		PUT(n, 100 * n, 100 * n + 50, 10, 20, NULL, NULL, NULL, n % 2 ? 9 : 8);
	q = OF(301, 30100, 30150, 10, 20, NULL, NULL, NULL, 9);
	rows = related_connection(q);
	assert_int_equal(rows->n, 299);
	assert_int_equal(rows->kept, RELATED_MAX);
	assert_int_equal(rows->rows[0].n, 101);
	assert_int_equal(rows->rows[99].n, 299);
	assert_int_equal(rows->rows[100].n, 303);
	related_free(q);
}

static void more_than_is_kept_is_counted(void **state)
{
	struct related *q;

	(void)state;
	PUT(1, 100, 5000, 10, 20);
	for (uint64_t n = 2; n < 1002; n++)
		PUT(n, 100 + n, 101 + n, 20, 30);
	q = OF(1, 100, 5000, 10, 20);
	assert_int_equal(related_caused(q)->n, 1000);
	assert_int_equal(related_caused(q)->kept, RELATED_MAX);
	assert_int_equal(related_caused_at(q, 999), 1001);
	related_free(q);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_a_process_asks_while_it_serves_was_caused),
		TEST(a_request_still_open_has_caused_things_already),
		TEST(of_two_at_once_each_may_be_the_cause_and_it_says_so),
		TEST(a_trace_decides_between_them),
		TEST(conversations_are_no_cause),
		TEST(a_pid_of_another_container_is_another_process),
		TEST(of_a_connection_the_nearest_are_kept_and_all_counted),
		TEST(more_than_is_kept_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
