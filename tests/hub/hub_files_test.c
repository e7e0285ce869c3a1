/* SPDX-License-Identifier: Apache-2.0 */
/* Exports in pieces; imports need the program itself: tests/e2e/61-files.sh. */
#include "test.h"
#include "hub_world.h"

#include <stdio.h>
#include <stdlib.h>

static struct web_reply ask(const struct hub_running *h, const char *method, const char *path, const char *body)
{
	return web_ask(h->http, method, path, HUB_BEARER, body);
}

/* The id of a new export, or its status. */
static int begin(const struct hub_running *h, const char *body, char path[64])
{
	struct web_reply r = ask(h, "POST", "/api/exports", body);
	int status = r.status;
	cJSON *j = cJSON_Parse((const char *)r.body);

	if (status == 200)
		(void)snprintf(path, 64, "/api/exports/%s", cJSON_GetObjectItem(j, "id")->valuestring);
	cJSON_Delete(j);
	web_free(&r);
	return status;
}

/* The whole file; *ret_progress: of the last piece. */
static char *fetch(const struct hub_running *h, const char *body, cJSON **ret_progress)
{
	char path[64], *all = calloc(1, 1 << 20);
	size_t n = 0;
	bool more = true;

	assert_int_equal(begin(h, body, path), 200);
	*ret_progress = NULL;
	while (more) {
		struct web_reply r = ask(h, "GET", path, NULL);
		const char *at = strstr(r.head, "X-Limpid-Export: ");

		assert_int_equal(r.status, 200);
		assert_non_null(at);
		cJSON_Delete(*ret_progress);
		*ret_progress = cJSON_Parse(at + 17);
		more = cJSON_IsTrue(cJSON_GetObjectItem(*ret_progress, "more"));
		assert_true(n + r.n < 1 << 20);
		memcpy(all + n, r.body, r.n);
		n += r.n;
		web_free(&r);
	}
	assert_int_equal(hub_status_of(h, "GET", path, HUB_BEARER, NULL), 404); /* it has ended */
	return all;
}

static size_t lines(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += *s == '\n';
	return n;
}

static void all_filtered_and_chosen_flows_become_files(void **state)
{
	const struct hub_running *h = *state;
	cJSON *p;
	char *s;

	hub_feed(h, 1, 30);
	s = fetch(h, "{\"format\":\"jsonl\"}", &p);
	assert_int_equal(lines(s), 30);
	assert_int_equal(hub_number(p, "flows"), 30);
	assert_int_equal(hub_number(p, "done"), hub_number(p, "of"));
	free(s);
	cJSON_Delete(p);
	s = fetch(h, "{\"format\":\"jsonl\",\"filter\":\"is:error\"}", &p);
	assert_int_equal(lines(s), 3);
	free(s);
	cJSON_Delete(p);
	s = fetch(h, "{\"format\":\"har\",\"ids\":[\"" FLOW_ID("000000000007") "\",\"" FLOW_ID("000000999999") "\"]}", &p);
	assert_int_equal(hub_number(p, "flows"), 1);
	assert_non_null(strstr(s, FLOW_ID("000000000007")));
	assert_null(strstr(s, FLOW_ID("000000000008")));
	free(s);
	cJSON_Delete(p);
	s = fetch(h, "{\"format\":\"session\"}", &p);
	assert_memory_equal(s, "{\"limpid_session\":1,", 20);
	assert_int_equal(lines(s), 31);
	free(s);
	cJSON_Delete(p);
}

static void what_is_no_export_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "[]", "{\"format\":\"zip\"}", "{\"format\":\"har\",\"filter\":7}", "{\"format\":\"har\",\"filter\":\"status:\"}",
		"{\"format\":\"har\",\"ids\":[\"x\"]}", "{\"format\":\"har\",\"ids\":7}", "{\"format\":\"har\",\"secrets\":1}",
	};
	const struct hub_running *h = *state;
	char path[64];

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(begin(h, bad[i], path), 400);
	assert_int_equal(hub_status_of(h, "GET", "/api/exports/0123456789abcdef", HUB_BEARER, NULL), 404);
	assert_int_equal(hub_status_of(h, "POST", "/api/exports", "Content-Length: 0\r\n", NULL), 401);
}

static void exports_under_way_are_bounded_and_can_be_ended(void **state)
{
	const struct hub_running *h = *state;
	char paths[9][64];

	for (size_t i = 0; i < 8; i++)
		assert_int_equal(begin(h, "{\"format\":\"pcapng\"}", paths[i]), 200);
	assert_int_equal(begin(h, "{\"format\":\"pcapng\"}", paths[8]), 503);
	assert_int_equal(hub_status_of(h, "DELETE", paths[3], HUB_BEARER, NULL), 204);
	assert_int_equal(begin(h, "{\"format\":\"pcapng\"}", paths[8]), 200);
	assert_int_equal(hub_status_of(h, "GET", paths[3], HUB_BEARER, NULL), 404);
}

static void secrets_stay_unless_they_are_asked_for(void **state)
{
	const struct hub_running *h = *state;
	cJSON *p, *j;
	struct agent a;
	char *s;

	agent_open(&a, FLOW_ID("0000000000a1"), NULL, 8 << 20);
	hub_send_flow(&a, 1, 200, slice_str("{\"password\":\"hunter2\",\"customer\":\"C-7\"}"));
	hub_settle(&a, h);
	agent_close(&a);
	assert_int_equal(hub_status_of(h, "PATCH", "/api/capture", HUB_BEARER, "{\"redact\":[\"customer\",\"/\\\\d{9}z/\"]}"), 204);
	s = fetch(h, "{\"format\":\"jsonl\"}", &p);
	assert_null(strstr(s, "hunter2"));
	assert_null(strstr(s, "C-7"));
	assert_int_equal(hub_number(p, "hidden"), 2);
	free(s);
	cJSON_Delete(p);
	s = fetch(h, "{\"format\":\"jsonl\",\"secrets\":true}", &p);
	assert_non_null(strstr(s, "hunter2"));
	free(s);
	cJSON_Delete(p);
	j = hub_get_json(h, "/api/flow/" FLOW_ID("000000000001") "?redacted=1");
	s = cJSON_PrintUnformatted(j);
	assert_null(strstr(s, "hunter2"));
	assert_non_null(strstr(s, "REDACTED"));
	cJSON_Delete(j);
	free(s);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, hub_setup, hub_teardown)
	const struct CMUnitTest tests[] = {
		T(all_filtered_and_chosen_flows_become_files),
		T(what_is_no_export_is_refused),
		T(exports_under_way_are_bounded_and_can_be_ended),
		T(secrets_stay_unless_they_are_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
