/* SPDX-License-Identifier: Apache-2.0 */
/* schemas.h - message types and methods by name: of the descriptor sets that were given, and of those that servers told
 * about themselves (server reflection).
 *
 * Shared by the parsers of all connections.  What was given is never replaced by what was seen. */
#ifndef LIMPID_PROTO_SCHEMAS_H
#define LIMPID_PROTO_SCHEMAS_H

#include "base/bytes.h"

struct schemas;

/* google.protobuf.FieldDescriptorProto.Type */
enum pb_type {
	PB_TYPE_DOUBLE = 1,
	PB_TYPE_FLOAT,
	PB_TYPE_INT64,
	PB_TYPE_UINT64,
	PB_TYPE_INT32,
	PB_TYPE_FIXED64,
	PB_TYPE_FIXED32,
	PB_TYPE_BOOL,
	PB_TYPE_STRING,
	PB_TYPE_GROUP,
	PB_TYPE_MESSAGE,
	PB_TYPE_BYTES,
	PB_TYPE_UINT32,
	PB_TYPE_ENUM,
	PB_TYPE_SFIXED32,
	PB_TYPE_SFIXED64,
	PB_TYPE_SINT32,
	PB_TYPE_SINT64,
};

struct schema_field {
	uint32_t number;
	enum pb_type type;
	bool repeated;
	const char *name;
	/* Of messages, groups and enumerations: full, without the leading dot; or ".pkg.Message Name", a name as
	 * it is seen from that message. */
	const char *type_name;
};
struct schema_message {
	const char *name; /* full: "pkg.Outer.Inner" */
	bool is_map_entry;
	const struct schema_field *fields; /* by number */
	size_t nfields;
};
struct schema_enum {
	const char *name;
	const struct schema_value {
		int32_t number;
		const char *name;
	} * values; /* by number */
	size_t nvalues;
};
struct schema_method {
	const char *path;	    /* "/pkg.Service/Method" */
	const char *input, *output; /* full names of messages */
	bool client_streams, server_streams;
};

/* max_bytes bounds the memory of what is learned (what is given is bounded by max_given).  NULL: out of memory. */
struct schemas *schemas_new(size_t max_given, size_t max_learned);
/* A google.protobuf.FileDescriptorSet, as `protoc --include_imports --descriptor_set_out=FILE` writes it.
 * Files in it, or -EBADMSG: it is none; -ENOMEM: larger than max_given.  What came before the error stays. */
int schemas_give(struct schemas *s, struct slice set);
/* A google.protobuf.FileDescriptorProto from the wire.  1: new; 0: known already; errors as above. */
int schemas_learn(struct schemas *s, struct slice file);
/* NULL: not known (s may be NULL).  Borrowed as long as s lives. */
const struct schema_message *schemas_message(const struct schemas *s, const char *name);
const struct schema_enum *schemas_enum(const struct schemas *s, const char *name);
const struct schema_method *schemas_method(const struct schemas *s, const char *path);
/* Calls message and method for each that is known, in no order. */
void schemas_each(const struct schemas *s, void (*message)(void *ctx, const struct schema_message *m),
		  void (*method)(void *ctx, const struct schema_method *m), void *ctx);
const struct schema_field *schema_field_of(const struct schema_message *m, uint32_t number);
const char *schema_value_of(const struct schema_enum *e, int32_t number); /* or NULL */
void schemas_free(struct schemas *s);

#endif
