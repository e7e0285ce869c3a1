/* SPDX-License-Identifier: Apache-2.0 */
/* Batches on their way to the store: in order, once, and through a full disk. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flow/pb.h"
#include "hub/keep.h"

static char dir[64], path[96];
static struct hub_state st;
static struct store *store;
static struct keep *keep;
static uint64_t acked;
static char acked_agent[65];

static void stored(void *ctx, const char *agent, uint64_t seq)
{
	(void)ctx;
	acked = seq;
	(void)snprintf(acked_agent, sizeof(acked_agent), "%s", agent);
}

static void open_all(void)
{
	const struct keep_hooks hooks = { stored, NULL };
	const struct store_limits lim = { 0 };
	char err[512];

	memset(&st, 0, sizeof(st));
	(void)pthread_mutex_init(&st.lock, NULL);
	st.capture = CAPTURE_DEFAULT;
	assert_int_equal(list_init(&st.list, 10000, 64 << 20), 0);
	assert_int_equal(store_sqlite.open(&store, path, &lim, err, sizeof(err)), 0);
	assert_int_equal(keep_open(&keep, &st, &store_sqlite, store, &hooks), 0);
	acked = 0;
}

static void close_all(void)
{
	keep_close(keep);
	keep = NULL;
	store_sqlite.close(store);
	store = NULL;
	list_release(&st.list);
}

static int setup(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/limpid-keep-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/flows.db", dir);
	return 0;
}

static int remove_one(const char *p, const struct stat *s, int kind, struct FTW *ftw)
{
	(void)s;
	(void)kind;
	(void)ftw;
	return remove(p);
}

static int teardown(void **state)
{
	(void)state;
	if (store)
		close_all();
	(void)umount2(dir, MNT_DETACH);
	return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void give_flow(const struct flow *f)
{
	struct buf b = { 0 };

	assert_int_equal(flow_pb_pack(&b, f), 0);
	keep_flow(keep, buf_slice(&b));
	buf_release(&b);
}

static void give(unsigned n, struct slice body)
{
	static const struct flow_conn conn = { .l4 = "tcp" };
	struct flow f = { .conn = &conn, .proto = "http1", .state = FLOW_DONE, .has_req = true };

	f.id[14] = (uint8_t)(n >> 8);
	f.id[15] = (uint8_t)n;
	f.req = (struct flow_half){ .begin_ns = 1,
				    .op = "GET",
				    .target = "/",
				    .body = { .data = body, .len = body.n, .captured = body.n } };
	give_flow(&f);
}

static void batch(const char *agent, uint64_t seq, unsigned first, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		give(first + i, SLICE_LIT("body"));
	keep_batch_end(keep, agent, seq);
}

static uint64_t rows(void)
{
	struct store_stats s;

	assert_int_equal(store_sqlite.stats(store, &s), 0);
	return s.rows;
}

static void a_batch_is_acknowledged_once_it_is_durable(void **state)
{
	uint64_t now;

	(void)state;
	open_all();
	now = hub_now_ns();
	assert_int_equal(keep_hello(keep, "a"), 0);
	assert_true(keep_due_ns(keep) == UINT64_MAX);
	batch("a", 1, 0, 10);
	assert_int_equal(acked, 0);
	assert_int_equal(st.list.end, 0);
	assert_true(keep_due_ns(keep) <= now); /* nothing was stored just now: at once */
	assert_int_equal(keep_run(keep, now, false), 0);
	assert_int_equal(acked, 1);
	assert_string_equal(acked_agent, "a");
	assert_int_equal(st.list.end, 10);
	assert_int_equal(st.flows, 10);
	batch("a", 2, 10, 1);
	assert_true(keep_due_ns(keep) == now + KEEP_NS);
	assert_int_equal(keep_run(keep, now + KEEP_NS - 1, false), 0); /* not due */
	assert_int_equal(acked, 1);
	assert_int_equal(keep_run(keep, now + KEEP_NS, false), 0);
	assert_int_equal(acked, 2);
	batch("a", 3, 11, KEEP_ROWS);
	assert_true(keep_due_ns(keep) <= now); /* so many do not wait */
}

static void a_batch_that_comes_twice_changes_nothing(void **state)
{
	(void)state;
	open_all();
	batch("a", 1, 0, 5);
	batch("a", 1, 0, 5); /* before the commit */
	assert_int_equal(keep_run(keep, 0, true), 0);
	acked = 0;
	batch("a", 1, 100, 5); /* after it: what it holds does not matter */
	assert_int_equal(acked, 1);
	batch("b", 1, 200, 5); /* numbers are each agent's own */
	assert_int_equal(keep_run(keep, 0, true), 0);
	assert_int_equal(rows(), 10);
}

static void an_agents_number_outlives_the_hub(void **state)
{
	(void)state;
	open_all();
	batch("a", 7, 0, 5);
	batch("b", 3, 50, 5);
	assert_int_equal(keep_run(keep, 0, true), 0);
	batch("a", 8, 10, 5); /* never committed */
	close_all();
	open_all();
	assert_int_equal(keep_hello(keep, "a"), 7);
	assert_int_equal(keep_hello(keep, "b"), 3);
	assert_int_equal(keep_hello(keep, "c"), 0);
	assert_int_equal(rows(), 10);
}

static void as_many_agents_as_there_were_are_not_all_remembered(void **state)
{
	char id[32];

	(void)state;
	open_all();
	for (unsigned i = 0; i < 2 * KEEP_AGENTS_MAX; i++) {
		(void)snprintf(id, sizeof(id), "agent-%u", i);
		batch(id, i + 1, i, 1);
		assert_int_equal(keep_run(keep, 0, true), 0);
	}
	assert_int_equal(keep_hello(keep, id), 2 * KEEP_AGENTS_MAX);
	assert_int_equal(rows(), 2 * KEEP_AGENTS_MAX);
}

static void more_than_may_wait_is_turned_away_in_order(void **state)
{
	struct slice body = { calloc(1, 1 << 20), 1 << 20 };
	uint64_t seq = 0;

	(void)state;
	open_all();
	for (unsigned i = 0; i < 100; i++) { /* 100 MB and no commit */
		give(i, body);
		keep_batch_end(keep, "a", ++seq);
	}
	batch("a", ++seq, 500, 1); /* small, but what is before it is missing */
	assert_int_equal(keep_run(keep, 0, true), 0);
	assert_in_range(acked, 32, 63);
	assert_int_equal(rows(), acked);
	seq = keep_hello(keep, "a");
	assert_int_equal(seq, acked);
	batch("a", seq + 1, 600, 1);
	assert_int_equal(keep_run(keep, 0, true), 0);
	assert_int_equal(acked, seq + 1);
	free((void *)(uintptr_t)body.p);
}

static void a_flow_that_cannot_be_stored_does_not_hold_up_the_others(void **state)
{
	static const struct flow_conn conn = { .l4 = "tcp" };
	struct flow f = { .conn = &conn, .proto = "" };

	(void)state;
	open_all();
	give_flow(&f);
	batch("a", 1, 0, 3);
	assert_int_equal(keep_run(keep, 0, true), 0);
	assert_int_equal(acked, 1);
	assert_int_equal(rows() + st.rejected, 4);
}

/* Two bytes for each empty header, which take a hundred when they are unpacked. */
static void a_flow_that_grows_beyond_measure_costs_only_itself(void **state)
{
	enum { HEADERS = 1 << 20 };
	struct buf b = { 0 };

	(void)state;
	open_all();
	/* id, conn, proto, and req of 2 MiB, which are headers */
	buf_put(&b, SLICE_LIT("\x0a\x10"
			      "0123456789abcdef"
			      "\x1a\x00\x22\x05"
			      "http1"
			      "\x42\x80\x80\x80\x01"));
	for (int i = 0; i < HEADERS; i++)
		buf_put(&b, SLICE_LIT("\x3a\x00"));
	assert_int_equal(b.failed, false);
	batch("a", 1, 0, 2);
	keep_flow(keep, buf_slice(&b));
	keep_flow(keep, SLICE_LIT("\xff\xff\xff"));
	keep_flow(keep, SLICE_LIT(""));
	batch("a", 2, 2, 2);
	assert_int_equal(keep_run(keep, 0, true), 0);
	assert_int_equal(acked, 2);
	assert_int_equal(rows(), 4);
	assert_int_equal(st.rejected, 3);
	buf_release(&b);
}

static void settings_are_written_with_the_next_commit(void **state)
{
	struct buf b = { 0 };

	(void)state;
	open_all();
	st.capture.paused = true;
	keep_capture(keep);
	assert_int_equal(keep_run(keep, hub_now_ns(), false), 0);
	assert_int_equal(store_sqlite.get(store, "capture", &b), 0);
	assert_true(slice_find(buf_slice(&b), SLICE_LIT("\"paused\":true"), 0) < b.n);
	buf_release(&b);
}

static void clear_forgets_flows_and_not_agents(void **state)
{
	(void)state;
	open_all();
	batch("a", 4, 0, 10);
	assert_int_equal(keep_clear(keep), 0);
	assert_int_equal(acked, 4);
	assert_int_equal(rows(), 0);
	assert_int_equal(st.list.end - st.list.base, 0);
	assert_int_equal(keep_hello(keep, "a"), 4);
}

static void through_a_full_disk_nothing_is_lost_or_doubled(void **state)
{
	uint64_t seq = 0, now = hub_now_ns();
	uint8_t noise[20000];
	uint32_t x = 1;
	char hog[96];
	int fd;

	(void)state;
	if (geteuid() != 0 || mount("limpid-test", dir, "tmpfs", 0, "size=8m") < 0)
		skip();
	(void)snprintf(hog, sizeof(hog), "%s/hog", dir);
	fd = open(hog, O_RDWR | O_CREAT, 0600);
	assert_int_equal(posix_fallocate(fd, 0, 5 << 20), 0);
	open_all();
	for (unsigned i = 0; i < 100; i++) {
		for (size_t k = 0; k < sizeof(noise); k++)
			noise[k] = (uint8_t)((x = x * 1664525u + 1013904223u) >> 24);
		give(i, (struct slice){ noise, sizeof(noise) });
		keep_batch_end(keep, "a", ++seq);
		assert_int_equal(keep_run(keep, now, true), 0);
	}
	assert_non_null(strstr(st.store_error, "disk is full"));
	assert_true(acked > 0 && acked < 100);
	assert_true(keep_due_ns(keep) == now + KEEP_RETRY_NS); /* it keeps trying */
	assert_int_equal(keep_run(keep, now + KEEP_RETRY_NS, false), 0);
	assert_true(acked < 100);
	assert_int_equal(rows(), acked);
	assert_int_equal(ftruncate(fd, 0), 0);
	close(fd);
	now += 10 * KEEP_RETRY_NS;
	assert_int_equal(keep_run(keep, now, false), 0);
	assert_int_equal(acked, 100);
	assert_int_equal(rows(), 100);
	assert_string_equal(st.store_error, "");
	assert_int_equal(st.list.end, 100);
	close_all();
	assert_int_equal(umount(dir), 0);
}

/* The mark of flow n, as the store has it. */
static struct flow_mark noted(struct arena *a, unsigned n)
{
	uint8_t id[16] = { [14] = (uint8_t)(n >> 8), [15] = (uint8_t)n };
	struct flow f;
	uint64_t row;

	assert_int_equal(store_sqlite.by_id(store, id, a, 0, &f, &row), 0);
	return f.mark ? *f.mark : (struct flow_mark){ 0 };
}

static int import_marked(unsigned n, const struct flow_mark *m)
{
	static const struct flow_conn conn = { .l4 = "tcp" };
	struct flow f = { .id = { [15] = (uint8_t)n }, .conn = &conn, .proto = "http1", .state = FLOW_DONE, .mark = m };
	struct buf records = { 0 };
	size_t size;
	int r;

	buf_put(&records, SLICE_LIT("\0\0\0\0"));
	assert_int_equal(flow_pb_pack(&records, &f), 0);
	size = records.n - 4;
	for (size_t i = 0; i < 4; i++)
		records.p[i] = (uint8_t)(size >> 8 * i);
	r = keep_import(keep, buf_slice(&records));
	buf_release(&records);
	return r;
}

static void marks_come_with_imports_and_not_from_agents(void **state)
{
	static const struct flow_conn conn = { .l4 = "tcp" };
	const struct flow_mark red = { .colour = 1, .note = "theirs" }, pinned = { .colour = 2, .pinned = true, .note = "later" };
	struct flow f = { .id = { [15] = 1 }, .conn = &conn, .proto = "http1", .state = FLOW_DONE, .mark = &red };
	struct arena *a = arena_new(1 << 20);
	struct flow_mark m;

	(void)state;
	open_all();
	give_flow(&f);
	keep_batch_end(keep, "a", 1);
	assert_int_equal(keep_run(keep, hub_now_ns(), true), 0);
	assert_int_equal(noted(a, 1).colour, 0);
	assert_int_equal(import_marked(2, &red), 0);
	assert_string_equal(noted(a, 2).note, "theirs");
	assert_true(row_mark(&st.list, list_at(&st.list, 1), &m) && m.colour == 1);
	/* what somebody noted here stays; what nobody did is filled in */
	assert_int_equal(import_marked(2, &pinned), 0);
	m = noted(a, 2);
	assert_true(m.colour == 1 && m.pinned);
	assert_string_equal(m.note, "theirs");
	assert_true(row_mark(&st.list, list_at(&st.list, 1), &m) && m.colour == 1 && m.pinned);
	arena_free(a);
	close_all();
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_batch_is_acknowledged_once_it_is_durable),
		T(a_batch_that_comes_twice_changes_nothing),
		T(an_agents_number_outlives_the_hub),
		T(as_many_agents_as_there_were_are_not_all_remembered),
		T(more_than_may_wait_is_turned_away_in_order),
		T(a_flow_that_cannot_be_stored_does_not_hold_up_the_others),
		T(a_flow_that_grows_beyond_measure_costs_only_itself),
		T(settings_are_written_with_the_next_commit),
		T(clear_forgets_flows_and_not_agents),
		T(through_a_full_disk_nothing_is_lost_or_doubled),
		T(marks_come_with_imports_and_not_from_agents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
