/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "world.h"

#include <errno.h>
#include <stdlib.h>

static struct world w;

static int begin(void **state)
{
	(void)state;
	world_begin(&w);
	world_start(&w);
	return w.t ? 0 : -1;
}

static int finish(void **state)
{
	(void)state;
	world_end(&w);
	return 0;
}

static void expect(const char *flows)
{
	assert_string_equal(world_text(&w), flows);
}

static const struct conn_stats *stats(void)
{
	return conn_table_stats(w.t);
}

static void an_exchange_is_one_flow_with_all_its_facts(void **state)
{
	const struct world_flow *f = &w.flows[0];

	(void)state;
	world_open(&w, world_client(1));
	world_data(&w, 1, EV_WRITE, 0, "Qa:3\nxxx");
	expect("a>- open peer_inferred\n");
	world_data(&w, 1, EV_READ, 0, "Aa:2\nx");
	world_data(&w, 1, EV_READ, 6, "x");
	expect("a>a done peer_inferred\n");
	assert_int_equal(f->writes, 3); /* request; head of the answer; all of it */
	assert_string_equal(f->proto, "line");
	assert_int_equal(f->req_len, 3);
	assert_int_equal(f->resp_len, 2);
	assert_string_equal(f->client, "p11@c1");
	assert_string_equal(f->server, "?@c2");
	assert_int_equal(f->client_port, 40001);
	assert_int_equal(f->server_port, 80);
	assert_int_equal(f->seen_by, FLOW_SEEN_CLIENT);
	assert_int_equal(f->end_ns - f->begin_ns, 2000);
	assert_int_equal(f->id[6] >> 4, 7); /* RFC 9562, 5.7 */
	assert_int_equal(f->id[8] >> 6, 2);
	world_close(&w, 1, EV_END_ALL, 7, 8);
	world_wait(&w, 3 * SECOND);
	assert_int_equal(stats()->conns, 0);
	assert_int_equal(stats()->bytes_held, 0);
	assert_int_equal(stats()->flows, 1);
	assert_int_equal(stats()->bytes, 15);
}

/* The server's name was found by its address: that is said. */
static void inferred_name_is_flagged(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	world_data(&w, 1, EV_WRITE, 0, "Qa:0\n");
	assert_int_equal(w.flows[0].flags, FLOW_PEER_INFERRED);
}

static void names_that_come_later_are_in_the_next_write(void **state)
{
	(void)state;
	w.named = false;
	world_open(&w, world_client(1));
	world_data(&w, 1, EV_WRITE, 0, "Qa:0\n");
	assert_string_equal(w.flows[0].client, "p11@?");
	w.named = true;
	world_wait(&w, 100000000);
	world_data(&w, 1, EV_READ, 0, "Aa:0\n");
	assert_string_equal(w.flows[0].client, "p11@c1");
}

static void another_process_takes_the_socket_over(void **state)
{
	struct world_socket s = world_client(1);

	(void)state;
	world_open(&w, s);
	world_data(&w, 1, EV_WRITE, 0, "Qa:0\n");
	s.pid = 77;
	s.last_ip = 3;
	world_open(&w, s);
	world_data(&w, 1, EV_READ, 0, "Aa:0\n");
	assert_string_equal(w.flows[0].client, "p77@c3");
	assert_int_equal(stats()->conns, 1);
}

static void interim_answer_is_an_attribute(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	world_data(&w, 1, EV_WRITE, 0, "Qa:0\n");
	world_data(&w, 1, EV_READ, 0, "I100\nAa:0\n");
	assert_string_equal(w.flows[0].attrs, "interim=100;");
}

static void answer_until_the_close_is_whole(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	world_data(&w, 1, EV_WRITE, 0, "Qa:0\n");
	world_data(&w, 1, EV_READ, 0, "Ca\nxxxx");
	expect("a>a open peer_inferred\n");
	world_close(&w, 1, EV_END_READ, 7, 5);
	expect("a>a done peer_inferred\n");
	assert_int_equal(w.flows[0].resp_len, 4);
	world_close(&w, 1, EV_END_ALL, 7, 5);
	assert_int_equal(w.flows[0].writes, 3);
}

static void how_a_connection_ends_is_how_its_flows_end(void **state)
{
	(void)state;
	world_open(&w, world_server(0));
	world_data(&w, 1, EV_READ, 0, "Qa:0\nQb:0\n");
	world_data(&w, 1, EV_WRITE, 0, "Aa:5\nxx");
	world_close(&w, 1, EV_END_ALL | EV_END_RESET, 10, 7);
	world_open(&w, world_server(9));
	world_data(&w, 10, EV_READ, 0, "Qc:0\n");
	world_close(&w, 10, EV_END_ALL, 5, 0);
	world_open(&w, world_server(19));
	world_data(&w, 20, EV_READ, 0, "Qd:9\nx");
	world_close(&w, 20, EV_END_ALL, 6, 0);
	expect("a>a reset peer_inferred\nb>- reset peer_inferred\nc>- unanswered peer_inferred\n"
	       "d>- reset peer_inferred\n");
	assert_int_equal(stats()->conns, 0);
}

static void records_that_come_after_the_close_are_waited_for(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	world_data(&w, 1, EV_WRITE, 0, "Qa:0\n");
	world_close(&w, 1, EV_END_ALL, 5, 5);
	assert_int_equal(stats()->conns, 1);
	world_data(&w, 1, EV_READ, 0, "Aa:0\n");
	assert_int_equal(stats()->conns, 0);
	expect("a>a done peer_inferred\n");
	assert_int_equal(stats()->gap_bytes, 0);
}

static void bytes_missing_at_the_end_are_a_gap(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	world_data(&w, 1, EV_WRITE, 0, "Qa:0\n");
	world_close(&w, 1, EV_END_ALL, 50, 5);
	world_wait(&w, 300 * MS);
	expect("a>- unanswered after_gap peer_inferred\n");
	assert_int_equal(stats()->gap_bytes, 50);
	assert_int_equal(stats()->conns, 0);
}

static void answer_seen_first_waits_for_its_request(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	world_data(&w, 1, EV_READ, 0, "Aa:0\n");
	w.early = 1500;
	world_data(&w, 1, EV_WRITE, 0, "Qa:0\n");
	world_data(&w, 1, EV_READ, 5, "Ab:0\nAc:0\n");
	w.early = 1500;
	world_data(&w, 1, EV_WRITE, 5, "Qb:0\nQc:0\n");
	expect("a>a done peer_inferred\nb>b done peer_inferred\nc>c done peer_inferred\n");
	world_data(&w, 1, EV_READ, 15, "Ad:0\n");
	expect("a>a done peer_inferred\nb>b done peer_inferred\nc>c done peer_inferred\n");
	world_wait(&w, 100 * MS);
	assert_string_equal(w.flows[3].answer, "d");
	assert_int_equal(w.flows[3].flags, FLOW_NO_REQUEST | FLOW_PEER_INFERRED);
}

/* sendfile: the kernel knows how many bytes went, nobody saw them. */
static void bytes_without_a_buffer_count_as_sent(void **state)
{
	(void)state;
	world_open(&w, world_server(0));
	world_data(&w, 1, EV_READ, 0, "Qa:0\n");
	world_data(&w, 1, EV_WRITE, 0, "Aa:100000\n");
	world_bytes(&w, 1, EV_WRITE, 10, (struct slice){ 0 }, 100000, 0);
	expect("a>a done after_gap peer_inferred\n"); /* at once */
	assert_int_equal(w.flows[0].resp_len, 100000);
	world_data(&w, 1, EV_READ, 5, "Qb:0\n");
	world_data(&w, 1, EV_WRITE, 100010, "Ab:0\n");
	expect("a>a done after_gap peer_inferred\nb>b done peer_inferred\n");
}

static void sides_are_concluded_from_what_is_said(void **state)
{
	struct world_socket s = world_server(0);

	(void)state;
	s.side = EV_SIDE_UNKNOWN;
	s.flags = EV_LATE;
	world_open(&w, s);
	world_data(&w, 1, EV_READ, 7000, "Qa:0\n");
	world_data(&w, 1, EV_WRITE, 9000, "Aa:0\n");
	expect("a>a done midstream peer_inferred\n");
	assert_string_equal(w.flows[0].server, "p22@c2");
	s.cookie = 5;
	s.port = 50000;
	s.remote_port = 80;
	world_open(&w, s);
	world_data(&w, 5, EV_READ, 7000, "Ab:0\n");
	world_wait(&w, 100 * MS);
	assert_string_equal(w.flows[1].answer, "b");
	assert_string_equal(w.flows[1].client, "p22@c2");
}

static void joined_in_the_middle_of_a_message(void **state)
{
	struct world_socket s = world_client(1);

	(void)state;
	s.flags = EV_LATE;
	world_open(&w, s);
	world_data(&w, 1, EV_READ, 500, "xxxx");
	world_data(&w, 1, EV_READ, 504, "xxxxxAz:0\n");
	world_wait(&w, 100 * MS);
	world_data(&w, 1, EV_WRITE, 90, "Qa:0\n");
	world_data(&w, 1, EV_READ, 514, "Aa:0\n");
	expect("->z done midstream peer_inferred no_request\na>a done midstream peer_inferred\n");
}

static void frame_that_is_none_is_skipped(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	world_data(&w, 1, EV_WRITE, 0, "Qa:0\nZZZQb:0\n");
	assert_int_equal(stats()->resyncs, 1);
	assert_int_equal(w.flows[1].flags & FLOW_AFTER_GAP, FLOW_AFTER_GAP);
	assert_string_equal(w.flows[1].request, "b");
}

static void protocol_that_nobody_knows_is_counted(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	world_data(&w, 1, EV_WRITE, 0, "hello");
	assert_false(world_told(&w, 1));
	world_data(&w, 1, EV_READ, 0, "what?");
	assert_int_equal(stats()->unknown_conns, 0);
	world_close(&w, 1, EV_END_ALL, 5, 5);
	assert_int_equal(stats()->unknown_conns, 1);
	expect("10.0.0.2:80>unknown done peer_inferred\n");
}

static void one_way_rubbish_is_given_up_after_some_bytes(void **state)
{
	static char rubbish[4001];

	(void)state;
	memset(rubbish, 'z', 4000);
	world_open(&w, world_client(1));
	for (unsigned i = 0; i < 17; i++)
		world_data(&w, 1, EV_WRITE, i * 4000, rubbish);
	assert_true(world_told(&w, 1));
	assert_true(stats()->bytes_held < 8192); /* its first bytes */
}

static void protocol_changes_where_it_says_so(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	world_data(&w, 1, EV_WRITE, 0, "Sa\n");
	world_data(&w, 1, EV_READ, 0, "Ta\nR8:2\n");
	world_data(&w, 1, EV_WRITE, 3, "K8:1\nK9:1\n");
	world_data(&w, 1, EV_READ, 8, "R9:1\n");
	assert_string_equal(w.flows[0].proto, "line");
	assert_string_equal(w.flows[0].answer, "a");
	assert_string_equal(w.flows[w.n - 1].proto, "key");
	assert_string_equal(w.flows[w.n - 1].answer, "9");
	assert_int_equal(w.flows[w.n - 1].state, FLOW_DONE);
}

static void what_follows_a_tunnel_is_looked_at_anew(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	world_data(&w, 1, EV_WRITE, 0, "Sa\n");
	world_data(&w, 1, EV_READ, 0, "Ua\n");
	world_data(&w, 1, EV_WRITE, 3, "Qb:0\n");
	world_data(&w, 1, EV_READ, 3, "Ab:0\n");
	world_data(&w, 1, EV_WRITE, 8, "Sc\n");
	world_data(&w, 1, EV_READ, 8, "Uc\n");
	world_data(&w, 1, EV_WRITE, 11, "what is this");
	world_close(&w, 1, EV_END_ALL, 11, 23);
	expect("a>a done peer_inferred\nb>b done peer_inferred\nc>c done peer_inferred\n"
	       "10.0.0.2:80>unknown done peer_inferred\n");
	assert_int_equal(w.flows[3].req_len, 12);
	assert_int_equal(stats()->unknown_conns, 0);
}

static void record_before_its_open_is_not_lost(void **state)
{
	(void)state;
	world_data(&w, 1, EV_WRITE, 0, "Qa:0\n");
	world_open(&w, world_client(1));
	world_data(&w, 1, EV_READ, 0, "Aa:0\n");
	expect("a>a done midstream peer_inferred\n");
	assert_string_equal(w.flows[0].client, "p11@c1");
}

static void request_without_answer_expires(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	world_data(&w, 1, EV_WRITE, 0, "Qa:0\n");
	world_wait(&w, 119 * SECOND);
	assert_int_equal(w.flows[0].state, FLOW_OPEN);
	world_wait(&w, 3 * SECOND);
	assert_int_equal(w.flows[0].state, FLOW_UNANSWERED);
	world_data(&w, 1, EV_READ, 0, "Aa:0\n");
	expect("a>a done peer_inferred\n");
}

static void idle_connection_keeps_only_its_identity(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	world_data(&w, 1, EV_WRITE, 0, "Qa:0\n");
	world_data(&w, 1, EV_READ, 0, "Aa:9000\nxx");
	world_wait(&w, 602 * SECOND);
	assert_int_equal(w.flows[0].state, FLOW_RESET);
	assert_true(stats()->bytes_held < 2048);
	world_data(&w, 1, EV_WRITE, 5, "Qb:0\n");
	world_data(&w, 1, EV_READ, 10, "xxxxAb:0\n");
	world_data(&w, 1, EV_WRITE, 10, "Qc:0\n");
	world_data(&w, 1, EV_READ, 19, "Ac:0\n");
	assert_string_equal(w.flows[w.n - 1].answer, "c");
	assert_string_equal(w.flows[w.n - 1].client, "p11@c1");
	assert_string_equal(w.flows[w.n - 1].request, "c");
}

static void too_many_connections_push_the_oldest_out(void **state)
{
	(void)state;
	w.lim.conns = 3;
	conn_table_set_limits(w.t, &w.lim);
	for (uint64_t c = 10; c <= 50; c += 10) {
		world_open(&w, world_client(c));
		world_data(&w, c, EV_WRITE, 0, "Qa:0\n");
	}
	assert_int_equal(stats()->conns, 3);
	assert_int_equal(stats()->evicted_conns, 2);
	assert_int_equal(w.flows[0].state, FLOW_UNANSWERED);
	assert_int_equal(w.flows[0].flags & FLOW_TRUNCATED, FLOW_TRUNCATED);
	assert_int_equal(w.flows[1].state, FLOW_UNANSWERED);
	assert_int_equal(w.flows[2].state, FLOW_OPEN);
	assert_int_equal(stats()->truncated, 2);
}

static void too_many_bytes_empty_the_least_used(void **state)
{
	static char incomplete[16001];

	(void)state;
	memset(incomplete, 'x', 16000);
	w.lim.total_bytes = 400000;
	conn_table_set_limits(w.t, &w.lim);
	for (uint64_t c = 1; c <= 100; c += 2) {
		world_open(&w, world_client(c));
		world_data(&w, c, EV_WRITE, 0, "Qa:0\n");
		world_data(&w, c, EV_WRITE, 6, incomplete); /* behind a hole */
		assert_true(stats()->bytes_held <= 400000);
	}
	assert_true(stats()->evicted_conns > 10);
	assert_int_equal(stats()->conns, 50); /* they are still known */
	world_data(&w, 1, EV_WRITE, 16006, "Qb:0\n");
	assert_string_equal(w.flows[w.n - 1].request, "b");
	assert_string_equal(w.flows[w.n - 1].client, "p11@c1");
}

static void hole_is_given_up_after_its_time_or_when_memory_ends(void **state)
{
	static char body[16001];

	(void)state;
	memset(body, 'x', 16000);
	world_open(&w, world_client(1));
	world_data(&w, 1, EV_WRITE, 0, "Qa:0\n");
	world_data(&w, 1, EV_WRITE, 10, "Qb:0\n");
	assert_int_equal(w.n, 1);
	world_wait(&w, 300 * MS);
	assert_int_equal(stats()->gap_bytes, 5);
	assert_string_equal(w.flows[1].request, "b");
	world_data(&w, 1, EV_WRITE, 15, "Qc:2000000\n");
	for (unsigned i = 1; i < 100; i++)
		world_data(&w, 1, EV_WRITE, 26 + 16000 * i, body);
	assert_int_equal(stats()->gap_bytes, 5 + 16000);
	assert_int_equal(stats()->overflow_bytes, 0);
	world_data(&w, 1, EV_WRITE, 26 + 1600000, "x");
	assert_true(stats()->bytes_held < 100000);
}

static void record_that_contradicts_itself_is_refused(void **state)
{
	struct ev_data d = { .h = { .size = sizeof(d), .kind = EV_DATA, .cookie = 1, .ts_ns = 5 } };
	struct ev_open o = { .h = { .size = sizeof(o), .kind = EV_OPEN, .cookie = 1 }, .side = 3 };
	struct ev_hdr h = { .size = 10, .kind = EV_OPEN, .cookie = 1 };

	(void)state;
	assert_int_equal(conn_table_event(w.t, &h), -EINVAL);
	h.size = sizeof(h);
	assert_int_equal(conn_table_event(w.t, &h), -EINVAL);
	h.kind = EV_DATA;
	assert_int_equal(conn_table_event(w.t, &h), -EINVAL);
	h.kind = EV_CLOSE;
	assert_int_equal(conn_table_event(w.t, &h), -EINVAL);
	h.kind = EV_EXEC;
	assert_int_equal(conn_table_event(w.t, &h), -EINVAL);
	assert_int_equal(conn_table_event(w.t, &o.h), -EINVAL);
	d.ncap = d.len = 1; /* more than there is */
	assert_int_equal(conn_table_event(w.t, &d.h), -EINVAL);
	d.ncap = 1;
	d.len = 0;
	assert_int_equal(conn_table_event(w.t, &d.h), -EINVAL);
	d.ncap = 0;
	d.dir = 2;
	assert_int_equal(conn_table_event(w.t, &d.h), -EINVAL);
	d.dir = 0;
	d.len = 2;
	d.off = UINT64_MAX - 1;
	assert_int_equal(conn_table_event(w.t, &d.h), -EINVAL);
	d.h.cookie = 0;
	assert_int_equal(conn_table_event(w.t, &d.h), -EINVAL);
	assert_int_equal(stats()->bad_events, 11);
	assert_int_equal(stats()->events, 11);
	assert_int_equal(stats()->conns, 0);
}

static void the_end_of_a_recording_ends_all(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	world_data(&w, 1, EV_WRITE, 0, "Qa:0\nQb");
	world_open(&w, world_client(3));
	world_data(&w, 3, EV_WRITE, 0, "what");
	conn_table_finish(w.t);
	expect("a>- unanswered peer_inferred\n10.0.0.2:80>unknown done peer_inferred\n");
	assert_int_equal(stats()->unknown_conns, 1);
	assert_int_equal(stats()->conns, 0);
	assert_int_equal(stats()->bytes_held, 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_exchange_is_one_flow_with_all_its_facts),
		T(inferred_name_is_flagged),
		T(names_that_come_later_are_in_the_next_write),
		T(another_process_takes_the_socket_over),
		T(interim_answer_is_an_attribute),
		T(answer_until_the_close_is_whole),
		T(how_a_connection_ends_is_how_its_flows_end),
		T(records_that_come_after_the_close_are_waited_for),
		T(bytes_missing_at_the_end_are_a_gap),
		T(answer_seen_first_waits_for_its_request),
		T(bytes_without_a_buffer_count_as_sent),
		T(sides_are_concluded_from_what_is_said),
		T(joined_in_the_middle_of_a_message),
		T(frame_that_is_none_is_skipped),
		T(protocol_that_nobody_knows_is_counted),
		T(one_way_rubbish_is_given_up_after_some_bytes),
		T(protocol_changes_where_it_says_so),
		T(what_follows_a_tunnel_is_looked_at_anew),
		T(record_before_its_open_is_not_lost),
		T(request_without_answer_expires),
		T(idle_connection_keeps_only_its_identity),
		T(too_many_connections_push_the_oldest_out),
		T(too_many_bytes_empty_the_least_used),
		T(hole_is_given_up_after_its_time_or_when_memory_ends),
		T(record_that_contradicts_itself_is_refused),
		T(the_end_of_a_recording_ends_all),
	};

	return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
