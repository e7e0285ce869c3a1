/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <errno.h>

#include "flow/time.h"

static void text_and_back(void **state)
{
	char text[FLOW_TIME_MAX];
	int64_t ns = 0;

	(void)state;
	assert_true(flow_time_format(1795352400123456789, 9, text));
	assert_string_equal(text, "2026-11-22T13:00:00.123456789Z");
	assert_int_equal(flow_time_parse(text, &ns), 0);
	assert_true(ns == 1795352400123456789);
	assert_true(flow_time_format(1795352400123456789, 0, text));
	assert_string_equal(text, "2026-11-22T13:00:00Z");
	assert_false(flow_time_format(-1, 3, text));
}

static void zones_and_fractions_of_others(void **state)
{
	int64_t ns = 0;

	(void)state;
	assert_int_equal(flow_time_parse("2026-11-22T15:30:00.5+02:30", &ns), 0);
	assert_true(ns == 1795352400500000000);
	assert_int_equal(flow_time_parse("2026-11-22T12:00:00-0100", &ns), 0);
	assert_true(ns == 1795352400000000000);
}

static void what_is_no_time_is_refused(void **state)
{
	static const char *const bad[] = { "", "2026", "2026-11-22", "2026-11-22T13:00:00", "2026-13-22T13:00:00Z",
					   "2026-11-22T25:00:00Z", "2026-11-22T13:00:00Zx", "1969-12-31T23:59:59Z",
					   "9999-12-31T23:59:59Z", "20261122T130000Z", "2026-11-22T13:00:00+1" };
	int64_t v = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(flow_time_parse(bad[i], &v), -EINVAL);
	assert_int_equal(flow_second_parse("9999-12-31T23:59:59Z", &v), 0);
	assert_true(v == 253402300799);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_and_back),
		cmocka_unit_test(zones_and_fractions_of_others),
		cmocka_unit_test(what_is_no_time_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
