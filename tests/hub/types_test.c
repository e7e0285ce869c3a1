/* SPDX-License-Identifier: Apache-2.0 */
/* Message types through the whole hub: given, found in traffic, kept, forgotten; and bodies read by them. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "hub/types.h"
#include "hub_world.h"

#define PROTOC "protoc -Itests/lib -I/usr/include "

static struct buf output_of(const char *command)
{
	FILE *f = popen(command, "r");
	struct buf b = { 0 };
	uint8_t piece[4096];
	size_t n;

	assert_non_null(f);
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
		buf_put(&b, (struct slice){ piece, n });
	assert_int_equal(pclose(f), 0);
	return b;
}

static struct buf descriptors(void)
{
	return output_of(PROTOC "--include_imports --descriptor_set_out=/dev/stdout sample.proto");
}

static int post(const struct hub_running *h, const char *path, struct slice body)
{
	int fd = web_dial(h->http);
	struct buf b = { 0 };
	struct web_reply r;
	int status;

	buf_printf(&b, "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n" HUB_BEARER "Content-Length: %zu\r\n\r\n", path, h->http, body.n);
	buf_put(&b, body);
	for (size_t at = 0; at < b.n;) {
		ssize_t n = send(fd, b.p + at, b.n - at, MSG_NOSIGNAL);

		assert_true(n > 0);
		at += (size_t)n;
	}
	r = web_read(fd);
	status = r.status;
	web_free(&r);
	buf_release(&b);
	return status;
}

static bool lists(const struct hub_running *h, const char *type)
{
	cJSON *j = hub_get_json(h, "/api/schemas");
	const cJSON *m;
	bool found = false;

	cJSON_ArrayForEach(m, cJSON_GetObjectItem(j, "messages"))
		found |= strcmp(m->valuestring, type) == 0;
	cJSON_Delete(j);
	return found;
}

/* Flow 1 of the hub: a body of these bytes. */
static void feed_body(const struct hub_running *h, struct slice body)
{
	struct agent a;

	agent_open(&a, "00000000000000000000000000000001", NULL, 8 << 20);
	HUB_UNTIL(&a, h, collector_stats(a.sink)->connected);
	hub_send_flow(&a, 1, 200, body);
	hub_settle(&a, h);
	agent_close(&a);
}

static struct buf item(void)
{
	return output_of("printf %s 'name: \"W-19\" count: 40 inner { delta: -3 tags: \"a\" }' | " PROTOC "--encode=shop.v1.Item sample.proto");
}

#define BODY "/api/flow/" FLOW_ID("000000000001") "/body?side=resp&form=shown"

static void expect_body(const struct hub_running *h, const char *path, const char *want)
{
	struct web_reply r = web_ask(h->http, "GET", path, HUB_BEARER, NULL);

	assert_int_equal(r.status, 200);
	assert_string_equal((const char *)r.body, want);
	web_free(&r);
}

static void a_body_is_read_by_the_type_that_is_asked_for_and_kept_types_outlive_the_hub(void **state)
{
	struct hub_running *h = *state;
	struct buf set = descriptors(), body = item();
	cJSON *j;

	feed_body(h, buf_slice(&body));
	assert_int_equal(hub_status_of(h, "GET", BODY "&type=shop.v1.Item", HUB_BEARER, NULL), 400);
	expect_body(h, BODY "&type=", "{\n  \"1\": \"W-19\",\n  \"2\": 40,\n  \"5\": {\n    \"1\": 5,\n    \"2\": \"a\"\n  }\n}");
	assert_int_equal(post(h, "/api/schemas", SLICE_LIT("syntax = \"proto3\";")), 400);
	assert_int_equal(post(h, "/api/schemas", buf_slice(&set)), 204);
	for (int i = 0; i < 2; i++) {
		expect_body(h, BODY "&type=shop.v1.Item",
			    "{\n  \"name\": \"W-19\",\n  \"count\": 40,\n  \"inner\": {\n    \"delta\": -3,\n    \"tags\": [\n      \"a\"\n    ]\n  }\n}");
		assert_int_equal(hub_end(h), 0);
		hub_start(h);
	}
	assert_int_equal(hub_status_of(h, "GET", BODY "&type=shop.v1.None", HUB_BEARER, NULL), 400);
	j = hub_get_json(h, "/api/schemas?type=shop.v1.Item");
	assert_string_equal(cJSON_GetObjectItem(cJSON_GetArrayItem(cJSON_GetObjectItem(j, "fields"), 4), "of")->valuestring, "shop.v1.Item.Inner");
	cJSON_Delete(j);
	assert_int_equal(hub_status_of(h, "GET", "/api/schemas?type=x", HUB_BEARER, NULL), 404);
	assert_true(lists(h, "shop.v1.Order"));
	assert_int_equal(hub_status_of(h, "DELETE", "/api/schemas", HUB_BEARER, NULL), 204);
	assert_false(lists(h, "shop.v1.Order"));
	buf_release(&set);
	buf_release(&body);
}

static void secrets_are_hidden_in_what_a_type_names(void **state)
{
	struct hub_running *h = *state;
	struct buf set = output_of("printf %s 'syntax = \"proto3\"; message Login { string user = 1; string password = 2; }' > /tmp/limpid-types-$PPID.proto && "
				   "protoc -I/tmp --descriptor_set_out=/dev/stdout limpid-types-$PPID.proto; rm -f /tmp/limpid-types-$PPID.proto");

	feed_body(h, SLICE_LIT("\x0a\x03" "ann\x12\x07" "hunter2"));
	assert_int_equal(post(h, "/api/schemas", buf_slice(&set)), 204);
	expect_body(h, BODY "&type=Login", "{\n  \"user\": \"ann\",\n  \"password\": \"hunter2\"\n}");
	expect_body(h, BODY "&type=Login&redacted=1", "{\n  \"user\": \"ann\",\n  \"password\": \"REDACTED\"\n}");
	buf_release(&set);
}

/* A server told its descriptors: field 4, in it each file as field 1. */
static void types_are_found_in_answers_of_reflection(void **state)
{
	struct hub_running *h = *state;
	struct flow_conn conn = { .id = 1, .l4 = "tcp", .seen_by = FLOW_SEEN_CLIENT, .client = { .port = 4000 }, .server = { .port = 80 } };
	struct buf set = descriptors(), answer = { 0 };
	struct flow_msg m = { .seq = 1, .ts_ns = 5, .from_server = true, .op = "message" };
	struct flow f = { .conn = &conn, .proto = "grpc", .epoch_ns = 1700000000000000000, .state = FLOW_DONE, .has_req = true, .streams = true,
			  .stream = { .n = { 0, 1 } }, .msgs = &m, .nmsgs = 1,
			  .req = { .begin_ns = 1, .end_ns = 2, .op = "ServerReflectionInfo", .target = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo" } };
	struct agent a;

	assert_int_equal(post(h, "/api/schemas?from=traffic", (struct slice){ 0 }), 404);
	buf_puts(&answer, "\x22");
	for (size_t n = set.n; n; n >>= 7)
		buf_put(&answer, (struct slice){ (uint8_t[]){ (uint8_t)((n & 127) | (n > 127 ? 128 : 0)) }, 1 });
	buf_put(&answer, buf_slice(&set));
	m.body = (struct flow_body){ .data = buf_slice(&answer), .len = answer.n, .captured = answer.n };
	f.id[15] = 7;
	agent_open(&a, "00000000000000000000000000000002", NULL, 8 << 20);
	HUB_UNTIL(&a, h, collector_stats(a.sink)->connected);
	assert_int_equal(a.sink->ops->write(a.sink, &f), 0);
	hub_settle(&a, h);
	agent_close(&a);
	assert_false(lists(h, "shop.v1.Item"));
	assert_int_equal(post(h, "/api/schemas?from=traffic", (struct slice){ 0 }), 204);
	assert_true(lists(h, "shop.v1.Item"));
	assert_int_equal(hub_status_of(h, "POST", "/api/schemas", "", "x"), 401);
	buf_release(&set);
	buf_release(&answer);
}

static void put_file(struct buf *set, const char *name, char what)
{
	buf_printf(set, "\x0a%c\x0a%c%s\x12\x01%c", (int)strlen(name) + 5, (int)strlen(name), name, what);
}

static void of_two_files_of_one_name_one_is_kept(void **state)
{
	struct buf has = { 0 }, more = { 0 }, out = { 0 }, want = { 0 };

	(void)state;
	put_file(&has, "a.proto", 'a');
	put_file(&has, "b.proto", 'b');
	put_file(&more, "b.proto", 'x');
	put_file(&more, "c.proto", 'c');
	assert_int_equal(types_merge(&out, buf_slice(&has), buf_slice(&more), true), 0);
	put_file(&want, "b.proto", 'x');
	put_file(&want, "c.proto", 'c');
	put_file(&want, "a.proto", 'a');
	assert_true(slice_eq(buf_slice(&out), buf_slice(&want)));
	buf_clear(&out);
	buf_clear(&want);
	assert_int_equal(types_merge(&out, buf_slice(&has), buf_slice(&more), false), 0);
	put_file(&want, "a.proto", 'a');
	put_file(&want, "b.proto", 'b');
	put_file(&want, "c.proto", 'c');
	assert_true(slice_eq(buf_slice(&out), buf_slice(&want)));
	buf_release(&has);
	buf_release(&more);
	buf_release(&out);
	buf_release(&want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_body_is_read_by_the_type_that_is_asked_for_and_kept_types_outlive_the_hub, hub_setup, hub_teardown),
		cmocka_unit_test_setup_teardown(secrets_are_hidden_in_what_a_type_names, hub_setup, hub_teardown),
		cmocka_unit_test_setup_teardown(types_are_found_in_answers_of_reflection, hub_setup, hub_teardown),
		cmocka_unit_test(of_two_files_of_one_name_one_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
