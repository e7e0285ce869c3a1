/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/binary_body.h"

#include "proto/protobuf.h"

enum kind { NONE, MSGPACK, CBOR, PROTOBUF };

static const struct {
	struct slice type; /* of "application/" */
	enum kind kind;
} types[] = {
	{ SLICE_LIT("msgpack"), MSGPACK },
	{ SLICE_LIT("x-msgpack"), MSGPACK },
	{ SLICE_LIT("vnd.msgpack"), MSGPACK },
	{ SLICE_LIT("cbor"), CBOR },
	{ SLICE_LIT("cbor-seq"), CBOR },
	{ SLICE_LIT("protobuf"), PROTOBUF },
	{ SLICE_LIT("x-protobuf"), PROTOBUF },
	{ SLICE_LIT("proto"), PROTOBUF }, /* connectrpc.com */
	{ SLICE_LIT("vnd.google.protobuf"), PROTOBUF },
	{ SLICE_LIT("x-google-protobuf"), PROTOBUF },
};

/* "+cbor": RFC 6839, 8949; "+msgpack" is as common. */
static bool ends_in(struct slice s, struct slice end)
{
	return s.n > end.n && slice_eq_nocase(slice_cut(s, s.n - end.n, s.n), end);
}

static enum kind kind_of(struct slice type)
{
	static const struct slice tree = SLICE_LIT("application/");
	size_t n = 0;
	struct slice sub;

	while (n < type.n && type.p[n] != ';' && type.p[n] != ' ' && type.p[n] != '\t')
		n++;
	if (n <= tree.n || !slice_eq_nocase(slice_cut(type, 0, tree.n), tree))
		return NONE;
	sub = slice_cut(type, tree.n, n);
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (sub.n == types[i].type.n && slice_eq_nocase(sub, types[i].type))
			return types[i].kind;
	return ends_in(sub, SLICE_LIT("+cbor"))	     ? CBOR
	       : ends_in(sub, SLICE_LIT("+msgpack")) ? MSGPACK
						     : NONE;
}

/* The parameter by which Prometheus, Spring and others name the message: proto=io.prometheus.client.MetricFamily,
 * messageType="shop.Order"; NULL: none.  In a. */
static const char *message_of(struct slice type, struct arena *a)
{
	static const struct slice names[] = { SLICE_LIT("messagetype="), SLICE_LIT("proto=") };

	for (size_t at = 0; at < type.n; at++)
		for (size_t i = 0; (at == 0 || type.p[at - 1] == ';' || type.p[at - 1] == ' ') && i < 2; i++) {
			struct slice v = slice_cut(type, at + names[i].n, type.n);
			size_t n = 0;

			if (!slice_eq_nocase(slice_cut(type, at, at + names[i].n), names[i]))
				continue;
			if (v.n > 0 && v.p[0] == '"')
				v = slice_cut(v, 1, v.n);
			while (n < v.n && v.p[n] != '"' && v.p[n] != ';' && v.p[n] != ' ')
				n++;
			return n ? arena_printf(a, "%.*s", (int)(n < 512 ? n : 512), (const char *)v.p) : NULL;
		}
	return NULL;
}

/* encoding=delimited: each message with its length before it. */
static bool is_delimited(struct slice type)
{
	return slice_find(type, SLICE_LIT("delimited"), 0) < type.n;
}

bool binary_body_show(struct flow_body *b, struct slice in, struct arena *a, bool partial,
		      const struct proto_limits *lim)
{
	struct slice type = slice_str(b->type);
	enum kind kind = in.n && a ? kind_of(type) : NONE;
	struct buf out = { 0 };
	bool ok = false;

	if (kind == NONE)
		return true;
	if (kind == MSGPACK)
		ok = msgpack_json(&out, in, partial);
	else if (kind == CBOR)
		ok = cbor_json(&out, in, partial);
	else if (!is_delimited(type))
		ok = pb_json(&out, in, message_of(type, a), lim->schemas, partial);
	if (ok)
		b->shown = arena_copy(a, buf_slice(&out));
	ok = !out.failed && (!ok || b->shown.n > 0);
	buf_release(&out);
	return ok;
}
