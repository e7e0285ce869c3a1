/* SPDX-License-Identifier: Apache-2.0 */
/* Messages as JSON.  The fields of a message are collected and sorted by number (protobuf lets them come in any order, and
 * a repeated field in several places), then written; the collected fields of the messages around lie below in the
 * same stack.  What is written is bounded, and so is the time: reading stops when there is no more room. */
#include "proto/protobuf_json.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#define FIELDS_MAX 65536 /* of one message: each takes two bytes of output at least */

/* --- guesses ------------------------------------------------------------------------------------------------------ */

/* Text that a person would write: no control characters but tab and line ends. */
static bool is_text(struct slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((s.p[i] < ' ' && s.p[i] != '\t' && s.p[i] != '\n' && s.p[i] != '\r') ||
		    s.p[i] == 0x7f)
			return false;
	return slice_is_utf8(s);
}

/* A number as people use them, rather than an integer's bits. */
static bool is_plausible_real(double v)
{
	double a = fabs(v);

	return a == 0 || (a > 1e-9 && a < 1e15);
}

static void put_message(struct pbjson *j, struct slice in, const struct schema_message *m,
			bool partial)
{
	buf_puts(j->out, "{");
	pbjson_members(j, in, m, partial, false);
	buf_puts(j->out, "}");
}

static void guess_bytes(struct pbjson *j, struct slice s)
{
	/* A line feed is also the tag of field 1, if that is bytes: text seldom begins so, messages often. */
	if (is_text(s) && !(s.n > 1 && s.p[0] == '\n' && pb_is_message(s))) {
		pbjson_text(j, s);
	} else if (j->depth < JSON_DEPTH_MAX && pb_is_message(s)) {
		put_message(j, s, NULL, false);
	} else {
		buf_puts(j->out, "{\"base64\":");
		pbjson_base64(j, s);
		buf_puts(j->out, "}");
	}
}

static void guess(struct pbjson *j, const struct pb_field *f)
{
	switch (f->wire) {
	case PB_VARINT:
		pbjson_signed(j, (int64_t)f->value);
		break;
	case PB_FIXED64:
		if (is_plausible_real(pbjson_as_double(f->value)))
			pbjson_double(j, f->value);
		else
			pbjson_signed(j, (int64_t)f->value);
		break;
	case PB_FIXED32:
		if (is_plausible_real(pbjson_as_float(f->value)))
			pbjson_float(j, f->value);
		else
			pbjson_signed(j, (int32_t)f->value);
		break;
	case PB_GROUP:
		if (j->depth < JSON_DEPTH_MAX)
			put_message(j, f->bytes, NULL, false);
		else
			pbjson_base64(j, f->bytes);
		break;
	case PB_BYTES:
		guess_bytes(j, f->bytes);
		break;
	case PB_GROUP_END:
		break;
	}
}

/* --- one value ----------------------------------------------------------------------------------------------------- */

void pbjson_nested(struct pbjson *j, struct slice in, const char *type)
{
	const struct schema_message *m = schemas_message(j->schemas, type);

	if (j->depth >= JSON_DEPTH_MAX || !pb_is_message(in))
		pbjson_base64(j, in);
	else if (!pbjson_well_known(j, type, in))
		put_message(j, in, m, false);
}

static bool is_packable(const struct schema_field *d)
{
	enum pb_wire w = pbjson_wire_of(d->type);

	return d->repeated && (w == PB_VARINT || w == PB_FIXED32 || w == PB_FIXED64);
}

static void put_value(struct pbjson *j, const struct schema_field *d, const struct pb_field *f)
{
	if (!d || pbjson_wire_of(d->type) != f->wire)
		guess(j, f); /* not as its schema says: another version of it wrote this */
	else if (d->type == PB_TYPE_STRING && slice_is_utf8(f->bytes))
		pbjson_text(j, f->bytes);
	else if (d->type == PB_TYPE_STRING || d->type == PB_TYPE_BYTES)
		pbjson_base64(j, f->bytes);
	else if (d->type == PB_TYPE_MESSAGE || d->type == PB_TYPE_GROUP)
		pbjson_nested(j, f->bytes, d->type_name);
	else
		pbjson_number(j, d, f->value);
}

/* The elements of a packed field. */
static void put_packed(struct pbjson *j, const struct schema_field *d, struct slice in, bool *first)
{
	struct rd r = rd_init(in);

	while (rd_left(&r) > 0) {
		enum pb_wire w = pbjson_wire_of(d->type);
		uint64_t v = w == PB_VARINT    ? pb_varint(&r)
			     : w == PB_FIXED64 ? rd_le64(&r)
					       : rd_le32(&r);

		if (r.short_read)
			return;
		buf_puts(j->out, *first ? "" : ",");
		*first = false;
		if (pbjson_full(j)) {
			buf_puts(j->out, "\"" JSON_MORE "\"");
			return;
		}
		pbjson_number(j, d, v);
	}
}

static void put_list(struct pbjson *j, const struct schema_field *d, size_t at, size_t n)
{
	bool first = true;

	buf_puts(j->out, "[");
	for (size_t i = 0; i < n; i++) {
		struct pb_field f = j->stack[at + i].f; /* the stack may move */

		if (d && is_packable(d) && f.wire == PB_BYTES && !pbjson_full(j)) {
			put_packed(j, d, f.bytes, &first);
			continue;
		}
		buf_puts(j->out, first ? "" : ",");
		first = false;
		if (pbjson_full(j)) {
			buf_puts(j->out, "\"" JSON_MORE "\"");
			break;
		}
		put_value(j, d, &f);
	}
	buf_puts(j->out, "]");
}

/* The last field of that number in an entry of a map, and its value as an object's name. */
static void put_key(struct pbjson *j, const struct schema_field *d, const struct pb_field *f)
{
	size_t from = j->out->n;

	if (!f || (d && (d->type == PB_TYPE_MESSAGE ||
			 d->type == PB_TYPE_GROUP))) { /* left out: its default */
		bool text = !d || pbjson_wire_of(d->type) == PB_BYTES ||
			    pbjson_wire_of(d->type) == PB_GROUP;

		buf_puts(j->out, text ? "\"\"" : d->type == PB_TYPE_BOOL ? "\"false\"" : "\"0\"");
		return;
	}
	put_value(j, d, f);
	if (j->out->n > from && j->out->p[from] != '"') { /* numbers and booleans */
		buf_puts(j->out, "\"\"");
		if (!j->out->failed) {
			memmove(j->out->p + from + 1, j->out->p + from, j->out->n - from - 2);
			j->out->p[from] = '"';
			j->out->p[j->out->n - 1] = '"';
		}
	}
}

static void put_map_entry(struct pbjson *j, const struct schema_message *entry, struct slice in)
{
	const struct schema_field *dk = schema_field_of(entry, 1), *dv = schema_field_of(entry, 2);
	struct pb_field f, key = { 0 }, value = { 0 };
	struct rd r = rd_init(in);

	while (pb_next(&r, &f)) {
		if (f.number == 1 && f.wire != PB_GROUP)
			key = f;
		else if (f.number == 2)
			value = f;
	}
	if (!dk || pbjson_wire_of(dk->type) != key.wire)
		key.number = 0; /* it would be written as a guess, which need not be a name */
	put_key(j, dk, key.number ? &key : NULL);
	buf_puts(j->out, ":");
	if (value.number)
		put_value(j, dv, &value);
	else
		buf_puts(j->out, "null");
}

static void put_map(struct pbjson *j, const struct schema_message *entry, size_t at, size_t n)
{
	buf_puts(j->out, "{");
	for (size_t i = 0; i < n; i++) {
		struct slice in = j->stack[at + i].f.bytes;

		buf_puts(j->out, i ? "," : "");
		if (pbjson_full(j)) {
			buf_puts(j->out, "\"" JSON_MORE "\":null");
			break;
		}
		put_map_entry(j, entry, in);
	}
	buf_puts(j->out, "}");
}

/* --- messages --------------------------------------------------------------------------------------------------------- */

static int by_number(const void *a, const void *b)
{
	const struct pbjson_item *x = a, *y = b;

	if (x->f.number != y->f.number)
		return x->f.number < y->f.number ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static bool push(struct pbjson *j, const struct pb_field *f, uint32_t order)
{
	if (j->n == j->cap) {
		size_t cap = j->cap ? j->cap * 2 : 64;
		struct pbjson_item *more = realloc(j->stack, cap * sizeof(*more));

		if (!more) {
			j->failed = true;
			return false;
		}
		j->stack = more;
		j->cap = cap;
	}
	j->stack[j->n++] = (struct pbjson_item){ *f, order };
	return true;
}

/* Onto the stack, sorted.  False: there are more than can be shown. */
static bool collect(struct pbjson *j, struct slice in)
{
	size_t from = j->n,
	       most = pbjson_room(j) / 2 < FIELDS_MAX ? pbjson_room(j) / 2 : FIELDS_MAX;
	bool sorted = true;
	struct rd r = rd_init(in);
	struct pb_field f;

	while (j->n - from < most && pb_next(&r, &f)) {
		if (!push(j, &f, (uint32_t)(j->n - from)))
			return false;
		sorted = sorted && (j->n - from < 2 || j->stack[j->n - 2].f.number <= f.number);
	}
	if (!sorted)
		qsort(j->stack + from, j->n - from, sizeof(*j->stack), by_number);
	return j->n - from < most || rd_left(&r) == 0;
}

static void put_member(struct pbjson *j, const struct schema_message *m, size_t at, size_t n)
{
	const struct schema_field *d = m ? schema_field_of(m, j->stack[at].f.number) : NULL;
	const struct schema_message *of = d && d->type == PB_TYPE_MESSAGE && d->repeated
						  ? schemas_message(j->schemas, d->type_name)
						  : NULL;
	struct pb_field f = j->stack[at].f;
	bool all_bytes = true;

	for (size_t i = 0; i < n; i++)
		all_bytes = all_bytes && j->stack[at + i].f.wire == PB_BYTES;
	if (d)
		pbjson_text(j, slice_str(d->name));
	else
		buf_printf(j->out, "\"%" PRIu32 "\"", f.number);
	buf_puts(j->out, ":");
	if (of && of->is_map_entry && all_bytes && j->depth + 1 < JSON_DEPTH_MAX)
		put_map(j, of, at, n);
	else if (n > 1 || (d && d->repeated))
		put_list(j, d, at, n);
	else
		put_value(j, d, &f);
}

void pbjson_members(struct pbjson *j, struct slice in, const struct schema_message *m, bool partial,
		    bool more)
{
	size_t from = j->n, to;
	bool whole = collect(j, in) && !partial;

	j->depth++;
	to = j->n;
	for (size_t at = from, n; at < to && !j->failed; at += n) {
		for (n = 1; at + n < to && j->stack[at + n].f.number == j->stack[at].f.number;
		     n++) {
		}
		if (pbjson_full(j)) {
			whole = false;
			break;
		}
		buf_puts(j->out, more ? "," : "");
		more = true;
		put_member(j, m, at, n);
	}
	if (!whole)
		buf_puts(j->out, more ? ",\"" JSON_MORE "\":null" : "\"" JSON_MORE "\":null");
	j->n = from;
	j->depth--;
}

bool pb_json(struct buf *out, struct slice in, const char *type, const struct schemas *schemas,
	     bool partial)
{
	struct pbjson j = { .out = out, .schemas = schemas, .from = out->n };
	bool ok = partial || pb_is_message(in);

	if (ok && (partial || !type || !pbjson_well_known(&j, type, in)))
		put_message(&j, in, schemas_message(schemas, type), partial);
	free(j.stack);
	out->failed |= j.failed;
	return ok && !out->failed;
}
