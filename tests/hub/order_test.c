/* SPDX-License-Identifier: Apache-2.0 */
/* Rows in the order of a column: every column against a plain comparison, and what a tab is told meanwhile. */
#include "test.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "hub/view.h"

static struct list list;
static uint64_t now_ns;

static int setup(void **state)
{
	(void)state;
	now_ns = 1000000000;
	return list_init(&list, 10000, 64 << 20);
}

static int teardown(void **state)
{
	(void)state;
	list_release(&list);
	return 0;
}

struct what {
	const char *proto, *op, *target, *status, *client;
	uint64_t dur_ns, req, resp;
};

static void put(uint64_t n, const struct what *w)
{
	const struct flow_conn conn = { .client = { .container = w->client }, .l4 = "tcp" };
	struct flow f = {
		.epoch_ns = 1700000000000000000 + (int64_t)(n * 7919 % 101),
		.conn = &conn,
		.proto = w->proto,
		.state = w->status ? FLOW_DONE : FLOW_OPEN,
		.has_req = true,
		.has_resp = w->status != NULL,
		.req = { .begin_ns = 1, .end_ns = 1, .op = w->op, .target = w->target, .body = { .len = w->req } },
	};

	f.id[15] = (uint8_t)n;
	f.id[14] = (uint8_t)(n >> 8);
	if (w->status)
		f.resp = (struct flow_half){ .begin_ns = 1, .end_ns = 1 + w->dur_ns, .status = w->status, .body = { .len = w->resp } };
	assert_int_equal(list_put(&list, n, &f), 0);
}

static uint64_t seed = 1;

static unsigned random_below(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

static const char *text_of(const struct row *r, enum order_by by)
{
	const uint32_t id = by == ORDER_PROTO ? r->proto : by == ORDER_OP ? r->op : by == ORDER_TARGET ? r->target : r->status;

	return (const char *)intern_get(&list.strings, id).p;
}

/* What order.h says, put plainly. */
static int compare(const struct row *a, const struct row *b, enum order_by by, bool desc)
{
	const char *s, *t;
	double x = 0, y = 0;
	bool no_x = false, no_y = false;
	int c;

	if (by == ORDER_PROTO || by == ORDER_OP || by == ORDER_TARGET || by == ORDER_STATUS) {
		s = text_of(a, by);
		t = text_of(b, by);
		no_x = !s || !*s;
		no_y = !t || !*t;
		c = no_x || no_y ? 0 : strcasecmp(s, t);
	} else {
		x = by == ORDER_TS ? (double)(a->ts_ns - 1700000000000000000) : by == ORDER_DUR ? (double)a->dur_ns : by == ORDER_REQ ? (double)a->req_len : (double)a->resp_len;
		y = by == ORDER_TS ? (double)(b->ts_ns - 1700000000000000000) : by == ORDER_DUR ? (double)b->dur_ns : by == ORDER_REQ ? (double)b->req_len : (double)b->resp_len;
		no_x = (by == ORDER_DUR && a->dur_ns == ROW_NO_DURATION) || (by == ORDER_RESP && !(a->bits & ROW_HAS_RESP));
		no_y = (by == ORDER_DUR && b->dur_ns == ROW_NO_DURATION) || (by == ORDER_RESP && !(b->bits & ROW_HAS_RESP));
		c = x < y ? -1 : x > y;
	}
	if (no_x || no_y)
		return no_x - no_y;
	return desc ? -c : c;
}

static void every_column_sorts_as_a_plain_comparison_would(void **state)
{
	static const char *const ops[] = { "GET", "get", "POST", "PUT", NULL, "" };
	static const char *const statuses[] = { "200", "404", "500", "OK", NULL };
	static const char *const columns[] = { "ts", "dur", "req", "resp", "proto", "op", "target", "status" };
	enum { N = 3000 };

	(void)state;
	for (uint64_t n = 1; n <= N; n++) {
		char target[40];

		(void)snprintf(target, sizeof(target), "/api/v1/%s/%u", n % 3 ? "orders" : "Orders", random_below(400));
		put(n, &(struct what){ n % 2 ? "http1" : "redis", ops[random_below(6)], target, statuses[random_below(5)], "web", random_below(1000), random_below(50), random_below(50) });
	}
	for (size_t i = 0; i < 2 * sizeof(columns) / sizeof(*columns); i++) {
		enum order_by by = order_by_name(columns[i / 2]);
		struct order o = { 0 };

		assert_int_not_equal(by, ORDER_NONE);
		order_begin(&o, by, i % 2);
		for (uint64_t pos = list.base; pos < list.end; pos++)
			assert_true(order_add(&o, &list, pos));
		while (order_step(&o, &list, 777))
			;
		assert_int_equal(o.n, N);
		for (size_t k = 1; k < o.n; k++) {
			int c = compare(list_at(&list, o.items[k - 1].pos), list_at(&list, o.items[k].pos), by, i % 2);

			assert_true(c < 0 || (c == 0 && o.items[k - 1].pos < o.items[k].pos));
		}
		order_release(&o);
	}
	assert_int_equal(order_by_name("colour"), ORDER_NONE);
}

/* --- as a tab sees it ----------------------------------------------------------------------------------------- */

static struct view *view;

static void scan(void)
{
	while (view_scan(view, &list, 3))
		;
}

/* "1,2" of the rows in j. */
static const char *numbers(const cJSON *j)
{
	static char text[2][400];
	static unsigned which;
	char *t = text[which++ % 2];
	const cJSON *r;

	t[0] = '\0';
	cJSON_ArrayForEach(r, cJSON_GetObjectItem(j, "rows"))
		(void)snprintf(t + strlen(t), 400 - strlen(t), "%s%d", t[0] ? "," : "", cJSON_GetObjectItem(r, "n")->valueint);
	return t;
}

static const char *window(uint64_t from, size_t n)
{
	struct buf b = { 0 };
	const char *t;
	cJSON *j;

	buf_puts(&b, "{");
	view_rows(view, &list, &b, from, n);
	buf_puts(&b, "}");
	j = cJSON_ParseWithLength((const char *)b.p, b.n);
	t = numbers(j);
	cJSON_Delete(j);
	buf_release(&b);
	return t;
}

/* The tick, to be deleted; *ret_upd: the rows of the update before it. */
static cJSON *tick(const char **ret_upd)
{
	struct buf upd = { 0 }, t = { 0 };
	cJSON *j;

	scan();
	now_ns += 10 * VIEW_TICK_NS;
	assert_true(view_due(view, &list, 1, now_ns));
	view_tick(view, &list, (struct slice){ 0 }, 1, now_ns, &upd, &t);
	j = cJSON_ParseWithLength((const char *)upd.p, upd.n);
	*ret_upd = j ? numbers(j) : "";
	cJSON_Delete(j);
	j = cJSON_ParseWithLength((const char *)t.p, t.n);
	view_ack(view, (uint64_t)cJSON_GetObjectItem(j, "seq")->valuedouble);
	buf_release(&upd);
	buf_release(&t);
	return j;
}

static int told(const cJSON *j, const char *key)
{
	const cJSON *v = cJSON_GetObjectItem(j, key);

	return cJSON_IsNumber(v) ? v->valueint : -1;
}

static void took(uint64_t n, uint64_t dur_ns)
{
	put(n, &(struct what){ "http1", "GET", "/", dur_ns ? "200" : NULL, "web", dur_ns, 0, 0 });
}

static void sorted_rows_stay_while_others_come(void **state)
{
	const char *upd;
	cJSON *j;

	(void)state;
	view = view_new();
	for (uint64_t n = 1; n <= 6; n++)
		took(n, (const uint64_t[]){ 30, 10, 0, 50, 20, 40 }[n - 1]);
	assert_int_equal(view_sub(view, "proto:http1", 10, 1, NULL), 0);
	view_follow(view, true);
	cJSON_Delete(tick(&upd));
	view_sort(view, ORDER_DUR, true, 2);
	j = tick(&upd);
	assert_int_equal(told(j, "view"), 2);
	assert_int_equal(told(j, "matched"), 6);
	assert_int_equal(told(j, "base"), 0);
	assert_string_equal(numbers(j), "");
	cJSON_Delete(j);
	assert_string_equal(window(0, 10), "4,6,1,5,2,3");
	assert_int_equal(view_find(view, &list, 5), 3);
	assert_int_equal(view_find(view, &list, 9), -1);
	/* One more, which would be the first, and the answer of the last, which would be too: both wait. */
	took(7, 90);
	took(3, 80);
	j = tick(&upd);
	assert_string_equal(upd, "3");
	assert_int_equal(told(j, "matched"), 6);
	assert_int_equal(told(cJSON_GetObjectItem(j, "sorted"), "fresh"), 1);
	cJSON_Delete(j);
	assert_string_equal(window(0, 3), "4,6,1");
	view_sort(view, ORDER_DUR, true, 3);
	cJSON_Delete(tick(&upd));
	assert_string_equal(window(0, 10), "7,3,4,6,1,5,2");
	/* Rows that are gone leave their place empty. */
	list_drop_below(&list, 4);
	j = tick(&upd);
	assert_string_equal(window(0, 10), "7,0,4,6,0,5,0");
	cJSON_Delete(j);
	view_sort(view, ORDER_NONE, false, 4);
	j = tick(&upd);
	assert_string_equal(numbers(j), "4,5,6,7");
	assert_int_equal(told(j, "base"), 3);
	cJSON_Delete(j);
	view_sort(view, ORDER_TS, false, 5);
	cJSON_Delete(tick(&upd));
	list_clear(&list);
	j = tick(&upd);
	assert_int_equal(told(j, "matched"), 0);
	cJSON_Delete(j);
	view_free(view);
}

static void without_a_filter_it_is_the_whole_list(void **state)
{
	const char *upd;
	cJSON *j;

	(void)state;
	view = view_new();
	for (uint64_t n = 1; n <= 9; n++)
		took(n, 100 - n);
	assert_int_equal(view_sub(view, "", 10, 1, NULL), 0);
	view_sort(view, ORDER_DUR, false, 1);
	list_drop_below(&list, 3); /* before it was looked at */
	j = tick(&upd);
	assert_int_equal(told(j, "matched"), 7);
	cJSON_Delete(j);
	assert_string_equal(window(0, 3), "9,8,7");
	assert_string_equal(window(4, 30), "5,4,3");
	view_free(view);
}

static void a_search_is_stopped_and_says_what_it_left_out(void **state)
{
	const char *upd;
	uint64_t first, last;
	bool bodies;
	cJSON *j;

	(void)state;
	view = view_new();
	for (uint64_t n = 1; n <= 9; n++)
		took(n, 5);
	assert_int_equal(view_sub(view, "body:x", 10, 1, NULL), 0);
	assert_true(view_scan(view, &list, 100));
	assert_true(view_wants(view, &first, &last, &bodies));
	view_tried(view, &list, 4); /* looked at four of them */
	view_stop(view);
	j = tick(&upd);
	assert_int_equal(told(j, "stopped"), 5);
	assert_false(cJSON_HasObjectItem(j, "scan"));
	cJSON_Delete(j);
	took(10, 5); /* what comes is still looked at */
	assert_true(view_scan(view, &list, 100));
	assert_true(view_wants(view, &first, &last, &bodies));
	assert_int_equal(first, 10);
	view_free(view);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(every_column_sorts_as_a_plain_comparison_would),
		T(sorted_rows_stay_while_others_come),
		T(without_a_filter_it_is_the_whole_list),
		T(a_search_is_stopped_and_says_what_it_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
