/* SPDX-License-Identifier: Apache-2.0 */
/* Opening, closing, setting aside; small texts.  WAL with synchronous=NORMAL: a commit costs no sync (sqlite_checkpoint.c has them), a
 * power cut may cost the last commits but never the file.  Debian builds SQLite with secure_delete
 * on and synchronous FULL; both are set back here. */
#include "store/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define MSG_COLUMNS                                           \
	"SELECT size,zstd,data,shown_size,shown_zstd,shown,"  \
	"seq,ts,server,flags,op,type,encoding,len,captured,attrs"

static const char *const texts[STMT_MAX] = {
	[STMT_FIND] = "SELECT row, pb FROM flows WHERE id=?1",
	[STMT_INSERT] = "INSERT INTO flows(id,ts,proto,status,state,failed,flags,dur,pb)"
			" VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)",
	[STMT_UPDATE] =
		"UPDATE flows SET ts=?2,proto=?3,status=?4,state=?5,failed=?6,flags=?7,dur=?8,pb=?9"
		" WHERE row=?1",
	[STMT_BODY_PUT] =
		"INSERT OR REPLACE INTO bodies(key,size,zstd,data,shown_size,shown_zstd,shown)"
		" VALUES(?1,?2,?3,?4,?5,?6,?7)",
	[STMT_BODY_DROP] = "DELETE FROM bodies WHERE key=?1",
	[STMT_BODY_GET] =
		"SELECT size,zstd,data,shown_size,shown_zstd,shown FROM bodies WHERE key=?1",
	[STMT_MSG_PUT] =
		"INSERT OR IGNORE INTO msgs(row,seq,ts,server,flags,op,type,encoding,len,captured,"
		"size,zstd,data,shown_size,shown_zstd,shown,attrs)"
		" VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17)",
	[STMT_MSG_FROM] = MSG_COLUMNS " FROM msgs WHERE row=?1 AND seq>=?2 ORDER BY seq LIMIT ?3",
	[STMT_MSG_BEFORE] = MSG_COLUMNS
		" FROM msgs WHERE row=?1 AND seq<?2 ORDER BY seq DESC LIMIT ?3",
	[STMT_MSG_COUNT] = "SELECT count(*) FROM msgs WHERE row=?1",
	[STMT_MSG_TRIM] = "DELETE FROM msgs WHERE row=?1 AND seq>?2 AND seq<=?3",
	[STMT_SCAN] = "SELECT row, pb, colour, pinned, note FROM flows LEFT JOIN marks USING(row)"
		      " WHERE row BETWEEN ?1 AND ?2 ORDER BY row",
	[STMT_BOUNDS] = "SELECT (SELECT min(row) FROM flows), (SELECT max(row) FROM flows),"
			" (SELECT ts FROM flows ORDER BY row LIMIT 1)",
	[STMT_TS] = "SELECT row, ts, pinned FROM flows LEFT JOIN marks USING(row)"
		    " ORDER BY row LIMIT ?1",
	[STMT_DROP_FLOWS] = "DELETE FROM flows WHERE row<=?1",
	[STMT_DROP_BODIES] = "DELETE FROM bodies WHERE key<=?1",
	[STMT_DROP_MSGS] = "DELETE FROM msgs WHERE row<=?1",
	[STMT_DROP_MARKS] = "DELETE FROM marks WHERE row<=?1",
	[STMT_MARK_FIND] = "SELECT row FROM flows WHERE id=?1",
	[STMT_MARK_GET] = "SELECT colour, pinned, note FROM marks WHERE row=?1",
	[STMT_MARK_PUT] =
		"INSERT OR REPLACE INTO marks(row,colour,pinned,note) VALUES(?1,?2,?3,?4)",
	[STMT_MARK_DROP] = "DELETE FROM marks WHERE row=?1",
	[STMT_PINS] = "SELECT count(*) FROM marks WHERE pinned=1",
	[STMT_PINNED_UNTIL] = "SELECT row FROM marks WHERE pinned=1 AND row<=?1 ORDER BY row LIMIT 1",
	[STMT_LAST_NUMBER] = "SELECT max((SELECT max(row) FROM flows),"
			     " (SELECT seq FROM sqlite_sequence WHERE name='flows'))",
	[STMT_NUMBER_SET] = "UPDATE sqlite_sequence SET seq=?1 WHERE name='flows'",
	[STMT_MOVE_FLOW] = "UPDATE flows SET row=?2 WHERE row=?1",
	[STMT_MOVE_BODIES] =
		"UPDATE bodies SET key=key-?1*2+?2*2 WHERE key BETWEEN ?1*2 AND ?1*2+1",
	[STMT_MOVE_MSGS] = "UPDATE msgs SET row=?2 WHERE row=?1",
	[STMT_MOVE_MARK] = "UPDATE marks SET row=?2 WHERE row=?1",
	[STMT_KV_PUT] = "INSERT OR REPLACE INTO kv(key,value) VALUES(?1,?2)",
	[STMT_KV_GET] = "SELECT value FROM kv WHERE key=?1",
};

int store_errno(sqlite3 *db)
{
	int sys = sqlite3_system_errno(db);

	switch (sqlite3_errcode(db) & 0xff) {
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return sys == EROFS || sys == ENOSPC ? -sys : -EACCES;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EUCLEAN;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_NOMEM:
		return -ENOMEM;
	default:
		return sys == ENOSPC || sys == EDQUOT ? -ENOSPC : -EIO;
	}
}

int store_failed(struct store *s)
{
	int r = store_errno(s->db);

	if (r == -EUCLEAN)
		s->corrupt = true;
	/* Some errors end the transaction: what was put since the last commit is gone then. */
	if (s->in_tx && sqlite3_get_autocommit(s->db))
		s->in_tx = false;
	return r;
}

sqlite3_stmt *store_prepared(struct store *s, enum store_stmt which)
{
	sqlite3_stmt *st = s->stmts[which];

	if (!st) {
		if (sqlite3_prepare_v3(s->db, texts[which], -1, SQLITE_PREPARE_PERSISTENT, &st,
				       NULL) != SQLITE_OK)
			return NULL;
		s->stmts[which] = st;
	}
	sqlite3_reset(st);
	return st;
}

int store_exec(struct store *s, const char *sql)
{
	return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : store_failed(s);
}

static void store_close(struct store *s)
{
	if (!s)
		return;
	store_checkpoint_close(s);
	for (int i = 0; i < STMT_MAX; i++)
		sqlite3_finalize(s->stmts[i]);
	sqlite3_close_v2(s->db);
	ZSTD_freeCCtx(s->cctx);
	ZSTD_freeDCtx(s->dctx);
	buf_release(&s->pb);
	buf_release(&s->z);
	buf_release(&s->z_shown);
	buf_release(&s->attrs);
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	free(s->path);
	free(s);
}

/* SQLite would count every allocation, under a lock that all threads share. */
static void no_statistics(void)
{
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static struct store *store_alloc(const char *path)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct store *s = calloc(1, sizeof(*s));

	(void)pthread_once(&once, no_statistics);

	if (!s)
		return NULL;
	s->lock_fd = -1;
	s->path = strdup(path);
	s->cctx = ZSTD_createCCtx();
	s->dctx = ZSTD_createDCtx();
	if (!s->path || !s->cctx || !s->dctx) {
		store_close(s);
		return NULL;
	}
	return s;
}

/* The directory can be written and nobody else writes this database.  The file is made here, so that it is
 * readable by its owner only. */
static int prepare_file(struct store *s)
{
	char lock[4096];
	int fd, n = snprintf(lock, sizeof(lock), "%s.lock", s->path);

	if (n < 0 || (size_t)n >= sizeof(lock))
		return -ENAMETOOLONG;
	fd = open(s->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	close(fd); /* before SQLite has locks on it: closing any descriptor drops those */
	s->lock_fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (s->lock_fd < 0)
		return -errno;
	return flock(s->lock_fd, LOCK_EX | LOCK_NB) == 0 ? 0 : -EBUSY;
}

static int configure(struct store *s)
{
	static const char *const pragmas[] = {
		"PRAGMA busy_timeout=5000",	      "PRAGMA page_size=8192",
		"PRAGMA auto_vacuum=INCREMENTAL",     "PRAGMA journal_mode=WAL",
		"PRAGMA synchronous=NORMAL",	      "PRAGMA secure_delete=OFF",
		"PRAGMA journal_size_limit=67108864", "PRAGMA cache_size=-16384",
		"PRAGMA temp_store=MEMORY",
	};

	for (size_t i = 0; i < sizeof(pragmas) / sizeof(pragmas[0]); i++)
		if (store_exec(s, pragmas[i]) < 0)
			return store_failed(s);
	return 0;
}

/* Reads something of every table, so that a damaged file shows now rather than in the middle of the work; the
 * whole check would read gigabytes. */
static int probe(struct store *s)
{
	static const char *const reads[] = {
		"SELECT count(*) FROM (SELECT id, pb FROM flows ORDER BY row DESC LIMIT 64)",
		"SELECT count(*) FROM (SELECT id, pb FROM flows ORDER BY row LIMIT 64)",
		"SELECT count(*) FROM (SELECT size, data FROM bodies ORDER BY key DESC LIMIT 64)",
		"SELECT count(*) FROM (SELECT seq, data FROM msgs ORDER BY rowid DESC LIMIT 64)",
		"SELECT sum(length(value)) FROM kv",
	};
	struct stat st;

	if (stat(s->path, &st) == 0 && st.st_size <= 16 << 20) {
		sqlite3_stmt *q = NULL;
		bool ok = sqlite3_prepare_v2(s->db, "PRAGMA quick_check(1)", -1, &q, NULL) ==
				  SQLITE_OK &&
			  sqlite3_step(q) == SQLITE_ROW &&
			  strcmp((const char *)sqlite3_column_text(q, 0), "ok") == 0;

		sqlite3_finalize(q);
		if (!ok) {
			s->corrupt = true;
			return -EUCLEAN;
		}
	}
	for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++)
		if (store_exec(s, reads[i]) < 0)
			return store_failed(s);
	return 0;
}

/* Renames the three files; never over an earlier damaged one. */
static void set_aside(const char *path, char *err, size_t errlen)
{
	static const char *const ends[] = { "", "-wal", "-shm" };
	char from[4096], to[4096], name[4096], stamp[32];
	time_t now = time(NULL);
	struct tm tm;
	int failed = 0;

	if (!localtime_r(&now, &tm) || strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm) == 0)
		(void)snprintf(stamp, sizeof(stamp), "%lld", (long long)now);
	(void)snprintf(name, sizeof(name), "%s.corrupt-%s", path, stamp);
	for (unsigned i = 2; access(name, F_OK) == 0 && i < 1000; i++)
		(void)snprintf(name, sizeof(name), "%s.corrupt-%s-%u", path, stamp, i);
	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(from, sizeof(from), "%s%s", path, ends[i]);
		if ((size_t)snprintf(to, sizeof(to), "%s%s", name, ends[i]) >= sizeof(to))
			failed = ENAMETOOLONG;
		else if (rename(from, to) < 0 && errno != ENOENT)
			failed = errno;
	}
	if (failed)
		(void)snprintf(err, errlen,
			       "the database %s is damaged and cannot be set aside (%s): move it "
			       "away yourself",
			       path, strerror(failed));
	else
		(void)snprintf(err, errlen,
			       "the database %s was damaged and is kept as %s; a new one is begun",
			       path, name);
}

static void explain(int r, const char *path, char *err, size_t errlen)
{
	switch (r) {
	case -EACCES:
	case -EPERM:
	case -ENOENT:
	case -ENOTDIR:
	case -EISDIR:
		(void)snprintf(err, errlen,
			       "the database %s cannot be written (%s): give its directory to this "
			       "user, or pass another --db",
			       path, strerror(-r));
		break;
	case -EROFS:
		(void)snprintf(err, errlen,
			       "the database %s is on a read-only file system: pass another --db",
			       path);
		break;
	case -ENOSPC:
		(void)snprintf(err, errlen,
			       "the disk that holds the database %s is full: free some space, or "
			       "pass another --db",
			       path);
		break;
	case -EPROTONOSUPPORT:
		(void)snprintf(err, errlen,
			       "the database %s was made by a newer Limpid: use that version, or "
			       "pass another --db",
			       path);
		break;
	case -EINVAL:
		(void)snprintf(err, errlen,
			       "the file %s is a database of another program: pass another --db",
			       path);
		break;
	case -EBUSY:
		(void)snprintf(err, errlen,
			       "the database %s is in use by another Limpid hub: stop that one, or "
			       "pass another --db",
			       path);
		break;
	default:
		(void)snprintf(err, errlen,
			       "the database %s cannot be opened (%s): check the disk, or pass "
			       "another --db",
			       path, strerror(-r));
	}
}

static int sqlite_open(struct store **ret, const char *path, const struct store_limits *lim,
		       char *err, size_t errlen)
{
	struct store *s = store_alloc(path);
	bool damaged;
	int r;

	if (!s)
		return -ENOMEM;
	s->lim = *lim;
	r = prepare_file(s);
	if (r == 0 && sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
				      NULL) != SQLITE_OK)
		r = s->db ? store_failed(s) : -ENOMEM;
	if (r == 0)
		r = configure(s);
	if (r == 0)
		r = store_migrate(s->db, store_steps, store_steps_n);
	if (r == 0)
		r = probe(s);
	if (r == 0)
		r = store_checkpoint_open(s);
	if (r == 0) {
		*ret = s;
		return 0;
	}
	damaged = r == -EUCLEAN;
	if (r == -ENOENT || r == -EISDIR || r == -ENOTDIR || r == -EPERM) {
		explain(r, path, err, errlen);
		r = -EACCES;
	} else if (!damaged) {
		explain(r, path, err, errlen);
	}
	store_close(s);
	if (damaged)
		set_aside(path, err, errlen);
	return r;
}

static int sqlite_open_reader(struct store **ret, const char *path)
{
	struct store *s = store_alloc(path);
	int r = 0;

	if (!s)
		return -ENOMEM;
	if (sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) !=
	    SQLITE_OK)
		r = s->db ? store_errno(s->db) : -ENOMEM;
	if (r == 0)
		r = store_exec(s, "PRAGMA busy_timeout=2000");
	if (r == 0)
		r = store_exec(s, "PRAGMA cache_size=-8192");
	if (r < 0)
		store_close(s);
	else
		*ret = s;
	return r;
}

static int sqlite_set(struct store *s, const char *key, struct slice value)
{
	sqlite3_stmt *st = store_prepared(s, STMT_KV_PUT);
	int r = st ? store_begin(s) : store_failed(s);

	if (r < 0)
		return r;
	sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
	sqlite3_bind_blob64(st, 2, value.n ? (const void *)value.p : "", value.n, SQLITE_STATIC);
	r = sqlite3_step(st) == SQLITE_DONE ? 0 : store_failed(s);
	sqlite3_reset(st);
	if (r < 0)
		store_rollback(s);
	return r;
}

static int sqlite_get(struct store *s, const char *key, struct buf *ret)
{
	sqlite3_stmt *st = store_prepared(s, STMT_KV_GET);
	int rc, r = 0;

	if (!st)
		return store_failed(s);
	sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		buf_put(ret, (struct slice){ sqlite3_column_blob(st, 0),
					     (size_t)sqlite3_column_bytes(st, 0) });
	else
		r = rc == SQLITE_DONE ? -ENOENT : store_failed(s);
	sqlite3_reset(st);
	return r;
}

static void sqlite_close(struct store *s)
{
	char *path = s && s->corrupt && s->lock_fd >= 0 ? strdup(s->path) : NULL;
	char err[512];

	store_close(s);
	if (path)
		set_aside(path, err, sizeof(err));
	free(path);
}

const struct store_ops store_sqlite = {
	.open = sqlite_open,
	.put = store_put,
	.mark = store_mark,
	.renumber = store_renumber,
	.commit = store_commit,
	.trim = store_trim,
	.clear = store_clear,
	.set = sqlite_set,
	.get = sqlite_get,
	.stats = store_stats,
	.close = sqlite_close,
	.open_reader = sqlite_open_reader,
	.by_id = store_by_id,
	.messages = store_messages,
	.scan = store_scan,
};
