/* SPDX-License-Identifier: Apache-2.0 */
/* protobuf_json.h - the writer behind pb_json: what protobuf_json.c, _scalar.c and _known.c share. */
#ifndef LIMPID_PROTO_PROTOBUF_JSON_H
#define LIMPID_PROTO_PROTOBUF_JSON_H

#include "proto/protobuf.h"

#include "flow/flow.h"

struct pbjson_item {
	struct pb_field f;
	uint32_t order;
};

struct pbjson {
	struct buf *out;
	const struct schemas *schemas;
	struct pbjson_item *stack;
	size_t n, cap, from; /* from: where this value begins in out */
	unsigned depth;
	bool failed; /* out of memory */
};

#define JSON_DEPTH_MAX 44	      /* flow_shown_ok allows 100, and a map is two */
#define JSON_MORE      "\xe2\x80\xa6" /* stands for what had no room */

/* What has no room is cut, and ends in JSON_MORE. */
size_t pbjson_room(const struct pbjson *j);
bool pbjson_full(const struct pbjson *j); /* no other member or element begins */
void pbjson_text(struct pbjson *j, struct slice s);
void pbjson_base64(struct pbjson *j, struct slice s);
void pbjson_unsigned(struct pbjson *j, uint64_t v);
void pbjson_signed(struct pbjson *j, int64_t v);
void pbjson_double(struct pbjson *j, uint64_t bits);
void pbjson_float(struct pbjson *j, uint64_t bits);
/* v as the field's type reads it; wire_of(d->type) is none of bytes. */
void pbjson_number(struct pbjson *j, const struct schema_field *d, uint64_t v);
enum pb_wire pbjson_wire_of(enum pb_type t);
double pbjson_as_double(uint64_t bits);
double pbjson_as_float(uint64_t bits);
/* in as a message of type m (NULL: unknown).  more: a member is there already. */
void pbjson_members(struct pbjson *j, struct slice in, const struct schema_message *m, bool partial,
		    bool more);
/* One nested message of that type name. */
void pbjson_nested(struct pbjson *j, struct slice in, const char *type);
/* Writes in if type is one of those that protobuf's JSON mapping writes in a way of their own. */
bool pbjson_well_known(struct pbjson *j, const char *type, struct slice in);

#endif
