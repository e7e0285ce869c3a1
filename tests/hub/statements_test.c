/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <cjson/cJSON.h>
#include <stdio.h>

#include "hub/statements.h"

#define BEGIN INT64_C(1700000000000000000)
#define MS    INT64_C(1000000)

static struct list list;
static uint64_t next_n;

static int setup(void **state)
{
	(void)state;
	next_n = 0;
	return list_init(&list, 100000, 64 << 20);
}

static int teardown(void **state)
{
	(void)state;
	list_release(&list);
	return 0;
}

static void put(const char *proto, const char *caller, const char *sql, uint64_t dur_ms, bool failed)
{
	static const struct flow_attr rows = { "rows", "3" };
	struct flow_conn conn = { .l4 = "tcp", .client.container = caller, .server.container = "db" };
	struct flow f = {
		.epoch_ns = BEGIN + (int64_t)next_n * MS - 1,
		.conn = &conn,
		.proto = proto,
		.state = dur_ms ? FLOW_DONE : FLOW_OPEN,
		.failed = failed,
		.has_req = true,
		.has_resp = dur_ms != 0,
		.req = { .begin_ns = 1, .op = "Query", .target = sql },
		.resp = { .end_ns = 1 + dur_ms * (uint64_t)MS, .status = "SELECT", .attrs = &rows, .nattrs = dur_ms != 0 },
	};

	memcpy(f.id, &next_n, sizeof(next_n));
	assert_int_equal(list_put(&list, ++next_n, &f), 0);
}

static void on_row(void *ctx, const struct list *l, const struct row *r)
{
	struct job *j = ctx;

	j->ops->row(j, l, r);
}

/* step: rows looked at between two changes of the list; 0: nothing changes. */
static cJSON *summed(size_t told, const char *filter, size_t step)
{
	struct job *j = statements_new(told);
	struct filter_error e;
	struct buf out = { 0 };
	cJSON *got;

	assert_non_null(j);
	j->range = WALK_ALWAYS;
	j->now_ns = BEGIN + 3600000 * MS;
	assert_int_equal(walk_new(&j->walk, filter, j->range, on_row, j, &e), 0);
	while (walk_step(j->walk, &list, step ? step : 1000))
		if (step)
			put("http1", "late", "/", 1, false);
	assert_true(walk_done(j->walk));
	j->ops->answer(j, &out);
	assert_false(out.failed);
	got = cJSON_ParseWithLength((const char *)out.p, out.n);
	if (!got)
		fail_msg("%.*s", (int)out.n, (const char *)out.p);
	buf_release(&out);
	walk_free(j->walk);
	j->ops->free(j);
	return got;
}

static double num(const cJSON *o, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);

	assert_true(cJSON_IsNumber(v));
	return v->valuedouble;
}

static const cJSON *at(const cJSON *o, const char *key, int i)
{
	const cJSON *v = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(o, key), i);

	assert_non_null(v);
	return v;
}

static const char *str(const cJSON *o, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);

	assert_true(cJSON_IsString(v));
	return v->valuestring;
}

static void statements_are_counted_by_shape(void **state)
{
	const cJSON *first, *second;
	cJSON *j;
	char sql[64];

	(void)state;
	for (int i = 0; i < 100; i++) {
		(void)snprintf(sql, sizeof(sql), "%s name FROM users WHERE id = %d", i % 2 ? "SELECT" : "select", i);
		put("postgres", i % 4 ? "api" : "worker", sql, (uint64_t)i + 1, i < 5);
	}
	put("postgres", "api", "COMMIT", 10, false);
	put("postgres", "api", "SELECT pg_sleep($1)", 0, false);
	put("mysql", "api", "SELECT name FROM users WHERE id = 1", 1, false);
	put("http1", "api", "/v1/users", 9000, false);
	for (size_t step = 0; step < 8; step += 7) {
		j = summed(300, "", step);
		assert_int_equal(num(j, "flows"), 103);
		assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(j, "statements")), 4);
		first = at(j, "statements", 0);
		assert_string_equal(str(first, "shape"), "select name FROM users WHERE id = ?");
		assert_string_equal(str(first, "proto"), "postgres");
		assert_int_equal(num(first, "calls"), 100);
		assert_int_equal(num(first, "failed"), 5);
		assert_int_equal(num(first, "rows"), 300);
		assert_int_equal(num(first, "busy_ns"), 5050 * MS);
		assert_in_range((uint64_t)num(first, "p95"), 92 * MS, 98 * MS);
		assert_int_equal(num(first, "max"), 100 * MS);
		assert_string_equal(str(at(first, "callers", 0), "name"), "worker");
		assert_int_equal(num(at(first, "callers", 0), "calls"), 25);
		assert_int_equal(num(at(first, "callers", 1), "calls"), 75);
		assert_string_equal(str(at(first, "servers", 0), "name"), "db");
		second = at(j, "statements", 1);
		assert_string_equal(str(second, "shape"), "COMMIT");
		assert_true(cJSON_IsNull(cJSON_GetObjectItem(at(j, "statements", 3), "p95")));
		cJSON_Delete(j);
	}
	j = summed(300, "is:error", 0);
	assert_int_equal(num(j, "flows"), 5);
	cJSON_Delete(j);
}

static void what_has_no_room_is_counted(void **state)
{
	cJSON *j;
	char sql[64];

	(void)state;
	for (int i = 0; i < STATEMENTS_KEPT + 50; i++) {
		(void)snprintf(sql, sizeof(sql), "SELECT c%d FROM t", i);
		put("postgres", "api", sql, 1, false);
	}
	j = summed(100, "", 0);
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(j, "statements")), 100);
	assert_int_equal(num(cJSON_GetObjectItem(j, "left_out"), "statements"), STATEMENTS_KEPT - 100);
	assert_int_equal(num(cJSON_GetObjectItem(j, "left_out"), "flows"), STATEMENTS_KEPT - 100 + 50);
	cJSON_Delete(j);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(statements_are_counted_by_shape),
		TEST(what_has_no_room_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
