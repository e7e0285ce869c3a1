/* SPDX-License-Identifier: Apache-2.0 */
/* Columns and rows.  A row that is not kept is counted without a look inside it. */
#include "proto/mysql.h"

#include <stdlib.h>

static void add_col(struct mysql *m, const struct my_col *c)
{
	struct my_answer *a = &m->ans;

	if (a->cols_n == MY_COLS)
		return;
	if (a->cols_n == a->cols_cap) {
		size_t cap = a->cols_cap ? 2 * a->cols_cap : 16;
		struct my_col *cols = realloc(a->cols, cap * sizeof(*cols));

		if (!cols) {
			m->lost_memory = true;
			return;
		}
		a->cols = cols;
		a->cols_cap = cap;
	}
	a->cols[a->cols_n++] = *c;
}

/* MariaDB: what a column is beyond its type: kind (0: type, 1: format), name. */
static struct slice extended(struct slice s)
{
	struct rd r = rd_init(s);
	struct slice name = { 0 };

	while (rd_left(&r) > 1 && !r.short_read) {
		(void)rd_u8(&r);
		name = my_lenenc_str(&r);
	}
	return r.short_read ? (struct slice){ 0 } : name;
}

void my_col_def(struct mysql *m, struct slice p, bool named)
{
	struct my_answer *a = &m->ans;
	struct rd r = rd_init(p);
	struct slice name, more = { 0 };
	struct my_col c = { 0 };
	struct buf tmp = { 0 };

	for (int i = 0; i < 4; i++)
		(void)my_lenenc_str(&r);
	name = my_lenenc_str(&r);
	(void)my_lenenc_str(&r);
	if (m->caps_known ? my_has(m, MARIA_EXTENDED_TYPE) : rd_left(&r) > 0 && *r.p != 0x0c)
		more = extended(my_lenenc_str(&r));
	(void)rd_u8(&r);
	c.charset = rd_le16(&r);
	(void)rd_le32(&r);
	c.type = rd_u8(&r);
	c.flags = rd_le16(&r);
	c.decimals = rd_u8(&r);
	if (r.short_read)
		a->flags |= FLOW_DECODE_ERROR;
	if (!named)
		return;
	add_col(m, &c);
	sql_list_add(&a->names, SQL_LIST_BYTES, my_text(name, m->charset, &tmp));
	sql_list_add(&a->types, SQL_LIST_BYTES, more.n ? more : slice_str(my_type_name(&c)));
	m->lost_memory |= tmp.failed;
	buf_release(&tmp);
}

static void copy_list(struct sql_list *l, const char *json, uint64_t n)
{
	sql_list_clear(l);
	if (!json || n == 0)
		return;
	buf_put(&l->text, (struct slice){ (const uint8_t *)json, strlen(json) - 1 });
	l->n = n;
	l->cut |= l->text.failed;
}

void my_cached_cols(struct mysql *m)
{
	struct my_answer *a = &m->ans;
	const struct my_stmt *s = my_stmt_find(m, a->cmd.stmt);

	if (!s || !s->cols_known) {
		my_answer_attr(a, "unknown_columns", SLICE_LIT("described before capture"));
		return;
	}
	a->cols_n = 0;
	for (unsigned i = 0; i < s->ncols; i++)
		add_col(m, &s->cols[i]);
	a->ncols = s->ncols;
	copy_list(&a->names, s->names, s->ncols);
	copy_list(&a->types, s->type_names, s->ncols);
}

/* --- rows --- */

struct row {
	struct mysql *m;
	struct rd r;
	struct buf tmp;
	bool whole; /* all of it was kept */
	bool over;  /* its kept part */
};

/* A string of which perhaps only the beginning is here. */
static struct slice string(struct row *w)
{
	struct rd begin = w->r;
	uint64_t n = my_lenenc(&w->r);

	if (w->r.short_read) {
		w->over = true;
		return (struct slice){ 0 };
	}
	if (n <= rd_left(&w->r))
		return rd_bytes(&w->r, (size_t)n);
	w->over = true;
	if (w->whole) { /* it claims more than there is */
		w->m->ans.flags |= FLOW_DECODE_ERROR;
		w->r = begin;
		return (struct slice){ 0 };
	}
	return my_rest(&w->r);
}

static void put(struct row *w, const struct my_col *c, struct slice s, const uint8_t *begin)
{
	struct slice text = my_text(s, c->charset, &w->tmp);

	if (c->type == 16 && s.n > 0) { /* bits: never text */
		buf_clear(&w->tmp);
		buf_puts(&w->tmp, "0x");
		buf_put_hex(&w->tmp, s);
		text = buf_slice(&w->tmp);
	}
	sql_row_value(&w->m->ans.rows, text, (uint64_t)(w->r.p - begin));
	w->m->lost_memory |= w->tmp.failed;
}

static void text_row(struct row *w)
{
	struct my_answer *a = &w->m->ans;

	for (size_t i = 0; i < a->cols_n && !w->over; i++) {
		const uint8_t *begin = w->r.p;
		struct slice s;

		if (rd_left(&w->r) == 0) {
			w->over = true;
		} else if (*begin == 0xfb) {
			(void)rd_u8(&w->r);
			sql_row_null(&a->rows);
		} else {
			s = string(w);
			if (!w->over || s.n)
				put(w, &a->cols[i], s, begin);
		}
	}
}

static bool is_string(const struct my_col *c)
{
	return c->type == 0 || c->type == 15 || c->type == 16 || c->type >= 242;
}

static void binary_row(struct row *w)
{
	struct my_answer *a = &w->m->ans;
	char room[MY_VALUE_ROOM];
	struct slice nulls;

	(void)rd_u8(&w->r);
	nulls = rd_bytes(&w->r, (size_t)(a->ncols + 9) / 8);
	if (w->r.short_read)
		w->over = true;
	for (size_t i = 0; i < a->cols_n && !w->over; i++) {
		const uint8_t *begin = w->r.p;
		const struct my_col *c = &a->cols[i];
		struct slice s = { 0 };

		if (nulls.p[(i + 2) / 8] >> (i + 2) % 8 & 1) {
			sql_row_null(&a->rows);
			continue;
		}
		if (is_string(c))
			s = string(w);
		else if (!my_binary_value(&w->r, c, room, &s))
			w->over = true;
		if (!w->over || (is_string(c) && s.n))
			put(w, c, s, begin);
	}
}

/* As many strings as columns, and nothing behind them: else it is a binary one. */
static bool is_text(const struct my_answer *a, struct slice p)
{
	struct rd r = rd_init(p);

	for (uint64_t i = 0; i < a->ncols; i++) {
		if (rd_left(&r) > 0 && *r.p == 0xfb)
			(void)rd_u8(&r);
		else
			(void)my_lenenc_str(&r);
		if (r.short_read)
			return false;
	}
	return rd_left(&r) == 0;
}

void my_row(struct mysql *m, struct slice p, uint64_t len, bool whole)
{
	struct my_answer *a = &m->ans;
	struct row w = { .m = m, .r = rd_init(p), .whole = whole };

	if (a->guess && a->rows.rows == a->rows_before)
		a->binary = whole && p.n > 0 && p.p[0] == 0 && !is_text(a, p);
	if (!sql_row_begin(&a->rows, len, m->limits->body_bytes, m->limits->decoded_bytes))
		return;
	if (a->binary)
		binary_row(&w);
	else
		text_row(&w);
	if (w.over && whole)
		a->flags |= FLOW_DECODE_ERROR;
	sql_row_end(&a->rows, !whole);
	buf_release(&w.tmp);
}
