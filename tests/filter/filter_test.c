/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"
#include "sample.h"

#include <errno.h>

#include "filter/filter.h"

static struct filter *parsed(const char *text)
{
	struct filter_error err = { 0 };
	struct filter *q = NULL;

	if (filter_new(&q, text, &err) != 0)
		fail_msg("%s: at %zu: %s", text, err.at, err.text);
	return q;
}

/* The sample: GET /v1/users?x=1, Host api, web -> api, 500, TLS, 3 us, cookies a and b. */
static void filters_match_or_do_not(void **state)
{
	static const struct {
		const char *text;
		bool hit;
	} rows[] = {
		{ "", true },
		{ "users", true },
		{ "USERS", true },
		{ "nothing", false },
		{ "web", true },
		{ "-web", false },
		{ "not web", false },
		{ "!web", false },
		{ "method:GET", true },
		{ "method:get,POST", true },
		{ "method:GE", false },
		{ "method=\"get\"", false },
		{ "method:P*", false },
		{ "path:/v1/", true },
		{ "path=/v1/users", true },
		{ "path=/v1", false },
		{ "path:/v1/*", true },
		{ "path~^/v1/\\w+$", true },
		{ "path~\"^/v2\"", false },
		{ "path~\"^/v\\d/\"", true },
		{ "url:https://api/v1", true },
		{ "host:api", true },
		{ "host:*.example.com", false },
		{ "query.x=1", true },
		{ "query.y=1", false },
		{ "status:500", true },
		{ "status:5xx", true },
		{ "status:4xx", false },
		{ "status:4xx,5xx", true },
		{ "status:400..499", false },
		{ "status>=500", true },
		{ "status<500", false },
		{ "status!=500", false },
		{ "status:internal", true },
		{ "src:web", true },
		{ "src:curl", true },
		{ "src:172.18", true },
		{ "dst:web", false },
		{ "container:api", true },
		{ "image:node", true },
		{ "compose:shop", true },
		{ "src.compose=shop", true },
		{ "dst.compose=shop", false },
		{ "service:web", true },
		{ "src.service=web", true },
		{ "dst.service=web", false },
		{ "dst.service=api-7d9f", true },
		{ "src.ns:prod", false },
		{ "dst.ns=prod", true },
		{ "pod:api-*", true },
		{ "pod:web", false },
		{ "ns:prod", true },
		{ "ns=pro", false },
		{ "dst:7d9f", true },
		{ "proc:curl", true },
		{ "header.host:api", true },
		{ "req.header.cookie=b", true },
		{ "resp.header.content-type:json", true },
		{ "resp.header.cookie:b", false },
		{ "type:json", true },
		{ "resp.body:error", true },
		{ "req.body:error", false },
		{ "any:error", true },
		{ "is:error", true },
		{ "is:slow,truncated", true },
		{ "-is:midstream", false },
		{ "is:pending", false },
		{ "tls:yes", true },
		{ "tls:no", false },
		{ "tls:openssl", true },
		{ "sni:api", true },
		{ "sni=ap", false },
		{ "alpn:http/1.1", true },
		{ "alpn:h2", false },
		{ "mapping:sticky", true },
		{ "mapping:nested,matched", false },
		{ "tlsver:1.2", true },
		{ "tlsver:\"TLS 1.2\"", true },
		{ "tlsver:1.3", false },
		{ "cipher:aes_128_gcm", true },
		{ "cert:*.api", true },
		{ "cert:cn=ca", true },
		{ "cert:shop", false },
		{ "ip:172.18.0.0/16", true },
		{ "ip:172.18.0.3", true },
		{ "ip:10.0.0.0/8", false },
		{ "ip:::ffff:172.18.0.4", true },
		{ "port:443", true },
		{ "l4:tcp", true },
		{ "sock:api", false },
		{ "port:400..500", true },
		{ "size>19b", true },
		{ "size:1kb", false },
		{ "dur>2us", true },
		{ "dur>=3us dur<=3us", true },
		{ "dur>500ms", false },
		{ "(src:web or src:api) path~\"^/v1/users$\"", true },
		{ "src:nobody or src:web", true },
		{ "src:nobody || src:web and status:200", false },
		{ "(path~^/v1/(users|x)$) is:pending", false },
		{ "(path~^/v1/(users|x)$) is:error", true },
		{ "/us.rs/", true },
		{ "/USERS/", false },
		{ "/USERS/i", true },
		{ "proto:http1", true },
		{ "\"/v1/users\"", true },
		{ "--web", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct filter *q = parsed(rows[i].text);

		if (filter_match(q, sample_flow()) != rows[i].hit)
			fail_msg("%s: expected %s", rows[i].text, rows[i].hit ? "a match" : "none");
		filter_free(q);
	}
}

static void unix_sockets_match_by_their_path(void **state)
{
	static const struct {
		const char *text;
		bool hit;
	} rows[] = {
		{ "sock:docker", true },
		{ "sock=/run/docker.sock", true },
		{ "sock:/run/*.sock", true },
		{ "sock:postgres", false },
		{ "docker.sock", true },
		{ "dst:docker.sock", true },
		{ "src:docker.sock", false },
		{ "proc:dockerd", true },
		{ "l4:unix", true },
		{ "l4:tcp", false },
		{ "ip:::/0", false },
		{ "port<1000", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct filter *q = parsed(rows[i].text);

		if (filter_match(q, sample_unix_flow()) != rows[i].hit)
			fail_msg("%s: expected %s", rows[i].text, rows[i].hit ? "a match" : "none");
		filter_free(q);
	}
}

static void errors_say_where_and_why(void **state)
{
	static const struct {
		const char *text;
		size_t at, len;
		const char *why;
	} rows[] = {
		{ "metod:GET", 0, 5,
		  "there is no key \"metod\": did you mean \"method\"? Put quotes around it to "
		  "search "
		  "for the text" },
		{ "header:x", 0, 6, "there is no key \"header\": write header.NAME" },
		{ "http://api/", 0, 4,
		  "there is no key \"http\": put quotes around it to search for the text" },
		{ "a \"b", 2, 2, "the quote is not closed: end it with \"" },
		{ "(a", 0, 1, "this parenthesis is not closed" },
		{ "a)", 1, 1, "this parenthesis was never opened" },
		{ "a or or b", 5, 1, "something to compare is missing before this" },
		{ "is:fast", 3, 4,
		  "is: takes one of error, slow, pending, unanswered, truncated, gap, midstream, redacted, "
		  "tls, undecrypted, stream, local, external, marked, noted, pinned" },
		{ "dur>abc", 4, 3, "a duration is needed here, with its unit: 500ms, 2s" },
		{ "path>3", 4, 1, "path cannot be compared like this" },
		{ "path:", 5, 1, "a value is missing here" },
		{ "a or", 4, 0, "something to compare is missing at the end" },
		{ "path~[", 5, 1,
		  "not a regular expression: missing terminating ] for character class" },
		{ "ip:10.0.0.0/33", 3, 11, "an address is needed here: 10.0.0.1, 10.0.0.0/8, ::1" },
		{ "status>5xx", 7, 3, "a range cannot be compared by size: write status:5xx" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct filter_error err = { 0 };
		struct filter *q = NULL;

		assert_int_equal(filter_new(&q, rows[i].text, &err), -EINVAL);
		assert_string_equal(err.text, rows[i].why);
		if (err.at != rows[i].at || err.len != rows[i].len)
			fail_msg("%s: at %zu, length %zu", rows[i].text, err.at, err.len);
	}
}

static void text_parses_to_the_same_text(void **state)
{
	static const char *const rows[][2] = {
		{ "method:POST   status:5xx", "method:POST status:5xx" },
		{ "a or b and c", "a or (b c)" },
		{ "(a or b) c", "(a or b) c" },
		{ "not (a b)", "-(a b)" },
		{ "path:\"a b\",c", "path:\"a b\",c" },
		{ "\"http://x\"", "\"http://x\"" },
		{ "/a.b/i", "/a.b/i" },
		{ "/v1 /v2", "/v1 /v2" },
		{ "path~^a\\d", "path~\"^a\\\\d\"" },
		{ "host==api", "host=api" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct filter *q = parsed(rows[i][0]), *again;
		struct buf once = { 0 }, twice = { 0 };

		filter_text(q, &once);
		buf_put(&once, (struct slice){ (const uint8_t *)"", 1 });
		assert_string_equal((const char *)once.p, rows[i][1]);
		again = parsed((const char *)once.p);
		filter_text(again, &twice);
		assert_int_equal(twice.n, once.n - 1);
		assert_memory_equal(twice.p, once.p, twice.n);
		buf_release(&once);
		buf_release(&twice);
		filter_free(q);
		filter_free(again);
	}
}

static void sentence_is_plain(void **state)
{
	static const char *const rows[][2] = {
		{ "status>=500 -path:/health",
		  "status at least 500 and path does not contain /health" },
		{ "-(method:GET or is:slow)", "method is not GET and is not slow" },
		{ "", "everything" },
		{ "web", "address, operation or names contain \"web\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct filter *q = parsed(rows[i][0]);
		struct buf b = { 0 };

		filter_sentence(q, &b);
		buf_put(&b, (struct slice){ (const uint8_t *)"", 1 });
		assert_string_equal((const char *)b.p, rows[i][1]);
		buf_release(&b);
		filter_free(q);
	}
}

static void needs_are_the_dearest_part(void **state)
{
	static const struct {
		const char *text;
		enum filter_needs needs;
	} rows[] = { { "", FILTER_SUMMARY },
		     { "status:500 users", FILTER_SUMMARY },
		     { "users or header.x:1", FILTER_HEADERS },
		     { "-(a b any:c)", FILTER_BODIES } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct filter *q = parsed(rows[i].text);

		assert_int_equal(filter_needs(q), rows[i].needs);
		filter_free(q);
	}
}

static void depth_and_size_are_bounded(void **state)
{
	struct filter_error err;
	struct filter *q = NULL;
	char text[4096];

	(void)state;
	memset(text, '(', 100);
	memcpy(text + 100, "a", 2);
	assert_int_equal(filter_new(&q, text, &err), -EINVAL);
	memset(text, '-', 100);
	assert_int_equal(filter_new(&q, text, &err), -EINVAL);
	for (size_t i = 0; i + 2 < sizeof(text); i += 2)
		memcpy(text + i, "a ", 3);
	assert_int_equal(filter_new(&q, text, &err), -EINVAL);
}

/* Catastrophic for a backtracking matcher without a limit. */
static void hostile_pattern_ends(void **state)
{
	struct filter *q = parsed("resp.body~^(a+)+$");
	struct flow f = *sample_flow();
	char body[64];

	(void)state;
	memset(body, 'a', sizeof(body));
	body[63] = 'b';
	f.resp.body.data = (struct slice){ (const uint8_t *)body, sizeof(body) };
	assert_false(filter_match(q, &f));
	filter_free(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filters_match_or_do_not),
		cmocka_unit_test(unix_sockets_match_by_their_path),
		cmocka_unit_test(errors_say_where_and_why),
		cmocka_unit_test(text_parses_to_the_same_text),
		cmocka_unit_test(sentence_is_plain),
		cmocka_unit_test(needs_are_the_dearest_part),
		cmocka_unit_test(depth_and_size_are_bounded),
		cmocka_unit_test(hostile_pattern_ends),
	};

	return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
