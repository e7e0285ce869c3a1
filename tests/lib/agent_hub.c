/* SPDX-License-Identifier: Apache-2.0 */
#include "agent_hub.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "flow/pb.h"
#include "test.h"

uint64_t test_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- hub --------------------------------------------------------------------------------------------- */

static uint64_t on_hello(void *ctx, const struct ingest_agent *a)
{
	struct hub *h = ctx;

	h->hellos++;
	(void)snprintf(h->agent, sizeof(h->agent), "%s %s %s %s", a->id, a->hostname, a->version,
		       a->kernel);
	return h->stored;
}

static void on_gone(void *ctx, const struct ingest_agent *a)
{
	struct hub *h = ctx;

	(void)a;
	h->gones++;
}

static void on_containers(void *ctx, const struct ingest_agent *a, const Limpid__V1__Containers *m)
{
	struct hub *h = ctx;

	(void)a;
	h->containers++;
	(void)snprintf(h->runtime, sizeof(h->runtime), "%s", m->runtime);
	if (m->n_containers > 0)
		(void)snprintf(h->first_container, sizeof(h->first_container), "%s %s %zu %u",
			       m->containers[0]->name, m->containers[0]->image,
			       m->containers[0]->n_addrs,
			       m->containers[0]->n_addrs ? m->containers[0]->addrs[0].data[15] : 0);
}

static void on_health(void *ctx, const struct ingest_agent *a, const Limpid__V1__Health *m)
{
	struct hub *h = ctx;

	(void)a;
	h->health++;
	if (m->n_facts > 0)
		(void)snprintf(h->fact, sizeof(h->fact), "%s %u %s", m->facts[0]->key,
			       m->facts[0]->level, m->facts[0]->text);
	if (m->n_counters > 0)
		h->counter = m->counters[0]->value;
}

static void on_flow(void *ctx, const struct ingest_agent *agent, struct slice packed)
{
	struct arena *a = arena_new((16u << 20) + 4 * packed.n);
	struct hub *h = ctx;
	struct flow f;
	unsigned n;

	(void)agent;
	assert_non_null(a);
	if (flow_pb_unpack(packed, a, &f) == 0) { /* what is none is left out */
		n = (unsigned)f.id[0] << 8 | f.id[1];
		assert_string_equal(f.proto, "http1");
		assert_int_equal(f.resp.body.data.n, f.resp.body.len);
		h->seen[n] = 1;
		h->bytes += f.resp.body.data.n;
		if (f.resp.body.data.n)
			h->body_sum = (uint8_t)(h->body_sum + f.resp.body.data.p[f.resp.body.data.n - 1]);
	}
	arena_free(a);
}

static void on_batch_end(void *ctx, const struct ingest_agent *a, uint64_t seq)
{
	struct hub *h = ctx;

	h->batches++;
	h->last = seq;
	if (h->commit) {
		memcpy(h->durable, h->seen, sizeof(h->durable));
		h->stored = seq;
		ingest_ack(h->in, a->id, seq);
	}
}

void hub_open(struct hub *h, const char *token)
{
	const struct ingest_hooks hooks = { on_hello,  on_gone, on_containers,
					    on_health, on_flow, on_batch_end,
					    h };
	char addr[32], err[256];

	h->token = token;
	(void)snprintf(addr, sizeof(addr), "127.0.0.1:%u", h->port);
	assert_int_equal(ingest_open(&h->in, addr, token, &hooks, err, sizeof(err)), 0);
	h->port = ingest_port(h->in);
	h->last = h->stored;
}

void hub_commit(struct hub *h)
{
	char id[128];

	memcpy(h->durable, h->seen, sizeof(h->durable));
	if (h->last > h->stored)
		h->stored = h->last;
	(void)snprintf(id, sizeof(id), "%s", h->agent);
	id[strcspn(id, " ")] = 0;
	ingest_ack(h->in, id, h->stored);
}

void hub_kill(struct hub *h)
{
	ingest_close(h->in);
	h->in = NULL;
	memcpy(h->seen, h->durable, sizeof(h->seen));
}

/* --- agent ------------------------------------------------------------------------------------------- */

static void on_want(void *ctx, unsigned delay_ms)
{
	struct agent *a = ctx;

	if (a->asked < 64)
		a->delays[a->asked] = delay_ms;
	a->asked++;
	a->wants = true;
}

static void on_settings(void *ctx, const struct collector_settings *s)
{
	struct agent *a = ctx;

	a->settings++;
	a->last = *s;
	a->names[0] = 0;
	for (size_t i = 0; i < s->nnames; i++) {
		size_t n = strlen(a->names);

		(void)snprintf(a->names + n, sizeof(a->names) - n, "%s,", s->names[i]);
	}
}

void agent_open(struct agent *a, const char *id, const char *token, size_t queue_bytes)
{
	struct collector_options o = { .agent_id = id,
				       .hostname = "host",
				       .version = "0.1",
				       .kernel = "6.1",
				       .token = token,
				       .queue_bytes = queue_bytes,
				       .want_connect = on_want,
				       .settings = on_settings,
				       .ctx = a };

	memset(a, 0, sizeof(*a));
	a->sink = collector_new(&o);
	assert_non_null(a->sink);
}

void agent_connect(struct agent *a, uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a->wants = false;
	assert_true(fd >= 0);
	if (port == 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0) {
		close(fd);
		fd = -ECONNREFUSED;
	} else {
		assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	}
	assert_int_equal(collector_connected(a->sink, fd), 0);
}

void agent_close(struct agent *a)
{
	a->sink->ops->close(a->sink);
	a->sink = NULL;
}

void both_step(struct agent *a, struct hub *h)
{
	struct pollfd p[2];
	unsigned n = 0;

	if (a) {
		collector_tick(a->sink, test_now());
		if (a->wants)
			agent_connect(a, h && h->in ? h->port : 0);
		if (collector_fd(a->sink) >= 0)
			p[n++] = (struct pollfd){
				collector_fd(a->sink),
				(short)(POLLIN | (collector_wants_write(a->sink) ? POLLOUT : 0)), 0
			};
	}
	if (h && h->in)
		p[n++] = (struct pollfd){ ingest_fd(h->in), POLLIN, 0 };
	poll(p, n, 5);
	if (a)
		(void)collector_io(a->sink,
				   test_now()); /* a broken connection is part of the tests */
	if (h && h->in) {
		assert_int_equal(ingest_poll(h->in, test_now()), 0);
		ingest_tick(h->in, test_now());
	}
}

int write_flow(struct agent *a, unsigned n, size_t body)
{
	static const struct flow_attr headers[] = { { "host", "api" },
						    { "content-type", "text/plain" } };
	struct flow_conn conn = { .id = n, .l4 = "tcp", .client.port = 1000, .server.port = 80 };
	struct flow f = { .conn = &conn,
			  .proto = "http1",
			  .state = FLOW_DONE,
			  .has_req = true,
			  .has_resp = true };
	uint8_t *data = calloc(1, body + 1);
	int r;

	assert_non_null(data);
	memset(data, (int)n, body);
	f.id[0] = (uint8_t)(n >> 8);
	f.id[1] = (uint8_t)n;
	f.req = (struct flow_half){
		.op = "GET", .target = "/v1/users", .headers = headers, .nheaders = 2
	};
	f.resp = (struct flow_half){
		.status = "200", .reason = "OK", .headers = headers, .nheaders = 2
	};
	f.resp.body = (struct flow_body){ .data = { data, body }, .len = body, .captured = body };
	r = a->sink->ops->write(a->sink, &f);
	free(data);
	return r;
}

struct hub *hub_new(const char *token)
{
	struct hub *h = calloc(1, sizeof(*h));

	assert_non_null(h);
	hub_open(h, token);
	return h;
}

void hub_free(struct hub *h)
{
	ingest_close(h->in);
	free(h);
}
