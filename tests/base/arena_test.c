/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "base/arena.h"

static void limit_refuses_and_sticks(void **state)
{
	struct arena *a = arena_new(100);

	(void)state;
	assert_non_null(arena_alloc(a, 64));
	assert_false(arena_short(a));
	assert_null(arena_alloc(a, 64));
	assert_true(arena_short(a));
	assert_non_null(arena_alloc(a, 8));
	arena_free(a);
}

static void growing_keeps_content_and_zeroes_the_rest(void **state)
{
	struct arena *a = arena_new(8 << 20);
	uint8_t *p = NULL;
	size_t old = 0;

	(void)state;
	for (size_t n = 1; n < 4 << 20; n = n * 3 + 1) {
		p = arena_grow(a, p, old, n);
		assert_non_null(p);
		for (size_t i = 0; i < old; i += 97)
			assert_int_equal(p[i], 0xaa);
		for (size_t i = old; i < n; i += 97)
			assert_int_equal(p[i], 0);
		memset(p, 0xaa, n);
		old = n;
		if (n == 4)
			assert_non_null(arena_alloc(a, 5)); /* something in the way: it has to move */
	}
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limit_refuses_and_sticks),
		cmocka_unit_test(growing_keeps_content_and_zeroes_the_rest),
	};

	return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
