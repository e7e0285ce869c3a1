/* SPDX-License-Identifier: Apache-2.0 */
/* What people note beside flows, and that pinned flows outlive the others. */
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "store/sqlite.h"

static const struct store_ops *const ops = &store_sqlite;
static char dir[64], path[96];

static int setup(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/limpid-mark-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/flows.db", dir);
	return 0;
}

static int teardown(void **state)
{
	static const char *const ends[] = { "", "-wal", "-shm", ".lock" };
	char name[128];

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		(void)snprintf(name, sizeof(name), "%s%s", path, ends[i]);
		(void)unlink(name);
	}
	return rmdir(dir);
}

static struct store *open_limited(uint64_t max_bytes, uint64_t max_age_ns)
{
	struct store_limits lim = { max_bytes, max_age_ns };
	struct store *s = NULL;
	char err[512];

	assert_int_equal(ops->open(&s, path, &lim, err, sizeof(err)), 0);
	return s;
}

static const uint8_t *id_of(uint64_t n)
{
	static uint8_t id[16];

	memset(id, 0, sizeof(id));
	id[14] = (uint8_t)(n >> 8);
	id[15] = (uint8_t)n;
	return id;
}

/* Flow n, begun n seconds after the others' common time. */
static uint64_t put(struct store *s, uint64_t n, struct slice body)
{
	const struct flow_conn conn = { .l4 = "tcp" };
	struct flow f = {
		.epoch_ns = 1700000000000000000 + (int64_t)n * 1000000000,
		.conn = &conn,
		.proto = "http1",
		.state = FLOW_DONE,
		.has_req = true,
		.has_resp = true,
		.req = { .begin_ns = 1, .end_ns = 2, .op = "GET", .target = "/" },
		.resp = { .begin_ns = 3,
			  .end_ns = 4,
			  .status = "200",
			  .body = { .data = body, .len = body.n, .captured = body.n } },
	};
	uint64_t row;
	bool is_new;

	memcpy(f.id, id_of(n), 16);
	assert_int_equal(ops->put(s, &f, (struct slice){ 0 }, &row, &is_new), 0);
	return row;
}

static int mark(struct store *s, uint64_t n, const struct store_mark *change)
{
	struct arena *a = arena_new(1 << 20);
	struct flow_mark now;
	uint64_t row;
	int r = ops->mark(s, id_of(n), change, a, &row, &now);

	arena_free(a);
	if (r == 0)
		assert_int_equal(ops->commit(s), 0);
	return r;
}

static int pin(struct store *s, uint64_t n, bool on)
{
	return mark(s, n, &(struct store_mark){ .pinned = true, .to = { .pinned = on } });
}

/* "3P note", "" for nothing, as by_id has it; *ret_row when there is such a flow, else 0. */
static const char *marked(struct store *s, uint64_t n, uint64_t *ret_row)
{
	static char text[100];
	struct arena *a = arena_new(1 << 20);
	struct flow f;

	*ret_row = 0;
	text[0] = '\0';
	if (ops->by_id(s, id_of(n), a, 0, &f, ret_row) == 0 && f.mark)
		(void)snprintf(text, sizeof(text), "%u%s %s", f.mark->colour,
			       f.mark->pinned ? "P" : "", f.mark->note ? f.mark->note : "");
	arena_free(a);
	return text;
}

static bool seen(void *ctx, uint64_t row, const struct flow *f)
{
	(void)snprintf((char *)ctx + strlen(ctx), 100 - strlen(ctx), "%d:%u%s%s,", (int)row,
		       f->mark ? f->mark->colour : 0, f->mark && f->mark->pinned ? "P" : "",
		       f->mark && f->mark->note ? f->mark->note : "");
	return true;
}

static int64_t pages_bytes(struct store *s)
{
	return store_number(s->db, "PRAGMA page_count") * store_number(s->db, "PRAGMA page_size");
}

static void marks_are_changed_in_part_and_kept(void **state)
{
	struct store *s = open_limited(0, 0);
	char rows[100] = "";
	uint64_t row;

	(void)state;
	for (uint64_t n = 1; n <= 3; n++)
		put(s, n, SLICE_LIT("x"));
	assert_int_equal(mark(s, 2, &(struct store_mark){ .colour = true, .to = { .colour = 3 } }), 0);
	assert_string_equal(marked(s, 2, &row), "3 ");
	assert_int_equal(
		mark(s, 2, &(struct store_mark){ .note = true, .to = { .note = "look \xc3\xa9" } }), 0);
	assert_int_equal(pin(s, 3, true), 0);
	assert_int_equal(mark(s, 9, &(struct store_mark){ .colour = true }), -ENOENT);
	put(s, 2, SLICE_LIT("longer")); /* written again by its agent */
	assert_int_equal(ops->commit(s), 0);
	ops->close(s);
	s = open_limited(0, 0);
	assert_string_equal(marked(s, 2, &row), "3 look \xc3\xa9");
	assert_int_equal(ops->scan(s, 0, 9, true, seen, rows), 0);
	assert_string_equal(rows, "1:0,2:3look \xc3\xa9,3:0P,");
	assert_int_equal(mark(s, 2, &(struct store_mark){ .colour = true, .note = true }), 0);
	assert_string_equal(marked(s, 2, &row), "");
	assert_int_equal(store_number(s->db, "SELECT count(*) FROM marks"), 1);
	assert_int_equal(ops->clear(s), 0);
	assert_int_equal(store_number(s->db, "SELECT count(*) FROM marks"), 0);
	ops->close(s);
}

static void a_pinned_flow_outlives_its_age_under_a_new_number(void **state)
{
	struct store *s = open_limited(0, 10000000000);
	struct store_stats st;
	uint64_t row;

	(void)state;
	for (uint64_t n = 1; n <= 30; n++)
		put(s, n, SLICE_LIT("body"));
	assert_int_equal(ops->commit(s), 0);
	assert_int_equal(pin(s, 1, true), 0);
	assert_int_equal(pin(s, 5, true), 0);
	assert_int_equal(mark(s, 4, &(struct store_mark){ .colour = true, .to = { .colour = 1 } }), 0);
	/* Older than ten seconds: 1 to 19; two of them are pinned. */
	assert_int_equal(ops->trim(s, 1700000030000000000), 17);
	assert_string_equal(marked(s, 1, &row), "0P ");
	assert_int_equal(row, 31);
	assert_string_equal(marked(s, 5, &row), "0P ");
	assert_int_equal(row, 32);
	(void)marked(s, 4, &row);
	assert_int_equal(row, 0);
	assert_int_equal(ops->stats(s, &st), 0);
	assert_int_equal(st.first_row, 20);
	assert_int_equal(st.rows, 13);
	assert_int_equal(store_number(s->db, "SELECT count(*) FROM bodies"), 13);
	assert_int_equal(store_number(s->db, "SELECT count(*) FROM marks"), 2);
	/* In their turn again, with nothing else old before them: left alone, however often. */
	assert_int_equal(ops->trim(s, 1700000090000000000), 11);
	assert_int_equal(ops->trim(s, 1700000090000000000), 0);
	(void)marked(s, 1, &row);
	assert_int_equal(row, 31);
	assert_int_equal(pin(s, 1, false), 0);
	assert_int_equal(pin(s, 5, false), 0);
	assert_int_equal(ops->trim(s, 1700000090000000000), 2);
	assert_int_equal(put(s, 40, SLICE_LIT("x")), 33); /* no number twice */
	ops->close(s);
}

static void pinned_flows_are_evicted_last_but_evicted(void **state)
{
	static uint8_t noise[20000];
	struct store *s = open_limited(4 << 20, 0);
	uint64_t row, x = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(noise); i++)
		noise[i] = (uint8_t)((x = x * 6364136223846793005u + 1442695040888963407u) >> 33);
	for (uint64_t n = 1; n <= 400; n++) {
		noise[0] = (uint8_t)n;
		put(s, n, (struct slice){ noise, sizeof(noise) });
		assert_int_equal(ops->commit(s), 0);
		if (n <= 20)
			assert_int_equal(pin(s, n, true), 0);
		assert_true(ops->trim(s, 1) >= 0);
	}
	for (uint64_t n = 1; n <= 20; n++) {
		(void)marked(s, n, &row);
		assert_true(row > 0);
	}
	(void)marked(s, 21, &row);
	assert_int_equal(row, 0);
	(void)marked(s, 400, &row);
	assert_true(row > 0);
	assert_true(pages_bytes(s) <= 4 << 20);
	/* All that is left is pinned: the oldest of them go, and it comes to an end. */
	for (uint64_t n = 1; n <= 400; n++)
		(void)pin(s, n, true);
	for (uint64_t n = 401; n <= 450; n++) {
		put(s, n, (struct slice){ noise, sizeof(noise) });
		assert_int_equal(ops->commit(s), 0);
		assert_int_equal(pin(s, n, true), 0);
		assert_true(ops->trim(s, 1) >= 0);
	}
	assert_true(pages_bytes(s) <= 4 << 20);
	(void)marked(s, 450, &row);
	assert_true(row > 0);
	ops->close(s);
}

static void pins_are_bounded_and_renumbering_is_for_them(void **state)
{
	struct store *s = open_limited(0, 0);
	uint64_t row;

	(void)state;
	for (uint64_t n = 1; n <= STORE_PINS_MAX + 1; n++)
		put(s, n, SLICE_LIT(""));
	for (uint64_t n = 1; n <= STORE_PINS_MAX; n++)
		assert_int_equal(pin(s, n, true), 0);
	assert_int_equal(pin(s, STORE_PINS_MAX + 1, true), -EDQUOT);
	assert_int_equal(pin(s, 1, true), 0); /* is already */
	assert_int_equal(ops->renumber(s, STORE_PINS_MAX + 1, &row), -ENOENT);
	assert_int_equal(ops->renumber(s, 7, &row), 0);
	assert_int_equal(row, STORE_PINS_MAX + 2);
	assert_int_equal(ops->renumber(s, 7, &row), -ENOENT);
	ops->close(s);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(marks_are_changed_in_part_and_kept),
		T(a_pinned_flow_outlives_its_age_under_a_new_number),
		T(pinned_flows_are_evicted_last_but_evicted),
		T(pins_are_bounded_and_renumbering_is_for_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
