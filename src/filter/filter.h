/* SPDX-License-Identifier: Apache-2.0 */
/* filter.h - the filter language of page, command line and API (docs/filter.md). */
#ifndef LIMPID_FILTER_FILTER_H
#define LIMPID_FILTER_FILTER_H

#include "flow/flow.h"

struct filter;
struct filter_error {
	size_t at, len; /* bytes of the text that are wrong */
	char text[160]; /* one sentence that says what to write instead */
};
/* What a filter must see of a flow to decide. */
enum filter_needs { FILTER_SUMMARY = 0, FILTER_HEADERS = 1, FILTER_BODIES = 2 };

/* 0; -EINVAL: *ret_err says where and why; -ENOMEM.  An empty text matches everything. */
int filter_new(struct filter **ret, const char *text, struct filter_error *ret_err);
bool filter_match(const struct filter *q, const struct flow *f);
enum filter_needs filter_needs(const struct filter *q);
/* A plain sentence: "status at least 500 and path does not contain /health". */
void filter_sentence(const struct filter *q, struct buf *out);
/* The filter as text again, normalised; parsing it gives the same filter. */
void filter_text(const struct filter *q, struct buf *out);
void filter_free(struct filter *q);

/* Names of all keys, with a kind ("text", "number", "choice", "size", "duration", "time", "address") and
 * one line of help; ends with a NULL name. */
struct filter_key {
	const char *name, *kind, *help;
};
const struct filter_key *filter_keys(void);

#endif
