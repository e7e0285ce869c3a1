/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdlib.h>

#include "alloc.h"
#include "proto/sql.h"

#define LIT(s) SLICE_LIT(s)

static void a_list_is_a_json_array(void **state)
{
	struct arena *a = arena_new(4096);
	struct sql_list l = { 0 };

	(void)state;
	assert_null(sql_list_copy(&l, a));
	sql_list_add(&l, 1000, LIT("a\"b\n"));
	sql_list_add_null(&l, 1000);
	sql_list_add(&l, 1000, LIT(""));
	sql_list_add(&l, 1000, LIT("\xff\xc3\xa9"));
	assert_string_equal(sql_list_copy(&l, a),
			    "[\"a\\\"b\\n\",null,\"\",\"\xef\xbf\xbd\xc3\xa9\"]");
	assert_int_equal(l.n, 4);
	assert_false(l.cut);
	sql_list_clear(&l);
	assert_null(sql_list_copy(&l, a));
	sql_list_release(&l);
	arena_free(a);
}

/* Whatever is in the values, the text stays below max and is an array; what is not in it is said. */
static void a_list_keeps_to_its_limit(void **state)
{
	static const struct slice values[] = { LIT("abcdefghij"), LIT("\x01\x02\x03\x04\x05\x06"),
					       LIT("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"),
					       LIT("\"\"\"\"\"\"\"\""), LIT("\xff\xff\xff\xff") };

	(void)state;
	for (size_t max = 0; max < 80; max++)
		for (size_t v = 0; v < 5; v++) {
			struct arena *a = arena_new(4096);
			struct sql_list l = { 0 };
			const char *s;

			for (int i = 0; i < 20; i++) {
				sql_list_add(&l, max, values[v]);
				sql_list_add_null(&l, max);
			}
			assert_int_equal(l.n, 40);
			assert_true(l.cut);
			s = sql_list_copy(&l, a);
			assert_true(!s || strlen(s) <= max);
			assert_true(!s || (s[0] == '[' && s[strlen(s) - 1] == ']'));
			assert_true(!s || slice_is_utf8(slice_str(s)));
			sql_list_release(&l);
			arena_free(a);
		}
}

static void rows_are_lines(void **state)
{
	struct arena *a = arena_new(4096);
	struct sql_rows r = { 0 };
	struct flow_body b;

	(void)state;
	assert_int_equal(sql_rows_copy(&r, a, &b), 0);
	assert_null(b.type);
	assert_int_equal(b.len, 0);
	assert_true(sql_row_begin(&r, 7, 1000, 1000));
	sql_row_value(&r, LIT("1"), 1);
	sql_row_null(&r);
	sql_row_end(&r, false);
	assert_true(sql_row_begin(&r, 3, 1000, 1000));
	sql_row_end(&r, false); /* of no columns */
	assert_int_equal(sql_rows_copy(&r, a, &b), 0);
	assert_string_equal(b.type, "application/x-ndjson");
	assert_true(slice_eq(b.data, LIT("[\"1\",null]\n[]\n")));
	assert_int_equal(b.len, 10);
	assert_int_equal(b.captured, 10);
	assert_int_equal(r.rows, 2);
	sql_rows_clear(&r);
	assert_int_equal(r.rows, 0);
	assert_int_equal(r.text.n, 0);
	sql_rows_release(&r);
	arena_free(a);
}

/* From the first on until one does not fit; all are counted. */
static void rows_over_the_limit_are_counted(void **state)
{
	struct arena *a = arena_new(4096);
	struct sql_rows r = { 0 };
	struct flow_body b;

	(void)state;
	for (int i = 0; i < 10; i++) {
		bool kept = sql_row_begin(&r, i == 3 ? 30 : 10, 55, 1000);

		assert_int_equal(kept, i < 3);
		sql_row_value(&r, LIT("x"), 1);
		sql_row_end(&r, false);
	}
	assert_int_equal(sql_rows_copy(&r, a, &b), FLOW_TRUNCATED);
	assert_true(slice_eq(b.data, LIT("[\"x\"]\n[\"x\"]\n[\"x\"]\n")));
	assert_int_equal(r.rows, 10);
	assert_int_equal(b.len, 120);
	assert_int_equal(b.captured, 30);
	sql_rows_release(&r);
	arena_free(a);
}

static void the_first_row_is_cut_when_it_is_too_large(void **state)
{
	struct arena *a = arena_new(4096);
	struct sql_rows r = { 0 };
	struct flow_body b;

	(void)state;
	assert_int_equal(sql_rows_room(&r, 20), 20);
	assert_true(sql_row_begin(&r, 100, 20, 1000));
	sql_row_value(&r, LIT("abc"), 3);
	assert_int_equal(sql_rows_room(&r, 20), 17);
	sql_row_value(&r, LIT("0123456789abcdefg"), 97);
	sql_row_value(&r, LIT("z"), 1); /* behind the cut: not kept */
	sql_row_end(&r, true);
	assert_false(sql_row_begin(&r, 1, 20, 1000));
	assert_int_equal(sql_rows_room(&r, 20), 0);
	assert_int_equal(sql_rows_copy(&r, a, &b), FLOW_TRUNCATED);
	assert_true(slice_eq(b.data, LIT("[\"abc\",\"0123456789abcdefg\"]\n")));
	assert_int_equal(b.len, 101);
	assert_int_equal(b.captured, 20);
	sql_rows_release(&r);
	arena_free(a);
}

/* Escapes may make six bytes of one. */
static void the_text_of_rows_has_a_limit_of_its_own(void **state)
{
	(void)state;
	for (size_t max = 0; max < 300; max++) {
		struct arena *a = arena_new(4096);
		struct sql_rows r = { 0 };
		struct flow_body b;

		for (int i = 0; i < 20; i++) {
			(void)sql_row_begin(&r, 12, 100000, max);
			sql_row_value(&r, LIT("\x01\x02\x03\x04\x05\x06"), 6);
			sql_row_null(&r);
			sql_row_value(&r, LIT("\x01\x02\x03\x04\x05\x06"), 6);
			sql_row_end(&r, false);
		}
		assert_int_equal(sql_rows_copy(&r, a, &b), FLOW_TRUNCATED);
		assert_true(b.data.n <= max);
		assert_true(b.data.n == 0 || b.data.p[b.data.n - 1] == '\n');
		assert_int_equal(b.len, 240);
		assert_true(b.captured < b.len);
		sql_rows_release(&r);
		arena_free(a);
	}
}

static void without_memory_the_answer_says_truncated(void **state)
{
	struct flow_body b;
	bool any = true;

	(void)state;
	for (size_t n = 0; any; n++) {
		struct sql_rows r = { 0 };
		struct sql_list l = { 0 };
		struct arena *a;
		const char *s;
		unsigned flags;

		alloc_fail(n, 1);
		a = arena_new(4096);
		(void)sql_row_begin(&r, 400, 1000, 10000);
		sql_row_value(&r, (struct slice){ (const uint8_t *)"x", 1 }, 400);
		sql_row_end(&r, false);
		sql_list_add(&l, 1000, LIT("x"));
		sql_list_add_null(&l, 1000);
		if (a) {
			flags = sql_rows_copy(&r, a, &b);
			assert_true(flags || slice_eq(b.data, LIT("[\"x\"]\n")));
			assert_true(!flags || b.captured < b.len);
			s = sql_list_copy(&l, a);
			assert_true(l.cut || strcmp(s, "[\"x\",null]") == 0);
		}
		any = alloc_refused();
		sql_rows_release(&r);
		sql_list_release(&l);
		arena_free(a);
	}
}

static void attributes_follow_the_halfs_own(void **state)
{
	struct arena *a = arena_new(4096);
	struct sql_attrs t = { 0 };
	struct flow_attr own = { "own", "1" };
	struct flow_half h = { .attrs = &own, .nattrs = 1 };

	(void)state;
	sql_attr(&t, "unset", NULL);
	sql_attr_slice(&t, a, "portal", LIT("p"));
	sql_attr_num(&t, a, "rows", UINT64_MAX);
	assert_true(sql_attrs_put(&t, a, &h));
	assert_int_equal(h.nattrs, 3);
	assert_string_equal(h.attrs[0].key, "own");
	assert_string_equal(h.attrs[1].value, "p");
	assert_string_equal(h.attrs[2].value, "18446744073709551615");
	for (int i = 0; i < 100; i++)
		sql_attr(&t, "k", "v");
	assert_true(sql_attrs_put(&t, a, &h));
	assert_int_equal(h.nattrs, 3 + SQL_ATTRS);
	assert_true(t.cut);
	arena_free(a);
}

static void a_statement_says_its_true_length(void **state)
{
	struct arena *a = arena_new(4096);
	struct sql_attrs t = { 0 };
	unsigned flags = 0;

	(void)state;
	assert_string_equal(sql_statement(a, LIT("SELECT\0001"), 8, 8, &t, &flags), "SELECT 1");
	assert_int_equal(flags, 0);
	assert_int_equal(t.n, 0);
	assert_string_equal(sql_statement(a, LIT("caf\xc3\xa9"), 1000, 4, &t, &flags), "caf");
	assert_int_equal(flags, FLOW_TRUNCATED);
	assert_string_equal(t.list[0].key, "statement_len");
	assert_string_equal(t.list[0].value, "1000");
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_is_a_json_array),
		cmocka_unit_test(a_list_keeps_to_its_limit),
		cmocka_unit_test(rows_are_lines),
		cmocka_unit_test(rows_over_the_limit_are_counted),
		cmocka_unit_test(the_first_row_is_cut_when_it_is_too_large),
		cmocka_unit_test(the_text_of_rows_has_a_limit_of_its_own),
		cmocka_unit_test(without_memory_the_answer_says_truncated),
		cmocka_unit_test(attributes_follow_the_halfs_own),
		cmocka_unit_test(a_statement_says_its_true_length),
	};

	return cmocka_run_group_tests_name("sql", tests, NULL, NULL);
}
