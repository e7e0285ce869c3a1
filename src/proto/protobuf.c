/* SPDX-License-Identifier: Apache-2.0 */
/* The wire format: fields of tag and value, without names.  protobuf.dev, "Encoding". */
#include "proto/protobuf.h"

#define NUMBER_MAX ((1u << 29) - 1)
#define GROUPS_MAX 32 /* one in the other; protobuf's own readers stop at 100 */

uint64_t pb_varint(struct rd *r)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t b = rd_u8(r);

		/* The tenth byte has one bit left; what is above is dropped, as protobuf's readers do. */
		v |= (uint64_t)(b & 0x7f) << shift;
		if (b < 0x80)
			return v;
	}
	r->short_read = true;
	return 0;
}

static bool tag(struct rd *r, uint32_t *ret_number, unsigned *ret_wire)
{
	uint64_t v;

	if (rd_left(r) == 0 || r->short_read)
		return false;
	v = pb_varint(r);
	if (v >> 3 == 0 || v >> 3 > NUMBER_MAX || (v & 7) > PB_FIXED32)
		r->short_read = true;
	*ret_number = (uint32_t)(v >> 3);
	*ret_wire = v & 7;
	return !r->short_read;
}

/* The value of everything but groups. */
static void plain(struct rd *r, unsigned wire, struct pb_field *f)
{
	uint64_t n;

	if (wire == PB_VARINT) {
		f->value = pb_varint(r);
	} else if (wire == PB_FIXED64) {
		f->value = rd_le64(r);
	} else if (wire == PB_FIXED32) {
		f->value = rd_le32(r);
	} else {
		n = pb_varint(r);
		if (n > rd_left(r))
			r->short_read = true;
		else
			f->bytes = rd_bytes(r, (size_t)n);
	}
}

/* Up to the end tag of the group of this number, without recursion. */
static void group(struct rd *r, uint32_t number, struct pb_field *f)
{
	uint32_t open[GROUPS_MAX], inner;
	const uint8_t *from = r->p, *before = r->p;
	unsigned depth = 0, wire;

	open[depth++] = number;
	while (depth > 0) {
		struct pb_field skipped;

		before = r->p;
		if (!tag(r, &inner, &wire) || (wire == PB_GROUP && depth == GROUPS_MAX) ||
		    (wire == PB_GROUP_END && open[depth - 1] != inner)) {
			r->short_read = true;
			return;
		}
		if (wire == PB_GROUP)
			open[depth++] = inner;
		else if (wire == PB_GROUP_END)
			depth--;
		else
			plain(r, wire, &skipped);
	}
	f->bytes = (struct slice){ from, (size_t)(before - from) };
}

bool pb_next(struct rd *r, struct pb_field *ret)
{
	struct pb_field f = { 0 };
	unsigned wire;

	if (!tag(r, &f.number, &wire))
		return false;
	if (wire == PB_GROUP_END)
		r->short_read = true;
	else if (wire == PB_GROUP)
		group(r, f.number, &f);
	else
		plain(r, wire, &f);
	f.wire = (enum pb_wire)wire;
	if (r->short_read)
		return false;
	*ret = f;
	return true;
}

bool pb_is_message(struct slice s)
{
	struct rd r = rd_init(s);
	struct pb_field f;

	while (pb_next(&r, &f)) {
	}
	return !r.short_read;
}
