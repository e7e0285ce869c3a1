/* SPDX-License-Identifier: Apache-2.0 */
/* json.h - one JSON text as a tree; also what cJSON loses: NUL in strings and all digits of numbers. */
#ifndef LIMPID_BASE_JSON_H
#define LIMPID_BASE_JSON_H

#include "base/arena.h"

enum json_kind { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
	enum json_kind kind;
	struct slice key;  /* within an object, unescaped */
	struct slice text; /* of a string, unescaped, with a NUL behind it; of a number, as written */
	struct slice raw;  /* as written, borrowed from the input */
	const struct json *first, *next;
};

/* RFC 8259; blanks around the value are skipped.  Lone surrogates become U+FFFD; bytes that are not UTF-8 stay as they are.  At
 * most 200 levels.  Everything lies in a.
 * 0; -EBADMSG: no such text, or something follows it; -ENOMEM: the arena's limit. */
int json_parse(struct slice in, struct arena *a, const struct json **ret);
/* The first member of that name; NULL: none, or o is no object.  o may be NULL. */
const struct json *json_get(const struct json *o, const char *key);
/* Text of a string, NUL-terminated; NULL: v is none.  v may be NULL. */
const char *json_text(const struct json *v);
/* A whole number from 0 to 2^64 - 1; false: v is none (NULL, a fraction, negative). */
bool json_u64(const struct json *v, uint64_t *ret);
/* Any number; 0 when v is none. */
double json_number(const struct json *v);

#endif
