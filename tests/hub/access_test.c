/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <string.h>

#include "hub/access.h"

#define TOKEN "0123456789abcdef0123456789abcdef"

static const struct access_rules rules = { .token = TOKEN,
					   .web_host = "limpid.example",
					   .port = 7070 };

static int check(const struct access_request *q)
{
	const char *why = NULL;
	int status = access_check(&rules, q, &why);

	assert_true(status == 200 || (why && why[0]));
	return status;
}

static struct access_request get(const char *path)
{
	return (struct access_request){ .method = "GET", .path = path, .host = "127.0.0.1:7070" };
}

static void the_page_needs_no_token_and_the_api_does(void **state)
{
	struct access_request q = get("/");

	(void)state;
	assert_int_equal(check(&q), 200);
	q.path = "/a/main-1.js";
	assert_int_equal(check(&q), 200);
	q.path = "/api/flows";
	assert_int_equal(check(&q), 401);
	q.path = "/api";
	assert_int_equal(check(&q), 401);
	q.path = "/api/ws";
	q.websocket = true;
	assert_int_equal(check(&q), 401);
	q.websocket = false;
	q.path = "/api/login";
	q.method = "POST";
	assert_int_equal(check(&q), 200);
	q.path = "/api/loginx";
	assert_int_equal(check(&q), 401);
}

static void the_token_comes_as_bearer_or_in_the_cookie_of_this_port(void **state)
{
	static const struct {
		const char *authorization, *cookie;
		int status;
	} t[] = {
		{ "Bearer " TOKEN, NULL, 200 },
		{ "bearer  " TOKEN, NULL, 200 },
		{ "Bearer " TOKEN "0", NULL, 401 },
		{ "Bearer 0123456789abcdef0123456789abcde", NULL, 401 },
		{ "Bearer", NULL, 401 },
		{ "Basic " TOKEN, NULL, 401 },
		{ TOKEN, NULL, 401 },
		{ NULL, "limpid_7070=" TOKEN, 200 },
		{ NULL, "a=b; limpid_7070=" TOKEN "; c=d", 200 },
		{ NULL, "limpid_7071=" TOKEN, 401 },
		{ NULL, "xlimpid_7070=" TOKEN, 401 },
		{ NULL, "limpid_7070=", 401 },
		{ NULL, "limpid_7070=" TOKEN "x", 401 },
		{ NULL, "limpid_7070=old; limpid_7070=" TOKEN, 200 },
		{ NULL, "; ;;limpid_7070=" TOKEN, 200 },
		{ NULL, "", 401 },
		{ "Bearer wrong", "limpid_7070=" TOKEN, 200 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct access_request q = get("/api/health");

		q.authorization = t[i].authorization;
		q.cookie = t[i].cookie;
		if (check(&q) != t[i].status)
			fail_msg("case %zu", i);
	}
}

static void names_that_a_foreign_site_can_own_are_refused(void **state)
{
	static const struct {
		const char *host;
		int status;
	} t[] = {
		{ "localhost", 200 },
		{ "LOCALHOST:8080", 200 },
		{ "127.0.0.1", 200 },
		{ "192.168.1.7:7070", 200 },
		{ "[::1]:7070", 200 },
		{ "[fd00::1]", 200 },
		{ "limpid.example", 200 },
		{ "Limpid.Example:443", 200 },
		{ "evil.example", 403 },
		{ "localhost.evil.com", 403 },
		{ "127.0.0.1.evil.com", 403 },
		{ "", 403 },
		{ ":7070", 403 },
		{ "::1", 403 },
		{ "[::1", 403 },
		{ "[::1]x", 403 },
		{ "localhost:", 403 },
		{ "localhost:7o", 403 },
		{ "localhost:123456", 403 },
		{ "127.0.0.1:7070@evil.com", 403 },
		{ "0x7f.1", 403 },
		{ "limpid.example.", 403 },
		{ "[127.0.0.1]", 403 },
		{ NULL, 403 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct access_request q = get("/");

		q.host = t[i].host;
		if (check(&q) != t[i].status)
			fail_msg("case %zu: %s", i, t[i].host ? t[i].host : "(none)");
	}
}

static void the_origin_must_be_the_pages_own(void **state)
{
	static const struct {
		const char *method, *origin;
		bool websocket;
		int status;
	} t[] = {
		{ "POST", "http://127.0.0.1:7070", false, 200 },
		{ "POST", "https://127.0.0.1:7070", false, 200 },
		{ "POST", NULL, false, 200 },
		{ "POST", "null", false, 403 },
		{ "POST", "", false, 403 },
		{ "POST", "http://127.0.0.1:7071", false, 403 },
		{ "POST", "http://127.0.0.1", false, 403 },
		{ "PUT", "http://evil.example", false, 403 },
		{ "GET", "http://evil.example", false, 200 },
		{ "GET", "http://evil.example", true, 403 },
		{ "GET", "http://127.0.0.1:7070", true, 200 },
		{ "POST", "ftp://127.0.0.1:7070", false, 403 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct access_request q = get("/api/ws");

		q.method = t[i].method;
		q.origin = t[i].origin;
		q.websocket = t[i].websocket;
		q.authorization = "Bearer " TOKEN;
		if (check(&q) != t[i].status)
			fail_msg("case %zu", i);
	}
}

static void a_foreign_site_is_refused_even_with_the_token(void **state)
{
	struct access_request q = get("/api/flows");

	(void)state;
	q.authorization = "Bearer " TOKEN;
	q.sec_fetch_site = "same-origin";
	assert_int_equal(check(&q), 200);
	q.sec_fetch_site = "none";
	assert_int_equal(check(&q), 200);
	q.sec_fetch_site = "cross-site";
	assert_int_equal(check(&q), 403);
	q.sec_fetch_site = "same-site";
	assert_int_equal(check(&q), 403);
	q.path = "/"; /* a link to the page may be anywhere */
	assert_int_equal(check(&q), 200);
}

static void only_addresses_of_this_machine_are_loopback(void **state)
{
	(void)state;
	assert_true(access_is_loopback("127.0.0.1"));
	assert_true(access_is_loopback("127.8.9.10"));
	assert_true(access_is_loopback("::1"));
	assert_true(access_is_loopback("localhost"));
	assert_false(access_is_loopback("0.0.0.0"));
	assert_false(access_is_loopback("::"));
	assert_false(access_is_loopback("10.0.0.1"));
	assert_false(access_is_loopback("localhost.evil.com"));
	assert_false(access_is_loopback(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_page_needs_no_token_and_the_api_does),
		cmocka_unit_test(the_token_comes_as_bearer_or_in_the_cookie_of_this_port),
		cmocka_unit_test(names_that_a_foreign_site_can_own_are_refused),
		cmocka_unit_test(the_origin_must_be_the_pages_own),
		cmocka_unit_test(a_foreign_site_is_refused_even_with_the_token),
		cmocka_unit_test(only_addresses_of_this_machine_are_loopback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
