/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of conversations.  A conversation may last for days and say millions: the first and the newest are kept,
 * what is between them is deleted as it goes on, so that a write costs what it brings. */
#include "store/sqlite.h"

#include <errno.h>

/* --- writing --- */

/* Keys and values in turn, each with its NUL, in s->z. */
static struct slice pack_attrs(struct store *s, const struct flow_msg *m)
{
	buf_clear(&s->attrs);
	for (size_t i = 0; i < m->nattrs; i++) {
		struct slice key = slice_str(m->attrs[i].key), value = slice_str(m->attrs[i].value);

		buf_put(&s->attrs, (struct slice){ key.p, key.n + 1 });
		buf_put(&s->attrs, (struct slice){ value.p, value.n + 1 });
	}
	return buf_slice(&s->attrs);
}

/* 1: stored; 0: this number was known. */
static int put_msg(struct store *s, uint64_t row, const struct flow_msg *m)
{
	sqlite3_stmt *st = store_prepared(s, STMT_MSG_PUT);
	int r;

	if (!st)
		return store_failed(s);
	sqlite3_bind_int64(st, 1, (int64_t)row);
	sqlite3_bind_int64(st, 2, (int64_t)m->seq);
	sqlite3_bind_int64(st, 3, (int64_t)m->ts_ns);
	sqlite3_bind_int(st, 4, m->from_server);
	sqlite3_bind_int64(st, 5, m->flags);
	store_bind_text(st, 6, m->op);
	store_bind_text(st, 7, m->body.type);
	store_bind_text(st, 8, m->body.encoding);
	sqlite3_bind_int64(st, 9, (int64_t)m->body.len);
	sqlite3_bind_int64(st, 10, (int64_t)m->body.captured);
	if (m->nattrs)
		store_bind_slice(st, 17, pack_attrs(s, m));
	r = s->attrs.failed ? -ENOMEM : store_bind_body(s, st, 11, &m->body);
	if (r == 0)
		r = store_done(s, st);
	return r < 0 ? r : sqlite3_changes(s->db);
}

int store_put_msgs(struct store *s, uint64_t row, const struct flow *f, bool *ret_changed)
{
	uint64_t last = f->streams ? f->stream.n[0] + f->stream.n[1] : 0;
	sqlite3_stmt *st;

	for (size_t i = 0; i < f->nmsgs; i++) {
		int r = put_msg(s, row, &f->msgs[i]);

		if (r < 0)
			return r;
		*ret_changed |= r == 1;
		last = f->msgs[i].seq > last ? f->msgs[i].seq : last;
	}
	if (last <= STORE_MSGS_FIRST + STORE_MSGS_LAST)
		return 0;
	st = store_prepared(s, STMT_MSG_TRIM);
	if (!st)
		return store_failed(s);
	sqlite3_bind_int64(st, 1, (int64_t)row);
	sqlite3_bind_int64(st, 2, STORE_MSGS_FIRST);
	sqlite3_bind_int64(st, 3, (int64_t)(last - STORE_MSGS_LAST));
	return store_done(s, st);
}

/* --- reading --- */

/* 0, -ENOMEM, -EUCLEAN. */
static int unpack_attrs(struct slice in, struct arena *a, struct flow_msg *m)
{
	struct rd r = rd_init(arena_copy(a, in));
	struct flow_attr *attrs;
	size_t n = 0;

	for (size_t i = 0; i < in.n; i++)
		n += in.p[i] == 0;
	if (in.n == 0)
		return 0;
	if (n % 2 || in.p[in.n - 1])
		return -EUCLEAN;
	attrs = arena_alloc(a, n / 2 * sizeof(*attrs));
	if (arena_short(a))
		return -ENOMEM;
	for (size_t i = 0; i < n / 2; i++) {
		attrs[i].key = (const char *)r.p;
		(void)rd_bytes(&r, strlen(attrs[i].key) + 1);
		attrs[i].value = (const char *)r.p;
		(void)rd_bytes(&r, strlen(attrs[i].value) + 1);
	}
	m->attrs = attrs;
	m->nattrs = n / 2;
	return 0;
}

static int one_msg(struct store *s, sqlite3_stmt *st, struct arena *a, struct flow_msg *m)
{
	int r;

	*m = (struct flow_msg){
		.seq = (uint64_t)sqlite3_column_int64(st, 6),
		.ts_ns = (uint64_t)sqlite3_column_int64(st, 7),
		.from_server = sqlite3_column_int(st, 8),
		.flags = (unsigned)sqlite3_column_int64(st, 9),
		.op = store_column_text(st, 10, a),
		.body = { .type = store_column_text(st, 11, a),
			  .encoding = store_column_text(st, 12, a),
			  .len = (uint64_t)sqlite3_column_int64(st, 13),
			  .captured = (uint64_t)sqlite3_column_int64(st, 14) },
	};
	r = arena_short(a) ? -ENOMEM : unpack_attrs(store_column(st, 15), a, m);

	return r < 0 ? r : store_column_body(s, st, a, &m->body);
}

static void turn_round(struct flow_msg *list, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		struct flow_msg m = list[i];

		list[i] = list[n - 1 - i];
		list[n - 1 - i] = m;
	}
}

/* One more in *list, which has room for *cap.  False: out of memory. */
static bool room(struct arena *a, struct flow_msg **list, size_t n, size_t *cap)
{
	size_t more = *cap ? *cap * 2 : 16;
	struct flow_msg *p;

	if (n < *cap)
		return true;
	p = arena_grow(a, *list, *cap * sizeof(*p), more * sizeof(*p));
	if (!p)
		return false;
	*list = p;
	*cap = more;
	return true;
}

int store_get_msgs(struct store *s, uint64_t row, const struct store_window *w, struct arena *a,
		   struct flow *f)
{
	sqlite3_stmt *st = store_prepared(s, w->before ? STMT_MSG_BEFORE : STMT_MSG_FROM);
	struct flow_msg *list = NULL;
	size_t n = 0, cap = 0;
	int rc, r = 0;

	if (!st)
		return store_failed(s);
	sqlite3_bind_int64(st, 1, (int64_t)row);
	sqlite3_bind_int64(st, 2, (int64_t)(w->from > INT64_MAX ? INT64_MAX : w->from));
	sqlite3_bind_int64(st, 3, (int64_t)(w->n > INT32_MAX ? INT32_MAX : w->n));
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		r = room(a, &list, n, &cap) ? one_msg(s, st, a, &list[n]) : -ENOMEM;
		if (r < 0)
			break;
		n++;
	}
	if (r == 0 && rc != SQLITE_DONE)
		r = store_failed(s);
	sqlite3_reset(st);
	if (w->before)
		turn_round(list, n);
	f->msgs = list;
	f->nmsgs = n;
	return r;
}

int store_count_msgs(struct store *s, uint64_t row, uint64_t *ret)
{
	sqlite3_stmt *st = store_prepared(s, STMT_MSG_COUNT);
	int r = 0;

	if (!st)
		return store_failed(s);
	sqlite3_bind_int64(st, 1, (int64_t)row);
	if (sqlite3_step(st) == SQLITE_ROW)
		*ret = (uint64_t)sqlite3_column_int64(st, 0);
	else
		r = store_failed(s);
	sqlite3_reset(st);
	return r;
}
