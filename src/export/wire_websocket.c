/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of RFC 6455, 5.2: each message is one frame; its fragments and its compression are undone.  The client's are masked, as they
 * must be, with a mask of zeros. */
#include <stdlib.h>

#include "export/wire.h"

static unsigned opcode(const char *op)
{
	static const struct {
		const char *op;
		unsigned code;
	} codes[] = { { "text", 1 }, { "binary", 2 }, { "close", 8 }, { "ping", 9 }, { "pong", 10 }, { "continuation", 0 } };

	for (size_t i = 0; op && i < sizeof(codes) / sizeof(*codes); i++)
		if (strcmp(op, codes[i].op) == 0)
			return codes[i].code;
	return 2;
}

/* A close's number, which its body is without. */
static const char *close_code(const struct flow_msg *m)
{
	for (size_t i = 0; i < m->nattrs; i++)
		if (strcmp(m->op ? m->op : "", "close") == 0 && strcmp(m->attrs[i].key, "code") == 0)
			return m->attrs[i].value;
	return NULL;
}

static void put_frame(struct wire_out *o, const struct flow_msg *m)
{
	unsigned mask = m->from_server ? 0 : 0x80, code = opcode(m->op);
	const char *reason = close_code(m);
	size_t more = reason ? 2 : 0, n = m->body.data.n + more;

	if (code >= 8 && n > 125)
		n = 125; /* what a control frame can hold */
	wire_be(&o->b, 0x80 | code, 1);
	if (n < 126) {
		wire_be(&o->b, mask | n, 1);
	} else if (n <= UINT16_MAX) {
		wire_be(&o->b, mask | 126, 1);
		wire_be(&o->b, n, 2);
	} else {
		wire_be(&o->b, mask | 127, 1);
		wire_be(&o->b, n, 8);
	}
	if (mask)
		wire_be(&o->b, 0, 4);
	if (reason)
		wire_be(&o->b, strtoul(reason, NULL, 10), 2);
	buf_put(&o->b, slice_cut(m->body.data, 0, n - more));
	wire_note_cut(o, &m->body);
}

void wire_websocket(struct wire_out *o, const struct flow *f,
		    void (*wrap)(struct wire_out *o, const struct flow_msg *m, bool from_server))
{
	for (size_t i = 0; i < f->nmsgs; i++) {
		const struct flow_msg *m = &f->msgs[i];

		put_frame(o, m);
		if (wrap)
			wrap(o, m, m->from_server);
		wire_send(o, wire_time(f, m->ts_ns), m->from_server, true);
	}
}
