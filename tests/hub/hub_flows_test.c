/* SPDX-License-Identifier: Apache-2.0 */
/* The whole hub: flows from an agent to the API, settings, containers, restarts. */
#include "test.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hub_world.h"

#define ID "0123456789abcdef0123456789abcdef"

/* --- flows ------------------------------------------------------------------------------------------------------- */

static void flows_are_listed_filtered_and_opened(void **state)
{
	const struct hub_running *h = *state;
	const cJSON *row;
	cJSON *j;

	hub_feed(h, 1, 50);
	j = hub_get_json(h, "/api/flows?n=3&from=-3");
	assert_int_equal(hub_number(j, "total"), 50);
	assert_int_equal(hub_number(j, "matched"), 50);
	assert_int_equal(hub_number(j, "first"), 1);
	row = cJSON_GetArrayItem(cJSON_GetObjectItem(j, "rows"), 2);
	assert_int_equal(hub_number(row, "n"), 50);
	assert_int_equal(hub_number(row, "dur_ns"), 1000);
	assert_string_equal(cJSON_GetObjectItem(row, "src")->valuestring, "web");
	assert_string_equal(cJSON_GetObjectItem(row, "status")->valuestring, "500");
	cJSON_Delete(j);
	j = hub_get_json(h, "/api/flows?f=status%3E%3D500+host:api.test&from=0&n=2");
	assert_int_equal(hub_number(j, "matched"), 5);
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(j, "rows")), 2);
	cJSON_Delete(j);
	j = hub_get_json(h, "/api/flows?f=resp.body:12345678901234567890");
	assert_int_equal(hub_number(j, "matched"), 50);
	cJSON_Delete(j);
	j = hub_get_json(h, "/api/flow/" FLOW_ID("000000000007"));
	assert_int_equal(hub_number(j, "n"), 7);
	assert_string_equal(
		cJSON_GetObjectItem(cJSON_GetObjectItem(j, "request"), "target")->valuestring,
		"/item/7");
	cJSON_Delete(j);
	assert_int_equal(hub_status_of(h, "GET", "/api/flow/" FLOW_ID("00000000ffff"), HUB_BEARER, NULL),
			 404);
	assert_int_equal(hub_status_of(h, "GET", "/api/flow/nonsense", HUB_BEARER, NULL), 404);
	assert_int_equal(hub_status_of(h, "GET", "/api/flows?f=statsu:1", HUB_BEARER, NULL), 400);
	assert_int_equal(hub_status_of(h, "GET", "/api/flows?n=x", HUB_BEARER, NULL), 400);
	j = hub_get_json(h, "/api/filter/check?q=status%3E%3D500");
	assert_true(cJSON_IsTrue(cJSON_GetObjectItem(j, "ok")));
	cJSON_Delete(j);
	j = hub_get_json(h, "/api/filter/check?q=statsu:5");
	assert_true(hub_number(cJSON_GetObjectItem(j, "error"), "len") > 0);
	cJSON_Delete(j);
}

static void a_body_is_only_ever_a_download(void **state)
{
	const struct hub_running *h = *state;
	const char *path = "/api/flow/" FLOW_ID("000000000001") "/body?side=resp";
	struct web_reply r;

	hub_feed(h, 1, 1);
	r = web_ask(h->http, "GET", path, HUB_BEARER, NULL);
	assert_int_equal(r.status, 200);
	assert_string_equal((char *)r.body, "{\"a\":[1,2],\"b\":12345678901234567890}");
	assert_true(web_has(&r, "Content-Type: application/octet-stream\r\n"));
	assert_true(web_has(&r, "Content-Disposition: attachment"));
	assert_true(web_has(&r, "Content-Security-Policy: default-src 'none';"));
	assert_true(web_has(&r, "X-Content-Type-Options: nosniff\r\n"));
	web_free(&r);
	r = web_ask(h->http, "GET", path, HUB_BEARER "Range: bytes=2-4\r\n", NULL);
	assert_int_equal(r.status, 206);
	assert_string_equal((char *)r.body, "a\":");
	assert_true(web_has(&r, "Content-Range: bytes 2-4/36\r\n"));
	web_free(&r);
	r = web_ask(h->http, "GET", path, HUB_BEARER "Range: bytes=36-\r\n", NULL);
	assert_int_equal(r.status, 416);
	assert_true(web_has(&r, "Content-Range: bytes */36\r\n"));
	web_free(&r);
	r = web_ask(h->http, "GET",
		    "/api/flow/" FLOW_ID("000000000001") "/body?side=resp&form=pretty", HUB_BEARER,
		    NULL);
	assert_string_equal((char *)r.body,
			    "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": 12345678901234567890\n}");
	web_free(&r);
	r = web_ask(h->http, "GET", "/api/flow/" FLOW_ID("000000000001") "/body?side=resp&form=hex",
		    HUB_BEARER, NULL);
	assert_true(strncmp((char *)r.body, "00000000  7b 22 61", 18) == 0);
	web_free(&r);
	assert_int_equal(hub_status_of(h, "GET", "/api/flow/" FLOW_ID("000000000001") "/body?side=no",
				   HUB_BEARER, NULL),
			 400);
	assert_int_equal(hub_status_of(h, "GET",
				   "/api/flow/" FLOW_ID("000000000001") "/body?side=req&form=html",
				   HUB_BEARER, NULL),
			 400);
}

static void a_restart_keeps_flows_and_settings(void **state)
{
	struct hub_running *h = *state;
	cJSON *j;

	hub_feed(h, 1, 20);
	assert_int_equal(
		hub_status_of(h, "PUT", "/api/capture", HUB_BEARER,
			  "{\"mode\":\"chosen\",\"names\":[\"web\",\"a \\\"b\\\"\"],\"hosts\":true,"
			  "\"include_new\":false,\"paused\":true,\"body_limit\":4096}"),
		204);
	assert_int_equal(hub_end(h), 0);
	hub_start(h);
	assert_string_equal(h->line, "ok");
	j = hub_get_json(h, "/api/flows");
	assert_int_equal(hub_number(j, "total"), 20);
	cJSON_Delete(j);
	j = hub_get_json(h, "/api/capture");
	assert_string_equal(cJSON_GetObjectItem(j, "mode")->valuestring, "chosen");
	assert_string_equal(cJSON_GetArrayItem(cJSON_GetObjectItem(j, "names"), 1)->valuestring,
			    "a \"b\"");
	assert_int_equal(hub_number(j, "body_limit"), 4096);
	assert_true(cJSON_IsTrue(cJSON_GetObjectItem(j, "paused")));
	cJSON_Delete(j);
}

static void a_killed_hub_loses_nothing_and_doubles_nothing(void **state)
{
	struct hub_running *h = *state;
	struct agent a;
	cJSON *j;

	agent_open(&a, ID, NULL, 8 << 20);
	for (unsigned n = 1; n <= 300; n++) {
		hub_send_flow(&a, n, 200, SLICE_LIT("{}"));
		hub_step(&a, h);
		if (n % 100 == 0) { /* no good-bye */
			int status;

			kill(h->pid, SIGKILL);
			waitpid(h->pid, &status, 0);
			close(h->stop);
			hub_start(h);
			assert_string_equal(h->line, "ok");
		}
	}
	hub_settle(&a, h);
	agent_close(&a);
	j = hub_get_json(h, "/api/flows");
	assert_int_equal(hub_number(j, "total"), 300);
	cJSON_Delete(j);
}

static void settings_reach_the_agents_that_are_there_and_that_come(void **state)
{
	const struct hub_running *h = *state;
	struct agent a, b;

	agent_open(&a, ID, NULL, 1 << 20);
	HUB_UNTIL(&a, h, a.settings > 0);
	assert_int_equal(a.last.mode, 0);
	assert_int_equal(hub_status_of(h, "PUT", "/api/capture", HUB_BEARER,
				   "{\"mode\":\"except\",\"names\":[\"db\"],\"paused\":true}"),
			 204);
	HUB_UNTIL(&a, h, a.last.mode == 2);
	assert_string_equal(a.names, "db,");
	assert_true(a.last.paused);
	agent_open(&b, "fedcba9876543210fedcba9876543210", NULL, 1 << 20);
	HUB_UNTIL(&b, h, b.last.mode == 2);
	assert_int_equal(hub_status_of(h, "PATCH", "/api/capture", HUB_BEARER, "{\"mode\":\"some\"}"), 400);
	assert_int_equal(hub_status_of(h, "PATCH", "/api/capture", HUB_BEARER, "{\"paused\":false}"), 204);
	HUB_UNTIL(&a, h, !a.last.paused);
	assert_int_equal(a.last.mode, 2);
	assert_string_equal(a.names, "db,");
	agent_close(&a);
	agent_close(&b);
}

static void agents_say_what_containers_there_are_and_how_they_are(void **state)
{
	const struct hub_running *h = *state;
	uint8_t addr[1][16] = { { [10] = 0xff, [11] = 0xff, [12] = 10, [15] = 9 } };
	const struct collector_container list[] = {
		{ .id = "aaaa",
		  .name = "web",
		  .image = "node",
		  .project = "shop",
		  .state = "running",
		  .networks = "bridge",
		  .addrs = addr,
		  .naddrs = 1,
		  .captured = true },
	};
	const struct collector_fact fact = { "kernel", "Kernel 6.1 <ok>", "", 1 };
	const struct collector_counter counters[] = { { "loss.ring_records", 3 },
						      { "queue.dropped_flows", 4 },
						      { "conn.undecrypted_now", 2 },
						      { "conn.truncated", 5 } };
	const cJSON *c, *agent;
	struct agent a;
	cJSON *j;

	agent_open(&a, ID, NULL, 1 << 20);
	collector_runtime(a.sink, "docker 28.2");
	HUB_UNTIL(&a, h, collector_stats(a.sink)->connected);
	collector_containers(a.sink, list, 1);
	collector_health(a.sink, &fact, 1, counters, 4, NULL);
	hub_send_flow(&a, 1, 200, SLICE_LIT("{}"));
	hub_send_flow(&a, 2, 200, SLICE_LIT("{}"));
	hub_settle(&a, h);
	j = hub_get_json(h, "/api/containers");
	assert_string_equal(cJSON_GetObjectItem(j, "runtime")->valuestring, "docker 28.2");
	c = cJSON_GetArrayItem(cJSON_GetObjectItem(j, "containers"), 0);
	assert_string_equal(cJSON_GetObjectItem(c, "name")->valuestring, "web");
	assert_string_equal(cJSON_GetObjectItem(c, "project")->valuestring, "shop");
	assert_true(cJSON_IsNull(cJSON_GetObjectItem(c, "service")));
	assert_string_equal(cJSON_GetArrayItem(cJSON_GetObjectItem(c, "addrs"), 0)->valuestring,
			    "10.0.0.9");
	assert_int_equal(hub_number(c, "flows"), 2);
	assert_string_equal(cJSON_GetObjectItem(c, "agent")->valuestring, "host");
	cJSON_Delete(j);
	j = hub_get_json(h, "/api/health");
	agent = cJSON_GetArrayItem(cJSON_GetObjectItem(j, "agents"), 0);
	assert_true(cJSON_IsTrue(cJSON_GetObjectItem(agent, "connected")));
	assert_string_equal(
		cJSON_GetObjectItem(cJSON_GetArrayItem(cJSON_GetObjectItem(agent, "facts"), 0),
				    "text")
			->valuestring,
		"Kernel 6.1 <ok>");
	assert_int_equal(hub_number(cJSON_GetObjectItem(agent, "counters"), "loss.ring_records"), 3);
	assert_int_equal(hub_number(cJSON_GetObjectItem(j, "counters"), "dropped"), 7);
	assert_int_equal(hub_number(cJSON_GetObjectItem(j, "counters"), "undecrypted"), 2);
	assert_int_equal(hub_number(cJSON_GetObjectItem(j, "counters"), "truncated"), 5);
	assert_int_equal(hub_number(cJSON_GetObjectItem(j, "counters"), "flows"), 2);
	assert_true(
		cJSON_IsNull(cJSON_GetObjectItem(cJSON_GetObjectItem(j, "hub"), "store_error")));
	cJSON_Delete(j);
	agent_close(&a);
	for (uint64_t stop = test_now() + 5000000000ull;; usleep(20000)) {
		bool gone;

		j = hub_get_json(h, "/api/health");
		agent = cJSON_GetArrayItem(cJSON_GetObjectItem(j, "agents"), 0);
		gone = cJSON_IsFalse(cJSON_GetObjectItem(agent, "connected"));
		cJSON_Delete(j);
		if (gone)
			break;
		assert_true(test_now() < stop);
	}
}

static void clear_deletes_everything_and_numbers_go_on(void **state)
{
	const struct hub_running *h = *state;
	cJSON *j;

	hub_feed(h, 1, 10);
	assert_int_equal(hub_status_of(h, "POST", "/api/clear", HUB_BEARER, ""), 204);
	j = hub_get_json(h, "/api/flows");
	assert_int_equal(hub_number(j, "total"), 0);
	cJSON_Delete(j);
	assert_int_equal(hub_status_of(h, "GET", "/api/flow/" FLOW_ID("000000000001"), HUB_BEARER, NULL),
			 404);
	assert_int_equal(hub_status_of(h, "POST", "/api/clear", HUB_BEARER, NULL),
			 204); /* without a length too */
	hub_feed(h, 11, 12);
	j = hub_get_json(h, "/api/flows");
	assert_int_equal(hub_number(j, "first"), 11);
	cJSON_Delete(j);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, hub_setup, hub_teardown)
	const struct CMUnitTest tests[] = {
		T(flows_are_listed_filtered_and_opened),
		T(a_body_is_only_ever_a_download),
		T(a_restart_keeps_flows_and_settings),
		T(a_killed_hub_loses_nothing_and_doubles_nothing),
		T(settings_reach_the_agents_that_are_there_and_that_come),
		T(agents_say_what_containers_there_are_and_how_they_are),
		T(clear_deletes_everything_and_numbers_go_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
