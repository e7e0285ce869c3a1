/* SPDX-License-Identifier: Apache-2.0 */
/* Reading flows back.  Rows are put together from three tables; a row whose bytes do not decode is reported
 * as -EUCLEAN by by_id and left out by scan. */
#include "store/sqlite.h"

#include <errno.h>

#include "flow/pb.h"

#define SCAN_MEMORY   (512u << 20)
#define SCAN_MESSAGES 10000

struct slice store_column(sqlite3_stmt *st, int at)
{
	const void *p = sqlite3_column_blob(st, at);

	return (struct slice){ p, p ? (size_t)sqlite3_column_bytes(st, at) : 0 };
}

const char *store_column_text(sqlite3_stmt *st, int at, struct arena *a)
{
	return sqlite3_column_type(st, at) == SQLITE_NULL ? NULL : arena_str(a, store_column(st, at));
}

/* The columns from `at` on are size, whether compressed, and the bytes. */
static int bytes_at(struct store *s, sqlite3_stmt *st, int at, struct arena *a, struct slice *ret)
{
	int64_t size = sqlite3_column_int64(st, at);
	struct slice in = store_column(st, at + 2);
	uint8_t *p;

	if (size < 0 || size > STORE_BODY_MAX)
		return -EUCLEAN;
	if (!sqlite3_column_int(st, at + 1)) {
		if (in.n != (size_t)size)
			return -EUCLEAN;
		*ret = arena_copy(a, in);
		return ret->n == in.n ? 0 : -ENOMEM;
	}
	p = arena_alloc(a, (size_t)size);
	if (!p)
		return -ENOMEM;
	if (ZSTD_decompressDCtx(s->dctx, p, (size_t)size, in.p, in.n) != (size_t)size)
		return -EUCLEAN;
	*ret = (struct slice){ p, (size_t)size };
	return 0;
}

int store_column_body(struct store *s, sqlite3_stmt *st, struct arena *a, struct flow_body *ret)
{
	int r = bytes_at(s, st, 0, a, &ret->data);

	if (r == 0 && sqlite3_column_int64(st, 3) > 0)
		r = bytes_at(s, st, 3, a, &ret->shown);
	return r;
}

static int get_body(struct store *s, uint64_t key, struct arena *a, struct flow_body *ret)
{
	sqlite3_stmt *st = store_prepared(s, STMT_BODY_GET);
	int rc, r = 0;

	if (!st)
		return store_failed(s);
	sqlite3_bind_int64(st, 1, (int64_t)key);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		r = store_column_body(s, st, a, ret);
	else if (rc != SQLITE_DONE)
		r = store_failed(s);
	sqlite3_reset(st);
	return r;
}

static int complete(struct store *s, uint64_t row, struct arena *a, size_t max_msgs, struct flow *f)
{
	int r = get_body(s, row * 2, a, &f->req.body);

	if (r == 0)
		r = get_body(s, row * 2 + 1, a, &f->resp.body);
	if (r == 0 && max_msgs > 0)
		r = store_get_msgs(s, row, &(struct store_window){ .n = max_msgs }, a, f);
	return r;
}

static int unpack(struct slice pb, struct arena *a, struct flow *ret)
{
	int r = flow_pb_unpack(pb, a, ret);

	return r == -EBADMSG ? -EUCLEAN : r;
}

/* The flow as the list has it. */
static int find(struct store *s, const uint8_t id[16], struct arena *a, struct flow *ret,
		uint64_t *ret_row)
{
	sqlite3_stmt *st = store_prepared(s, STMT_FIND);
	struct slice pb;
	struct flow f;
	uint64_t row = 0;
	int rc, r;

	if (!st)
		return store_failed(s);
	sqlite3_bind_blob(st, 1, id, 16, SQLITE_STATIC);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		row = (uint64_t)sqlite3_column_int64(st, 0);
		pb = arena_copy(a, store_column(st, 1));
		r = arena_short(a) ? -ENOMEM : unpack(pb, a, &f);
	} else {
		r = rc == SQLITE_DONE ? -ENOENT : store_failed(s);
	}
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	if (r == 0) {
		*ret = f;
		*ret_row = row;
	}
	return r;
}

int store_by_id(struct store *s, const uint8_t id[16], struct arena *a, size_t max_msgs,
		struct flow *ret, uint64_t *ret_row)
{
	struct flow f;
	uint64_t row = 0;
	int r = find(s, id, a, &f, &row);

	if (r == 0)
		r = complete(s, row, a, max_msgs, &f);
	if (r == 0)
		r = store_get_mark(s, row, a, &f);
	if (r == 0) {
		*ret = f;
		*ret_row = row;
	}
	return r;
}

int store_messages(struct store *s, const uint8_t id[16], const struct store_window *w,
		   struct arena *a, struct flow *ret, uint64_t *ret_kept)
{
	struct flow f;
	uint64_t row = 0;
	int r = find(s, id, a, &f, &row);

	if (r == 0)
		r = store_get_msgs(s, row, w, a, &f);
	if (r == 0)
		r = store_count_msgs(s, row, ret_kept);
	if (r == 0)
		*ret = f;
	return r;
}

int store_column_mark(sqlite3_stmt *st, int at, struct arena *a, struct flow_mark *room,
		      struct flow *f)
{
	if (sqlite3_column_type(st, at) == SQLITE_NULL)
		return 0;
	*room = (struct flow_mark){
		.colour = (unsigned)sqlite3_column_int(st, at),
		.pinned = sqlite3_column_int(st, at + 1),
		.note = store_column_text(st, at + 2, a),
	};
	f->mark = room;
	return arena_short(a) ? -ENOMEM : 0;
}

int store_scan(struct store *s, uint64_t first, uint64_t last, bool bodies,
	       bool (*fn)(void *ctx, uint64_t row, const struct flow *f), void *ctx)
{
	sqlite3_stmt *st = store_prepared(s, STMT_SCAN);
	bool more = true;
	int rc, r = 0;

	if (!st)
		return store_failed(s);
	sqlite3_bind_int64(st, 1, (int64_t)(first > INT64_MAX ? INT64_MAX : first));
	sqlite3_bind_int64(st, 2, (int64_t)(last > INT64_MAX ? INT64_MAX : last));
	while (more && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct arena *a = arena_new(SCAN_MEMORY);
		uint64_t row = (uint64_t)sqlite3_column_int64(st, 0);
		struct flow_mark mark;
		struct flow f;

		if (!a) {
			r = -ENOMEM;
			break;
		}
		if (unpack(store_column(st, 1), a, &f) == 0 && store_column_mark(st, 2, a, &mark, &f) == 0 &&
		    (!bodies || complete(s, row, a, SCAN_MESSAGES, &f) == 0))
			more = fn(ctx, row, &f);
		arena_free(a);
	}
	if (r == 0 && more && rc != SQLITE_DONE)
		r = store_failed(s);
	sqlite3_reset(st);
	return r;
}
