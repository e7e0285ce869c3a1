/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/postgres_value.h"

#include <inttypes.h>

#define DEPTH_MAX 8 /* arrays of records of arrays ... */

struct form {
	struct buf *out;
	struct slice v;
	unsigned depth;
	uint32_t part; /* type of a range's bounds */
};

static void put_hex(struct buf *out, struct slice v)
{
	buf_puts(out, "\\x");
	buf_put_hex(out, v);
}

/* --- one value --- */

static bool of_bool(struct form *f)
{
	buf_puts(f->out, f->v.n && f->v.p[0] ? "t" : "f");
	return f->v.n == 1;
}

static bool of_bytea(struct form *f)
{
	put_hex(f->out, f->v);
	return true;
}

static bool of_text(struct form *f)
{
	buf_put(f->out, f->v);
	return true;
}

/* "char": one byte, and 0 is an empty text. */
static bool of_char(struct form *f)
{
	uint8_t c = f->v.n ? f->v.p[0] : 0;

	if (c >= 0x80)
		buf_printf(f->out, "\\%03o", c);
	else if (c)
		buf_put(f->out, f->v);
	return f->v.n == 1;
}

static bool of_int(struct form *f)
{
	struct rd r = rd_init(f->v);
	uint64_t u = rd_be(&r, f->v.n <= 8 ? f->v.n : 0);
	int64_t n = f->v.n == 2 ? (int16_t)u : f->v.n == 4 ? (int32_t)u : (int64_t)u;

	buf_printf(f->out, "%" PRId64, n);
	return f->v.n == 2 || f->v.n == 4 || f->v.n == 8;
}

static bool of_unsigned(struct form *f)
{
	struct rd r = rd_init(f->v);

	buf_printf(f->out, "%" PRIu64, rd_be(&r, f->v.n <= 8 ? f->v.n : 0));
	return f->v.n == 4 || f->v.n == 8;
}

static bool of_jsonb(struct form *f)
{
	buf_put(f->out, slice_cut(f->v, 1, f->v.n));
	return f->v.n > 0 && f->v.p[0] == 1; /* its version */
}

/* n numbers in a pattern: a '#' is one, all else is itself. */
static bool numbers(struct form *f, const char *pattern)
{
	struct rd r = rd_init(f->v);

	for (; *pattern; pattern++)
		if (*pattern != '#')
			buf_put(f->out, (struct slice){ (const uint8_t *)pattern, 1 });
		else if (!pg_float8(f->out, rd_bytes(&r, 8)))
			return false;
	return rd_left(&r) == 0;
}

static bool of_point(struct form *f)
{
	return numbers(f, "(#,#)");
}

static bool of_lseg(struct form *f)
{
	return numbers(f, "[(#,#),(#,#)]");
}

static bool of_box(struct form *f)
{
	return numbers(f, "(#,#),(#,#)");
}

static bool of_line(struct form *f)
{
	return numbers(f, "{#,#,#}");
}

static bool of_circle(struct form *f)
{
	return numbers(f, "<(#,#),#>");
}

#define PLAIN(name)                             \
	static bool of_##name(struct form *f)   \
	{                                       \
		return pg_##name(f->out, f->v); \
	}
PLAIN(numeric)
PLAIN(money)
PLAIN(tid)
PLAIN(lsn)
PLAIN(float4)
PLAIN(float8)
PLAIN(date)
PLAIN(time)
PLAIN(timetz)
PLAIN(timestamp)
PLAIN(timestamptz)
PLAIN(interval)
PLAIN(inet)
PLAIN(bits)
PLAIN(mac)
PLAIN(uuid)

static bool of_array(struct form *f);
static bool of_vector(struct form *f);
static bool of_record(struct form *f);
static bool of_range(struct form *f);

/* Told in hexadecimal digits. */
static bool of_other(struct form *f)
{
	(void)f;
	return false;
}

/* --- the table --- */

/* part: of a range, the type of its bounds. */
static const struct type {
	uint32_t oid, part;
	const char *name;
	bool (*form)(struct form *f);
} types[] = {
	{ 16, 0, "bool", of_bool },
	{ 17, 0, "bytea", of_bytea },
	{ 18, 0, "char", of_char },
	{ 19, 0, "name", of_text },
	{ 20, 0, "int8", of_int },
	{ 21, 0, "int2", of_int },
	{ 22, 0, "int2vector", of_vector },
	{ 23, 0, "int4", of_int },
	{ 24, 0, "regproc", of_unsigned },
	{ 25, 0, "text", of_text },
	{ 26, 0, "oid", of_unsigned },
	{ 27, 0, "tid", of_tid },
	{ 28, 0, "xid", of_unsigned },
	{ 29, 0, "cid", of_unsigned },
	{ 30, 0, "oidvector", of_vector },
	{ 114, 0, "json", of_text },
	{ 142, 0, "xml", of_text },
	{ 143, 0, "xml[]", of_array },
	{ 194, 0, "pg_node_tree", of_text },
	{ 199, 0, "json[]", of_array },
	{ 600, 0, "point", of_point },
	{ 601, 0, "lseg", of_lseg },
	{ 603, 0, "box", of_box },
	{ 628, 0, "line", of_line },
	{ 650, 0, "cidr", of_inet },
	{ 651, 0, "cidr[]", of_array },
	{ 700, 0, "float4", of_float4 },
	{ 701, 0, "float8", of_float8 },
	{ 705, 0, "unknown", of_text },
	{ 718, 0, "circle", of_circle },
	{ 774, 0, "macaddr8", of_mac },
	{ 790, 0, "money", of_money },
	{ 791, 0, "money[]", of_array },
	{ 829, 0, "macaddr", of_mac },
	{ 869, 0, "inet", of_inet },
	{ 1000, 0, "bool[]", of_array },
	{ 1001, 0, "bytea[]", of_array },
	{ 1002, 0, "char[]", of_array },
	{ 1003, 0, "name[]", of_array },
	{ 1005, 0, "int2[]", of_array },
	{ 1007, 0, "int4[]", of_array },
	{ 1009, 0, "text[]", of_array },
	{ 1014, 0, "bpchar[]", of_array },
	{ 1015, 0, "varchar[]", of_array },
	{ 1016, 0, "int8[]", of_array },
	{ 1021, 0, "float4[]", of_array },
	{ 1022, 0, "float8[]", of_array },
	{ 1028, 0, "oid[]", of_array },
	{ 1040, 0, "macaddr[]", of_array },
	{ 1041, 0, "inet[]", of_array },
	{ 1042, 0, "bpchar", of_text },
	{ 1043, 0, "varchar", of_text },
	{ 1082, 0, "date", of_date },
	{ 1083, 0, "time", of_time },
	{ 1114, 0, "timestamp", of_timestamp },
	{ 1115, 0, "timestamp[]", of_array },
	{ 1182, 0, "date[]", of_array },
	{ 1183, 0, "time[]", of_array },
	{ 1184, 0, "timestamptz", of_timestamptz },
	{ 1185, 0, "timestamptz[]", of_array },
	{ 1186, 0, "interval", of_interval },
	{ 1187, 0, "interval[]", of_array },
	{ 1231, 0, "numeric[]", of_array },
	{ 1263, 0, "cstring[]", of_array },
	{ 1266, 0, "timetz", of_timetz },
	{ 1270, 0, "timetz[]", of_array },
	{ 1560, 0, "bit", of_bits },
	{ 1561, 0, "bit[]", of_array },
	{ 1562, 0, "varbit", of_bits },
	{ 1563, 0, "varbit[]", of_array },
	{ 1700, 0, "numeric", of_numeric },
	{ 2205, 0, "regclass", of_unsigned },
	{ 2206, 0, "regtype", of_unsigned },
	{ 2249, 0, "record", of_record },
	{ 2275, 0, "cstring", of_text },
	{ 2278, 0, "void", of_text },
	{ 2287, 0, "record[]", of_array },
	{ 2950, 0, "uuid", of_uuid },
	{ 2951, 0, "uuid[]", of_array },
	{ 3220, 0, "pg_lsn", of_lsn },
	{ 3614, 0, "tsvector", of_other },
	{ 3615, 0, "tsquery", of_other },
	{ 3802, 0, "jsonb", of_jsonb },
	{ 3807, 0, "jsonb[]", of_array },
	{ 3904, 23, "int4range", of_range },
	{ 3905, 0, "int4range[]", of_array },
	{ 3906, 1700, "numrange", of_range },
	{ 3908, 1114, "tsrange", of_range },
	{ 3910, 1184, "tstzrange", of_range },
	{ 3912, 1082, "daterange", of_range },
	{ 3913, 0, "daterange[]", of_array },
	{ 3926, 20, "int8range", of_range },
	{ 4072, 0, "jsonpath", of_jsonb },
	{ 5069, 0, "xid8", of_unsigned },
};

static const struct type *type_of(uint32_t oid)
{
	size_t from = 0, to = sizeof(types) / sizeof(types[0]);

	while (from < to) {
		size_t mid = (from + to) / 2;

		if (types[mid].oid == oid)
			return &types[mid];
		if (types[mid].oid < oid)
			from = mid + 1;
		else
			to = mid;
	}
	return NULL;
}

const char *pg_type_name(uint32_t oid)
{
	const struct type *t = type_of(oid);

	return t ? t->name : NULL;
}

static bool printable(struct slice v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] == 0x7f ||
		    (v.p[i] < 0x20 && v.p[i] != '\t' && v.p[i] != '\n' && v.p[i] != '\r'))
			return false;
	return slice_is_utf8(v);
}

static void put_value(struct buf *out, uint32_t oid, struct slice v, unsigned depth)
{
	const struct type *t = type_of(oid);
	struct form f = { out, v, depth, t ? t->part : 0 };
	size_t begin = out->n;

	if (t && depth < DEPTH_MAX && t->form(&f))
		return;
	out->n = begin;
	if (printable(v))
		buf_put(out, v);
	else
		put_hex(out, v);
}

void pg_value(struct buf *out, uint32_t oid, enum pg_format format, struct slice v)
{
	if (format == PG_TEXT)
		buf_put(out, v);
	else
		put_value(out, format == PG_BINARY ? oid : 0, v, 0);
}

/* --- values of values --- */

/* Quoted as arrays, records and ranges want it: quote says which bytes make that necessary. */
static void put_part(struct form *f, uint32_t oid, struct slice v, const char *quote, bool null_too)
{
	struct buf text = { 0 };
	bool quoted = v.n == 0;

	put_value(&text, oid, v, f->depth + 1);
	quoted |= text.n == 0 || (null_too && slice_eq_nocase(buf_slice(&text), SLICE_LIT("null")));
	for (size_t i = 0; i < text.n && !quoted; i++)
		quoted = text.p[i] && strchr(quote, text.p[i]);
	if (!quoted) {
		buf_put(f->out, buf_slice(&text));
	} else {
		buf_puts(f->out, "\"");
		for (size_t i = 0, from = 0; i <= text.n; i++)
			if (i == text.n || text.p[i] == '"' || text.p[i] == '\\') {
				buf_put(f->out, slice_cut(buf_slice(&text), from, i));
				if (i < text.n)
					buf_puts(f->out, "\\");
				from = i;
			}
		buf_puts(f->out, "\"");
	}
	f->out->failed |= text.failed;
	buf_release(&text);
}

/* A length, and so many bytes; -1: null.  False: not there. */
static bool part(struct rd *r, struct slice *ret, bool *ret_null)
{
	int32_t n = (int32_t)rd_be32(r);

	*ret_null = n == -1;
	*ret = rd_bytes(r, n > 0 ? (size_t)n : 0);
	return !r->short_read && n >= -1;
}

/* array_send: dimensions, has nulls, type of the elements; each dimension's size and lower bound; the elements.
 * False: no array.  dims, low: 6 each. */
static bool array_head(struct rd *r, uint32_t *ret_ndim, uint32_t *dims, int32_t *low,
		       uint32_t *ret_oid, uint64_t *ret_n)
{
	*ret_ndim = rd_be32(r);
	(void)rd_be32(r);
	*ret_oid = rd_be32(r);
	*ret_n = *ret_ndim > 0;
	if (r->short_read || *ret_ndim > 6)
		return false;
	for (uint32_t i = 0; i < *ret_ndim; i++) {
		dims[i] = rd_be32(r);
		low[i] = (int32_t)rd_be32(r);
		*ret_n *= dims[i];
		if (*ret_n > rd_left(r) / 4) /* also against overflow: each element has a length */
			return false;
	}
	return !r->short_read;
}

/* Bounds are told when one is not 1. */
static void put_bounds(struct buf *out, uint32_t ndim, const uint32_t *dims, const int32_t *low)
{
	bool told = false;

	for (uint32_t i = 0; i < ndim; i++)
		told |= low[i] != 1;
	for (uint32_t i = 0; told && i < ndim; i++)
		buf_printf(out, "[%" PRId32 ":%" PRId64 "]%s", low[i],
			   (int64_t)low[i] + dims[i] - 1, i + 1 < ndim ? "" : "=");
}

/* int2vector, oidvector: an array in another dress. */
static bool of_vector(struct form *f)
{
	struct rd r = rd_init(f->v);
	uint32_t ndim, dims[6], oid;
	int32_t low[6];
	uint64_t n;

	if (!array_head(&r, &ndim, dims, low, &oid, &n) || ndim > 1)
		return false;
	for (uint64_t i = 0; i < n; i++) {
		struct slice v;
		bool null;

		if (!part(&r, &v, &null) || null)
			return false;
		buf_puts(f->out, i ? " " : "");
		put_value(f->out, oid, v, f->depth + 1);
	}
	return rd_left(&r) == 0;
}

static bool of_array(struct form *f)
{
	struct rd r = rd_init(f->v);
	uint32_t ndim, dims[6], at[6] = { 0 }, oid;
	int32_t low[6];
	uint64_t n;

	if (!array_head(&r, &ndim, dims, low, &oid, &n))
		return false;
	if (n == 0) {
		buf_puts(f->out, "{}");
		return rd_left(&r) == 0;
	}
	put_bounds(f->out, ndim, dims, low);
	for (uint64_t i = 0; i < n; i++) {
		struct slice v;
		bool null;
		uint32_t d;

		for (d = 0; d < ndim && at[ndim - 1 - d] == 0;)
			d++;
		if (i > 0)
			buf_puts(f->out, ",");
		for (uint32_t k = 0; k < d; k++)
			buf_puts(f->out, "{");
		if (!part(&r, &v, &null))
			return false;
		if (null)
			buf_puts(f->out, "NULL");
		else
			put_part(f, oid, v, "{}\",\\ \t\n\r\v\f", true);
		for (d = ndim; d > 0 && ++at[d - 1] == dims[d - 1]; d--) {
			at[d - 1] = 0;
			buf_puts(f->out, "}");
		}
	}
	return rd_left(&r) == 0;
}

/* record_send: columns; each with its type. */
static bool of_record(struct form *f)
{
	struct rd r = rd_init(f->v);
	uint32_t n = rd_be32(&r);

	if (r.short_read || n > rd_left(&r) / 8)
		return false;
	buf_puts(f->out, "(");
	for (uint32_t i = 0; i < n; i++) {
		uint32_t oid = rd_be32(&r);
		struct slice v;
		bool null;

		buf_puts(f->out, i ? "," : "");
		if (!part(&r, &v, &null))
			return false;
		if (!null)
			put_part(f, oid, v, "()\",\\ \t\n\r\v\f", false);
	}
	buf_puts(f->out, ")");
	return rd_left(&r) == 0;
}

/* range_send (rangetypes.c): flags, then the bounds that are finite. */
static bool of_range(struct form *f)
{
	enum { EMPTY = 1, LOWER_INC = 2, UPPER_INC = 4, LOWER_INF = 8, UPPER_INF = 16 };
	static const char quote[] = "()[]\",\\ \t\n\r\v\f";
	struct rd r = rd_init(f->v);
	uint8_t flags = rd_u8(&r);
	struct slice v;
	bool null;

	if (r.short_read)
		return false;
	if (flags & EMPTY) {
		buf_puts(f->out, "empty");
		return rd_left(&r) == 0;
	}
	buf_puts(f->out, flags & LOWER_INC ? "[" : "(");
	if (!(flags & LOWER_INF)) {
		if (!part(&r, &v, &null))
			return false;
		put_part(f, f->part, v, quote, false);
	}
	buf_puts(f->out, ",");
	if (!(flags & UPPER_INF)) {
		if (!part(&r, &v, &null))
			return false;
		put_part(f, f->part, v, quote, false);
	}
	buf_puts(f->out, flags & UPPER_INC ? "]" : ")");
	return rd_left(&r) == 0;
}
