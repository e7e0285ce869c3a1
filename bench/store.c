/* SPDX-License-Identifier: Apache-2.0 */
/* The hub without its sockets: flows into the store by 1,000, loading the list at a start, a filter over it, a filter
 * that has to ask the store.  Argument: directory of the database; number of flows. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "hub/assets.h"
#include "hub/view.h"
#include "store/store.h"

const struct asset assets[1];
const size_t assets_n;

static double now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static const struct flow_attr headers[] = {
	{ "host", "api.shop.test:8080" },
	{ "user-agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36" },
	{ "accept", "application/json, text/plain, */*" },
	{ "accept-encoding", "gzip, deflate, br" },
	{ "authorization", "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3" },
	{ "x-request-id", "4bf92f35-77b3-4da6-a3ce-929d0e0e4736" },
};

static void put(struct store *s, unsigned n)
{
	static const char *const names[] = { "web", "api", "stock", "worker", "push", "auth" };
	char target[64], body[512];
	const char *status = n % 50 == 0 ? "500" : n % 7 == 0 ? "404" : "200";
	struct flow_conn conn = {
		.id = n / 10,
		.l4 = "tcp",
		.client = { .port = (uint16_t)n,
			    .pid = 100,
			    .comm = "node",
			    .container = names[n % 6],
			    .container_id = "3f4e5d6c7b8a",
			    .image = "shop/web:1",
			    .project = "shop" },
		.server = { .port = 8080,
			    .comm = "api",
			    .container = names[n * 7 % 6],
			    .container_id = "8a7b6c5d4e3f",
			    .image = "shop/api:1",
			    .project = "shop" },
	};
	struct flow f = { .epoch_ns = 1700000000000000000,
			  .conn = &conn,
			  .proto = "http1",
			  .state = FLOW_DONE,
			  .failed = status[0] == '5',
			  .has_req = true,
			  .has_resp = true };
	uint64_t row;
	bool is_new;
	int len;

	(void)snprintf(target, sizeof(target), "/v1/users/%u/orders?page=%u", n % 1000, n % 5);
	len = snprintf(body, sizeof(body),
		       "{\"id\":%u,\"user\":\"user-%u\",\"items\":[{\"sku\":\"W-%u\",\"qty\":3,"
		       "\"price\":12.5},"
		       "{\"sku\":\"G-%u\",\"qty\":1,\"price\":99.95}],\"total\":137.45,"
		       "\"currency\":\"EUR\"}",
		       n, n % 1000, n * 31 % 977, n * 17 % 977);
	for (int i = 0; i < 8; i++)
		f.id[8 + i] = (uint8_t)((uint64_t)n >> 8 * (7 - i));
	f.req = (struct flow_half){ .begin_ns = n * 1000ull + 1,
				    .end_ns = n * 1000ull + 2,
				    .op = "GET",
				    .target = target,
				    .headers = headers,
				    .nheaders = 6 };
	f.resp = (struct flow_half){
		.begin_ns = n * 1000ull + 500000,
		.end_ns = n * 1000ull + 600000 + n % 3000000,
		.status = status,
		.reason = "OK",
		.headers = headers,
		.nheaders = 3,
		.body = { .data = { (uint8_t *)body, (size_t)len },
			  .len = (uint64_t)len,
			  .captured = (uint64_t)len,
			  .type = "application/json" },
	};
	if (store_sqlite.put(s, &f, (struct slice){ 0 }, &row, &is_new) < 0)
		abort();
}

static bool load(void *ctx, uint64_t row, const struct flow *f)
{
	return list_put(ctx, row, f) == 0;
}

static bool try_one(void *ctx, uint64_t row, const struct flow *f)
{
	view_try(ctx, row, f);
	return true;
}

static void filter(struct list *l, struct store *s, const char *text)
{
	struct view *v = view_new();
	struct filter_error e;
	uint64_t first, last;
	bool bodies;
	double t;

	if (!v || view_sub(v, text, 100, -1, &e) < 0)
		abort();
	t = now(CLOCK_MONOTONIC);
	while (view_scan(v, l, 4000) || !view_done(v, l)) {
		if (!view_wants(v, &first, &last, &bodies))
			continue;
		(void)store_sqlite.scan(s, first, last, bodies, try_one, v);
		view_tried(v, l, last);
	}
	t = now(CLOCK_MONOTONIC) - t;
	printf("  %-28s %7.0f ms  %5.2f M rows/s  %8llu match\n", text, t * 1e3,
	       (double)(l->end - l->base) / t / 1e6, (unsigned long long)view_matched(v));
	view_free(v);
}

int main(int argc, char **argv)
{
	unsigned rows = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 1000000;
	struct store_limits lim = { 0 };
	struct store_stats st;
	char path[4096], err[512];
	struct store *s;
	struct list l;
	double wall, cpu, worst = 0, t;

	(void)snprintf(path, sizeof(path), "%s/flows.db", argc > 1 ? argv[1] : "/tmp");
	if (store_sqlite.open(&s, path, &lim, err, sizeof(err)) < 0) {
		fprintf(stderr, "%s\n", err);
		return 1;
	}
	wall = now(CLOCK_MONOTONIC);
	cpu = now(CLOCK_PROCESS_CPUTIME_ID);
	for (unsigned n = 1; n <= rows; n++) {
		put(s, n);
		if (n % 1000 != 0 && n != rows)
			continue;
		t = now(CLOCK_MONOTONIC);
		if (store_sqlite.commit(s) < 0)
			return 1;
		t = now(CLOCK_MONOTONIC) - t;
		worst = t > worst ? t : worst;
	}
	wall = now(CLOCK_MONOTONIC) - wall;
	cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	if (store_sqlite.stats(s, &st) < 0)
		return 1;
	printf("store: %u flows, %.0f a second, %.1f us of CPU each, worst commit %.0f ms, %.0f "
	       "bytes each\n",
	       rows, rows / wall, cpu / rows * 1e6, worst * 1e3, (double)st.bytes / rows);
	if (list_init(&l, rows, (size_t)rows * 400) < 0)
		return 1;
	wall = now(CLOCK_MONOTONIC);
	if (store_sqlite.scan(s, 0, UINT64_MAX, false, load, &l) < 0)
		return 1;
	wall = now(CLOCK_MONOTONIC) - wall;
	printf("list: loaded in %.0f ms, %.0f bytes a row\n", wall * 1e3,
	       (double)list_bytes(&l) / rows);
	filter(&l, s, "status>=500");
	filter(&l, s, "path:/777/");
	filter(&l, s, "host:shop -src:web dur>1ms");
	filter(&l, s, "header.x-request-id:4bf92f35");
	filter(&l, s, "resp.body:W-12");
	list_release(&l);
	store_sqlite.close(s);
	return 0;
}
