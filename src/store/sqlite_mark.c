/* SPDX-License-Identifier: Apache-2.0 */
/* What people noted beside flows, and how a pinned flow outlives its turn: it gets the next free number, so that still
 * nothing but the oldest numbers is ever deleted and those that are left follow one another. */
#include "store/sqlite.h"

#include <errno.h>

int store_get_mark(struct store *s, uint64_t row, struct arena *a, struct flow *f)
{
	sqlite3_stmt *st = store_prepared(s, STMT_MARK_GET);
	struct flow_mark *room = arena_alloc(a, sizeof(*room));
	int rc, r = 0;

	if (!st)
		return store_failed(s);
	if (!room)
		return -ENOMEM;
	sqlite3_bind_int64(st, 1, (int64_t)row);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		r = store_column_mark(st, 0, a, room, f);
	else if (rc != SQLITE_DONE)
		r = store_failed(s);
	sqlite3_reset(st);
	return r;
}

/* The one number that a statement gives; -ENOENT: it gives none. */
static int number(struct store *s, sqlite3_stmt *st, uint64_t *ret)
{
	int rc = sqlite3_step(st), r = 0;

	if (rc == SQLITE_ROW)
		*ret = (uint64_t)sqlite3_column_int64(st, 0);
	else
		r = rc == SQLITE_DONE ? -ENOENT : store_failed(s);
	sqlite3_reset(st);
	return r;
}

static int find(struct store *s, const uint8_t id[16], uint64_t *ret)
{
	sqlite3_stmt *st = store_prepared(s, STMT_MARK_FIND);

	if (!st)
		return store_failed(s);
	sqlite3_bind_blob(st, 1, id, 16, SQLITE_STATIC);
	return number(s, st, ret);
}

static int room_for_pin(struct store *s)
{
	sqlite3_stmt *st = store_prepared(s, STMT_PINS);
	uint64_t n = 0;
	int r = st ? number(s, st, &n) : store_failed(s);

	return r == 0 && n >= STORE_PINS_MAX ? -EDQUOT : r;
}

static int write_mark(struct store *s, uint64_t row, const struct flow_mark *m)
{
	bool empty = !m->colour && !m->pinned && !m->note;
	sqlite3_stmt *st = store_prepared(s, empty ? STMT_MARK_DROP : STMT_MARK_PUT);

	if (!st)
		return store_failed(s);
	sqlite3_bind_int64(st, 1, (int64_t)row);
	if (!empty) {
		sqlite3_bind_int(st, 2, (int)m->colour);
		sqlite3_bind_int(st, 3, m->pinned);
		store_bind_text(st, 4, m->note);
	}
	return store_done(s, st);
}

int store_mark(struct store *s, const uint8_t id[16], const struct store_mark *change,
	       struct arena *a, uint64_t *ret_row, struct flow_mark *ret)
{
	struct flow f = { 0 };
	struct flow_mark m = { 0 };
	uint64_t row = 0;
	int r = store_begin(s);

	if (r == 0)
		r = find(s, id, &row);
	if (r == 0)
		r = store_get_mark(s, row, a, &f);
	if (r == 0 && f.mark)
		m = *f.mark;
	if (r == 0 && change->pinned && change->to.pinned && !m.pinned)
		r = room_for_pin(s);
	if (r == 0) {
		m.colour = change->colour ? change->to.colour : m.colour;
		m.pinned = change->pinned ? change->to.pinned : m.pinned;
		m.note = change->note ? change->to.note : m.note;
		r = write_mark(s, row, &m);
	}
	if (r == 0) {
		*ret_row = row;
		*ret = m;
	} else if (r != -ENOENT && r != -EDQUOT) {
		store_rollback(s);
	}
	return r;
}

static int move(struct store *s, enum store_stmt which, uint64_t from, uint64_t to)
{
	sqlite3_stmt *st = store_prepared(s, which);

	if (!st)
		return store_failed(s);
	sqlite3_bind_int64(st, 1, (int64_t)from);
	sqlite3_bind_int64(st, 2, (int64_t)to);
	return store_done(s, st);
}

static int next_number(struct store *s, uint64_t *ret)
{
	sqlite3_stmt *st = store_prepared(s, STMT_LAST_NUMBER);
	uint64_t last = 0;
	int r = st ? number(s, st, &last) : store_failed(s);

	/* Kept also when this row is deleted: a number is not given twice. */
	st = r == 0 ? store_prepared(s, STMT_NUMBER_SET) : NULL;
	if (r == 0 && !st)
		r = store_failed(s);
	if (r < 0)
		return r;
	sqlite3_bind_int64(st, 1, (int64_t)++last);
	*ret = last;
	return store_done(s, st);
}

static int renumber(struct store *s, uint64_t row, uint64_t *ret_row)
{
	static const enum store_stmt moves[] = { STMT_MOVE_FLOW, STMT_MOVE_BODIES, STMT_MOVE_MSGS,
						 STMT_MOVE_MARK };
	int r = next_number(s, ret_row);

	for (size_t i = 0; r == 0 && i < sizeof(moves) / sizeof(*moves); i++)
		r = move(s, moves[i], row, *ret_row);
	return r;
}

static int pinned_until(struct store *s, uint64_t last, uint64_t *ret)
{
	sqlite3_stmt *st = store_prepared(s, STMT_PINNED_UNTIL);

	if (!st)
		return store_failed(s);
	sqlite3_bind_int64(st, 1, (int64_t)last);
	return number(s, st, ret);
}

int store_renumber_until(struct store *s, uint64_t last, uint64_t *ret_n)
{
	uint64_t row = 0, to;
	int r;

	*ret_n = 0;
	while ((r = pinned_until(s, last, &row)) == 0) {
		r = renumber(s, row, &to);
		if (r < 0)
			return r;
		++*ret_n;
	}
	return r == -ENOENT ? 0 : r;
}

int store_renumber(struct store *s, uint64_t row, uint64_t *ret_row)
{
	struct arena *a = arena_new(1 << 16);
	struct flow f = { 0 };
	int r = a ? store_begin(s) : -ENOMEM;

	if (r == 0)
		r = store_get_mark(s, row, a, &f);
	if (r == 0 && !(f.mark && f.mark->pinned))
		r = -ENOENT;
	if (r == 0)
		r = renumber(s, row, ret_row);
	if (r < 0 && r != -ENOENT)
		store_rollback(s);
	arena_free(a);
	return r;
}
