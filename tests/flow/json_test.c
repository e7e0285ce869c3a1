/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"
#include "sample.h"

#include "flow/json.h"

static void expect(const struct flow *f, const struct flow_json_options *o, const char *want)
{
	struct buf b = { 0 };

	flow_json(&b, f, o);
	buf_put(&b, (struct slice){ (const uint8_t *)"", 1 });
	assert_string_equal((const char *)b.p, want);
	buf_release(&b);
}

static void every_field_is_written(void **state)
{
	(void)state;
	expect(sample_flow(), NULL,
	       "{\"v\":1,\"id\":\"01920304-0506-7708-890a-0b0c0d0e0f10\",\"ts\":\"2026-11-22T13:00:"
	       "00.123456789Z\","
	       "\"duration_ns\":3000,\"ttfb_ns\":600,\"send_ns\":400,\"proto\":\"http1\",\"l4\":\"tcp\",\"state\":"
	       "\"done\",\"conn\":7,"
	       "\"client\":{\"ip\":\"172.18.0.3\",\"port\":40312,\"container\":\"web\",\"container_"
	       "id\":\"ab12\","
	       "\"image\":\"node:20\",\"project\":\"shop\",\"pid\":123,\"comm\":\"curl\"},"
	       "\"server\":{\"ip\":\"172.18.0.4\",\"port\":443,\"container\":\"api\",\"container_"
	       "id\":null,"
	       "\"image\":null,\"pod\":\"api-7d9f\",\"namespace\":\"prod\",\"pid\":null,\"comm\":"
	       "null},"
	       "\"seen_by\":\"both\","
	       "\"tls\":{\"library\":\"openssl\",\"version\":\"3.0.15\",\"road\":\"probes\","
	       "\"mapping\":\"sticky\","
	       "\"sni\":\"api\","
	       "\"alpn\":\"http/1.1\",\"protocol\":\"TLS 1.2\","
	       "\"cipher\":\"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\",\"group\":\"x25519\","
	       "\"offered\":[\"h2\",\"http/1.1\"],"
	       "\"certificate\":{\"subject\":\"CN=api\",\"issuer\":\"CN=ca\","
	       "\"names\":[\"api\",\"*.api\"],\"not_after\":\"9999-12-31T23:59:59Z\"},"
	       "\"alert\":{\"name\":\"unknown_ca\",\"by\":\"client\"},"
	       "\"flags\":[\"resumed\",\"client_certificate\"],"
	       "\"reason\":\"no-library\",\"why\":\"Nobody knows.\",\"hint\":\"Ask.\"},"
	       "\"request\":{\"op\":\"GET\",\"target\":\"/v1/users?x=1\","
	       "\"headers\":[[\"Host\",\"api\"],[\"Cookie\",\"a\"],[\"Cookie\",\"b\"]],\"body\":"
	       "null,\"attrs\":{}},"
	       "\"response\":{\"status\":\"500\",\"reason\":\"Internal Server Error\","
	       "\"headers\":[[\"Content-Type\",\"application/json\"]],"
	       "\"body\":{\"len\":20,\"captured\":12,\"type\":\"application/"
	       "json\",\"encoding\":\"gzip\","
	       "\"text\":\"{\\\"error\\\":\\\"\xc3\xa9\"},"
	       "\"attrs\":{\"version\":\"1.1\",\"interim\":[\"100\",\"103\"]}},"
	       "\"messages\":[{\"seq\":1,\"ts\":\"2026-11-22T13:00:00.123457289Z\",\"dir\":\"c2s\","
	       "\"op\":\"text\","
	       "\"body\":{\"len\":2,\"captured\":2,\"type\":null,\"encoding\":null,\"text\":\"hi\"}"
	       "},"
	       "{\"seq\":2,\"ts\":\"2026-11-22T13:00:00.123457389Z\",\"dir\":\"s2c\",\"op\":"
	       "\"binary\","
	       "\"body\":{\"len\":5,\"captured\":2,\"type\":null,\"encoding\":null,\"base64\":\"/"
	       "wA=\",\"decoded\":{\"1\":-1}},"
	       "\"attrs\":{\"code\":\"1000\"},\"flags\":[\"truncated\"]}],"
	       "\"stream\":{\"c2s\":{\"messages\":4,\"bytes\":20},"
	       "\"s2c\":{\"messages\":1,\"bytes\":5},\"left_out\":3},"
	       "\"failed\":true,\"flags\":[\"truncated\",\"midstream\"]}");
}

static void cut_body_ends_at_a_character(void **state)
{
	struct flow_json_options o = { .body_max = 11, .no_time_or_id = true };
	struct flow f = *sample_flow();

	(void)state;
	f.has_req = false;
	f.nmsgs = 0;
	f.resp.nattrs = 0;
	expect(&f, &o,
	       "{\"v\":1,\"proto\":\"http1\",\"l4\":\"tcp\",\"state\":\"done\",\"request\":null,"
	       "\"response\":{\"status\":\"500\",\"reason\":\"Internal Server Error\","
	       "\"headers\":[[\"Content-Type\",\"application/json\"]],"
	       "\"body\":{\"len\":20,\"captured\":12,\"type\":\"application/"
	       "json\",\"encoding\":\"gzip\","
	       "\"text\":\"{\\\"error\\\":\\\"\",\"cut\":true},\"attrs\":{}},"
	       "\"messages\":[],\"stream\":{\"c2s\":{\"messages\":4,\"bytes\":20},"
	       "\"s2c\":{\"messages\":1,\"bytes\":5},\"left_out\":3},"
	       "\"failed\":true,\"flags\":[\"truncated\",\"midstream\"]}");
}

static void open_flow_has_no_duration(void **state)
{
	struct flow f = *sample_flow();
	struct buf b = { 0 };

	(void)state;
	f.state = FLOW_OPEN;
	f.has_resp = false;
	f.resp = (struct flow_half){ 0 };
	flow_json(&b, &f, NULL);
	assert_true(slice_find(buf_slice(&b), SLICE_LIT("\"duration_ns\":null,\"ttfb_ns\":null"),
			       0) < b.n);
	assert_true(slice_find(buf_slice(&b), SLICE_LIT("\"response\":null"), 0) < b.n);
	buf_release(&b);
}

static void ends_of_a_unix_socket_have_a_path_and_no_address(void **state)
{
	static const char want[] =
		"\"l4\":\"unix\",\"state\":\"done\",\"conn\":8,"
		"\"client\":{\"container\":null,\"container_id\":null,\"image\":null,\"pid\":123,"
		"\"comm\":\"curl\"},"
		"\"server\":{\"path\":\"/run/"
		"docker.sock\",\"container\":null,\"container_id\":null,"
		"\"image\":null,\"pid\":45,\"comm\":\"dockerd\"},\"seen_by\":\"client\"";
	struct buf b = { 0 };

	(void)state;
	flow_json(&b, sample_unix_flow(), NULL);
	assert_true(slice_find(buf_slice(&b), slice_str(want), 0) < b.n);
	buf_release(&b);
}

/* What goes into the line as it is must be one JSON value and nothing else. */
static void only_one_json_value_may_be_shown(void **state)
{
	static const char *const good[] = {
		"{}",
		"[]",
		"0",
		"-0.5e+10",
		"\"\\u00e9\xc3\xa9\"",
		"[1, {\"a\":[]},null]",
		" true ",
		"[[],[{}]]",
		"{\"a\":{},\"b\":1}",
	};
	static const char *const bad[] = {
		"",
		"{",
		"}",
		"{}}",
		"{},",
		"[1,]",
		"[,1]",
		"{\"a\"}",
		"{\"a\":}",
		"{1:2}",
		"01",
		"1.",
		"-",
		"1e",
		"nul",
		"\"a",
		"\"\\x\"",
		"\"\\u12g4\"",
		"\"\xff\"",
		"\"a\nb\"",
		"[1\n]",
		"[1 2]",
		"{\"a\":1 \"b\":2}",
		"[1}",
		"{\"a\":1]",
		"1 1",
		"{\"a\":1,}",
		"\"\\",
	};
	char deep[400];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct slice in = guarded(slice_str(good[i]));

		if (!flow_shown_ok(in))
			fail_msg("refused: %s", good[i]);
		guarded_free(in);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct slice in = guarded(slice_str(bad[i]));

		if (flow_shown_ok(in))
			fail_msg("taken: %s", bad[i]);
		guarded_free(in);
	}
	assert_false(flow_shown_ok(SLICE_LIT("\"\0\"")));
	for (size_t n = 100; n <= 101; n++) {
		memset(deep, '[', n);
		memset(deep + n, ']', n);
		assert_int_equal(flow_shown_ok((struct slice){ (uint8_t *)deep, 2 * n }), n == 100);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_is_written),
		cmocka_unit_test(cut_body_ends_at_a_character),
		cmocka_unit_test(open_flow_has_no_duration),
		cmocka_unit_test(ends_of_a_unix_socket_have_a_path_and_no_address),
		cmocka_unit_test(only_one_json_value_may_be_shown),
	};

	return cmocka_run_group_tests_name("flow_json", tests, NULL, NULL);
}
