/* SPDX-License-Identifier: Apache-2.0 */
/* The schema, one step a version.  A step that was released is never changed: another is added.
 *
 * A flow's body and messages lie beside it, so that the list and every scan over it never touch
 * them.  flows.pb is the message limpid.v1.Flow without body data and without messages; the columns
 * next to it repeat what queries ask for.  bodies.key is 2 * row for the request, + 1 for the answer.
 * AUTOINCREMENT: a number is not given twice, even after everything was deleted.
 */
#include "store/sqlite.h"

#include <errno.h>
#include <stdio.h>

const struct store_step store_steps[] = {
	{ "CREATE TABLE flows("
	  " row INTEGER PRIMARY KEY AUTOINCREMENT,"
	  " id BLOB NOT NULL UNIQUE,"
	  " ts INTEGER NOT NULL,"
	  " proto TEXT NOT NULL,"
	  " status TEXT,"
	  " state INTEGER NOT NULL,"
	  " failed INTEGER NOT NULL,"
	  " flags INTEGER NOT NULL,"
	  " dur INTEGER,"
	  " pb BLOB NOT NULL);"
	  "CREATE INDEX flows_ts ON flows(ts);"
	  "CREATE TABLE bodies("
	  " key INTEGER PRIMARY KEY,"
	  " size INTEGER NOT NULL,"
	  " zstd INTEGER NOT NULL,"
	  " data BLOB NOT NULL);"
	  "CREATE TABLE msgs("
	  " row INTEGER NOT NULL,"
	  " seq INTEGER NOT NULL,"
	  " ts INTEGER NOT NULL,"
	  " server INTEGER NOT NULL,"
	  " flags INTEGER NOT NULL,"
	  " op TEXT, type TEXT, encoding TEXT,"
	  " len INTEGER NOT NULL, captured INTEGER NOT NULL,"
	  " size INTEGER NOT NULL, zstd INTEGER NOT NULL,"
	  " data BLOB NOT NULL,"
	  " UNIQUE(row, seq));"
	  "CREATE TABLE kv(key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;" },
	/* A body as JSON, for people: flow_body.shown. */
	{ "ALTER TABLE bodies ADD COLUMN shown_size INTEGER NOT NULL DEFAULT 0;"
	  "ALTER TABLE bodies ADD COLUMN shown_zstd INTEGER NOT NULL DEFAULT 0;"
	  "ALTER TABLE bodies ADD COLUMN shown BLOB;"
	  "ALTER TABLE msgs ADD COLUMN shown_size INTEGER NOT NULL DEFAULT 0;"
	  "ALTER TABLE msgs ADD COLUMN shown_zstd INTEGER NOT NULL DEFAULT 0;"
	  "ALTER TABLE msgs ADD COLUMN shown BLOB;" },
	/* flow_msg.attrs: keys and values in turn, each with its NUL. */
	{ "ALTER TABLE msgs ADD COLUMN attrs BLOB;" },
	/* struct flow_mark; a row with nothing in it is deleted. */
	{ "CREATE TABLE marks("
	  " row INTEGER PRIMARY KEY,"
	  " colour INTEGER NOT NULL,"
	  " pinned INTEGER NOT NULL,"
	  " note TEXT);" },
	/* Flows come in the order of their time, about: the first row tells the oldest, and each flow saves an entry. */
	{ "DROP INDEX flows_ts;" },
};
const int store_steps_n = sizeof(store_steps) / sizeof(store_steps[0]);

int64_t store_number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *st = NULL;
	int64_t n = 0;

	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK &&
	    sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

static int one_step(sqlite3 *db, const struct store_step *step, int version)
{
	char pragma[48];
	int r = 0;

	(void)snprintf(pragma, sizeof(pragma), "PRAGMA user_version=%d", version);
	if (sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
		return store_errno(db);
	if (sqlite3_exec(db, step->sql, NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_exec(db, pragma, NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
		r = store_errno(db);
	if (r < 0) /* gives an error of its own where SQLite rolled back already */
		(void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

int store_migrate(sqlite3 *db, const struct store_step *steps, int n)
{
	int64_t version = store_number(db, "PRAGMA user_version");
	int64_t app = store_number(db, "PRAGMA application_id");
	int64_t tables = store_number(db, "SELECT count(*) FROM sqlite_schema");
	char pragma[48];
	int r;

	if (sqlite3_errcode(db) != SQLITE_OK && sqlite3_errcode(db) != SQLITE_ROW &&
	    sqlite3_errcode(db) != SQLITE_DONE)
		return store_errno(db);
	if (tables > 0 && app != STORE_APPLICATION)
		return -EINVAL;
	if (version > n)
		return -EPROTONOSUPPORT;
	if (tables == 0) {
		(void)snprintf(pragma, sizeof(pragma), "PRAGMA application_id=%d",
			       STORE_APPLICATION);
		if (sqlite3_exec(db, pragma, NULL, NULL, NULL) != SQLITE_OK)
			return store_errno(db);
	}
	for (int v = (int)version; v < n; v++) {
		r = one_step(db, &steps[v], v + 1);
		if (r < 0)
			return r;
	}
	return 0;
}
