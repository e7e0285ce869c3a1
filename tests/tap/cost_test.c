/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tap/cost.h"

static void time_and_memory_are_found_behind_any_name(void **state)
{
	struct cost c = { 0 };

	(void)state;
	assert_int_equal(cost_parse("7 (a) b) S 1 7 7 0 -1 4194560 100 0 2 0 150 50 0 0 20 0 3 0 12345 99999999 25 18446744073709551615 1", 100, 4096, &c), 0);
	assert_int_equal(c.cpu_ms, 2000);
	assert_int_equal(c.bytes, 25 * 4096);
}

static void what_is_cut_off_is_refused(void **state)
{
	struct cost c = { 7, 7 };

	(void)state;
	assert_int_equal(cost_parse("7 (a) S 1 7 7 0 -1", 100, 4096, &c), -EBADMSG);
	assert_int_equal(cost_parse("", 100, 4096, &c), -EBADMSG);
	assert_int_equal(c.cpu_ms, 7);
	assert_true(cost_read(0xffffffff, &c) < 0);
}

/* What this very process takes shows. */
static void a_busy_process_costs_more(void **state)
{
	struct cost before, after = { 0 };
	volatile unsigned long n = 0;
	char *room;

	(void)state;
	assert_int_equal(cost_read((uint32_t)getpid(), &before), 0);
	room = malloc(64u << 20);
	assert_non_null(room);
	memset(room, 1, 64u << 20);
	while (after.cpu_ms < before.cpu_ms + 50) {
		for (unsigned i = 0; i < 1000000; i++)
			n += (unsigned char)room[i];
		assert_int_equal(cost_read((uint32_t)getpid(), &after), 0);
	}
	assert_true(after.bytes >= before.bytes + (60u << 20));
	free(room);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(time_and_memory_are_found_behind_any_name),
		cmocka_unit_test(what_is_cut_off_is_refused),
		cmocka_unit_test(a_busy_process_costs_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
