/* SPDX-License-Identifier: Apache-2.0 */
/* Map and metrics over a list with a known content. */
#include "test.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "hub/callmap.h"
#include "hub/metrics.h"

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

struct put {
	const char *from, *to, *proto, *op, *target, *status; /* from and to: "web", "shop/shop-web-1", "pod:web-0", "%curl", "=1" */
	int64_t at_ms;
	uint64_t dur_us; /* 0: still open */
	bool failed;
};

static void peer(struct flow_peer *p, const char *text, char project[64])
{
	const char *slash = strchr(text, '/');

	p->addr[10] = p->addr[11] = 0xff;
	p->addr[12] = 10;
	p->addr[15] = 1;
	if (text[0] == '%') {
		p->comm = text + 1;
	} else if (text[0] == '=') {
		p->addr[14] = (uint8_t)(atoi(text + 1) >> 8);
		p->addr[15] = (uint8_t)atoi(text + 1);
	} else if (strncmp(text, "pod:", 4) == 0) {
		p->pod = text + 4;
		p->container = "main";
		p->ns = "prod";
	} else if (slash) {
		(void)snprintf(project, 64, "%.*s", (int)(slash - text), text);
		p->project = project;
		p->container = slash + 1;
		p->comm = "node";
	} else {
		p->container = text;
	}
}

static void put(struct put o)
{
	char client[64], server[64];
	struct flow_attr host = { "Host", "pay.example" };
	struct flow_conn conn = { .l4 = "tcp", .client.pid = (uint32_t)next_n };
	struct flow f = {
		.epoch_ns = BEGIN + o.at_ms * MS - 1,
		.conn = &conn,
		.proto = o.proto ? o.proto : "http1",
		.state = o.dur_us ? FLOW_DONE : FLOW_OPEN,
		.failed = o.failed,
		.has_req = true,
		.has_resp = o.dur_us != 0,
		.req = { .begin_ns = 1, .op = o.op ? o.op : "GET", .target = o.target ? o.target : "/", .body.len = 10 },
		.resp = { .end_ns = 1 + o.dur_us * 1000, .status = o.dur_us ? o.status ? o.status : "200" : NULL, .body.len = 90 },
	};

	peer(&conn.client, o.from, client);
	peer(&conn.server, o.to, server);
	if (o.to[0] == '=') {
		f.req.headers = &host;
		f.req.nheaders = 1;
	}
	memcpy(f.id, &next_n, sizeof(next_n));
	assert_int_equal(list_put(&list, ++next_n, &f), 0);
}

static void on_row(void *ctx, const struct list *l, const struct row *r)
{
	struct job *j = ctx;

	j->ops->row(j, l, r);
}

/* step: rows looked at between two changes of the list; 0: nothing changes. */
static cJSON *summed(struct job *j, const char *filter, struct walk_range range, size_t step)
{
	struct filter_error e;
	struct buf out = { 0 };
	cJSON *got;

	assert_non_null(j);
	j->range = range;
	j->now_ns = BEGIN + 3600000 * MS;
	assert_int_equal(walk_new(&j->walk, filter, range, on_row, j, &e), 0);
	while (walk_step(j->walk, &list, step ? step : 1000))
		if (step) /* names come and go: what numbers stood for is void */
			put((struct put){ "late", "later", .at_ms = 1, .dur_us = 5 });
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

	if (!cJSON_IsNumber(v))
		fail_msg("%s is no number in %s", key, cJSON_Print(o));
	return v->valuedouble;
}

static const char *str(const cJSON *o, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);

	assert_true(cJSON_IsString(v));
	return v->valuestring;
}

static const cJSON *get(const cJSON *o, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(o, key);
}

/* "kind:name@group" */
static void node_text(const cJSON *map, int i, char *out, size_t n)
{
	const cJSON *node = cJSON_GetArrayItem(get(map, "nodes"), i);

	(void)snprintf(out, n, "%s:%s@%s", str(node, "kind"), str(node, "name"), str(node, "group"));
}

static const cJSON *edge(const cJSON *map, const char *from, const char *to, const char *proto)
{
	const cJSON *e;

	cJSON_ArrayForEach(e, get(map, "edges")) {
		char a[128], b[128];

		node_text(map, (int)num(e, "from"), a, sizeof(a));
		node_text(map, (int)num(e, "to"), b, sizeof(b));
		if (strcmp(a, from) == 0 && strcmp(b, to) == 0 && strcmp(str(e, "proto"), proto) == 0)
			return e;
	}
	fail_msg("no %s edge from %s to %s", proto, from, to);
	return NULL;
}

static double sum_of(const cJSON *list_, const char *key)
{
	const cJSON *e;
	double n = 0;

	cJSON_ArrayForEach(e, list_)
		n += num(e, key);
	return n;
}

static void shop(void)
{
	for (int i = 0; i < 100; i++)
		put((struct put){ i % 2 ? "shop/shop-web-1" : "shop/shop-web-2", "shop/shop-api-1", .target = "/v1/users/7",
				  .at_ms = i * 10, .dur_us = (uint64_t)(i + 1) * 1000, .failed = i % 10 == 0,
				  .status = i % 10 == 0 ? "500" : "200" });
	for (int i = 0; i < 40; i++)
		put((struct put){ "shop/shop-api-1", "shop/shop-db-1", "postgres", "SELECT", "SELECT * FROM users WHERE id = 7",
				  "SELECT 1", i * 10, 2000, false });
	put((struct put){ "%firefox", "shop/shop-web-1", "websocket", .at_ms = -500000 });
	put((struct put){ "shop/shop-api-1", "=9", .at_ms = 5, .dur_us = 100000 });
	put((struct put){ "pod:web-7d9f8c6b5d-x2x4z", "pod:db-0", "redis", "GET", "user:7", "OK", 7, 50, false });
}

static void who_calls_whom_is_told_by_service(void **state)
{
	cJSON *map;
	const cJSON *e;

	(void)state;
	shop();
	map = summed(callmap_new(BY_SERVICE, 1000), "", WALK_ALWAYS, 0);
	e = edge(map, "service:web@shop", "service:api@shop", "http1");
	assert_int_equal(num(e, "flows"), 100);
	assert_int_equal(num(e, "failed"), 10);
	assert_int_equal(num(e, "req_bytes"), 1000);
	assert_int_equal(num(e, "resp_bytes"), 9000);
	assert_in_range(num(e, "p50"), 50 * 1e6, 51.6 * 1e6);
	assert_in_range(num(e, "p95"), 95 * 1e6, 98.1 * 1e6);
	assert_in_range(num(e, "p99"), 99 * 1e6, 100 * 1e6);
	assert_int_equal(num(e, "max"), 100 * 1e6);
	assert_int_equal(num(edge(map, "service:api@shop", "service:db@shop", "postgres"), "flows"), 40);
	e = edge(map, "process:firefox@", "service:web@shop", "websocket");
	assert_int_equal(num(e, "open"), 1);
	assert_true(cJSON_IsNull(get(e, "p95"))); /* how long it is open is no latency */
	(void)edge(map, "service:api@shop", "host:pay.example@", "http1");
	(void)edge(map, "service:web@prod", "service:db@prod", "redis");
	assert_int_equal(num(map, "flows"), 143);
	assert_int_equal(sum_of(get(map, "edges"), "flows"), 143);
	assert_int_equal(num(get(map, "left_out"), "flows"), 0);
	cJSON_Delete(map);
}

static void it_is_told_by_container_and_project_too(void **state)
{
	cJSON *map;

	(void)state;
	shop();
	map = summed(callmap_new(BY_CONTAINER, 1000), "", WALK_ALWAYS, 0);
	assert_int_equal(num(edge(map, "container:shop-web-2@shop", "container:shop-api-1@shop", "http1"), "flows"), 50);
	(void)edge(map, "container:web-7d9f8c6b5d-x2x4z@prod", "container:db-0@prod", "redis");
	cJSON_Delete(map);
	map = summed(callmap_new(BY_PROJECT, 1000), "", WALK_ALWAYS, 0);
	assert_int_equal(num(edge(map, "project:shop@shop", "project:shop@shop", "http1"), "flows"), 100);
	cJSON_Delete(map);
	map = summed(callmap_new(BY_NAMESPACE, 1000), "", WALK_ALWAYS, 0);
	(void)edge(map, "namespace:prod@prod", "namespace:prod@prod", "redis");
	(void)edge(map, "project:shop@shop", "project:shop@shop", "http1");
	cJSON_Delete(map);
}

static void filter_and_range_decide_what_is_counted(void **state)
{
	const struct walk_range range = { BEGIN + 100 * MS, BEGIN + 200 * MS, false };
	struct walk_range open = range;
	cJSON *map;

	(void)state;
	shop();
	map = summed(callmap_new(BY_SERVICE, 1000), "is:error", WALK_ALWAYS, 0);
	assert_int_equal(num(map, "flows"), 10);
	cJSON_Delete(map);
	map = summed(callmap_new(BY_SERVICE, 1000), "src.service=api", range, 0);
	assert_int_equal(num(map, "flows"), 10); /* of the 40 statements */
	assert_string_equal(str(map, "from_ns"), "1700000000100000000");
	assert_string_equal(str(map, "to_ns"), "1700000000200000000");
	cJSON_Delete(map);
	open.open = true;
	map = summed(callmap_new(BY_SERVICE, 1000), "", open, 0);
	assert_int_equal(num(map, "flows"), 21); /* and the one that is still open */
	cJSON_Delete(map);
	map = summed(callmap_new(BY_SERVICE, 1000), "path:/nothing", range, 0);
	assert_int_equal(cJSON_GetArraySize(get(map, "nodes")), 0);
	cJSON_Delete(map);
}

static void what_has_no_room_is_one_node_and_counted(void **state)
{
	cJSON *map;
	char text[128];

	(void)state;
	for (int i = 0; i < 200; i++) {
		char from[16];

		(void)snprintf(from, sizeof(from), "=%d", 300 + i);
		for (int n = i < 3 ? 0 : 4; n < 5; n++)
			put((struct put){ from, "web", .at_ms = i, .dur_us = 10 });
	}
	map = summed(callmap_new(BY_SERVICE, 1000), "", WALK_ALWAYS, 0);
	/* web, as many addresses as have room, and all others. */
	assert_int_equal(cJSON_GetArraySize(get(map, "nodes")), CALLMAP_ADDRESSES_MAX + 2);
	node_text(map, CALLMAP_ADDRESSES_MAX + 1, text, sizeof(text));
	assert_string_equal(text, "others:@");
	assert_int_equal(num(edge(map, "others:@", "service:web@", "http1"), "flows"), 200 - CALLMAP_ADDRESSES_MAX);
	assert_int_equal(num(edge(map, "address:10.0.1.44@", "service:web@", "http1"), "flows"), 5);
	assert_int_equal(num(get(map, "left_out"), "nodes"), 200 - CALLMAP_ADDRESSES_MAX);
	assert_int_equal(sum_of(get(map, "edges"), "flows"), num(map, "flows"));
	cJSON_Delete(map);
	map = summed(callmap_new(BY_SERVICE, 2), "", WALK_ALWAYS, 0);
	assert_int_equal(cJSON_GetArraySize(get(map, "nodes")), 3);
	assert_int_equal(sum_of(get(map, "edges"), "flows"), num(map, "flows"));
	cJSON_Delete(map);
}

static void more_ends_than_are_kept_are_counted_together(void **state)
{
	cJSON *map;

	(void)state;
	for (int i = 0; i < CALLMAP_NODES_KEPT + 500; i++) {
		char from[24];

		(void)snprintf(from, sizeof(from), "c%d", i);
		put((struct put){ from, "web", .at_ms = i, .dur_us = 10 });
	}
	map = summed(callmap_new(BY_SERVICE, 1000), "", WALK_ALWAYS, 0);
	assert_int_equal(cJSON_GetArraySize(get(map, "nodes")), 1001);
	assert_int_equal(num(map, "flows"), CALLMAP_NODES_KEPT + 500);
	assert_int_equal(sum_of(get(map, "edges"), "flows") + num(get(map, "left_out"), "flows"), num(map, "flows"));
	cJSON_Delete(map);
}

/* Rows that come between two slices may make a number of the list stand for another name. */
static void names_are_right_while_the_list_changes(void **state)
{
	cJSON *map, *m;
	const cJSON *g;

	(void)state;
	list_release(&list);
	assert_int_equal(list_init(&list, 120, 64 << 20), 0); /* the first rows, and their names, give way */
	shop();
	map = summed(callmap_new(BY_SERVICE, 1000), "", WALK_ALWAYS, 3);
	(void)edge(map, "service:api@shop", "service:db@shop", "postgres");
	assert_int_equal(sum_of(get(map, "edges"), "flows"), num(map, "flows"));
	cJSON_Delete(map);
	shop();
	m = summed(metrics_new(METRICS_BY_ENDPOINT, 60, 4), "", WALK_ALWAYS, 3);
	cJSON_ArrayForEach(g, get(m, "groups"))
		assert_true((strcmp(str(g, "proto"), "postgres") == 0) == (strcmp(str(g, "name"), "db") == 0 && num(g, "flows") > 1));
	cJSON_Delete(m);
}

static double at(const cJSON *series, const char *key, int i)
{
	const cJSON *v = cJSON_GetArrayItem(get(series, key), i);

	assert_non_null(v);
	return cJSON_IsNull(v) ? -1 : v->valuedouble;
}

static void metrics_are_told_over_time(void **state)
{
	const struct walk_range range = { BEGIN, BEGIN + 1000 * MS, false };
	cJSON *m;
	const cJSON *all, *api;
	double sum = 0;

	(void)state;
	shop();
	m = summed(metrics_new(METRICS_BY_SERVICE, 12, 2), "", range, 0);
	assert_int_equal(num(m, "step_ns"), 100 * MS);
	assert_string_equal(str(m, "first_ns"), "1700000000000000000");
	assert_int_equal(num(m, "points"), 11);
	all = get(m, "series");
	for (int i = 0; i < 11; i++)
		sum += at(all, "flows", i);
	assert_int_equal(sum, num(m, "flows"));
	api = cJSON_GetArrayItem(get(m, "groups"), 0);
	assert_string_equal(str(api, "name"), "api");
	assert_string_equal(str(api, "kind"), "service");
	assert_string_equal(str(api, "group"), "shop");
	assert_int_equal(num(api, "flows"), 100);
	assert_int_equal(num(api, "failed"), 10);
	assert_int_equal(num(api, "bytes"), 10000);
	api = get(api, "series");
	for (int i = 0; i < 10; i++) {
		assert_int_equal(at(api, "flows", i), 10);
		assert_int_equal(at(api, "failed", i), 1);
		assert_int_equal(at(api, "bytes", i), 1000);
		/* The tenth of ten. */
		assert_in_range(at(api, "p99", i), (i + 1) * 10 * 0.96 * 1e6, (i + 1) * 10 * 1.04 * 1e6);
	}
	assert_int_equal(at(api, "p50", 10), -1);
	assert_null(get(cJSON_GetArrayItem(get(m, "groups"), 2), "series"));
	cJSON_Delete(m);
}

static void endpoints_statuses_and_protocols_are_groups_too(void **state)
{
	cJSON *m;
	const cJSON *g;

	(void)state;
	shop();
	m = summed(metrics_new(METRICS_BY_ENDPOINT, 60, 8), "", WALK_ALWAYS, 0);
	g = cJSON_GetArrayItem(get(m, "groups"), 0);
	assert_string_equal(str(g, "shape"), "GET /v1/users/*");
	assert_string_equal(str(g, "name"), "api");
	g = cJSON_GetArrayItem(get(m, "groups"), 1);
	assert_string_equal(str(g, "shape"), "SELECT * FROM users WHERE id = ?");
	assert_string_equal(str(g, "proto"), "postgres");
	cJSON_Delete(m);
	m = summed(metrics_new(METRICS_BY_STATUS, 60, 8), "proto:http1,websocket", WALK_ALWAYS, 0);
	assert_string_equal(str(cJSON_GetArrayItem(get(m, "groups"), 0), "name"), "2xx");
	assert_int_equal(num(cJSON_GetArrayItem(get(m, "groups"), 0), "flows"), 91);
	assert_string_equal(str(cJSON_GetArrayItem(get(m, "groups"), 1), "name"), "5xx");
	assert_string_equal(str(cJSON_GetArrayItem(get(m, "groups"), 2), "name"), "open");
	cJSON_Delete(m);
	m = summed(metrics_new(METRICS_BY_PROTO, 60, 8), "", WALK_ALWAYS, 0);
	assert_int_equal(cJSON_GetArraySize(get(m, "groups")), 4);
	cJSON_Delete(m);
	m = summed(metrics_new(METRICS_BY_CLIENT, 60, 8), "", WALK_ALWAYS, 0);
	assert_string_equal(str(cJSON_GetArrayItem(get(m, "groups"), 0), "name"), "web");
	cJSON_Delete(m);
}

static void more_groups_than_are_told_are_counted(void **state)
{
	cJSON *m;

	(void)state;
	for (int i = 0; i < METRICS_GROUPS_KEPT + 100; i++) {
		char target[32];

		(void)snprintf(target, sizeof(target), "/page-%c%c%c%c", 'a' + i % 26, 'a' + i / 26 % 26, 'a' + i / 676 % 26, 'a' + i / 17576);
		put((struct put){ "web", "api", .target = target, .at_ms = i, .dur_us = 10 });
	}
	m = summed(metrics_new(METRICS_BY_ENDPOINT, 60, 8), "", WALK_ALWAYS, 0);
	assert_int_equal(cJSON_GetArraySize(get(m, "groups")), METRICS_GROUPS_MAX);
	assert_int_equal(num(m, "flows"), METRICS_GROUPS_KEPT + 100);
	assert_int_equal(sum_of(get(m, "groups"), "flows") + num(get(m, "left_out"), "flows"), num(m, "flows"));
	cJSON_Delete(m);
}

/* What an agent says of its clock is taken for what it is. */
static void absurd_times_do_no_harm(void **state)
{
	static const int64_t at_ms[] = { -BEGIN / MS, -BEGIN / MS - 9000000000, 7500000000000, 0 };
	cJSON *m;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		put((struct put){ "web", "api", .at_ms = at_ms[i], .dur_us = i == 2 ? UINT64_MAX / 2000 : 10 });
	for (int by = 0; by < 2; by++) {
		const struct walk_range last = { BEGIN, INT64_MAX, true };

		m = summed(metrics_new(METRICS_BY_SERVICE, 60, 8), "", by ? last : WALK_ALWAYS, 0);
		assert_true(num(m, "points") <= 60 && num(m, "points") >= 1);
		cJSON_Delete(m);
		m = summed(callmap_new(BY_SERVICE, 60), "", by ? last : WALK_ALWAYS, 0);
		assert_int_equal(num(m, "flows"), by ? 2 : 4);
		cJSON_Delete(m);
	}
}

static void an_empty_list_has_an_answer(void **state)
{
	cJSON *m = summed(metrics_new(METRICS_BY_SERVICE, 60, 8), "", WALK_ALWAYS, 0);

	(void)state;
	assert_int_equal(num(m, "flows"), 0);
	assert_true(cJSON_IsNull(get(m, "p95")));
	cJSON_Delete(m);
	m = summed(callmap_new(BY_SERVICE, 60), "", WALK_ALWAYS, 0);
	assert_int_equal(cJSON_GetArraySize(get(m, "edges")), 0);
	cJSON_Delete(m);
}

static void percentiles_are_right_to_three_percent(void **state)
{
	struct hist *h = calloc(1, sizeof(*h)), *other = calloc(1, sizeof(*other));

	(void)state;
	assert_int_equal(hist_percentile(h, 500), 0);
	for (uint64_t i = 1; i <= 100000; i++)
		hist_add(i % 2 ? h : other, i * i);
	hist_merge(h, other);
	for (unsigned p = 10; p <= 1000; p += 10) {
		double want = (p * 100.0) * (p * 100.0), got = (double)hist_percentile(h, p);

		assert_true(want < 1024 * 16 || (got >= want && got < want * 1.033));
	}
	assert_int_equal(hist_percentile(h, 1000), UINT64_C(10000000000));
	hist_add(h, UINT64_MAX);
	hist_add(h, 0);
	assert_true(hist_percentile(h, 1000) > UINT64_C(8000000000000));
	free(h);
	free(other);
}

static void a_wrong_choice_is_refused(void **state)
{
	enum metrics_by m;
	enum aggregate_by by;

	(void)state;
	assert_true(aggregate_by_parse("namespace", &by) && by == BY_NAMESPACE);
	assert_true(aggregate_by_parse(NULL, &by) && by == BY_SERVICE);
	assert_false(aggregate_by_parse("", &by));
	assert_true(metrics_by_parse("status", &m) && m == METRICS_BY_STATUS);
	assert_false(metrics_by_parse("statuses", &m));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_calls_whom_is_told_by_service, setup, teardown),
		cmocka_unit_test_setup_teardown(it_is_told_by_container_and_project_too, setup, teardown),
		cmocka_unit_test_setup_teardown(filter_and_range_decide_what_is_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(what_has_no_room_is_one_node_and_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(more_ends_than_are_kept_are_counted_together, setup, teardown),
		cmocka_unit_test_setup_teardown(names_are_right_while_the_list_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(metrics_are_told_over_time, setup, teardown),
		cmocka_unit_test_setup_teardown(endpoints_statuses_and_protocols_are_groups_too, setup, teardown),
		cmocka_unit_test_setup_teardown(more_groups_than_are_told_are_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(absurd_times_do_no_harm, setup, teardown),
		cmocka_unit_test_setup_teardown(an_empty_list_has_an_answer, setup, teardown),
		cmocka_unit_test(percentiles_are_right_to_three_percent),
		cmocka_unit_test(a_wrong_choice_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
