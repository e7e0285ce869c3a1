/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters of prepared statements, and query attributes, which have the same form with names: a bitmap of NULLs, a byte that
 * says whether types follow, types, values.  A server knows how many there are from the statement; where that was
 * prepared before capture, the number is the one with which the packet comes out even. */
#include "proto/mysql.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_PARAMS   65535
#define GUESS_PARAMS 64
#define BULK_TYPES   128

struct binding {
	struct mysql *m;
	struct my_stmt *s; /* or NULL */
	struct rd *r;
	unsigned n; /* parameters */
	bool named; /* types have names behind them */
	struct slice nulls;
	struct slice types; /* two bytes each, unless named; empty: as bound before */
	struct rd names;
	struct buf tmp;
};

static bool is_null(const struct binding *b, unsigned i)
{
	return i / 8 < b->nulls.n && (b->nulls.p[i / 8] >> i % 8 & 1);
}

static const uint64_t *sent_before(const struct binding *b, unsigned i)
{
	for (unsigned k = 0; b->s && k < b->s->nlong; k++)
		if (b->s->longs[k].param == i)
			return &b->s->longs[k].len;
	return NULL;
}

static struct my_col column(const struct mysql *m, unsigned type)
{
	return (struct my_col){ .type = (uint8_t)type,
				.decimals = 31,
				.charset = m->charset,
				.flags = type & 0x8000 ? 32 : 0 };
}

/* The type of parameter i, and its name when it has one. */
static bool type_of(struct binding *b, unsigned i, struct my_col *ret, struct slice *ret_name)
{
	unsigned type = 0;

	*ret_name = (struct slice){ 0 };
	if (b->named) {
		type = rd_le16(&b->names);
		*ret_name = my_lenenc_str(&b->names);
		if (b->names.short_read)
			return false;
	} else if (2 * i + 1 < b->types.n) {
		type = b->types.p[2 * i] | (unsigned)b->types.p[2 * i + 1] << 8;
	} else if (b->s && b->s->types && i < b->s->nparams) {
		type = b->s->types[i];
	} else {
		return false;
	}
	*ret = column(b->m, type);
	return true;
}

/* Bitmap, flag and types.  False: they are not there. */
static bool read_head(struct binding *b)
{
	uint8_t bound;

	b->nulls = rd_bytes(b->r, (b->n + 7) / 8);
	bound = rd_u8(b->r);
	if (b->r->short_read || bound > 1)
		return false;
	if (bound && b->named) {
		b->names = *b->r;
		for (unsigned i = 0; i < b->n && !b->r->short_read; i++) {
			(void)rd_le16(b->r);
			(void)my_lenenc_str(b->r);
		}
	} else if (bound) {
		b->types = rd_bytes(b->r, 2 * (size_t)b->n);
	} else {
		b->named = false;
	}
	return !b->r->short_read;
}

static void remember_types(struct binding *b)
{
	struct my_stmt *s = b->s;
	uint16_t *types;

	if (!s || b->types.n == 0)
		return;
	types = malloc(b->types.n);
	if (!types) {
		b->m->lost_memory = true;
		return;
	}
	for (size_t i = 0; i + 1 < b->types.n; i += 2)
		types[i / 2] = (uint16_t)(b->types.p[i] | (unsigned)b->types.p[i + 1] << 8);
	free(s->types);
	s->types = types;
	s->nparams = b->n;
	s->nparams_known = true;
	my_stmt_count(b->m, s);
}

static void put_named(struct binding *b, struct sql_list *l, struct slice name, const char *value,
		      struct slice text)
{
	struct buf s = { 0 };

	buf_put(&s, name);
	buf_puts(&s, "=");
	buf_puts(&s, value ? value : "");
	buf_put(&s, text);
	b->m->lost_memory |= s.failed;
	sql_list_add(l, SQL_LIST_BYTES, buf_slice(&s));
	buf_release(&s);
}

/* The values go to params, those with names to named.  False: they end early. */
static bool read_values(struct binding *b, size_t max, struct sql_list *params,
			struct sql_list *named)
{
	char room[MY_VALUE_ROOM];

	for (unsigned i = 0; i < b->n; i++) {
		const uint64_t *before = sent_before(b, i);
		struct slice name, value = { 0 };
		struct my_col c;

		if (!type_of(b, i, &c, &name))
			return false;
		if (before) {
			int n = snprintf(room, sizeof(room), "(%llu bytes sent before)",
					 (unsigned long long)*before);

			value = (struct slice){ (uint8_t *)room, (size_t)n };
		} else if (!is_null(b, i) && c.type != 6) {
			if (!my_binary_value(b->r, &c, room, &value))
				return false;
			value = my_text(value, c.charset, &b->tmp);
			b->m->lost_memory |= b->tmp.failed;
		} else if (name.n) {
			put_named(b, named, name, "NULL", value);
			continue;
		} else {
			sql_list_add_null(params, max);
			continue;
		}
		if (name.n)
			put_named(b, named, name, NULL, value);
		else
			sql_list_add(params, max, value);
	}
	return true;
}

/* Does a packet with n parameters end where it ends? */
static bool comes_out(const struct binding *with, unsigned n)
{
	struct rd r = *with->r;
	struct binding b = { .m = with->m, .s = with->s, .r = &r, .n = n };
	char room[MY_VALUE_ROOM];
	bool good = read_head(&b) && (b.types.n > 0 || n == 0);

	for (unsigned i = 0; i < n && good; i++) {
		struct slice name, value;
		struct my_col c;

		good = type_of(&b, i, &c, &name);
		if (good && !is_null(&b, i) && !sent_before(&b, i))
			good = my_binary_value(&r, &c, room, &value);
	}
	return good && rd_left(&r) == 0;
}

static bool guess(struct binding *b)
{
	if (rd_left(b->r) == 0) {
		b->n = 0;
		return true;
	}
	for (unsigned n = 1; n <= GUESS_PARAMS; n++)
		if (comes_out(b, n)) {
			b->n = n;
			return true;
		}
	return false;
}

static void put_lists(struct binding *b, struct sql_list *params, struct sql_list *named,
		      struct arena *a, struct sql_attrs *t, unsigned *flags)
{
	sql_attr(t, "params", sql_list_copy(params, a));
	sql_attr(t, "query_attributes", sql_list_copy(named, a));
	if (params->cut || named->cut || b->tmp.failed)
		*flags |= FLOW_TRUNCATED;
	sql_list_release(params);
	sql_list_release(named);
	buf_release(&b->tmp);
}

void my_query_attrs(struct mysql *m, struct rd *r, struct arena *a, struct sql_attrs *t,
		    unsigned *flags)
{
	struct binding b = { .m = m, .r = r, .named = true };
	struct sql_list params = { 0 }, named = { 0 };
	struct rd begin = *r;

	/* Where nothing was agreed on: no statement begins with such bytes. */
	if (!(m->caps_known ? my_has(m, MY_QUERY_ATTRS)
			    : rd_left(r) >= 2 && r->p[0] < 9 && r->p[1] == 1))
		return;
	b.n = (unsigned)my_lenenc(r);
	if (my_lenenc(r) != 1 || b.n > MAX_PARAMS || r->short_read) {
		*r = begin;
		return;
	}
	if (b.n == 0)
		return;
	if (!read_head(&b) || !read_values(&b, SQL_LIST_BYTES, &params, &named))
		*flags |= FLOW_DECODE_ERROR;
	put_lists(&b, &params, &named, a, t, flags);
}

/* How many there are.  False: nothing says so. */
static bool count(struct binding *b, unsigned cursor)
{
	struct rd begin = *b->r;

	b->n = b->s ? b->s->nparams : 0;
	b->named = b->m->caps_known ? my_has(b->m, MY_QUERY_ATTRS) : (cursor & 8) != 0;
	if (b->named && (cursor & 8 || !b->s || b->n > 0) && rd_left(b->r) > 0) {
		b->n = (unsigned)my_lenenc(b->r);
		if (b->n <= MAX_PARAMS && !b->r->short_read)
			return true;
		*b->r = begin;
	}
	b->named = false;
	if (b->s && b->s->nparams_known)
		return true;
	return guess(b);
}

void my_bind(struct mysql *m, struct my_stmt *s, struct rd *r, unsigned cursor, struct msg *out,
	     struct sql_attrs *t)
{
	struct binding b = { .m = m, .s = s, .r = r };
	struct sql_list params = { 0 }, named = { 0 };
	size_t max =
		m->limits->body_bytes > SQL_LIST_BYTES ? m->limits->body_bytes : SQL_LIST_BYTES;
	bool good;

	if (!count(&b, cursor)) {
		sql_attr(t, "unknown_params", "their types were sent before capture");
		return;
	}
	if (b.n > 0) {
		good = read_head(&b);
		if (good)
			remember_types(&b);
		good = good && read_values(&b, max, &params, &named);
		if (!good && !(out->flags & (FLOW_TRUNCATED | FLOW_AFTER_GAP)))
			out->flags |= FLOW_DECODE_ERROR;
	}
	put_lists(&b, &params, &named, out->arena, t, &out->flags);
	if (s)
		s->nlong = 0;
}

/* --- many at once (MariaDB) --- */

static bool bulk_row(struct binding *b, struct sql_rows *rows, const struct proto_limits *lim)
{
	char room[MY_VALUE_ROOM];
	const uint8_t *begin = b->r->p;

	for (unsigned i = 0; i < b->n; i++) {
		uint8_t how =
			rd_u8(b->r); /* 0: a value, 1: NULL, 2: the default, 3: left as it is */
		struct slice name, value;
		struct my_col c;

		if (b->r->short_read || how > 3 || !type_of(b, i, &c, &name))
			return false;
		if (i == 0 && !sql_row_begin(rows, 0, lim->body_bytes, lim->decoded_bytes))
			return false;
		if (how == 1)
			sql_row_null(rows);
		else if (how > 1)
			sql_row_value(rows, how == 2 ? SLICE_LIT("DEFAULT") : SLICE_LIT("IGNORE"),
				      0);
		else if (!my_binary_value(b->r, &c, room, &value))
			return false;
		else
			sql_row_value(rows, my_text(value, c.charset, &b->tmp), 0);
	}
	rows->bytes += (uint64_t)(b->r->p - begin);
	rows->captured += (uint64_t)(b->r->p - begin);
	sql_row_end(rows, false);
	return true;
}

void my_bind_bulk(struct mysql *m, struct my_stmt *s, struct rd *r, unsigned how, struct msg *out,
		  struct sql_attrs *t)
{
	struct binding b = { .m = m, .s = s, .r = r };
	struct sql_rows rows = { 0 };
	struct flow_body *body = &out->half.body;

	if (!s || !s->nparams_known || s->nparams == 0) {
		sql_attr(t, "unknown_params", "how many there are was said before capture");
		return;
	}
	b.n = s->nparams;
	if (how & BULK_TYPES) {
		b.types = rd_bytes(r, 2 * (size_t)b.n);
		remember_types(&b);
	}
	while (rd_left(r) > 0 && bulk_row(&b, &rows, m->limits))
		;
	if (rd_left(r) > 0 || r->short_read) {
		sql_row_end(&rows, true);
		out->flags |= rows.full || out->flags ? FLOW_TRUNCATED : FLOW_DECODE_ERROR;
	}
	sql_attr_num(t, out->arena, "batch", rows.rows);
	out->flags |= sql_rows_copy(&rows, out->arena, body);
	if (b.tmp.failed)
		out->flags |= FLOW_TRUNCATED;
	sql_rows_release(&rows);
	buf_release(&b.tmp);
}
