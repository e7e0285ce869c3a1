/* SPDX-License-Identifier: Apache-2.0 */
/* What a message holds: its coding undone, its fields as JSON, what it tells about types. */
#include "proto/grpc_call.h"

#include <errno.h>

/* ServerReflectionResponse: file_descriptor_response 4, in it file_descriptor_proto 1, of each file one. */
/* False: there is no memory for all of it. */
static bool learn(struct grpc_call *c, struct slice in)
{
	struct rd r = rd_init(in), files;
	struct pb_field f, file;
	bool room = true;

	while (pb_next(&r, &f)) {
		if (f.number != 4 || f.wire != PB_BYTES)
			continue;
		files = rd_init(f.bytes);
		while (pb_next(&files, &file))
			if (file.number == 1 && file.wire == PB_BYTES)
				room &= schemas_learn(c->limits->schemas, file.bytes) != -ENOMEM;
	}
	return room;
}

static void undo_coding(struct grpc_side *s, struct grpc_message *m)
{
	const char *coding = s->coding ? s->coding : "";
	size_t max = s->frames.limits->decoded_bytes;

	if (!m->compressed || m->data.n == 0 || !m->arena)
		return;
	if (!*coding) {
		m->flags |= FLOW_DECODE_ERROR; /* its head was not seen, or does not say how */
		return;
	}
	switch (coding_undo(m->arena, slice_str(coding), m->data, max, m->partial, &m->data)) {
	case CODING_OK:
		return;
	case CODING_CUT:
		m->flags |= FLOW_TRUNCATED;
		m->partial = true;
		return;
	case CODING_ERROR:
		break;
	case CODING_NOMEM:
		m->flags |= FLOW_TRUNCATED;
		break;
	}
	m->flags |= FLOW_DECODE_ERROR;
}

struct flow_body grpc_body_of(struct grpc_call *c, struct grpc_side *s, struct grpc_message *m)
{
	struct flow_body b = { .type = s->half.body.type, .len = m->len, .captured = m->data.n };
	struct buf shown = { 0 };

	if (m->compressed)
		b.encoding = s->coding;
	undo_coding(s, m);
	b.data = m->data;
	if (s->frames.raw || s->json || m->flags & FLOW_DECODE_ERROR)
		return b;
	if (!m->arena)
		m->arena = arena_new(
			FLOW_SHOWN_MAX); /* an empty message has something to show as well */
	if (c->reflects && s == &c->side[SIDE_RESP] && c->limits->schemas)
		m->flags |= learn(c, m->data) ? 0 : FLOW_TRUNCATED;
	if (m->arena && pb_json(&shown, m->data, s->type, c->limits->schemas, m->partial))
		b.shown = arena_copy(m->arena, buf_slice(&shown));
	if (!m->arena || (shown.n > 0 && b.shown.n == 0) || shown.failed)
		m->flags |= FLOW_TRUNCATED;
	buf_release(&shown);
	return b;
}
