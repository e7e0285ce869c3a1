/* SPDX-License-Identifier: Apache-2.0 */
#include "hub_world.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hub/assets.h"
#include "hub/hub.h"
#include "test.h"

const struct asset assets[] = {
	{ "/index.html", "text/html; charset=utf-8", (const uint8_t *)HUB_PAGE, NULL, sizeof(HUB_PAGE) - 1,
	  0, false },
	{ "/a/main-1.js", "text/javascript", (const uint8_t *)HUB_SCRIPT, (const uint8_t *)"BR",
	  sizeof(HUB_SCRIPT) - 1, 2, true },
};
const size_t assets_n = 2;

static int remove_one(const char *p, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(p);
}

static void serve(const struct hub_running *h, int ready, int stop)
{
	char grpc[32], http[32], err[512];
	struct hub_options o = { .grpc_addr = grpc,
				 .http_addr = http,
				 .db_path = h->db,
				 .token = HUB_TOKEN,
				 .max_bytes = 64 << 20,
				 .max_rows = 5000,
				 .ready_fd = ready,
				 .stop_fd = stop };

	(void)snprintf(grpc, sizeof(grpc), "127.0.0.1:%u", h->grpc);
	(void)snprintf(http, sizeof(http), "127.0.0.1:%u", h->http);
	exit(hub_run(&o, err, sizeof(err)) == 0 ? 0 : 1);
}

void hub_start(struct hub_running *h)
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

int hub_end(struct hub_running *h)
{
	int status = 0;

	close(h->stop);
	assert_int_equal(waitpid(h->pid, &status, 0), h->pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000;
}

void hub_begin(struct hub_running *h)
{
	(void)snprintf(h->dir, sizeof(h->dir), "/tmp/limpid-hub-XXXXXX");
	assert_non_null(mkdtemp(h->dir));
	(void)snprintf(h->db, sizeof(h->db), "%s/flows.db", h->dir);
	h->http = web_free_port();
	h->grpc = web_free_port();
	hub_start(h);
	assert_string_equal(h->line, "ok");
}

int hub_setup(void **state)
{
	static struct hub_running h;

	hub_begin(&h);
	*state = &h;
	return 0;
}

int hub_teardown(void **state)
{
	struct hub_running *h = *state;
	int r = hub_end(h); /* a leak shows here too */

	(void)nftw(h->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return r;
}

void hub_step(struct agent *a, const struct hub_running *h)
{
	struct hub none = { 0 };

	collector_tick(a->sink, test_now());
	if (a->wants)
		agent_connect(a, h->grpc);
	both_step(NULL, &none); /* waits a little */
	(void)collector_io(a->sink, test_now());
}

void hub_send_flow(struct agent *a, unsigned n, unsigned status, struct slice body)
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

void hub_settle(struct agent *a, const struct hub_running *h)
{
	HUB_UNTIL(a, h,
	      collector_stats(a->sink)->connected &&
		      collector_stats(a->sink)->acked == collector_stats(a->sink)->batches &&
		      collector_stats(a->sink)->queue_bytes == 0);
}

void hub_feed(const struct hub_running *h, unsigned first, unsigned last)
{
	struct agent a;
	char id[33];

	(void)snprintf(id, sizeof(id), "%032x", first); /* a new one at each start of an agent */
	agent_open(&a, id, NULL, 8 << 20);
	HUB_UNTIL(&a, h, collector_stats(a.sink)->connected);
	for (unsigned n = first; n <= last; n++)
		hub_send_flow(&a, n, n % 10 == 0 ? 500 : 200,
			  SLICE_LIT("{\"a\":[1,2],\"b\":12345678901234567890}"));
	hub_settle(&a, h);
	agent_close(&a);
}

cJSON *hub_get_json(const struct hub_running *h, const char *path)
{
	struct web_reply r = web_ask(h->http, "GET", path, HUB_BEARER, NULL);
	cJSON *j = cJSON_ParseWithLength((const char *)r.body, r.n);

	assert_int_equal(r.status, 200);
	assert_non_null(j);
	web_free(&r);
	return j;
}

double hub_number(const cJSON *j, const char *key)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(j, key);

	assert_true(cJSON_IsNumber(v));
	return v->valuedouble;
}

int hub_status_of(const struct hub_running *h, const char *method, const char *path,
		     const char *more, const char *body)
{
	struct web_reply r = web_ask(h->http, method, path, more, body);

	web_free(&r);
	return r.status;
}
