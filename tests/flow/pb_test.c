/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"
#include "sample.h"

#include <errno.h>
#include <stdlib.h>

#include "flow/json.h"
#include "flow/pb.h"

static void survives(const struct flow *flow)
{
	struct arena *a = arena_new(1 << 20);
	struct buf pb = { 0 }, before = { 0 }, after = { 0 };
	struct flow f;

	assert_int_equal(flow_pb_pack(&pb, flow), 0);
	assert_int_equal(flow_pb_unpack(buf_slice(&pb), a, &f), 0);
	flow_json(&before, flow, NULL);
	flow_json(&after, &f, NULL);
	assert_int_equal(before.n, after.n);
	assert_memory_equal(before.p, after.p, after.n);
	buf_release(&pb);
	buf_release(&before);
	buf_release(&after);
	arena_free(a);
}

static void round_trip_loses_nothing(void **state)
{
	(void)state;
	survives(sample_flow());
	survives(sample_unix_flow());
	survives(sample_marked_flow());
}

static void a_mark_that_is_none_is_left_out(void **state)
{
	static char longer[FLOW_NOTE_MAX + 2];
	const struct flow_mark bad[] = { { .colour = 7 }, { .note = "\xff" }, { .note = longer } };
	struct flow in = *sample_flow(), out;

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	for (size_t i = 0; i < 3; i++) {
		struct arena *a = arena_new(1 << 20);
		struct buf pb = { 0 };

		in.mark = &bad[i];
		assert_int_equal(flow_pb_pack(&pb, &in), 0);
		assert_int_equal(flow_pb_unpack(buf_slice(&pb), a, &out), 0);
		assert_null(out.mark);
		buf_release(&pb);
		arena_free(a);
	}
}

static void what_is_no_json_is_not_shown(void **state)
{
	struct arena *a = arena_new(1 << 20);
	struct flow_msg msg = sample_flow()->msgs[1];
	struct flow in = *sample_flow(), out;
	struct buf pb = { 0 };

	(void)state;
	msg.body.shown = SLICE_LIT("{}\n{\"v\":1}");
	in.msgs = &msg;
	in.nmsgs = 1;
	assert_int_equal(flow_pb_pack(&pb, &in), 0);
	assert_int_equal(flow_pb_unpack(buf_slice(&pb), a, &out), 0);
	assert_int_equal(out.msgs[0].body.data.n, 2);
	assert_int_equal(out.msgs[0].body.shown.n, 0);
	buf_release(&pb);
	arena_free(a);
}

/* What the store keeps of a record as it came is what it keeps when it writes the flow again. */
static void bare_is_what_is_written_without_them(void **state)
{
	const struct flow_mark mark = { .colour = 1, .pinned = true };
	struct flow flow = *sample_flow();
	struct buf pb = { 0 }, bare = { 0 }, want = { 0 };

	(void)state;
	assert_true(flow.req.body.data.n > 0 || flow.resp.body.data.n > 0);
	assert_true(flow.nmsgs > 0);
	flow.mark = &mark;
	assert_int_equal(flow_pb_pack(&pb, &flow), 0);
	assert_int_equal(flow_pb_bare(&bare, buf_slice(&pb)), 0);
	flow.req.body.data = flow.req.body.shown = (struct slice){ 0 };
	flow.resp.body.data = flow.resp.body.shown = (struct slice){ 0 };
	flow.nmsgs = 0;
	flow.mark = NULL;
	assert_int_equal(flow_pb_pack(&want, &flow), 0);
	assert_true(bare.n < pb.n);
	assert_int_equal(bare.n, want.n);
	assert_memory_equal(bare.p, want.p, want.n);
	for (size_t n = 0; n < pb.n; n++) { /* of any cut: an error or less bytes, nothing read beyond it */
		uint8_t *cut = malloc(n + 1);

		memcpy(cut, pb.p, n);
		buf_clear(&bare);
		(void)flow_pb_bare(&bare, (struct slice){ cut, n });
		assert_true(bare.n <= n + 4);
		free(cut);
	}
	buf_clear(&bare);
	assert_int_equal(flow_pb_bare(&bare, SLICE_LIT("\x42\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")), -EBADMSG);
	assert_int_equal(flow_pb_bare(&bare, SLICE_LIT("\x43\x01")), -EBADMSG);
	buf_release(&pb);
	buf_release(&bare);
	buf_release(&want);
}

/* Every cut either fails, or gives a flow (protobuf has no end mark); it never reads beyond the cut. */
static void every_cut_is_survived(void **state)
{
	struct buf pb = { 0 };

	(void)state;
	assert_int_equal(flow_pb_pack(&pb, sample_flow()), 0);
	for (size_t n = 0; n < pb.n; n++) {
		struct slice in = guarded(slice_cut(buf_slice(&pb), 0, n));
		struct arena *a = arena_new(1 << 20);
		struct flow f;
		int r = flow_pb_unpack(in, a, &f);

		assert_true(r == 0 || r == -EBADMSG);
		arena_free(a);
		guarded_free(in);
	}
	buf_release(&pb);
}

static void arena_limit_is_no_memory(void **state)
{
	struct arena *a = arena_new(256);
	struct buf pb = { 0 };
	struct flow f;

	(void)state;
	assert_int_equal(flow_pb_pack(&pb, sample_flow()), 0);
	assert_int_equal(flow_pb_unpack(buf_slice(&pb), a, &f), -ENOMEM);
	buf_release(&pb);
	arena_free(a);
}

static void fields_out_of_range_are_refused(void **state)
{
	static const struct {
		const char *what;
		struct slice pb;
	} bad[] = {
		{ "nothing", { (const uint8_t *)"", 0 } },
		{ "id of 3 bytes",
		  { (const uint8_t *)"\x0a\x03"
				     "abc"
				     "\x1a\x00"
				     "\x22\x01x",
		    10 } },
	};
	struct arena *a = arena_new(1 << 20);
	struct flow f;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(flow_pb_unpack(bad[i].pb, a, &f), -EBADMSG);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip_loses_nothing),
		cmocka_unit_test(a_mark_that_is_none_is_left_out),
		cmocka_unit_test(what_is_no_json_is_not_shown),
		cmocka_unit_test(bare_is_what_is_written_without_them),
		cmocka_unit_test(every_cut_is_survived),
		cmocka_unit_test(arena_limit_is_no_memory),
		cmocka_unit_test(fields_out_of_range_are_refused),
	};

	return cmocka_run_group_tests_name("flow_pb", tests, NULL, NULL);
}
