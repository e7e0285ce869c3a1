/* SPDX-License-Identifier: Apache-2.0 */
/* Two captured ends of one connection, and TLS, where often only one end can be read. */
#include "test.h"

#include "world.h"

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

static const struct conn_stats *stats(void)
{
	return conn_table_stats(w.t);
}

static void expect_both(const struct world_flow *f)
{
	assert_string_equal(f->client, "p11@c1");
	assert_string_equal(f->server, "p22@c2");
	assert_int_equal(f->seen_by, FLOW_SEEN_CLIENT | FLOW_SEEN_SERVER);
	assert_int_equal(f->flags, 0);
}

static void both_ends_give_one_flow(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	world_open(&w, world_server(1));
	world_data(&w, 1, EV_WRITE, 0, "Qa:0\n");
	world_data(&w, 2, EV_READ, 0, "Qa:0\n");
	world_data(&w, 2, EV_WRITE, 0, "Aa:0\n");
	world_data(&w, 1, EV_READ, 0, "Aa:0\n");
	assert_string_equal(world_text(&w), "a>a done\n");
	expect_both(&w.flows[0]);
	assert_true(world_told(&w, 2));
	assert_false(world_told(&w, 1));
	world_close(&w, 1, EV_END_ALL, 5, 5);
	world_close(&w, 2, EV_END_ALL, 5, 5);
	assert_int_equal(stats()->conns, 0);
	assert_int_equal(stats()->unknown_conns, 0);
	assert_int_equal(stats()->flows, 1);
}

/* A server that answers before it reads; and the client's write is reported when it returns, after that. */
static void an_answer_before_its_request_is_judged_by_the_client(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	w.now += 10000000;
	world_open(&w, world_server(1));
	world_data(&w, 2, EV_WRITE, 0, "Aa:0\n");
	world_data(&w, 2, EV_READ, 0, "Qa:0\n");
	world_close(&w, 2, EV_END_READ, 5, 5);
	w.now -= 10000000;
	world_data(&w, 1, EV_WRITE, 0, "Qa:0\n");
	w.now += 10000000;
	world_data(&w, 1, EV_READ, 0, "Aa:0\n");
	world_close(&w, 1, EV_END_ALL, 5, 5);
	world_close(&w, 2, EV_END_ALL, 5, 5);
	assert_string_equal(world_text(&w), "a>a done\n");
	expect_both(&w.flows[0]);
}

/* The client connected to 10.0.0.9:8080, which is translated to the server's 10.0.0.2:80. */
static void ends_between_which_addresses_are_translated_are_linked(void **state)
{
	struct world_socket client = world_client(1), server = world_server(1);

	(void)state;
	client.tcp_link = server.tcp_link = 77;
	client.last_remote_ip = 9;
	client.remote_port = 8080;
	world_open(&w, client);
	world_open(&w, server);
	world_data(&w, 1, EV_WRITE, 0, "Qa:0\n");
	world_data(&w, 2, EV_READ, 0, "Qa:0\n");
	world_data(&w, 2, EV_WRITE, 0, "Aa:0\n");
	world_open(&w, client); /* a thread of another process */
	world_data(&w, 1, EV_READ, 0, "Aa:0\n");
	assert_string_equal(world_text(&w), "a>a done\n");
	expect_both(&w.flows[0]);
	world_close(&w, 1, EV_END_ALL, 5, 5);
	world_close(&w, 2, EV_END_ALL, 5, 5);
	assert_int_equal(stats()->flows, 1);
}

static void mirrored_ends_with_different_links_are_two_connections(void **state)
{
	struct world_socket client = world_client(1), server = world_server(1);

	(void)state;
	client.tcp_link = 77;
	server.tcp_link = 78;
	world_open(&w, client);
	world_open(&w, server);
	world_data(&w, 1, EV_WRITE, 0, "Qa:0\n");
	world_data(&w, 1, EV_READ, 0, "Aa:0\n");
	world_data(&w, 2, EV_READ, 0, "Qb:0\n");
	world_data(&w, 2, EV_WRITE, 0, "Ab:0\n");
	world_close(&w, 1, EV_END_ALL, 5, 5);
	world_close(&w, 2, EV_END_ALL, 5, 5);
	assert_int_equal(stats()->flows, 2);
}

/* What has one link is two ends, no more: a third is somebody else's, however that came. */
static void a_third_end_with_the_same_link_stays_alone(void **state)
{
	struct world_socket a = world_client(1), b = world_server(1), c = world_server(5);

	(void)state;
	a.tcp_link = b.tcp_link = c.tcp_link = 77;
	world_open(&w, a);
	world_open(&w, b);
	world_open(&w, c);
	world_data(&w, 6, EV_READ, 0, "Qz:0\n");
	world_data(&w, 6, EV_WRITE, 0, "Az:0\n");
	world_data(&w, 1, EV_WRITE, 0, "Qa:0\n");
	world_data(&w, 1, EV_READ, 0, "Aa:0\n");
	world_close(&w, 1, EV_END_ALL, 5, 5);
	world_close(&w, 2, EV_END_ALL, 0, 0);
	world_close(&w, 6, EV_END_ALL, 5, 5);
	assert_int_equal(stats()->flows, 2);
	assert_int_equal(stats()->conns, 0);
}

static void server_seen_first_gives_the_same_flow(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	world_open(&w, world_server(1));
	world_data(&w, 2, EV_READ, 0, "Qa:0\n"); /* the client's thread was preempted */
	world_data(&w, 1, EV_WRITE, 0, "Qa:0\n");
	world_data(&w, 2, EV_WRITE, 0, "Aa:0\n");
	world_data(&w, 1, EV_READ, 0, "Aa:0\n");
	world_close(&w, 1, EV_END_ALL, 5, 5);
	assert_string_equal(world_text(&w), "a>a done\n");
	expect_both(&w.flows[0]);
	assert_true(world_told(&w, 1));
}

static void late_accept_fills_in_the_server(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	world_data(&w, 1, EV_WRITE, 0, "Qa:0\n");
	assert_string_equal(w.flows[0].server, "?@c2");
	world_wait(&w, 5 * SECOND);
	world_open(&w, world_server(1));
	world_data(&w, 2, EV_READ, 0, "Qa:0\n");
	world_data(&w, 2, EV_WRITE, 0, "Aa:0\n");
	world_data(&w, 1, EV_READ, 0, "Aa:0\n");
	assert_string_equal(world_text(&w), "a>a done\n");
	expect_both(&w.flows[0]);
}

/* What is known of the other end outlives it. */
static void other_end_stays_known_after_it_went(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	world_open(&w, world_server(1));
	world_data(&w, 1, EV_WRITE, 0, "Qa:0\n");
	world_data(&w, 2, EV_READ, 0, "Qa:0\n");
	world_data(&w, 2, EV_WRITE, 0, "Aa:0\n");
	world_close(&w, 2, EV_END_ALL, 5, 5);
	world_data(&w, 1, EV_READ, 0, "Aa:0\n");
	expect_both(&w.flows[0]);
}

static void accepted_after_the_client_left(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	world_data(&w, 1, EV_WRITE, 0, "Qa:0\n");
	world_close(&w, 1, EV_END_ALL, 0, 5);
	world_open(&w, world_server(1));
	world_data(&w, 2, EV_READ, 0, "Qa:0\n");
	world_data(&w, 2, EV_WRITE, 0, "Aa:0\n");
	world_close(&w, 2, EV_END_ALL, 5, 5);
	assert_int_equal(w.n, 1);
	world_wait(&w, 3 * SECOND);
	assert_int_equal(stats()->conns, 0);
	assert_int_equal(stats()->bytes_held, 0);
}

static void port_used_again_is_another_connection(void **state)
{
	struct world_socket again = world_client(1);

	(void)state;
	again.cookie = 7;
	world_open(&w, world_client(1));
	world_open(&w, world_server(1));
	world_data(&w, 1, EV_WRITE, 0, "Qa:0\n");
	world_data(&w, 2, EV_READ, 0, "Qa:0\n");
	world_data(&w, 2, EV_WRITE, 0, "Aa:0\n");
	world_data(&w, 1, EV_READ, 0, "Aa:0\nA");
	world_close(&w, 1, EV_END_ALL, 6, 5); /* the server has not noticed */
	again.pid = 99;
	world_open(&w, again);
	world_data(&w, 7, EV_WRITE, 0, "Qb:0\n");
	assert_string_equal(w.flows[1].client, "p99@c1");
	assert_string_equal(w.flows[1].server, "?@c2");
	assert_string_equal(w.flows[1].request, "b");
	again = world_server(1);
	again.cookie = 8;
	again.pid = 33;
	world_open(&w, again);
	world_data(&w, 8, EV_READ, 0, "Qb:0\n");
	world_data(&w, 8, EV_WRITE, 0, "Ab:0\n");
	world_data(&w, 7, EV_READ, 0, "Ab:0\n");
	assert_int_equal(w.n, 2);
	assert_string_equal(w.flows[1].server, "p33@c2");
	assert_string_equal(w.flows[1].answer, "b");
}

/* The close of an old server's socket was lost: it read bytes long before this client existed. */
static void forgotten_socket_is_no_end_of_a_new_connection(void **state)
{
	struct world_socket s = world_client(1);

	(void)state;
	world_open(&w, world_server(1));
	world_data(&w, 2, EV_READ, 0, "Qa:0\n");
	world_wait(&w, 2 * SECOND);
	world_open(&w, s);
	world_data(&w, 1, EV_WRITE, 0, "Qb:0\n");
	assert_int_equal(w.n, 2);
	assert_string_equal(w.flows[1].server, "?@c2");
}

static void two_networks_may_have_the_same_loopback_addresses(void **state)
{
	struct world_socket c = world_client(1), s = world_server(1);

	(void)state;
	c.last_ip = c.last_remote_ip = s.last_ip = s.last_remote_ip = 0;
	world_open(&w, c);
	world_open(&w, s); /* in another network namespace */
	world_data(&w, 1, EV_WRITE, 0, "Qa:0\n");
	world_data(&w, 2, EV_READ, 0, "Qb:0\n");
	assert_int_equal(w.n, 2);
	s.cookie = 3;
	s.netns = c.netns;
	world_open(&w, s);
	world_data(&w, 3, EV_READ, 0, "Qa:0\n");
	assert_int_equal(w.n, 2);
	world_data(&w, 1, EV_READ, 0, "Aa:0\n");
	assert_string_equal(w.flows[0].server, "p22@?");
}

static void a_process_may_talk_to_itself(void **state)
{
	struct world_socket c = world_client(1), s = world_server(1);

	(void)state;
	s.pid = c.pid;
	s.last_ip = s.last_remote_ip = c.last_ip = c.last_remote_ip = 1;
	s.netns = c.netns;
	world_open(&w, c);
	world_open(&w, s);
	world_data(&w, 1, EV_WRITE, 0, "Qa:0\n");
	world_data(&w, 2, EV_READ, 0, "Qa:0\n");
	world_data(&w, 2, EV_WRITE, 0, "Aa:0\n");
	world_data(&w, 1, EV_READ, 0, "Aa:0\n");
	assert_string_equal(world_text(&w), "a>a done\n");
	assert_string_equal(w.flows[0].client, "p11@c1");
	assert_string_equal(w.flows[0].server, "p11@c1");
	assert_int_equal(w.flows[0].seen_by, FLOW_SEEN_CLIENT | FLOW_SEEN_SERVER);
}

/* One socket that was connected to its own port reads what it writes (RFC 9293, 3.5). */
static void a_socket_may_talk_to_itself(void **state)
{
	struct world_socket c = world_client(1);

	(void)state;
	c.last_remote_ip = c.last_ip;
	c.remote_port = c.port;
	world_open(&w, c);
	world_data(&w, 1, EV_WRITE, 0, "Qa:0\n");
	world_data(&w, 1, EV_READ, 0, "Qa:0\n");
	world_wait(&w, SECOND);
	world_close(&w, 1, EV_END_ALL, 5, 5);
	assert_string_equal(world_text(&w), "a>- unanswered after_gap peer_inferred\n");
	assert_int_equal(stats()->conns, 0);
}

static void side_of_one_end_tells_that_of_the_other(void **state)
{
	struct world_socket c = world_client(1), s = world_server(1);

	(void)state;
	c.side = EV_SIDE_UNKNOWN;
	c.flags = s.flags = EV_LATE;
	world_open(&w, c);
	world_open(&w, s);
	world_data(&w, 1, EV_WRITE, 100, "Qa:0\n");
	world_data(&w, 1, EV_READ, 100, "Aa:0\n");
	assert_int_equal(w.flows[0].flags, FLOW_MIDSTREAM);
	assert_string_equal(w.flows[0].client, "p11@c1");
}

static void an_unknown_connection_of_two_ends_is_counted_once(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	world_open(&w, world_server(1));
	world_data(&w, 1, EV_WRITE, 0, "what");
	world_data(&w, 2, EV_READ, 0, "what");
	world_close(&w, 1, EV_END_ALL, 0, 4);
	world_close(&w, 2, EV_END_ALL, 4, 0);
	assert_int_equal(stats()->unknown_conns, 1);
}

/* --- TLS --- */

/* Hellos as short as they may be: name "api", protocols "line/1" and "h2"; TLS 1.3 chosen.  What follows them is
 * encrypted. */
#define ZERO32 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
static const struct slice client_hello = SLICE_LIT(
	"\x16\x03\x01\x00\x50\x01\x00\x00\x4c\x03\x03" ZERO32 "\x00\x00\x02\x13\x01\x01\x00"
	"\x00\x21\x00\x00\x00\x08\x00\x06\x00\x00\x03"
	"api\x00\x10\x00\x0c\x00\x0a\x06line/1\x02h2\x00\x2b\x00\x01\x00\x17\x03\x03\x00\x35");
static const struct slice server_hello =
	SLICE_LIT("\x16\x03\x03\x00\x32\x02\x00\x00\x2e\x03\x03" ZERO32 "\x00\x13\x01\x00"
		  "\x00\x06\x00\x2b\x00\x02\x03\x04\x17\x03\x03\x02\x00");

static void hello(uint64_t client, uint64_t server)
{
	struct slice c = client_hello, s = server_hello;

	if (client)
		world_bytes(&w, client, EV_WRITE, 0, c, (uint32_t)c.n, 0);
	if (server)
		world_bytes(&w, server, EV_READ, 0, c, (uint32_t)c.n, 0);
	if (server)
		world_bytes(&w, server, EV_WRITE, 0, s, (uint32_t)s.n, 0);
	if (client)
		world_bytes(&w, client, EV_READ, 0, s, (uint32_t)s.n, 0);
}

static void plaintext_is_shown_and_ciphertext_never(void **state)
{
	const struct world_flow *f = &w.flows[0];

	(void)state;
	world_open(&w, world_client(1));
	hello(1, 0);
	assert_int_equal(stats()->undecrypted_now, 1);
	assert_true(world_told(&w, 1));
	world_plain(&w, 1, EV_WRITE, 0, "Qa:0\n");
	assert_int_equal(stats()->undecrypted_now, 0);
	world_data(&w, 1, EV_WRITE, client_hello.n, "Qb:0\n"); /* ciphertext, as it happens */
	world_plain(&w, 1, EV_READ, 0, "Aa:0\n");
	assert_string_equal(world_text(&w), "a>a done peer_inferred\n");
	assert_true(f->tls);
	assert_string_equal(f->library, "openssl");
	assert_string_equal(f->sni, "api");
	assert_string_equal(f->alpn, "line/1"); /* offered, and it is what is spoken */
	assert_string_equal(f->protocol, "TLS 1.3");
	world_close_tls(&w, 1, server_hello.n, client_hello.n + 5, 5, 5);
	assert_int_equal(stats()->undecrypted_conns, 0);
	assert_int_equal(stats()->unknown_conns, 0);
	assert_int_equal(stats()->conns, 0);
	assert_int_equal(stats()->tls_bytes, 10);
}

static void tls_without_plaintext_is_counted(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	world_open(&w, world_server(1));
	hello(1, 2);
	assert_int_equal(stats()->undecrypted_now, 1);
	world_close(&w, 1, EV_END_ALL, 500, 500);
	world_wait(&w, SECOND);
	world_close(&w, 2, EV_END_ALL, 500, 500);
	world_wait(&w, SECOND);
	assert_int_equal(stats()->undecrypted_conns, 1);
	assert_int_equal(stats()->undecrypted_now, 0);
	assert_int_equal(stats()->gap_bytes, 0);
	assert_string_equal(world_text(&w), "api>unknown done\n");
}

static void hello_may_come_in_pieces(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	for (size_t i = 0; i < client_hello.n; i++)
		world_bytes(&w, 1, EV_WRITE, i, slice_cut(client_hello, i, i + 1), 1, 0);
	world_plain(&w, 1, EV_WRITE, 0, "Qa:0\n");
	assert_string_equal(w.flows[0].sni, "api");
	assert_string_equal(w.flows[0].protocol, ""); /* no ServerHello yet */
}

static void joined_inside_a_tls_connection(void **state)
{
	struct world_socket s = world_client(1);

	(void)state;
	s.flags = EV_LATE;
	world_open(&w, s);
	world_data(&w, 1, EV_READ, 700, "\x17\x03\x03\x01");
	world_data(&w, 1, EV_READ, 704, "\x07xxx");
	assert_int_equal(stats()->undecrypted_now, 1);
	world_plain(&w, 1, EV_READ, 0, "xxx\nAz:0\n"); /* and its probe too */
	world_plain(&w, 1, EV_WRITE, 0, "Qa:0\n");
	world_plain(&w, 1, EV_READ, 9, "Aa:0\n");
	assert_string_equal(world_text(&w),
			    "->z done midstream peer_inferred no_request\n"
			    "a>a done midstream peer_inferred\n");
	assert_int_equal(stats()->undecrypted_now, 0);
}

static void the_end_with_plaintext_is_decoded(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	world_open(&w, world_server(1));
	hello(1, 2);
	assert_int_equal(stats()->undecrypted_now, 1);
	world_plain(&w, 2, EV_READ, 0, "Qa:0\n");
	assert_int_equal(stats()->undecrypted_now, 0);
	world_plain(&w, 2, EV_WRITE, 0, "Aa:0\n");
	assert_string_equal(world_text(&w), "a>a done\n");
	expect_both(&w.flows[0]);
	assert_string_equal(w.flows[0].sni, "api");
	world_close(&w, 1, EV_END_ALL, 500, 500);
	world_close_tls(&w, 2, 500, 500, 5, 5);
	world_wait(&w, SECOND);
	assert_int_equal(stats()->undecrypted_conns, 0);
}

static void both_plaintexts_give_one_flow(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	world_open(&w, world_server(1));
	hello(1, 2);
	world_plain(&w, 1, EV_WRITE, 0, "Qa:0\n");
	world_plain(&w, 2, EV_READ, 0, "Qa:0\n");
	world_plain(&w, 2, EV_WRITE, 0, "Aa:0\n");
	world_plain(&w, 1, EV_READ, 0, "Aa:0\n");
	assert_string_equal(world_text(&w), "a>a done\n");
	assert_true(w.flows[0].tls);
}

/* Plain at first, encrypted later, as with STARTTLS: the lender is the one that can be read. */
static void an_end_that_gets_plaintext_later_takes_over(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	world_open(&w, world_server(1));
	world_data(&w, 1, EV_WRITE, 0, "Sa\n");
	world_data(&w, 2, EV_READ, 0, "Sa\n");
	world_data(&w, 2, EV_WRITE, 0, "Ua\n");
	world_data(&w, 1, EV_READ, 0, "Ua\n");
	assert_string_equal(world_text(&w), "a>a done\n");
	world_plain(&w, 2, EV_READ, 0, "Qb:0\n");
	world_plain(&w, 2, EV_WRITE, 0, "Ab:0\n");
	world_plain(&w, 1, EV_WRITE, 0, "Qb:0\n");
	world_plain(&w, 1, EV_READ, 0, "Ab:0\n");
	assert_string_equal(world_text(&w), "a>a done\nb>b done\n");
	expect_both(&w.flows[1]);
	assert_true(w.flows[1].tls);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_answer_before_its_request_is_judged_by_the_client),
		T(both_ends_give_one_flow),
		T(ends_between_which_addresses_are_translated_are_linked),
		T(mirrored_ends_with_different_links_are_two_connections),
		T(a_third_end_with_the_same_link_stays_alone),
		T(server_seen_first_gives_the_same_flow),
		T(late_accept_fills_in_the_server),
		T(other_end_stays_known_after_it_went),
		T(accepted_after_the_client_left),
		T(port_used_again_is_another_connection),
		T(forgotten_socket_is_no_end_of_a_new_connection),
		T(two_networks_may_have_the_same_loopback_addresses),
		T(a_process_may_talk_to_itself),
		T(a_socket_may_talk_to_itself),
		T(side_of_one_end_tells_that_of_the_other),
		T(an_unknown_connection_of_two_ends_is_counted_once),
		T(plaintext_is_shown_and_ciphertext_never),
		T(tls_without_plaintext_is_counted),
		T(hello_may_come_in_pieces),
		T(joined_inside_a_tls_connection),
		T(the_end_with_plaintext_is_decoded),
		T(both_plaintexts_give_one_flow),
		T(an_end_that_gets_plaintext_later_takes_over),
	};

	return cmocka_run_group_tests_name("pair", tests, NULL, NULL);
}
