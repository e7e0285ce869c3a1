/* SPDX-License-Identifier: Apache-2.0 */
/* Types of google.protobuf that the JSON mapping writes in a way of their own (protobuf.dev, "ProtoJSON Format").  They
 * are known by name, so a descriptor set need not include them. */
#include "proto/protobuf_json.h"

#include <inttypes.h>
#include <stdio.h>

struct seconds {
	int64_t s;
	int32_t ns;
};

static struct seconds read_seconds(struct slice in)
{
	struct seconds t = { 0 };
	struct rd r = rd_init(in);
	struct pb_field f;

	while (pb_next(&r, &f)) {
		if (f.number == 1 && f.wire == PB_VARINT)
			t.s = (int64_t)f.value;
		else if (f.number == 2 && f.wire == PB_VARINT)
			t.ns = (int32_t)f.value;
	}
	return t;
}

/* ".5", ".000001"; nothing for 0. */
static void fraction(char ret[16], uint32_t ns)
{
	int n;

	ret[0] = '\0';
	if (ns == 0)
		return;
	n = snprintf(ret, 16, ".%09" PRIu32, ns);
	while (n > 0 && ret[n - 1] == '0')
		ret[--n] = '\0';
}

/* Days since 1970 to a date of the Gregorian calendar: 400 years are 146,097 days, and years begin in March here, so
 * that the leap day is the last. */
static void date(int64_t days, int64_t *ret_y, unsigned *ret_m, unsigned *ret_d)
{
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
	unsigned doe = (unsigned)(z - era * 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

	*ret_d = doy - (153 * mp + 2) / 5 + 1;
	*ret_m = mp < 10 ? mp + 3 : mp - 9;
	*ret_y = (int64_t)yoe + era * 400 + (*ret_m <= 2);
}

/* False: out of the range that the type has (years 1 to 9999): shown by its fields. */
static bool put_timestamp(struct pbjson *j, struct slice in)
{
	struct seconds t = read_seconds(in);
	int64_t days, of_day, y;
	unsigned m, d;
	char frac[16];

	if (t.s < -62135596800 || t.s > 253402300799 || t.ns < 0 || t.ns > 999999999)
		return false;
	days = (t.s + 62135596800) / 86400 - 719162;
	of_day = t.s - days * 86400;
	date(days, &y, &m, &d);
	fraction(frac, (uint32_t)t.ns);
	buf_printf(j->out, "\"%04d-%02u-%02uT%02d:%02d:%02d%sZ\"", (int)y, m, d,
		   (int)(of_day / 3600), (int)(of_day / 60 % 60), (int)(of_day % 60), frac);
	return true;
}

static bool put_duration(struct pbjson *j, struct slice in)
{
	struct seconds t = read_seconds(in);
	bool minus = t.s < 0 || t.ns < 0;
	char frac[16];

	if (t.s < -315576000000 || t.s > 315576000000 || t.ns < -999999999 || t.ns > 999999999 ||
	    (t.s < 0 && t.ns > 0) || (t.s > 0 && t.ns < 0))
		return false;
	fraction(frac, (uint32_t)(t.ns < 0 ? -t.ns : t.ns));
	buf_printf(j->out, "\"%s%" PRId64 "%ss\"", minus ? "-" : "", t.s < 0 ? -t.s : t.s, frac);
	return true;
}

/* The last field 1 of a wrapper. */
static void put_wrapped(struct pbjson *j, struct slice in, enum pb_type type)
{
	const struct schema_field d = { .number = 1, .type = type };
	struct pb_field f, value = { .wire = pbjson_wire_of(type) };
	struct rd r = rd_init(in);

	while (pb_next(&r, &f))
		if (f.number == 1 && f.wire == value.wire)
			value = f;
	if (value.wire != PB_BYTES)
		pbjson_number(j, &d, value.value);
	else if (type == PB_TYPE_STRING && slice_is_utf8(value.bytes))
		pbjson_text(j, value.bytes);
	else
		pbjson_base64(j, value.bytes);
}

/* type_url 1, value 2: the message of that type, and its name among its members. */
static bool put_any(struct pbjson *j, struct slice in)
{
	struct slice url = { 0 }, value = { 0 };
	const struct schema_message *m;
	struct rd r = rd_init(in);
	struct pb_field f;
	char type[256];
	size_t slash;

	while (pb_next(&r, &f)) {
		if (f.number == 1 && f.wire == PB_BYTES)
			url = f.bytes;
		else if (f.number == 2 && f.wire == PB_BYTES)
			value = f.bytes;
	}
	for (slash = url.n; slash > 0 && url.p[slash - 1] != '/';)
		slash--;
	url = slash ? url : (struct slice){ 0 };
	if (url.n - slash == 0 || url.n - slash >= sizeof(type) || !pb_is_message(value))
		return false;
	memcpy(type, url.p + slash, url.n - slash);
	type[url.n - slash] = '\0';
	m = schemas_message(j->schemas, type);
	buf_puts(j->out, "{\"@type\":");
	pbjson_text(j, url);
	if (strncmp(type, "google.protobuf.", 16) ==
	    0) { /* those in a way of their own go below "value" */
		buf_puts(j->out, ",\"value\":");
		pbjson_nested(j, value, type);
	} else {
		pbjson_members(j, value, m, false, true);
	}
	buf_puts(j->out, "}");
	return true;
}

/* google.protobuf.Value: null 1, number 2, string 3, bool 4, struct 5, list 6. */
static void put_any_json(struct pbjson *j, struct slice in)
{
	struct pb_field f, value = { 0 };
	struct rd r = rd_init(in);

	while (pb_next(&r, &f))
		value = f;
	if (value.number == 2 && value.wire == PB_FIXED64)
		pbjson_double(j, value.value);
	else if (value.number == 3 && value.wire == PB_BYTES)
		pbjson_text(j, value.bytes);
	else if (value.number == 4 && value.wire == PB_VARINT)
		buf_puts(j->out, value.value ? "true" : "false");
	else if (value.number == 5 && value.wire == PB_BYTES)
		pbjson_nested(j, value.bytes, "google.protobuf.Struct");
	else if (value.number == 6 && value.wire == PB_BYTES)
		pbjson_nested(j, value.bytes, "google.protobuf.ListValue");
	else
		buf_puts(j->out, "null");
}

static void put_struct_entry(struct pbjson *j, struct slice in)
{
	struct slice key = { 0 }, value = { 0 };
	struct rd r = rd_init(in);
	struct pb_field f;

	while (pb_next(&r, &f)) {
		if (f.number == 1 && f.wire == PB_BYTES)
			key = f.bytes;
		else if (f.number == 2 && f.wire == PB_BYTES)
			value = f.bytes;
	}
	pbjson_text(j, key);
	buf_puts(j->out, ":");
	pbjson_nested(j, value, "google.protobuf.Value");
}

/* Struct's fields (1, entries of a map) or ListValue's values (1). */
static void put_elements(struct pbjson *j, struct slice in, bool object)
{
	struct rd r = rd_init(in);
	struct pb_field f;
	bool first = true;

	j->depth++;
	buf_puts(j->out, object ? "{" : "[");
	while (pb_next(&r, &f)) {
		if (f.number != 1 || f.wire != PB_BYTES)
			continue;
		buf_puts(j->out, first ? "" : ",");
		first = false;
		if (pbjson_full(j)) {
			buf_puts(j->out, object ? "\"" JSON_MORE "\":null" : "\"" JSON_MORE "\"");
			break;
		}
		if (object)
			put_struct_entry(j, f.bytes);
		else
			pbjson_nested(j, f.bytes, "google.protobuf.Value");
	}
	buf_puts(j->out, object ? "}" : "]");
	j->depth--;
}

/* Paths 1, with commas between. */
static void put_mask(struct pbjson *j, struct slice in)
{
	struct rd r = rd_init(in);
	struct buf all = { 0 };
	struct pb_field f;

	while (pb_next(&r, &f)) {
		if (f.number != 1 || f.wire != PB_BYTES)
			continue;
		buf_puts(&all, all.n ? "," : "");
		buf_put(&all, f.bytes);
	}
	j->failed |= all.failed;
	pbjson_text(j, buf_slice(&all));
	buf_release(&all);
}

bool pbjson_well_known(struct pbjson *j, const char *type, struct slice in)
{
	static const struct {
		const char *name;
		enum pb_type type;
	} wrappers[] = {
		{ "DoubleValue", PB_TYPE_DOUBLE }, { "FloatValue", PB_TYPE_FLOAT },
		{ "Int64Value", PB_TYPE_INT64 },   { "UInt64Value", PB_TYPE_UINT64 },
		{ "Int32Value", PB_TYPE_INT32 },   { "UInt32Value", PB_TYPE_UINT32 },
		{ "BoolValue", PB_TYPE_BOOL },	   { "StringValue", PB_TYPE_STRING },
		{ "BytesValue", PB_TYPE_BYTES },
	};

	if (!type || strncmp(type, "google.protobuf.", 16) != 0 || pbjson_full(j))
		return false;
	type += 16;
	if (strcmp(type, "Timestamp") == 0)
		return put_timestamp(j, in);
	if (strcmp(type, "Duration") == 0)
		return put_duration(j, in);
	if (strcmp(type, "Any") == 0)
		return put_any(j, in);
	for (size_t i = 0; i < sizeof(wrappers) / sizeof(wrappers[0]); i++)
		if (strcmp(type, wrappers[i].name) == 0) {
			put_wrapped(j, in, wrappers[i].type);
			return true;
		}
	if (strcmp(type, "Value") == 0)
		put_any_json(j, in);
	else if (strcmp(type, "Struct") == 0 || strcmp(type, "ListValue") == 0)
		put_elements(j, in, type[0] == 'S');
	else if (strcmp(type, "FieldMask") == 0)
		put_mask(j, in);
	else
		return false;
	return true;
}
