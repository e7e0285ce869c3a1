/* SPDX-License-Identifier: Apache-2.0 */
/* collector - flows from a collector to an ingest over loopback: two processes, one connection.
 *
 * The hub acknowledges each batch at once and stores nothing, so this is the cost of encoding, gRPC and
 * decoding alone.  The agent writes as fast as the hub takes it.
 */
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "agent.h"
#include "flow/pb.h"
#include "hub/ingest.h"

#define QUEUE (16u << 20)

static struct ingest *ingest;
static bool gone;

static uint64_t on_hello(void *ctx, const struct ingest_agent *a)
{
	(void)ctx;
	(void)a;
	return 0;
}

static void on_gone(void *ctx, const struct ingest_agent *a)
{
	(void)ctx;
	(void)a;
	gone = true;
}

static void on_flow(void *ctx, const struct ingest_agent *a, struct slice packed)
{
	(void)ctx;
	(void)a;
	(void)packed;
}

static void on_batch_end(void *ctx, const struct ingest_agent *a, uint64_t seq)
{
	(void)ctx;
	ingest_ack(ingest, a->id, seq);
}

static void run_hub(void)
{
	while (!gone) {
		struct pollfd p = { ingest_fd(ingest), POLLIN, 0 };

		poll(&p, 1, 100);
		(void)ingest_poll(ingest, now_ns(CLOCK_MONOTONIC));
		ingest_tick(ingest, now_ns(CLOCK_MONOTONIC));
	}
	ingest_close(ingest);
}

static void make_flow(struct flow *f, struct flow_conn *conn, size_t body)
{
	static struct flow_attr headers[] = {
		{ "Host", "api.example.test" },
		{ "User-Agent", "curl/8.5.0" },
		{ "Accept", "*/*" },
		{ "Content-Type", "application/json" },
		{ "X-Request-Id", "7b1d0c1e-6b0f-4c3b-9a55-a5d6f1d0c0de" },
	};
	uint8_t *data = malloc(body + 1);

	memset(data, 'x', body);
	*conn = (struct flow_conn){
		.id = 7,
		.l4 = "tcp",
		.seen_by = 1,
		.client = { .port = 40312,
			    .comm = "curl",
			    .container = "web",
			    .image = "debian:12" },
		.server = { .port = 443, .container = "api", .image = "nginx:1.27" }
	};
	conn->client.addr[15] = conn->server.addr[15] = 9;
	*f = (struct flow){ .conn = conn,
			    .proto = "http1",
			    .state = FLOW_DONE,
			    .has_req = true,
			    .has_resp = true };
	f->req = (struct flow_half){ .begin_ns = 1,
				     .end_ns = 2,
				     .op = "GET",
				     .target = "/v1/users?page=1",
				     .headers = headers,
				     .nheaders = 5 };
	f->resp = (struct flow_half){
		.begin_ns = 3,
		.end_ns = 4,
		.status = "200",
		.reason = "OK",
		.headers = headers,
		.nheaders = 5,
		.body = { .data = { data, body }, .len = body, .captured = body, .type = "application/json" }
	};
}

static double run_agent(uint16_t port, unsigned long n, size_t body, size_t *ret_size)
{
	struct collector_options o = { .agent_id = "bench",
				       .queue_bytes = 2 * QUEUE,
				       .want_connect = on_want };
	struct sink *s = collector_new(&o);
	struct buf one = { 0 };
	struct flow_conn conn;
	struct flow f;
	uint64_t began;

	make_flow(&f, &conn, body);
	(void)flow_pb_pack(&one, &f);
	*ret_size = one.n;
	collector_tick(s, now_ns(CLOCK_MONOTONIC));
	(void)collector_connected(s, dial(port));
	while (!collector_stats(s)->connected)
		pump(s, 10);
	began = now_ns(CLOCK_MONOTONIC);
	for (unsigned long i = 0; i < n; i++) {
		memcpy(f.id, &i, sizeof(i));
		if (s->ops->write(s, &f) < 0)
			exit(1);
		if (i % 64 == 0)
			pump(s, 0);
		while (collector_stats(s)->queue_bytes > QUEUE)
			pump(s, 10);
	}
	if (s->ops->flush(s, 20000) < 0 || collector_stats(s)->dropped_flows)
		exit(1);
	began = now_ns(CLOCK_MONOTONIC) - began;
	s->ops->close(s);
	buf_release(&one);
	return (double)began / 1e9;
}

static double cpu(const struct rusage *r)
{
	return (double)(r->ru_utime.tv_sec + r->ru_stime.tv_sec) +
	       (double)(r->ru_utime.tv_usec + r->ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
	const struct ingest_hooks h = {
		on_hello, on_gone, NULL, NULL, on_flow, on_batch_end, NULL
	};
	unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 10) : 500000;
	size_t body = argc > 2 ? strtoul(argv[2], NULL, 10) : 512, size;
	struct rusage agent, hub;
	char err[256];
	double s;
	pid_t pid;

	if (ingest_open(&ingest, "127.0.0.1:0", NULL, &h, err, sizeof(err)) < 0) {
		fprintf(stderr, "%s\n", err);
		return 1;
	}
	pid = fork();
	if (pid == 0) {
		run_hub();
		_exit(0);
	}
	s = run_agent(ingest_port(ingest), n, body, &size);
	if (pid < 0 || wait4(pid, NULL, 0, &hub) != pid || getrusage(RUSAGE_SELF, &agent) < 0)
		return 1;
	printf("%lu flows of %zu bytes: %.0f flows/s, %.0f MB/s; CPU a flow: agent %.2f us, hub "
	       "%.2f us; "
	       "peak memory: agent %ld MB, hub %ld MB\n",
	       n, size, (double)n / s, (double)n * (double)size / s / 1e6,
	       cpu(&agent) / (double)n * 1e6, cpu(&hub) / (double)n * 1e6, agent.ru_maxrss / 1024,
	       hub.ru_maxrss / 1024);
	return 0;
}
