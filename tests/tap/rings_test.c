/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/rings.h"

#include "test.h"

#define MIB ((size_t)1 << 20)

static void number_is_a_power_of_two_not_above_the_processors(void **state)
{
	static const unsigned want[] = { 0, 1, 2, 2, 4, 4, 4, 4, 8 };

	(void)state;
	for (unsigned cpus = 1; cpus <= 8; cpus++)
		assert_int_equal(rings_number(64 * MIB, cpus), want[cpus]);
	assert_int_equal(rings_number(1024 * MIB, 1000), EV_RINGS_MAX);
}

static void memory_is_divided_and_not_multiplied(void **state)
{
	(void)state;
	assert_int_equal(rings_number(32 * MIB, 64), 8); /* of 4 MiB */
	assert_int_equal(rings_number(8 * MIB, 64), 2);
	assert_int_equal(rings_number(MIB / 4, 64), 1);
	assert_int_equal(rings_number(0, 0), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(number_is_a_power_of_two_not_above_the_processors),
		cmocka_unit_test(memory_is_divided_and_not_multiplied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
