/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/sqlite.h"
#include "store/store.h"

static const struct store_ops *const ops = &store_sqlite;
static char dir[64], path[96];

static int setup(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/tmp/limpid-store-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/flows.db", dir);
	return 0;
}

static int remove_one(const char *p, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(p);
}

static int teardown(void **state)
{
	(void)state;
	(void)umount2(dir, MNT_DETACH); /* where a test failed half way */
	return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static struct store *open_limited(uint64_t max_bytes, uint64_t max_age_ns)
{
	struct store_limits lim = { max_bytes, max_age_ns };
	struct store *s = NULL;
	char err[512] = "";

	if (ops->open(&s, path, &lim, err, sizeof(err)) < 0)
		print_error("%s\n", err);
	assert_non_null(s);
	return s;
}

static struct store *open_store(void)
{
	return open_limited(0, 0);
}

static int open_error(char *err, size_t errlen)
{
	struct store_limits lim = { 0 };
	struct store *s = NULL;
	int r = ops->open(&s, path, &lim, err, errlen);

	assert_null(s);
	return r;
}

static const struct flow_conn conn = {
	.id = 7,
	.client = { .port = 40312, .pid = 12, .comm = "curl", .container = "web" },
	.server = { .port = 80, .container = "api", .container_id = "c0ffee" },
	.l4 = "tcp",
};
static const struct flow_attr headers[] = { { "Host", "api" }, { "X-A", "\xff not text" } };

static struct flow a_flow(uint64_t number, struct slice req_body, struct slice resp_body)
{
	struct flow f = {
		.epoch_ns = 1700000000000000000,
		.conn = &conn,
		.proto = "http1",
		.state = FLOW_DONE,
		.has_req = true,
		.has_resp = true,
		.req = { .begin_ns = 1000 + number,
			 .end_ns = 2000 + number,
			 .op = "GET",
			 .target = "/v1",
			 .headers = headers,
			 .nheaders = 2,
			 .body = { .data = req_body, .len = req_body.n, .captured = req_body.n } },
		.resp = { .begin_ns = 3000 + number,
			  .end_ns = 4000 + number,
			  .status = "200",
			  .reason = "OK",
			  .body = { .data = resp_body,
				    .len = resp_body.n,
				    .captured = resp_body.n,
				    .type = "text/plain" } },
	};

	memcpy(f.id, "flow-----", 8);
	for (int i = 0; i < 8; i++)
		f.id[8 + i] = (uint8_t)(number >> (8 * (7 - i)));
	return f;
}

static uint64_t put_new(struct store *s, const struct flow *f)
{
	uint64_t row = 0;
	bool is_new = false;

	assert_int_equal(ops->put(s, f, (struct slice){ 0 }, &row, &is_new), 0);
	assert_true(is_new);
	return row;
}

static uint64_t put_known(struct store *s, const struct flow *f)
{
	uint64_t row = 0;
	bool is_new = true;

	assert_int_equal(ops->put(s, f, (struct slice){ 0 }, &row, &is_new), 0);
	assert_false(is_new);
	return row;
}

static struct slice filled(size_t n, unsigned seed)
{
	uint8_t *p = malloc(n);
	uint32_t x = seed * 2654435761u + 1;

	assert_non_null(p);
	for (size_t i = 0; i < n; i++) {
		x = x * 1664525u + 1013904223u;
		p[i] = (uint8_t)(x >> 24);
	}
	return (struct slice){ p, n };
}

static void a_flow_comes_back_whole(void **state)
{
	struct slice big = filled(300000, 1), text = SLICE_LIT("a short body");
	struct flow f = a_flow(1, text, big), back;
	static const struct flow_attr attrs[] = { { "code", "1000" }, { "name", "" } };
	struct flow_msg msgs[] = {
		{ .seq = 1,
		  .ts_ns = 5,
		  .op = "text",
		  .attrs = attrs,
		  .nattrs = 2,
		  .body = { .data = text, .len = 12, .captured = 12 } },
		{ .seq = 2,
		  .ts_ns = 6,
		  .from_server = true,
		  .op = NULL,
		  .body = { .data = big, .shown = text, .len = big.n, .captured = big.n } },
	};
	struct arena *a = arena_new(64 << 20);
	struct store *s = open_store();
	uint64_t row = 0;

	(void)state;
	f.msgs = msgs;
	f.nmsgs = 2;
	f.resp.body.shown = slice_cut(big, 0, FLOW_SHOWN_MAX);
	assert_int_equal(put_new(s, &f), 1);
	assert_int_equal(ops->commit(s), 0);
	ops->close(s);

	assert_int_equal(ops->open_reader(&s, path), 0);
	assert_int_equal(ops->by_id(s, f.id, a, 100, &back, &row), 0);
	assert_int_equal(row, 1);
	assert_int_equal(back.req.body.shown.n, 0);
	assert_true(slice_eq(back.resp.body.shown, f.resp.body.shown));
	assert_int_equal(back.msgs[0].body.shown.n, 0);
	assert_true(slice_eq(back.msgs[1].body.shown, text));
	assert_memory_equal(back.id, f.id, 16);
	assert_string_equal(back.proto, "http1");
	assert_string_equal(back.conn->client.container, "web");
	assert_string_equal(back.req.headers[1].value, "\xff not text");
	assert_string_equal(back.resp.reason, "OK");
	assert_true(slice_eq(back.req.body.data, text));
	assert_true(slice_eq(back.resp.body.data, big));
	assert_int_equal(back.nmsgs, 2);
	assert_string_equal(back.msgs[0].op, "text");
	assert_null(back.msgs[1].op);
	assert_int_equal(back.msgs[0].nattrs, 2);
	assert_string_equal(back.msgs[0].attrs[0].value, "1000");
	assert_string_equal(back.msgs[0].attrs[1].key, "name");
	assert_string_equal(back.msgs[0].attrs[1].value, "");
	assert_int_equal(back.msgs[1].nattrs, 0);
	assert_true(back.msgs[1].from_server);
	assert_true(slice_eq(back.msgs[1].body.data, big));
	f.id[0] ^= 1;
	assert_int_equal(ops->by_id(s, f.id, a, 100, &back, &row), -ENOENT);
	ops->close(s);
	arena_free(a);
	free((void *)(uintptr_t)big.p);
}

/* One write of a conversation: n messages from number `first` on. */
static void put_messages(struct store *s, struct flow *f, uint64_t first, size_t n, bool *ret_new)
{
	struct flow_msg *msgs = calloc(n, sizeof(*msgs));
	uint64_t row;

	assert_non_null(msgs);
	for (size_t i = 0; i < n; i++)
		msgs[i] = (struct flow_msg){ .seq = first + i,
					     .op = "text",
					     .body = { .data = SLICE_LIT("hi"), .len = 2, .captured = 2 } };
	f->streams = true;
	f->stream.n[1] = first + n - 1;
	f->msgs = msgs;
	f->nmsgs = n;
	assert_int_equal(ops->put(s, f, (struct slice){ 0 }, &row, ret_new), 0);
	f->msgs = NULL;
	f->nmsgs = 0;
	free(msgs);
}

static void read_window(struct store *s, const struct flow *f, struct store_window w, uint64_t kept,
			size_t n, uint64_t first)
{
	struct arena *a = arena_new(64 << 20);
	struct flow back;
	uint64_t have = 0;

	assert_int_equal(ops->messages(s, f->id, &w, a, &back, &have), 0);
	assert_int_equal(have, kept);
	assert_int_equal(back.nmsgs, n);
	assert_true(back.streams);
	for (size_t i = 0; i < n; i++)
		assert_true(back.msgs[i].seq >= first + i);
	if (n)
		assert_int_equal(back.msgs[0].seq, first);
	arena_free(a);
}

static void a_conversation_keeps_its_first_and_its_newest_messages(void **state)
{
	struct flow f = a_flow(1, SLICE_LIT("q"), SLICE_LIT("a"));
	struct store *s = open_store();
	struct store_stats before, after;
	bool is_new = false;

	(void)state;
	f.state = FLOW_OPEN;
	for (uint64_t at = 1; at < 60000; at += 500) {
		put_messages(s, &f, at, 500, &is_new);
		assert_int_equal(is_new, at == 1);
	}
	assert_int_equal(ops->commit(s), 0);
	read_window(s, &f, (struct store_window){ 100, 0, false }, 10000, 100, 1);
	read_window(s, &f, (struct store_window){ 100, 990, false }, 10000, 100, 990);
	read_window(s, &f, (struct store_window){ 100, 1001, false }, 10000, 100, 51001);
	read_window(s, &f, (struct store_window){ 100, UINT64_MAX, true }, 10000, 100, 59901);
	read_window(s, &f, (struct store_window){ 10, 51001, true }, 10000, 10, 991);
	read_window(s, &f, (struct store_window){ 10, 60001, false }, 10000, 0, 0);
	assert_int_equal(ops->stats(s, &before), 0);
	/* the same again: nothing changes, not even what an old write says of the whole */
	put_messages(s, &f, 59501, 500, &is_new);
	assert_int_equal(ops->stats(s, &after), 0);
	assert_int_equal(after.repeats, before.repeats + 1);
	put_messages(s, &f, 501, 500, &is_new);
	f.stream.n[1] = 60000;
	read_window(s, &f, (struct store_window){ 10, UINT64_MAX, true }, 10000, 10, 59991);
	{
		struct arena *a = arena_new(1 << 20);
		struct flow back;
		uint64_t row;

		assert_int_equal(ops->by_id(s, f.id, a, 0, &back, &row), 0);
		assert_int_equal(back.stream.n[1], 60000);
		arena_free(a);
	}
	f.id[0] ^= 1;
	{
		struct arena *a = arena_new(1 << 20);
		struct flow back;
		uint64_t kept;

		assert_int_equal(ops->messages(s, f.id, &(struct store_window){ .n = 1 }, a, &back, &kept),
				 -ENOENT);
		arena_free(a);
	}
	ops->close(s);
}

/* An empty protobuf message has no bytes, and something to show. */
static void an_empty_body_is_shown_too(void **state)
{
	struct flow f = a_flow(1, (struct slice){ 0 }, SLICE_LIT("x")), back;
	struct arena *a = arena_new(1 << 20);
	struct store *s = open_store();
	uint64_t row = 0;
	bool is_new = true;

	(void)state;
	f.req.body.shown = SLICE_LIT("{}");
	assert_int_equal(put_new(s, &f), 1);
	f.resp.body.shown = filled(FLOW_SHOWN_MAX, 7); /* told again, with more */
	f.state = FLOW_DONE;
	f.failed = !f.failed;
	assert_int_equal(ops->put(s, &f, (struct slice){ 0 }, &row, &is_new), 0);
	assert_false(is_new);
	assert_int_equal(ops->commit(s), 0);
	assert_int_equal(ops->by_id(s, f.id, a, 100, &back, &row), 0);
	assert_int_equal(back.req.body.data.n, 0);
	assert_true(slice_eq(back.req.body.shown, SLICE_LIT("{}")));
	assert_true(slice_eq(back.resp.body.data, SLICE_LIT("x")));
	assert_true(slice_eq(back.resp.body.shown, f.resp.body.shown));
	ops->close(s);
	arena_free(a);
	free((void *)(uintptr_t)f.resp.body.shown.p);
}

static void a_body_that_compresses_takes_little_room(void **state)
{
	uint8_t *same = calloc(1, 4 << 20);
	struct flow f = a_flow(1, (struct slice){ 0 }, (struct slice){ same, 4 << 20 });
	struct store *s = open_store();
	struct store_stats st;

	(void)state;
	put_new(s, &f);
	assert_int_equal(ops->commit(s), 0);
	assert_int_equal(ops->stats(s, &st), 0);
	assert_true(st.bytes < 1 << 20);
	ops->close(s);
	free(same);
}

/* Of 1,000 bodies of 1,000 bytes in one transaction the first hundred are compressed; a large one always is. */
static void small_bodies_of_a_busy_transaction_lie_as_they_are(void **state)
{
	enum { FLOWS = 1000, BODY = 1000 };
	uint8_t *same = calloc(1, 4 << 20);
	struct slice body = { same, BODY };
	struct arena *a = arena_new(8 << 20);
	struct store *s = open_store();
	struct store_stats st;
	struct flow f, back;
	uint64_t row;

	(void)state;
	for (unsigned n = 1; n <= FLOWS; n++) {
		f = a_flow(n, (struct slice){ 0 }, body);
		put_new(s, &f);
	}
	f = a_flow(FLOWS + 1, (struct slice){ 0 }, (struct slice){ same, 4 << 20 });
	put_new(s, &f);
	assert_int_equal(ops->commit(s), 0);
	assert_int_equal(ops->stats(s, &st), 0);
	assert_in_range(st.bytes, (FLOWS - 200) * BODY, 4 << 20);
	for (unsigned n = 1; n <= FLOWS; n += 99) {
		f = a_flow(n, (struct slice){ 0 }, body);
		assert_int_equal(ops->by_id(s, f.id, a, 0, &back, &row), 0);
		assert_true(slice_eq(back.resp.body.data, body));
	}
	ops->close(s);
	arena_free(a);
	free(same);
}

static void an_answer_that_comes_later_is_added_in_place(void **state)
{
	struct slice hello = SLICE_LIT("hello");
	struct flow f = a_flow(1, hello, (struct slice){ 0 }), other = a_flow(2, hello, hello),
		    back;
	struct arena *a = arena_new(1 << 20);
	struct store *s = open_store();
	uint64_t row;

	(void)state;
	f.state = FLOW_OPEN;
	f.has_resp = false;
	f.resp = (struct flow_half){ 0 };
	put_new(s, &f);
	put_new(s, &other);
	/* The second write knows only the answer: what was known of the request stays. */
	f = a_flow(1, (struct slice){ 0 }, SLICE_LIT("the answer"));
	f.has_req = false;
	f.req = (struct flow_half){ 0 };
	assert_int_equal(put_known(s, &f), 1);
	assert_int_equal(ops->by_id(s, f.id, a, 0, &back, &row), 0);
	assert_int_equal(back.state, FLOW_DONE);
	assert_string_equal(back.req.target, "/v1");
	assert_true(slice_eq(back.req.body.data, hello));
	assert_true(slice_eq(back.resp.body.data, SLICE_LIT("the answer")));
	ops->close(s);
	arena_free(a);
}

static void the_same_write_again_changes_nothing_and_is_counted(void **state)
{
	struct flow f = a_flow(1, SLICE_LIT("x"), SLICE_LIT("y"));
	struct flow_msg m = { .seq = 1, .ts_ns = 5, .body = { .data = SLICE_LIT("m") } };
	struct store *s = open_store();
	struct store_stats st;

	(void)state;
	f.msgs = &m;
	f.nmsgs = 1;
	put_new(s, &f);
	put_known(s, &f);
	assert_int_equal(ops->stats(s, &st), 0);
	assert_int_equal(st.rows, 1);
	assert_int_equal(st.repeats, 1);
	m.seq = 2;
	put_known(s, &f);
	assert_int_equal(ops->stats(s, &st), 0);
	assert_int_equal(st.repeats, 1);
	ops->close(s);
}

static void messages_are_appended_by_their_number(void **state)
{
	struct flow f = a_flow(1, (struct slice){ 0 }, (struct slice){ 0 }), back;
	struct arena *a = arena_new(1 << 20);
	struct store *s = open_store();
	uint64_t row;

	(void)state;
	for (unsigned i = 3; i > 0; i--) {
		struct flow_msg m = { .seq = i, .ts_ns = i, .body = { .data = SLICE_LIT("m") } };

		f.msgs = &m;
		f.nmsgs = 1;
		assert_int_equal(ops->put(s, &f, (struct slice){ 0 }, &row, &(bool){ false }), 0);
	}
	assert_int_equal(ops->by_id(s, f.id, a, 2, &back, &row), 0);
	assert_int_equal(back.nmsgs, 2);
	assert_int_equal(back.msgs[0].seq, 1);
	assert_int_equal(back.msgs[1].seq, 2);
	ops->close(s);
	arena_free(a);
}

struct seen {
	uint64_t first, last, n, stop_at;
	size_t body_bytes;
};

static bool see(void *ctx, uint64_t row, const struct flow *f)
{
	struct seen *v = ctx;

	v->first = v->first ? v->first : row;
	v->last = row;
	v->n++;
	v->body_bytes += f->req.body.data.n;
	return v->n != v->stop_at;
}

static void a_scan_gives_rows_in_order_and_stops_when_told(void **state)
{
	struct store *s = open_store();
	struct seen v = { 0 };

	(void)state;
	for (uint64_t i = 1; i <= 100; i++) {
		struct flow f = a_flow(i, SLICE_LIT("12345678"), (struct slice){ 0 });

		put_new(s, &f);
	}
	assert_int_equal(ops->scan(s, 11, 90, false, see, &v), 0);
	assert_int_equal(v.n, 80);
	assert_int_equal(v.first, 11);
	assert_int_equal(v.last, 90);
	assert_int_equal(v.body_bytes, 0);
	v = (struct seen){ .stop_at = 5 };
	assert_int_equal(ops->scan(s, 0, UINT64_MAX, true, see, &v), 0);
	assert_int_equal(v.n, 5);
	assert_int_equal(v.body_bytes, 40);
	ops->close(s);
}

static void the_file_stays_within_its_bound(void **state)
{
	enum { BOUND = 8 << 20 };
	struct store *s = open_limited(BOUND, 0);
	struct slice body = filled(20000, 3);
	struct store_stats st;
	struct stat file;

	(void)state;
	for (uint64_t i = 1; i <= 3000; i++) { /* 60 MB */
		struct flow f = a_flow(i, body, (struct slice){ 0 });

		put_new(s, &f);
		if (i % 20 == 0) {
			assert_int_equal(ops->commit(s), 0);
			assert_true(ops->trim(s, 1) >= 0);
		}
	}
	assert_int_equal(ops->stats(s, &st), 0);
	assert_int_equal(st.last_row, 3000);
	assert_true(st.rows > 200); /* and it is not emptier than it must be */
	assert_int_equal(st.evicted, 3000 - st.rows);
	assert_int_equal(stat(path, &file), 0);
	assert_true(file.st_size <= BOUND + (1 << 20));
	ops->close(s);
	/* A smaller bound at the next start makes the file smaller. */
	s = open_limited(BOUND / 4, 0);
	for (int i = 0; i < 20; i++)
		assert_true(ops->trim(s, 1) >= 0);
	ops->close(s);
	assert_int_equal(stat(path, &file), 0);
	assert_true(file.st_size <= BOUND / 4 + (1 << 20));
	free((void *)(uintptr_t)body.p);
}

static void what_is_too_old_is_deleted(void **state)
{
	struct store *s = open_limited(0, 1000);
	struct store_stats st;

	(void)state;
	for (uint64_t i = 0; i < 5000; i++) {
		struct flow f = a_flow(i, (struct slice){ 0 }, (struct slice){ 0 });

		put_new(s, &f);
	}
	/* The first is at 1000 ns after the epoch, one more each nanosecond. */
	assert_int_equal(ops->trim(s, 1700000000000000000 + 1000 + 1000 + 4500), 4500);
	assert_int_equal(ops->stats(s, &st), 0);
	assert_int_equal(st.rows, 500);
	assert_int_equal(st.first_row, 4501);
	assert_int_equal(st.oldest_ns, 1700000000000000000 + 1000 + 4500);
	ops->close(s);
}

static void numbers_go_on_after_everything_was_deleted(void **state)
{
	struct flow f = a_flow(1, SLICE_LIT("body"), (struct slice){ 0 }),
		    g = a_flow(2, SLICE_LIT("b"), f.req.body.data);
	struct arena *a = arena_new(1 << 20);
	struct store *s = open_store();
	struct store_stats st;
	struct flow back;
	uint64_t row;

	(void)state;
	put_new(s, &f);
	put_new(s, &g);
	assert_int_equal(ops->clear(s), 0);
	assert_int_equal(ops->stats(s, &st), 0);
	assert_int_equal(st.rows, 0);
	assert_int_equal(st.oldest_ns, 0);
	assert_int_equal(ops->by_id(s, f.id, a, 0, &back, &row), -ENOENT);
	assert_int_equal(put_new(s, &f), 3);
	ops->close(s);
	arena_free(a);
}

static void small_texts_are_kept_with_the_flows_of_their_commit(void **state)
{
	struct flow f = a_flow(1, (struct slice){ 0 }, (struct slice){ 0 });
	struct store *s = open_store();
	struct store_stats st;
	struct buf b = { 0 };

	(void)state;
	assert_int_equal(ops->get(s, "seq", &b), -ENOENT);
	put_new(s, &f);
	assert_int_equal(ops->set(s, "seq", SLICE_LIT("41")), 0);
	ops->close(s); /* not committed: neither is there */
	s = open_store();
	assert_int_equal(ops->get(s, "seq", &b), -ENOENT);
	assert_int_equal(ops->stats(s, &st), 0);
	assert_int_equal(st.rows, 0);
	put_new(s, &f);
	assert_int_equal(ops->set(s, "seq", SLICE_LIT("42")), 0);
	assert_int_equal(ops->commit(s), 0);
	ops->close(s);
	s = open_store();
	assert_int_equal(ops->get(s, "seq", &b), 0);
	assert_true(slice_eq(buf_slice(&b), SLICE_LIT("42")));
	buf_release(&b);
	ops->close(s);
}

static void a_flow_without_protocol_is_refused(void **state)
{
	struct flow f = a_flow(1, (struct slice){ 0 }, (struct slice){ 0 });
	struct store *s = open_store();
	uint64_t row;
	bool is_new;

	(void)state;
	f.proto = NULL;
	assert_int_equal(ops->put(s, &f, (struct slice){ 0 }, &row, &is_new), -EINVAL);
	ops->close(s);
}

static void damage(long at, size_t n)
{
	int fd = open(path, O_RDWR);
	uint8_t junk[512];

	assert_true(fd >= 0);
	memset(junk, 0x5a, sizeof(junk));
	for (size_t i = 0; i < n; i += sizeof(junk))
		assert_int_equal(pwrite(fd, junk, sizeof(junk), at + (long)i), sizeof(junk));
	close(fd);
}

static size_t count_aside(void)
{
	char pattern[128];
	glob_t g = { 0 };
	size_t n;

	(void)snprintf(pattern, sizeof(pattern), "%s.corrupt-*[0-9]", path);
	(void)glob(pattern, 0, NULL, &g);
	n = g.gl_pathc;
	globfree(&g);
	return n;
}

static void a_damaged_database_is_set_aside_and_said(void **state)
{
	struct flow f = a_flow(1, SLICE_LIT("x"), SLICE_LIT("y"));
	struct store *s = open_store();
	char err[512] = "";

	(void)state;
	put_new(s, &f);
	ops->close(s);
	damage(0, 512); /* no SQLite file at all */
	assert_int_equal(open_error(err, sizeof(err)), -EUCLEAN);
	assert_non_null(strstr(err, "is kept as"));
	assert_int_equal(count_aside(), 1);
	s = open_store();
	for (uint64_t i = 0; i < 200; i++) {
		f = a_flow(i, SLICE_LIT("x"), SLICE_LIT("y"));
		put_new(s, &f);
	}
	assert_int_equal(ops->commit(s), 0);
	ops->close(s);
	damage(8192 * 3,
	       8192 * 4); /* a page in the middle, in the same second: never over the first */
	assert_int_equal(open_error(err, sizeof(err)), -EUCLEAN);
	assert_int_equal(count_aside(), 2);
	ops->close(open_store());
}

static void damage_met_while_running_is_set_aside_at_close(void **state)
{
	struct store *s = open_store();
	uint64_t row;
	bool is_new;
	int r = 0;

	(void)state;
	for (uint64_t i = 0; i < 2000; i++) {
		struct flow f = a_flow(i, SLICE_LIT("x"), SLICE_LIT("y"));

		put_new(s, &f);
	}
	assert_int_equal(ops->commit(s), 0);
	ops->close(s);
	s = open_store();
	sqlite3_db_release_memory(s->db); /* nothing cached */
	damage(8192, 8192 * 60);
	for (uint64_t i = 5000; i < 5100 && r == 0; i++) {
		struct flow f = a_flow(i, SLICE_LIT("x"), SLICE_LIT("y"));

		r = ops->put(s, &f, (struct slice){ 0 }, &row, &is_new);
		if (r == 0)
			r = ops->commit(s);
	}
	assert_int_equal(r, -EUCLEAN);
	assert_int_equal(count_aside(), 0);
	ops->close(s);
	assert_int_equal(count_aside(), 1);
	ops->close(open_store());
}

static void sql(const char *text)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void a_database_of_a_newer_limpid_is_refused_and_left_alone(void **state)
{
	char err[512] = "";
	struct stat before, after;

	(void)state;
	ops->close(open_store());
	sql("PRAGMA user_version=99");
	assert_int_equal(stat(path, &before), 0);
	assert_int_equal(open_error(err, sizeof(err)), -EPROTONOSUPPORT);
	assert_non_null(strstr(err, "newer Limpid"));
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_size, after.st_size);
	assert_int_equal(count_aside(), 0);
}

static void a_database_of_another_program_is_refused(void **state)
{
	char err[512] = "";

	(void)state;
	sql("CREATE TABLE theirs(a); INSERT INTO theirs VALUES(1)");
	assert_int_equal(open_error(err, sizeof(err)), -EINVAL);
	assert_non_null(strstr(err, "another program"));
}

static void missing_steps_are_run_once_and_a_failing_one_leaves_nothing(void **state)
{
	static const struct store_step steps[] = {
		{ "CREATE TABLE a(x)" },
		{ "ALTER TABLE a ADD COLUMN y; UPDATE a SET y=x+1" },
		{ "CREATE TABLE b(z); INSERT INTO missing VALUES(1)" },
	};
	sqlite3 *db = NULL;

	(void)state;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(store_migrate(db, steps, 1), 0);
	assert_int_equal(sqlite3_exec(db, "INSERT INTO a VALUES(41)", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(store_migrate(db, steps, 2), 0);
	assert_int_equal(store_migrate(db, steps, 2), 0);
	assert_int_equal(store_number(db, "SELECT y FROM a"), 42);
	assert_true(store_migrate(db, steps, 3) < 0);
	assert_int_equal(store_number(db, "PRAGMA user_version"), 2);
	assert_int_equal(store_number(db, "SELECT count(*) FROM sqlite_schema WHERE name='b'"), 0);
	sqlite3_close(db);
}

static void a_second_hub_on_the_same_file_is_refused(void **state)
{
	struct store *s = open_store();
	char err[512] = "";

	(void)state;
	assert_int_equal(open_error(err, sizeof(err)), -EBUSY);
	assert_non_null(strstr(err, "another Limpid hub"));
	ops->close(s);
	ops->close(open_store());
}

static void a_directory_that_cannot_be_written_is_said(void **state)
{
	char err[512] = "";

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/missing/flows.db", dir);
	assert_int_equal(open_error(err, sizeof(err)), -EACCES);
	assert_non_null(strstr(err, "--db"));
	assert_int_equal(ops->open_reader(&(struct store *){ NULL }, path), -EACCES);
	(void)snprintf(path, sizeof(path), "%s", dir); /* a directory */
	assert_int_equal(open_error(err, sizeof(err)), -EACCES);
	if (geteuid() == 0)
		return; /* for root no directory is closed */
	(void)snprintf(path, sizeof(path), "%s/flows.db", dir);
	assert_int_equal(chmod(dir, 0500), 0);
	assert_int_equal(open_error(err, sizeof(err)), -EACCES);
	assert_int_equal(chmod(dir, 0700), 0);
}

static void mount_or_skip(const char *options, unsigned long flags)
{
	if (geteuid() != 0 || mount("limpid-test", dir, "tmpfs", flags, options) < 0)
		skip();
}

static void a_read_only_file_system_is_said(void **state)
{
	char err[512] = "";
	int r;

	(void)state;
	mount_or_skip("size=1m", MS_RDONLY);
	r = open_error(err, sizeof(err));
	assert_int_equal(umount(dir), 0);
	assert_int_equal(r, -EROFS);
	assert_non_null(strstr(err, "read-only"));
}

static void a_full_disk_is_an_error_that_passes(void **state)
{
	struct slice body = filled(50000, 9);
	struct store_stats st = { 0 };
	char hog[128];
	struct store *s;
	uint64_t row, kept = 0;
	bool is_new;
	int r = 0, fd;

	(void)state;
	(void)snprintf(hog, sizeof(hog), "%s/hog", dir);
	mount_or_skip("size=8m", 0);
	fd = open(hog, O_RDWR | O_CREAT, 0600);
	r = posix_fallocate(fd, 0, 4 << 20);
	s = open_store();
	for (uint64_t i = 0; i < 400 && r == 0; i++) {
		struct flow f = a_flow(i, body, (struct slice){ 0 });

		r = ops->put(s, &f, (struct slice){ 0 }, &row, &is_new);
		if (r == 0)
			r = ops->commit(s);
		kept += r == 0;
	}
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(ops->stats(s, &st), 0);
	assert_int_equal(st.rows, kept); /* what was committed is all there, nothing else */
	/* Space comes back: it goes on where it was. */
	assert_int_equal(ftruncate(fd, 0), 0);
	close(fd);
	for (uint64_t i = 1000; i < 1005; i++) {
		struct flow f = a_flow(i, body, (struct slice){ 0 });

		put_new(s, &f);
	}
	assert_int_equal(ops->commit(s), 0);
	assert_int_equal(ops->stats(s, &st), 0);
	assert_int_equal(st.rows, kept + 5);
	ops->close(s);
	assert_int_equal(umount(dir), 0);
	free((void *)(uintptr_t)body.p);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_flow_comes_back_whole),
		T(a_conversation_keeps_its_first_and_its_newest_messages),
		T(an_empty_body_is_shown_too),
		T(a_body_that_compresses_takes_little_room),
		T(small_bodies_of_a_busy_transaction_lie_as_they_are),
		T(an_answer_that_comes_later_is_added_in_place),
		T(the_same_write_again_changes_nothing_and_is_counted),
		T(messages_are_appended_by_their_number),
		T(a_scan_gives_rows_in_order_and_stops_when_told),
		T(the_file_stays_within_its_bound),
		T(what_is_too_old_is_deleted),
		T(numbers_go_on_after_everything_was_deleted),
		T(small_texts_are_kept_with_the_flows_of_their_commit),
		T(a_flow_without_protocol_is_refused),
		T(a_damaged_database_is_set_aside_and_said),
		T(damage_met_while_running_is_set_aside_at_close),
		T(a_database_of_a_newer_limpid_is_refused_and_left_alone),
		T(a_database_of_another_program_is_refused),
		T(missing_steps_are_run_once_and_a_failing_one_leaves_nothing),
		T(a_second_hub_on_the_same_file_is_refused),
		T(a_directory_that_cannot_be_written_is_said),
		T(a_read_only_file_system_is_said),
		T(a_full_disk_is_an_error_that_passes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
