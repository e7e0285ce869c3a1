/* SPDX-License-Identifier: Apache-2.0 */
/* binary_body.h - bodies of HTTP that are data but no text, as JSON for people: MessagePack, CBOR, protobuf. */
#ifndef LIMPID_PROTO_BINARY_BODY_H
#define LIMPID_PROTO_BINARY_BODY_H

#include "proto/proto.h"

/* Fills b->shown by b->type (RFC 9110, 8.3) from in, which is b->data or its beginning (partial); what has another type, or is
 * not what its type says, is left alone.  a may be NULL.  False: there was no memory for it. */
bool binary_body_show(struct flow_body *b, struct slice in, struct arena *a, bool partial,
		      const struct proto_limits *lim);

/* Each appends one JSON value: the only value of in, or an array of those that follow one another.  Integers that a double cannot
 * hold are strings; bytes are {"base64":"..."}; what no JSON has a word for is an object that names it: {"tag":N,"value":V},
 * {"ext":N,"base64":"..."}, {"simple":N}.  Names that are no text are their JSON as text.  At most FLOW_SHOWN_MAX bytes: what has no room
 * is replaced by "\u2026".  partial: in is only the beginning.  Takes time in proportion to in.n.
 * False: in is no such value, or memory ran out (out->failed); nothing was appended. */
bool msgpack_json(struct buf *out, struct slice in, bool partial); /* github.com/msgpack/msgpack, spec.md */
bool cbor_json(struct buf *out, struct slice in, bool partial);	   /* RFC 8949 */

#endif
