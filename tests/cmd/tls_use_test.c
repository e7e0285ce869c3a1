/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdio.h>

#include "cmd/tls_use.h"

#define SECOND 1000000000ull

static struct tls_use *u;
static struct names *names;
static struct collector_ledger list;

static int begin(void **state)
{
	(void)state;
	u = tls_use_new();
	names = names_new();
	return u && names ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	tls_use_free(u);
	names_free(names);
	return 0;
}

static bool note(uint32_t pid, const char *comm, unsigned conns, uint64_t wire, uint64_t plain,
		 uint64_t now)
{
	return tls_use_note(u,
			    &(struct conn_use){ .pid = pid,
						.comm = comm,
						.tls_conns = conns,
						.wire = wire,
						.plain = plain },
			    now);
}

static void answer(uint32_t pid, enum tls_reason r, bool gone)
{
	tls_use_answer(u,
		       &(struct ipc_tls_process){ .pid = pid, .reason = (uint8_t)r, .gone = gone });
}

static void processes_of_a_kind_are_one_row_and_the_unreadable_come_first(void **state)
{
	(void)state;
	for (uint32_t pid = 1; pid <= 300; pid++) {
		assert_true(note(pid, "curl", 1, 1000, 900, SECOND));
		answer(pid, TLS_WHY_READ, false);
	}
	assert_false(note(7, "curl", 1, 0, 0, SECOND));
	assert_true(note(7, "wget", 0, 0, 0, SECOND)); /* it executes something else */
	assert_true(note(500, "java", 1, 10, 0, SECOND));
	answer(500, TLS_WHY_JAVA, false);
	tls_use_list(u, names, 2 * SECOND, &list);
	assert_int_equal(list.n, 3);
	assert_int_equal(list.left_out, 0);
	assert_string_equal(list.rows[0].comm, "java");
	assert_string_equal(list.rows[0].code, "java-tls");
	assert_false(list.rows[0].readable);
	assert_string_equal(list.rows[1].comm, "curl");
	assert_int_equal(list.rows[1].processes, 299);
	assert_int_equal(list.rows[1].wire, 299000);
	assert_int_equal(list.rows[1].plain, 299 * 900);
}

static void what_was_found_stands_after_the_end_and_goes_after_ten_minutes(void **state)
{
	(void)state;
	assert_int_equal(tls_use_why(u, 5), TLS_WHY_UNKNOWN);
	(void)note(5, "java", 1, 10, 0, SECOND);
	answer(5, TLS_WHY_JAVA, false);
	answer(5, TLS_WHY_NOT_LOOKED_AT, true);
	assert_int_equal(tls_use_why(u, 5), TLS_WHY_JAVA);
	tls_use_list(u, names, 500 * SECOND, &list);
	assert_int_equal(list.n, 1);
	assert_true(list.rows[0].gone);
	tls_use_list(u, names, 700 * SECOND, &list);
	assert_int_equal(list.n, 0);
}

static void a_library_may_be_loaded_later(void **state)
{
	(void)state;
	assert_true(note(5, "app", 0, 0, 0, SECOND));
	answer(5, TLS_WHY_NO_LIBRARY, false);
	assert_true(note(5, "app", 1, 0, 0, 3 * SECOND));
	assert_int_equal(tls_use_why(u, 5), TLS_WHY_UNKNOWN);
	answer(5, TLS_WHY_NO_LIBRARY, false);
	assert_false(note(5, "app", 1, 0, 0, 3 * SECOND + 1)); /* not with each of thousands */
}

static void the_table_is_bounded_and_says_what_it_dropped(void **state)
{
	char comm[16];

	(void)state;
	for (uint32_t pid = 1; pid <= TLS_USE_MAX + 100; pid++) {
		(void)snprintf(comm, sizeof(comm), "p%u", pid % 1000);
		(void)note(pid, comm, 1, 1, 0, pid);
	}
	tls_use_list(u, names, SECOND, &list);
	assert_int_equal(list.n, TLS_USE_ROWS);
	assert_in_range(list.left_out, 100, TLS_USE_MAX + 100);
	assert_int_equal(tls_use_why(u, 1), TLS_WHY_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
		T(processes_of_a_kind_are_one_row_and_the_unreadable_come_first),
		T(what_was_found_stands_after_the_end_and_goes_after_ten_minutes),
		T(a_library_may_be_loaded_later),
		T(the_table_is_bounded_and_says_what_it_dropped),
#undef T
	};

	return cmocka_run_group_tests_name("tls_use", tests, NULL, NULL);
}
