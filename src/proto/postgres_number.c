/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers, times and addresses in binary format.  Sources, in PostgreSQL's src/backend/utils/adt/: numeric.c (numeric_send),
 * float.c, date.c, timestamp.c and datetime.c (EncodeInterval, "postgres" style), network.c, uuid.c, varbit.c. */
#include "proto/postgres_value.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define EPOCH_DAYS   10957 /* 1970-01-01 to 2000-01-01, from where PostgreSQL counts */
#define DAY_US	     INT64_C(86400000000)
#define ZEROS_MAX    2048 /* digits that no bytes stand for: more is a value that nobody stores */
#define NUMERIC_NEG  0x4000
#define NUMERIC_NAN  0xc000
#define NUMERIC_PINF 0xd000
#define NUMERIC_NINF 0xf000

/* Digits of base 10,000, the first of which stands before 4 * weight decimal ones. */
static void put_digits(struct buf *out, struct slice digits, int weight, int scale)
{
	for (int i = 0; i <= weight; i++) {
		struct rd at = rd_init(slice_cut(digits, (size_t)i * 2, digits.n));

		buf_printf(out, i == 0 ? "%u" : "%04u", (unsigned)rd_be16(&at));
	}
	if (weight < 0)
		buf_puts(out, "0");
	if (scale > 0)
		buf_puts(out, ".");
	for (int i = weight + 1; scale > 0; i++, scale -= 4) {
		char text[16];
		struct rd at = rd_init(i < 0 ? (struct slice){ 0 }
					     : slice_cut(digits, (size_t)i * 2, digits.n));

		(void)snprintf(text, sizeof(text), "%04u", (unsigned)rd_be16(&at));
		buf_put(out, slice_cut(slice_str(text), 0, scale < 4 ? (size_t)scale : 4));
	}
}

bool pg_numeric(struct buf *out, struct slice v)
{
	struct rd r = rd_init(v);
	int n = rd_be16(&r), weight = (int16_t)rd_be16(&r), sign = rd_be16(&r), scale = rd_be16(&r);
	struct slice digits = rd_bytes(&r, (size_t)n * 2);

	if (r.short_read || rd_left(&r) > 0)
		return false;
	if (sign == NUMERIC_NAN || sign == NUMERIC_PINF || sign == NUMERIC_NINF) {
		buf_puts(out, sign == NUMERIC_NAN    ? "NaN"
			      : sign == NUMERIC_PINF ? "Infinity"
						     : "-Infinity");
		return true;
	}
	for (size_t i = 0; i < digits.n; i += 2)
		if (digits.p[i] << 8 >= 10000 + 256)
			return false;
	if ((sign && sign != NUMERIC_NEG) || weight - n > ZEROS_MAX / 4 ||
	    -weight > ZEROS_MAX / 4 || scale > (n - weight) * 4 + ZEROS_MAX)
		return false;
	if (sign == NUMERIC_NEG)
		buf_puts(out, "-");
	put_digits(out, digits, n > 0 ? weight : -1, scale);
	return true;
}

/* The shortest digits that read as the same number, as the server has printed them since 12; it writes an exponent
 * below 1e-4, and where the digits of its type end (float8: 1e15, float4: 1e6). */
static bool put_float(struct buf *out, double d, bool small)
{
	int from = small ? 6 : 15, to = small ? 9 : 17, exp;
	char text[64];

	if (isnan(d) || isinf(d)) {
		buf_puts(out, isnan(d) ? "NaN" : d > 0 ? "Infinity" : "-Infinity");
		return true;
	}
	/* what is below the normal numbers has fewer digits */
	for (int digits = fabs(d) < (small ? (double)FLT_MIN : DBL_MIN) ? 1 : from; digits <= to;
	     digits++) {
		(void)snprintf(text, sizeof(text), "%.*e", digits - 1, d);
		if (small ? strtof(text, NULL) == (float)d : strtod(text, NULL) == d) {
			from = digits;
			break;
		}
	}
	exp = d == 0 ? 0 : (int)strtol(strchr(text, 'e') + 1, NULL, 10);
	/* %g writes an exponent from its precision on, and drops zeros at the end */
	if (exp >= -4 && exp < (small ? 6 : 15))
		buf_printf(out, "%.*g", from, d);
	else {
		char *e = strchr(text, 'e'), *end = e;

		while (end[-1] == '0')
			end--;
		end -= end[-1] == '.';
		buf_put(out, (struct slice){ (const uint8_t *)text, (size_t)(end - text) });
		buf_puts(out, e);
	}
	return true;
}

bool pg_float4(struct buf *out, struct slice v)
{
	struct rd r = rd_init(v);
	union {
		uint32_t u;
		float f;
	} x = { .u = rd_be32(&r) };

	return v.n == 4 && put_float(out, (double)x.f, true);
}

bool pg_float8(struct buf *out, struct slice v)
{
	struct rd r = rd_init(v);
	union {
		uint64_t u;
		double d;
	} x = { .u = rd_be64(&r) };

	return v.n == 8 && put_float(out, x.d, false);
}

/* Days since 2000-01-01 in the Gregorian calendar, also before its time.  The year 0 is 1 BC. */
static void put_date(struct buf *out, int64_t days, bool *ret_bc)
{
	/* Years begin in March here, so that leap days are at their end. */
	int64_t z = days + EPOCH_DAYS + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
	int64_t month = mp < 10 ? mp + 3 : mp - 9, year = yoe + era * 400 + (month <= 2);

	*ret_bc = year <= 0;
	buf_printf(out, "%04" PRId64 "-%02d-%02d", year > 0 ? year : 1 - year, (int)month,
		   (int)(doy - (153 * mp + 2) / 5 + 1));
}

/* us: not negative */
static void put_clock(struct buf *out, int64_t us)
{
	int64_t sec = us / 1000000, rest = us % 1000000;

	buf_printf(out, "%02" PRId64 ":%02d:%02d", sec / 3600, (int)(sec / 60 % 60),
		   (int)(sec % 60));
	if (rest == 0)
		return;
	buf_printf(out, ".%06d", (int)rest);
	while (out->n > 0 && out->p[out->n - 1] == '0')
		out->n--;
}

bool pg_date(struct buf *out, struct slice v)
{
	struct rd r = rd_init(v);
	int32_t days = (int32_t)rd_be32(&r);
	bool bc = false;

	if (v.n != 4)
		return false;
	if (days == INT32_MAX || days == INT32_MIN)
		buf_puts(out, days > 0 ? "infinity" : "-infinity");
	else
		put_date(out, days, &bc);
	buf_puts(out, bc ? " BC" : "");
	return true;
}

bool pg_time(struct buf *out, struct slice v)
{
	struct rd r = rd_init(v);
	int64_t us = (int64_t)rd_be64(&r);

	if (v.n != 8 || us < 0 || us > DAY_US)
		return false;
	put_clock(out, us);
	return true;
}

bool pg_timetz(struct buf *out, struct slice v)
{
	struct rd r = rd_init(slice_cut(v, 8, v.n));
	int32_t west = (int32_t)rd_be32(&r), off = -west; /* seconds */

	if (v.n != 12 || west < -86400 || west > 86400 || !pg_time(out, slice_cut(v, 0, 8)))
		return false;
	buf_puts(out, off < 0 ? "-" : "+");
	off = off < 0 ? -off : off;
	buf_printf(out, "%02d", off / 3600);
	if (off % 3600)
		buf_printf(out, ":%02d", off / 60 % 60);
	return true;
}

static bool put_timestamp(struct buf *out, struct slice v, const char *zone)
{
	struct rd r = rd_init(v);
	int64_t us = (int64_t)rd_be64(&r), days, rest;
	bool bc;

	if (v.n != 8)
		return false;
	if (us == INT64_MAX || us == INT64_MIN) {
		buf_puts(out, us > 0 ? "infinity" : "-infinity");
		return true;
	}
	days = us / DAY_US;
	rest = us % DAY_US;
	if (rest < 0) {
		rest += DAY_US;
		days--;
	}
	put_date(out, days, &bc);
	buf_puts(out, " ");
	put_clock(out, rest);
	buf_puts(out, zone);
	buf_puts(out, bc ? " BC" : "");
	return true;
}

bool pg_timestamp(struct buf *out, struct slice v)
{
	return put_timestamp(out, v, "");
}

bool pg_timestamptz(struct buf *out, struct slice v)
{
	return put_timestamp(out, v, "+00");
}

/* "1 year", "-2 mons"; after a negative part, a positive one has a sign. */
static void put_part(struct buf *out, size_t begin, int64_t n, const char *unit, bool *minus)
{
	if (n == 0)
		return;
	buf_printf(out, "%s%s%" PRId64 " %s%s", out->n > begin ? " " : "",
		   *minus && n > 0 ? "+" : "", n, unit, n == 1 ? "" : "s");
	*minus = n < 0;
}

bool pg_interval(struct buf *out, struct slice v)
{
	struct rd r = rd_init(v);
	int64_t us = (int64_t)rd_be64(&r);
	int32_t days = (int32_t)rd_be32(&r), months = (int32_t)rd_be32(&r);
	size_t begin = out->n;
	bool minus = false;

	if (v.n != 16 || us == INT64_MIN)
		return false;
	put_part(out, begin, months / 12, "year", &minus);
	put_part(out, begin, months % 12, "mon", &minus);
	put_part(out, begin, days, "day", &minus);
	if (us == 0 && out->n > begin)
		return true;
	buf_puts(out, out->n > begin ? " " : "");
	buf_puts(out, us < 0 ? "-" : minus ? "+" : "");
	put_clock(out, us < 0 ? -us : us);
	return true;
}

/* --- bits and addresses --- */

bool pg_uuid(struct buf *out, struct slice v)
{
	static const uint8_t parts[] = { 4, 2, 2, 2, 6 };
	struct rd r = rd_init(v);

	for (size_t i = 0; i < sizeof(parts); i++) {
		buf_puts(out, i ? "-" : "");
		buf_put_hex(out, rd_bytes(&r, parts[i]));
	}
	return v.n == 16;
}

bool pg_mac(struct buf *out, struct slice v)
{
	for (size_t i = 0; i < v.n && i < 8; i++)
		buf_printf(out, "%s%02x", i ? ":" : "", v.p[i]);
	return v.n == 6 || v.n == 8;
}

bool pg_bits(struct buf *out, struct slice v)
{
	struct rd r = rd_init(v);
	uint32_t n = rd_be32(&r);
	struct slice s = rd_bytes(&r, ((size_t)n + 7) / 8);
	uint8_t *p;

	if (r.short_read || rd_left(&r) || !(p = buf_room(out, n + (size_t)1)))
		return false;
	for (size_t i = 0; i < n; i++)
		p[i] = s.p[i / 8] >> (7 - i % 8) & 1 ? '1' : '0';
	out->n += n;
	return true;
}

static void put_ipv6(struct buf *out, struct slice a)
{
	size_t best = 8, best_n = 1;
	uint16_t w[8];

	for (size_t i = 0; i < 8; i++)
		w[i] = (uint16_t)(a.p[2 * i] << 8 | a.p[2 * i + 1]);
	for (size_t i = 0, n; i < 8; i += n + 1) { /* the longest run of zeros: RFC 5952, 4.2 */
		for (n = 0; i + n < 8 && w[i + n] == 0;)
			n++;
		if (n > best_n) {
			best = i;
			best_n = n;
		}
	}
	for (size_t i = 0; i < 8; i++) {
		if (i == best) {
			buf_puts(out, "::");
			i += best_n - 1;
			continue;
		}
		buf_printf(out, "%s%x", i && i != best + best_n ? ":" : "", w[i]);
	}
}

bool pg_inet(struct buf *out, struct slice v)
{
	struct rd r = rd_init(v);
	uint8_t family = rd_u8(&r), bits = rd_u8(&r), cidr = rd_u8(&r), n = rd_u8(&r);
	struct slice a = rd_bytes(&r, n);

	if (r.short_read || rd_left(&r) || family != (n == 4 ? 2 : 3) || (n != 4 && n != 16))
		return false;
	if (n == 4)
		buf_printf(out, "%u.%u.%u.%u", a.p[0], a.p[1], a.p[2], a.p[3]);
	else
		put_ipv6(out, a);
	if (cidr || bits != n * 8)
		buf_printf(out, "/%u", bits);
	return true;
}

bool pg_money(struct buf *out, struct slice v)
{
	struct rd r = rd_init(v);
	int64_t n = (int64_t)rd_be64(&r);
	uint64_t u = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;

	buf_printf(out, "%s%" PRIu64 ".%02u", n < 0 ? "-" : "", u / 100, (unsigned)(u % 100));
	return v.n == 8;
}

bool pg_tid(struct buf *out, struct slice v)
{
	struct rd r = rd_init(v);
	uint32_t block = rd_be32(&r);

	buf_printf(out, "(%u,%u)", block, rd_be16(&r));
	return v.n == 6;
}

bool pg_lsn(struct buf *out, struct slice v)
{
	struct rd r = rd_init(v);
	uint32_t high = rd_be32(&r);

	buf_printf(out, "%X/%X", high, rd_be32(&r));
	return v.n == 8;
}
