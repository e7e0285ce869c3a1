/* SPDX-License-Identifier: Apache-2.0 */
/* Colours, notes and pins through the whole hub, and the counts that every tick tells. */
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/marks.h"
#include "hub_world.h"

#define MARK(n) "/api/flow/" FLOW_ID(n) "/mark"

static int patch(const struct hub_running *h, const char *path, const char *body)
{
	return hub_status_of(h, "PATCH", path, HUB_BEARER, body);
}

/* The numbers of the rows that match, "1,2". */
static const char *matching(const struct hub_running *h, const char *filter)
{
	static char text[200];
	char path[200];
	const cJSON *row;
	cJSON *j;

	(void)snprintf(path, sizeof(path), "/api/flows?f=%s", filter);
	j = hub_get_json(h, path);
	text[0] = '\0';
	cJSON_ArrayForEach(row, cJSON_GetObjectItem(j, "rows"))
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%d",
			       text[0] ? "," : "", (int)hub_number(row, "n"));
	cJSON_Delete(j);
	return text;
}

static void marks_are_on_rows_in_filters_and_over_a_restart(void **state)
{
	struct hub_running *h = *state;
	const cJSON *row;
	cJSON *j;

	hub_feed(h, 1, 20);
	assert_int_equal(patch(h, MARK("000000000003"), "{\"mark\":2,\"note\":\"a \\\"b\\\" <c>\"}"), 204);
	assert_int_equal(patch(h, MARK("000000000004"), "{\"pinned\":true}"), 204);
	assert_int_equal(patch(h, MARK("000000000003"), "{\"pinned\":true}"), 204);
	for (int i = 0; i < 2; i++) {
		j = hub_get_json(h, "/api/flows?from=2&n=1");
		row = cJSON_GetArrayItem(cJSON_GetObjectItem(j, "rows"), 0);
		assert_int_equal(hub_number(row, "mark"), 2);
		assert_true(cJSON_IsTrue(cJSON_GetObjectItem(row, "pinned")));
		assert_string_equal(cJSON_GetObjectItem(row, "note")->valuestring, "a \"b\" <c>");
		cJSON_Delete(j);
		j = hub_get_json(h, "/api/flow/" FLOW_ID("000000000003"));
		assert_int_equal(hub_number(j, "mark"), 2);
		assert_string_equal(cJSON_GetObjectItem(j, "note")->valuestring, "a \"b\" <c>");
		cJSON_Delete(j);
		assert_string_equal(matching(h, "is:pinned"), "3,4");
		assert_string_equal(matching(h, "mark:orange"), "3");
		assert_string_equal(matching(h, "mark:1,2"), "3");
		assert_string_equal(matching(h, "note:%22%3CC%3E%22"), "3");
		assert_string_equal(matching(h, "is:noted+body:12345"), "3");
		if (i == 0) {
			assert_int_equal(hub_end(h), 0);
			hub_start(h);
			assert_string_equal(h->line, "ok");
		}
	}
	assert_int_equal(patch(h, MARK("000000000003"), "{\"mark\":0,\"note\":\"\",\"pinned\":false}"), 204);
	assert_string_equal(matching(h, "is:marked,noted,pinned"), "4");
}

static void several_at_once_and_what_is_refused(void **state)
{
	const struct hub_running *h = *state;

	hub_feed(h, 1, 5);
	assert_int_equal(patch(h, "/api/marks",
			       "{\"mark\":6,\"ids\":[\"" FLOW_ID("000000000001") "\",\"" FLOW_ID(
				       "000000000005") "\",\"" FLOW_ID("0000000000ff") "\"]}"),
			 204);
	assert_string_equal(matching(h, "is:marked"), "1,5");
	assert_int_equal(patch(h, MARK("0000000000ff"), "{\"mark\":1}"), 404);
	assert_int_equal(patch(h, MARK("000000000001"), "{\"mark\":7}"), 400);
	assert_int_equal(patch(h, MARK("000000000001"), "{\"mark\":1.5}"), 400);
	assert_int_equal(patch(h, MARK("000000000001"), "{\"note\":7}"), 400);
	assert_int_equal(patch(h, MARK("000000000001"), "{\"pinned\":1}"), 400);
	assert_int_equal(patch(h, MARK("000000000001"), "{}"), 400);
	assert_int_equal(patch(h, MARK("000000000001"), "[]"), 400);
	assert_int_equal(patch(h, "/api/flow/" FLOW_ID("000000000001") "/body", "{\"mark\":1}"), 404);
	assert_int_equal(patch(h, "/api/marks", "{\"mark\":1,\"ids\":[]}"), 400);
	assert_int_equal(patch(h, "/api/marks", "{\"mark\":1,\"ids\":[7]}"), 400);
	assert_int_equal(hub_status_of(h, "PATCH", MARK("000000000001"), "", "{\"mark\":1}"), 401);
	assert_string_equal(matching(h, "is:marked"), "1,5");
}

static void a_pinned_row_comes_back_when_its_turn_to_go_has_come(void **state)
{
	const struct hub_running *h = *state; /* keeps 5,000 rows */
	cJSON *j;

	hub_feed(h, 1, 10);
	assert_int_equal(patch(h, MARK("000000000002"), "{\"pinned\":true,\"note\":\"mine\"}"), 204);
	hub_feed(h, 11, 5100);
	for (uint64_t stop = test_now() + 20000000000ull; !matching(h, "is:pinned")[0];)
		assert_true(test_now() < stop);
	j = hub_get_json(h, "/api/flows?f=note:mine");
	assert_true(hub_number(cJSON_GetArrayItem(cJSON_GetObjectItem(j, "rows"), 0), "n") > 5000);
	cJSON_Delete(j);
	j = hub_get_json(h, "/api/flow/" FLOW_ID("000000000002"));
	assert_true(hub_number(j, "n") > 5000);
	cJSON_Delete(j);
	assert_int_equal(hub_status_of(h, "POST", "/api/clear", HUB_BEARER, ""), 204);
	assert_string_equal(matching(h, "is:pinned"), "");
}

/* Labels and counts that are offered at the end of a text. */
static const char *offered(const struct hub_running *h, const char *text, unsigned at)
{
	static char got[600];
	char path[200];
	const cJSON *i;
	cJSON *j;

	(void)snprintf(path, sizeof(path), "/api/filter/check?q=%s&at=%u", text, at);
	j = hub_get_json(h, path);
	got[0] = '\0';
	cJSON_ArrayForEach(i, cJSON_GetObjectItem(j, "complete")) {
		const cJSON *n = cJSON_GetObjectItem(i, "count");

		(void)snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s %d,", cJSON_GetObjectItem(i, "text")->valuestring, n ? n->valueint : 0);
	}
	cJSON_Delete(j);
	return got;
}

static void completion_is_from_what_was_captured(void **state)
{
	const struct hub_running *h = *state;

	hub_feed(h, 1, 30);
	assert_string_equal(offered(h, "stat", 4), "status 0,");
	assert_string_equal(offered(h, "status:", 7), "200 27,500 3,");
	assert_string_equal(offered(h, "status:5", 8), "500 3,");
	assert_string_equal(offered(h, "src:", 4), "web 30,");
	assert_string_equal(offered(h, "is:er", 5), "error 0,unanswered 0,external 0,");
	assert_string_equal(offered(h, "header.h", 8), "Host 30,");
	assert_string_equal(offered(h, "header.host:", 12), "api.test 30,");
	assert_string_equal(offered(h, "body:x", 6), "");
	assert_int_equal(hub_status_of(h, "GET", "/api/filter/check?q=a&at=x", HUB_BEARER, NULL), 400);
}

static void saved_filters_are_checked_kept_and_shared(void **state)
{
	static const char list[] = "[{\"name\":\"mine \\\"1\\\"\",\"filter\":\"status>=500 -path:\\\"/h x\\\"\"},{\"name\":\"b\",\"filter\":\"\"}]";
	struct hub_running *h = *state;
	struct web_reply r;

	assert_int_equal(hub_status_of(h, "PUT", "/api/saved", HUB_BEARER, list), 204);
	assert_int_equal(hub_status_of(h, "PUT", "/api/saved", HUB_BEARER, "[{\"name\":\"x\",\"filter\":\"statsu:1\"}]"), 400);
	assert_int_equal(hub_status_of(h, "PUT", "/api/saved", HUB_BEARER, "[{\"name\":\"\",\"filter\":\"\"}]"), 400);
	assert_int_equal(hub_status_of(h, "PUT", "/api/saved", HUB_BEARER, "{}"), 400);
	for (int i = 0; i < 2; i++) {
		r = web_ask(h->http, "GET", "/api/saved", HUB_BEARER, NULL);
		assert_int_equal(r.status, 200);
		assert_string_equal((const char *)r.body, list);
		web_free(&r);
		if (i == 0) {
			assert_int_equal(hub_end(h), 0);
			hub_start(h);
		}
	}
}

static void rows_are_given_in_the_order_of_a_column(void **state)
{
	const struct hub_running *h = *state;

	hub_feed(h, 1, 20);
	assert_string_equal(matching(h, "is:error&sort=-ts"), "20,10");
	assert_string_equal(matching(h, "path:/item/1&sort=target"), "1,10,11,12,13,14,15,16,17,18,19");
	assert_int_equal(hub_status_of(h, "GET", "/api/flows?sort=colour", HUB_BEARER, NULL), 400);
}

/* --- counts ------------------------------------------------------------------------------------------------------ */

static const char *tally(const struct list *l)
{
	static char text[400];
	struct buf b = { 0 };

	tally_json(l, &b);
	(void)snprintf(text, sizeof(text), "%.*s", (int)b.n, (const char *)b.p);
	buf_release(&b);
	return text;
}

static void put(struct list *l, uint64_t n, const char *proto, bool failed, uint64_t dur_ns)
{
	const struct flow_conn conn = { .l4 = "tcp" };
	struct flow f = { .conn = &conn,
			  .proto = proto,
			  .failed = failed,
			  .has_req = true,
			  .has_resp = dur_ns > 0,
			  .state = dur_ns ? FLOW_DONE : FLOW_OPEN,
			  .req = { .begin_ns = 1 },
			  .resp = { .end_ns = dur_ns ? 1 + dur_ns : 0 } };

	f.id[15] = (uint8_t)n;
	assert_int_equal(list_put(l, n, &f), 0);
}

static void rows_are_counted_as_they_come_change_and_go(void **state)
{
	struct list l;

	(void)state;
	assert_int_equal(list_init(&l, 4, 1 << 20), 0);
	put(&l, 1, "http1", false, 0);
	put(&l, 2, "redis", true, 5);
	assert_string_equal(tally(&l), "{\"error\":1,\"slow\":0,\"pending\":1,\"tls\":0,\"marked\":0,"
				       "\"noted\":0,\"pinned\":0,\"protos\":{\"http1\":1,\"redis\":1}}");
	put(&l, 1, "http1", true, 2000000000);
	assert_int_equal(list_mark(&l, 2, &(struct flow_mark){ 3, false, "n" }), 0);
	assert_int_equal(list_mark(&l, 7, &(struct flow_mark){ 3, false, "n" }), -ENOENT);
	assert_string_equal(tally(&l), "{\"error\":2,\"slow\":1,\"pending\":0,\"tls\":0,\"marked\":1,"
				       "\"noted\":1,\"pinned\":0,\"protos\":{\"http1\":1,\"redis\":1}}");
	for (uint64_t n = 3; n <= 6; n++)
		put(&l, n, "dns", false, 5);
	assert_string_equal(tally(&l), "{\"error\":0,\"slow\":0,\"pending\":0,\"tls\":0,\"marked\":0,"
				       "\"noted\":0,\"pinned\":0,\"protos\":{\"dns\":4}}");
	list_clear(&l);
	assert_non_null(strstr(tally(&l), "\"protos\":{}"));
	list_release(&l);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, hub_setup, hub_teardown)
	const struct CMUnitTest tests[] = {
		T(marks_are_on_rows_in_filters_and_over_a_restart),
		T(several_at_once_and_what_is_refused),
		T(a_pinned_row_comes_back_when_its_turn_to_go_has_come),
		T(completion_is_from_what_was_captured),
		T(saved_filters_are_checked_kept_and_shared),
		T(rows_are_given_in_the_order_of_a_column),
		cmocka_unit_test(rows_are_counted_as_they_come_change_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
