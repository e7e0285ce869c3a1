/* SPDX-License-Identifier: Apache-2.0 */
/* Keeping the file within its bounds.  Rows go from the lowest number on, in small steps, so that what is
 * kept is always the newest.  Freed pages are used again by what comes; only a file that is over the
 * bound, or mostly free, is made smaller, because that moves pages. */
#include "store/sqlite.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#define STEP_ROWS 2000

struct pages {
	uint64_t size, all, unused;
};

static struct pages pages(struct store *s)
{
	return (struct pages){
		.size = (uint64_t)store_number(s->db, "PRAGMA page_size"),
		.all = (uint64_t)store_number(s->db, "PRAGMA page_count"),
		.unused = (uint64_t)store_number(s->db, "PRAGMA freelist_count"),
	};
}

static uint64_t wal_bytes(const struct store *s)
{
	char name[4096];
	struct stat st;

	(void)snprintf(name, sizeof(name), "%s-wal", s->path);
	return stat(name, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static int drop(struct store *s, enum store_stmt which, uint64_t last, uint64_t *ret_n)
{
	sqlite3_stmt *st = store_prepared(s, which);
	int r;

	if (!st)
		return store_failed(s);
	sqlite3_bind_int64(st, 1, (int64_t)last);
	r = sqlite3_step(st) == SQLITE_DONE ? 0 : store_failed(s);
	sqlite3_reset(st);
	*ret_n = (uint64_t)sqlite3_changes64(s->db);
	return r;
}

/* pinned: those too. */
static int drop_until(struct store *s, uint64_t last, bool pinned, int64_t *total)
{
	uint64_t n = 0, rows = 0;
	int r = store_begin(s);

	if (r == 0 && !pinned)
		r = store_renumber_until(s, last, &n);
	if (r == 0)
		r = drop(s, STMT_DROP_MARKS, last, &n);
	if (r == 0)
		r = drop(s, STMT_DROP_BODIES, last * 2 + 1, &n);
	if (r == 0)
		r = drop(s, STMT_DROP_MSGS, last, &n);
	if (r == 0)
		r = drop(s, STMT_DROP_FLOWS, last, &rows);
	if (r == 0)
		r = store_commit(s);
	if (r < 0) {
		store_rollback(s);
		return r;
	}
	s->evicted += rows;
	*total += (int64_t)rows;
	return 0;
}

/* The highest of the first n rows that are not pinned, all of them older than before_ns unless that is 0; 0: none.
 * pinned: of the first n rows, pinned or not. */
static uint64_t oldest(struct store *s, unsigned n, int64_t before_ns, bool pinned)
{
	sqlite3_stmt *st = store_prepared(s, STMT_TS);
	uint64_t last = 0;

	if (!st)
		return 0;
	sqlite3_bind_int64(st, 1, n + STORE_PINS_MAX);
	while (n > 0 && sqlite3_step(st) == SQLITE_ROW) {
		if (sqlite3_column_int(st, 2) && !pinned)
			continue;
		if (before_ns != 0 && sqlite3_column_int64(st, 1) >= before_ns)
			break;
		last = (uint64_t)sqlite3_column_int64(st, 0);
		n--;
	}
	sqlite3_reset(st);
	return last;
}

static int trim_age(struct store *s, uint64_t now_ns, int64_t *total)
{
	uint64_t last;
	int r = 0;

	if (s->lim.max_age_ns == 0 || now_ns <= s->lim.max_age_ns)
		return 0;
	while (r == 0 && (last = oldest(s, STEP_ROWS, (int64_t)(now_ns - s->lim.max_age_ns), false)))
		r = drop_until(s, last, false, total);
	return r;
}

static int trim_bytes(struct store *s, int64_t *total)
{
	struct pages p = pages(s);
	uint64_t target = s->lim.max_bytes - s->lim.max_bytes / 16, last, rows, n;
	struct store_stats st = { 0 };
	bool all_pinned;
	int r = 0;

	if (s->lim.max_bytes == 0)
		return 0;
	while (r == 0 && (p.all - p.unused) * p.size > target && store_stats(s, &st) == 0) {
		/* As many rows as are over the bound, by the mean size; at most a step's. */
		rows = st.last_row - st.first_row + 1;
		n = (uint64_t)((double)rows *
			       (1.0 - (double)target / (double)((p.all - p.unused) * p.size)));
		n = n < 16 ? 16 : n > STEP_ROWS ? STEP_ROWS : n;
		last = oldest(s, (unsigned)n, 0, false);
		all_pinned = last == 0;
		if (all_pinned)
			last = oldest(s, (unsigned)n, 0, true);
		if (last == 0)
			break;
		r = drop_until(s, last, all_pinned, total);
		p = pages(s);
	}
	return r;
}

int64_t store_trim(struct store *s, uint64_t now_ns)
{
	int64_t total = 0;
	int r = store_commit(s);
	struct pages p;

	if (r == 0)
		r = trim_age(s, now_ns, &total);
	if (r == 0)
		r = trim_bytes(s, &total);
	if (r < 0)
		return r;
	p = pages(s);
	if (p.unused > 256 &&
	    (p.unused > p.all / 2 || (s->lim.max_bytes && p.all * p.size > s->lim.max_bytes)))
		r = store_exec(s, "PRAGMA incremental_vacuum(1024)");
	return r < 0 ? r : total;
}

int store_clear(struct store *s)
{
	int r = store_begin(s);

	/* Without WHERE whole pages are given back and no row is looked at. */
	if (r == 0)
		r = store_exec(s, "DELETE FROM bodies; DELETE FROM msgs; DELETE FROM marks;"
				  " DELETE FROM flows");
	if (r == 0)
		r = store_commit(s);
	if (r < 0) {
		store_rollback(s);
		return r;
	}
	/* Gives the space back to the disk; the flows are gone also when this fails. */
	(void)store_exec(s, "PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)");
	return 0;
}

int store_stats(struct store *s, struct store_stats *ret)
{
	sqlite3_stmt *st = store_prepared(s, STMT_BOUNDS);
	struct pages p = pages(s);
	int r = 0;

	if (!st)
		return store_failed(s);
	if (sqlite3_step(st) == SQLITE_ROW) {
		bool empty = sqlite3_column_type(st, 0) == SQLITE_NULL;

		*ret = (struct store_stats){
			.first_row = (uint64_t)sqlite3_column_int64(st, 0),
			.last_row = (uint64_t)sqlite3_column_int64(st, 1),
			.oldest_ns = (uint64_t)sqlite3_column_int64(st, 2),
			.bytes = p.all * p.size + wal_bytes(s),
			.evicted = s->evicted,
			.repeats = s->repeats,
		};
		/* Numbers follow one another: nothing but the oldest is ever deleted. */
		ret->rows = empty ? 0 : ret->last_row - ret->first_row + 1;
	} else {
		r = store_failed(s);
	}
	sqlite3_reset(st);
	return r;
}
