/* SPDX-License-Identifier: Apache-2.0 */
/* complete.h - what may be typed at a place of a filter: where a key or a value stands, and which values flows have. */
#ifndef LIMPID_FILTER_COMPLETE_H
#define LIMPID_FILTER_COMPLETE_H

#include "filter/filter.h"

enum filter_spot_kind {
	FILTER_SPOT_KEY,   /* a key, or a bare word */
	FILTER_SPOT_NAME,  /* the NAME of a key that takes one: header.NAME */
	FILTER_SPOT_VALUE, /* after an operator */
	FILTER_SPOT_NONE   /* inside a regular expression */
};
struct filter_spot {
	enum filter_spot_kind kind;
	size_t at, len;	   /* bytes of the text that a choice replaces */
	char key[80];	   /* of a value or name, as written: "req.header.host"; of a name without it */
	char typed[200];   /* up to the cursor, without quotes */
	bool quoted;	   /* it begins with a quote */
};
/* at: the cursor, in bytes.  Of any text, valid or not. */
void filter_spot(const char *text, size_t at, struct filter_spot *ret);

/* Called with each value, until it returns false. */
typedef bool (*filter_value_fn)(void *ctx, struct slice value);
/* The values that f has for a key as written.  False: there is no such key, or it is one without values to tell. */
bool filter_values(const char *key, const struct flow *f, filter_value_fn fn, void *ctx);
/* The names that f has for "header", "req.header", "resp.header" or "query". */
bool filter_names(const char *key, const struct flow *f, filter_value_fn fn, void *ctx);
/* What filter_values must see of a flow; FILTER_BODIES: too much to look through. */
enum filter_needs filter_key_needs(const char *key);
/* "error", "slow", ...; NULL: there are no more.  *ret_help: in a few words. */
const char *filter_condition(size_t i, const char **ret_help);
/* A value as it has to be written: in quotes where it must be. */
void filter_put_value(struct buf *out, struct slice value);

#endif
