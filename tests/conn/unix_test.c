/* SPDX-License-Identifier: Apache-2.0 */
/* Connections over unix sockets: who is at their ends, and where; and those of datagrams. */
#include "test.h"

#include "world.h"

#include <errno.h>

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

/* Process 11 of c1 is the client, with cookie 1; 22 of c2 listens at /run/x.sock, with cookie 2. */
static struct world_socket client(void)
{
	return (struct world_socket){ .cookie = 1,
				      .l4 = EV_UNIX,
				      .side = EV_CLIENT,
				      .last_ip = 1,
				      .last_remote_ip = 2,
				      .pid = 11,
				      .peer_pid = 22,
				      .peer_cookie = 2,
				      .path = SLICE_LIT("/run/x.sock") };
}

static struct world_socket server(void)
{
	return (struct world_socket){ .cookie = 2,
				      .l4 = EV_UNIX,
				      .side = EV_SERVER,
				      .last_ip = 2,
				      .last_remote_ip = 1,
				      .pid = 22,
				      .peer_pid = 11,
				      .peer_cookie = 1,
				      .path = SLICE_LIT("/run/x.sock") };
}

static void expect(const struct world_flow *f, unsigned seen_by)
{
	assert_string_equal(f->l4, "unix");
	assert_string_equal(f->path, "/run/x.sock");
	assert_string_equal(f->client, "p11@c1");
	assert_string_equal(f->server, "p22@c2");
	assert_int_equal(f->seen_by, seen_by);
	assert_int_equal(f->flags, 0);
}

static void exchange(void)
{
	world_data(&w, 1, EV_WRITE, 0, "Qa:0\n");
	world_data(&w, 2, EV_READ, 0, "Qa:0\n");
	world_data(&w, 2, EV_WRITE, 0, "Aa:0\n");
	world_data(&w, 1, EV_READ, 0, "Aa:0\n");
}

static void one_end_knows_who_is_at_the_other(void **state)
{
	(void)state;
	world_open(&w, client());
	world_data(&w, 1, EV_WRITE, 0, "Qa:0\n");
	world_data(&w, 1, EV_READ, 0, "Aa:0\n");
	assert_string_equal(world_text(&w), "a>a done\n");
	expect(&w.flows[0], FLOW_SEEN_CLIENT);
}

static void the_servers_end_alone_knows_the_client(void **state)
{
	(void)state;
	world_open(&w, server());
	world_data(&w, 2, EV_READ, 0, "Qa:0\n");
	world_data(&w, 2, EV_WRITE, 0, "Aa:0\n");
	assert_string_equal(world_text(&w), "a>a done\n");
	expect(&w.flows[0], FLOW_SEEN_SERVER);
}

static void both_ends_give_one_flow(void **state)
{
	(void)state;
	world_open(&w, client());
	world_open(&w, server());
	exchange();
	assert_string_equal(world_text(&w), "a>a done\n");
	expect(&w.flows[0], FLOW_SEEN_CLIENT | FLOW_SEEN_SERVER);
	world_close(&w, 1, EV_END_ALL, 5, 5);
	world_close(&w, 2, EV_END_ALL, 5, 5);
	assert_int_equal(conn_table_stats(w.t)->conns, 0);
	assert_int_equal(conn_table_stats(w.t)->unknown_conns, 0);
}

/* Before accept the other end has no number. */
static void a_client_that_spoke_before_accept_is_paired(void **state)
{
	struct world_socket early = client();

	(void)state;
	early.peer_cookie = 0;
	world_open(&w, early);
	world_data(&w, 1, EV_WRITE, 0, "Qa:0\n");
	world_open(&w, server());
	world_data(&w, 2, EV_READ, 0, "Qa:0\n");
	world_data(&w, 2, EV_WRITE, 0, "Aa:0\n");
	world_data(&w, 1, EV_READ, 0, "Aa:0\n");
	assert_string_equal(world_text(&w), "a>a done\n");
	expect(&w.flows[0], FLOW_SEEN_CLIENT | FLOW_SEEN_SERVER);
}

/* Their records come over different rings. */
static void the_client_may_be_told_of_last(void **state)
{
	struct world_socket early = client();

	(void)state;
	early.peer_cookie = 0;
	world_open(&w, server());
	world_data(&w, 2, EV_READ, 0, "Qa:0\n");
	world_open(&w, early);
	world_data(&w, 1, EV_WRITE, 0, "Qa:0\n");
	world_data(&w, 2, EV_WRITE, 0, "Aa:0\n");
	world_data(&w, 1, EV_READ, 0, "Aa:0\n");
	assert_string_equal(world_text(&w), "a>a done\n");
	expect(&w.flows[0], FLOW_SEEN_CLIENT | FLOW_SEEN_SERVER);
}

static void a_client_that_left_before_accept_is_not_counted_twice(void **state)
{
	struct world_socket early = client();

	(void)state;
	early.peer_cookie = 0;
	world_open(&w, early);
	world_data(&w, 1, EV_WRITE, 0, "Qa:0\n");
	world_close(&w, 1, EV_END_ALL, 0, 5);
	world_open(&w, server());
	world_data(&w, 2, EV_READ, 0, "Qa:0\n");
	world_data(&w, 2, EV_WRITE, 0, "Aa:0\n");
	assert_int_equal(w.n, 1);
}

static void two_connections_to_one_path_stay_two(void **state)
{
	struct world_socket other = server();

	(void)state;
	other.cookie = 4;
	other.peer_cookie = 3;
	world_open(&w, client());
	world_open(&w, other);
	world_data(&w, 4, EV_READ, 0, "Qb:0\n");
	world_data(&w, 4, EV_WRITE, 0, "Ab:0\n");
	world_data(&w, 1, EV_WRITE, 0, "Qa:0\n");
	world_data(&w, 1, EV_READ, 0, "Aa:0\n");
	assert_string_equal(world_text(&w), "b>b done\na>a done\n");
	assert_int_equal(w.flows[0].seen_by, FLOW_SEEN_SERVER);
	assert_int_equal(w.flows[1].seen_by, FLOW_SEEN_CLIENT);
}

static void an_abstract_name_is_shown_with_an_at(void **state)
{
	struct world_socket s = client();

	(void)state;
	s.path = (struct slice){ (const uint8_t *)"\0bus\0x", 6 };
	world_open(&w, s);
	world_data(&w, 1, EV_WRITE, 0, "Qa:0\n");
	assert_string_equal(w.flows[0].path, "@bus@x");
}

static void a_socketpair_has_no_path_and_finds_its_sides(void **state)
{
	struct world_socket a = client(), b = server();

	(void)state;
	a.path = b.path = (struct slice){ 0 };
	a.side = b.side = EV_SIDE_UNKNOWN;
	world_open(&w, a);
	world_open(&w, b);
	exchange();
	assert_string_equal(world_text(&w), "a>a done peer_inferred\n");
	assert_string_equal(w.flows[0].path, "-");
	assert_string_equal(w.flows[0].client, "p11@c1");
	assert_string_equal(w.flows[0].server, "p22@c2");
	assert_int_equal(w.flows[0].seen_by, FLOW_SEEN_CLIENT | FLOW_SEEN_SERVER);
}

static void a_process_that_takes_the_socket_over_is_named(void **state)
{
	struct world_socket worker = server();

	(void)state;
	world_open(&w, client());
	world_open(&w, server());
	worker.pid = 33;
	world_open(&w, worker);
	exchange();
	assert_string_equal(w.flows[0].server, "p33@c2");
}

static void a_path_longer_than_its_record_is_refused(void **state)
{
	struct ev_open ev = { .h = { .size = sizeof(ev), .kind = EV_OPEN, .cookie = 1 },
			      .l4 = EV_UNIX,
			      .path_len = 1 };

	(void)state;
	assert_int_equal(conn_table_event(w.t, &ev.h), -EINVAL);
	ev.path_len = EV_PATH_MAX + 1;
	assert_int_equal(conn_table_event(w.t, &ev.h), -EINVAL);
}

static void datagrams_are_counted_and_not_kept(void **state)
{
	struct ev_open ev = { .h = { .size = sizeof(ev), .kind = EV_OPEN, .cookie = 7 },
			      .l4 = EV_UDP };
	struct ev_data d = { .h = { .size = sizeof(d),
				    .kind = EV_DATA,
				    .flags = EV_DATAGRAM | EV_BEGIN,
				    .cookie = EV_UDP_COOKIE | 7 },
			     .len = 10 };

	(void)state;
	assert_int_equal(conn_table_event(w.t, &ev.h), -EINVAL); /* no cookie of UDP */
	ev.h.cookie = EV_UDP_COOKIE | 7;
	assert_int_equal(conn_table_event(w.t, &ev.h), 0);
	assert_int_equal(conn_table_event(w.t, &d.h), 0);
	assert_int_equal(conn_table_stats(w.t)->datagram_conns, 1);
	assert_int_equal(conn_table_stats(w.t)->conns, 0);
	assert_true(world_told(&w, EV_UDP_COOKIE | 7));
	ev.l4 = EV_TCP;
	assert_int_equal(conn_table_event(w.t, &ev.h), -EINVAL);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(one_end_knows_who_is_at_the_other),
		T(the_servers_end_alone_knows_the_client),
		T(both_ends_give_one_flow),
		T(a_client_that_spoke_before_accept_is_paired),
		T(the_client_may_be_told_of_last),
		T(a_client_that_left_before_accept_is_not_counted_twice),
		T(two_connections_to_one_path_stay_two),
		T(an_abstract_name_is_shown_with_an_at),
		T(a_socketpair_has_no_path_and_finds_its_sides),
		T(a_process_that_takes_the_socket_over_is_named),
		T(a_path_longer_than_its_record_is_refused),
		T(datagrams_are_counted_and_not_kept),
	};

	return cmocka_run_group_tests_name("unix", tests, NULL, NULL);
}
