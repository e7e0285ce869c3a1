/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"
#include "sample.h"

#include <errno.h>

#include "export/export.h"
#include "export/read.h"
#include "export/url.h"
#include "flow/json.h"

static void same_json(const struct flow *a, const struct flow *b)
{
	struct buf x = { 0 }, y = { 0 };

	flow_json(&x, a, NULL);
	flow_json(&y, b, NULL);
	buf_put(&x, SLICE_LIT("\0"));
	buf_put(&y, SLICE_LIT("\0"));
	assert_string_equal((const char *)x.p, (const char *)y.p);
	buf_release(&x);
	buf_release(&y);
}

static void json_line_is_read_as_it_was_written(void **state)
{
	const struct flow *const flows[] = { sample_flow(), sample_unix_flow(), sample_marked_flow() };
	struct flow got;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct arena *a = arena_new(1 << 20);
		const struct json *v;
		struct buf b = { 0 };

		flow_json(&b, flows[i], NULL);
		assert_int_equal(json_parse(buf_slice(&b), a, &v), 0);
		assert_int_equal(read_flow(v, a, &got), 0);
		same_json(flows[i], &got);
		arena_free(a);
		buf_release(&b);
	}
}

struct got {
	const struct flow *want;
	unsigned n;
};

static int entry(void *ctx, struct slice text)
{
	struct arena *a = arena_new(1 << 20);
	const struct json *v;
	struct got *g = ctx;
	struct flow f;

	assert_int_equal(json_parse(text, a, &v), 0);
	assert_int_equal(read_har_entry(text, v, a, &f), 0);
	if (g->want)
		same_json(g->want, &f);
	g->n++;
	arena_free(a);
	return 0;
}

static void har_is_read_as_it_was_written_however_it_is_cut(void **state)
{
	struct exporter *e = export_har.open();
	struct got g = { .want = sample_marked_flow() };
	struct buf b = { 0 };

	(void)state;
	assert_int_equal(export_har.flow(e, g.want, &b), 1);
	assert_int_equal(export_har.flow(e, g.want, &b), 1);
	assert_int_equal(export_har.end(e, &b), 0);
	for (size_t piece = 1; piece < b.n + 7; piece += piece < 40 ? 1 : b.n) {
		struct har_split s = { 0 };

		g.n = 0;
		for (size_t at = 0; at < b.n; at += piece)
			assert_int_equal(har_split_feed(&s, slice_cut(buf_slice(&b), at, at + piece), entry, &g), 0);
		assert_int_equal(har_split_end(&s), 0);
		assert_int_equal(g.n, 2);
		har_split_release(&s);
	}
	export_har.free(e);
	buf_release(&b);
}

static void a_redacted_har_says_so(void **state)
{
	static const unsigned flags[] = { 0, FLOW_REDACTED };
	struct flow f = *sample_marked_flow();

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct exporter *e = export_har.open();
		struct arena *a = arena_new(1 << 20);
		const struct json *v, *log;
		struct buf b = { 0 };

		f.flags = flags[i];
		assert_int_equal(export_har.flow(e, &f, &b), 1);
		assert_int_equal(export_har.end(e, &b), 0);
		assert_int_equal(json_parse(buf_slice(&b), a, &v), 0);
		log = json_get(v, "log");
		assert_true((json_get(log, "_redacted") != NULL) == (i == 1));
		assert_true((json_get(log, "comment") != NULL) == (i == 1));
		assert_string_equal(json_text(json_get(json_get(log, "entries")->first, "comment")), f.mark->note);
		export_har.free(e);
		arena_free(a);
		buf_release(&b);
	}
}

static void entries_are_found_by_their_place_not_by_their_name(void **state)
{
	static const char text[] =
		"{\"entries\":[{\"no\":1}],\"log\":{\"x\":{\"entries\":[{\"no\":2}]},\"c\":\"entries\",\"pages\":[{\"entries\":[{}]}],"
		"\"entries\":[]}}";
	struct har_split s = { 0 };
	struct got g = { 0 };

	(void)state;
	assert_int_equal(har_split_feed(&s, slice_str(text), entry, &g), 0);
	assert_int_equal(har_split_end(&s), 0);
	assert_int_equal(g.n, 0);
	har_split_release(&s);
}

static void what_is_cut_off_or_no_har_is_said_so(void **state)
{
	struct har_split s = { 0 };

	(void)state;
	assert_int_equal(har_split_feed(&s, SLICE_LIT("{\"log\":{\"entries\":[{\"a\":\"]"), entry, NULL), 0);
	assert_int_equal(har_split_end(&s), -EPIPE);
	har_split_release(&s);
	s = (struct har_split){ 0 };
	assert_int_equal(har_split_feed(&s, SLICE_LIT("{\"logs\":{\"entries\":[]}}"), entry, NULL), 0);
	assert_int_equal(har_split_end(&s), -EBADMSG);
	har_split_release(&s);
}

static void entry_of_a_browser_is_read(void **state)
{
	static const char text[] =
		"{\"startedDateTime\":\"2026-11-22T13:00:00.000Z\",\"time\":9,\"request\":{\"method\":\"POST\",\"url\":"
		"\"wss://u@[2001:db8::1]:8443/chat?a=1#f\",\"httpVersion\":\"http/1.1\",\"headers\":[{\"name\":\":path\",\"value\":"
		"\"/\"},{\"name\":\"Host\",\"value\":\"h\"}],\"bodySize\":3,\"postData\":{\"mimeType\":\"text/plain\",\"text\":\"abc\"}},"
		"\"response\":{\"status\":404,\"statusText\":\"Not Found\",\"headers\":[],\"bodySize\":-1,\"content\":{\"size\":2,"
		"\"mimeType\":\"x/y\",\"text\":\"/wA=\",\"encoding\":\"base64\"}},\"timings\":{\"blocked\":1,\"dns\":-1,\"send\":2,\"wait\":3,"
		"\"receive\":4},\"serverIPAddress\":\"[2001:db8::1]\",\"connection\":\"17\",\"comment\":\"mine\",\"_webSocketMessages\":[{\"type\":\"receive\","
		"\"time\":1795352400.5,\"opcode\":1,\"data\":\"hi\"},{\"type\":\"send\",\"time\":1,\"opcode\":2,\"data\":\"AAE=\"}]}";
	struct arena *a = arena_new(1 << 20);
	const struct json *v;
	struct flow f, again;

	(void)state;
	assert_int_equal(json_parse(slice_str(text), a, &v), 0);
	assert_int_equal(read_har_entry(slice_str(text), v, a, &f), 0);
	assert_string_equal(f.proto, "websocket");
	assert_string_equal(f.req.op, "POST");
	assert_string_equal(f.req.target, "/chat?a=1");
	assert_int_equal(f.req.nheaders, 1);
	assert_int_equal(f.req.body.len, 3);
	assert_string_equal(f.resp.status, "404");
	assert_true(f.failed);
	assert_int_equal(f.resp.body.data.n, 2);
	assert_string_equal(f.mark->note, "mine");
	assert_int_equal(f.conn->server.port, 8443);
	assert_int_equal(f.conn->server.addr[0], 0x20);
	assert_string_equal(f.conn->tls->sni, "2001:db8::1");
	assert_int_equal(flow_duration_ns(&f), 9000000);
	assert_int_equal(flow_ttfb_ns(&f), 3000000);
	assert_int_equal(f.nmsgs, 2);
	assert_true(f.msgs[0].from_server && f.msgs[0].ts_ns == 1795352400500000000u);
	assert_int_equal(f.msgs[1].body.data.n, 2);
	assert_int_equal(read_har_entry(slice_str(text), v, a, &again), 0);
	assert_memory_equal(f.id, again.id, 16); /* a second import changes nothing */
	arena_free(a);
}

static void url_is_what_the_client_asked_for(void **state)
{
	struct flow f = *sample_flow();
	struct buf b = { 0 };

	(void)state;
	f.req.target = "/a b?\"q\"=%41%zz";
	url_put(&b, &f);
	buf_put(&b, SLICE_LIT("\0"));
	assert_string_equal((const char *)b.p, "https://api/a%20b?%22q%22=%41%25zz");
	buf_clear(&b);
	f.req.nheaders = 0;
	f.req.target = "http://proxy.example/x";
	url_put(&b, &f);
	buf_put(&b, SLICE_LIT("\0"));
	assert_string_equal((const char *)b.p, "http://proxy.example/x");
	buf_release(&b);
}

static void what_http_does_not_carry_has_no_place(void **state)
{
	struct exporter *e = export_har.open();
	struct flow f = *sample_flow();
	struct buf b = { 0 };

	(void)state;
	f.proto = "postgres";
	assert_int_equal(export_har.flow(e, &f, &b), 0);
	assert_int_equal(b.n, 0);
	assert_int_equal(export_har.end(e, &b), 0);
	assert_true(slice_starts(buf_slice(&b), SLICE_LIT("{\"log\":{\"version\":\"1.2\"")));
	export_har.free(e);
	buf_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_line_is_read_as_it_was_written),
		cmocka_unit_test(har_is_read_as_it_was_written_however_it_is_cut),
		cmocka_unit_test(a_redacted_har_says_so),
		cmocka_unit_test(entries_are_found_by_their_place_not_by_their_name),
		cmocka_unit_test(what_is_cut_off_or_no_har_is_said_so),
		cmocka_unit_test(entry_of_a_browser_is_read),
		cmocka_unit_test(url_is_what_the_client_asked_for),
		cmocka_unit_test(what_http_does_not_carry_has_no_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
