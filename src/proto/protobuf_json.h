/* SPDX-License-Identifier: Apache-2.0 */
/* protobuf_json.h - the writer behind pb_json: what protobuf_json.c, _scalar.c and _known.c share. */
#ifndef LIMPID_PROTO_PROTOBUF_JSON_H
#define LIMPID_PROTO_PROTOBUF_JSON_H

#include "proto/protobuf.h"

#include "flow/flow.h"

struct json_item {
	struct pb_field f;
	uint32_t order;
};

struct json {
	struct buf *out;
	const struct schemas *schemas;
	struct json_item *stack;
	size_t n, cap, from; /* from: where this value begins in out */
	unsigned depth;
	bool failed; /* out of memory */
};

#define JSON_DEPTH_MAX 44	      /* flow_shown_ok allows 100, and a map is two */
#define JSON_MORE      "\xe2\x80\xa6" /* stands for what had no room */

/* What has no room is cut, and ends in JSON_MORE. */
size_t json_room(const struct json *j);
bool json_full(const struct json *j); /* no other member or element begins */
void json_text(struct json *j, struct slice s);
void json_base64(struct json *j, struct slice s);
void json_unsigned(struct json *j, uint64_t v);
void json_signed(struct json *j, int64_t v);
void json_double(struct json *j, uint64_t bits);
void json_float(struct json *j, uint64_t bits);
/* v as the field's type reads it; wire_of(d->type) is none of bytes. */
void json_number(struct json *j, const struct schema_field *d, uint64_t v);
enum pb_wire json_wire_of(enum pb_type t);
double json_as_double(uint64_t bits);
double json_as_float(uint64_t bits);
/* in as a message of type m (NULL: unknown).  more: a member is there already. */
void json_members(struct json *j, struct slice in, const struct schema_message *m, bool partial,
		  bool more);
/* One nested message of that type name. */
void json_nested(struct json *j, struct slice in, const char *type);
/* Writes in if type is one of those that protobuf's JSON mapping writes in a way of their own. */
bool json_well_known(struct json *j, const char *type, struct slice in);

#endif
