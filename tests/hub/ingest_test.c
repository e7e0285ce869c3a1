/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent_hub.h"
#include "web.h"

#define ID  "0123456789abcdef0123456789abcdef"
#define SEC 1000000000ull

static const struct collector_stats *stats(struct agent *a)
{
	return collector_stats(a->sink);
}

static void everything_an_agent_says_arrives(void **state)
{
	uint8_t addrs[1][16] = { { [10] = 0xff, [11] = 0xff, [12] = 172, [15] = 9 } };
	struct collector_container c = { .id = "abc",
					 .name = "web",
					 .image = "nginx",
					 .addrs = addrs,
					 .naddrs = 1,
					 .captured = true };
	struct collector_fact fact = { "docker", "docker 28.2 answers", "", 0 };
	struct collector_counter counter = { "gaps", 77 };
	char *names[] = { (char *)(uintptr_t) "web", (char *)(uintptr_t) "api" };
	char *ends[] = { (char *)(uintptr_t) "not port 22" };
	Limpid__V1__Settings s = LIMPID__V1__SETTINGS__INIT;
	struct hub *h = hub_new(NULL);
	struct agent a;

	(void)state;
	h->commit = true;
	agent_open(&a, ID, NULL, 1 << 20);
	collector_runtime(a.sink, "docker 28.2");
	collector_containers(a.sink, &c, 1);
	collector_health(a.sink, &fact, 1, &counter, 1, NULL);
	s.mode = 1;
	s.names = names;
	s.n_names = 2;
	s.body_limit = 1 << 30;
	s.conn_budget = 1ull << 33;
	s.ends = ends;
	s.n_ends = 1;
	assert_int_equal(ingest_settings(h->in, &s), 0);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(write_flow(&a, i, 100), 0);
	STEP_UNTIL(&a, h, h->batches == 1 && a.settings == 1 && h->health && stats(&a)->acked == 1);
	assert_string_equal(h->agent, ID " host 0.1 6.1");
	assert_string_equal(h->first_container, "web nginx 1 9");
	assert_string_equal(h->runtime, "docker 28.2");
	assert_string_equal(h->fact, "docker 0 docker 28.2 answers");
	assert_int_equal(h->counter, 77);
	assert_string_equal(a.names, "web,api,");
	assert_int_equal(a.last.mode, 1);
	assert_int_equal(a.last.body_limit, 1 << 30);
	assert_int_equal(a.last.conn_budget, 1ull << 33);
	assert_int_equal(a.last.nends, 1);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(h->durable[i], 1);
	assert_int_equal(h->bytes, 1000);
	assert_int_equal(ingest_stats(h->in)->flows, 10);
	assert_int_equal(ingest_stats(h->in)->agents, 1);
	assert_true(stats(&a)->connected);
	assert_int_equal(stats(&a)->queue_bytes, 0);
	/* Changed settings reach an agent that is there. */
	s.paused = 1;
	assert_int_equal(ingest_settings(h->in, &s), 0);
	STEP_UNTIL(&a, h, a.settings == 2);
	assert_true(a.last.paused);
	agent_close(&a);
	STEP_UNTIL(NULL, h, h->gones == 1);
	assert_int_equal(ingest_stats(h->in)->agents, 0);
	hub_free(h);
}

/* The hub is killed at random moments and loses what it has not committed; no flow is lost. */
static void no_flow_is_lost_when_the_hub_is_killed(void **state)
{
	enum { FLOWS = 20000 };
	struct hub *h = hub_new(NULL);
	unsigned written = 0, kills = 0, n = 0;
	struct agent a;

	(void)state;
	srand(7);
	agent_open(&a, ID, NULL, 64 << 20);
	while (written < FLOWS) {
		for (int i = rand() % 400; i > 0 && written < FLOWS; i--)
			assert_int_equal(write_flow(&a, written++, (size_t)(rand() % 2000)), 0);
		for (int i = rand() % 5; i > 0; i--)
			both_step(&a, h);
		if (rand() % 4 == 0 && h->in)
			hub_commit(h);
		if (rand() % 12 == 0) {
			if (h->in) {
				hub_kill(h);
				kills++;
			} else {
				hub_open(h, NULL);
			}
		}
	}
	if (!h->in)
		hub_open(h, NULL);
	h->commit = true;
	STEP_UNTIL(&a, h, stats(&a)->acked == stats(&a)->batches && stats(&a)->queue_bytes == 0);
	for (unsigned i = 0; i < FLOWS; i++)
		n += h->durable[i];
	assert_int_equal(n, FLOWS);
	assert_int_equal(stats(&a)->flows, FLOWS);
	assert_int_equal(stats(&a)->dropped_flows, 0);
	assert_true(kills > 3 && stats(&a)->reconnects > 0 && stats(&a)->resent > 0);
	agent_close(&a);
	hub_free(h);
}

static void beyond_the_queue_flows_are_dropped_and_counted(void **state)
{
	enum { FLOWS = 3000 };
	struct hub *h = hub_new(NULL);
	unsigned n = 0;
	struct agent a;

	(void)state;
	h->commit = true;
	agent_open(&a, ID, NULL, (2 << 20) - 4096); /* of less than 2 MiB nothing is packed: all of it would fit */
	for (unsigned i = 0; i < FLOWS; i++)
		assert_int_equal(write_flow(&a, i, 3000), 0);
	assert_true(stats(&a)->queue_bytes <= 3 << 20);
	assert_true(stats(&a)->dropped_flows > 0);
	STEP_UNTIL(&a, h, stats(&a)->queue_bytes == 0);
	for (unsigned i = 0; i < FLOWS; i++)
		n += h->durable[i];
	assert_int_equal(n + stats(&a)->dropped_flows, FLOWS);
	assert_int_equal(h->durable[0], 0); /* the oldest went */
	assert_int_equal(h->durable[FLOWS - 1], 1);
	/* One that is over the limit all alone. */
	assert_int_equal(write_flow(&a, 5000, 4 << 20), -EAGAIN);
	assert_int_equal(stats(&a)->dropped_flows + n, FLOWS + 1);
	assert_int_equal(write_flow(&a, 5001, 100), 0);
	STEP_UNTIL(&a, h, h->durable[5001]);
	agent_close(&a);
	hub_free(h);
}

static void a_flow_longer_than_the_window_arrives(void **state)
{
	struct hub *h = hub_new(NULL);
	struct agent a;

	(void)state;
	agent_open(&a, ID, NULL, 100 << 20);
	for (unsigned i = 1; i <= 3; i++)
		assert_int_equal(write_flow(&a, i, 20 << 20), 0);
	STEP_UNTIL(&a, h, h->batches == 1);
	assert_int_equal(stats(&a)->acked, 0);
	h->commit = true; /* each holds a quarter of the window: the third may have to wait */
	hub_commit(h);
	STEP_UNTIL(&a, h, stats(&a)->acked == 3);
	assert_int_equal(h->bytes, 60 << 20);
	assert_int_equal(h->body_sum, 1 + 2 + 3);
	agent_close(&a);
	hub_free(h);
}

static void a_hub_that_does_not_commit_stops_the_agent(void **state)
{
	enum { FLOWS = 2000, BODY = 10000 };
	struct hub *h = hub_new(NULL);
	size_t before = 0;
	struct agent a;

	(void)state;
	agent_open(&a, ID, NULL, 64 << 20);
	for (unsigned i = 0; i < FLOWS; i++)
		assert_int_equal(write_flow(&a, i, BODY), 0);
	STEP_UNTIL(&a, h, h->bytes > 2 << 20);
	for (int quiet = 0; quiet < 20; quiet++) {
		before = h->bytes;
		both_step(&a, h);
		if (h->bytes != before)
			quiet = 0;
	}
	assert_true(h->bytes <= 4 << 20);
	assert_false(collector_wants_write(a.sink)); /* and it does not spin */
	h->commit = true;
	hub_commit(h);
	STEP_UNTIL(&a, h, stats(&a)->queue_bytes == 0);
	assert_int_equal(h->bytes, FLOWS * BODY);
	assert_int_equal(stats(&a)->resent, 0);
	agent_close(&a);
	hub_free(h);
}

static void what_is_stored_is_not_handed_out_again(void **state)
{
	struct hub *h = hub_new(NULL);
	struct agent a;

	(void)state;
	agent_open(&a, ID, NULL, 1 << 20);
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(write_flow(&a, i, 10), 0);
	STEP_UNTIL(&a, h, h->batches == 1);
	/* Committed, but the hub dies before the agent hears of it. */
	memcpy(h->durable, h->seen, sizeof(h->durable));
	h->stored = h->last;
	hub_kill(h);
	hub_open(h, NULL);
	STEP_UNTIL(&a, h, stats(&a)->acked == 1);
	assert_int_equal(h->batches, 1);
	assert_int_equal(stats(&a)->resent, 0);
	assert_int_equal(stats(&a)->reconnects, 1);
	agent_close(&a);
	hub_free(h);
}

static void containers_and_health_are_said_again_after_a_reconnect(void **state)
{
	struct collector_container c = { .id = "abc", .name = "web", .image = "nginx" };
	struct hub *h = hub_new(NULL);
	struct agent a;

	(void)state;
	agent_open(&a, ID, NULL, 1 << 20);
	collector_containers(a.sink, &c, 1);
	collector_health(a.sink, NULL, 0, NULL, 0, NULL);
	STEP_UNTIL(&a, h, h->containers == 1);
	hub_kill(h);
	STEP_UNTIL(&a, h, !stats(&a)->connected);
	assert_true(stats(&a)->why[0] != 0);
	hub_open(h, NULL);
	STEP_UNTIL(&a, h, h->containers == 2);
	assert_true(stats(&a)->connected && stats(&a)->why[0] == 0);
	assert_string_equal(h->first_container, "web nginx 0 0");
	agent_close(&a);
	hub_free(h);
}

static void flush_waits_for_the_acknowledgement(void **state)
{
	struct hub *h = hub_new(NULL);
	struct agent a;

	(void)state;
	agent_open(&a, ID, NULL, 1 << 20);
	assert_int_equal(a.sink->ops->flush(a.sink, 10), 0); /* nothing to do */
	assert_int_equal(write_flow(&a, 1, 10), 0);
	assert_int_equal(a.sink->ops->flush(a.sink, 10), -ENOTCONN);
	STEP_UNTIL(&a, h, h->batches == 1);
	assert_int_equal(a.sink->ops->flush(a.sink, 10), -ETIMEDOUT);
	hub_commit(h);
	assert_int_equal(a.sink->ops->flush(a.sink, 5000), 0);
	assert_int_equal(stats(&a)->acked, 1);
	agent_close(&a);
	hub_free(h);
}

static void a_token_is_asked_for(void **state)
{
	static const char *const wrong[] = { NULL, "s3cre", "s3cret7", "s3creT", "" };
	struct hub *h = hub_new("s3cret");
	struct agent a;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		agent_open(&a, ID, wrong[i], 1 << 20);
		STEP_UNTIL(&a, h, a.asked == 2);
		assert_int_equal(h->hellos, 0);
		assert_non_null(strstr(stats(&a)->why, "--agent-token"));
		assert_int_equal(ingest_stats(h->in)->refused, i + 1);
		agent_close(&a);
	}
	agent_open(&a, ID, "s3cret", 1 << 20);
	STEP_UNTIL(&a, h, h->hellos == 1);
	agent_close(&a);
	hub_free(h);
}

static void an_address_that_will_not_do_is_explained(void **state)
{
	static const char *const odd[] = {
		"",	   "50052",	      "127.0.0.1",  "127.0.0.1:", "127.0.0.1:x",
		"1.2.3:5", "127.0.0.1:65536", "[::1:50052", "::1:50052",  "host:5",
		":5"
	};
	const struct ingest_hooks hooks = { 0 };
	struct hub *h = hub_new(NULL);
	struct ingest *in = NULL;
	char err[256], addr[64];

	(void)state;
	(void)snprintf(addr, sizeof(addr), "127.0.0.1:%u", h->port);
	assert_int_equal(ingest_open(&in, addr, NULL, &hooks, err, sizeof(err)), -EADDRINUSE);
	assert_non_null(strstr(err, "--grpc"));
	assert_int_equal(ingest_open(&in, "192.0.2.77:0", "t", &hooks, err, sizeof(err)),
			 -EADDRNOTAVAIL);
	assert_non_null(strstr(err, "192.0.2.77"));
	assert_int_equal(ingest_open(&in, "0.0.0.0:0", NULL, &hooks, err, sizeof(err)), -EACCES);
	assert_non_null(strstr(err, "--agent-token"));
	assert_int_equal(ingest_open(&in, "[::]:0", "", &hooks, err, sizeof(err)), -EACCES);
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		assert_int_equal(ingest_open(&in, odd[i], NULL, &hooks, err, sizeof(err)), -EINVAL);
		assert_non_null(strstr(err, "127.0.0.1:50052"));
	}
	assert_null(in);
	assert_int_equal(ingest_open(&in, "[::1]:0", NULL, &hooks, err, sizeof(err)), 0);
	assert_true(ingest_port(in) != 0);
	ingest_close(in);
	assert_int_equal(ingest_open(&in, "0.0.0.0:0", "token", &hooks, err, sizeof(err)), 0);
	ingest_close(in);
	hub_free(h);
}

static bool closed(int fd)
{
	char b[256];
	ssize_t n;

	do
		n = recv(fd, b, sizeof(b), MSG_DONTWAIT);
	while (n > 0);
	return n == 0 || (n < 0 && errno == ECONNRESET);
}

static void rubbish_on_the_port_hurts_nobody(void **state)
{
	struct hub *h = hub_new(NULL);
	struct agent a;
	int fd = web_dial(h->port);

	(void)state;
	h->commit = true;
	agent_open(&a, ID, NULL, 1 << 20);
	assert_true(write(fd, "GET / HTTP/1.1\r\n\r\n", 18) == 18);
	STEP_UNTIL(&a, h, closed(fd));
	close(fd);
	assert_int_equal(ingest_stats(h->in)->refused, 1);
	assert_int_equal(write_flow(&a, 1, 10), 0);
	STEP_UNTIL(&a, h, h->durable[1]);
	agent_close(&a);
	hub_free(h);
}

static void a_second_connection_of_an_agent_replaces_the_first(void **state)
{
	struct hub *h = hub_new(NULL);
	struct agent a, b;

	(void)state;
	agent_open(&a, ID, NULL, 1 << 20);
	STEP_UNTIL(&a, h, h->hellos == 1);
	agent_open(&b, ID, NULL, 1 << 20);
	STEP_UNTIL(&b, h, h->hellos == 2);
	assert_int_equal(h->gones, 1);
	assert_int_equal(ingest_stats(h->in)->agents, 1);
	assert_true(collector_io(a.sink, test_now()) < 0);
	assert_non_null(strstr(stats(&a)->why, "replaced"));
	agent_close(&a);
	agent_close(&b);
	hub_free(h);
}

static void a_silent_agent_is_given_up(void **state)
{
	struct hub *h = hub_new(NULL);
	uint64_t now;
	struct agent a;
	int fd;

	(void)state;
	agent_open(&a, ID, NULL, 1 << 20);
	STEP_UNTIL(&a, h, h->hellos == 1);
	fd = web_dial(h->port); /* never says hello */
	both_step(&a, h);
	now = test_now();
	for (unsigned s = 0; s <= 16; s++)
		ingest_tick(h->in, now + s * SEC);
	assert_int_equal(h->gones, 1);
	assert_int_equal(ingest_stats(h->in)->agents, 0);
	assert_true(closed(fd));
	close(fd);
	agent_close(&a);
	hub_free(h);
}

static void a_silent_hub_is_given_up(void **state)
{
	struct hub *h = hub_new(NULL);
	uint64_t now;
	struct agent a;

	(void)state;
	agent_open(&a, ID, NULL, 1 << 20);
	STEP_UNTIL(&a, h, stats(&a)->connected);
	now = test_now();
	for (unsigned s = 0; s <= 16; s++)
		collector_tick(a.sink, now + s * SEC);
	assert_int_equal(collector_fd(a.sink), -1);
	assert_false(stats(&a)->connected);
	assert_true(stats(&a)->since_ns >= now + 15 * SEC);
	assert_true(a.wants);
	assert_non_null(strstr(stats(&a)->why, "does not answer"));
	agent_close(&a);
	hub_free(h);
}

static void attempts_are_spaced_by_the_back_off(void **state)
{
	static const unsigned base[] = { 0, 200, 320, 512, 819, 1310, 2096, 3353, 5000, 5000 };
	struct hub *h;
	struct agent a;

	(void)state;
	agent_open(&a, ID, NULL, 1 << 20);
	collector_tick(a.sink, test_now());
	for (unsigned i = 0; i < 10; i++) {
		assert_int_equal(a.asked, i + 1);
		assert_true(a.delays[i] >= base[i] * 79 / 100 &&
			    a.delays[i] <= base[i] * 121 / 100);
		assert_int_equal(collector_connected(a.sink, -ECONNREFUSED), 0);
		collector_tick(a.sink, test_now()); /* asks only once */
	}
	assert_non_null(strstr(stats(&a)->why, "Connection refused"));
	/* The hub's welcome starts it anew. */
	h = hub_new(NULL);
	agent_connect(&a, h->port);
	a.asked = 0;
	STEP_UNTIL(&a, h, stats(&a)->connected);
	assert_int_equal(collector_connected(a.sink, web_dial(h->port)), -EINVAL);
	hub_kill(h);
	STEP_UNTIL(NULL, NULL, collector_io(a.sink, test_now()) < 0);
	assert_int_equal(a.asked, 1);
	assert_true(a.delays[0] >= 160 && a.delays[0] <= 240);
	agent_close(&a);
	hub_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_an_agent_says_arrives),
		cmocka_unit_test(no_flow_is_lost_when_the_hub_is_killed),
		cmocka_unit_test(beyond_the_queue_flows_are_dropped_and_counted),
		cmocka_unit_test(a_flow_longer_than_the_window_arrives),
		cmocka_unit_test(a_hub_that_does_not_commit_stops_the_agent),
		cmocka_unit_test(what_is_stored_is_not_handed_out_again),
		cmocka_unit_test(containers_and_health_are_said_again_after_a_reconnect),
		cmocka_unit_test(flush_waits_for_the_acknowledgement),
		cmocka_unit_test(a_token_is_asked_for),
		cmocka_unit_test(an_address_that_will_not_do_is_explained),
		cmocka_unit_test(rubbish_on_the_port_hurts_nobody),
		cmocka_unit_test(a_second_connection_of_an_agent_replaces_the_first),
		cmocka_unit_test(a_silent_agent_is_given_up),
		cmocka_unit_test(a_silent_hub_is_given_up),
		cmocka_unit_test(attempts_are_spaced_by_the_back_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
