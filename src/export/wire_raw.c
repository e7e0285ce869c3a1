/* SPDX-License-Identifier: Apache-2.0 */
/* What no protocol reads: its first bytes each way, as they were. */
#include "export/wire.h"

#include "export/export.h"

static void side(struct wire_out *o, const struct flow *f, const struct flow_half *h, bool server)
{
	buf_put(&o->b, h->body.data);
	if (h->body.captured < h->body.len)
		wire_note_cut(o, &h->body);
	wire_send(o, wire_time(f, h->begin_ns), server, true);
}

static bool raw(struct wire_out *o, const struct flow *f)
{
	const char *first = export_attr(&f->req, "first");
	bool server = first && strcmp(first, "server") == 0;

	if (server)
		side(o, f, &f->resp, true);
	side(o, f, &f->req, false);
	if (!server)
		side(o, f, &f->resp, true);
	return true;
}

const struct wire wire_raw = { "tcp", 1023, NULL, raw };
