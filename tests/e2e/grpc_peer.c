/* SPDX-License-Identifier: Apache-2.0 */
/* grpc_peer - our ends of gRPC for 30-grpc-interop.sh, each against one that is not ours.
 *
 *   grpc_peer hub            the hub's ingest on a free port; says what it hears, until standard input ends
 *   grpc_peer agent PORT N   a collector that sends N flows, the last one of 5 MiB, and waits until stored
 *   grpc_peer call PORT PATH BYTES TIMEOUT_MS [cancel]   one call with one message
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "flow/pb.h"
#include "hub/ingest.h"
#include "rpc/grpc.h"
#include "sink/collector.h"

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int dial(uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) < 0) {
		perror("connect");
		exit(1);
	}
	return fd;
}

/* --- hub --------------------------------------------------------------------------------------------- */

static uint64_t hub_hello(void *ctx, const struct ingest_agent *a)
{
	(void)ctx;
	printf("hello %s %s\n", a->id, a->hostname);
	return 0;
}

static void hub_gone(void *ctx, const struct ingest_agent *a)
{
	(void)ctx;
	printf("gone %s\n", a->id);
}

static void hub_containers(void *ctx, const struct ingest_agent *a, const Limpid__V1__Containers *m)
{
	(void)ctx;
	(void)a;
	printf("containers %zu %s\n", m->n_containers,
	       m->n_containers ? m->containers[0]->name : "-");
}

static void hub_health(void *ctx, const struct ingest_agent *a, const Limpid__V1__Health *m)
{
	(void)ctx;
	(void)a;
	printf("health %zu %zu\n", m->n_facts, m->n_counters);
}

static void hub_flow(void *ctx, const struct ingest_agent *a, struct slice packed)
{
	struct arena *mem = arena_new(64u << 20);
	struct flow f = { 0 };

	(void)ctx;
	(void)a;
	if (mem && flow_pb_unpack(packed, mem, &f) == 0)
		printf("flow %s %s %zu\n", f.proto, f.req.target ? f.req.target : "-", f.resp.body.data.n);
	else
		printf("flow damaged\n");
	arena_free(mem);
}

static void hub_batch_end(void *ctx, const struct ingest_agent *a, uint64_t seq)
{
	struct ingest **in = ctx;

	printf("batch %lu\n", (unsigned long)seq);
	ingest_ack(*in, a->id, seq);
}

static int run_hub(void)
{
	struct ingest *in = NULL;
	const struct ingest_hooks h = { hub_hello,  hub_gone, hub_containers,
					hub_health, hub_flow, hub_batch_end,
					&in };
	Limpid__V1__Settings s = LIMPID__V1__SETTINGS__INIT;
	char err[256], c;

	if (ingest_open(&in, "127.0.0.1:0", NULL, &h, err, sizeof(err)) < 0) {
		fprintf(stderr, "%s\n", err);
		return 1;
	}
	s.body_limit = 4711;
	(void)ingest_settings(in, &s);
	printf("port %u\n", ingest_port(in));
	for (;;) {
		struct pollfd p[2] = { { ingest_fd(in), POLLIN, 0 }, { 0, POLLIN, 0 } };

		fflush(stdout);
		poll(p, 2, 50);
		(void)ingest_poll(in, now_ns());
		ingest_tick(in, now_ns());
		if (p[1].revents && read(0, &c, 1) <= 0)
			break;
	}
	ingest_close(in);
	fflush(stdout);
	return 0;
}

/* --- agent ------------------------------------------------------------------------------------------- */

struct want {
	bool connect;
	unsigned settings;
};

static void agent_want(void *ctx, unsigned delay_ms)
{
	struct want *w = ctx;

	(void)delay_ms;
	w->connect = true;
}

static void agent_settings(void *ctx, const struct collector_settings *s)
{
	struct want *w = ctx;

	w->settings++;
	printf("settings %lu\n", (unsigned long)s->body_limit);
}

static void put_flow(struct sink *s, unsigned n, size_t body)
{
	struct flow_conn conn = { .l4 = "tcp" };
	struct flow f = { .conn = &conn, .proto = "http1", .has_req = true, .has_resp = true };
	uint8_t *data = calloc(1, body + 1);

	f.id[0] = (uint8_t)(n >> 8);
	f.id[1] = (uint8_t)n;
	f.req = (struct flow_half){ .op = "GET", .target = "/caf\xc3\xa9" };
	f.resp = (struct flow_half){ .status = "200",
				     .body = { .data = { data, body }, .len = body, .captured = body } };
	if (s->ops->write(s, &f) < 0)
		printf("dropped\n");
	free(data);
}

static int run_agent(uint16_t port, unsigned n)
{
	struct collector_container c = { .id = "abc", .name = "web" };
	struct want w = { 0 };
	struct collector_options o = { .agent_id = "0123456789abcdef0123456789abcdef",
				       .hostname = "h",
				       .version = "0",
				       .kernel = "6",
				       .queue_bytes = 64 << 20,
				       .want_connect = agent_want,
				       .settings = agent_settings,
				       .ctx = &w };
	struct sink *s = collector_new(&o);
	uint64_t end = now_ns() + 20000000000u;
	const struct collector_stats *st;

	if (!s)
		return 1;
	collector_containers(s, &c, 1);
	for (unsigned i = 0; i < n; i++)
		put_flow(s, i, i + 1 == n ? 5 << 20 : 100);
	do {
		struct pollfd p = { collector_fd(s), POLLIN, 0 };

		if (collector_wants_write(s))
			p.events |= POLLOUT;
		poll(&p, 1, 20);
		collector_tick(s, now_ns());
		if (w.connect) {
			w.connect = false;
			(void)collector_connected(s, dial(port));
		}
		(void)collector_io(s, now_ns());
		st = collector_stats(s);
		if (st->why[0])
			printf("why %s\n", st->why);
	} while ((st->acked == 0 || st->queue_bytes > 0 || w.settings == 0) && now_ns() < end);
	printf("stored %lu of %lu, settings %u\n", (unsigned long)st->acked,
	       (unsigned long)st->batches, w.settings);
	n = st->acked == st->batches && st->dropped_flows == 0;
	s->ops->close(s);
	return n ? 0 : 1;
}

/* --- call -------------------------------------------------------------------------------------------- */

struct result {
	struct grpc *g;
	bool ended, cancel;
	size_t bytes;
};

static void call_message(void *ctx, int32_t stream, struct slice msg)
{
	struct result *r = ctx;

	r->bytes += msg.n;
	if (r->cancel)
		(void)grpc_finish(r->g, stream, GRPC_CANCELLED, "enough");
}

static void call_ended(void *ctx, int32_t stream, enum grpc_status st, const char *text)
{
	struct result *r = ctx;

	(void)stream;
	r->ended = true;
	printf("status %d bytes %zu text %s\n", (int)st, r->bytes, text);
}

static int run_call(uint16_t port, const char *path, size_t bytes, uint64_t timeout_ms, bool cancel)
{
	struct result r = { .cancel = cancel };
	struct grpc_hooks h = { .message = call_message, .ended = call_ended, .ctx = &r };
	struct grpc_options o = { .message_max = 64 << 20 };
	uint8_t *data = calloc(1, bytes + 1), in[65536];
	int fd = dial(port);
	int32_t id;

	r.g = grpc_new(&o, &h);
	id = grpc_call_within(r.g, path, "127.0.0.1", NULL, timeout_ms * 1000000);
	if (id < 0 || grpc_send(r.g, id, (struct slice){ data, bytes }, true) < 0)
		return 1;
	for (uint64_t end = now_ns() + 20000000000u; now_ns() < end;) {
		struct slice out = grpc_output(r.g);
		struct pollfd p = { fd, (short)(POLLIN | (out.n ? POLLOUT : 0)), 0 };
		ssize_t n;

		if (r.ended && out.n == 0)
			break;
		poll(&p, 1, 20);
		n = out.n ? send(fd, out.p, out.n, MSG_NOSIGNAL) : 0;
		if (n > 0)
			grpc_sent(r.g, (size_t)n);
		n = read(fd, in, sizeof(in));
		if (n == 0 || (n > 0 && grpc_input(r.g, (struct slice){ in, (size_t)n }) < 0))
			break;
		(void)grpc_tick(r.g, now_ns());
	}
	grpc_free(r.g);
	free(data);
	close(fd);
	return r.ended ? 0 : 1;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "hub") == 0)
		return run_hub();
	if (argc == 4 && strcmp(argv[1], "agent") == 0)
		return run_agent((uint16_t)strtoul(argv[2], NULL, 10),
				 (unsigned)strtoul(argv[3], NULL, 10));
	if (argc >= 6 && strcmp(argv[1], "call") == 0)
		return run_call((uint16_t)strtoul(argv[2], NULL, 10), argv[3],
				strtoul(argv[4], NULL, 10), strtoul(argv[5], NULL, 10), argc > 6);
	fprintf(stderr,
		"usage: grpc_peer hub | agent PORT N | call PORT PATH BYTES TIMEOUT_MS [cancel]\n");
	return 2;
}
