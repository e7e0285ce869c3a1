/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "base/map.h"

#include <stdlib.h>

/* Against an array indexed by key, over a random history. */
static void map_agrees_with_an_array(void **state)
{
	static int model[512];
	struct map m = { 0 };
	size_t n = 0;

	(void)state;
	srand(7);
	for (int step = 0; step < 200000; step++) {
		uint64_t key = (uint64_t)(rand() % 512);

		if (rand() % 2) {
			n += !model[key];
			model[key] = 1;
			assert_int_equal(map_put(&m, key, &model[key]), 0);
		} else {
			assert_ptr_equal(map_take(&m, key), model[key] ? &model[key] : NULL);
			n -= (size_t)model[key];
			model[key] = 0;
		}
		assert_int_equal(m.n, n);
	}
	for (uint64_t key = 0; key < 512; key++)
		assert_ptr_equal(map_find(&m, key), model[key] ? &model[key] : NULL);
	map_release(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(map_agrees_with_an_array) };

	return cmocka_run_group_tests_name("map", tests, NULL, NULL);
}
