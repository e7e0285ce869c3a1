/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that are about one protocol. */
#include "test.h"
#include "sample.h"

#include <stdio.h>

#include "filter/filter.h"

static bool hits(const char *text, const struct flow *f)
{
	struct filter_error err = { 0 };
	struct filter *q = NULL;
	bool hit;

	if (filter_new(&q, text, &err) != 0)
		fail_msg("%s: at %zu: %s", text, err.at, err.text);
	hit = filter_match(q, f);
	filter_free(q);
	return hit;
}

static void all_hit(const char *const *yes, const char *const *no, const struct flow *f)
{
	for (; *yes; yes++)
		if (!hits(*yes, f))
			fail_msg("%s: expected a match", *yes);
	for (; *no; no++)
		if (hits(*no, f))
			fail_msg("%s: expected none", *no);
}

static struct flow_attr rows[] = { { "affected", "3" }, { "rows", "0" } };

static struct flow sql(const char *statement)
{
	struct flow f = *sample_flow();

	f.proto = "postgres";
	f.req.op = "Query";
	f.req.target = statement;
	f.resp.status = "42P01";
	f.resp.reason = "relation \"orders\" does not exist";
	f.failed = true;
	f.resp.attrs = rows;
	f.resp.nattrs = 1;
	return f;
}

static void statements_by_word_error_and_rows(void **state)
{
	static const char *const yes[] = { "sql:\"from orders\"", "sql.op:select", "sql.error:42P01", "sql.error:relation",
					   "sql.rows=3", "sql.rows>2", "sql.table=orders", NULL };
	static const char *const no[] = { "sql:customers", "sql.op:sel", "sql.error:23505", "sql.rows=0", "redis.cmd:GET",
					  "grpc:OK", "ws.kind:text", NULL };
	static const char *const none[] = { "sql.rows=0", NULL }, *const nothing[] = { "sql.rows=3", "sql.error:42P01", NULL };
	struct flow f = sql(" /* from x */ -- hi\n (SELECT * FROM Orders)");

	(void)state;
	all_hit(yes, no, &f);
	f.resp.nattrs = 2;
	f.failed = false;
	all_hit(none, nothing, &f);
	f = sql("");
	assert_true(hits("sql.op:query", &f));
}

static void tables_of_statements(void **state)
{
	static const struct {
		const char *statement, *has, *not;
	} cases[] = {
		{ "SELECT a.x FROM orders a, \"Shop\".\"Items\" AS i WHERE a.y IN (1, 2)", "orders,Shop.Items,Items", "a,i,x,y" },
		{ "select * from `my`.`t` left join u on u.a = t.a", "my.t,t,u", "on,left" },
		{ "INSERT INTO public.orders (id, v) VALUES ('from nowhere', 2)", "public.orders,orders", "id,v,nowhere" },
		{ "INSERT INTO t (a) VALUES (1) ON DUPLICATE KEY UPDATE b = 2", "t", "b" },
		{ "UPDATE ONLY t SET a = 'it''s from x' WHERE b = 1", "t", "only,x,a" },
		{ "WITH w AS (SELECT 1 FROM base) UPDATE t2 SET a = 1 FROM w", "base,t2,w", "a" },
		{ "DELETE FROM t WHERE EXTRACT(year FROM ts) = 2026", "t", "ts" },
		{ "SELECT x FROM (SELECT y FROM deep, deeper) q, flat FOR UPDATE", "deep,deeper", "q,y" },
		{ "CREATE TABLE IF NOT EXISTS made (a int)", "made", "if,a" },
		{ "COPY loaded FROM STDIN", "loaded", "a" },
		{ "TRUNCATE TABLE gone; SELECT 1 FROM next", "gone,next", "table" },
		{ "SELECT 1 -- from x\n /* from y */", "", "x,y" },
		{ "SELECT 'from a\\' from b', \"from c\" FROM d", "d", "a,b,c" },
		{ "FROM \"", "", "a" },
		{ "FROM ''\"\".", "", "a" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct flow f = sql(cases[i].statement);

		for (int k = 0; k < 2; k++) {
			char list[200], *name;

			snprintf(list, sizeof(list), "%s", k ? cases[i].not : cases[i].has);
			for (name = strtok(list, ","); name; name = strtok(NULL, ",")) {
				char text[100];

				snprintf(text, sizeof(text), "sql.table=%s", name);
				if (hits(text, &f) != (k == 0))
					fail_msg("%s: %s", text, cases[i].statement);
			}
		}
	}
}

static void calls_commands_and_messages(void **state)
{
	static const char *const call[] = { "grpc:not_found", "grpc!=OK", NULL }, *const no_call[] = { "grpc:OK", "sql.op:*", NULL };
	static const char *const redis[] = { "redis.cmd:hget", "redis.key:user*", NULL }, *const no_redis[] = { "redis.cmd:get", NULL };
	static const char *const ws[] = { "ws.kind:text", "ws.dir:c2s", "is:stream", NULL }, *const no_ws[] = { "ws.kind:ping", NULL };
	static const struct flow_msg said = { .seq = 1, .op = "text" };
	struct flow f = *sample_flow();

	(void)state;
	f.proto = "grpc";
	f.resp.status = "NOT_FOUND";
	all_hit(call, no_call, &f);
	f.proto = "redis";
	f.req.op = "HGET";
	f.req.target = "user:1";
	all_hit(redis, no_redis, &f);
	f.proto = "websocket";
	f.streams = true;
	f.msgs = &said;
	f.nmsgs = 1;
	all_hit(ws, no_ws, &f);
}

static void members_of_bodies(void **state)
{
	static const char *const yes[] = { "json.user.id=7", "json.user.id:7", "json.items.1.name=b", "json.items.name=b", "json.items.name=a",
					   "json.user.admin=true", NULL };
	static const char *const no[] = { "json.user.id=8", "json.id=7", "json.items.0.name=b", "json.items.x=b", "json.items.5.name=a", "json.user.id.a=7",
					  NULL };
	struct flow f = *sample_flow();

	(void)state;
	f.resp.body.data = SLICE_LIT(" {\"user\":{\"id\":7,\"admin\":true},\"items\":[{\"name\":\"a\"},{\"name\":\"b\"}]}");
	f.resp.body.shown = (struct slice){ 0 };
	all_hit(yes, no, &f);
	f.resp.body.data = SLICE_LIT("{\"user\":");
	assert_false(hits("json.user:*", &f));
}

static void inside_and_outside(void **state)
{
	struct flow_conn conn = *sample_flow()->conn;
	struct flow f = *sample_flow();
	static const uint8_t public[16] = { [10] = 0xff, [11] = 0xff, [12] = 93, [13] = 184, [14] = 216, [15] = 34 };

	(void)state;
	assert_true(hits("is:local", &f));
	assert_false(hits("is:external", &f));
	memcpy(conn.server.addr, public, 16);
	f.conn = &conn;
	assert_true(hits("is:external", &f));
	assert_true(hits("is:local", sample_unix_flow()));
	f.proto = "tls";
	assert_true(hits("is:undecrypted", &f));
	assert_true(hits("-is:undecrypted", sample_flow()));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(statements_by_word_error_and_rows),
		cmocka_unit_test(tables_of_statements),
		cmocka_unit_test(calls_commands_and_messages),
		cmocka_unit_test(members_of_bodies),
		cmocka_unit_test(inside_and_outside),
	};

	return cmocka_run_group_tests_name("spoken", tests, NULL, NULL);
}
