/* SPDX-License-Identifier: Apache-2.0 */
/* TLS that nobody reads: its row, and what a process is said to have moved. */
#include "test.h"
#include "world.h"

/* Hellos as short as they may be, in TLS 1.3, and the head of what is encrypted behind them. */
#define ZERO32 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
static const struct slice client_hello = SLICE_LIT(
	"\x16\x03\x01\x00\x50\x01\x00\x00\x4c\x03\x03" ZERO32 "\x00\x00\x02\x13\x01\x01\x00"
	"\x00\x21\x00\x00\x00\x08\x00\x06\x00\x00\x03"
	"api\x00\x10\x00\x0c\x00\x0a\x06line/1\x02h2\x00\x2b\x00\x01\x00");
static const struct slice server_hello =
	SLICE_LIT("\x16\x03\x03\x00\x32\x02\x00\x00\x2e\x03\x03" ZERO32 "\x00\x13\x01\x00"
		  "\x00\x06\x00\x2b\x00\x02\x03\x04\x17\x03\x03\x02\x00");
static const struct slice finished = SLICE_LIT("\x17\x03\x03\x00\x35");
#define CLIENT_SAID (client_hello.n + finished.n) /* in the clear, and 53 bytes more */

static struct world w;
static enum tls_reason process; /* of every process */
static unsigned asked;
static uint64_t wire, plain, conns, uses;

static enum tls_reason on_why(void *ctx, uint32_t pid)
{
	(void)ctx;
	return pid ? process : TLS_WHY_UNKNOWN;
}

static void on_totals(void *ctx, uint64_t cookie)
{
	(void)ctx;
	asked += cookie != 0;
}

static void on_use(void *ctx, const struct conn_use *u)
{
	(void)ctx;
	uses++;
	wire += u->wire;
	plain += u->plain;
	conns += u->tls_conns;
}

static int begin(void **state)
{
	(void)state;
	world_begin(&w);
	w.hooks.tls_why = on_why;
	w.hooks.totals = on_totals;
	w.hooks.use = on_use;
	process = TLS_WHY_NO_LIBRARY;
	asked = 0;
	wire = plain = conns = uses = 0;
	world_start(&w);
	return 0;
}

static int end(void **state)
{
	(void)state;
	world_end(&w);
	return 0;
}

static const struct conn_stats *stats(void)
{
	return conn_table_stats(w.t);
}

static void one_end(uint64_t c, bool client)
{
	enum ev_dir asks = client ? EV_WRITE : EV_READ;

	world_open(&w, client ? world_client(c) : world_server(c - 1));
	world_bytes(&w, c, asks, 0, client_hello, (uint32_t)client_hello.n, 0);
	world_bytes(&w, c, !asks, 0, server_hello, (uint32_t)server_hello.n, 0);
	world_bytes(&w, c, asks, client_hello.n, finished, (uint32_t)finished.n, 0);
}

/* The kernel's answer to on_totals, or the end. */
static void moved(uint64_t c, uint32_t how, uint64_t read, uint64_t written)
{
	world_close(&w, c, how, read, written);
}

static void a_row_is_there_after_a_second_and_says_how_much_moved(void **state)
{
	const struct world_flow *f = &w.flows[0];

	(void)state;
	one_end(1, true);
	world_wait(&w, SECOND / 2);
	assert_int_equal(w.n, 0);
	world_wait(&w, 2 * SECOND);
	assert_int_equal(w.n, 1);
	assert_int_equal(f->state, FLOW_OPEN);
	assert_string_equal(f->proto, "tls");
	assert_string_equal(f->request, "api");
	assert_string_equal(f->answer, "no-library");
	assert_string_equal(f->protocol, "TLS 1.3");
	assert_string_equal(f->library, "");
	assert_true(asked > 0);
	moved(1, 0, 5000, 700);
	world_wait(&w, 2 * SECOND);
	assert_int_equal(f->req_len, 700);
	assert_int_equal(f->resp_len, 5000);
	assert_int_equal(f->writes, 2);
	world_wait(&w, 60 * SECOND);
	assert_int_equal(f->writes, 2); /* nothing moved */
	assert_true(asked < 12);	/* and so it is asked less and less */
	moved(1, EV_END_ALL, 6000, 800);
	world_wait(&w, SECOND);
	assert_int_equal(w.n, 1);
	assert_int_equal(f->state, FLOW_DONE);
	assert_int_equal(f->req_len, 800);
	assert_int_equal(f->resp_len, 6000);
	assert_int_equal(f->writes, 3);
	assert_int_equal(stats()->undecrypted_conns, 1);
	assert_int_equal(stats()->gap_bytes, 0);
	assert_int_equal(stats()->conns, 0);
}

static void two_ends_are_one_row(void **state)
{
	(void)state;
	one_end(2, false);
	one_end(1, true);
	world_wait(&w, 3 * SECOND);
	moved(2, 0, 700, 5000);
	world_wait(&w, 2 * SECOND);
	moved(2, EV_END_ALL, 700, 5000);
	moved(1, EV_END_ALL, 5000, 700);
	world_wait(&w, 3 * SECOND);
	assert_string_equal(world_text(&w), "api>no-library done\n");
	assert_int_equal(w.flows[0].req_len, 700);
	assert_int_equal(w.flows[0].seen_by, FLOW_SEEN_CLIENT | FLOW_SEEN_SERVER);
	assert_int_equal(stats()->undecrypted_conns, 1);
	one_end(12, false); /* and when they are short */
	one_end(11, true);
	moved(12, EV_END_ALL, 200, 500);
	moved(11, EV_END_ALL, 500, 200);
	world_wait(&w, 3 * SECOND);
	assert_int_equal(w.n, 2);
	assert_int_equal(stats()->undecrypted_conns, 2);
}

static void a_process_that_is_read_has_time(void **state)
{
	(void)state;
	process = TLS_WHY_READ;
	one_end(1, true);
	moved(1, 0, 900, CLIENT_SAID + 53);
	world_wait(&w, 20 * SECOND); /* an idle one of a pool */
	assert_int_equal(w.n, 0);
	world_plain(&w, 1, EV_WRITE, 0, "Qa:0\n");
	world_plain(&w, 1, EV_READ, 0, "Aa:0\n");
	world_wait(&w, 5 * SECOND);
	assert_string_equal(world_text(&w), "a>a done peer_inferred\n");
	assert_string_equal(w.flows[0].sni, "api");
	world_close_tls(&w, 1, 2000, 300, 5, 5);
	world_wait(&w, SECOND);
	assert_int_equal(w.n, 1);
	assert_int_equal(stats()->undecrypted_conns, 0);
	assert_int_equal(plain, 10);
	assert_int_equal(wire, 2300);
	assert_int_equal(conns, 1);
}

static void a_request_that_the_probe_did_not_see_is_no_secret(void **state)
{
	(void)state;
	process = TLS_WHY_READ;
	one_end(1, true);
	moved(1, 0, 900, CLIENT_SAID + 53 + 5 + 18 + 17);
	world_wait(&w, 3 * SECOND);
	assert_string_equal(world_text(&w), "api>socket-unknown open peer_inferred\n");
	one_end(11, true);
	moved(11, EV_END_ALL, 900, CLIENT_SAID + 53 + 24); /* and close_notify */
	world_wait(&w, SECOND);
	assert_int_equal(w.n, 2);
	assert_string_equal(w.flows[1].answer, "no-data");
}

/* One call that sends megabytes is told by its probe when it ends, which on a slow network is much later. */
static void a_long_write_is_not_unread(void **state)
{
	uint64_t sent = CLIENT_SAID + 53;

	(void)state;
	process = TLS_WHY_READ;
	one_end(1, true);
	world_wait(&w, 9 * SECOND); /* asked rarely by now */
	for (int i = 0; i < 24; i++) {
		moved(1, 0, 900, sent += 200000);
		world_wait(&w, SECOND / 2);
	}
	assert_int_equal(w.n, 0);
	world_plain(&w, 1, EV_WRITE, 0, "Qa:0\n");
	world_plain(&w, 1, EV_READ, 0, "Aa:0\n");
	world_wait(&w, 5 * SECOND);
	assert_string_equal(world_text(&w), "a>a done peer_inferred\n");
	one_end(11, true); /* it does not hide by talking on and on */
	for (int i = 0; i < 70; i++) {
		moved(11, 0, 900, sent += 200000);
		world_wait(&w, SECOND / 2);
	}
	assert_int_equal(w.n, 2);
	assert_string_equal(w.flows[1].answer, "socket-unknown");
}

static void a_broken_handshake_says_who_and_why(void **state)
{
	const struct world_flow *f = &w.flows[0];

	(void)state;
	process = TLS_WHY_READ;
	world_open(&w, world_client(1));
	world_bytes(&w, 1, EV_WRITE, 0, client_hello, (uint32_t)client_hello.n, 0);
	world_bytes(&w, 1, EV_READ, 0, SLICE_LIT("\x15\x03\x03\x00\x02\x02\x70"), 7, 0);
	moved(1, EV_END_ALL, 7, client_hello.n);
	world_wait(&w, SECOND);
	assert_int_equal(w.n, 1);
	assert_string_equal(f->answer, "unrecognized_name");
	assert_string_equal(f->request, "api");
	assert_int_equal(f->state, FLOW_DONE);
	/* Nobody answered at all. */
	world_open(&w, world_client(11));
	world_bytes(&w, 11, EV_WRITE, 0, client_hello, (uint32_t)client_hello.n, 0);
	moved(11, EV_END_ALL, 0, client_hello.n);
	world_wait(&w, SECOND);
	assert_int_equal(w.flows[1].state, FLOW_UNANSWERED);
}

static void plaintext_that_comes_late_ends_the_row(void **state)
{
	(void)state;
	one_end(1, true);
	world_wait(&w, 3 * SECOND);
	assert_string_equal(world_text(&w), "api>no-library open peer_inferred\n");
	world_plain(&w, 1, EV_WRITE, 0, "Qa:0\n");
	world_plain(&w, 1, EV_READ, 0, "Aa:0\n");
	world_wait(&w, 3 * SECOND);
	world_close_tls(&w, 1, 2000, 300, 5, 5);
	assert_string_equal(world_text(&w), "api>read-later done peer_inferred\na>a done peer_inferred\n");
	assert_int_equal(stats()->undecrypted_conns, 0);
}

static void plaintext_of_the_other_end_ends_the_row(void **state)
{
	(void)state;
	one_end(1, true);
	one_end(2, false);
	world_wait(&w, 3 * SECOND);
	world_plain(&w, 2, EV_READ, 0, "Qa:0\n");
	world_plain(&w, 2, EV_WRITE, 0, "Aa:0\n");
	world_wait(&w, 3 * SECOND);
	world_close(&w, 1, EV_END_ALL, 2000, 300);
	world_close_tls(&w, 2, 300, 2000, 5, 5);
	world_wait(&w, 3 * SECOND);
	assert_string_equal(world_text(&w), "api>read-later done\na>a done\n");
	assert_int_equal(stats()->undecrypted_conns, 0);
}

static void plaintext_without_a_message_is_a_conversation_and_no_tls_row(void **state)
{
	(void)state;
	one_end(1, true);
	one_end(2, false);
	world_plain(&w, 2, EV_READ, 0, "what is this?");
	world_close_tls(&w, 2, 300, 2000, 13, 0);
	world_wait(&w, 3 * SECOND);
	moved(1, EV_END_ALL, 2000, 300);
	world_wait(&w, 3 * SECOND);
	assert_string_equal(world_text(&w), "api>unknown done\n");
	assert_string_equal(w.flows[0].proto, "tcp");
	assert_true(w.flows[0].tls);
	assert_int_equal(w.flows[0].req_len, 13);
}

static void one_from_before_says_so(void **state)
{
	struct world_socket s = world_client(1);

	(void)state;
	process = TLS_WHY_READ;
	s.flags = EV_LATE;
	world_open(&w, s);
	world_data(&w, 1, EV_READ, 700, "\x17\x03\x03\x01\x07xxx");
	moved(1, EV_END_ALL, 2000, 0);
	world_wait(&w, 3 * SECOND);
	assert_int_equal(w.n, 1);
	assert_string_equal(w.flows[0].request, "10.0.0.2:80");
	assert_string_equal(w.flows[0].answer, "before-capture");
	assert_int_equal(w.flows[0].resp_len, 1300);
}

static void a_short_connection_waits_for_its_reason(void **state)
{
	(void)state;
	process = TLS_WHY_UNKNOWN;
	one_end(1, true);
	moved(1, EV_END_ALL, 900, CLIENT_SAID + 500);
	assert_int_equal(w.n, 0);
	process = TLS_WHY_JAVA;
	world_wait(&w, SECOND);
	assert_string_equal(world_text(&w), "api>java-tls done peer_inferred\n");
	process = TLS_WHY_UNKNOWN; /* and does not wait for ever */
	one_end(11, true);
	moved(11, EV_END_ALL, 900, CLIENT_SAID + 500);
	world_wait(&w, SECOND);
	assert_int_equal(w.n, 2);
}

static void without_tls_a_process_only_has_a_socket(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	world_data(&w, 1, EV_WRITE, 0, "Qa:0\n");
	world_data(&w, 1, EV_READ, 0, "Aa:0\n");
	world_wait(&w, 3 * SECOND);
	world_close(&w, 1, EV_END_ALL, 5, 5);
	assert_int_equal(uses, 1);
	assert_int_equal(wire + plain + conns, 0);
	assert_int_equal(asked, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
		T(a_row_is_there_after_a_second_and_says_how_much_moved),
		T(two_ends_are_one_row),
		T(a_process_that_is_read_has_time),
		T(a_request_that_the_probe_did_not_see_is_no_secret),
		T(a_long_write_is_not_unread),
		T(a_broken_handshake_says_who_and_why),
		T(plaintext_that_comes_late_ends_the_row),
		T(plaintext_of_the_other_end_ends_the_row),
		T(plaintext_without_a_message_is_a_conversation_and_no_tls_row),
		T(one_from_before_says_so),
		T(a_short_connection_waits_for_its_reason),
		T(without_tls_a_process_only_has_a_socket),
#undef T
	};

	return cmocka_run_group_tests_name("unread", tests, NULL, NULL);
}
