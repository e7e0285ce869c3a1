/* SPDX-License-Identifier: Apache-2.0 */
/* The whole hub, in a process of its own, with an agent's real sink on one port and clients on the other. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent_hub.h"
#include "hub/assets.h"
#include "hub/hub.h"
#include "web.h"

#define TOKEN  "00112233445566778899aabbccddeeff"
#define BEARER "Authorization: Bearer " TOKEN "\r\n"
#define ID     "0123456789abcdef0123456789abcdef"

#define PAGE   "<!doctype html><title>test</title>"
#define SCRIPT "console.log(1)"
const struct asset assets[] = {
	{ "/index.html", "text/html; charset=utf-8", (const uint8_t *)PAGE, NULL, sizeof(PAGE) - 1,
	  0, false },
	{ "/a/main-1.js", "text/javascript", (const uint8_t *)SCRIPT, (const uint8_t *)"BR",
	  sizeof(SCRIPT) - 1, 2, true },
};
const size_t assets_n = 2;

struct running {
	pid_t pid;
	int stop;
	uint16_t http, grpc;
	char dir[64], db[96], line[600];
};

static int remove_one(const char *p, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(p);
}

static void serve(const struct running *h, int ready, int stop)
{
	char grpc[32], http[32], err[512];
	struct hub_options o = { .grpc_addr = grpc,
				 .http_addr = http,
				 .db_path = h->db,
				 .token = TOKEN,
				 .max_bytes = 64 << 20,
				 .max_rows = 5000,
				 .ready_fd = ready,
				 .stop_fd = stop };

	(void)snprintf(grpc, sizeof(grpc), "127.0.0.1:%u", h->grpc);
	(void)snprintf(http, sizeof(http), "127.0.0.1:%u", h->http);
	exit(hub_run(&o, err, sizeof(err)) == 0 ? 0 : 1);
}

/* On the ports and the database in h; the first line it said is in h->line. */
static void start(struct running *h)
{
	int ready[2], stop[2];
	size_t n = 0;

	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(stop), 0);
	fflush(NULL);
	h->pid = fork();
	assert_true(h->pid >= 0);
	if (h->pid == 0) {
		close(ready[0]);
		close(stop[1]);
		serve(h, ready[1], stop[0]);
	}
	close(ready[1]);
	close(stop[0]);
	h->stop = stop[1];
	while (n < sizeof(h->line) - 1 && read(ready[0], h->line + n, 1) == 1 && h->line[n] != '\n')
		n++;
	h->line[n] = '\0';
	close(ready[0]);
}

static int end(struct running *h)
{
	int status = 0;

	close(h->stop);
	assert_int_equal(waitpid(h->pid, &status, 0), h->pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000;
}

static void begin(struct running *h)
{
	(void)snprintf(h->dir, sizeof(h->dir), "/tmp/limpid-hub-XXXXXX");
	assert_non_null(mkdtemp(h->dir));
	(void)snprintf(h->db, sizeof(h->db), "%s/flows.db", h->dir);
	h->http = web_free_port();
	h->grpc = web_free_port();
	start(h);
	assert_string_equal(h->line, "ok");
}

static int setup(void **state)
{
	static struct running h;

	begin(&h);
	*state = &h;
	return 0;
}

static int teardown(void **state)
{
	struct running *h = *state;
	int r = end(h); /* a leak shows here too */

	(void)nftw(h->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return r;
}

/* --- flows --------------------------------------------------------------------------------------------------- */

static void step(struct agent *a, const struct running *h)
{
	struct hub none = { 0 };

	collector_tick(a->sink, test_now());
	if (a->wants)
		agent_connect(a, h->grpc);
	both_step(NULL, &none); /* waits a little */
	(void)collector_io(a->sink, test_now());
}

#define UNTIL(a, h, cond)                                             \
	for (uint64_t end_ = test_now() + 20000000000ull; !(cond);) { \
		step(a, h);                                           \
		assert_true(test_now() < end_);                       \
	}

/* Flow n: its id ends in n, its answer has this status (0: none yet) and this body. */
static void send_flow(struct agent *a, unsigned n, unsigned status, struct slice body)
{
	static const struct flow_attr headers[] = { { "Host", "api.test" } };
	const struct flow_conn conn = {
		.id = n,
		.l4 = "tcp",
		.client = { .port = 1000, .container = "web", .container_id = "aaaa" },
		.server = { .port = 80, .container = "api", .container_id = "bbbb" },
	};
	char target[32], code[8];
	struct flow f = { .conn = &conn,
			  .proto = "http1",
			  .epoch_ns = 1700000000000000000,
			  .state = status ? FLOW_DONE : FLOW_OPEN,
			  .failed = status >= 400,
			  .has_req = true,
			  .has_resp = status != 0,
			  .req = { .begin_ns = n + 1,
				   .end_ns = n + 2,
				   .op = "GET",
				   .target = target,
				   .headers = headers,
				   .nheaders = 1 } };

	(void)snprintf(target, sizeof(target), "/item/%u", n);
	(void)snprintf(code, sizeof(code), "%u", status);
	f.id[6] = 0x70;
	f.id[8] = 0x80;
	f.id[14] = (uint8_t)(n >> 8);
	f.id[15] = (uint8_t)n;
	if (status)
		f.resp = (struct flow_half){ .begin_ns = n + 3,
					     .end_ns = n + 1001,
					     .status = code,
					     .body = { .data = body,
						       .len = body.n,
						       .captured = body.n,
						       .type = "application/json" } };
	assert_int_equal(a->sink->ops->write(a->sink, &f), 0);
}

#define FLOW_ID(n) "00000000-0000-7000-8000-" n

static void settle(struct agent *a, const struct running *h)
{
	UNTIL(a, h,
	      collector_stats(a->sink)->connected &&
		      collector_stats(a->sink)->acked == collector_stats(a->sink)->batches &&
		      collector_stats(a->sink)->queue_bytes == 0);
}

static void feed(const struct running *h, unsigned first, unsigned last)
{
	struct agent a;
	char id[33];

	(void)snprintf(id, sizeof(id), "%032x", first); /* a new one at each start of an agent */
	agent_open(&a, id, NULL, 8 << 20);
	UNTIL(&a, h, collector_stats(a.sink)->connected);
	for (unsigned n = first; n <= last; n++)
		send_flow(&a, n, n % 10 == 0 ? 500 : 200,
			  SLICE_LIT("{\"a\":[1,2],\"b\":12345678901234567890}"));
	settle(&a, h);
	agent_close(&a);
}

static cJSON *get_json(const struct running *h, const char *path)
{
	struct web_reply r = web_ask(h->http, "GET", path, BEARER, NULL);
	cJSON *j = cJSON_ParseWithLength((const char *)r.body, r.n);

	assert_int_equal(r.status, 200);
	assert_non_null(j);
	web_free(&r);
	return j;
}

static double number(const cJSON *j, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(j, key);

	assert_true(cJSON_IsNumber(v));
	return v->valuedouble;
}

static int status_of(const struct running *h, const char *method, const char *path,
		     const char *more, const char *body)
{
	struct web_reply r = web_ask(h->http, method, path, more, body);

	web_free(&r);
	return r.status;
}

/* --- the page and access --------------------------------------------------------------------------------------- */

static void the_page_comes_with_its_policy(void **state)
{
	const struct running *h = *state;
	struct web_reply r = web_ask(h->http, "GET", "/", "", NULL);

	assert_int_equal(r.status, 200);
	assert_string_equal((char *)r.body, PAGE);
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
	assert_string_equal((char *)r.body, SCRIPT);
	web_free(&r);
	r = web_ask(h->http, "HEAD", "/", "", NULL);
	assert_int_equal(r.status, 200);
	assert_null(strstr(r.head, "<!doctype"));
	assert_int_equal(status_of(h, "GET", "/a/none.js", "", NULL), 404);
	assert_int_equal(status_of(h, "POST", "/", "", "x"), 405);
	assert_int_equal(status_of(h, "GET", "/../../etc/passwd", "", NULL), 404);
}

static void a_connection_serves_several_requests(void **state)
{
	const struct running *h = *state;
	static const char two[] =
		"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET /a/main-1.js HTTP/1.1\r\n"
		"Host: localhost\r\n\r\n";
	int fd = web_dial(h->http);
	struct web_reply r;

	for (int round = 0; round < 3; round++) {
		assert_int_equal(send(fd, two, sizeof(two) - 1, 0), sizeof(two) - 1);
		r = web_read(fd);
		assert_string_equal((char *)r.body, PAGE);
		web_free(&r);
		r = web_read(fd);
		assert_string_equal((char *)r.body, SCRIPT);
		web_free(&r);
	}
	close(fd);
}

static void the_api_is_closed_to_strangers(void **state)
{
	const struct running *h = *state;

	assert_int_equal(status_of(h, "GET", "/api/flows", "", NULL), 401);
	assert_int_equal(status_of(h, "GET", "/api/flows", "Authorization: Bearer wrong\r\n", NULL),
			 401);
	assert_int_equal(status_of(h, "GET", "/api/flows", BEARER, NULL), 200);
	assert_int_equal(status_of(h, "GET", "/", "Host: evil.example\r\n", NULL), 403);
	assert_int_equal(status_of(h, "GET", "/api/flows", BEARER "Host: evil.example\r\n", NULL),
			 403);
	assert_int_equal(
		status_of(h, "POST", "/api/clear", BEARER "Origin: http://evil.example\r\n", ""),
		403);
	assert_int_equal(
		status_of(h, "GET", "/api/flows", BEARER "Sec-Fetch-Site: cross-site\r\n", NULL),
		403);
	assert_int_equal(ws_open(h->http, ""), -401);
	assert_int_equal(ws_open(h->http, BEARER "Origin: http://evil.example\r\n"), -403);
	assert_int_equal(ws_open(h->http, BEARER "Host: evil.example\r\n"), -403);
	assert_int_equal(status_of(h, "DELETE", "/api/flows", BEARER, NULL), 405);
	assert_int_equal(status_of(h, "POST", "/api/flows", BEARER, ""), 405);
	assert_int_equal(status_of(h, "GET", "/api/nothing", BEARER, NULL), 404);
	assert_int_equal(status_of(h, "GET", "/api/ws", BEARER, NULL), 400);
}

static void a_login_gives_a_cookie_named_with_the_port(void **state)
{
	const struct running *h = *state;
	struct running other = { 0 };
	struct web_reply r = web_ask(h->http, "POST", "/api/login", "", "wrong");
	char cookie[300];

	assert_int_equal(r.status, 401);
	assert_false(web_has(&r, "Set-Cookie"));
	web_free(&r);
	r = web_ask(h->http, "POST", "/api/login", "", TOKEN);
	assert_int_equal(r.status, 204);
	(void)snprintf(cookie, sizeof(cookie),
		       "Set-Cookie: limpid_%u=" TOKEN "; HttpOnly; SameSite=Strict; Path=/\r\n",
		       h->http);
	assert_true(web_has(&r, cookie));
	web_free(&r);
	begin(&other); /* the browser sends both cookies to both */
	(void)snprintf(cookie, sizeof(cookie), "Cookie: limpid_%u=%s; limpid_%u=" TOKEN "\r\n",
		       h->http, "another", other.http);
	assert_int_equal(status_of(&other, "GET", "/api/health", cookie, NULL), 200);
	assert_int_equal(status_of(h, "GET", "/api/health", cookie, NULL), 401);
	assert_int_equal(teardown((void *[]){ &other }), 0);
}

static void bodies_have_a_limit_and_a_length(void **state)
{
	const struct running *h = *state;
	char *large = calloc(1, (600 << 10) + 1);

	memset(large, 'x', 600 << 10);
	assert_int_equal(status_of(h, "PUT", "/api/capture", BEARER, large), 413);
	assert_int_equal(
		status_of(h, "PUT", "/api/capture", BEARER "Transfer-Encoding: chunked\r\n", NULL),
		411);
	assert_int_equal(status_of(h, "PUT", "/api/capture", BEARER, NULL), 400);
	assert_int_equal(status_of(h, "PATCH", "/api/capture", BEARER, NULL), 400);
	assert_int_equal(status_of(h, "PATCH", "/api/capture", BEARER, large), 413);
	assert_int_equal(status_of(h, "PUT", "/api/capture", BEARER, "{\"mode\":\"some\"}"), 400);
	free(large);
}

/* --- flows ------------------------------------------------------------------------------------------------------- */

static void flows_are_listed_filtered_and_opened(void **state)
{
	const struct running *h = *state;
	const cJSON *row;
	cJSON *j;

	feed(h, 1, 50);
	j = get_json(h, "/api/flows?n=3&from=-3");
	assert_int_equal(number(j, "total"), 50);
	assert_int_equal(number(j, "matched"), 50);
	assert_int_equal(number(j, "first"), 1);
	row = cJSON_GetArrayItem(cJSON_GetObjectItem(j, "rows"), 2);
	assert_int_equal(number(row, "n"), 50);
	assert_int_equal(number(row, "dur_ns"), 1000);
	assert_string_equal(cJSON_GetObjectItem(row, "src")->valuestring, "web");
	assert_string_equal(cJSON_GetObjectItem(row, "status")->valuestring, "500");
	cJSON_Delete(j);
	j = get_json(h, "/api/flows?f=status%3E%3D500+host:api.test&from=0&n=2");
	assert_int_equal(number(j, "matched"), 5);
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(j, "rows")), 2);
	cJSON_Delete(j);
	j = get_json(h, "/api/flows?f=resp.body:12345678901234567890");
	assert_int_equal(number(j, "matched"), 50);
	cJSON_Delete(j);
	j = get_json(h, "/api/flow/" FLOW_ID("000000000007"));
	assert_int_equal(number(j, "n"), 7);
	assert_string_equal(
		cJSON_GetObjectItem(cJSON_GetObjectItem(j, "request"), "target")->valuestring,
		"/item/7");
	cJSON_Delete(j);
	assert_int_equal(status_of(h, "GET", "/api/flow/" FLOW_ID("00000000ffff"), BEARER, NULL),
			 404);
	assert_int_equal(status_of(h, "GET", "/api/flow/nonsense", BEARER, NULL), 404);
	assert_int_equal(status_of(h, "GET", "/api/flows?f=statsu:1", BEARER, NULL), 400);
	assert_int_equal(status_of(h, "GET", "/api/flows?n=x", BEARER, NULL), 400);
	j = get_json(h, "/api/filter/check?q=status%3E%3D500");
	assert_true(cJSON_IsTrue(cJSON_GetObjectItem(j, "ok")));
	cJSON_Delete(j);
	j = get_json(h, "/api/filter/check?q=statsu:5");
	assert_true(number(cJSON_GetObjectItem(j, "error"), "len") > 0);
	cJSON_Delete(j);
}

static void a_body_is_only_ever_a_download(void **state)
{
	const struct running *h = *state;
	const char *path = "/api/flow/" FLOW_ID("000000000001") "/body?side=resp";
	struct web_reply r;

	feed(h, 1, 1);
	r = web_ask(h->http, "GET", path, BEARER, NULL);
	assert_int_equal(r.status, 200);
	assert_string_equal((char *)r.body, "{\"a\":[1,2],\"b\":12345678901234567890}");
	assert_true(web_has(&r, "Content-Type: application/octet-stream\r\n"));
	assert_true(web_has(&r, "Content-Disposition: attachment"));
	assert_true(web_has(&r, "Content-Security-Policy: default-src 'none';"));
	assert_true(web_has(&r, "X-Content-Type-Options: nosniff\r\n"));
	web_free(&r);
	r = web_ask(h->http, "GET", path, BEARER "Range: bytes=2-4\r\n", NULL);
	assert_int_equal(r.status, 206);
	assert_string_equal((char *)r.body, "a\":");
	assert_true(web_has(&r, "Content-Range: bytes 2-4/36\r\n"));
	web_free(&r);
	r = web_ask(h->http, "GET", path, BEARER "Range: bytes=36-\r\n", NULL);
	assert_int_equal(r.status, 416);
	assert_true(web_has(&r, "Content-Range: bytes */36\r\n"));
	web_free(&r);
	r = web_ask(h->http, "GET",
		    "/api/flow/" FLOW_ID("000000000001") "/body?side=resp&form=pretty", BEARER,
		    NULL);
	assert_string_equal((char *)r.body,
			    "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": 12345678901234567890\n}");
	web_free(&r);
	r = web_ask(h->http, "GET", "/api/flow/" FLOW_ID("000000000001") "/body?side=resp&form=hex",
		    BEARER, NULL);
	assert_true(strncmp((char *)r.body, "00000000  7b 22 61", 18) == 0);
	web_free(&r);
	assert_int_equal(status_of(h, "GET", "/api/flow/" FLOW_ID("000000000001") "/body?side=no",
				   BEARER, NULL),
			 400);
	assert_int_equal(status_of(h, "GET",
				   "/api/flow/" FLOW_ID("000000000001") "/body?side=req&form=html",
				   BEARER, NULL),
			 400);
}

static void a_restart_keeps_flows_and_settings(void **state)
{
	struct running *h = *state;
	cJSON *j;

	feed(h, 1, 20);
	assert_int_equal(
		status_of(h, "PUT", "/api/capture", BEARER,
			  "{\"mode\":\"chosen\",\"names\":[\"web\",\"a \\\"b\\\"\"],\"hosts\":true,"
			  "\"include_new\":false,\"paused\":true,\"body_limit\":4096}"),
		204);
	assert_int_equal(end(h), 0);
	start(h);
	assert_string_equal(h->line, "ok");
	j = get_json(h, "/api/flows");
	assert_int_equal(number(j, "total"), 20);
	cJSON_Delete(j);
	j = get_json(h, "/api/capture");
	assert_string_equal(cJSON_GetObjectItem(j, "mode")->valuestring, "chosen");
	assert_string_equal(cJSON_GetArrayItem(cJSON_GetObjectItem(j, "names"), 1)->valuestring,
			    "a \"b\"");
	assert_int_equal(number(j, "body_limit"), 4096);
	assert_true(cJSON_IsTrue(cJSON_GetObjectItem(j, "paused")));
	cJSON_Delete(j);
}

static void a_killed_hub_loses_nothing_and_doubles_nothing(void **state)
{
	struct running *h = *state;
	struct agent a;
	cJSON *j;

	agent_open(&a, ID, NULL, 8 << 20);
	for (unsigned n = 1; n <= 300; n++) {
		send_flow(&a, n, 200, SLICE_LIT("{}"));
		step(&a, h);
		if (n % 100 == 0) { /* no good-bye */
			int status;

			kill(h->pid, SIGKILL);
			waitpid(h->pid, &status, 0);
			close(h->stop);
			start(h);
			assert_string_equal(h->line, "ok");
		}
	}
	settle(&a, h);
	agent_close(&a);
	j = get_json(h, "/api/flows");
	assert_int_equal(number(j, "total"), 300);
	cJSON_Delete(j);
}

static void settings_reach_the_agents_that_are_there_and_that_come(void **state)
{
	const struct running *h = *state;
	struct agent a, b;

	agent_open(&a, ID, NULL, 1 << 20);
	UNTIL(&a, h, a.settings > 0);
	assert_int_equal(a.last.mode, 0);
	assert_int_equal(status_of(h, "PUT", "/api/capture", BEARER,
				   "{\"mode\":\"except\",\"names\":[\"db\"],\"paused\":true}"),
			 204);
	UNTIL(&a, h, a.last.mode == 2);
	assert_string_equal(a.names, "db,");
	assert_true(a.last.paused);
	agent_open(&b, "fedcba9876543210fedcba9876543210", NULL, 1 << 20);
	UNTIL(&b, h, b.last.mode == 2);
	assert_int_equal(status_of(h, "PATCH", "/api/capture", BEARER, "{\"mode\":\"some\"}"), 400);
	assert_int_equal(status_of(h, "PATCH", "/api/capture", BEARER, "{\"paused\":false}"), 204);
	UNTIL(&a, h, !a.last.paused);
	assert_int_equal(a.last.mode, 2);
	assert_string_equal(a.names, "db,");
	agent_close(&a);
	agent_close(&b);
}

static void agents_say_what_containers_there_are_and_how_they_are(void **state)
{
	const struct running *h = *state;
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
	UNTIL(&a, h, collector_stats(a.sink)->connected);
	collector_containers(a.sink, list, 1);
	collector_health(a.sink, &fact, 1, counters, 4, NULL);
	send_flow(&a, 1, 200, SLICE_LIT("{}"));
	send_flow(&a, 2, 200, SLICE_LIT("{}"));
	settle(&a, h);
	j = get_json(h, "/api/containers");
	assert_string_equal(cJSON_GetObjectItem(j, "runtime")->valuestring, "docker 28.2");
	c = cJSON_GetArrayItem(cJSON_GetObjectItem(j, "containers"), 0);
	assert_string_equal(cJSON_GetObjectItem(c, "name")->valuestring, "web");
	assert_string_equal(cJSON_GetObjectItem(c, "project")->valuestring, "shop");
	assert_true(cJSON_IsNull(cJSON_GetObjectItem(c, "service")));
	assert_string_equal(cJSON_GetArrayItem(cJSON_GetObjectItem(c, "addrs"), 0)->valuestring,
			    "10.0.0.9");
	assert_int_equal(number(c, "flows"), 2);
	assert_string_equal(cJSON_GetObjectItem(c, "agent")->valuestring, "host");
	cJSON_Delete(j);
	j = get_json(h, "/api/health");
	agent = cJSON_GetArrayItem(cJSON_GetObjectItem(j, "agents"), 0);
	assert_true(cJSON_IsTrue(cJSON_GetObjectItem(agent, "connected")));
	assert_string_equal(
		cJSON_GetObjectItem(cJSON_GetArrayItem(cJSON_GetObjectItem(agent, "facts"), 0),
				    "text")
			->valuestring,
		"Kernel 6.1 <ok>");
	assert_int_equal(number(cJSON_GetObjectItem(agent, "counters"), "loss.ring_records"), 3);
	assert_int_equal(number(cJSON_GetObjectItem(j, "counters"), "dropped"), 7);
	assert_int_equal(number(cJSON_GetObjectItem(j, "counters"), "undecrypted"), 2);
	assert_int_equal(number(cJSON_GetObjectItem(j, "counters"), "truncated"), 5);
	assert_int_equal(number(cJSON_GetObjectItem(j, "counters"), "flows"), 2);
	assert_true(
		cJSON_IsNull(cJSON_GetObjectItem(cJSON_GetObjectItem(j, "hub"), "store_error")));
	cJSON_Delete(j);
	agent_close(&a);
	for (uint64_t stop = test_now() + 5000000000ull;; usleep(20000)) {
		bool gone;

		j = get_json(h, "/api/health");
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
	const struct running *h = *state;
	cJSON *j;

	feed(h, 1, 10);
	assert_int_equal(status_of(h, "POST", "/api/clear", BEARER, ""), 204);
	j = get_json(h, "/api/flows");
	assert_int_equal(number(j, "total"), 0);
	cJSON_Delete(j);
	assert_int_equal(status_of(h, "GET", "/api/flow/" FLOW_ID("000000000001"), BEARER, NULL),
			 404);
	assert_int_equal(status_of(h, "POST", "/api/clear", BEARER, NULL),
			 204); /* without a length too */
	feed(h, 11, 12);
	j = get_json(h, "/api/flows");
	assert_int_equal(number(j, "first"), 11);
	cJSON_Delete(j);
}

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
				       (int)number(j, "seq"));
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
		bool there = number(j, "total") == total;

		cJSON_Delete(j);
		if (there)
			return;
	}
	fail_msg("never %u rows", total);
}

static void a_tab_sees_flows_as_they_come(void **state)
{
	const struct running *h = *state;
	int fd = ws_open(h->http, BEARER);
	cJSON *j = expect(fd, "hello");
	struct agent a;

	assert_true(fd >= 0);
	assert_int_equal(strlen(cJSON_GetObjectItem(j, "boot")->valuestring), 32);
	cJSON_Delete(j);
	ws_send(fd, "{\"op\":\"sub\",\"filter\":\"\",\"n\":10,\"view\":1}");
	j = expect(fd, "tick");
	assert_int_equal(number(j, "total"), 0);
	assert_int_equal(number(j, "view"), 1);
	assert_true(cJSON_IsObject(cJSON_GetObjectItem(j, "capture")));
	cJSON_Delete(j);
	agent_open(&a, ID, NULL, 1 << 20);
	send_flow(&a, 1, 0, (struct slice){ 0 });
	settle(&a, h);
	do {
		j = expect(fd, "tick");
		if (number(j, "total") == 1)
			break;
		cJSON_Delete(j);
	} while (true);
	assert_true(cJSON_IsNull(cJSON_GetObjectItem(
		cJSON_GetArrayItem(cJSON_GetObjectItem(j, "rows"), 0), "status")));
	cJSON_Delete(j);
	send_flow(&a, 1, 404, SLICE_LIT("gone"));
	settle(&a, h);
	j = expect(fd, "upd");
	assert_string_equal(
		cJSON_GetObjectItem(cJSON_GetArrayItem(cJSON_GetObjectItem(j, "rows"), 0), "status")
			->valuestring,
		"404");
	cJSON_Delete(j);
	ws_send(fd, "{\"op\":\"sub\",\"filter\":\"statsu:4\",\"n\":10,\"view\":2}");
	j = expect(fd, "error");
	assert_int_equal(number(j, "view"), 2);
	cJSON_Delete(j);
	ws_send(fd, "{\"op\":\"rows\",\"from\":0,\"n\":10,\"req\":77}");
	j = expect(fd, "rows");
	assert_int_equal(number(j, "req"), 77);
	assert_int_equal(number(j, "view"), 1); /* the refused filter changed nothing */
	assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(j, "rows")), 1);
	cJSON_Delete(j);
	ws_send(fd, "{\"op\":\"find\",\"n\":1,\"req\":78}");
	j = expect(fd, "find");
	assert_int_equal(number(j, "from"), 0);
	cJSON_Delete(j);
	assert_int_equal(status_of(h, "POST", "/api/clear", BEARER, ""), 204);
	expect_total(fd, 0);
	agent_close(&a);
	close(fd);
}

static void ticks_come_ten_times_a_second_at_most_and_wait_for_the_ack(void **state)
{
	const struct running *h = *state;
	int fd = ws_open(h->http, BEARER), other = ws_open(h->http, BEARER);
	unsigned n = 0, ticks = 0;
	uint64_t stop;
	struct agent a;
	cJSON *j;

	ws_send(fd, "{\"op\":\"sub\",\"filter\":\"\",\"n\":10}");
	ws_send(other, "{\"op\":\"sub\",\"filter\":\"\",\"n\":10}"); /* acknowledges nothing */
	agent_open(&a, ID, NULL, 8 << 20);
	UNTIL(&a, h, collector_stats(a.sink)->connected);
	stop = test_now() + 1500000000ull;
	while (test_now() < stop) {
		for (int i = 0; i < 10; i++)
			send_flow(&a, ++n % 60000, 200, SLICE_LIT("{}"));
		step(&a, h);
		while ((j = ws_recv(fd, 0, NULL))) {
			if (strcmp(cJSON_GetObjectItem(j, "op")->valuestring, "tick") == 0) {
				char ack[64];

				ticks++;
				assert_true(cJSON_GetArraySize(cJSON_GetObjectItem(j, "rows")) <=
					    10);
				(void)snprintf(ack, sizeof(ack), "{\"op\":\"ack\",\"seq\":%d}",
					       (int)number(j, "seq"));
				ws_send(fd, ack);
			}
			cJSON_Delete(j);
		}
	}
	assert_in_range(ticks, 5, 16);
	settle(&a, h);
	ticks = 0;
	while ((j = ws_recv(other, 300, NULL))) {
		ticks += strcmp(cJSON_GetObjectItem(j, "op")->valuestring, "tick") == 0;
		cJSON_Delete(j);
	}
	assert_int_equal(ticks, 1);
	ws_send(other, "{\"op\":\"ack\",\"seq\":1}");
	j = expect(other, "tick"); /* and then the newest state, no backlog */
	assert_int_equal(number(j, "seq"), 2);
	assert_int_equal(number(j, "total"), n < 5000 ? n : 5000);
	cJSON_Delete(j);
	agent_close(&a);
	close(fd);
	close(other);
}

static void a_tab_that_talks_rubbish_is_closed(void **state)
{
	const struct running *h = *state;
	char *large = calloc(1, 70001);
	int fd = ws_open(h->http, BEARER);

	cJSON_Delete(expect(fd, "hello"));
	ws_send(fd, "not json");
	assert_null(ws_recv(fd, 5000, NULL));
	close(fd);
	fd = ws_open(h->http, BEARER);
	cJSON_Delete(expect(fd, "hello"));
	ws_send_frame(fd, 2, "{}", 2);
	assert_null(ws_recv(fd, 5000, NULL));
	close(fd);
	fd = ws_open(h->http, BEARER);
	cJSON_Delete(expect(fd, "hello"));
	memset(large, ' ', 70000);
	ws_send(fd, large);
	assert_null(ws_recv(fd, 5000, NULL));
	close(fd);
	fd = ws_open(h->http, BEARER);
	cJSON_Delete(expect(fd, "hello"));
	ws_send(fd, "{\"op\":\"of a newer page\"}");
	ws_send(fd, "{\"op\":\"rows\",\"from\":-1,\"n\":1e99,\"req\":\"x\"}");
	cJSON_Delete(expect(fd, "rows"));
	close(fd);
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
		"GET /api/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n" BEARER "\r\n",
		"GET /%00%ff%2e%2e/%zz?%=%&&&=f HTTP/1.1\r\nHost: localhost\r\n\r\n",
	};
	const struct running *h = *state;
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
	(void)status_of(h, "GET", "/", header, NULL);
	free(header);
	assert_int_equal(status_of(h, "GET", "/api/health", BEARER, NULL), 200);
	feed(h, 1, 3);
}

static void what_hinders_a_start_is_said_in_a_sentence(void **state)
{
	const struct running *h = *state;
	char http[32], grpc[32], db[128], err[512] = "";
	struct hub_options o = { .grpc_addr = "127.0.0.1:0",
				 .http_addr = http,
				 .db_path = db,
				 .token = TOKEN,
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
	o.token = TOKEN;
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
	struct running *h = *state, second = { 0 };

	second = *h;
	(void)snprintf(second.db, sizeof(second.db), "%s/other.db", h->dir);
	second.grpc = web_free_port();
	start(&second);
	assert_non_null(strstr(second.line, "is in use"));
	assert_int_equal(end(&second), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(the_page_comes_with_its_policy),
		T(a_connection_serves_several_requests),
		T(the_api_is_closed_to_strangers),
		T(a_login_gives_a_cookie_named_with_the_port),
		T(bodies_have_a_limit_and_a_length),
		T(flows_are_listed_filtered_and_opened),
		T(a_body_is_only_ever_a_download),
		T(a_restart_keeps_flows_and_settings),
		T(a_killed_hub_loses_nothing_and_doubles_nothing),
		T(settings_reach_the_agents_that_are_there_and_that_come),
		T(agents_say_what_containers_there_are_and_how_they_are),
		T(clear_deletes_everything_and_numbers_go_on),
		T(a_tab_sees_flows_as_they_come),
		T(ticks_come_ten_times_a_second_at_most_and_wait_for_the_ack),
		T(a_tab_that_talks_rubbish_is_closed),
		T(rubbish_ends_its_connection_and_nothing_else),
		T(what_hinders_a_start_is_said_in_a_sentence),
		T(whoever_waits_for_the_start_hears_why_it_failed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
