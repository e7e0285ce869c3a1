/* SPDX-License-Identifier: Apache-2.0 */
/* binary_json.h - what msgpack.c and cbor.c share: a reader of values and the JSON that comes of them. */
#ifndef LIMPID_PROTO_BINARY_JSON_H
#define LIMPID_PROTO_BINARY_JSON_H

#include "proto/protobuf_json.h"

struct binjson {
	struct pbjson w;
	struct rd r;
	bool cut; /* there was no room for more, or no more bytes of a body that is partial: only closings follow */
	bool bad; /* no such value */
	bool partial;
};

typedef void (*binjson_fn)(struct binjson *b); /* reads one value and writes it */

/* False: no other value is written here: bad, cut (then the mark is there), too deep. */
bool binjson_begin(struct binjson *b);
/* The bytes ran out inside a value: bad, or cut when the input is partial. */
void binjson_short(struct binjson *b);
/* n elements, or pairs of name and value; with ends set the number is not known, and ends() says before each whether the
 * end was there (and consumed it). */
void binjson_array(struct binjson *b, uint64_t n, bool (*ends)(struct binjson *), binjson_fn value);
void binjson_map(struct binjson *b, uint64_t n, bool (*ends)(struct binjson *), binjson_fn value);
void binjson_bytes(struct binjson *b, struct slice s); /* {"base64":"..."} */
/* Bytes of text, or as bytes when they are none. */
void binjson_text(struct binjson *b, struct slice s);
/* The next n bytes; sets short. */
struct slice binjson_take(struct binjson *b, uint64_t n);
bool binjson_all(struct buf *out, struct slice in, bool partial, binjson_fn value);

#endif
