/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/protobuf_json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define RESERVE	  4096		    /* for what closes and for marks */
#define LEAST	  64		    /* no member begins with less room */
#define EXACT_MAX 9007199254740992u /* 2^53 */

size_t pbjson_room(const struct pbjson *j)
{
	size_t used = j->out->n - j->from + RESERVE;

	return used < FLOW_SHOWN_MAX ? FLOW_SHOWN_MAX - used : 0;
}

bool pbjson_full(const struct pbjson *j)
{
	return pbjson_room(j) < LEAST || j->failed || j->out->failed;
}

static size_t whole_characters(struct slice s, size_t n)
{
	while (n > 0 && n < s.n && (s.p[n] & 0xc0) == 0x80)
		n--;
	return n;
}

void pbjson_text(struct pbjson *j, struct slice s)
{
	size_t max = pbjson_room(j) / 6; /* a control character becomes six */

	if (s.n <= max) {
		buf_put_json_str(j->out, s);
		return;
	}
	buf_put_json_str(j->out, slice_cut(s, 0, whole_characters(s, max)));
	j->out->n--; /* the quote */
	buf_puts(j->out, "\xe2\x80\xa6\"");
}

void pbjson_base64(struct pbjson *j, struct slice s)
{
	size_t max = pbjson_room(j) / 4 * 3;

	buf_puts(j->out, "\"");
	buf_put_base64(j->out, slice_cut(s, 0, max));
	buf_puts(j->out, s.n > max ? "\xe2\x80\xa6\"" : "\"");
}

void pbjson_unsigned(struct pbjson *j, uint64_t v)
{
	buf_printf(j->out, v > EXACT_MAX ? "\"%" PRIu64 "\"" : "%" PRIu64, v);
}

void pbjson_signed(struct pbjson *j, int64_t v)
{
	bool exact = v <= (int64_t)EXACT_MAX && v >= -(int64_t)EXACT_MAX;

	buf_printf(j->out, exact ? "%" PRId64 : "\"%" PRId64 "\"", v);
}

/* digits: enough to read the same number again (9 of a float, 17 of a double); fewer when those do. */
static void put_real(struct pbjson *j, double v, int few, int digits)
{
	char text[40];
	double again;

	if (isnan(v) || isinf(v)) {
		buf_puts(j->out, isnan(v) ? "\"NaN\"" : v > 0 ? "\"Infinity\"" : "\"-Infinity\"");
		return;
	}
	(void)snprintf(text, sizeof(text), "%.*g", few, v);
	again = strtod(text, NULL);
	if (digits == 9 ? (float)again != (float)v : again != v)
		(void)snprintf(text, sizeof(text), "%.*g", digits, v);
	buf_puts(j->out, text);
}

double pbjson_as_double(uint64_t bits)
{
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

double pbjson_as_float(uint64_t bits)
{
	uint32_t low = (uint32_t)bits;
	float v;

	memcpy(&v, &low, sizeof(v));
	return (double)v;
}

void pbjson_double(struct pbjson *j, uint64_t bits)
{
	put_real(j, pbjson_as_double(bits), 15, 17);
}

void pbjson_float(struct pbjson *j, uint64_t bits)
{
	put_real(j, pbjson_as_float(bits), 6, 9);
}

static int64_t zigzag(uint64_t v)
{
	return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static void put_enum(struct pbjson *j, const char *type, int32_t v)
{
	const struct schema_enum *e = schemas_enum(j->schemas, type);
	const char *name = e ? schema_value_of(e, v) : NULL;

	if (name)
		pbjson_text(j, slice_str(name));
	else
		pbjson_signed(j, v);
}

void pbjson_number(struct pbjson *j, const struct schema_field *d, uint64_t v)
{
	switch (d->type) {
	case PB_TYPE_DOUBLE:
		pbjson_double(j, v);
		return;
	case PB_TYPE_FLOAT:
		pbjson_float(j, v);
		return;
	case PB_TYPE_BOOL:
		buf_puts(j->out, v ? "true" : "false");
		return;
	case PB_TYPE_ENUM:
		put_enum(j, d->type_name, (int32_t)v);
		return;
	case PB_TYPE_INT32:
	case PB_TYPE_SFIXED32:
		pbjson_signed(j, (int32_t)v);
		return;
	case PB_TYPE_SINT32:
		pbjson_signed(j, zigzag((uint32_t)v));
		return;
	case PB_TYPE_INT64:
	case PB_TYPE_SFIXED64:
		pbjson_signed(j, (int64_t)v);
		return;
	case PB_TYPE_SINT64:
		pbjson_signed(j, zigzag(v));
		return;
	case PB_TYPE_UINT32:
	case PB_TYPE_FIXED32:
		pbjson_unsigned(j, (uint32_t)v);
		return;
	case PB_TYPE_UINT64:
	case PB_TYPE_FIXED64:
	case PB_TYPE_STRING:
	case PB_TYPE_BYTES:
	case PB_TYPE_GROUP:
	case PB_TYPE_MESSAGE:
		pbjson_unsigned(j, v);
		return;
	}
	pbjson_unsigned(j, v);
}

enum pb_wire pbjson_wire_of(enum pb_type t)
{
	switch (t) {
	case PB_TYPE_DOUBLE:
	case PB_TYPE_FIXED64:
	case PB_TYPE_SFIXED64:
		return PB_FIXED64;
	case PB_TYPE_FLOAT:
	case PB_TYPE_FIXED32:
	case PB_TYPE_SFIXED32:
		return PB_FIXED32;
	case PB_TYPE_STRING:
	case PB_TYPE_BYTES:
	case PB_TYPE_MESSAGE:
		return PB_BYTES;
	case PB_TYPE_GROUP:
		return PB_GROUP;
	case PB_TYPE_INT64:
	case PB_TYPE_UINT64:
	case PB_TYPE_INT32:
	case PB_TYPE_BOOL:
	case PB_TYPE_UINT32:
	case PB_TYPE_ENUM:
	case PB_TYPE_SINT32:
	case PB_TYPE_SINT64:
		break;
	}
	return PB_VARINT;
}
