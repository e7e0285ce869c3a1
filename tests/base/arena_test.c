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

static void rewinding_releases_what_came_after_the_mark(void **state)
{
	struct arena *a = arena_new(8 << 20);
	struct arena_mark empty = arena_mark(a), m;
	uint8_t *kept, *p;

	(void)state;
	kept = arena_alloc(a, 100);
	memset(kept, 0xaa, 100);
	m = arena_mark(a);
	arena_limit(a, 1 << 20);
	for (int i = 0; i < 15; i++)
		assert_non_null(arena_alloc(a, 64 << 10));
	assert_null(arena_alloc(a, 128 << 10)); /* over the limit that begins at the mark */
	assert_true(arena_short(a));
	arena_rewind(a, m);
	assert_false(arena_short(a));
	assert_int_equal(arena_used(a), 112);
	for (int i = 0; i < 100; i++)
		assert_int_equal(kept[i], 0xaa);
	p = arena_alloc(a, 200);
	assert_non_null(p);
	for (int i = 0; i < 200; i++)
		assert_int_equal(p[i], 0);
	arena_rewind(a, empty);
	assert_int_equal(arena_used(a), 0);
	assert_non_null(arena_alloc(a, 1 << 20));
	assert_null(arena_alloc(a, 128)); /* the limit stays */
	arena_free(a);
}

static void text_is_written_whole_wherever_it_has_room(void **state)
{
	char want[3000];

	(void)state;
	for (int n = 1; n < 2999; n += 7) {
		struct arena *a = arena_new(1 << 20);
		const char *first, *second;

		memset(want, 'x', sizeof(want));
		want[n] = '\0';
		first = arena_printf(a, "%s", want);
		second = arena_printf(a, "%s%s", want, want);
		assert_string_equal(first, want);
		assert_int_equal(strlen(second), 2 * (size_t)n);
		assert_string_equal(second + n, want);
		arena_free(a);
	}
}

static void numbers_are_decimal(void **state)
{
	struct arena *a = arena_new(200);

	(void)state;
	assert_string_equal(arena_u64(a, 0), "0");
	assert_string_equal(arena_u64(a, 1020), "1020");
	assert_string_equal(arena_u64(a, UINT64_MAX), "18446744073709551615");
	assert_non_null(arena_alloc(a, 120));
	assert_null(arena_u64(a, UINT64_MAX));
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limit_refuses_and_sticks),
		cmocka_unit_test(growing_keeps_content_and_zeroes_the_rest),
		cmocka_unit_test(text_is_written_whole_wherever_it_has_room),
		cmocka_unit_test(numbers_are_decimal),
		cmocka_unit_test(rewinding_releases_what_came_after_the_mark),
	};

	return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
