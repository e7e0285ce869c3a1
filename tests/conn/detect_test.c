/* SPDX-License-Identifier: Apache-2.0 */
/* Who is chosen: both directions, how sure they are, and what happens when they were wrong. */
#include "test.h"
#include "toy.h"
#include "world.h"

static struct world w;

/* --- protocols with one letter each ------------------------------------------------------------------
 * A message is two letters.  Requests of `first`: 'a' and anything but '!'; of `second`: 'b' and anything, "a!",
 * and perhaps 'c'.
 * Their answers are written in capitals.  `third` greets first ('G' and anything), and hands over to TLS at "tl". */

struct letters {
	unsigned inherited;
};

static enum probe letter_probe(struct slice in, char yes, char likely)
{
	if (in.n < 2)
		return in.n == 0 || in.p[0] == yes || in.p[0] == likely ? PROBE_MAYBE : PROBE_NO;
	return in.p[0] == yes ? PROBE_YES : in.p[0] == likely ? PROBE_LIKELY : PROBE_NO;
}

static enum probe probe_first(enum side side, struct slice in)
{
	return letter_probe(in, side == SIDE_REQ ? 'a' : 'A', 0);
}

static enum probe probe_second(enum side side, struct slice in)
{
	if (side == SIDE_REQ && in.n > 1 && in.p[0] == 'a' && in.p[1] == '!')
		return PROBE_YES;
	return letter_probe(in, side == SIDE_REQ ? 'b' : 'B', side == SIDE_REQ ? 'c' : 'C');
}

static enum probe probe_third(enum side side, struct slice in)
{
	return letter_probe(in, side == SIDE_REQ ? 'x' : 'G', side == SIDE_REQ ? 't' : 0);
}

static struct parse letters(void *state, enum side side, struct slice in, struct msg *out,
			    const char *starts)
{
	const struct letters *l = state;
	char name[8] = "";

	if (in.n < 2)
		return (struct parse){ .kind = PARSE_MORE, .need = 2 };
	if (!strchr(starts, in.p[0]) || in.p[1] == '?' || (in.p[1] == '!' && starts[1] == '\0'))
		return (struct parse){ .kind = PARSE_BAD };
	memcpy(name, in.p, 2);
	if (l->inherited)
		name[2] = (char)('0' + l->inherited);
	out->role = side == SIDE_REQ ? ROLE_REQUEST : in.p[0] == 'G' ? ROLE_ONEWAY : ROLE_RESPONSE;
	out->arena = arena_new(4096);
	if (out->arena && side == SIDE_REQ)
		out->half.target = arena_str(out->arena, slice_str(name));
	else if (out->arena)
		out->half.status = arena_str(out->arena, slice_str(name));
	return (struct parse){ .kind = PARSE_MSG, .used = 2 };
}

static struct parse parse_first(void *state, enum side side, struct slice in, struct msg *out)
{
	return letters(state, side, in, out, side == SIDE_REQ ? "a" : "A");
}

static struct parse parse_second(void *state, enum side side, struct slice in, struct msg *out)
{
	return letters(state, side, in, out, side == SIDE_REQ ? "abc" : "ABC");
}

static const struct proto third;
static struct parse parse_third(void *state, enum side side, struct slice in, struct msg *out)
{
	struct parse r = letters(state, side, in, out, side == SIDE_REQ ? "xt" : "GX");

	if (r.kind == PARSE_MSG && in.p[0] == 't') {
		r.kind = PARSE_STOP;
		r.has_msg = true;
		r.inside = &third;
		((struct letters *)state)->inherited = 4;
	}
	return r;
}

static void inherit(void *state, const struct proto *from, void *from_state)
{
	assert_ptr_equal(from, &third);
	((struct letters *)state)->inherited = ((struct letters *)from_state)->inherited + 1;
}

static size_t resync(void *state, enum side side, struct slice in, size_t from)
{
	(void)state;
	for (size_t i = from; i < in.n; i++)
		if (in.p[i] == (side == SIDE_REQ ? 'a' : 'A'))
			return i;
	return in.n;
}

#define STATE .state_size = sizeof(struct letters)
static const struct proto first = { .name = "first",
				    .probe = probe_first,
				    .parse = parse_first,
				    .resync = resync,
				    STATE };
static const struct proto second = { .name = "second", .probe = probe_second, .parse = parse_second, STATE };
static const struct proto third = { .name = "third",
				    .probe = probe_third,
				    .parse = parse_third,
				    .inherit = inherit,
				    STATE };
static const struct proto *const protos[] = { &first, &second, &third, NULL };

static int begin(void **state)
{
	(void)state;
	world_begin(&w);
	w.named = false;
	w.hooks.protos = protos;
	world_start(&w);
	return 0;
}

static int end(void **state)
{
	(void)state;
	world_end(&w);
	return 0;
}

static void expect(const char *proto, const char *text)
{
	assert_string_equal(world_text(&w), text);
	assert_string_equal(w.flows[w.n - 1].proto, proto);
}

/* --- tests --- */

static void proof_in_one_direction_is_enough(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	world_data(&w, 1, EV_WRITE, 0, "b1");
	world_wait(&w, 100 * MS);
	expect("second", "b1>- open\n");
}

static void what_is_likely_waits_for_the_other_direction(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	world_data(&w, 1, EV_WRITE, 0, "c1");
	world_wait(&w, SECOND);
	assert_int_equal(w.n, 0);
	world_data(&w, 1, EV_READ, 0, "C1");
	expect("second", "c1>C1 done\n");
}

static void what_is_likely_is_nothing_when_the_other_direction_is_not(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	world_data(&w, 1, EV_WRITE, 0, "c1");
	world_data(&w, 1, EV_READ, 0, "?1");
	world_wait(&w, SECOND);
	expect("tcp", "10.0.0.2:80>unknown open\n");
}

static void what_is_likely_is_taken_when_nobody_answers(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	world_data(&w, 1, EV_WRITE, 0, "c1");
	world_wait(&w, 10 * SECOND);
	expect("second", "c1>- open\n");
}

static void both_directions_beat_one(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	/* `first` is sure of the request alone; `second`, which comes behind it in the list, of both. */
	world_data(&w, 1, EV_WRITE, 0, "a");
	world_data(&w, 1, EV_READ, 0, "B1");
	world_data(&w, 1, EV_WRITE, 1, "!");
	expect("second", "a!>B1 done\n");
}

static void a_server_that_greets_first_is_known_by_it(void **state)
{
	(void)state;
	world_open(&w, world_server(1));
	world_data(&w, 2, EV_WRITE, 0, "G1");
	world_wait(&w, 200 * MS);
	world_data(&w, 2, EV_READ, 0, "x1");
	world_data(&w, 2, EV_WRITE, 2, "X1");
	expect("third", "->G1 done\nx1>X1 done\n");
}

static void and_tells_who_the_server_is(void **state)
{
	struct world_socket s = world_client(1);

	(void)state;
	s.side = EV_SIDE_UNKNOWN;
	world_open(&w, s);
	world_data(&w, 1, EV_WRITE, 0, "G1"); /* its port is the higher one */
	world_wait(&w, 200 * MS);
	world_data(&w, 1, EV_READ, 0, "x1");
	world_data(&w, 1, EV_WRITE, 2, "X1");
	assert_int_equal(w.flows[1].server_port, s.port);
	assert_string_equal(w.flows[1].answer, "X1");
}

static void what_tls_protects_goes_on_as_said(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	world_data(&w, 1, EV_READ, 0, "G1");
	world_data(&w, 1, EV_WRITE, 0, "tl");
	world_data(&w, 1, EV_WRITE, 2, "\x16\x03\x01");
	world_plain(&w, 1, EV_WRITE, 0, "x9"); /* no probe would be asked: it is third's */
	world_plain(&w, 1, EV_READ, 0, "X9");
	assert_int_equal(w.n, 3);
	assert_string_equal(w.flows[2].proto, "third");
	assert_string_equal(w.flows[2].request, "x95"); /* with what the first parser knew */
	assert_true(w.flows[2].tls);
	assert_false(w.flows[1].tls);
}

static void a_wrong_guess_that_another_is_sure_of_loses_nothing(void **state)
{
	(void)state;
	world_open(&w, world_client(1));
	world_data(&w, 1, EV_WRITE, 0, "a!b2"); /* first is asked first, says yes, and cannot read it */
	world_data(&w, 1, EV_READ, 0, "B1B2");
	assert_int_equal(conn_table_stats(w.t)->refused_conns, 1);
	expect("second", "a!>B1 done\nb2>B2 done\n");
}

static void a_guess_that_never_gives_a_message_is_given_up(void **state)
{
	uint64_t at = 0;

	(void)state;
	world_open(&w, world_client(1));
	for (; at < 40; at += 2)
		world_data(&w, 1, EV_WRITE, at, "a?");
	world_data(&w, 1, EV_READ, 0, "??");
	world_close(&w, 1, EV_END_ALL, 2, at);
	world_wait(&w, SECOND);
	assert_int_equal(conn_table_stats(w.t)->refused_conns, 1);
	assert_string_equal(w.flows[w.n - 1].proto, "tcp");
	assert_int_equal(w.flows[w.n - 1].req_len, at); /* with what the guess had taken */
}

static void a_protocol_that_ends_in_rubbish_is_followed_by_a_conversation(void **state)
{
	uint64_t at = 2;

	(void)state;
	world_open(&w, world_client(1));
	world_data(&w, 1, EV_WRITE, 0, "a1");
	world_data(&w, 1, EV_READ, 0, "A1");
	for (; at < 402; at += 2)
		world_data(&w, 1, EV_WRITE, at, "a?");
	world_close(&w, 1, EV_END_ALL, 2, at);
	world_wait(&w, SECOND);
	assert_string_equal(w.flows[0].answer, "A1");
	assert_string_equal(w.flows[w.n - 1].proto, "tcp");
	assert_in_range(w.flows[w.n - 1].req_len, 200, 398);
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(proof_in_one_direction_is_enough),
		T(what_is_likely_waits_for_the_other_direction),
		T(what_is_likely_is_nothing_when_the_other_direction_is_not),
		T(what_is_likely_is_taken_when_nobody_answers),
		T(both_directions_beat_one),
		T(a_server_that_greets_first_is_known_by_it),
		T(and_tells_who_the_server_is),
		T(what_tls_protects_goes_on_as_said),
		T(a_wrong_guess_that_another_is_sure_of_loses_nothing),
		T(a_guess_that_never_gives_a_message_is_given_up),
		T(a_protocol_that_ends_in_rubbish_is_followed_by_a_conversation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
