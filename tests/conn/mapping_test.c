/* SPDX-License-Identifier: Apache-2.0 */
/* How sure it is that plaintext belongs to its socket: the least sure of its records is on the flow. */
#include "test.h"

#include "world.h"

static struct world w;

static int begin(void **state)
{
	(void)state;
	world_begin(&w);
	world_start(&w);
	world_open(&w, world_client(1));
	return w.t ? 0 : -1;
}

static int finish(void **state)
{
	(void)state;
	world_end(&w);
	return 0;
}

static void nested_alone_is_nested(void **state)
{
	(void)state;
	world_secret(&w, 1, EV_WRITE, 0, "Qa:0\n", EV_SURE_NESTED);
	world_secret(&w, 1, EV_READ, 0, "Aa:0\n", EV_SURE_NESTED);
	assert_int_equal(w.n, 1);
	assert_string_equal(w.flows[0].mapping, "nested");
}

static void the_least_sure_record_counts(void **state)
{
	(void)state;
	world_secret(&w, 1, EV_WRITE, 0, "Qa:0\n", EV_SURE_NESTED);
	world_secret(&w, 1, EV_READ, 0, "Aa:0\n", EV_SURE_STICKY);
	world_secret(&w, 1, EV_WRITE, 5, "Qb:0\n", EV_SURE_MATCHED);
	world_secret(&w, 1, EV_READ, 5, "Ab:0\n", EV_SURE_NESTED);
	assert_int_equal(w.n, 2);
	assert_string_equal(w.flows[0].mapping, "sticky");
	assert_string_equal(w.flows[1].mapping, "matched");
}

static void what_is_no_such_value_says_nothing(void **state)
{
	(void)state;
	world_secret(&w, 1, EV_WRITE, 0, "Qa:0\n", (enum ev_sure)200);
	world_secret(&w, 1, EV_READ, 0, "Aa:0\n", EV_SURE_NONE);
	assert_int_equal(w.n, 1);
	assert_string_equal(w.flows[0].mapping, "");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, finish)
	const struct CMUnitTest tests[] = { T(nested_alone_is_nested), T(the_least_sure_record_counts),
					    T(what_is_no_such_value_says_nothing) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
