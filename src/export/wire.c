/* SPDX-License-Identifier: Apache-2.0 */
#include "export/wire.h"

#include <stdarg.h>
#include <stdio.h>

#include "export/export.h"

void wire_be(struct buf *b, uint64_t v, size_t n)
{
	uint8_t *p = buf_room(b, n);

	for (size_t i = 0; p && i < n; i++)
		p[i] = n - i > 8 ? 0 : (uint8_t)(v >> 8 * (n - 1 - i));
	b->n += p ? n : 0;
}

void wire_le(struct buf *b, uint64_t v, size_t n)
{
	uint8_t *p = buf_room(b, n);

	for (size_t i = 0; p && i < n; i++)
		p[i] = i < 8 ? (uint8_t)(v >> 8 * i) : 0;
	b->n += p ? n : 0;
}

int64_t wire_time(const struct flow *f, uint64_t ns)
{
	return ns ? (int64_t)ns + f->epoch_ns : flow_time_ns(f);
}

void wire_note(struct wire_out *o, const char *fmt, ...)
{
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* cut */
	va_end(ap);
	if (o->note.n)
		buf_puts(&o->note, "; ");
	buf_puts(&o->note, text);
}

void wire_note_cut(struct wire_out *o, const struct flow_body *b)
{
	if (b->captured < b->len)
		wire_note(o, "%llu of %llu bytes were kept", (unsigned long long)b->captured, (unsigned long long)b->len);
}

void wire_send(struct wire_out *o, int64_t at_ns, bool from_server, bool in_order)
{
	int64_t *last = &o->conn->last_ns[from_server];

	if (in_order && at_ns < *last)
		at_ns = *last;
	if (in_order)
		*last = at_ns;
	buf_put(&o->note, (struct slice){ (const uint8_t *)"", 1 });
	if (o->b.n && !o->b.failed && !o->note.failed)
		o->push(o->ctx, o->conn, at_ns, from_server, buf_slice(&o->b), (const char *)o->note.p);
	o->b.n = o->note.n = 0;
}

bool wire_is_http2(const struct flow *f)
{
	const char *version;

	for (size_t i = 0; i < f->req.nheaders; i++)
		if (f->req.headers[i].key[0] == ':')
			return true;
	for (size_t i = 0; i < f->resp.nheaders; i++)
		if (f->resp.headers[i].key[0] == ':')
			return true;
	version = export_attr(&f->req, "version") ? export_attr(&f->req, "version") : export_attr(&f->resp, "version");
	if (version)
		return version[0] == '2';
	return strcmp(f->proto, "http2") == 0 || strcmp(f->proto, "grpc") == 0;
}

static bool has_word(const char *words, const char *w)
{
	size_t n = strlen(w);

	for (const char *p = words; (p = strstr(p, w)); p += n)
		if ((p == words || p[-1] == ' ') && (p[n] == ' ' || !p[n]))
			return n > 0;
	return false;
}

const struct wire *wire_find(const char *proto)
{
	static const struct wire *const all[] = { &wire_http1, &wire_http2, &wire_postgres, &wire_mysql, &wire_redis,
						   &wire_raw };

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (has_word(all[i]->protos, proto))
			return all[i];
	return NULL;
}
