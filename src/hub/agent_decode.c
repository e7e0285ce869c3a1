/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/agent_decode.h"

#include <errno.h>

#include "base/arena.h"

#define ARENA_BASE  (16u << 20) /* an arena may hold this and four times the bytes it is made from */

/* AgentMessage and Batch in api/limpid.proto */
enum { MESSAGE_BATCH = 4, BATCH_SEQ = 1, BATCH_FLOWS = 2 };
enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_LEN = 2, WIRE_32 = 5 };

struct field {
	uint64_t num, value;
	unsigned wire;
	struct slice bytes;
};

/* Protobuf encoding, "Base 128 Varints": at most ten bytes. */
static uint64_t varint(struct rd *r)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 70; shift += 7) {
		uint8_t c = rd_u8(r);

		if (shift < 64)
			v |= (uint64_t)(c & 0x7f) << shift;
		if (!(c & 0x80))
			return v;
	}
	r->short_read = true;
	return 0;
}

/* 1: a field; 0: the end; -EBADMSG. */
static int next_field(struct rd *r, struct field *f)
{
	uint64_t tag, n;

	if (r->short_read)
		return -EBADMSG;
	if (rd_left(r) == 0)
		return 0;
	*f = (struct field){ 0 };
	tag = varint(r);
	f->num = tag >> 3;
	f->wire = tag & 7;
	switch (f->wire) {
	case WIRE_VARINT:
		f->value = varint(r);
		break;
	case WIRE_64:
		f->value = rd_le64(r);
		break;
	case WIRE_32:
		f->value = rd_le32(r);
		break;
	case WIRE_LEN:
		n = varint(r);
		f->bytes = rd_bytes(r, n <= SIZE_MAX ? (size_t)n : SIZE_MAX);
		break;
	default:
		return -EBADMSG;
	}
	return r->short_read || f->num == 0 ? -EBADMSG : 1;
}

static struct arena *arena_for(size_t n)
{
	return arena_new(ARENA_BASE + 4 * n);
}

static void flows(struct slice in, const struct agent_decode_hooks *h, void *ctx)
{
	struct rd r = rd_init(in);
	struct field f;

	while (next_field(&r, &f) > 0)
		if (f.num == BATCH_FLOWS)
			h->flow(ctx, f.bytes);
}

/* First all of it is walked: nothing of a batch that is broken is handed out. */
static int batch(struct slice in, const struct agent_decode_hooks *h, void *ctx)
{
	struct rd r = rd_init(in);
	uint64_t seq = 0;
	struct field f;
	int ret;

	while ((ret = next_field(&r, &f)) > 0) {
		if (f.num == BATCH_SEQ && f.wire == WIRE_VARINT)
			seq = f.value;
		else if (f.num == BATCH_SEQ || (f.num == BATCH_FLOWS && f.wire != WIRE_LEN))
			return -EBADMSG;
	}
	if (ret == 0)
		ret = h->batch(ctx, seq);
	if (ret != 0)
		return ret < 0 ? ret : 0;
	flows(in, h, ctx);
	return h->batch_end(ctx, seq);
}

static void *alloc_in_arena(void *a, size_t n)
{
	return arena_alloc(a, n);
}

static void leave_to_arena(void *a, void *p)
{
	(void)a;
	(void)p;
}

static int other(struct slice msg, const struct agent_decode_hooks *h, void *ctx)
{
	struct arena *a = arena_for(msg.n);
	ProtobufCAllocator alloc = { alloc_in_arena, leave_to_arena, a };
	Limpid__V1__AgentMessage *m;
	int r = 0;

	if (!a)
		return -ENOMEM;
	m = limpid__v1__agent_message__unpack(&alloc, msg.n, msg.p);
	if (!m) {
		r = arena_short(a) ? -ENOMEM : -EBADMSG;
		goto out;
	}
	switch (m->msg_case) {
	case LIMPID__V1__AGENT_MESSAGE__MSG_HELLO:
		r = h->hello(ctx, m->hello);
		break;
	case LIMPID__V1__AGENT_MESSAGE__MSG_CONTAINERS:
		r = h->containers(ctx, m->containers);
		break;
	case LIMPID__V1__AGENT_MESSAGE__MSG_HEALTH:
		r = h->health(ctx, m->health);
		break;
	case LIMPID__V1__AGENT_MESSAGE__MSG_BATCH: /* seen by agent_decode */
	case LIMPID__V1__AGENT_MESSAGE__MSG__NOT_SET:
	case _LIMPID__V1__AGENT_MESSAGE__MSG__CASE_IS_INT_SIZE:
		break;
	}
out:
	arena_free(a);
	return r;
}

int agent_decode(struct slice msg, const struct agent_decode_hooks *h, void *ctx)
{
	struct rd r = rd_init(msg);
	struct slice found = { 0 };
	bool is_batch = false;
	struct field f;
	int ret;

	/* Of a oneof that is there several times the last one counts. */
	while ((ret = next_field(&r, &f)) > 0) {
		if (f.num <= MESSAGE_BATCH && f.wire != WIRE_LEN)
			return -EBADMSG;
		if (f.num <= MESSAGE_BATCH) {
			is_batch = f.num == MESSAGE_BATCH;
			found = f.bytes;
		}
	}
	if (ret < 0)
		return ret;
	return is_batch ? batch(found, h, ctx) : other(msg, h, ctx);
}
