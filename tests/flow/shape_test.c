/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdlib.h>

#include "flow/shape.h"

static void is(const char *proto, const char *op, const char *target, const char *want)
{
	struct buf b = { 0 };

	shape_of(&b, proto, op, target);
	buf_put(&b, (struct slice){ (const uint8_t *)"", 1 });
	assert_string_equal((char *)b.p, want);
	buf_release(&b);
}

#define PG(sql, want) is("postgres", "Query", sql, want)
#define MY(sql, want) is("mysql", "Query", sql, want)

static void values_are_left_out_of_a_statement(void **state)
{
	(void)state;
	PG("SELECT * FROM users WHERE id = 17", "SELECT * FROM users WHERE id = ?");
	PG("SELECT * FROM users WHERE id = $1", "SELECT * FROM users WHERE id = ?");
	PG("  select\n\t*  from t -- why\n where a='it''s' and b=E'\\'x' /* c */ ;", "select * from t where a=? and b=?");
	PG("SELECT 1.5e-10, -3, t1.c2, x-1, a::int4, $$it's$$, $f$ $$ $f$", "SELECT ?, …, t1.c2, x-?, a::int4, ?, …");
	PG("SELECT \"a'1\" FROM \"T 2\" WHERE x=:name AND y = -5", "SELECT \"a'1\" FROM \"T 2\" WHERE x=? AND y = ?");
	MY("SELECT `a'1` FROM t WHERE x=\"it\\\"s 1\" # 7\n AND y=0xFF", "SELECT `a'1` FROM t WHERE x=? AND y=?");
	MY("SELECT 'a\\'b', x'00ff'", "SELECT ?, …");
	PG("SELECT 'never ends", "SELECT ?");
	PG("/* only */", "Query");
	is("mysql", "Ping", NULL, "Ping");
}

static void lists_of_values_are_one(void **state)
{
	(void)state;
	PG("SELECT a FROM t WHERE id IN (1,2, 3)", "SELECT a FROM t WHERE id IN (?, …)");
	PG("SELECT a FROM t WHERE id IN (1)", "SELECT a FROM t WHERE id IN (?)");
	PG("INSERT INTO t (a, b) VALUES ($1, $2)", "INSERT INTO t (a, b) VALUES (?, …)");
	PG("INSERT INTO t (a, b) VALUES (1, 'x'), (2, 'y') ,(3,'z') RETURNING id",
	   "INSERT INTO t (a, b) VALUES (?, …), … RETURNING id");
	PG("SELECT f(1), g(2, 3)", "SELECT f(?), g(?, …)");
	PG("SELECT count(*) FROM t LIMIT 10 OFFSET 20", "SELECT count(*) FROM t LIMIT ? OFFSET ?");
}

static void targets_lose_their_numbers(void **state)
{
	(void)state;
	is("http1", "GET", "/v1/users/17/orders?x=1", "GET /v1/users/*/orders");
	is("http2", "GET", "/o/0192e4c4-0000-7000-8000-00000000beef", "GET /o/*");
	is("redis", "GET", "user:42:name", "GET user:*:name");
	is("http1", "GET", "/decade/facade", "GET /decade/facade");
	is("redis", "PING", "", "PING");
	is("http1", NULL, NULL, "");
}

static void case_does_not_tell_shapes_apart(void **state)
{
	(void)state;
	assert_int_equal(shape_key(SLICE_LIT("SELECT ?")), shape_key(SLICE_LIT("select ?")));
	assert_int_not_equal(shape_key(SLICE_LIT("SELECT ?")), shape_key(SLICE_LIT("SELECT ?, …")));
}

/* Any bytes, any end: bounded, and never past the end. */
static void any_text_gives_a_bounded_shape(void **state)
{
	static const char alphabet[] = "'\"`$?:-/*#;(),. \n\\aE1\xc3\xa9";
	char text[64];
	struct buf b = { 0 };

	(void)state;
	srandom(1);
	for (int round = 0; round < 20000; round++) {
		size_t n = (size_t)random() % (sizeof(text) - 1);

		for (size_t i = 0; i < n; i++)
			text[i] = alphabet[(size_t)random() % (sizeof(alphabet) - 1)];
		text[n] = '\0';
		buf_clear(&b);
		shape_of(&b, round % 2 ? "mysql" : "postgres", "Query", text);
		shape_of(&b, "http1", "GET", text);
		assert_true(b.n <= 2 * SHAPE_MAX);
	}
	buf_release(&b);
}

static void a_long_statement_is_cut(void **state)
{
	char text[4000];
	struct buf b = { 0 };

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	shape_of(&b, "postgres", "Query", text);
	assert_int_equal(b.n, SHAPE_MAX);
	assert_memory_equal(b.p + b.n - 3, "…", 3);
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_left_out_of_a_statement),
		cmocka_unit_test(lists_of_values_are_one),
		cmocka_unit_test(targets_lose_their_numbers),
		cmocka_unit_test(case_does_not_tell_shapes_apart),
		cmocka_unit_test(any_text_gives_a_bounded_shape),
		cmocka_unit_test(a_long_statement_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
