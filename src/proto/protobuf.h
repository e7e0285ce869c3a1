/* SPDX-License-Identifier: Apache-2.0 */
/* protobuf.h - protobuf's wire format (protobuf.dev, "Encoding"), and its messages as JSON for people. */
#ifndef LIMPID_PROTO_PROTOBUF_H
#define LIMPID_PROTO_PROTOBUF_H

#include "proto/schemas.h"

enum pb_wire {
	PB_VARINT = 0,
	PB_FIXED64 = 1,
	PB_BYTES = 2,
	PB_GROUP = 3,
	PB_GROUP_END = 4,
	PB_FIXED32 = 5
};

struct pb_field {
	uint32_t number;    /* 1 to 2^29 - 1 */
	enum pb_wire wire;  /* never PB_GROUP_END */
	uint64_t value;	    /* of PB_VARINT, PB_FIXED64, PB_FIXED32 */
	struct slice bytes; /* of PB_BYTES and PB_GROUP: what is between its tags */
};

/* The next field of a message.  False: its end, or (r->short_read) it is none. */
bool pb_next(struct rd *r, struct pb_field *ret);
/* The next number of a packed field; sticks as rd does.  Tags are such numbers too. */
uint64_t pb_varint(struct rd *r);
/* Does all of it parse as fields?  Looks at its own fields only, not into them. */
bool pb_is_message(struct slice s);

/* Appends one JSON value: in as a message of this type (a full name), or without a type (NULL, or none of that name is
 * known) by the looks of its bytes: names are then numbers, text, nested messages and bytes are told apart by guessing, bytes
 * are {"base64":"..."}, and integers read as signed.  With a type: names as in the .proto file, enumerations by name, maps as
 * objects, bytes in base64, the well-known types as protobuf's JSON mapping has them; integers that a double cannot
 * hold are strings.  partial: in is only the beginning of the message.
 * Takes time in proportion to in.n, and gives at most FLOW_SHOWN_MAX bytes: what has no room is replaced by a member or
 * element "\u2026".  False: in is no message; nothing was appended, or memory ran out (out->failed). */
bool pb_json(struct buf *out, struct slice in, const char *type, const struct schemas *schemas,
	     bool partial);

#endif
