/* SPDX-License-Identifier: Apache-2.0 */
/* The parser alone: what fixtures cannot say.  What it makes of messages is in tests/proto/http1. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include "drive.h"

#define LIT(s) SLICE_LIT(s)

struct seen {
	struct buf text; /* one line a message */
	size_t nmsgs, npartial;
	uint64_t len, captured;
	unsigned flags;
};

static void note(void *ctx, enum side side, struct msg *m)
{
	static const char *const roles[] = { "REQ", "RESP", "ONEWAY", "INTERIM", "MSG", "END" };
	struct seen *s = ctx;

	(void)side;
	if (m->partial) {
		s->npartial++;
		assert_true(m->role == ROLE_INTERIM || m->half.nattrs > 0);
		return;
	}
	s->nmsgs++;
	s->len = m->half.body.len;
	s->captured = m->half.body.captured;
	s->flags = m->flags;
	buf_printf(&s->text, "%s %s %s flags=%u cut=%d len=%llu [", roles[m->role],
		   m->half.op	    ? m->half.op
		   : m->half.status ? m->half.status
				    : "-",
		   m->half.target   ? m->half.target
		   : m->half.reason ? m->half.reason
				    : "-",
		   m->flags, m->cut, (unsigned long long)m->half.body.len);
	if (m->half.body.data.n < 64)
		buf_put(&s->text, m->half.body.data);
	buf_puts(&s->text, "]\n");
}

static struct drive http1(struct seen *s)
{
	*s = (struct seen){ 0 };
	return (struct drive){ .p = proto_find("http1"), .fn = note, .ctx = s, .guard = true };
}

static void check(struct seen *s, struct drive *d, const char *want)
{
	buf_put(&s->text, (struct slice){ (const uint8_t *)"", 1 });
	assert_string_equal((const char *)s->text.p, want);
	assert_false(d->broken);
	buf_release(&s->text);
	drive_release(d);
}

static void get(struct drive *d)
{
	drive_feed(d, SIDE_REQ, LIT("GET / HTTP/1.1\r\n\r\n"));
}

static void hole_in_a_body_of_known_length_is_counted(void **state)
{
	struct seen s;
	struct drive d = http1(&s);

	(void)state;
	drive_begin(&d);
	get(&d);
	drive_feed(&d, SIDE_RESP, LIT("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"));
	drive_lost(&d, SIDE_RESP, 4);
	drive_feed(&d, SIDE_RESP, LIT("hij"));
	get(&d);
	drive_feed(&d, SIDE_RESP, LIT("HTTP/1.1 204 OK\r\n\r\n"));
	check(&s, &d,
	      "REQ GET / flags=0 cut=0 len=0 []\n"
	      "RESP 200 OK flags=2 cut=0 len=10 [abchij]\n"
	      "REQ GET / flags=0 cut=0 len=0 []\n"
	      "RESP 204 OK flags=0 cut=0 len=0 []\n");
}

static void hole_up_to_the_end_of_a_body_ends_the_message(void **state)
{
	struct seen s;
	struct drive d = http1(&s);

	(void)state;
	drive_begin(&d);
	get(&d);
	drive_feed(&d, SIDE_RESP, LIT("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"));
	drive_lost(&d, SIDE_RESP, 7);
	drive_feed(&d, SIDE_RESP, LIT("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"));
	check(&s, &d,
	      "REQ GET / flags=0 cut=0 len=0 []\n"
	      "RESP 200 OK flags=2 cut=0 len=10 [abc]\n"
	      "RESP 404 No flags=0 cut=0 len=0 []\n");
}

static void hole_beyond_a_body_gives_it_up_and_resynchronises(void **state)
{
	struct seen s;
	struct drive d = http1(&s);

	(void)state;
	drive_begin(&d);
	get(&d);
	drive_feed(&d, SIDE_RESP, LIT("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"));
	drive_lost(&d, SIDE_RESP, 50);
	drive_feed(&d, SIDE_RESP, LIT("tail of something HTTP/1.1 40"));
	drive_feed(&d, SIDE_RESP, LIT("4 No\r\nContent-Length: 0\r\n\r\n"));
	check(&s, &d,
	      "REQ GET / flags=0 cut=0 len=0 []\n"
	      "RESP 200 OK flags=2 cut=1 len=3 [abc]\n"
	      "RESP 404 No flags=2 cut=0 len=0 []\n");
}

static void hole_inside_a_chunk_is_counted_and_across_chunks_is_not(void **state)
{
	struct seen s;
	struct drive d = http1(&s);

	(void)state;
	drive_begin(&d);
	get(&d);
	drive_feed(&d, SIDE_RESP,
		   LIT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nab"));
	drive_lost(&d, SIDE_RESP, 6);
	drive_feed(&d, SIDE_RESP, LIT("ij\r\n5\r\nk"));
	drive_lost(&d, SIDE_RESP, 5);
	drive_feed(&d, SIDE_RESP, LIT("\r\n0\r\n\r\nHTTP/1.1 204 OK\r\n\r\n"));
	check(&s, &d,
	      "REQ GET / flags=0 cut=0 len=0 []\n"
	      "RESP 200 OK flags=2 cut=1 len=11 [abijk]\n"
	      "RESP 204 OK flags=2 cut=0 len=0 []\n");
}

static void message_given_up_comes_with_the_next_call_when_nobody_asked(void **state)
{
	const struct proto *p = proto_find("http1");
	struct proto_limits lim = { .body_bytes = 1000, .decoded_bytes = 1000, .head_bytes = 1000 };
	struct slice head = LIT("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
	void *st = calloc(1, p->state_size);
	struct parse r;
	struct msg m;

	(void)state;
	p->init(st, &lim);
	m = (struct msg){ 0 };
	r = p->parse(st, SIDE_RESP, head, &m);
	assert_int_equal(r.kind, PARSE_MSG);
	assert_true(m.partial);
	arena_free(m.arena);
	assert_false(p->lost(st, SIDE_RESP, 100));
	r = p->parse(st, SIDE_RESP, head, &m);
	assert_int_equal(r.kind, PARSE_MSG);
	assert_int_equal(r.used, 0);
	assert_true(m.cut);
	assert_int_equal(m.flags, FLOW_AFTER_GAP);
	arena_free(m.arena);
	assert_true(p->held(st) == 0);
	p->done(st);
	free(st);
}

static void body_is_kept_to_the_limit_and_counted_beyond(void **state)
{
	struct seen s;
	struct drive d = http1(&s);
	static uint8_t zeros[1000];

	(void)state;
	d.guard = false;
	d.limits = (struct proto_limits){ .body_bytes = 10000, .decoded_bytes = 10000, .head_bytes = 1000 };
	drive_begin(&d);
	get(&d);
	drive_feed(&d, SIDE_RESP, LIT("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"));
	for (size_t i = 0; i < 1000; i++) {
		drive_feed(&d, SIDE_RESP, (struct slice){ zeros, sizeof(zeros) });
		assert_true(d.p->held(d.state) < 100000);
	}
	assert_int_equal(s.nmsgs, 2);
	assert_int_equal(s.npartial, 1);
	assert_true(s.len == 1000000 && s.captured == 10000);
	assert_int_equal(s.flags, FLOW_TRUNCATED);
	assert_false(d.broken);
	buf_release(&s.text);
	drive_release(&d);
}

static void head_over_the_limit_is_skipped(void **state)
{
	struct seen s;
	struct drive d = http1(&s);

	(void)state;
	d.limits = (struct proto_limits){ .body_bytes = 100, .decoded_bytes = 100, .head_bytes = 200 };
	drive_begin(&d);
	drive_feed(&d, SIDE_REQ, LIT("GET /long HTTP/1.1\r\n"));
	for (size_t i = 0; i < 100; i++)
		drive_feed(&d, SIDE_REQ, LIT("Name: value\r\n"));
	drive_feed(&d, SIDE_REQ, LIT("\r\nGET /next HTTP/1.1\r\n\r\n"));
	assert_true(d.bad > 0);
	check(&s, &d, "REQ GET /next flags=0 cut=0 len=0 []\n");
}

static void long_pipeline_keeps_the_methods_apart(void **state)
{
	struct seen s;
	struct drive d = http1(&s);

	(void)state;
	d.guard = false;
	drive_begin(&d);
	for (size_t i = 0; i < 2000; i++)
		get(&d);
	drive_feed(&d, SIDE_REQ, LIT("HEAD / HTTP/1.1\r\n\r\n"));
	get(&d);
	for (size_t i = 0; i < 2000; i++)
		drive_feed(&d, SIDE_RESP, LIT("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"));
	drive_feed(&d, SIDE_RESP, LIT("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"));
	drive_feed(&d, SIDE_RESP, LIT("HTTP/1.1 201 OK\r\nContent-Length: 4\r\n\r\nabcd"));
	assert_int_equal(s.nmsgs, 4004);
	assert_int_equal(d.bad, 0);
	assert_int_equal(s.len, 4);
	buf_release(&s.text);
	drive_release(&d);
}

static void waiting_for_bytes_costs_no_second_look(void **state)
{
	struct seen s;
	struct drive d = http1(&s);

	(void)state;
	d.guard = false;
	drive_begin(&d);
	drive_feed(&d, SIDE_REQ, LIT("GET / HTTP/1.1\r\n"));
	/* 60 KB of head, a byte a time: 1.8e9 steps if each call began at the front. */
	for (size_t i = 0; i < 60000; i++)
		drive_feed(&d, SIDE_REQ,
			   i % 30 == 4	  ? LIT(":")
			   : i % 30 == 29 ? LIT("\n")
					  : LIT("a"));
	drive_feed(&d, SIDE_REQ, LIT("\r\n"));
	assert_int_equal(s.nmsgs, 1);
	check(&s, &d, "REQ GET / flags=0 cut=0 len=0 []\n");
}

static void connect_hands_the_connection_over(void **state)
{
	struct seen s;
	struct drive d = http1(&s);

	(void)state;
	drive_begin(&d);
	drive_feed(&d, SIDE_REQ, LIT("CONNECT db:5432 HTTP/1.1\r\nHost: db:5432\r\n\r\n"));
	drive_feed(&d, SIDE_REQ, LIT("\x16\x03\x01")); /* too early, but it happens */
	assert_false(d.stopped);
	drive_feed(&d, SIDE_RESP, LIT("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n\x16\x03"));
	assert_true(d.stopped);
	assert_null(d.next);
	check(&s, &d,
	      "REQ CONNECT db:5432 flags=0 cut=0 len=0 []\n"
	      "RESP 200 OK flags=0 cut=0 len=0 []\n");
}

static void refused_connect_goes_on_as_http(void **state)
{
	struct seen s;
	struct drive d = http1(&s);

	(void)state;
	drive_begin(&d);
	drive_feed(&d, SIDE_REQ, LIT("CONNECT db:5432 HTTP/1.1\r\nHost: db:5432\r\n\r\n"));
	drive_feed(&d, SIDE_RESP, LIT("HTTP/1.1 407 Auth\r\nContent-Length: 2\r\n\r\nno"));
	get(&d);
	assert_false(d.stopped);
	check(&s, &d,
	      "REQ CONNECT db:5432 flags=0 cut=0 len=0 []\n"
	      "RESP 407 Auth flags=0 cut=0 len=2 [no]\n"
	      "REQ GET / flags=0 cut=0 len=0 []\n");
}

static void upgrade_hands_the_connection_over(void **state)
{
	struct seen s;
	struct drive d = http1(&s);

	(void)state;
	drive_begin(&d);
	drive_feed(&d, SIDE_REQ,
		   LIT("GET /ws HTTP/1.1\r\nConnection: keep-alive, Upgrade\r\n"
		       "Upgrade: websocket\r\n\r\n"));
	drive_feed(&d, SIDE_REQ, LIT("\x81\x85")); /* seen before the answer */
	assert_int_equal(d.bad, 0);
	drive_feed(&d, SIDE_RESP,
		   LIT("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		       "Connection: Upgrade\r\n\r\n\x81\x05hello"));
	assert_true(d.stopped);
	assert_int_equal(d.in[SIDE_RESP].n, 7); /* the frame is for whoever follows */
	check(&s, &d,
	      "REQ GET /ws flags=0 cut=0 len=0 []\n"
	      "RESP 101 Switching Protocols flags=0 cut=0 len=0 []\n");
}

static void upgrade_not_taken_goes_on_as_http(void **state)
{
	struct seen s;
	struct drive d = http1(&s);

	(void)state;
	drive_begin(&d);
	drive_feed(&d, SIDE_REQ,
		   LIT("GET /a HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: "
		       "h2c\r\n\r\n"));
	get(&d); /* no answer seen in between */
	drive_feed(&d, SIDE_RESP, LIT("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
	check(&s, &d,
	      "REQ GET /a flags=0 cut=0 len=0 []\n"
	      "REQ GET / flags=0 cut=0 len=0 []\n"
	      "RESP 200 OK flags=0 cut=0 len=0 []\n");
}

static void answer_to_an_unseen_head_request_has_no_body(void **state)
{
	struct seen s;
	struct drive d = http1(&s);

	(void)state;
	drive_begin(&d);
	drive_feed(&d, SIDE_RESP, LIT("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"));
	drive_feed(&d, SIDE_RESP, LIT("HTT"));
	drive_feed(&d, SIDE_RESP, LIT("P/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/"));
	check(&s, &d,
	      "RESP 200 OK flags=0 cut=0 len=0 []\n"
	      "RESP 200 OK flags=0 cut=0 len=5 [HTTP/]\n");
}

static void end_gives_what_was_unfinished(void **state)
{
	static const struct {
		const char *resp, *want;
		enum proto_end how;
	} cases[] = {
		{ "HTTP/1.1 200 OK\r\n\r\nabc", "RESP 200 OK flags=0 cut=0 len=3 [abc]\n",
		  PROTO_END_CLOSED },
		{ "HTTP/1.1 200 OK\r\n\r\nabc", "RESP 200 OK flags=0 cut=1 len=3 [abc]\n",
		  PROTO_END_RESET },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
		  "RESP 200 OK flags=0 cut=1 len=3 [abc]\n", PROTO_END_CLOSED },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
		  "RESP 200 OK flags=0 cut=1 len=3 [abc]\n", PROTO_END_CLOSED },
		{ "HTTP/1.1 200 OK\r\n", "", PROTO_END_CLOSED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct seen s;
		struct drive d = http1(&s);
		char want[200];

		drive_begin(&d);
		get(&d);
		drive_feed(&d, SIDE_RESP, slice_str(cases[i].resp));
		drive_end(&d, SIDE_RESP, cases[i].how);
		snprintf(want, sizeof(want), "REQ GET / flags=0 cut=0 len=0 []\n%s", cases[i].want);
		check(&s, &d, want);
	}
}

static void resync_finds_a_start_and_waits_for_half_of_one(void **state)
{
	static const struct {
		enum side side;
		const char *in;
		size_t at;
	} cases[] = {
		{ SIDE_REQ, "xxGET /a HTTP/1.1\r\nHost: a\r\n", 2 },
		{ SIDE_REQ, "{}FOO /a HTTP/1.1\r\nHost: a\r\n", 2 },
		{ SIDE_REQ, "a GET /a HTTP/1.1\r\n not a field", 31 },
		{ SIDE_REQ, "see GET /a HTTP/2.1\r\n", 21 },
		{ SIDE_REQ, "body\r\nGET /a/long/pa", 6 },
		{ SIDE_REQ, "bodyGE", 4 },
		{ SIDE_REQ, "bodyGEX", 7 },
		{ SIDE_REQ, "bodyPOST /x HTTP/1.1\r", 4 },
		{ SIDE_REQ, "GET GET\x01", 8 },
		{ SIDE_REQ, "a HTTP/1.1 HTTP/1.1 b", 21 },
		{ SIDE_RESP, "bodyHTTP/1.1 200 OK\r\nA: b\r\n", 4 },
		{ SIDE_RESP, "bodyHTTP/1.1 20", 4 },
		{ SIDE_RESP, "bodyHTTP", 4 },
		{ SIDE_RESP, "HTTP/1.1 2000 HTTP/2 HTTP/1.1 OK ", 33 },
		{ SIDE_RESP, "", 0 },
	};
	const struct proto *p = proto_find("http1");
	void *st = calloc(1, p->state_size);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slice in = guarded(slice_str(cases[i].in));
		size_t at = p->resync(st, cases[i].side, in, 0);

		if (at != cases[i].at)
			print_message("# %s\n", cases[i].in);
		assert_int_equal(at, cases[i].at);
		guarded_free(in);
	}
	free(st);
}

static void probe_is_sure_of_first_lines_only(void **state)
{
	static const struct {
		enum side side;
		const char *in;
		enum probe want;
	} cases[] = {
		{ SIDE_REQ, "GET / HTTP/1.1\r\n", PROBE_YES },
		{ SIDE_REQ, "\r\n\r\nGET / HTTP/1.0\n", PROBE_YES },
		{ SIDE_REQ, "VERSION-CONTROL * HTTP/1.1\r\n", PROBE_YES },
		{ SIDE_REQ, "GET /a b HTTP/1.1\r\n", PROBE_NO },
		{ SIDE_REQ, "", PROBE_MAYBE },
		{ SIDE_REQ, "GET / HTTP/1.1", PROBE_MAYBE },
		{ SIDE_REQ, "G", PROBE_MAYBE },
		{ SIDE_REQ, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", PROBE_NO },
		{ SIDE_REQ, "OPTIONS sip:a@b SIP/2.0\r\n", PROBE_NO },
		{ SIDE_REQ, "GET / HTTP/1.1x\r\n", PROBE_NO },
		{ SIDE_REQ, "GET  / HTTP/1.1\r\n", PROBE_NO },
		{ SIDE_REQ, "*1\r\n$4\r\nPING\r\n", PROBE_NO },
		{ SIDE_REQ, "\x16\x03\x01\x02", PROBE_NO },
		{ SIDE_REQ, " / HTTP/1.1\r\n", PROBE_NO },
		{ SIDE_RESP, "HTTP/1.1 200 OK\r\n", PROBE_YES },
		{ SIDE_RESP, "HTTP/1.0 404\r\n", PROBE_YES },
		{ SIDE_RESP, "HTTP/1.1 20", PROBE_MAYBE },
		{ SIDE_RESP, "HT", PROBE_MAYBE },
		{ SIDE_RESP, "HTTP/2 200 OK\r\n", PROBE_NO },
		{ SIDE_RESP, "HTTP/1.1 099 OK\r\n", PROBE_NO },
		{ SIDE_RESP, "HTTP/1.1 2000\r\n", PROBE_NO },
		{ SIDE_RESP, "SSH-2.0-", PROBE_NO },
	};
	const struct proto *p = proto_find("http1");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct slice in = guarded(slice_str(cases[i].in));
		enum probe got = p->probe(cases[i].side, in);

		if (got != cases[i].want)
			print_message("# %s\n", cases[i].in);
		assert_int_equal(got, cases[i].want);
		guarded_free(in);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hole_in_a_body_of_known_length_is_counted),
		cmocka_unit_test(hole_up_to_the_end_of_a_body_ends_the_message),
		cmocka_unit_test(hole_beyond_a_body_gives_it_up_and_resynchronises),
		cmocka_unit_test(hole_inside_a_chunk_is_counted_and_across_chunks_is_not),
		cmocka_unit_test(message_given_up_comes_with_the_next_call_when_nobody_asked),
		cmocka_unit_test(body_is_kept_to_the_limit_and_counted_beyond),
		cmocka_unit_test(head_over_the_limit_is_skipped),
		cmocka_unit_test(long_pipeline_keeps_the_methods_apart),
		cmocka_unit_test(waiting_for_bytes_costs_no_second_look),
		cmocka_unit_test(connect_hands_the_connection_over),
		cmocka_unit_test(refused_connect_goes_on_as_http),
		cmocka_unit_test(upgrade_hands_the_connection_over),
		cmocka_unit_test(upgrade_not_taken_goes_on_as_http),
		cmocka_unit_test(answer_to_an_unseen_head_request_has_no_body),
		cmocka_unit_test(end_gives_what_was_unfinished),
		cmocka_unit_test(resync_finds_a_start_and_waits_for_half_of_one),
		cmocka_unit_test(probe_is_sure_of_first_lines_only),
	};

	return cmocka_run_group_tests_name("http1", tests, NULL, NULL);
}
