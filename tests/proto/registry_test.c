/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "proto/proto.h"

static enum probe probe_a(enum side side, struct slice head)
{
	if (head.n == 0)
		return PROBE_MAYBE;
	return side == SIDE_REQ && head.p[0] == 'a' ? PROBE_YES : PROBE_NO;
}

static enum probe probe_ab(enum side side, struct slice head)
{
	(void)side;
	if (head.n < 2)
		return PROBE_MAYBE;
	return head.p[0] == 'b' ? PROBE_YES : PROBE_NO;
}

static const struct proto a = { .name = "a", .probe = probe_a };
static const struct proto ab = { .name = "ab", .probe = probe_ab };
static const struct proto *const list[] = { &a, &ab, NULL };

static void the_first_that_says_yes_is_chosen(void **state)
{
	bool maybe = false;

	(void)state;
	assert_ptr_equal(proto_detect_in(list, SIDE_REQ, SLICE_LIT("a"), &maybe), &a);
	assert_ptr_equal(proto_detect_in(list, SIDE_REQ, SLICE_LIT("bb"), &maybe), &ab);
}

static void maybe_is_said_only_while_a_protocol_waits(void **state)
{
	bool maybe = false;

	(void)state;
	assert_null(proto_detect_in(list, SIDE_RESP, SLICE_LIT("a"), &maybe));
	assert_true(maybe);
	assert_null(proto_detect_in(list, SIDE_RESP, SLICE_LIT("aa"), &maybe));
	assert_false(maybe);
}

static void every_protocol_is_found_by_its_name(void **state)
{
	(void)state;
	for (const struct proto *const *p = proto_all(); *p; p++) {
		assert_ptr_equal(proto_find((*p)->name), *p);
		assert_non_null((*p)->probe);
		assert_non_null((*p)->parse);
	}
	assert_null(proto_find("no such protocol"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_that_says_yes_is_chosen),
		cmocka_unit_test(maybe_is_said_only_while_a_protocol_waits),
		cmocka_unit_test(every_protocol_is_found_by_its_name),
	};

	return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
