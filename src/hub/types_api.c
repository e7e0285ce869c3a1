/* SPDX-License-Identifier: Apache-2.0 */
/* The calls about message types, and bodies read by them. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "hub/types.h"
#include "proto/protobuf.h"

#define ROOM		  ((size_t)128 << 20) /* of what descriptors become in memory */
#define REFLECTION_FLOWS  64		      /* the newest that are looked into */
#define REFLECTION_MEMORY ((size_t)64 << 20)
#define REFLECTION_MSGS	  500

const struct schemas *types_now(struct web *w)
{
	struct buf set = { 0 };
	uint64_t version;

	hub_lock(w->st);
	version = w->st->types_version;
	if (version != w->types_version)
		buf_put(&set, buf_slice(&w->st->types));
	hub_unlock(w->st);
	if (version == w->types_version)
		return w->types;
	schemas_free(w->types);
	w->types = set.n > 0 && !set.failed ? schemas_new(ROOM, 0) : NULL;
	if (w->types)
		(void)schemas_give(w->types, buf_slice(&set)); /* what was given is checked then; here as much as there is room for */
	w->types_version = version;
	buf_release(&set);
	return w->types;
}

/* --- what is known ------------------------------------------------------------------------------------------- */

static const char *type_name(enum pb_type t)
{
	static const char *const names[] = { "double", "float",	 "int64",   "uint64",	"int32",   "fixed64",  "fixed32",  "bool",   "string",
					     "group",  "message", "bytes", "uint32", "enum", "sfixed32", "sfixed64", "sint32", "sint64" };

	return t >= PB_TYPE_DOUBLE && t <= PB_TYPE_SINT64 ? names[t - PB_TYPE_DOUBLE] : "unknown";
}

static void put_fields(struct buf *out, const struct schemas *s, const struct schema_message *m)
{
	buf_puts(out, "{\"name\":");
	buf_put_json_str(out, slice_str(m->name));
	buf_puts(out, ",\"fields\":[");
	for (size_t i = 0; i < m->nfields; i++) {
		const struct schema_field *f = &m->fields[i];
		const struct schema_message *of = schemas_message(s, f->type_name);

		buf_printf(out, "%s{\"number\":%" PRIu32 ",\"name\":", i ? "," : "", f->number);
		buf_put_json_str(out, slice_str(f->name));
		buf_printf(out, ",\"type\":\"%s\",\"repeated\":%s", type_name(f->type), f->repeated ? "true" : "false");
		if (of) {
			buf_puts(out, ",\"of\":");
			buf_put_json_str(out, slice_str(of->name));
		}
		buf_puts(out, "}");
	}
	buf_puts(out, "]}");
}

struct listing {
	struct buf *messages, methods;
	bool more[2];
};

static void list_message(void *ctx, const struct schema_message *m)
{
	struct listing *l = ctx;

	if (m->is_map_entry)
		return;
	buf_puts(l->messages, l->more[0] ? "," : "");
	buf_put_json_str(l->messages, slice_str(m->name));
	l->more[0] = true;
}

static void list_method(void *ctx, const struct schema_method *m)
{
	struct listing *l = ctx;
	struct buf *out = &l->methods;

	buf_puts(out, l->more[1] ? ",{\"path\":" : "{\"path\":");
	buf_put_json_str(out, slice_str(m->path));
	buf_puts(out, ",\"input\":");
	buf_put_json_str(out, slice_str(m->input));
	buf_puts(out, ",\"output\":");
	buf_put_json_str(out, slice_str(m->output));
	buf_printf(out, ",\"client_streams\":%s,\"server_streams\":%s}", m->client_streams ? "true" : "false", m->server_streams ? "true" : "false");
	l->more[1] = true;
}

static size_t files_in(struct slice set)
{
	struct rd r = rd_init(set);
	struct pb_field f;
	size_t n = 0;

	while (pb_next(&r, &f))
		n += f.number == 1 && f.wire == PB_BYTES;
	return n;
}

void types_get(struct conn *c, const char *rest)
{
	const char *type = request_arg(c, "type");
	const struct schemas *s = types_now(c->w);
	const struct schema_message *m = type ? schemas_message(s, type) : NULL;
	struct listing l = { .messages = &c->a.own };

	(void)rest;
	buf_clear(l.messages);
	if (type && !m) {
		answer_error(c, 404, "no message type of that name is known");
		return;
	}
	if (m) {
		put_fields(l.messages, s, m);
		answer_own(c, 200, NULL);
		return;
	}
	hub_lock(c->w->st);
	buf_printf(l.messages, "{\"bytes\":%zu,\"files\":%zu,\"messages\":[", c->w->st->types.n, files_in(buf_slice(&c->w->st->types)));
	hub_unlock(c->w->st);
	if (s)
		schemas_each(s, list_message, list_method, &l);
	buf_puts(l.messages, "],\"methods\":[");
	buf_put(l.messages, buf_slice(&l.methods));
	buf_puts(l.messages, "]}");
	l.messages->failed |= l.methods.failed;
	buf_release(&l.methods);
	answer_own(c, 200, NULL);
}

/* --- what is given -------------------------------------------------------------------------------------------- */

/* Takes over nothing.  The answer comes when it is durable. */
static void give(struct conn *c, char how, struct slice set)
{
	struct buf part = { 0 };

	buf_put(&part, (struct slice){ (const uint8_t *)&how, 1 });
	buf_put(&part, set);
	if (part.failed)
		answer_error(c, 503, "the hub is out of memory");
	else
		api_await(c, COMMAND_TYPES, NULL, &part);
	buf_release(&part);
}

/* FileDescriptorProtos of a ServerReflectionResponse (grpc/reflection/v1/reflection.proto: file_descriptor_response 4, in it
 * file_descriptor_proto 1), as files of a set: its field 1 has the same number. */
static void collect(struct buf *set, struct slice message)
{
	struct rd r = rd_init(message);
	struct pb_field f;

	while (pb_next(&r, &f))
		if (f.number == 4 && f.wire == PB_BYTES && set->n + f.bytes.n <= TYPES_MAX && files_in(f.bytes) > 0)
			buf_put(set, f.bytes);
}

static bool is_reflection(const struct list *l, const struct row *r)
{
	struct slice target = intern_get(&l->strings, r->target);

	return slice_eq(target, SLICE_LIT("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")) ||
	       slice_eq(target, SLICE_LIT("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"));
}

static void look_into(struct web *w, const uint8_t id[16], struct buf *set)
{
	const struct store_window all = { .n = REFLECTION_MSGS, .from = 1 };
	struct arena *a = arena_new(REFLECTION_MEMORY);
	uint64_t number;
	struct flow f;

	if (a && w->ops->by_id(w->reader, id, a, 0, &f, &number) == 0)
		collect(set, f.resp.body.data);
	if (a && w->ops->messages(w->reader, id, &all, a, &f, &number) == 0)
		for (size_t i = 0; i < f.nmsgs; i++)
			if (f.msgs[i].from_server)
				collect(set, f.msgs[i].body.data);
	arena_free(a);
}

static void from_traffic(struct conn *c)
{
	uint8_t ids[REFLECTION_FLOWS][16];
	struct web *w = c->w;
	const struct list *l = &w->st->list;
	struct buf set = { 0 };
	size_t n = 0;

	if (!w->reader && w->ops->open_reader(&w->reader, w->st->o->db_path) < 0) {
		answer_error(c, 503, "the database cannot be read now");
		return;
	}
	hub_lock(w->st);
	for (uint64_t at = l->end; at > l->base && n < REFLECTION_FLOWS; at--) {
		const struct row *r = list_at(l, at - 1);

		if (is_reflection(l, r))
			memcpy(ids[n++], r->id, 16);
	}
	hub_unlock(w->st);
	for (size_t i = 0; i < n; i++)
		look_into(w, ids[i], &set);
	if (set.n == 0)
		answer_error(c, 404, n ? "the servers that were asked for their types told none" :
					 "no client was seen asking a server for its types: grpcurl -plaintext HOST:PORT list does, where the server has reflection");
	else
		give(c, '?', buf_slice(&set));
	buf_release(&set);
}

void types_post(struct conn *c, const char *rest)
{
	const char *from = request_arg(c, "from");
	struct schemas *s;
	int r;

	(void)rest;
	if (from && strcmp(from, "traffic") == 0) {
		from_traffic(c);
		return;
	}
	s = schemas_new(ROOM, 0);
	r = s ? schemas_give(s, buf_slice(&c->q.body)) : -ENOMEM;
	schemas_free(s);
	if (r == -EBADMSG)
		answer_error(c, 400, "this is no set of descriptors: make one with protoc --include_imports --descriptor_set_out=FILE x.proto, or buf build -o FILE");
	else if (r < 0)
		answer_error(c, 503, "these descriptors need more memory than there is for them");
	else
		give(c, '+', buf_slice(&c->q.body));
}

void types_delete(struct conn *c, const char *rest)
{
	(void)rest;
	give(c, '-', (struct slice){ 0 });
}

/* --- bodies ------------------------------------------------------------------------------------------------------ */

bool types_show(struct conn *c, struct arena *a, const char *type, struct flow_body *b)
{
	const struct schemas *s = types_now(c->w);
	struct buf out = { 0 };
	bool ok;

	if (*type && !schemas_message(s, type)) {
		answer_error(c, 400, "no message type of that name is known: POST /api/schemas adds some");
		return false;
	}
	ok = pb_json(&out, b->data, *type ? type : NULL, s, b->captured < b->len);
	b->shown = ok ? arena_copy(a, buf_slice(&out)) : (struct slice){ 0 };
	buf_release(&out);
	if (!ok || b->shown.n == 0) {
		answer_error(c, 400, "these bytes are no message of protobuf");
		return false;
	}
	return true;
}
