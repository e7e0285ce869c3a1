/* SPDX-License-Identifier: Apache-2.0 */
/* The collector against hubs that misbehave: the other end is a bare server connection.  (Against a
 * sound hub: tests/hub/ingest_test.c.) */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent_hub.h"
#include "alloc.h"
#include "rpc/grpc.h"
#include "sink/agent_msg.h"

#define ID	"0123456789abcdef0123456789abcdef"
#define SEC	1000000000ull
#define WELCOME SLICE_LIT("\x0a\x03\x0a\x01x")

struct fake {
	struct grpc *g;
	int fd;
	int32_t stream;
	unsigned messages;
};

static enum grpc_status on_called(void *ctx, int32_t stream, const char *path, const char *auth)
{
	struct fake *f = ctx;

	(void)path;
	(void)auth;
	f->stream = stream;
	return GRPC_OK;
}

static void on_message(void *ctx, int32_t stream, struct slice msg)
{
	struct fake *f = ctx;

	(void)stream;
	(void)msg;
	f->messages++;
}

static void fake_open(struct fake *f, struct agent *a)
{
	struct grpc_hooks h = { .called = on_called, .message = on_message, .ctx = f };
	struct grpc_options o = { .server = true };
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	*f = (struct fake){ .g = grpc_new(&o, &h), .fd = fd[0] };
	assert_non_null(f->g);
	a->wants = false;
	collector_tick(a->sink, test_now());
	assert_int_equal(collector_connected(a->sink, fd[1]), 0);
}

static void fake_close(struct fake *f)
{
	grpc_free(f->g);
	close(f->fd);
}

/* Both ends, until the agent gives the connection up, or nothing moves any more. */
static int step(struct fake *f, struct agent *a)
{
	uint8_t in[4096];
	int r = 0;

	for (unsigned idle = 0; idle < 3 && r == 0; idle++) {
		struct slice out = grpc_output(f->g);
		ssize_t n = out.n ? send(f->fd, out.p, out.n, MSG_NOSIGNAL) : 0;

		if (n > 0) {
			grpc_sent(f->g, (size_t)n);
			idle = 0;
		}
		r = collector_io(a->sink, test_now());
		while ((n = read(f->fd, in, sizeof(in))) > 0) {
			assert_int_equal(grpc_input(f->g, (struct slice){ in, (size_t)n }), 0);
			idle = 0;
		}
	}
	return r;
}

static void say(struct fake *f, struct slice msg)
{
	assert_int_equal(grpc_send(f->g, f->stream, msg, false), 0);
}

static void no_batch_goes_out_before_the_welcome(void **state)
{
	struct agent a;
	struct fake f;

	(void)state;
	agent_open(&a, ID, NULL, 1 << 20);
	fake_open(&f, &a);
	assert_int_equal(write_flow(&a, 1, 10), 0);
	collector_tick(a.sink, test_now() + SEC);
	assert_int_equal(step(&f, &a), 0);
	assert_int_equal(f.messages, 1); /* hello */
	assert_false(collector_stats(a.sink)->connected);
	assert_false(collector_wants_write(a.sink));
	say(&f, WELCOME);
	assert_int_equal(step(&f, &a), 0);
	assert_true(collector_stats(a.sink)->connected);
	assert_int_equal(f.messages, 2);
	agent_close(&a);
	fake_close(&f);
}

static void a_hub_that_says_nothing_is_given_up(void **state)
{
	struct agent a;
	struct fake f;

	(void)state;
	agent_open(&a, ID, NULL, 1 << 20);
	fake_open(&f, &a);
	assert_int_equal(step(&f, &a), 0);
	collector_tick(a.sink, test_now() + 9 * SEC);
	assert_true(collector_fd(a.sink) >= 0);
	assert_int_equal(step(&f, &a), 0); /* pings are answered: it lives, but is no hub */
	collector_tick(a.sink, test_now() + 11 * SEC);
	assert_int_equal(collector_fd(a.sink), -1);
	assert_true(a.wants);
	assert_non_null(strstr(collector_stats(a.sink)->why, "said nothing"));
	agent_close(&a);
	fake_close(&f);
}

static void an_undecodable_message_ends_the_connection(void **state)
{
	struct agent a;
	struct fake f;

	(void)state;
	agent_open(&a, ID, NULL, 1 << 20);
	fake_open(&f, &a);
	assert_int_equal(step(&f, &a), 0);
	say(&f, WELCOME);
	say(&f, SLICE_LIT("\xff\xff"));
	assert_int_equal(step(&f, &a), -EBADMSG);
	assert_non_null(strstr(collector_stats(a.sink)->why, "cannot be decoded"));
	agent_close(&a);
	fake_close(&f);
}

static void kinds_and_modes_of_the_future_are_skipped(void **state)
{
	struct agent a;
	struct fake f;

	(void)state;
	agent_open(&a, ID, NULL, 1 << 20);
	fake_open(&f, &a);
	assert_int_equal(step(&f, &a), 0);
	say(&f, WELCOME);
	say(&f, SLICE_LIT("\x7a\x01x"));
	say(&f, SLICE_LIT(""));
	say(&f, SLICE_LIT("\x1a\x02\x08\x07")); /* settings with mode 7 */
	assert_int_equal(step(&f, &a), 0);
	assert_int_equal(a.settings, 0);
	say(&f, SLICE_LIT("\x1a\x02\x08\x02"));
	assert_int_equal(step(&f, &a), 0);
	assert_int_equal(a.settings, 1);
	agent_close(&a);
	fake_close(&f);
}

static void a_hub_cannot_acknowledge_what_was_not_sent(void **state)
{
	struct agent a;
	struct fake f;

	(void)state;
	agent_open(&a, ID, NULL, 1 << 20);
	assert_int_equal(write_flow(&a, 1, 10), 0);
	fake_open(&f, &a);
	collector_tick(a.sink, test_now() + SEC);
	assert_int_equal(step(&f, &a), 0);
	say(&f, SLICE_LIT("\x0a\x02\x10\x7f")); /* welcome, 127 is stored */
	assert_int_equal(step(&f, &a), 0);
	assert_int_equal(collector_stats(a.sink)->acked, 0);
	assert_int_equal(f.messages, 2);
	say(&f, SLICE_LIT("\x12\x02\x08\x01"));
	assert_int_equal(step(&f, &a), 0);
	assert_int_equal(collector_stats(a.sink)->acked, 1);
	agent_close(&a);
	fake_close(&f);
}

static void a_batch_no_hub_can_take_is_dropped_at_last(void **state)
{
	struct agent a;
	struct fake f;

	(void)state;
	agent_open(&a, ID, NULL, 1 << 20);
	assert_int_equal(write_flow(&a, 1, 10), 0);
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(collector_stats(a.sink)->dropped_flows, 0);
		fake_open(&f, &a);
		collector_tick(a.sink, test_now() + SEC);
		assert_int_equal(step(&f, &a), 0);
		say(&f, WELCOME);
		assert_int_equal(step(&f, &a), 0);
		assert_int_equal(f.messages, 2);
		assert_int_equal(grpc_finish(f.g, f.stream, GRPC_INTERNAL, "no"), 0);
		assert_int_equal(step(&f, &a), -ECONNRESET);
		assert_string_equal(collector_stats(a.sink)->why,
				    "the hub ended the exchange: no (status 13)");
		fake_close(&f);
	}
	assert_int_equal(collector_stats(a.sink)->dropped_flows, 1);
	assert_int_equal(collector_stats(a.sink)->resent, 4);
	assert_int_equal(collector_stats(a.sink)->queue_bytes, 0);
	agent_close(&a);
}

static void what_is_no_grpc_is_named_so(void **state)
{
	struct agent a;
	struct fake f;

	(void)state;
	agent_open(&a, ID, NULL, 1 << 20);
	fake_open(&f, &a);
	assert_int_equal(send(f.fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28, 0), 28);
	shutdown(f.fd, SHUT_WR);
	assert_true(collector_io(a.sink, test_now()) < 0);
	assert_true(collector_stats(a.sink)->why[0] != 0);
	agent_close(&a);
	fake_close(&f);
}

static void a_flow_over_the_limit_leaves_the_batch_as_it_was(void **state)
{
	struct flow_conn conn = { .l4 = "tcp" };
	struct flow f = { .conn = &conn, .proto = "http1", .has_req = true };
	struct buf b = { 0 };
	size_t before;

	(void)state;
	f.req.op = "GET";
	assert_int_equal(agent_batch_flow(&b, &f, 1000), 0);
	before = b.n;
	assert_int_equal(agent_batch_flow(&b, &f, before - 6), -EMSGSIZE);
	assert_int_equal(b.n, before);
	buf_release(&b);
}

static void a_failed_allocation_drops_a_flow_and_counts_it(void **state)
{
	struct agent a;
	unsigned lost = 0;

	(void)state;
	agent_open(&a, ID, NULL, 64 << 20);
	for (size_t n = 0; n < 40; n++) {
		unsigned before = (unsigned)collector_stats(a.sink)->dropped_flows;
		int r;

		/* The first one is write_flow's own. */
		alloc_fail(n + 1, 1);
		r = write_flow(&a, 1, 300000);
		(void)alloc_refused();
		if (r < 0) {
			assert_int_equal(r, -EAGAIN);
			assert_int_equal(collector_stats(a.sink)->dropped_flows, before + 1);
			lost++;
		}
	}
	assert_true(lost > 0 && lost < 40);
	agent_close(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_batch_goes_out_before_the_welcome),
		cmocka_unit_test(a_hub_that_says_nothing_is_given_up),
		cmocka_unit_test(an_undecodable_message_ends_the_connection),
		cmocka_unit_test(kinds_and_modes_of_the_future_are_skipped),
		cmocka_unit_test(a_hub_cannot_acknowledge_what_was_not_sent),
		cmocka_unit_test(a_batch_no_hub_can_take_is_dropped_at_last),
		cmocka_unit_test(what_is_no_grpc_is_named_so),
		cmocka_unit_test(a_flow_over_the_limit_leaves_the_batch_as_it_was),
		cmocka_unit_test(a_failed_allocation_drops_a_flow_and_counts_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
