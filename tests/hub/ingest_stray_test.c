/* SPDX-License-Identifier: Apache-2.0 */
/* Ingest against clients that are no agents, or no good ones. */
#include "test.h"

#include <sys/socket.h>
#include <unistd.h>

#include "agent_hub.h"
#include "rpc/exchange.h"
#include "rpc/grpc.h"
#include "web.h"

struct stray {
	struct grpc *g;
	int fd;
	unsigned ended;
	enum grpc_status st;
};

static void stray_ended(void *ctx, int32_t stream, enum grpc_status st, const char *text)
{
	struct stray *s = ctx;

	(void)stream;
	(void)text;
	s->ended++;
	s->st = st;
}

static int32_t stray_open(struct stray *s, struct hub *h, const char *path)
{
	struct grpc_hooks hooks = { .ended = stray_ended, .ctx = s };
	struct grpc_options o = { 0 };

	*s = (struct stray){ .g = grpc_new(&o, &hooks), .fd = web_dial(h->port) };
	assert_non_null(s->g);
	return grpc_call(s->g, path, "hub", NULL);
}

static void stray_step(struct stray *s, struct hub *h)
{
	uint8_t in[4096];
	struct slice out = grpc_output(s->g);
	ssize_t n = out.n ? send(s->fd, out.p, out.n, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;

	if (n > 0)
		grpc_sent(s->g, (size_t)n);
	both_step(NULL, h);
	n = recv(s->fd, in, sizeof(in), MSG_DONTWAIT);
	if (n > 0)
		assert_int_equal(grpc_input(s->g, (struct slice){ in, (size_t)n }), 0);
}

static enum grpc_status stray_result(struct stray *s, struct hub *h)
{
	for (unsigned i = 0; i < 2000 && !s->ended; i++)
		stray_step(s, h);
	assert_int_equal(s->ended, 1);
	grpc_free(s->g);
	close(s->fd);
	return s->st;
}

static void other_methods_are_unknown(void **state)
{
	static const char *const paths[] = { "/limpid.v1.Collector/Nope", "/", "/a.B/C",
					     EXCHANGE_PATH "x" };
	struct hub *h = hub_new(NULL);
	struct stray s;

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		(void)stray_open(&s, h, paths[i]);
		assert_int_equal(stray_result(&s, h), GRPC_UNIMPLEMENTED);
	}
	hub_free(h);
}

static void messages_out_of_turn_end_the_call(void **state)
{
	static const struct {
		struct slice first, second;
	} bad[] = {
		{ SLICE_LIT("\xff\xff\xff"), { 0 } },	     /* no protobuf */
		{ SLICE_LIT("\x22\x02\x08\x01"), { 0 } },    /* a batch before hello */
		{ SLICE_LIT("\x12\x00"), { 0 } },	     /* containers before hello */
		{ SLICE_LIT("\x1a\x00"), { 0 } },	     /* health before hello */
		{ SLICE_LIT("\x0a\x00"), { 0 } },	     /* hello without an id */
		{ SLICE_LIT("\x0a\x05\x0a\x03../"), { 0 } }, /* an odd id */
		{ SLICE_LIT("\x0a\x03\x0a\x01"
			    "a"),
		  SLICE_LIT("\x0a\x03\x0a\x01"
			    "a") }, /* hello twice */
		{ SLICE_LIT("\x0a\x03\x0a\x01"
			    "a"),
		  SLICE_LIT("\x22\x00") }, /* batch 0 */
		{ SLICE_LIT("\x0a\x03\x0a\x01"
			    "a"),
		  SLICE_LIT("\x22\x04\x08\x01\x12\x09") }, /* cut */
		{ SLICE_LIT("\x0a\x03\x0a\x01"
			    "a"),
		  SLICE_LIT("\x22\x04\x08\x01\x10\x09") }, /* wire type */
		{ SLICE_LIT("\x0a\x03\x0a\x01"
			    "a"),
		  SLICE_LIT("\x20\x04") },
		/* containers with an address of one byte */
		{ SLICE_LIT("\x0a\x03\x0a\x01"
			    "a"),
		  SLICE_LIT("\x12\x05\x0a\x03\x3a\x01z") },
	};
	struct hub *h = hub_new(NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct stray s;
		int32_t id = stray_open(&s, h, EXCHANGE_PATH);

		assert_int_equal(grpc_send(s.g, id, bad[i].first, false), 0);
		if (bad[i].second.p)
			assert_int_equal(grpc_send(s.g, id, bad[i].second, false), 0);
		assert_int_equal(stray_result(&s, h), GRPC_INTERNAL);
		assert_int_equal(ingest_stats(h->in)->bad_messages, i + 1);
		assert_int_equal(ingest_stats(h->in)->agents, 0);
	}
	assert_int_equal(h->hellos, h->gones);
	assert_int_equal(h->batches, 0);
	hub_free(h);
}

/* Whether it is a flow shows when it is stored: a_flow_that_grows_beyond_measure_costs_only_itself in keep_test.c. */
static void a_flow_that_does_not_decode_does_not_end_the_stream(void **state)
{
	/* seq 1; a flow of three bytes that is none; an unknown field; an empty flow. */
	static const struct slice batch =
		SLICE_LIT("\x22\x0b\x08\x01\x12\x03\xff\xff\xff\x78\x05\x12\x00");
	struct hub *h = hub_new(NULL);
	struct stray s;
	int32_t id;

	(void)state;
	h->commit = true;
	id = stray_open(&s, h, EXCHANGE_PATH);
	assert_int_equal(grpc_send(s.g, id,
				   SLICE_LIT("\x0a\x03\x0a\x01"
					     "a"),
				   false),
			 0);
	assert_int_equal(grpc_send(s.g, id, SLICE_LIT("\x2a\x00"), false),
			 0); /* a kind of the future */
	assert_int_equal(grpc_send(s.g, id, batch, true), 0);
	assert_int_equal(stray_result(&s, h), GRPC_OK);
	assert_int_equal(h->batches, 1);
	assert_int_equal(h->stored, 1);
	assert_int_equal(ingest_stats(h->in)->flows, 2);
	assert_int_equal(h->gones, 1);
	hub_free(h);
}

static void one_exchange_a_connection(void **state)
{
	struct hub *h = hub_new(NULL);
	struct stray s;

	(void)state;
	(void)stray_open(&s, h, EXCHANGE_PATH);
	assert_true(grpc_call(s.g, EXCHANGE_PATH, "hub", NULL) > 0);
	assert_int_equal(stray_result(&s, h), GRPC_EXHAUSTED);
	assert_int_equal(ingest_stats(h->in)->refused, 1);
	hub_free(h);
}

static void too_many_connections_are_refused(void **state)
{
	struct hub *h = hub_new(NULL);
	int fd[260];

	(void)state;
	for (unsigned i = 0; i < 260; i++) {
		fd[i] = web_dial(h->port);
		if (i % 32 == 0) /* shorter than the listen queue */
			both_step(NULL, h);
	}
	for (unsigned i = 0; i < 10; i++)
		both_step(NULL, h);
	assert_int_equal(ingest_stats(h->in)->refused, 4);
	for (unsigned i = 0; i < 260; i++)
		close(fd[i]);
	hub_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(other_methods_are_unknown),
		cmocka_unit_test(messages_out_of_turn_end_the_call),
		cmocka_unit_test(a_flow_that_does_not_decode_does_not_end_the_stream),
		cmocka_unit_test(one_exchange_a_connection),
		cmocka_unit_test(too_many_connections_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
