/* SPDX-License-Identifier: Apache-2.0 */
/* Where in a filter something is typed, and which values a flow has for a key. */
#include "test.h"

#include <stdio.h>

#include "filter/complete.h"

/* text with a '|' where the cursor is; expect: "kind key at+len typed". */
static void spot(const char *marked, const char *expect)
{
	static const char *const kinds[] = { "key", "name", "value", "none" };
	const char *bar = strchr(marked, '|');
	char text[200], got[400];
	struct filter_spot s;

	(void)snprintf(text, sizeof(text), "%.*s%s", (int)(bar - marked), marked, bar + 1);
	filter_spot(text, (size_t)(bar - marked), &s);
	(void)snprintf(got, sizeof(got), "%s %s %zu+%zu %s", kinds[s.kind], s.key[0] ? s.key : "-", s.at, s.len, s.typed);
	assert_string_equal(got, expect);
}

static void the_place_of_the_cursor_is_understood(void **state)
{
	(void)state;
	spot("|", "key - 0+0 ");
	spot("sta|", "key - 0+3 sta");
	spot("st|atus:5xx", "key - 0+6 st");
	spot("status:|", "value status 7+0 ");
	spot("status>=5|00", "value status 8+3 5");
	spot("-path:/he|alth x", "value path 6+7 /he");
	spot("a b (src:w|eb)", "value src 9+3 w");
	spot("proto:http1,gr|", "value proto 12+2 gr");
	spot("host:\"a b|c\" d", "value host 5+6 a b");
	spot("host:\"a,b|", "value host 5+4 a,b");
	spot("req.header.|", "name req.header 11+0 ");
	spot("req.header.ac|cept:x", "name req.header 11+6 ac");
	spot("req.header.accept:te|", "value req.header.accept 18+2 te");
	spot("path~^/v|", "none path 5+3 ^/v");
	spot("\"status:|", "none - 0+0 \"status:");
	spot("x |", "key - 2+0 ");
	spot("not is:|", "value is 7+0 ");
	spot("\xc3\xa9 \xc3\xa9:|", "key - 3+0 \xc3\xa9:");
	/* Any cursor in anything stays inside of it. */
	for (size_t at = 0; at < 40; at++) {
		struct filter_spot s;

		filter_spot("-(a:\"\\\" b,c\" , d)!=~/x/ header.\"x", at, &s);
		assert_true(s.at + s.len <= 33);
	}
}

static bool note(void *ctx, struct slice v)
{
	(void)snprintf((char *)ctx + strlen(ctx), 300 - strlen(ctx), "%.*s,", (int)v.n, (const char *)v.p);
	return true;
}

static void values_are_those_that_the_flow_has(void **state)
{
	static const struct flow_attr req[] = { { "Host", "api" }, { "X-A", "1" } }, resp[] = { { "Via", "p" } };
	const struct flow_conn conn = { .client = { .container = "web", .comm = "node" }, .server = { .port = 443 }, .l4 = "tcp" };
	const struct flow f = { .conn = &conn,
				.proto = "http1",
				.has_req = true,
				.has_resp = true,
				.req = { .op = "GET", .target = "/a?b=1&c", .headers = req, .nheaders = 2 },
				.resp = { .status = "404", .reason = "Not Found", .headers = resp, .nheaders = 1 } };
	static const struct {
		const char *key, *values;
	} cases[] = { { "src", "web,node," }, { "status", "404,Not Found," }, { "port", "443," }, { "path", "/a," },
		      { "query.b", "1," },    { "req.header.x-a", "1," },      { "sni", "" } };
	char got[300];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		got[0] = '\0';
		assert_true(filter_values(cases[i].key, &f, note, got));
		assert_string_equal(got, cases[i].values);
	}
	assert_false(filter_values("nonsense", &f, note, got));
	assert_false(filter_values("dur", &f, note, got));
	got[0] = '\0';
	assert_true(filter_names("header", &f, note, got) && filter_names("query", &f, note, got));
	assert_string_equal(got, "Host,X-A,Via,b,c,");
	got[0] = '\0';
	assert_true(filter_names("resp.header", &f, note, got));
	assert_string_equal(got, "Via,");
	assert_false(filter_names("path", &f, note, got));
}

static void a_value_is_written_so_that_it_reads_back(void **state)
{
	static const char *const values[] = { "plain", "/a/b", "two words", "a,b", "(x)", "q\"q", "back\\slash \\", "=x", "" };
	struct filter_error e;

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(values) / sizeof(*values); i++) {
		const struct flow_conn conn = { .l4 = "tcp" };
		const struct flow f = { .conn = &conn, .proto = "x", .has_req = true, .req = { .target = values[i] } };
		struct buf b = { 0 };
		struct filter *q = NULL;

		buf_puts(&b, "target=");
		filter_put_value(&b, slice_str(values[i]));
		buf_put(&b, (struct slice){ (const uint8_t *)"", 1 });
		assert_int_equal(filter_new(&q, (const char *)b.p, &e), 0);
		assert_true(filter_match(q, &f));
		filter_free(q);
		buf_release(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_place_of_the_cursor_is_understood),
		cmocka_unit_test(values_are_those_that_the_flow_has),
		cmocka_unit_test(a_value_is_written_so_that_it_reads_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
