/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that the kernel side had to forget, and met again: their positions begin at 0, in the middle. */
#include "test.h"

#include "world.h"

#define REQUEST "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
#define ANSWER	"HTTP/1.1 204 No Content\r\n\r\n"
#define SENT	28u
#define GOT	27u

static struct world w;

static void verdict(void *ctx, uint64_t cookie, enum ev_verdict v)
{
	(void)ctx;
	(void)v;
	if (w.verdicts < 64)
		w.verdict_cookie[w.verdicts++] = cookie;
}

static void begin(struct world_socket s)
{
	static const struct proto *protos[2];

	protos[0] = proto_find("http1");
	world_begin(&w);
	w.hooks.protos = protos;
	w.hooks.verdict = verdict;
	world_start(&w);
	s.flags = EV_ANEW;
	world_open(&w, s);
}

static void exchange(uint64_t written, uint64_t read)
{
	world_data(&w, 1, EV_WRITE, written, REQUEST);
	world_data(&w, 1, EV_READ, read, ANSWER);
}

static void again(struct world_socket s, uint64_t written, uint64_t read)
{
	s.flags = EV_ANEW | EV_LATE;
	s.base[EV_WRITE] = written;
	s.base[EV_READ] = read;
	world_open(&w, s);
}

static unsigned flags(size_t i)
{
	return w.flows[i].flags & ~(unsigned)FLOW_PEER_INFERRED;
}

static void tcp_goes_on_where_it_was(void **state)
{
	(void)state;
	begin(world_client(1));
	exchange(0, 0);
	again(world_client(1), SENT, GOT);
	exchange(0, 0);
	world_data(&w, 1, EV_WRITE, SENT, "GET /half HTTP");
	again(world_client(1), 2 * SENT + 14, 2 * GOT);
	world_data(&w, 1, EV_WRITE, 0, "/1.1\r\nHost: x\r\n\r\n");
	world_data(&w, 1, EV_READ, 0, ANSWER);
	world_close(&w, 1, EV_END_ALL, GOT, 17);
	assert_int_equal(w.n, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(w.flows[i].state, FLOW_DONE);
		assert_int_equal(flags(i), 0);
	}
	assert_string_equal(w.flows[2].request, "/half");
	assert_int_equal(conn_table_stats(w.t)->gap_bytes, 0);
	assert_int_equal(conn_table_stats(w.t)->forgotten_conns, 2);
	world_end(&w);
}

static void what_moved_while_it_was_forgotten_is_a_gap(void **state)
{
	(void)state;
	begin(world_client(1));
	exchange(0, 0);
	again(world_client(1), SENT, GOT + 100);
	exchange(0, 0);
	world_wait(&w, SECOND);
	assert_int_equal(conn_table_stats(w.t)->gap_bytes, 100);
	assert_int_equal(conn_table_stats(w.t)->missing[EV_WHY_NONE], 100);
	world_end(&w);
}

static void that_it_is_said_twice_changes_nothing(void **state)
{
	struct world_socket s = world_client(1);

	(void)state;
	begin(s);
	exchange(0, 0);
	s.flags = EV_ANEW;
	world_open(&w, s);
	exchange(SENT, GOT);
	assert_int_equal(w.n, 2);
	assert_int_equal(conn_table_stats(w.t)->forgotten_conns, 0);
	world_end(&w);
}

static void plaintext_begins_anew(void **state)
{
	(void)state;
	begin(world_client(1));
	world_plain(&w, 1, EV_WRITE, 0, REQUEST);
	world_plain(&w, 1, EV_READ, 0, ANSWER);
	again(world_client(1), 100, 100);
	world_plain(&w, 1, EV_WRITE, 0, "GET /b HTTP/1.1\r\nHost: x\r\n\r\n");
	world_plain(&w, 1, EV_READ, 0, ANSWER);
	world_wait(&w, SECOND);
	assert_int_equal(w.n, 2);
	assert_string_equal(w.flows[1].request, "/b");
	assert_int_equal(w.flows[1].state, FLOW_DONE);
	assert_true(w.flows[1].tls);
	world_end(&w);
}

static void so_does_a_unix_socket(void **state)
{
	struct world_socket s = world_client(1);

	(void)state;
	s.l4 = EV_UNIX;
	begin(s);
	exchange(0, 0);
	again(s, 0, 0);
	exchange(0, 0);
	world_wait(&w, SECOND);
	assert_int_equal(w.n, 2);
	assert_int_equal(w.flows[1].state, FLOW_DONE);
	assert_int_equal(conn_table_stats(w.t)->forgotten_conns, 1);
	world_end(&w);
}

static void what_is_not_to_be_copied_is_said_again(void **state)
{
	static const uint8_t noise[9000] = { 0xfe };

	(void)state;
	begin(world_client(1));
	for (uint64_t off = 0; off < 3 * sizeof(noise); off += sizeof(noise))
		for (unsigned dir = 0; dir < 2; dir++)
			world_bytes(&w, 1, (enum ev_dir)dir, off, (struct slice){ noise, sizeof(noise) },
				    sizeof(noise), 0);
	assert_int_equal(w.verdicts, 1);
	again(world_client(1), 27000, 27000);
	assert_int_equal(w.verdicts, 2);
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_goes_on_where_it_was),
		cmocka_unit_test(what_moved_while_it_was_forgotten_is_a_gap),
		cmocka_unit_test(that_it_is_said_twice_changes_nothing),
		cmocka_unit_test(plaintext_begins_anew),
		cmocka_unit_test(so_does_a_unix_socket),
		cmocka_unit_test(what_is_not_to_be_copied_is_said_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
