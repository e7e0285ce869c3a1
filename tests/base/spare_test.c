/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "base/arena.h"
#include "base/spare.h"

static void blocks_come_and_go_whatever_is_kept(void **state)
{
	void *p[8];

	(void)state;
	spare_put(NULL);
	for (unsigned keep = 0; keep < 10; keep += 3) {
		spare_keep(keep);
		for (unsigned round = 0; round < 2; round++) {
			for (size_t i = 0; i < 8; i++) {
				p[i] = spare_get();
				assert_non_null(p[i]);
				memset(p[i], (int)i, SPARE_BYTES);
			}
			for (size_t i = 0; i < 8; i++) {
				assert_int_equal(((uint8_t *)p[i])[SPARE_BYTES - 1], i);
				spare_put(p[i]);
			}
		}
	}
	spare_keep(0); /* the leak checker would tell */
}

static void a_shared_arena_lives_as_long_as_its_last_owner(void **state)
{
	struct arena *a = arena_new(1 << 16), *b = arena_share(a);
	char *before = arena_str(a, SLICE_LIT("before")), *after;

	(void)state;
	after = arena_str(a, SLICE_LIT("after"));
	assert_non_null(arena_alloc(a, 20000)); /* another block */
	arena_free(a);
	assert_string_equal(before, "before"); /* the sanitizer would tell */
	assert_string_equal(after, "after");
	arena_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_come_and_go_whatever_is_kept),
		cmocka_unit_test(a_shared_arena_lives_as_long_as_its_last_owner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
