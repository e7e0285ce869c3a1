/* SPDX-License-Identifier: Apache-2.0 */
/* Forms and ranges of bodies; the settings as JSON. */
#include "test.h"

#include <errno.h>
#include <stdlib.h>

#include "hub/body.h"
#include "hub/capture.h"

static void ranges_are_cut_or_refused(void **state)
{
	static const struct {
		const char *value;
		size_t n;
		int r;
		size_t from, to;
	} t[] = {
		{ NULL, 10, 0, 0, 0 },
		{ "bytes=0-0", 10, 1, 0, 1 },
		{ "bytes=2-5", 10, 1, 2, 6 },
		{ "bytes=2-", 10, 1, 2, 10 },
		{ "bytes=2-99", 10, 1, 2, 10 },
		{ "bytes=9-9", 10, 1, 9, 10 },
		{ "bytes=-3", 10, 1, 7, 10 },
		{ "bytes=-99", 10, 1, 0, 10 },
		{ "bytes=10-", 10, -ERANGE, 0, 0 },
		{ "bytes=-0", 10, -ERANGE, 0, 0 },
		{ "bytes=0-", 0, -ERANGE, 0, 0 },
		{ "bytes=-5", 0, -ERANGE, 0, 0 },
		{ "bytes=5-2", 10, 0, 0, 0 },
		{ "bytes=0-1,3-4", 10, 0, 0, 0 },
		{ "bytes=a-b", 10, 0, 0, 0 },
		{ "bytes=", 10, 0, 0, 0 },
		{ "bytes=-", 10, 0, 0, 0 },
		{ "bytes=--5", 10, 0, 0, 0 },
		{ "bytes= 1-2", 10, 0, 0, 0 },
		{ "lines=1-2", 10, 0, 0, 0 },
		{ "bytes=0-18446744073709551615", 10, 1, 0, 10 },
		{ "bytes=99999999999999999999-", 10, 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		size_t from = 0, to = 0;

		if (body_range(t[i].value, t[i].n, &from, &to) != t[i].r || from != t[i].from ||
		    to != t[i].to)
			fail_msg("case %zu: %s", i, t[i].value);
	}
}

static void json_is_indented_and_not_changed(void **state)
{
	static const struct {
		const char *in, *out; /* out NULL: refused */
	} t[] = {
		{ "{}", "{}" },
		{ " [ ] ", "[]" },
		{ "[1,2]", "[\n  1,\n  2\n]" },
		{ "{\"a\":{\"b\":[]},\"c\":\"x{,\\\"]\"}",
		  "{\n  \"a\": {\n    \"b\": []\n  },\n  \"c\": \"x{,\\\"]\"\n}" },
		{ "12345678901234567890.10", "12345678901234567890.10" },
		{ "[", NULL },
		{ "]", NULL },
		{ "", NULL },
		{ "  ", NULL },
	};
	struct buf b = { 0 }, deep = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct slice in = guarded(slice_str(t[i].in));
		bool ok;

		buf_clear(&b);
		ok = body_pretty_json(&b, in);
		if (ok != (t[i].out != NULL) ||
		    (ok && !slice_eq(buf_slice(&b), slice_str(t[i].out))))
			fail_msg("case %zu: %.*s", i, (int)b.n, (char *)b.p);
		guarded_free(in);
	}
	for (int i = 0; i < 501; i++)
		buf_puts(&deep, "[");
	for (int i = 0; i < 501; i++)
		buf_puts(&deep, "]");
	assert_false(body_pretty_json(&b, buf_slice(&deep)));
	buf_release(&deep);
	buf_release(&b);
}

static void hex_is_what_hexdump_writes(void **state)
{
	struct slice in = guarded(SLICE_LIT("GET / HTTP/1.1\r\n\x00\xff|"));
	struct buf b = { 0 };

	(void)state;
	body_hex(&b, in);
	assert_true(slice_eq(
		buf_slice(&b),
		SLICE_LIT("00000000  47 45 54 20 2f 20 48 54  54 50 2f 31 2e 31 0d 0a  |GET / "
			  "HTTP/1.1..|\n"
			  "00000010  00 ff 7c                                          |..||\n")));
	guarded_free(in);
	buf_release(&b);
}

static void settings_are_read_on_top_of_the_defaults_or_of_others(void **state)
{
	struct capture c, part;
	const char *why = NULL;
	struct buf b = { 0 };

	(void)state;
	assert_int_equal(capture_parse(SLICE_LIT("{}"), NULL, &c, &why), 0);
	assert_int_equal(c.mode, 0);
	assert_true(c.include_new);
	capture_release(&c);
	assert_int_equal(
		capture_parse(
			SLICE_LIT("{\"mode\":\"except\",\"names\":[\"a\",\"\\u00e9\"],"
				  "\"include_new\":false,\"body_limit\":0,\"conn_budget\":65536,"
				  "\"ends\":[\"port 80,8000-8100\",\"not address ::1\"],"
				  "\"processes\":[\"pid 880\",\"unit a.service\"],"
				  "\"redact\":[\"x-own\"]}"),
			NULL, &c, &why),
		0);
	capture_json(&b, &c);
	assert_true(slice_eq(
		buf_slice(&b),
		SLICE_LIT("{\"mode\":\"except\",\"names\":[\"a\",\"\xc3\xa9\"],"
			  "\"ends\":[\"port 80,8000-8100\",\"not address ::1\"],"
			  "\"processes\":[\"pid 880\",\"unit a.service\"],"
			  "\"redact\":[\"x-own\"],\"hosts\":false,"
			  "\"include_new\":false,\"paused\":false,\"body_limit\":0,\"conn_budget\":"
			  "65536}")));
	assert_int_equal(
		capture_parse(SLICE_LIT("{\"ends\":[\"udp 53\"],\"hosts\":true}"), &c, &part, &why),
		0);
	buf_clear(&b);
	capture_json(&b, &part);
	assert_true(slice_eq(
		buf_slice(&b),
		SLICE_LIT(
			"{\"mode\":\"except\",\"names\":[\"a\",\"\xc3\xa9\"],\"ends\":[\"udp 53\"],"
			"\"processes\":[\"pid 880\",\"unit a.service\"],\"redact\":[\"x-own\"],"
			"\"hosts\":true,\"include_new\":false,\"paused\":false,\"body_limit\":0,"
			"\"conn_budget\":65536}")));
	capture_release(&part);
	capture_release(&c);
	buf_release(&b);
}

static void wrong_settings_are_refused_with_a_reason(void **state)
{
	static const char *const t[] = {
		"",
		"[]",
		"nonsense",
		"{\"mode\":\"none\"}",
		"{\"mode\":3}",
		"{\"names\":\"web\"}",
		"{\"names\":[1]}",
		"{\"names\":[\"\"]}",
		"{\"names\":[\"\xff\"]}",
		"{\"names\":[\"a\"],\"mode\":{}}",
		"{\"hosts\":1}",
		"{\"paused\":\"yes\"}",
		"{\"body_limit\":-1}",
		"{\"body_limit\":1e300}",
		"{\"body_limit\":\"1\"}",
		"{\"ends\":\"port 80\"}",
		"{\"processes\":[\"880\"]}",
		"{\"processes\":[\"pid 1\"]}",
		"{\"processes\":\"pid 880\"}",
		"{\"ends\":[\"80\"]}",
		"{\"ends\":[\"port 0\"]}",
		"{\"ends\":[\"not udp 53\"]}",
		"{\"ends\":[\"port 80\",\"address 10.0.0.1/8\"]}",
		"{\"conn_budget\":-1}",
		"{\"conn_budget\":null}",
	};
	struct capture c;
	struct buf b = { 0 };
	const char *why;

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		why = NULL;
		if (capture_parse(slice_str(t[i]), NULL, &c, &why) != -EINVAL || !why)
			fail_msg("case %zu", i);
	}
	buf_puts(&b, "{\"names\":[\"a\"");
	for (int i = 0; i < CAPTURE_NAMES_MAX; i++)
		buf_puts(&b, ",\"a\"");
	buf_puts(&b, "]}");
	assert_int_equal(capture_parse(buf_slice(&b), NULL, &c, &why), -EINVAL);
	buf_clear(&b);
	buf_puts(&b, "{\"names\":[\"");
	for (int i = 0; i <= CAPTURE_NAME_MAX; i++)
		buf_puts(&b, "n");
	buf_puts(&b, "\"]}");
	assert_int_equal(capture_parse(buf_slice(&b), NULL, &c, &why), -EINVAL);
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_are_cut_or_refused),
		cmocka_unit_test(json_is_indented_and_not_changed),
		cmocka_unit_test(hex_is_what_hexdump_writes),
		cmocka_unit_test(settings_are_read_on_top_of_the_defaults_or_of_others),
		cmocka_unit_test(wrong_settings_are_refused_with_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
