/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <errno.h>

#include "base/json.h"

static int parse(const char *text, struct arena **a, const struct json **ret)
{
	struct slice in = guarded(slice_str(text));
	int r;

	*a = arena_new(1 << 20);
	r = json_parse(in, *a, ret);
	guarded_free(in);
	return r;
}

static void refuses(const char *text)
{
	const struct json *v;
	struct arena *a;

	assert_int_equal(parse(text, &a, &v), -EBADMSG);
	arena_free(a);
}

static void members_keep_order_and_digits(void **state)
{
	const struct json *v;
	struct arena *a;
	uint64_t n = 0;

	(void)state;
	assert_int_equal(parse(" {\"a\" : 18446744073709551615, \"b\":[true,null,-1.5e2], \"a\":2} ", &a, &v), 0);
	assert_true(json_u64(json_get(v, "a"), &n));
	assert_true(n == UINT64_MAX);
	assert_int_equal(json_get(v, "b")->first->kind, JSON_TRUE);
	assert_true(json_number(json_get(v, "b")->first->next->next) == -150);
	assert_false(json_u64(json_get(v, "b"), &n));
	assert_null(json_get(v, "c"));
	assert_null(json_get(NULL, "c"));
	arena_free(a);
}

static void escapes_become_utf8_and_nul_stays(void **state)
{
	static const char want[] = "a\0\"\\/\n\xc3\xa9\xf0\x9f\x98\x80\xef\xbf\xbdz";
	const struct json *v;
	struct arena *a;

	(void)state;
	assert_int_equal(parse("\"a\\u0000\\\"\\\\\\/\\n\\u00e9\\ud83d\\ude00\\ud83dz\"", &a, &v), 0);
	assert_int_equal(v->text.n, sizeof(want) - 1);
	assert_memory_equal(v->text.p, want, sizeof(want));
	arena_free(a);
}

static void what_is_no_json_is_refused(void **state)
{
	static const char *const bad[] = { "",	   "{",	    "{\"a\"}",	"{\"a\":}", "[1,]", "[1 2]", "tru", "nul",
					   "\"",   "\"\\",  "\"\\x\"",	"\"\\u12\"", "01a",  "-",     "1.",  "1e",
					   "{} {}", "\"\n\"", "{\"a\":1,}", "]",	    "{a:1}" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		refuses(bad[i]);
}

static void depth_has_a_limit(void **state)
{
	char deep[1002] = "";
	const struct json *v;
	struct arena *a;

	(void)state;
	memset(deep, '[', 500);
	memset(deep + 500, ']', 500);
	refuses(deep);
	assert_int_equal(parse("[[[[[[[[[[1]]]]]]]]]]", &a, &v), 0);
	arena_free(a);
}

static void memory_has_a_limit(void **state)
{
	struct arena *a = arena_new(2000);
	const struct json *v;
	char many[4001];

	(void)state;
	memset(many, ',', sizeof(many));
	for (size_t i = 1; i < 4000; i += 2)
		many[i] = '1';
	many[0] = '[';
	many[3999] = ']';
	many[3998] = '1';
	assert_int_equal(json_parse((struct slice){ (uint8_t *)many, 4000 }, a, &v), -ENOMEM);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_keep_order_and_digits), cmocka_unit_test(escapes_become_utf8_and_nul_stays),
		cmocka_unit_test(what_is_no_json_is_refused),	 cmocka_unit_test(depth_has_a_limit),
		cmocka_unit_test(memory_has_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
