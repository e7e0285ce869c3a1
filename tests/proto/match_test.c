/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "alloc.h"
#include "proto/match.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static const struct proto in_order = { .name = "line", .match = MATCH_ORDER };
static const struct proto keyed = { .name = "key", .match = MATCH_KEY };
static const struct flow_conn conn;

/* What the hook saw, one line a write: state, flow number, operation, status, flags, messages. */
struct seen {
	char text[8192];
	size_t n;
	unsigned ids;
	const char *proto; /* of the last flow */
	char asked[80];	   /* the first attribute of its request */
};

static void on_flow(void *ctx, const struct flow *f)
{
	static const char *const letters = "ODUR"; /* enum flow_state */
	struct seen *s = ctx;

	s->proto = f->proto;
	if (f->has_req && f->req.nattrs)
		snprintf(s->asked, sizeof(s->asked), "%s=%s", f->req.attrs[0].key,
			 f->req.attrs[0].value);
	s->n += (size_t)snprintf(s->text + s->n, sizeof(s->text) - s->n, "%c%u %s>%s",
				 letters[f->state], f->id[0], f->has_req ? f->req.target : "-",
				 f->has_resp ? f->resp.status : "-");
	for (size_t i = 0; f->has_resp && i < f->resp.nattrs; i++)
		s->n += (size_t)snprintf(s->text + s->n, sizeof(s->text) - s->n, " %s=%s",
					 f->resp.attrs[i].key, f->resp.attrs[i].value);
	for (size_t i = 0; i < f->nmsgs; i++)
		s->n += (size_t)snprintf(s->text + s->n, sizeof(s->text) - s->n, " %s%u",
					 f->msgs[i].from_server ? "<" : ">",
					 (unsigned)f->msgs[i].seq);
	for (unsigned bit = 1; bit <= FLOW_DECODE_ERROR; bit <<= 1)
		if (f->flags & bit)
			s->n += (size_t)snprintf(s->text + s->n, sizeof(s->text) - s->n, " %s",
						 flow_flag_name(bit));
	s->n += (size_t)snprintf(s->text + s->n, sizeof(s->text) - s->n, "\n");
}

static void new_id(void *ctx, uint64_t begin_ns, uint8_t ret_id[16])
{
	struct seen *s = ctx;

	(void)begin_ns;
	memset(ret_id, 0, 16);
	ret_id[0] = (uint8_t)++s->ids;
}

static struct match *matcher(struct seen *s, const struct proto *p, unsigned max)
{
	struct match_hooks hooks = { on_flow, new_id, s, 0, false, false };

	*s = (struct seen){ 0 };
	return match_new(p, &conn, 0, max, &hooks);
}

static struct msg message(enum role role, uint64_t key, const char *name, uint64_t at)
{
	struct msg msg = { .role = role, .key = key, .arena = arena_new(4096) };
	char *text = msg.arena ? arena_str(msg.arena, slice_str(name)) : NULL;

	msg.half.begin_ns = at;
	msg.half.end_ns = at + 1;
	if (role == ROLE_REQUEST)
		msg.half.target = text;
	else
		msg.half.status = text;
	return msg;
}

static int push_at(struct match *m, enum role role, uint64_t key, const char *name, uint64_t at)
{
	struct msg msg = message(role, key, name, at);

	return match_push(m, role == ROLE_REQUEST ? SIDE_REQ : SIDE_RESP, &msg);
}

static uint64_t clock_ns;

static void request(struct match *m, const char *name)
{
	assert_int_equal(push_at(m, ROLE_REQUEST, (uint64_t)name[0], name, clock_ns += 10), 0);
}

static void answer(struct match *m, const char *name)
{
	assert_int_equal(push_at(m, ROLE_RESPONSE, (uint64_t)name[0], name, clock_ns += 10), 0);
}

static void part(struct match *m, enum role role, const char *name)
{
	struct msg msg = message(role, (uint64_t)name[0], name, clock_ns += 10);

	msg.partial = true;
	assert_int_equal(match_push(m, role == ROLE_REQUEST ? SIDE_REQ : SIDE_RESP, &msg), 0);
}

static void expect(struct seen *s, struct match *m, const char *want)
{
	match_free(m);
	assert_string_equal(s->text, want);
}

static void pipelined_requests_pair_in_order(void **state)
{
	struct seen s;
	struct match *m = matcher(&s, &in_order, 10);

	(void)state;
	request(m, "a");
	request(m, "b");
	answer(m, "1");
	answer(m, "2");
	assert_false(match_unanswered(m));
	assert_int_equal(match_held(m), 0);
	expect(&s, m, "O1 a>-\nO2 b>-\nD1 a>1\nD2 b>2\n");
}

static void what_is_over_soon_is_told_once(void **state)
{
	struct seen s = { 0 };
	struct match_hooks hooks = { on_flow, new_id, &s, 50, false, false };
	struct match *m = match_new(&in_order, &conn, 0, 10, &hooks);

	(void)state;
	clock_ns = 0;
	request(m, "a");
	part(m, ROLE_RESPONSE, "1");
	assert_true(match_wants_flush(m));
	match_flush(m, clock_ns);
	answer(m, "1");
	assert_false(match_wants_flush(m));
	request(m, "b"); /* stays open */
	match_flush(m, clock_ns + 49);
	match_flush(m, clock_ns + 51);
	assert_false(match_wants_flush(m));
	match_flush(m, clock_ns + 200);
	request(m, "c"); /* is given up */
	match_end(m, false);
	assert_false(match_wants_flush(m));
	expect(&s, m, "D1 a>1\nO2 b>-\nU2 b>-\nU3 c>-\n");
}

static void for_a_file_only_streams_are_told_while_open(void **state)
{
	struct seen s = { 0 };
	struct match_hooks hooks = { on_flow, new_id, &s, 0, true, true };
	struct match *m = match_new(&in_order, &conn, 0, 10, &hooks);
	struct msg msg;

	(void)state;
	clock_ns = 0;
	request(m, "a");
	part(m, ROLE_RESPONSE, "1");
	answer(m, "1");
	part(m, ROLE_REQUEST, "b"); /* goes on with what follows, whatever waits before it */
	request(m, "b");
	msg = message(ROLE_RESPONSE, 0, "101", clock_ns += 10);
	msg.streams = true;
	assert_int_equal(match_push(m, SIDE_RESP, &msg), 0);
	request(m, "c"); /* is never answered */
	match_end(m, false);
	expect(&s, m, "D1 a>1\nO2 b>101\nD2 b>101\nU3 c>-\n");
}

static void keys_pair_in_any_order(void **state)
{
	struct seen s;
	struct match *m = matcher(&s, &keyed, 10);

	(void)state;
	request(m, "ax");
	request(m, "bx");
	answer(m, "by");
	match_lost(m, SIDE_RESP, FLOW_AFTER_GAP);
	answer(m, "ay");
	answer(m, "cy");
	expect(&s, m, "O1 ax>-\nO2 bx>-\nD2 bx>by\nD1 ax>ay after_gap\nD3 ->cy no_request\n");
}

static void a_key_used_again_ends_the_exchange_before(void **state)
{
	struct seen s;
	struct match *m = matcher(&s, &keyed, 10);

	(void)state;
	request(m, "a1");
	request(m, "a2");
	answer(m, "a");
	expect(&s, m, "O1 a1>-\nU1 a1>-\nO2 a2>-\nD2 a2>a\n");
}

static void a_quick_answer_waits_for_its_keyed_request(void **state)
{
	struct seen s;
	struct match *m = matcher(&s, &keyed, 10);

	(void)state;
	part(m, ROLE_RESPONSE, "a1");
	request(m, "a");
	answer(m, "a2");
	expect(&s, m, "O1 ->a1 no_request\nO1 a>a1\nD1 a>a2\n");
}

static void parts_are_written_under_one_id(void **state)
{
	struct seen s;
	struct match *m = matcher(&s, &in_order, 10);

	(void)state;
	part(m, ROLE_REQUEST, "a");
	request(m, "a.");
	part(m, ROLE_RESPONSE, "1");
	answer(m, "1.");
	expect(&s, m, "O1 a>-\nO1 a.>-\nO1 a.>1\nD1 a.>1.\n");
}

static void an_early_answer_waits_for_the_end_of_its_request(void **state)
{
	struct seen s;
	struct match *m = matcher(&s, &in_order, 10);

	(void)state;
	part(m, ROLE_REQUEST, "a");
	answer(m, "1");
	request(m, "a.");
	request(m, "b");
	answer(m, "2");
	expect(&s, m, "O1 a>-\nO1 a>1\nD1 a.>1\nO2 b>-\nD2 b>2\n");
}

static void interim_answers_become_attributes(void **state)
{
	struct seen s;
	struct match *m = matcher(&s, &in_order, 10);
	struct msg msg;

	(void)state;
	request(m, "a");
	msg = message(ROLE_INTERIM, 0, "100", clock_ns);
	msg.half.reason = "Continue";
	assert_int_equal(match_push(m, SIDE_RESP, &msg), 0);
	assert_int_equal(push_at(m, ROLE_INTERIM, 0, "103", clock_ns), 0);
	answer(m, "200");
	assert_int_equal(push_at(m, ROLE_INTERIM, 0, "100", clock_ns), 0); /* to nothing: ignored */
	expect(&s, m, "O1 a>-\nD1 a>200 interim=100 Continue interim=103\n");
}

static void answer_without_request_is_a_flow(void **state)
{
	struct seen s;
	struct match *m = matcher(&s, &in_order, 10);

	(void)state;
	answer(m, "1");
	part(m, ROLE_RESPONSE, "2");
	request(m, "a");
	answer(m, "2.");
	answer(m, "3");
	expect(&s, m, "D1 ->1 no_request\nO2 ->2 no_request\nO3 a>-\nD2 ->2. no_request\nD3 a>3\n");
}

static void no_answer_begins_before_its_request(void **state)
{
	struct seen s;
	struct match *m = matcher(&s, &in_order, 10);

	(void)state;
	request(m, "a");
	assert_int_equal(push_at(m, ROLE_RESPONSE, 0, "0", clock_ns - 1), 0);
	answer(m, "1");
	expect(&s, m, "O1 a>-\nD2 ->0 no_request\nD1 a>1\n");
}

static void after_a_loss_nothing_is_paired_until_order_is_certain(void **state)
{
	struct seen s;
	struct match *m = matcher(&s, &in_order, 10);

	(void)state;
	request(m, "a");
	match_lost(m, SIDE_RESP, FLOW_AFTER_GAP);
	assert_false(match_in_order(m));
	request(m, "b"); /* a's answer may come first */
	answer(m, "1");
	request(m, "c"); /* sent after a whole answer */
	assert_true(match_in_order(m));
	answer(m, "3");
	expect(&s, m,
	       "O1 a>-\nO2 b>-\nU1 a>- after_gap\nU2 b>- after_gap\n"
	       "D3 ->1 after_gap no_request\nO4 c>-\nD4 c>3\n");
}

/* While a hole was waited for, requests went on. */
static void requests_sent_after_an_answer_are_its_successors(void **state)
{
	struct seen s;
	struct match *m = matcher(&s, &in_order, 10);

	(void)state;
	request(m, "a"); /* at 10, relative to before */
	request(m, "b");
	request(m, "c");
	match_lost(m, SIDE_RESP, FLOW_AFTER_GAP);
	assert_int_equal(push_at(m, ROLE_RESPONSE, 0, "2", clock_ns - 5), 0); /* a's or b's */
	assert_true(match_in_order(m));
	answer(m, "3");
	expect(&s, m,
	       "O1 a>-\nO2 b>-\nO3 c>-\nU1 a>- after_gap\nU2 b>- after_gap\n"
	       "D4 ->2 after_gap no_request\nD3 c>3\n");
}

static void requests_before_a_lost_one_keep_their_answers(void **state)
{
	struct seen s;
	struct match *m = matcher(&s, &in_order, 10);

	(void)state;
	request(m, "a");
	match_lost(m, SIDE_REQ, FLOW_AFTER_GAP); /* of b, say */
	request(m, "c");
	answer(m, "1");
	answer(m, "2");
	assert_false(match_in_order(m));
	answer(m, "3"); /* no request in between: they are pipelined */
	request(m, "d");
	assert_false(match_in_order(m));
	expect(&s, m,
	       "O1 a>-\nO2 c>-\nD1 a>1\nU2 c>- after_gap\nD3 ->2 after_gap no_request\n"
	       "D4 ->3 after_gap no_request\nO5 d>-\n");
}

static void a_connection_that_pipelines_stays_unpaired_after_a_loss(void **state)
{
	struct seen s;
	struct match *m = matcher(&s, &in_order, 10);

	(void)state;
	request(m, "a");
	request(m, "b");
	answer(m, "1");
	answer(m, "2");
	match_lost(m, SIDE_REQ, FLOW_AFTER_GAP);
	answer(m, "3");
	request(m, "d");
	assert_false(match_in_order(m));
	match_expire(m, clock_ns + 100); /* silence: whatever was owed will not come */
	assert_true(match_in_order(m));
	request(m, "e");
	answer(m, "5");
	expect(&s, m,
	       "O1 a>-\nO2 b>-\nD1 a>1\nD2 b>2\nD3 ->3 after_gap no_request\nO4 d>-\n"
	       "U4 d>- after_gap\nO5 e>-\nD5 e>5\n");
}

static void the_oldest_request_gives_way_and_keeps_its_answer(void **state)
{
	struct seen s;
	struct match *m = matcher(&s, &in_order, 2);

	(void)state;
	request(m, "a");
	request(m, "b");
	request(m, "c");
	answer(m, "1");
	answer(m, "2");
	answer(m, "3");
	expect(&s, m,
	       "O1 a>-\nO2 b>-\nU1 a>- truncated\nO3 c>-\nD4 ->1 no_request\nD2 b>2\nD3 c>3\n");
}

static void an_old_request_is_unanswered_until_its_answer_comes(void **state)
{
	struct seen s;
	struct match *m = matcher(&s, &in_order, 10);

	(void)state;
	request(m, "a");
	match_expire(m, clock_ns); /* it ended later than that */
	match_expire(m, clock_ns + 2);
	match_expire(m, clock_ns + 2);
	request(m, "b");
	answer(m, "1");
	answer(m, "2");
	request(m, "c");
	match_expire(m, clock_ns + 2);
	match_end(m, false);
	expect(&s, m, "O1 a>-\nU1 a>-\nO2 b>-\nD1 a>1\nD2 b>2\nO3 c>-\nU3 c>-\n");
}

static void the_end_of_a_connection_ends_its_exchanges(void **state)
{
	struct seen s;
	struct match *m = matcher(&s, &in_order, 10);
	struct msg msg;

	(void)state;
	request(m, "a");
	match_end(m, false);
	request(m, "b");
	part(m, ROLE_RESPONSE, "2");
	msg = message(ROLE_RESPONSE, 0, "2!", clock_ns);
	msg.cut = true;
	assert_int_equal(match_push(m, SIDE_RESP, &msg), 0);
	request(m, "c");
	match_end(m, true);
	expect(&s, m, "O1 a>-\nU1 a>-\nO2 b>-\nO2 b>2\nR2 b>2!\nO3 c>-\nR3 c>-\n");
}

static void messages_of_a_stream_are_written_once(void **state)
{
	struct seen s;
	struct match *m = matcher(&s, &in_order, 10);
	struct msg msg = message(ROLE_REQUEST, 0, "a", 1);

	(void)state;
	msg.streams = true;
	assert_int_equal(match_push(m, SIDE_REQ, &msg), 0);
	assert_int_equal(push_at(m, ROLE_RESPONSE, 0, "101", 2), 0);
	assert_int_equal(push_at(m, ROLE_MESSAGE, 0, "x", 3), 0);
	assert_true(match_wants_flush(m));
	match_flush(m, 1000);
	match_flush(m, 200000000);
	assert_false(match_wants_flush(m));
	assert_int_equal(push_at(m, ROLE_MESSAGE, 0, "x", 400000000), 0);
	assert_int_equal(push_at(m, ROLE_MESSAGE, 0, "x", 400000001), 0);
	assert_int_equal(push_at(m, ROLE_END, 0, "", 400000002), 0);
	assert_int_equal(push_at(m, ROLE_MESSAGE, 0, "x", 400000003), 0);
	match_end(m, false);
	expect(&s, m,
	       "O1 a>-\nO1 a>101\nO1 a>101 <1\nO1 a>101 <2\nD1 a>101 <3\n"
	       "D2 ->- <1 no_request\n");
}

struct writes {
	size_t n, msgs, most;
	uint64_t seq, holes, bytes;
	struct flow last;
};

static void count_writes(void *ctx, const struct flow *f)
{
	struct writes *w = ctx;

	w->n++;
	w->msgs += f->nmsgs;
	if (f->nmsgs > w->most)
		w->most = f->nmsgs;
	for (size_t i = 0; i < f->nmsgs; i++) {
		assert_true(f->msgs[i].seq > w->seq); /* never one twice */
		w->holes += f->msgs[i].seq - w->seq - 1;
		w->seq = f->msgs[i].seq;
		w->bytes += f->msgs[i].body.data.n;
	}
	w->last = *f;
}

static void no_id(void *ctx, uint64_t begin_ns, uint8_t ret_id[16])
{
	(void)ctx;
	(void)begin_ns;
	memset(ret_id, 0, 16);
}

/* A stream with n messages of size bytes, one every step_ns; writes are due as with a tick every 100 ms. */
static void talk(struct writes *w, const struct proto *p, bool all, unsigned n, size_t size,
		 uint64_t step_ns)
{
	struct match_hooks hooks = { count_writes, no_id, w, 0, all, false };
	struct match *m = match_new(p, &conn, 0, 10, &hooks);
	uint64_t at = 1, tick = 100000000;
	struct msg msg = message(ROLE_REQUEST, 7, "a", at);
	size_t held = 0;

	*w = (struct writes){ 0 };
	assert_int_equal(match_push(m, SIDE_REQ, &msg), 0);
	msg = message(ROLE_RESPONSE, 7, "101", at);
	msg.streams = true;
	assert_int_equal(match_push(m, SIDE_RESP, &msg), 0);
	for (unsigned i = 0; i < n; i++) {
		for (at += step_ns; tick <= at; tick += 100000000)
			match_flush(m, tick);
		msg = (struct msg){ .role = ROLE_MESSAGE,
				    .key = 7,
				    .arena = arena_new(size + 4096) };
		msg.half.begin_ns = msg.half.end_ns = at;
		msg.half.op = "text";
		msg.half.body.data = (struct slice){ arena_alloc(msg.arena, size), size };
		msg.half.body.len = msg.half.body.captured = size;
		assert_int_equal(match_push(m, i % 4 ? SIDE_RESP : SIDE_REQ, &msg), 0);
		if (match_held(m) > held)
			held = match_held(m);
	}
	assert_true(held < (8u << 20) + 2 * size);
	assert_true(match_streams(m));
	msg = (struct msg){ .role = ROLE_END, .key = 7, .half = { .begin_ns = at, .end_ns = at } };
	assert_int_equal(match_push(m, SIDE_RESP, &msg), 0);
	assert_false(match_streams(m));
	assert_int_equal(match_held(m), 0);
	match_free(m);
	assert_int_equal(w->last.state, FLOW_DONE);
	assert_int_equal(w->last.stream.n[0] + w->last.stream.n[1], n);
	assert_int_equal(w->last.stream.n[0], (n + 3) / 4);
	assert_int_equal(w->last.stream.bytes[0] + w->last.stream.bytes[1], n * (uint64_t)size);
	assert_int_equal(w->msgs + w->last.stream.left_out, n);
	assert_true(w->last.resp.end_ns == at);
}

static void a_stream_is_written_ten_times_a_second(void **state)
{
	struct writes w;

	(void)state;
	talk(&w, &in_order, false, 20000, 10, 500000); /* ten seconds */
	assert_in_range(w.n, 95, 104);
	assert_int_equal(w.last.stream.left_out, 0);
	assert_int_equal(w.msgs, 20000);
	talk(&w, &keyed, false, 20000, 10, 500000);
	assert_in_range(w.n, 95, 104);
	assert_int_equal(w.msgs, 20000);
}

static void what_finds_no_room_until_the_next_write_is_counted(void **state)
{
	struct writes w;

	(void)state;
	talk(&w, &in_order, false, 300000, 10, 1000); /* 0.3 seconds */
	assert_true(w.n <= 8 && w.most <= 4096);
	assert_true(w.last.stream.left_out > 200000);
	assert_true(w.holes <= w.last.stream.left_out);
	assert_true(w.last.flags & FLOW_TRUNCATED);
	talk(&w, &in_order, false, 100, 1 << 20, 1000); /* and by bytes */
	assert_true(w.last.stream.left_out > 90 && w.most <= 4);
	talk(&w, &in_order, false, 3, 8 << 20, 100000001); /* a large one alone has room */
	assert_int_equal(w.last.stream.left_out, 0);
}

static void for_a_file_nothing_is_left_out(void **state)
{
	struct writes w;

	(void)state;
	talk(&w, &in_order, true, 300000, 10, 1000);
	assert_int_equal(w.last.stream.left_out, 0);
	assert_int_equal(w.msgs, 300000);
	assert_true(w.n < 300000 / 1000);
}

/* The protocol changes: what streams goes on, and nothing else. */
static void a_stream_outlives_its_protocol(void **state)
{
	static const struct proto other = { .name = "other", .match = MATCH_ORDER };
	struct seen s;
	struct match *m = matcher(&s, &in_order, 10);
	struct msg msg;

	(void)state;
	request(m, "a");
	msg = message(ROLE_RESPONSE, 0, "101", clock_ns += 10);
	msg.streams = true;
	msg.proto = "other";
	assert_int_equal(match_push(m, SIDE_RESP, &msg), 0);
	request(m, "b");
	match_become(m, &other);
	assert_true(match_streams(m));
	msg = message(ROLE_MESSAGE, 0, "x", clock_ns += 200000000);
	msg.ends = true;
	assert_int_equal(match_push(m, SIDE_RESP, &msg), 0);
	assert_false(match_streams(m));
	expect(&s, m, "O1 a>-\nO1 a>101\nO2 b>-\nU2 b>-\nD1 a>101 <1\n");
}

static void note_times(void *ctx, const struct flow *f)
{
	uint64_t *times = ctx;

	for (size_t i = 0; i < f->nmsgs; i++)
		times[f->msgs[i].seq] = f->msgs[i].ts_ns;
}

/* Its side looked as if it had one message only: gRPC takes that body back with the second. */
static void a_message_that_was_a_body_keeps_its_time(void **state)
{
	uint64_t times[4] = { 0 };
	struct match_hooks hooks = { note_times, no_id, times, 0, false, false };
	struct match *m = match_new(&in_order, &conn, 0, 10, &hooks);
	struct msg msg;

	(void)state;
	request(m, "a");
	for (unsigned i = 0; i < 3; i++) {
		msg = message(ROLE_RESPONSE, 0, "200", 1000 * (i + 1));
		msg.partial = true;
		msg.streams = i == 2; /* the head; its body; both again, without the body */
		assert_int_equal(match_push(m, SIDE_RESP, &msg), 0);
	}
	for (unsigned i = 0; i < 2; i++) {
		msg = message(ROLE_MESSAGE, 0, "", 3000);
		msg.told = i == 0;
		assert_int_equal(match_push(m, SIDE_RESP, &msg), 0);
	}
	match_end(m, false);
	match_free(m);
	assert_int_equal(times[1], 2001);
	assert_int_equal(times[2], 3000);
}

static void messages_without_memory_are_counted(void **state)
{
	(void)state;
	for (size_t fail = 0; fail < 12; fail++) {
		struct writes w = { 0 };
		struct match_hooks hooks = { count_writes, no_id, &w, 0, false, false };
		struct match *m = match_new(&in_order, &conn, 0, 10, &hooks);
		bool failed = false;

		alloc_fail(fail, 1);
		for (size_t i = 0; i < 10; i++) {
			struct msg msg = message(ROLE_MESSAGE, 0, "x", 10 * i);

			failed |= match_push(m, SIDE_RESP, &msg) == -ENOMEM;
		}
		(void)alloc_refused();
		match_end(m, false);
		match_free(m);
		assert_true(failed || w.msgs + w.last.stream.left_out == 10);
		assert_true(w.last.stream.left_out == 0 || w.last.flags & FLOW_TRUNCATED);
	}
}

static void a_keyed_stream_has_a_protocol_of_its_own_and_goes_on_until_its_end(void **state)
{
	static const struct flow_attr why[] = { { "reset", "CANCEL" } };
	struct seen s;
	struct match *m = matcher(&s, &keyed, 10);
	struct msg msg = message(ROLE_REQUEST, 7, "a", 1);

	(void)state;
	msg.streams = msg.partial = true;
	msg.proto = "inner";
	assert_int_equal(match_push(m, SIDE_REQ, &msg), 0);
	assert_string_equal(s.proto, "inner");
	assert_int_equal(push_at(m, ROLE_MESSAGE, 7, "x", 3), 0);
	assert_int_equal(push_at(m, ROLE_REQUEST, 7, "a", 5), 0); /* the same, whole */
	assert_int_equal(push_at(m, ROLE_REQUEST, 9, "b", 6), 0);
	assert_string_equal(s.proto, "key");
	msg = message(ROLE_END, 7, "", 8);
	msg.cut = true;
	msg.half.attrs = why;
	msg.half.nattrs = 1;
	assert_int_equal(match_push(m, SIDE_RESP, &msg), 0);
	assert_string_equal(s.asked, "reset=CANCEL");
	assert_int_equal(push_at(m, ROLE_END, 9, "", 9), 0); /* of what was no stream */
	expect(&s, m, "O1 a>-\nO1 a>- <1\nO2 b>-\nR1 a>-\nD2 b>-\n");
}

static void oneway_is_done_at_once(void **state)
{
	struct seen s;
	struct match *m = matcher(&s, &in_order, 10);

	(void)state;
	assert_int_equal(push_at(m, ROLE_ONEWAY, 0, "n", 3), 0);
	expect(&s, m, "D1 ->n\n");
}

/* One allocation after the other fails; an answer is never given to another request. */
static void failed_allocations_never_pair_wrongly(void **state)
{
	(void)state;
	for (size_t fail = 0; fail < 60; fail++) {
		struct seen s;
		struct match *m = matcher(&s, fail % 2 ? &in_order : &keyed, 10);
		static const char *const names[] = { "a", "b", "c", "d", "e", "f" };
		bool failed = false;

		alloc_fail(fail / 2, 1);
		for (size_t i = 0; i < 6; i++) {
			uint64_t at = 10 * i;
			uint64_t key = (uint64_t)names[i][0];
			struct msg msg = message(ROLE_REQUEST, key, names[i], at);

			if (!msg.half.target)
				msg.half.target = "?";
			failed |= match_push(m, SIDE_REQ, &msg) == -ENOMEM;
			msg = message(ROLE_RESPONSE, key, names[i], at + 5);
			msg.partial = true;
			if (!msg.half.status)
				msg.half.status = "?";
			failed |= match_push(m, SIDE_RESP, &msg) == -ENOMEM;
			msg = message(ROLE_RESPONSE, key, names[i], at + 6);
			if (!msg.half.status)
				msg.half.status = "?";
			failed |= match_push(m, SIDE_RESP, &msg) == -ENOMEM;
		}
		(void)alloc_refused();
		for (char *line = strtok(s.text, "\n"); line; line = strtok(NULL, "\n")) {
			char *arrow = strchr(line, '>');

			assert_true(arrow[-1] == arrow[1] || strchr("-?", arrow[-1]) ||
				    strchr("-?", arrow[1]));
		}
		assert_true(!failed || strlen(s.text) > 0);
		match_free(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pipelined_requests_pair_in_order),
		cmocka_unit_test(what_is_over_soon_is_told_once),
		cmocka_unit_test(for_a_file_only_streams_are_told_while_open),
		cmocka_unit_test(keys_pair_in_any_order),
		cmocka_unit_test(a_key_used_again_ends_the_exchange_before),
		cmocka_unit_test(a_quick_answer_waits_for_its_keyed_request),
		cmocka_unit_test(parts_are_written_under_one_id),
		cmocka_unit_test(an_early_answer_waits_for_the_end_of_its_request),
		cmocka_unit_test(interim_answers_become_attributes),
		cmocka_unit_test(answer_without_request_is_a_flow),
		cmocka_unit_test(no_answer_begins_before_its_request),
		cmocka_unit_test(after_a_loss_nothing_is_paired_until_order_is_certain),
		cmocka_unit_test(requests_sent_after_an_answer_are_its_successors),
		cmocka_unit_test(requests_before_a_lost_one_keep_their_answers),
		cmocka_unit_test(a_connection_that_pipelines_stays_unpaired_after_a_loss),
		cmocka_unit_test(the_oldest_request_gives_way_and_keeps_its_answer),
		cmocka_unit_test(an_old_request_is_unanswered_until_its_answer_comes),
		cmocka_unit_test(the_end_of_a_connection_ends_its_exchanges),
		cmocka_unit_test(messages_of_a_stream_are_written_once),
		cmocka_unit_test(
			a_keyed_stream_has_a_protocol_of_its_own_and_goes_on_until_its_end),
		cmocka_unit_test(a_stream_is_written_ten_times_a_second),
		cmocka_unit_test(what_finds_no_room_until_the_next_write_is_counted),
		cmocka_unit_test(for_a_file_nothing_is_left_out),
		cmocka_unit_test(a_stream_outlives_its_protocol),
		cmocka_unit_test(a_message_that_was_a_body_keeps_its_time),
		cmocka_unit_test(messages_without_memory_are_counted),
		cmocka_unit_test(oneway_is_done_at_once),
		cmocka_unit_test(failed_allocations_never_pair_wrongly),
	};

	return cmocka_run_group_tests_name("match", tests, NULL, NULL);
}
