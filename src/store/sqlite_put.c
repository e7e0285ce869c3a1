/* SPDX-License-Identifier: Apache-2.0 */
/* Writing flows.  The first put after a commit begins a transaction. */
#include "store/sqlite.h"

#include <errno.h>

#include "flow/pb.h"

#define MERGE_MEMORY (64u << 20)
#define WORTH_ZSTD   512 /* bytes; below, it costs 10 us and saves 2 % of the file */
#define BUSY_BODIES  100 /* in one transaction: from then on ... */
#define BUSY_ZSTD \
	(16u << 10) /* ... only these, because a sixth of the time would go into small ones */

int store_begin(struct store *s)
{
	int r;

	if (s->in_tx)
		return 0;
	r = store_checkpoint_room(s);
	if (r == 0)
		r = store_exec(s, "BEGIN IMMEDIATE");
	s->in_tx = r == 0;
	s->tx_bodies = 0;
	return r;
}

int store_commit(struct store *s)
{
	int r;

	if (!s->in_tx)
		return 0;
	r = store_exec(s, "COMMIT");
	if (r < 0)
		store_rollback(s);
	s->in_tx = false;
	return r;
}

void store_rollback(struct store *s)
{
	if (s->in_tx || !sqlite3_get_autocommit(s->db)) /* SQLite may have done it already */
		(void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	s->in_tx = false;
}

int store_done(struct store *s, sqlite3_stmt *st)
{
	int r = sqlite3_step(st) == SQLITE_DONE ? 0 : store_failed(s);

	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return r;
}

void store_bind_slice(sqlite3_stmt *st, int at, struct slice v)
{
	sqlite3_bind_blob64(st, at, v.n ? (const void *)v.p : "", v.n, SQLITE_STATIC);
}

void store_bind_text(sqlite3_stmt *st, int at, const char *v)
{
	sqlite3_bind_text(st, at, v, -1, SQLITE_STATIC); /* NULL binds NULL */
}

/* Binds size, whether compressed, and the bytes at the positions from `at` on. */
static int bind_bytes(struct store *s, struct buf *z, sqlite3_stmt *st, int at, struct slice data)
{
	size_t room = ZSTD_compressBound(data.n), n = 0;
	uint8_t *p;

	sqlite3_bind_int64(st, at, (int64_t)data.n);
	if (data.n >= (s->tx_bodies > BUSY_BODIES ? BUSY_ZSTD : WORTH_ZSTD)) {
		buf_clear(z);
		p = buf_room(z, room);
		if (!p)
			return -ENOMEM;
		n = ZSTD_compressCCtx(s->cctx, p, room, data.p, data.n, 1);
		if (ZSTD_isError(n) || n >= data.n)
			n = 0;
	}
	sqlite3_bind_int(st, at + 1, n > 0);
	store_bind_slice(st, at + 2, n > 0 ? (struct slice){ z->p, n } : data);
	return 0;
}

int store_bind_body(struct store *s, sqlite3_stmt *st, int at, const struct flow_body *b)
{
	int r;

	s->tx_bodies++;
	r = bind_bytes(s, &s->z, st, at, b->data);
	return r < 0 ? r : bind_bytes(s, &s->z_shown, st, at + 3, b->shown);
}

static int put_body(struct store *s, uint64_t key, const struct flow_body *b, bool known)
{
	sqlite3_stmt *st;
	int r;

	if (b->data.n == 0 && b->shown.n == 0) {
		if (!known || b->captured > 0)
			return 0;
		st = store_prepared(s, STMT_BODY_DROP);
		if (!st)
			return store_failed(s);
		sqlite3_bind_int64(st, 1, (int64_t)key);
		return store_done(s, st);
	}
	st = store_prepared(s, STMT_BODY_PUT);
	if (!st)
		return store_failed(s);
	sqlite3_bind_int64(st, 1, (int64_t)key);
	r = store_bind_body(s, st, 2, b);
	return r < 0 ? r : store_done(s, st);
}

/* The message without what lies in the other tables. */
static int pack(struct store *s, const struct flow *f)
{
	struct flow bare = *f;

	bare.req.body.data = (struct slice){ 0 };
	bare.resp.body.data = (struct slice){ 0 };
	bare.req.body.shown = (struct slice){ 0 };
	bare.resp.body.shown = (struct slice){ 0 };
	bare.msgs = NULL;
	bare.nmsgs = 0;
	bare.mark = NULL;
	buf_clear(&s->pb);
	return flow_pb_pack(&s->pb, &bare);
}

static void bind_flow(struct store *s, sqlite3_stmt *st, const struct flow *f)
{
	sqlite3_bind_int64(st, 2, flow_time_ns(f));
	store_bind_text(st, 3, f->proto);
	store_bind_text(st, 4, f->resp.status);
	sqlite3_bind_int(st, 5, (int)f->state);
	sqlite3_bind_int(st, 6, f->failed);
	sqlite3_bind_int64(st, 7, f->flags);
	if (f->req.begin_ns && f->resp.end_ns)
		sqlite3_bind_int64(st, 8, (int64_t)flow_duration_ns(f));
	else
		sqlite3_bind_null(st, 8);
	store_bind_slice(st, 9, buf_slice(&s->pb));
}

static int insert(struct store *s, const struct flow *f, struct slice packed, uint64_t *ret_row)
{
	sqlite3_stmt *st = store_prepared(s, STMT_INSERT);
	int r;

	if (!st)
		return store_failed(s);
	buf_clear(&s->pb);
	r = packed.n > 0 ? flow_pb_bare(&s->pb, packed) : -EBADMSG;
	if (r == -EBADMSG)
		r = pack(s, f);
	if (r < 0)
		return r;
	store_bind_slice(st, 1, (struct slice){ f->id, 16 });
	bind_flow(s, st, f);
	r = store_done(s, st);
	*ret_row = (uint64_t)sqlite3_last_insert_rowid(s->db);
	return r;
}

static uint64_t said(const struct flow *f)
{
	return f->streams ? f->stream.n[0] + f->stream.n[1] : 0;
}

/* What f says, and of what was known that which f does not say: a side that was not seen this time. */
static int merge(struct slice known, struct arena *a, const struct flow *f, struct flow *ret)
{
	struct flow old;
	int r = flow_pb_unpack(known, a, &old);

	*ret = *f;
	if (r == -EBADMSG)
		return 0; /* nothing to keep of it */
	if (r < 0)
		return r;
	if (old.streams && said(f) < said(&old)) { /* an earlier write, once more */
		*ret = old;
		return 0;
	}
	if (!f->has_req && old.has_req) {
		ret->req = old.req;
		ret->has_req = true;
	}
	if (!f->has_resp && old.has_resp) {
		ret->resp = old.resp;
		ret->has_resp = true;
	}
	return 0;
}

/* 1: something changed. */
static int update(struct store *s, uint64_t row, struct slice known, const struct flow *f)
{
	struct arena *a = arena_new(MERGE_MEMORY);
	sqlite3_stmt *st = store_prepared(s, STMT_UPDATE);
	struct flow merged = { 0 };
	int r;

	if (!a)
		return -ENOMEM;
	r = st ? merge(known, a, f, &merged) : store_failed(s);
	if (r == 0)
		r = pack(s, &merged);
	if (r == 0 && !slice_eq(known, buf_slice(&s->pb))) {
		sqlite3_bind_int64(st, 1, (int64_t)row);
		bind_flow(s, st, &merged);
		r = store_done(s, st);
		if (r == 0)
			r = 1;
	}
	arena_free(a);
	return r;
}

/* 1: known, and *ret_row and *ret_changed say where and whether this write told something new; 0: not known. */
static int find_and_update(struct store *s, const struct flow *f, uint64_t *ret_row,
			   bool *ret_changed)
{
	sqlite3_stmt *st = store_prepared(s, STMT_FIND);
	int rc, r = 0;

	if (!st)
		return store_failed(s);
	sqlite3_bind_blob(st, 1, f->id, 16, SQLITE_STATIC);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW) {
		*ret_row = (uint64_t)sqlite3_column_int64(st, 0);
		r = update(s, *ret_row,
			   (struct slice){ sqlite3_column_blob(st, 1),
					   (size_t)sqlite3_column_bytes(st, 1) },
			   f);
		*ret_changed = r == 1;
		if (r == 0)
			r = 1;
	} else if (rc != SQLITE_DONE) {
		r = store_failed(s);
	}
	sqlite3_reset(st);
	sqlite3_clear_bindings(st);
	return r;
}

static int put(struct store *s, const struct flow *f, struct slice packed, uint64_t *ret_row, bool *ret_new)
{
	bool changed = false, known;
	uint64_t row = 0;
	int r;

	r = store_begin(s);
	if (r == 0)
		r = find_and_update(s, f, &row, &changed);
	if (r < 0)
		return r;
	known = r == 1;
	r = known ? 0 : insert(s, f, packed, &row);
	if (r == 0 && f->has_req && (!known || changed))
		r = put_body(s, row * 2, &f->req.body, known);
	if (r == 0 && f->has_resp && (!known || changed))
		r = put_body(s, row * 2 + 1, &f->resp.body, known);
	if (r >= 0 && f->nmsgs > 0)
		r = store_put_msgs(s, row, f, &changed);
	if (r < 0)
		return r;
	if (known && !changed)
		s->repeats++;
	*ret_row = row;
	*ret_new = !known;
	return 0;
}

int store_put(struct store *s, const struct flow *f, struct slice packed, uint64_t *ret_row, bool *ret_new)
{
	int r;

	if (!f->proto || !f->conn)
		return -EINVAL;
	r = put(s, f, packed, ret_row, ret_new);
	if (r < 0)
		store_rollback(s);
	return r;
}
