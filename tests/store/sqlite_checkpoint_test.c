/* SPDX-License-Identifier: Apache-2.0 */
/* The log is copied into the database while flows are stored, and is bounded when they come faster than that. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/sqlite.h"

#define BODY	    8000 /* incompressible: nothing of it is saved */
#define A_SECOND_MS 1000

static const struct store_ops *const ops = &store_sqlite;
static char dir[64], path[96];
static uint8_t body[BODY];

static int setup(void **state)
{
	uint64_t x = 88172645463325252u;

	(void)state;
	for (size_t i = 0; i < sizeof(body); i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		body[i] = (uint8_t)x;
	}
	(void)snprintf(dir, sizeof(dir), "/tmp/limpid-log-XXXXXX");
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

static int64_t size_of(const char *end)
{
	char name[128];
	struct stat st;

	(void)snprintf(name, sizeof(name), "%s%s", path, end);
	return stat(name, &st) == 0 ? st.st_size : 0;
}

static struct store *opened(void)
{
	struct store_limits lim = { 0, 0 };
	struct store *s = NULL;
	char err[512];

	assert_int_equal(ops->open(&s, path, &lim, err, sizeof(err)), 0);
	return s;
}

/* Flows first to last with a body each, a transaction for every 50. */
static void put(struct store *s, unsigned first, unsigned last)
{
	const struct flow_conn conn = { .l4 = "tcp" };
	struct flow f = { .conn = &conn, .proto = "http1", .state = FLOW_DONE, .has_req = true, .has_resp = true };
	bool is_new;
	uint64_t row;

	f.resp.body = (struct flow_body){ .data = { body, BODY }, .len = BODY, .captured = BODY };
	for (unsigned n = first; n <= last; n++) {
		memcpy(f.id, &n, sizeof(n));
		assert_int_equal(ops->put(s, &f, (struct slice){ 0 }, &row, &is_new), 0);
		if (n % 50 == 0)
			assert_int_equal(ops->commit(s), 0);
	}
	assert_int_equal(ops->commit(s), 0);
}

/* Without the thread the file would be as small as it was made until the store is closed. */
static void the_log_is_copied_while_the_store_is_open(void **state)
{
	const struct timespec pause = { 0, 10000000 };
	struct store *s = opened();

	(void)state;
	put(s, 1, 2000); /* 16 MB: enough to be worth it, far from the most */
	for (unsigned i = 0; i < 60 * A_SECOND_MS / 10 && size_of("") < 8000000; i++)
		nanosleep(&pause, NULL);
	assert_true(size_of("") >= 8000000);
	ops->close(s);
}

/* A reader's old state may not be written over: the log grows beyond the bound, storing goes on, and once the reader is
 * gone it is copied. */
static void the_log_is_bounded_but_for_readers(void **state)
{
	struct store *s = opened();
	sqlite3 *reader = NULL;
	int64_t most;

	(void)state;
	put(s, 1, 50);
	assert_int_equal(sqlite3_open(path, &reader), SQLITE_OK);
	assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM flows", NULL, NULL, NULL), SQLITE_OK);
	put(s, 51, 8000); /* 64 MB */
	assert_true(size_of("-wal") > 60000000);
	assert_int_equal(sqlite3_exec(reader, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(reader), SQLITE_OK);
	put(s, 8001, 8000 + 3000);
	most = size_of("-wal");
	put(s, 11001, 11000 + 12000); /* 96 MB more */
	assert_true(size_of("-wal") <= most);
	ops->close(s);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(the_log_is_copied_while_the_store_is_open),
		T(the_log_is_bounded_but_for_readers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
