/* SPDX-License-Identifier: Apache-2.0 */
/* feed HOST-PORT COUNT RATE [AGENT] - an agent that sends COUNT made exchanges to a hub on 127.0.0.1, RATE a second (0: as
 * fast as the hub takes them), and ends when all are stored.
 *
 * Eight services that call each other over HTTP, gRPC and SQL; about 1 KiB an exchange as a record, 2 % of them
 * errors, each with its own id, time, target and duration, so that filters and percentiles have something to find.
 * Prints: flows, flows a second until the last was acknowledged, its own CPU time a flow, what was dropped.
 */
#include <string.h>
#include <sys/resource.h>

#include "agent.h"
#include "flow/pb.h"

#define SECOND UINT64_C(1000000000)
#define QUEUE  (16u << 20)

static const char *const names[] = { "web", "api", "orders", "stock", "users", "payments", "mail", "db" };
static uint64_t seed = 0x9e3779b97f4a7c15;

static uint64_t any(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void set_end(struct flow_peer *e, unsigned who, uint16_t port)
{
	*e = (struct flow_peer){ .port = port,
				.pid = 1000 + who,
				.comm = names[who],
				.container = names[who],
				.image = "shop:1",
				.project = "shop" };
	memcpy(e->addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xac\x12\0", 15);
	e->addr[15] = (uint8_t)(who + 2);
}

/* What of a flow differs from one to the next. */
static void make(struct flow *f, struct flow_conn *conn, char target[128], uint64_t i)
{
	static const char *const status[] = { "200", "201", "204", "304" };
	uint64_t r = any(), now = now_ns(CLOCK_MONOTONIC), unix_ns = now_ns(CLOCK_REALTIME);
	uint64_t took = 200000 + r % 5000000 + (r >> 32 & 63 ? 0 : r % SECOND);
	unsigned from = (unsigned)(r >> 8 & 7) % 7, to = from + 1 + (unsigned)(r >> 16) % (7 - from);

	for (unsigned b = 0; b < 6; b++)
		f->id[b] = (uint8_t)(unix_ns / 1000000 >> (40 - 8 * b));
	f->id[6] = 0x70;
	memcpy(f->id + 8, &i, sizeof(i));
	f->epoch_ns = (int64_t)(unix_ns - now);
	conn->id = 1 + i / 100;
	set_end(&conn->client, from, (uint16_t)(30000 + i / 100 % 30000));
	set_end(&conn->server, to, to == 7 ? 5432 : 8080);
	f->failed = r % 50 == 0;
	f->req.begin_ns = now - took;
	f->req.end_ns = f->req.begin_ns + 20000;
	f->resp.end_ns = now;
	f->resp.begin_ns = now - took / 4;
	if (to == 7) {
		f->proto = "postgres";
		f->req.op = "Query";
		(void)snprintf(target, 128, "SELECT * FROM orders WHERE user_id = %u AND total > %u",
			       (unsigned)(r % 10007), (unsigned)(r >> 40 & 1023));
		f->resp.status = f->failed ? "23505" : "SELECT";
		f->resp.reason = f->failed ? "duplicate key value violates unique constraint" : NULL;
		return;
	}
	f->proto = "http1";
	f->req.op = r & 1024 ? "GET" : "POST";
	(void)snprintf(target, 128, "/v1/%s/%u?page=%u", names[to], (unsigned)(r % 100003),
		       (unsigned)(r >> 40 & 7));
	f->resp.status = f->failed ? "500" : status[r >> 20 & 3];
	f->resp.reason = NULL;
}

static double run(struct sink *s, uint64_t count, uint64_t rate)
{
	static struct flow_attr headers[] = {
		{ "Host", "api.example.test" },
		{ "User-Agent", "shop/8.5.0" },
		{ "Accept", "application/json" },
		{ "Content-Type", "application/json" },
		{ "X-Request-Id", "7b1d0c1e-6b0f-4c3b-9a55-a5d6f1d0c0de" },
	};
	static uint8_t body[512];
	char target[128];
	struct flow_conn conn = { .l4 = "tcp", .seen_by = 3 };
	struct flow f = { .conn = &conn, .state = FLOW_DONE, .has_req = true, .has_resp = true };
	uint64_t began = now_ns(CLOCK_MONOTONIC);

	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (uint8_t)('a' + any() % 26);
	f.req.target = target;
	f.req.headers = f.resp.headers = headers;
	f.req.nheaders = f.resp.nheaders = 5;
	f.resp.body = (struct flow_body){ .data = { body, sizeof(body) },
					  .len = sizeof(body),
					  .captured = sizeof(body),
					  .type = "application/json" };
	for (uint64_t i = 0; i < count; i++) {
		make(&f, &conn, target, i + 1);
		body[i % sizeof(body)] = (uint8_t)('a' + i % 26);
		if (s->ops->write(s, &f) < 0)
			exit(1);
		if (i % 64 == 0)
			pump(s, 0);
		while (collector_stats(s)->queue_bytes > QUEUE)
			pump(s, 10);
		while (rate && i * SECOND / rate > now_ns(CLOCK_MONOTONIC) - began)
			pump(s, 1);
	}
	if (s->ops->flush(s, 600000) < 0)
		exit(1);
	return (double)(now_ns(CLOCK_MONOTONIC) - began) / 1e9;
}

int main(int argc, char **argv)
{
	struct collector_options o = { .agent_id = argc > 4 ? argv[4] : "feed",
				       .hostname = argc > 4 ? argv[4] : "feed",
				       .queue_bytes = 2 * QUEUE,
				       .want_connect = on_want };
	struct rusage used;
	struct sink *s;
	uint64_t count;
	double took;

	if (argc < 4) {
		fprintf(stderr, "usage: feed PORT COUNT RATE [AGENT]\n");
		return 2;
	}
	count = strtoull(argv[2], NULL, 10);
	seed ^= strlen(o.agent_id) * 2654435761u;
	s = collector_new(&o);
	if (!s)
		return 1;
	collector_tick(s, now_ns(CLOCK_MONOTONIC));
	(void)collector_connected(s, dial((uint16_t)atoi(argv[1])));
	while (!collector_stats(s)->connected)
		pump(s, 10);
	took = run(s, count, strtoull(argv[3], NULL, 10));
	if (getrusage(RUSAGE_SELF, &used) < 0)
		return 1;
	printf("{\"flows\":%llu,\"rate\":%.0f,\"cpu_us\":%.2f,\"dropped\":%llu}\n", (unsigned long long)count,
	       (double)count / took,
	       ((double)used.ru_utime.tv_sec + (double)used.ru_stime.tv_sec +
		(double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6) /
		       (double)count * 1e6,
	       (unsigned long long)collector_stats(s)->dropped_flows);
	s->ops->close(s);
	return 0;
}
