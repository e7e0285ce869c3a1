/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <errno.h>

#include "rpc/text.h"

static void timeouts_of_all_units_are_read(void **state)
{
	static const struct {
		const char *s;
		uint64_t ns;
	} good[] = {
		{ "1H", 3600000000000 },     { "2M", 120000000000 },
		{ "999876u", 999876000 },    { "5S", 5000000000 },
		{ "100m", 100000000 },	     { "99999999n", 99999999 },
		{ "99999999H", UINT64_MAX }, { "0n", 0 },
	};
	static const char *const bad[] = { "",	  "1",	  "S",	 "123456789S", "1s",
					   "-1S", "1.5S", "1 S", "x1S" };
	uint64_t ns = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(grpc_timeout_parse(slice_str(good[i].s), &ns), 0);
		assert_true(ns == good[i].ns);
	}
	ns = 7;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(grpc_timeout_parse(slice_str(bad[i]), &ns), -EINVAL);
	assert_true(ns == 7);
}

static void a_timeout_written_is_never_shorter(void **state)
{
	static const uint64_t ns[] = {
		1, 99999999, 100000000, 1234567891, 7200000000001, UINT64_MAX
	};
	uint64_t back;
	char text[12];

	(void)state;
	for (size_t i = 0; i < sizeof(ns) / sizeof(ns[0]); i++) {
		grpc_timeout_format(ns[i], text);
		assert_true(strlen(text) <= 9);
		assert_int_equal(grpc_timeout_parse(slice_str(text), &back), 0);
		assert_true(back >= ns[i] && (back - ns[i] <= ns[i] / 1000000));
	}
}

static void messages_survive_percent_encoding(void **state)
{
	struct buf b = { 0 };
	char out[64];

	(void)state;
	grpc_text_encode(&b, "50 % of caf\xc3\xa9\n");
	assert_true(slice_eq(buf_slice(&b), SLICE_LIT("50 %25 of caf%C3%A9%0A")));
	grpc_text_decode(buf_slice(&b), out, sizeof(out));
	assert_string_equal(out, "50 % of caf\xc3\xa9\n");
	buf_release(&b);
	grpc_text_decode(SLICE_LIT("a%2 %zz%"), out, sizeof(out));
	assert_string_equal(out, "a%2 %zz%");
	grpc_text_decode(SLICE_LIT("a%00b"), out, sizeof(out));
	assert_string_equal(out, "a?b");
	grpc_text_decode(SLICE_LIT("abcdef"), out, 4);
	assert_string_equal(out, "abc");
}

static void statuses_are_mapped(void **state)
{
	(void)state;
	assert_int_equal(grpc_status_from_http(400), GRPC_INTERNAL);
	assert_int_equal(grpc_status_from_http(401), GRPC_UNAUTHENTICATED);
	assert_int_equal(grpc_status_from_http(403), GRPC_PERMISSION);
	assert_int_equal(grpc_status_from_http(404), GRPC_UNIMPLEMENTED);
	assert_int_equal(grpc_status_from_http(503), GRPC_UNAVAILABLE);
	assert_int_equal(grpc_status_from_http(200), GRPC_UNKNOWN);
	assert_int_equal(grpc_status_from_h2(0x7), GRPC_UNAVAILABLE);
	assert_int_equal(grpc_status_from_h2(0x8), GRPC_CANCELLED);
	assert_int_equal(grpc_status_from_h2(0xb), GRPC_EXHAUSTED);
	assert_int_equal(grpc_status_from_h2(0xc), GRPC_PERMISSION);
	assert_int_equal(grpc_status_from_h2(0x1), GRPC_INTERNAL);
	assert_int_equal(grpc_status_parse(SLICE_LIT("0")), GRPC_OK);
	assert_int_equal(grpc_status_parse(SLICE_LIT("16")), GRPC_UNAUTHENTICATED);
	assert_int_equal(grpc_status_parse(SLICE_LIT("17")), GRPC_UNKNOWN);
	assert_int_equal(grpc_status_parse(SLICE_LIT("")), GRPC_UNKNOWN);
	assert_int_equal(grpc_status_parse(SLICE_LIT("-1")), GRPC_UNKNOWN);
	for (int st = 1; st <= 16; st++)
		assert_true(*grpc_status_text((enum grpc_status)st));
}

static void only_grpc_content_types_are_taken(void **state)
{
	(void)state;
	assert_true(grpc_content_type_ok(SLICE_LIT("application/grpc")));
	assert_true(grpc_content_type_ok(SLICE_LIT("application/grpc+proto")));
	assert_true(grpc_content_type_ok(SLICE_LIT("application/grpc;x=1")));
	assert_false(grpc_content_type_ok(SLICE_LIT("application/grpc-web")));
	assert_false(grpc_content_type_ok(SLICE_LIT("application/json")));
	assert_false(grpc_content_type_ok(SLICE_LIT("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timeouts_of_all_units_are_read),
		cmocka_unit_test(a_timeout_written_is_never_shorter),
		cmocka_unit_test(messages_survive_percent_encoding),
		cmocka_unit_test(statuses_are_mapped),
		cmocka_unit_test(only_grpc_content_types_are_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
