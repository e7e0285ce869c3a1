/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "tap/comms.h"

static void a_name_is_a_key_with_its_end_and_a_prefix_without(void **state)
{
	static const struct {
		const char *glob, *comm;
		unsigned bits;
	} keys[] = { { "curl", "curl", 40 },
		     { "nginx*", "nginx", 40 },
		     { "*", "", 0 },
		     { "fifteen-letters", "fifteen-letters", 128 },
		     { "containerd-shim-runc-v2", "containerd-shim", 128 },
		     { "containerd-shim-runc*", "containerd-shim", 120 },
		     { "", "", 8 } };
	struct ev_comm_key k;

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		assert_true(comms_key(keys[i].glob, &k));
		assert_int_equal(k.bits, keys[i].bits);
		assert_string_equal(k.comm, keys[i].comm);
	}
}

static void other_globs_are_no_keys(void **state)
{
	static const char *const globs[] = { "c?rl", "*url", "a*b", "a**", "[ab]", "a\\*", "a*?" };
	struct ev_comm_key k;

	(void)state;
	for (size_t i = 0; i < sizeof(globs) / sizeof(*globs); i++)
		assert_false(comms_key(globs[i], &k));
}

static void all_kinds_match(void **state)
{
	static const char *const globs[] = { "curl", "ng*", "w?et", "containerd-shim-runc-v2" };

	(void)state;
	assert_true(comms_match(globs, 4, "curl", false));
	assert_true(comms_match(globs, 4, "nginx", false));
	assert_true(comms_match(globs, 4, "wget", false));
	assert_true(comms_match(globs, 4, "containerd-shim", false));
	assert_false(comms_match(globs, 4, "curl2", false));
	assert_false(comms_match(globs, 4, "cur", false));
	assert_false(comms_match(globs, 4, "n", false));
	assert_true(comms_match(globs, 4, "wget", true));
	assert_false(comms_match(globs, 4, "curl", true));
	assert_false(comms_match(globs, 4, "nginx", true));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_a_key_with_its_end_and_a_prefix_without),
		cmocka_unit_test(other_globs_are_no_keys),
		cmocka_unit_test(all_kinds_match),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
