/* SPDX-License-Identifier: Apache-2.0 */
/* Values in binary form (COM_STMT_EXECUTE and its rows), written as a text result has them. */
#include "proto/mysql.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum my_type { /* of columns and parameters */
	       T_DECIMAL = 0,
	       T_TINY,
	       T_SHORT,
	       T_LONG,
	       T_FLOAT,
	       T_DOUBLE,
	       T_NULL,
	       T_TIMESTAMP,
	       T_LONGLONG,
	       T_INT24,
	       T_DATE,
	       T_TIME,
	       T_DATETIME,
	       T_YEAR,
	       T_NEWDATE,
	       T_VARCHAR,
	       T_BIT,
	       T_TIMESTAMP2,
	       T_DATETIME2,
	       T_TIME2,
	       T_VECTOR = 242,
	       T_JSON = 245,
	       T_NEWDECIMAL,
	       T_ENUM,
	       T_SET,
	       T_TINY_BLOB,
	       T_MEDIUM_BLOB,
	       T_LONG_BLOB,
	       T_BLOB,
	       T_VAR_STRING,
	       T_STRING,
	       T_GEOMETRY,
};

enum { FLAG_UNSIGNED = 32, FLAG_ENUM = 256, FLAG_SET = 2048 };
#define NO_FIXED 31 /* decimals: as many as it takes */

static const char *of_bytes(const struct my_col *c)
{
	bool text = c->charset != MY_BINARY;

	switch (c->type) {
	case T_VARCHAR:
	case T_VAR_STRING:
		return text ? "varchar" : "varbinary";
	case T_STRING:
		return c->flags & FLAG_ENUM  ? "enum"
		       : c->flags & FLAG_SET ? "set"
		       : text		     ? "char"
					     : "binary";
	case T_TINY_BLOB:
		return text ? "tinytext" : "tinyblob";
	case T_MEDIUM_BLOB:
		return text ? "mediumtext" : "mediumblob";
	case T_LONG_BLOB:
		return text ? "longtext" : "longblob";
	case T_BLOB:
		return text ? "text" : "blob";
	default:
		return NULL;
	}
}

const char *my_type_name(const struct my_col *c)
{
	static const struct {
		uint8_t type;
		const char *name, *unsigned_name;
	} names[] = {
		{ T_TINY, "tinyint", "tinyint unsigned" },
		{ T_SHORT, "smallint", "smallint unsigned" },
		{ T_INT24, "mediumint", "mediumint unsigned" },
		{ T_LONG, "int", "int unsigned" },
		{ T_LONGLONG, "bigint", "bigint unsigned" },
		{ T_FLOAT, "float", "float unsigned" },
		{ T_DOUBLE, "double", "double unsigned" },
		{ T_DECIMAL, "decimal", "decimal unsigned" },
		{ T_NEWDECIMAL, "decimal", "decimal unsigned" },
		{ T_NULL, "null", "null" },
		{ T_TIMESTAMP, "timestamp", "timestamp" },
		{ T_DATETIME, "datetime", "datetime" },
		{ T_DATE, "date", "date" },
		{ T_NEWDATE, "date", "date" },
		{ T_TIME, "time", "time" },
		{ T_YEAR, "year", "year" },
		{ T_BIT, "bit", "bit" },
		{ T_VECTOR, "vector", "vector" },
		{ T_JSON, "json", "json" },
		{ T_ENUM, "enum", "enum" },
		{ T_SET, "set", "set" },
		{ T_GEOMETRY, "geometry", "geometry" },
	};
	const char *name = of_bytes(c);

	for (size_t i = 0; !name && i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].type == c->type)
			name = c->flags & FLAG_UNSIGNED ? names[i].unsigned_name : names[i].name;
	return name ? name : "unknown";
}

/* --- numbers --- */

static size_t integer(char *room, uint64_t v, unsigned bytes, const struct my_col *c)
{
	unsigned bits = 64 - 8 * bytes;

	if (c->flags & FLAG_UNSIGNED)
		return (size_t)snprintf(room, MY_VALUE_ROOM, "%" PRIu64, v);
	return (size_t)snprintf(room, MY_VALUE_ROOM, "%" PRId64, (int64_t)(v << bits) >> bits);
}

/* C writes 1e+20 and 1e-07, MySQL 1e20 and 1e-7. */
static size_t shorten(char *s)
{
	char *e = strchr(s, 'e'), *from, *to;

	if (!e)
		return strlen(s);
	from = to = e + 1;
	if (*from == '-')
		*to++ = *from;
	if (*from == '-' || *from == '+')
		from++;
	while (*from == '0' && from[1])
		from++;
	memmove(to, from, strlen(from) + 1);
	return strlen(s);
}

static size_t real(char *room, double v, int digits, int enough, const struct my_col *c)
{
	if (c->decimals < NO_FIXED)
		return (size_t)snprintf(room, MY_VALUE_ROOM, "%.*f", c->decimals, v);
	do
		(void)snprintf(room, MY_VALUE_ROOM, "%.*g", digits, v);
	while (digits++ < enough && strtod(room, NULL) != v);
	return shorten(room);
}

static size_t real_bytes(char *room, uint64_t bits, bool is_double, const struct my_col *c)
{
	uint32_t low = (uint32_t)bits;
	double d;
	float f;

	if (is_double) {
		memcpy(&d, &bits, sizeof(d));
		return real(room, d, 15, 17, c);
	}
	memcpy(&f, &low, sizeof(f));
	return real(room, (double)f, 6, 6, c);
}

/* --- time --- */

/* Digits of a second's fraction: as the column says; of a parameter, six if there are any. */
static size_t fraction(char *room, size_t n, uint32_t us, const struct my_col *c)
{
	unsigned digits = c->decimals <= 6 ? c->decimals : us ? 6 : 0;

	if (digits == 0 && us)
		digits = 6;
	if (digits == 0)
		return n;
	for (unsigned i = digits; i < 6; i++)
		us /= 10;
	return n + (size_t)snprintf(room + n, MY_VALUE_ROOM - n, ".%0*" PRIu32, (int)digits, us);
}

static size_t date_time(char *room, struct slice s, const struct my_col *c)
{
	struct rd r = rd_init(s);
	unsigned year = rd_le16(&r), month = rd_u8(&r), day = rd_u8(&r);
	unsigned h = rd_u8(&r), m = rd_u8(&r), sec;
	size_t n = (size_t)snprintf(room, MY_VALUE_ROOM, "%04u-%02u-%02u", year, month, day);

	sec = rd_u8(&r); /* what is not there is 0 */
	if (c->type == T_DATE || c->type == T_NEWDATE)
		return n;
	n += (size_t)snprintf(room + n, MY_VALUE_ROOM - n, " %02u:%02u:%02u", h, m, sec);
	return fraction(room, n, rd_le32(&r), c);
}

static size_t duration(char *room, struct slice s, const struct my_col *c)
{
	struct rd r = rd_init(s);
	bool negative = rd_u8(&r);
	uint64_t days = rd_le32(&r);
	unsigned h = rd_u8(&r), m = rd_u8(&r), sec = rd_u8(&r);
	size_t n = (size_t)snprintf(room, MY_VALUE_ROOM, "%s%02" PRIu64 ":%02u:%02u",
				    negative ? "-" : "", days * 24 + h, m, sec);

	return fraction(room, n, rd_le32(&r), c);
}

static unsigned fixed_size(uint8_t type)
{
	switch (type) {
	case T_TINY:
		return 1;
	case T_SHORT:
	case T_YEAR:
		return 2;
	case T_LONG:
	case T_INT24:
	case T_FLOAT:
		return 4;
	case T_LONGLONG:
	case T_DOUBLE:
		return 8;
	default:
		return 0;
	}
}

static bool is_bytes(uint8_t type)
{
	return type == T_DECIMAL || type == T_VARCHAR || type == T_BIT || type >= T_VECTOR;
}

bool my_binary_value(struct rd *r, const struct my_col *c, char room[MY_VALUE_ROOM],
		     struct slice *ret)
{
	unsigned size = fixed_size(c->type);
	struct slice s;
	size_t n = 0;

	if (size > 0) {
		uint64_t v = rd_le(r, size);

		if (c->type == T_YEAR)
			n = (size_t)snprintf(room, MY_VALUE_ROOM, "%04u", (unsigned)v);
		else if (c->type == T_FLOAT || c->type == T_DOUBLE)
			n = real_bytes(room, v, c->type == T_DOUBLE, c);
		else
			n = integer(room, v, size, c);
		*ret = (struct slice){ (const uint8_t *)room, n };
		return !r->short_read;
	}
	if (is_bytes(c->type)) {
		*ret = my_lenenc_str(r);
		return !r->short_read;
	}
	if (c->type == T_NULL) {
		*ret = SLICE_LIT("");
		return true;
	}
	if (c->type > T_TIME2 || c->type == T_TIMESTAMP2 || c->type == T_DATETIME2)
		return false;
	s = rd_bytes(r, rd_u8(r));
	if (c->type == T_TIME || c->type == T_TIME2)
		n = duration(room, s, c);
	else
		n = date_time(room, s, c);
	*ret = (struct slice){ (const uint8_t *)room, n };
	return !r->short_read;
}
