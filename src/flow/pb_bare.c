/* SPDX-License-Identifier: Apache-2.0 */
/* Protobuf encoding, "Message Structure": a message is its fields one after the other, so that one is left out by not copying it,
 * and only the lengths of those around it change. */
#include "flow/pb.h"

#include <errno.h>

/* Field numbers in api/limpid.proto. */
enum { FLOW_REQ = 8, FLOW_RESP = 9, FLOW_MSGS = 10, FLOW_MARK = 12, HALF_BODY = 9, BODY_DATA = 1, BODY_SHOWN = 6 };
enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_LEN = 2, WIRE_32 = 5 };
enum level { IN_FLOW, IN_HALF, IN_BODY };

struct field {
	uint64_t num;
	const uint8_t *from; /* of its tag */
	size_t n;	     /* with its tag */
	bool is_bytes;
	struct slice bytes; /* of one that is */
};

/* At most ten bytes. */
static uint64_t varint(struct rd *r)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t c = rd_u8(r);

		v |= (uint64_t)(c & 0x7f) << shift;
		if (!(c & 0x80))
			return v;
	}
	r->short_read = true;
	return 0;
}

static size_t put_varint(uint8_t out[10], uint64_t v)
{
	size_t n = 0;

	for (; v > 0x7f; v >>= 7)
		out[n++] = (uint8_t)(v | 0x80);
	out[n++] = (uint8_t)v;
	return n;
}

/* False: the end, or r->short_read. */
static bool next(struct rd *r, struct field *f)
{
	uint64_t tag, n;

	if (rd_left(r) == 0 || r->short_read)
		return false;
	*f = (struct field){ .from = r->p };
	tag = varint(r);
	f->num = tag >> 3;
	switch (tag & 7) {
	case WIRE_VARINT:
		(void)varint(r);
		break;
	case WIRE_64:
		(void)rd_le64(r);
		break;
	case WIRE_32:
		(void)rd_le32(r);
		break;
	case WIRE_LEN:
		n = varint(r);
		f->bytes = rd_bytes(r, n <= SIZE_MAX ? (size_t)n : SIZE_MAX);
		f->is_bytes = true;
		break;
	default:
		r->short_read = true;
	}
	f->n = (size_t)(r->p - f->from);
	return !r->short_read;
}

static bool left_out(enum level at, const struct field *f)
{
	if (at == IN_FLOW)
		return f->num == FLOW_MSGS || f->num == FLOW_MARK;
	return at == IN_BODY && (f->num == BODY_DATA || f->num == BODY_SHOWN);
}

static bool goes_deeper(enum level at, const struct field *f)
{
	return f->is_bytes &&
	       ((at == IN_FLOW && (f->num == FLOW_REQ || f->num == FLOW_RESP)) || (at == IN_HALF && f->num == HALF_BODY));
}

/* Appends what is kept of a message in runs as long as they can be; false: it is none.  Misses of memory show in out. */
static bool copy(struct buf *out, struct slice in, enum level at) // NOLINT(misc-no-recursion): three levels
{
	struct rd r = rd_init(in);
	const uint8_t *run = in.p;
	struct field f;
	size_t begin, n, nhead;
	uint8_t head[10];

	while (next(&r, &f)) {
		bool deeper = goes_deeper(at, &f);

		if (!deeper && !left_out(at, &f))
			continue;
		buf_put(out, (struct slice){ run, (size_t)(f.from - run) });
		run = r.p;
		if (!deeper)
			continue;
		/* What is in it comes first to where it belongs, and moves by the size of its length, known then. */
		buf_put_char(out, (char)(f.num << 3 | WIRE_LEN));
		begin = out->n;
		if (!copy(out, f.bytes, at + 1))
			return false;
		n = out->n - begin;
		nhead = put_varint(head, n);
		if (!buf_room(out, nhead))
			return true;
		memmove(out->p + begin + nhead, out->p + begin, n);
		memcpy(out->p + begin, head, nhead);
		out->n += nhead;
	}
	buf_put(out, (struct slice){ run, (size_t)(r.p - run) });
	return !r.short_read;
}

int flow_pb_bare(struct buf *out, struct slice packed)
{
	if (!copy(out, packed, IN_FLOW))
		return -EBADMSG;
	return out->failed ? -ENOMEM : 0;
}
