/* SPDX-License-Identifier: Apache-2.0 */
/* A server that has answered and closed its direction, while something of the request is still to come. */
#include "test.h"

#include "world.h"

#define HEAD "POST /up HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\n"
#define DONE "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"

static struct world w;

/* The server's direction has ended, the client's has not. */
static void begin(uint64_t sent)
{
	static const struct proto *protos[2];

	protos[0] = proto_find("http1");
	world_begin(&w);
	w.named = false;
	w.hooks.protos = protos;
	world_start(&w);
	world_open(&w, world_client(1));
	world_data(&w, 1, EV_WRITE, 0, HEAD "0123456789");
	if (sent > strlen(HEAD) + 10)
		world_data(&w, 1, EV_WRITE, strlen(HEAD) + 20, "0123456789");
	world_data(&w, 1, EV_READ, 0, DONE);
	world_close(&w, 1, EV_END_READ, strlen(DONE), sent);
}

static void a_hole_in_the_request_is_waited_for(void **state)
{
	(void)state;
	begin(strlen(HEAD) + 30);
	world_data(&w, 1, EV_WRITE, strlen(HEAD) + 10, "0123456789");
	assert_string_equal(world_text(&w), "/up>413 done\n");
	assert_int_equal(w.flows[0].req_len, 30);
	assert_int_equal(w.flows[0].flags, 0);
	world_end(&w);
}

static void a_hole_in_the_request_that_stays_is_told(void **state)
{
	(void)state;
	begin(strlen(HEAD) + 30);
	world_wait(&w, SECOND);
	assert_int_equal(w.n, 1);
	assert_int_equal(w.flows[0].state, FLOW_DONE);
	assert_int_equal(w.flows[0].req_len, 30);
	assert_int_equal(w.flows[0].flags, FLOW_AFTER_GAP);
	world_end(&w);
}

static void what_the_client_still_sends_belongs_to_the_same_exchange(void **state)
{
	(void)state;
	begin(strlen(HEAD) + 10);
	world_wait(&w, SECOND);
	world_data(&w, 1, EV_WRITE, strlen(HEAD) + 10, "0123456789");
	world_close(&w, 1, EV_END_ALL, strlen(DONE), strlen(HEAD) + 20);
	world_wait(&w, SECOND);
	assert_int_equal(w.n, 1);
	assert_int_equal(w.flows[0].state, FLOW_RESET);
	assert_int_equal(w.flows[0].req_len, 20);
	assert_string_equal(w.flows[0].answer, "413");
	world_end(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hole_in_the_request_is_waited_for),
		cmocka_unit_test(a_hole_in_the_request_that_stays_is_told),
		cmocka_unit_test(what_the_client_still_sends_belongs_to_the_same_exchange),
	};

	return cmocka_run_group_tests_name("half_end", tests, NULL, NULL);
}
