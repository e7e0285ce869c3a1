/* SPDX-License-Identifier: Apache-2.0 */
/* The whole hub: the page, who may come in, rubbish and errors. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hub/hub.h"
#include "hub_world.h"

/* --- the page and access --------------------------------------------------------------------------------------- */

static void the_page_comes_with_its_policy(void **state)
{
	const struct hub_running *h = *state;
	struct web_reply r = web_ask(h->http, "GET", "/", "", NULL);

	assert_int_equal(r.status, 200);
	assert_string_equal((char *)r.body, HUB_PAGE);
	assert_true(web_has(&r, "Content-Security-Policy: default-src 'none'; script-src 'self';"));
	assert_non_null(strstr(r.head, "trusted-types 'none'"));
	assert_true(web_has(&r, "X-Content-Type-Options: nosniff\r\n"));
	assert_true(web_has(&r, "Referrer-Policy: no-referrer\r\n"));
	assert_true(web_has(&r, "Cross-Origin-Opener-Policy: same-origin\r\n"));
	assert_true(web_has(&r, "Cross-Origin-Resource-Policy: same-origin\r\n"));
	assert_true(web_has(&r, "Cache-Control: no-store\r\n"));
	web_free(&r);
	r = web_ask(h->http, "GET", "/a/main-1.js", "Accept-Encoding: gzip, br\r\n", NULL);
	assert_string_equal((char *)r.body, "BR");
	assert_true(web_has(&r, "Content-Encoding: br\r\n"));
	assert_true(web_has(&r, "Cache-Control: public, max-age=31536000, immutable\r\n"));
	web_free(&r);
	r = web_ask(h->http, "GET", "/a/main-1.js", "Accept-Encoding: gzip\r\n", NULL);
	assert_string_equal((char *)r.body, HUB_SCRIPT);
	web_free(&r);
	r = web_ask(h->http, "HEAD", "/", "", NULL);
	assert_int_equal(r.status, 200);
	assert_null(strstr(r.head, "<!doctype"));
	assert_int_equal(hub_status_of(h, "GET", "/a/none.js", "", NULL), 404);
	assert_int_equal(hub_status_of(h, "POST", "/", "", "x"), 405);
	assert_int_equal(hub_status_of(h, "GET", "/../../etc/passwd", "", NULL), 404);
}

static void a_connection_serves_several_requests(void **state)
{
	const struct hub_running *h = *state;
	static const char two[] =
		"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET /a/main-1.js HTTP/1.1\r\n"
		"Host: localhost\r\n\r\n";
	int fd = web_dial(h->http);
	struct web_reply r;

	for (int round = 0; round < 3; round++) {
		assert_int_equal(send(fd, two, sizeof(two) - 1, 0), sizeof(two) - 1);
		r = web_read(fd);
		assert_string_equal((char *)r.body, HUB_PAGE);
		web_free(&r);
		r = web_read(fd);
		assert_string_equal((char *)r.body, HUB_SCRIPT);
		web_free(&r);
	}
	close(fd);
}

static void the_api_is_closed_to_strangers(void **state)
{
	const struct hub_running *h = *state;

	assert_int_equal(hub_status_of(h, "GET", "/api/flows", "", NULL), 401);
	assert_int_equal(hub_status_of(h, "GET", "/api/flows", "Authorization: Bearer wrong\r\n", NULL),
			 401);
	assert_int_equal(hub_status_of(h, "GET", "/api/flows", HUB_BEARER, NULL), 200);
	assert_int_equal(hub_status_of(h, "GET", "/", "Host: evil.example\r\n", NULL), 403);
	assert_int_equal(hub_status_of(h, "GET", "/api/flows", HUB_BEARER "Host: evil.example\r\n", NULL),
			 403);
	assert_int_equal(
		hub_status_of(h, "POST", "/api/clear", HUB_BEARER "Origin: http://evil.example\r\n", ""),
		403);
	assert_int_equal(
		hub_status_of(h, "GET", "/api/flows", HUB_BEARER "Sec-Fetch-Site: cross-site\r\n", NULL),
		403);
	assert_int_equal(ws_open(h->http, ""), -401);
	assert_int_equal(ws_open(h->http, HUB_BEARER "Origin: http://evil.example\r\n"), -403);
	assert_int_equal(ws_open(h->http, HUB_BEARER "Host: evil.example\r\n"), -403);
	assert_int_equal(hub_status_of(h, "DELETE", "/api/flows", HUB_BEARER, NULL), 405);
	assert_int_equal(hub_status_of(h, "POST", "/api/flows", HUB_BEARER, ""), 405);
	assert_int_equal(hub_status_of(h, "GET", "/api/nothing", HUB_BEARER, NULL), 404);
	assert_int_equal(hub_status_of(h, "GET", "/api/ws", HUB_BEARER, NULL), 400);
}

static void a_login_gives_a_cookie_named_with_the_port(void **state)
{
	const struct hub_running *h = *state;
	struct hub_running other = { 0 };
	struct web_reply r = web_ask(h->http, "POST", "/api/login", "", "wrong");
	char cookie[300];

	assert_int_equal(r.status, 401);
	assert_false(web_has(&r, "Set-Cookie"));
	web_free(&r);
	r = web_ask(h->http, "POST", "/api/login", "", HUB_TOKEN);
	assert_int_equal(r.status, 204);
	(void)snprintf(cookie, sizeof(cookie),
		       "Set-Cookie: limpid_%u=" HUB_TOKEN "; HttpOnly; SameSite=Strict; Path=/\r\n",
		       h->http);
	assert_true(web_has(&r, cookie));
	web_free(&r);
	hub_begin(&other); /* the browser sends both cookies to both */
	(void)snprintf(cookie, sizeof(cookie), "Cookie: limpid_%u=%s; limpid_%u=" HUB_TOKEN "\r\n",
		       h->http, "another", other.http);
	assert_int_equal(hub_status_of(&other, "GET", "/api/health", cookie, NULL), 200);
	assert_int_equal(hub_status_of(h, "GET", "/api/health", cookie, NULL), 401);
	assert_int_equal(hub_teardown((void *[]){ &other }), 0);
}

static void bodies_have_a_limit_and_a_length(void **state)
{
	const struct hub_running *h = *state;
	char *large = calloc(1, (600 << 10) + 1);

	memset(large, 'x', 600 << 10);
	assert_int_equal(hub_status_of(h, "PUT", "/api/capture", HUB_BEARER, large), 413);
	assert_int_equal(
		hub_status_of(h, "PUT", "/api/capture", HUB_BEARER "Transfer-Encoding: chunked\r\n", NULL),
		411);
	assert_int_equal(hub_status_of(h, "PUT", "/api/capture", HUB_BEARER, NULL), 400);
	assert_int_equal(hub_status_of(h, "PATCH", "/api/capture", HUB_BEARER, NULL), 400);
	assert_int_equal(hub_status_of(h, "PATCH", "/api/capture", HUB_BEARER, large), 413);
	assert_int_equal(hub_status_of(h, "PUT", "/api/capture", HUB_BEARER, "{\"mode\":\"some\"}"), 400);
	free(large);
}

/* --- rubbish and errors -------------------------------------------------------------------------------------------- */

static void rubbish_ends_its_connection_and_nothing_else(void **state)
{
	static const char *const rubbish[] = {
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"GET\r\n\r\n",
		"GET / HTTP/1.1\r\n\r\n",
		"GARBAGE / HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\nhello",
		"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: something\r\nConnection: "
		"Upgrade\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: h2c\r\nConnection: Upgrade, "
		"HTTP2-Settings\r\n"
		"HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n",
		"GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\nxx",
		"POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
		"99999999999999999999\r\n\r\nxx",
		"POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
		"3\r\n\r\nabcdefgGET / HTTP",
		"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nabcdefg",
		"GET /api/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n" HUB_BEARER "\r\n",
		"GET /%00%ff%2e%2e/%zz?%=%&&&=f HTTP/1.1\r\nHost: localhost\r\n\r\n",
	};
	const struct hub_running *h = *state;
	uint8_t noise[4096];
	uint32_t seed = 1;
	char *header;

	for (unsigned port = 0; port < 2; port++) {
		for (size_t i = 0; i < sizeof(rubbish) / sizeof(*rubbish); i++) {
			int fd = web_dial(port ? h->grpc : h->http);

			(void)!send(fd, rubbish[i], strlen(rubbish[i]), MSG_NOSIGNAL);
			shutdown(fd, SHUT_WR);
			while (recv(fd, noise, sizeof(noise), 0) > 0)
				;
			close(fd);
		}
		for (unsigned round = 0; round < 50; round++) {
			int fd = web_dial(port ? h->grpc : h->http);

			for (size_t i = 0; i < sizeof(noise); i++) {
				seed = seed * 1103515245u + 12345u;
				noise[i] = (uint8_t)(seed >> 16);
			}
			(void)!send(fd, noise, sizeof(noise), MSG_NOSIGNAL);
			close(fd);
		}
	}
	header = calloc(1, 40001);
	memset(header, 'a', 40000);
	memcpy(header, "X-Large: ", 9);
	memcpy(header + 39998, "\r\n", 2);
	(void)hub_status_of(h, "GET", "/", header, NULL);
	free(header);
	assert_int_equal(hub_status_of(h, "GET", "/api/health", HUB_BEARER, NULL), 200);
	hub_feed(h, 1, 3);
}

static void what_hinders_a_start_is_said_in_a_sentence(void **state)
{
	const struct hub_running *h = *state;
	char http[32], grpc[32], db[128], err[512] = "";
	struct hub_options o = { .grpc_addr = "127.0.0.1:0",
				 .http_addr = http,
				 .db_path = db,
				 .token = HUB_TOKEN,
				 .ready_fd = -1,
				 .stop_fd = -1 };

	(void)snprintf(db, sizeof(db), "%s/second.db", h->dir);
	(void)snprintf(http, sizeof(http), "127.0.0.1:%u", h->http);
	assert_int_equal(hub_run(&o, err, sizeof(err)), -EADDRINUSE);
	assert_non_null(strstr(err, "--http"));
	(void)snprintf(http, sizeof(http), "127.0.0.1:0");
	(void)snprintf(grpc, sizeof(grpc), "127.0.0.1:%u", h->grpc);
	o.grpc_addr = grpc;
	assert_int_equal(hub_run(&o, err, sizeof(err)), -EADDRINUSE);
	o.grpc_addr = "127.0.0.1:0";
	(void)snprintf(http, sizeof(http), "0.0.0.0:0");
	assert_int_equal(hub_run(&o, err, sizeof(err)), -EPERM);
	assert_non_null(strstr(err, "open to the network"));
	o.allow_remote = true;
	o.token = "";
	assert_int_equal(hub_run(&o, err, sizeof(err)), -EPERM);
	o.token = HUB_TOKEN;
	(void)snprintf(http, sizeof(http), "somewhere");
	assert_int_equal(hub_run(&o, err, sizeof(err)), -EINVAL);
	(void)snprintf(http, sizeof(http), "192.0.2.1:7070"); /* RFC 5737: nobody has it */
	assert_int_equal(hub_run(&o, err, sizeof(err)), -EADDRNOTAVAIL);
	o.db_path = h->db;
	assert_int_equal(hub_run(&o, err, sizeof(err)), -EBUSY);
	o.db_path = "/nonexistent/flows.db";
	assert_int_equal(hub_run(&o, err, sizeof(err)), -EACCES);
	assert_non_null(strstr(err, "--db"));
}

static void whoever_waits_for_the_start_hears_why_it_failed(void **state)
{
	struct hub_running *h = *state, second = { 0 };

	second = *h;
	(void)snprintf(second.db, sizeof(second.db), "%s/other.db", h->dir);
	second.grpc = web_free_port();
	hub_start(&second);
	assert_non_null(strstr(second.line, "is in use"));
	assert_int_equal(hub_end(&second), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, hub_setup, hub_teardown)
	const struct CMUnitTest tests[] = {
		T(the_page_comes_with_its_policy),
		T(a_connection_serves_several_requests),
		T(the_api_is_closed_to_strangers),
		T(a_login_gives_a_cookie_named_with_the_port),
		T(bodies_have_a_limit_and_a_length),
		T(rubbish_ends_its_connection_and_nothing_else),
		T(what_hinders_a_start_is_said_in_a_sentence),
		T(whoever_waits_for_the_start_hears_why_it_failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
