/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "grpc_pair.h"
#include "rpc/grpc.h"

#define PATH "/a.B/C"
#define SEC  1000000000ull

static int32_t call(struct pair *p)
{
	int32_t id = grpc_call(p->client.g, PATH, "hub", "secret");

	assert_true(id > 0);
	return id;
}

static void send_n(struct end *e, int32_t id, size_t n, unsigned seed, bool last)
{
	struct slice m = test_message(n, seed);

	assert_int_equal(grpc_send(e->g, id, m, last), 0);
	free((void *)(uintptr_t)m.p);
}

static void assert_log(struct end *e, const char *want)
{
	buf_put(&e->log, (struct slice){ (const uint8_t *)"", 1 });
	assert_string_equal((const char *)e->log.p, want);
	e->log.n--;
}

/* One exchange of several messages, cut into pieces of every size: the same is told. */
static void exchange(size_t cut, struct buf *ret_log)
{
	static const size_t sizes[] = { 0, 1, 5, 1000, 0, 20000, 70000, 3 };
	struct pair p;
	int32_t id;

	pair_open(&p, NULL, NULL);
	p.server.echo = p.server.finish_on_end = true;
	id = call(&p);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		send_n(&p.client, id, sizes[i], (unsigned)i,
		       i + 1 == sizeof(sizes) / sizeof(sizes[0]));
	pair_pump(&p, cut);
	assert_int_equal(p.server.messages, 8);
	assert_int_equal(p.client.messages, 8);
	assert_int_equal(p.client.ended, 1);
	assert_int_equal(p.client.status, GRPC_OK);
	assert_int_equal(p.server.error | p.client.error, 0);
	buf_put(ret_log, buf_slice(&p.server.log));
	buf_put(ret_log, buf_slice(&p.client.log));
	pair_close(&p);
}

static void messages_arrive_whole_however_they_are_cut(void **state)
{
	struct buf whole = { 0 }, cut = { 0 };

	(void)state;
	exchange(0, &whole);
	for (size_t n = 1; n < 40000; n = n < 40 ? n + 1 : n * 3 + 1) {
		buf_clear(&cut);
		exchange(n, &cut);
		assert_true(slice_eq(buf_slice(&cut), buf_slice(&whole)));
	}
	buf_release(&whole);
	buf_release(&cut);
}

/* The bytes a client sends for one call, cut in two at every position. */
static void a_call_cut_at_every_byte_is_the_same_call(void **state)
{
	struct buf bytes = { 0 };
	struct pair p;
	int32_t id;

	(void)state;
	pair_open(&p, NULL, NULL);
	id = call(&p);
	send_n(&p.client, id, 0, 1, false);
	send_n(&p.client, id, 40, 1, false);
	send_n(&p.client, id, 3, 2, true);
	for (;;) {
		struct slice s = grpc_output(p.client.g);

		if (s.n == 0)
			break;
		buf_put(&bytes, s);
		grpc_sent(p.client.g, s.n);
	}
	pair_close(&p);
	for (size_t i = 0; i <= bytes.n; i++) {
		struct slice head = guarded(slice_cut(buf_slice(&bytes), 0, i));
		struct slice tail = guarded(slice_cut(buf_slice(&bytes), i, bytes.n));

		pair_open(&p, NULL, NULL);
		assert_int_equal(grpc_input(p.server.g, head), 0);
		assert_int_equal(grpc_input(p.server.g, tail), 0);
		assert_int_equal(p.server.messages, 3);
		assert_int_equal(p.server.lens[0], 0);
		assert_int_equal(p.server.lens[1], 40);
		assert_int_equal(p.server.lens[2], 3);
		assert_int_equal(p.server.ended, 1);
		assert_int_equal(p.server.status, GRPC_OK);
		pair_close(&p);
		guarded_free(head);
		guarded_free(tail);
	}
	buf_release(&bytes);
}

static void the_server_sees_path_and_token(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p, NULL, NULL);
	(void)call(&p);
	pair_pump(&p, 0);
	assert_log(&p.server, "called 1 /a.B/C Bearer secret\n");
	assert_log(&p.client, "");
	pair_close(&p);
}

static void a_refused_call_ends_with_that_status_alone(void **state)
{
	struct pair p;
	int32_t id;

	(void)state;
	pair_open(&p, NULL, NULL);
	p.server.refuse = GRPC_UNIMPLEMENTED;
	id = call(&p);
	send_n(&p.client, id, 100, 0, false);
	pair_pump(&p, 0);
	assert_log(&p.client, "ended 1 12 unknown method\n");
	assert_log(&p.server, "called 1 /a.B/C Bearer secret\n");
	assert_int_equal(grpc_send(p.client.g, id, SLICE_LIT("x"), false), -EPIPE);
	assert_int_equal(grpc_queued(p.server.g, id), 0);
	pair_close(&p);
}

static void a_message_over_the_cap_ends_the_call_before_it_is_stored(void **state)
{
	struct grpc_options o = { .message_max = 1000 };
	struct pair p;
	int32_t id;

	(void)state;
	pair_open(&p, NULL, &o);
	id = call(&p);
	send_n(&p.client, id, 1000, 0, false);
	send_n(&p.client, id, 1001, 0, false);
	send_n(&p.client, id, 10, 0, false);
	pair_pump(&p, 7);
	assert_int_equal(p.server.messages, 1);
	assert_int_equal(p.client.status, GRPC_EXHAUSTED);
	assert_string_equal(p.client.text, "a message of 1001 bytes is over the limit of 1000");
	assert_int_equal(p.server.status, GRPC_EXHAUSTED);
	assert_int_equal(p.server.ended, 1);
	/* The connection lives on. */
	id = call(&p);
	send_n(&p.client, id, 5, 0, true);
	pair_pump(&p, 0);
	assert_int_equal(p.server.messages, 2);
	pair_close(&p);
}

static void the_client_refuses_a_message_over_its_cap(void **state)
{
	struct grpc_options o = { .message_max = 1000 };
	struct pair p;

	(void)state;
	pair_open(&p, &o, NULL);
	(void)call(&p);
	pair_pump(&p, 0);
	send_n(&p.server, p.server.stream, 5000, 0, false);
	pair_pump(&p, 0);
	assert_int_equal(p.client.messages, 0);
	assert_int_equal(p.client.ended, 1);
	assert_int_equal(p.client.status, GRPC_EXHAUSTED);
	assert_int_equal(p.server.status, GRPC_CANCELLED);
	pair_close(&p);
}

static void text_of_any_bytes_reaches_the_client(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p, NULL, NULL);
	(void)call(&p);
	pair_pump(&p, 0);
	send_n(&p.server, p.server.stream, 10, 0, false);
	assert_int_equal(
		grpc_finish(p.server.g, p.server.stream, GRPC_PERMISSION, "100 % caf\xc3\xa9\n"),
		0);
	assert_int_equal(grpc_finish(p.server.g, p.server.stream, GRPC_OK, NULL), -EPIPE);
	pair_pump(&p, 0);
	assert_int_equal(p.client.messages, 1);
	assert_int_equal(p.client.status, GRPC_PERMISSION);
	assert_string_equal(p.client.text, "100 % caf\xc3\xa9\n");
	pair_close(&p);
}

static void a_server_may_end_before_the_client_has(void **state)
{
	struct pair p;
	int32_t id;

	(void)state;
	pair_open(&p, NULL, NULL);
	p.server.finish_on_message = true;
	id = call(&p);
	for (unsigned i = 0; i < 20; i++)
		send_n(&p.client, id, 30000, i, false);
	pair_pump(&p, 0);
	assert_int_equal(p.server.messages, 1);
	assert_int_equal(p.server.ended, 0); /* its own doing */
	assert_int_equal(p.client.ended, 1);
	assert_int_equal(p.client.status, GRPC_PERMISSION);
	assert_string_equal(p.client.text, "enough");
	pair_close(&p);
}

static void a_cancelled_call_ends_on_both_sides(void **state)
{
	struct pair p;
	int32_t id;

	(void)state;
	pair_open(&p, NULL, NULL);
	id = call(&p);
	send_n(&p.client, id, 30, 0, false);
	pair_pump(&p, 0);
	assert_int_equal(grpc_finish(p.client.g, id, GRPC_CANCELLED, "changed my mind"), 0);
	pair_pump(&p, 0);
	assert_int_equal(p.client.ended, 1);
	assert_int_equal(p.client.status, GRPC_CANCELLED);
	assert_string_equal(p.client.text, "changed my mind");
	assert_int_equal(p.server.ended, 1);
	assert_int_equal(p.server.status, GRPC_CANCELLED);
	assert_int_equal(grpc_finish(p.client.g, id, GRPC_OK, NULL), -EPIPE);
	assert_int_equal(grpc_send(p.server.g, id, SLICE_LIT("x"), false), -EPIPE);
	pair_close(&p);
}

static void a_deadline_ends_the_call_on_the_server(void **state)
{
	struct pair p;
	int32_t id;

	(void)state;
	pair_open(&p, NULL, NULL);
	id = grpc_call_within(p.client.g, PATH, "hub", NULL, SEC / 2);
	assert_true(id > 0);
	pair_pump(&p, 0);
	assert_int_equal(grpc_tick(p.server.g, 10 * SEC), 0);
	pair_pump(&p, 0);
	assert_int_equal(p.client.ended, 0);
	assert_int_equal(grpc_tick(p.server.g, 10 * SEC + SEC / 2), 0);
	assert_int_equal(p.server.status, GRPC_DEADLINE);
	pair_pump(&p, 0);
	assert_int_equal(p.client.ended, 1);
	assert_int_equal(p.client.status, GRPC_DEADLINE);
	pair_close(&p);
}

static void a_deadline_ends_the_call_on_the_client(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p, NULL, NULL);
	assert_true(grpc_call_within(p.client.g, PATH, "hub", NULL, SEC) > 0);
	pair_pump(&p, 0);
	assert_int_equal(grpc_tick(p.client.g, SEC), 0);
	assert_int_equal(grpc_tick(p.client.g, 2 * SEC), 0);
	pair_pump(&p, 0);
	assert_int_equal(p.client.status, GRPC_DEADLINE);
	assert_int_equal(p.server.status, GRPC_CANCELLED);
	pair_close(&p);
}

static void a_slow_reader_stops_the_sender_at_the_window(void **state)
{
	struct grpc_options o = { .manual_window = true, .window = 100000 };
	struct pair p;
	unsigned got;
	int32_t id;

	(void)state;
	pair_open(&p, NULL, &o);
	id = call(&p);
	pair_pump(&p, 0); /* the server's settings are known */
	for (unsigned i = 0; i < 30; i++)
		send_n(&p.client, id, 10000, i, i == 29);
	pair_pump(&p, 0);
	assert_int_equal(p.server.messages, 9);
	assert_true(grpc_queued(p.client.g, id) > 190000);
	assert_false(grpc_wants_write(p.client.g));
	for (got = 9; p.server.messages < 30;) {
		for (unsigned i = 0; i < got; i++)
			assert_int_equal(grpc_consume(p.server.g, id, 10000), 0);
		got = p.server.messages;
		pair_pump(&p, 0);
		assert_true(p.server.messages > got);
		got = p.server.messages - got;
	}
	assert_int_equal(p.server.status, GRPC_OK);
	assert_int_equal(p.server.ended, 1);
	pair_close(&p);
}

static void a_message_longer_than_the_window_arrives(void **state)
{
	struct grpc_options o = { .manual_window = true, .window = 70000 };
	struct pair p;
	int32_t id;

	(void)state;
	pair_open(&p, NULL, &o);
	id = call(&p);
	send_n(&p.client, id, 1000000, 1, false);
	send_n(&p.client, id, 1000000, 2, false);
	send_n(&p.client, id, 10, 3, true);
	pair_pump(&p, 1000);
	assert_int_equal(p.server.messages, 3);
	pair_close(&p);
}

static void the_window_of_a_finished_call_goes_back_to_the_connection(void **state)
{
	struct grpc_options o = { .manual_window = true, .window = 70000 };
	struct pair p;

	(void)state;
	pair_open(&p, NULL, &o);
	for (unsigned i = 0; i < 20; i++) {
		int32_t id = call(&p);

		p.server.finish_on_end = true;
		send_n(&p.client, id, 40000, i, true);
		pair_pump(&p, 0);
		assert_int_equal(p.server.messages, i + 1);
		assert_int_equal(p.client.ended, i + 1);
	}
	pair_close(&p);
}

static void what_comes_for_a_finished_call_does_not_hold_the_window(void **state)
{
	struct grpc_options o = { .manual_window = true, .window = 70000, .message_max = 50000 };
	struct pair p;

	(void)state;
	pair_open(&p, NULL, &o);
	for (unsigned i = 0; i < 20; i++) {
		int32_t id = call(&p);

		send_n(&p.client, id, 60000, i, true);
		pair_pump(&p, 0);
		assert_int_equal(p.client.ended, i + 1);
		assert_int_equal(p.client.status, GRPC_EXHAUSTED);
	}
	pair_close(&p);
}

static void a_silent_peer_is_pinged_and_then_dead(void **state)
{
	struct grpc_options o = { .ping_ns = 3 * SEC, .ping_timeout_ns = SEC };
	struct pair p;

	(void)state;
	pair_open(&p, &o, NULL);
	(void)call(&p);
	assert_int_equal(grpc_tick(p.client.g, 100 * SEC), 0);
	pair_pump(&p, 0);
	assert_int_equal(grpc_tick(p.client.g, 101 * SEC), 0); /* heard */
	assert_int_equal(grpc_tick(p.client.g, 103 * SEC), 0);
	assert_false(grpc_wants_write(p.client.g));
	assert_int_equal(grpc_tick(p.client.g, 104 * SEC), 0);
	assert_true(grpc_wants_write(p.client.g));
	pair_pump(&p, 0); /* the server answers */
	assert_int_equal(grpc_tick(p.client.g, 105 * SEC), 0);
	assert_int_equal(grpc_tick(p.client.g, 108 * SEC), 0); /* pinged, no answer */
	assert_int_equal(grpc_tick(p.client.g, 108 * SEC + SEC / 2), 0);
	assert_int_equal(grpc_tick(p.client.g, 109 * SEC), -ETIMEDOUT);
	pair_close(&p);
}

static void a_drained_server_lets_calls_finish(void **state)
{
	struct pair p;
	int32_t id;

	(void)state;
	pair_open(&p, NULL, NULL);
	p.server.finish_on_end = true;
	id = call(&p);
	pair_pump(&p, 0);
	grpc_drain(p.server.g);
	pair_pump(&p, 0);
	assert_int_equal(grpc_call(p.client.g, PATH, "hub", NULL), -EPIPE);
	assert_false(grpc_done(p.server.g));
	send_n(&p.client, id, 100, 0, true);
	pair_pump(&p, 0);
	assert_int_equal(p.server.messages, 1);
	assert_int_equal(p.client.status, GRPC_OK);
	assert_true(grpc_done(p.server.g));
	assert_true(grpc_done(p.client.g));
	pair_close(&p);
}

static void a_drained_client_finishes_its_call(void **state)
{
	struct pair p;
	int32_t id;

	(void)state;
	pair_open(&p, NULL, NULL);
	p.server.finish_on_end = p.server.echo = true;
	id = call(&p);
	grpc_drain(p.client.g);
	pair_pump(&p, 0);
	send_n(&p.client, id, 100, 0, true);
	pair_pump(&p, 0);
	assert_int_equal(p.client.messages, 1);
	assert_int_equal(p.client.status, GRPC_OK);
	assert_true(grpc_done(p.client.g));
	pair_close(&p);
}

static void rubbish_is_a_protocol_error(void **state)
{
	static const char *const rubbish[] = {
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"*1\r\n$4\r\nPING\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nabcdefghijklmn",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rubbish) / sizeof(rubbish[0]); i++) {
		struct slice in = guarded(slice_str(rubbish[i]));
		struct pair p;

		pair_open(&p, NULL, NULL);
		if (grpc_input(p.server.g, in) ==
		    0) { /* sound so far for HTTP/2: GOAWAY, then the end */
			while (grpc_output(p.server.g).n > 0)
				grpc_sent(p.server.g, grpc_output(p.server.g).n);
		} else {
			assert_int_equal(grpc_input(p.server.g, in), -EPROTO);
			assert_int_equal(grpc_output(p.server.g).n, 0);
		}
		assert_true(grpc_done(p.server.g));
		assert_int_equal(p.server.log.n, 0);
		pair_close(&p);
		guarded_free(in);
	}
}

static void a_queue_over_its_limit_refuses_messages(void **state)
{
	struct grpc_options o = { .queue_max = 1000 };
	struct pair p;
	int32_t id;

	(void)state;
	pair_open(&p, &o, NULL);
	id = call(&p);
	send_n(&p.client, id, 2000, 0, false); /* an empty queue takes any */
	assert_int_equal(grpc_send(p.client.g, id, SLICE_LIT("x"), false), -ENOBUFS);
	assert_int_equal(grpc_send_begin(p.client.g, id, 10), -ENOBUFS);
	pair_pump(&p, 0);
	send_n(&p.client, id, 900, 0, false);
	assert_int_equal(grpc_send(p.client.g, id + 2, SLICE_LIT("x"), false), -EPIPE);
	assert_int_equal(grpc_send(p.client.g, id,
				   (struct slice){ (const uint8_t *)"", (size_t)1 << 33 }, false),
			 -ENOBUFS);
	pair_close(&p);
}

static void a_message_given_in_pieces_is_one_message(void **state)
{
	struct slice m = test_message(50000, 7);
	struct pair p;
	int32_t id;

	(void)state;
	pair_open(&p, NULL, NULL);
	id = call(&p);
	assert_int_equal(grpc_send_begin(p.client.g, id, (size_t)1 << 33), -EMSGSIZE);
	assert_int_equal(grpc_send_begin(p.client.g, id, m.n), 0);
	assert_int_equal(grpc_send_begin(p.client.g, id, m.n), -EINVAL);
	for (size_t i = 0; i < m.n; i += 10000) {
		pair_pump(&p, 0);
		assert_int_equal(p.server.messages, 0);
		assert_int_equal(grpc_queued(p.client.g, id), 0);
		assert_int_equal(grpc_send_more(p.client.g, id, slice_cut(m, i, i + 10000)), 0);
	}
	assert_int_equal(grpc_send_more(p.client.g, id, SLICE_LIT("x")), -EINVAL);
	pair_pump(&p, 0);
	assert_int_equal(p.server.messages, 1);
	assert_int_equal(p.server.lens[0], 50000);
	free((void *)(uintptr_t)m.p);
	pair_close(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_arrive_whole_however_they_are_cut),
		cmocka_unit_test(a_call_cut_at_every_byte_is_the_same_call),
		cmocka_unit_test(the_server_sees_path_and_token),
		cmocka_unit_test(a_refused_call_ends_with_that_status_alone),
		cmocka_unit_test(a_message_over_the_cap_ends_the_call_before_it_is_stored),
		cmocka_unit_test(the_client_refuses_a_message_over_its_cap),
		cmocka_unit_test(text_of_any_bytes_reaches_the_client),
		cmocka_unit_test(a_server_may_end_before_the_client_has),
		cmocka_unit_test(a_cancelled_call_ends_on_both_sides),
		cmocka_unit_test(a_deadline_ends_the_call_on_the_server),
		cmocka_unit_test(a_deadline_ends_the_call_on_the_client),
		cmocka_unit_test(a_slow_reader_stops_the_sender_at_the_window),
		cmocka_unit_test(a_message_longer_than_the_window_arrives),
		cmocka_unit_test(the_window_of_a_finished_call_goes_back_to_the_connection),
		cmocka_unit_test(what_comes_for_a_finished_call_does_not_hold_the_window),
		cmocka_unit_test(a_silent_peer_is_pinged_and_then_dead),
		cmocka_unit_test(a_drained_server_lets_calls_finish),
		cmocka_unit_test(a_drained_client_finishes_its_call),
		cmocka_unit_test(rubbish_is_a_protocol_error),
		cmocka_unit_test(a_queue_over_its_limit_refuses_messages),
		cmocka_unit_test(a_message_given_in_pieces_is_one_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
