/* SPDX-License-Identifier: Apache-2.0 */
/* sqlite.h - inside of the SQLite store: connection, schema and the statements its files share. */
#ifndef LIMPID_STORE_SQLITE_H
#define LIMPID_STORE_SQLITE_H

#include <sqlite3.h>
#include <zstd.h>

#include "store/store.h"

#define STORE_APPLICATION 0x4c4d5044   /* "LMPD", PRAGMA application_id */
#define STORE_BUSY_MS	  5000
#define STORE_BODY_MAX	  (256u << 20) /* no single body is larger, whatever a damaged file says */

enum store_stmt {
	STMT_FIND,
	STMT_INSERT,
	STMT_UPDATE,
	STMT_BODY_PUT,
	STMT_BODY_DROP,
	STMT_BODY_GET,
	STMT_MSG_PUT,
	STMT_MSG_FROM,
	STMT_MSG_BEFORE,
	STMT_MSG_COUNT,
	STMT_MSG_TRIM,
	STMT_SCAN,
	STMT_BOUNDS,
	STMT_TS,
	STMT_DROP_FLOWS,
	STMT_DROP_BODIES,
	STMT_DROP_MSGS,
	STMT_DROP_MARKS,
	STMT_MARK_FIND,
	STMT_MARK_GET,
	STMT_MARK_PUT,
	STMT_MARK_DROP,
	STMT_PINS,
	STMT_PINNED_UNTIL,
	STMT_LAST_NUMBER,
	STMT_NUMBER_SET,
	STMT_MOVE_FLOW,
	STMT_MOVE_BODIES,
	STMT_MOVE_MSGS,
	STMT_MOVE_MARK,
	STMT_KV_PUT,
	STMT_KV_GET,
	STMT_MAX,
};

struct store {
	sqlite3 *db;
	char *path;
	struct store_limits lim;
	int lock_fd; /* of path.lock; -1: a reader */
	bool in_tx, corrupt;
	unsigned tx_bodies; /* written in the transaction under way */
	uint64_t evicted, repeats;
	struct buf pb, z, z_shown, attrs;
	ZSTD_CCtx *cctx;
	ZSTD_DCtx *dctx;
	sqlite3_stmt *stmts[STMT_MAX];
	struct store_checkpoint *checkpoint; /* NULL: a reader */
};

/* One step of a schema: brings a database from version i to i + 1, i being its place in the list. */
struct store_step {
	const char *sql;
};
/* Runs the steps that are missing, each in a transaction of its own.
 * 0; -EPROTONOSUPPORT: newer than n; -EINVAL: a database of another program; else as store_errno. */
int store_migrate(sqlite3 *db, const struct store_step *steps, int n);
extern const struct store_step store_steps[];
extern const int store_steps_n;

/* Negative errno for the database's last error.  -ENOSPC, -EROFS, -EACCES, -EUCLEAN (corrupt), -EBUSY, -ENOMEM, -EIO. */
int store_errno(sqlite3 *db);
/* The same, noted in s: a corrupt database is set aside when it is closed. */
int store_failed(struct store *s);
/* The statement, prepared once and reset; NULL: see store_failed. */
sqlite3_stmt *store_prepared(struct store *s, enum store_stmt which);
int store_exec(struct store *s, const char *sql);
/* PRAGMA name, or another statement that gives one number; 0 when there is none. */
int64_t store_number(sqlite3 *db, const char *sql);

/* sqlite_checkpoint.c: begins, and ends, the thread that copies the log into the database.  0; as store_errno. */
int store_checkpoint_open(struct store *s);
void store_checkpoint_close(struct store *s);
/* Before a transaction: copies the log itself when that has become long.  0; as store_failed. */
int store_checkpoint_room(struct store *s);
/* sqlite_put.c */
int store_done(struct store *s, sqlite3_stmt *st); /* runs a statement that gives no rows, once */
void store_bind_slice(sqlite3_stmt *st, int at, struct slice v);
void store_bind_text(sqlite3_stmt *st, int at, const char *v); /* NULL binds NULL */
/* Six columns from at on.  0, -ENOMEM. */
int store_bind_body(struct store *s, sqlite3_stmt *st, int at, const struct flow_body *b);
int store_put(struct store *s, const struct flow *f, struct slice packed, uint64_t *ret_row, bool *ret_new);
int store_commit(struct store *s);
int store_begin(struct store *s);
void store_rollback(struct store *s);
/* sqlite_msgs.c */
/* Adds those of f that are not known to its row, and keeps their number in bounds.  *ret_changed: there were some. */
int store_put_msgs(struct store *s, uint64_t row, const struct flow *f, bool *ret_changed);
int store_get_msgs(struct store *s, uint64_t row, const struct store_window *w, struct arena *a,
		   struct flow *f);
int store_count_msgs(struct store *s, uint64_t row, uint64_t *ret);
int store_messages(struct store *s, const uint8_t id[16], const struct store_window *w,
		   struct arena *a, struct flow *ret, uint64_t *ret_kept);
/* sqlite_read.c */
struct slice store_column(sqlite3_stmt *st, int at); /* borrowed until the next step */
const char *store_column_text(sqlite3_stmt *st, int at, struct arena *a);
/* The first six columns.  0; -EUCLEAN, -ENOMEM. */
int store_column_body(struct store *s, sqlite3_stmt *st, struct arena *a, struct flow_body *ret);
/* Three columns from at on, into room; f->mark is left alone where there is none. */
int store_column_mark(sqlite3_stmt *st, int at, struct arena *a, struct flow_mark *room,
		      struct flow *f);
int store_by_id(struct store *s, const uint8_t id[16], struct arena *a, size_t max_msgs,
		struct flow *ret, uint64_t *ret_row);
int store_scan(struct store *s, uint64_t first, uint64_t last, bool bodies,
	       bool (*fn)(void *ctx, uint64_t row, const struct flow *f), void *ctx);
/* sqlite_mark.c */
int store_mark(struct store *s, const uint8_t id[16], const struct store_mark *change,
	       struct arena *a, uint64_t *ret_row, struct flow_mark *ret);
/* Sets f->mark; its parts lie in a. */
int store_get_mark(struct store *s, uint64_t row, struct arena *a, struct flow *f);
int store_renumber(struct store *s, uint64_t row, uint64_t *ret_row);
/* Of the pinned flows with numbers up to last, all get new ones.  *ret_n: how many. */
int store_renumber_until(struct store *s, uint64_t last, uint64_t *ret_n);
/* sqlite_limit.c */
int64_t store_trim(struct store *s, uint64_t now_ns);
int store_clear(struct store *s);
int store_stats(struct store *s, struct store_stats *ret);

#endif
