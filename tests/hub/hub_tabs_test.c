/* SPDX-License-Identifier: Apache-2.0 */
/* The whole hub: tabs of the page over WebSocket. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "hub_world.h"

#define ID "0123456789abcdef0123456789abcdef"

/* --- tabs -------------------------------------------------------------------------------------------------------- */

/* The next message with that op; what comes before it is acknowledged if it is a tick. */
static cJSON *expect(int fd, const char *op)
{
	char ack[64];

	for (int i = 0; i < 200; i++) {
		cJSON *j = ws_recv(fd, 5000, NULL);
		const char *got;

		assert_non_null(j);
		got = cJSON_GetObjectItem(j, "op")->valuestring;
		if (strcmp(got, "tick") == 0) {
			(void)snprintf(ack, sizeof(ack), "{\"op\":\"ack\",\"seq\":%d}",
				       (int)hub_number(j, "seq"));
			ws_send(fd, ack);
		}
		if (strcmp(got, op) == 0)
			return j;
		cJSON_Delete(j);
	}
	fail_msg("no %s", op);
	return NULL;
}

static void expect_total(int fd, unsigned total)
{
	for (int i = 0; i < 100; i++) {
		cJSON *j = expect(fd, "tick");
		bool there = hub_number(j, "total") == total;

		cJSON_Delete(j);
		if (there)
			return;
	}
	fail_msg("never %u rows", total);
}

static void a_tab_sees_flows_as_they_come(void **state)
{
	const struct hub_running *h = *state;
	int fd = ws_open(h->http, HUB_BEARER);
	cJSON *j = expect(fd, "hello");
	struct agent a;

	assert_true(fd >= 0);
	assert_int_equal(strlen(cJSON_GetObjectItem(j, "boot")->valuestring), 32);
	cJSON_Delete(j);
	ws_send(fd, "{\"op\":\"sub\",\"filter\":\"\",\"n\":10,\"view\":1}");
	j = expect(fd, "tick");
	assert_int_equal(hub_number(j, "total"), 0);
	assert_int_equal(hub_number(j, "view"), 1);
	assert_true(cJSON_IsObject(cJSON_GetObjectItem(j, "capture")));
	cJSON_Delete(j);
	agent_open(&a, ID, NULL, 1 << 20);
	hub_send_flow(&a, 1, 0, (struct slice){ 0 });
	hub_settle(&a, h);
	do {
		j = expect(fd, "tick");
		if (hub_number(j, "total") == 1)
			break;
		cJSON_Delete(j);
	} while (true);
	assert_true(cJSON_IsNull(cJSON_GetObjectItem(
		cJSON_GetArrayItem(cJSON_GetObjectItem(j, "rows"), 0), "status")));
	cJSON_Delete(j);
	hub_send_flow(&a, 1, 404, SLICE_LIT("gone"));
	hub_settle(&a, h);
	j = expect(fd, "upd");
	assert_string_equal(
		cJSON_GetObjectItem(cJSON_GetArrayItem(cJSON_GetObjectItem(j, "rows"), 0), "status")
			->valuestring,
		"404");
	cJSON_Delete(j);
	ws_send(fd, "{\"op\":\"sub\",\"filter\":\"statsu:4\",\"n\":10,\"view\":2}");
	j = expect(fd, "error");
	assert_int_equal(hub_number(j, "view"), 2);
	cJSON_Delete(j);
	ws_send(fd, "{\"op\":\"rows\",\"from\":0,\"n\":10,\"req\":77}");
	j = expect(fd, "rows");
	assert_int_equal(hub_number(j, "req"), 77);
	assert_int_equal(hub_number(j, "view"), 1); /* the refused filter changed nothing */
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(j, "rows")), 1);
	cJSON_Delete(j);
	ws_send(fd, "{\"op\":\"find\",\"n\":1,\"req\":78}");
	j = expect(fd, "find");
	assert_int_equal(hub_number(j, "from"), 0);
	cJSON_Delete(j);
	assert_int_equal(hub_status_of(h, "POST", "/api/clear", HUB_BEARER, ""), 204);
	expect_total(fd, 0);
	agent_close(&a);
	close(fd);
}

static void ticks_come_ten_times_a_second_at_most_and_wait_for_the_ack(void **state)
{
	const struct hub_running *h = *state;
	int fd = ws_open(h->http, HUB_BEARER), other = ws_open(h->http, HUB_BEARER);
	unsigned n = 0, ticks = 0;
	uint64_t stop;
	struct agent a;
	cJSON *j;

	ws_send(fd, "{\"op\":\"sub\",\"filter\":\"\",\"n\":10}");
	ws_send(other, "{\"op\":\"sub\",\"filter\":\"\",\"n\":10}"); /* acknowledges nothing */
	agent_open(&a, ID, NULL, 8 << 20);
	HUB_UNTIL(&a, h, collector_stats(a.sink)->connected);
	stop = test_now() + 1500000000ull;
	while (test_now() < stop) {
		for (int i = 0; i < 10; i++)
			hub_send_flow(&a, ++n % 60000, 200, SLICE_LIT("{}"));
		hub_step(&a, h);
		while ((j = ws_recv(fd, 0, NULL))) {
			if (strcmp(cJSON_GetObjectItem(j, "op")->valuestring, "tick") == 0) {
				char ack[64];

				ticks++;
				assert_true(cJSON_GetArraySize(cJSON_GetObjectItem(j, "rows")) <=
					    10);
				(void)snprintf(ack, sizeof(ack), "{\"op\":\"ack\",\"seq\":%d}",
					       (int)hub_number(j, "seq"));
				ws_send(fd, ack);
			}
			cJSON_Delete(j);
		}
	}
	assert_in_range(ticks, 5, 16);
	hub_settle(&a, h);
	ticks = 0;
	while ((j = ws_recv(other, 300, NULL))) {
		ticks += strcmp(cJSON_GetObjectItem(j, "op")->valuestring, "tick") == 0;
		cJSON_Delete(j);
	}
	assert_int_equal(ticks, 1);
	ws_send(other, "{\"op\":\"ack\",\"seq\":1}");
	j = expect(other, "tick"); /* and then the newest state, no backlog */
	assert_int_equal(hub_number(j, "seq"), 2);
	assert_int_equal(hub_number(j, "total"), n < 5000 ? n : 5000);
	cJSON_Delete(j);
	agent_close(&a);
	close(fd);
	close(other);
}

static void a_tab_that_talks_rubbish_is_closed(void **state)
{
	const struct hub_running *h = *state;
	char *large = calloc(1, 70001);
	int fd = ws_open(h->http, HUB_BEARER);

	cJSON_Delete(expect(fd, "hello"));
	ws_send(fd, "not json");
	assert_null(ws_recv(fd, 5000, NULL));
	close(fd);
	fd = ws_open(h->http, HUB_BEARER);
	cJSON_Delete(expect(fd, "hello"));
	ws_send_frame(fd, 2, "{}", 2);
	assert_null(ws_recv(fd, 5000, NULL));
	close(fd);
	fd = ws_open(h->http, HUB_BEARER);
	cJSON_Delete(expect(fd, "hello"));
	memset(large, ' ', 70000);
	ws_send(fd, large);
	assert_null(ws_recv(fd, 5000, NULL));
	close(fd);
	fd = ws_open(h->http, HUB_BEARER);
	cJSON_Delete(expect(fd, "hello"));
	ws_send(fd, "{\"op\":\"of a newer page\"}");
	ws_send(fd, "{\"op\":\"rows\",\"from\":-1,\"n\":1e99,\"req\":\"x\"}");
	cJSON_Delete(expect(fd, "rows"));
	close(fd);
	free(large);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, hub_setup, hub_teardown)
	const struct CMUnitTest tests[] = {
		T(a_tab_sees_flows_as_they_come),
		T(ticks_come_ten_times_a_second_at_most_and_wait_for_the_ack),
		T(a_tab_that_talks_rubbish_is_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
