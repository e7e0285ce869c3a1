/* SPDX-License-Identifier: Apache-2.0 */
/* redact_priv.h - inside of redaction: what the passes over a text share. */
#ifndef LIMPID_EXPORT_REDACT_PRIV_H
#define LIMPID_EXPORT_REDACT_PRIV_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "export/redact.h"

#define REDACT_FOUND_MAX 64
#define REDACT_COLUMNS	 1024

struct redact {
	char **names; /* own, as redact_plain makes them */
	pcre2_code **res;
	const pcre2_code *re; /* the one whose pass it is */
	size_t nnames, nres;
	pcre2_match_data *md;
	struct buf bufs[2]; /* passes write from one into the other */
	unsigned which;
	uint64_t count;
	int err; /* sticks for the flow at hand */
	/* What the pass over JSON hid, as written, for the same bytes in another form; nfound over the maximum, or odd: not all of it
	 * is here. */
	bool collects, odd;
	struct slice found[REDACT_FOUND_MAX];
	size_t nfound;
	bool params[REDACT_COLUMNS]; /* of a statement: which are secret */
	bool any_param;
};

/* A text that is being rewritten: what lies between the edits is copied when there are any. */
struct edit {
	struct redact *r;
	struct slice in;
	struct buf *out;
	size_t from;
	bool binary; /* asterisks, as many as there were bytes */
	bool changed;
};
/* in[at, end) is hidden; quoted: with quotation marks around the mark. */
void edit_hide(struct edit *e, size_t at, size_t end, bool quoted);
/* Runs one pass; the result lies in r->bufs until two passes later, or is in. */
struct slice edit_run(struct redact *r, struct slice in, bool binary, void (*pass)(struct edit *e));

/* --- names (redact_name.c) --- */

#define REDACT_NAME_MAX 200
/* Letters and digits of a name, small, escapes of URLs and JSON undone.  False: too long to judge. */
bool redact_plain(struct slice name, char ret[REDACT_NAME_MAX]);
/* Whether what has this name is a secret.  A name that is too long is one. */
bool redact_name(const struct redact *r, struct slice name);
/* The same for a key of many parts, "user:7:token". */
bool redact_key(const struct redact *r, struct slice key);
/* A parameter of a URL that is a secret when it is long: Google's "key". */
bool redact_long_name(struct slice name);

/* --- passes --- */

void redact_json(struct edit *e);	 /* members with such a name, card numbers that are numbers */
void redact_nested(struct edit *e);	 /* the same in a string of JSON */
void redact_list(struct edit *e);	 /* JSON: what stands behind such a name in a list */
void redact_rows(struct edit *e);	 /* JSON arrays, one a line: places as in r->params */
void redact_assignments(struct edit *e); /* NAME=VALUE in URLs, forms, cookies, attributes */
void redact_markup(struct edit *e);	 /* <NAME>VALUE</NAME> */
void redact_multipart(struct edit *e);	 /* parts with such a name (RFC 7578) */
void redact_shapes(struct edit *e);	 /* card numbers, tokens, keys, passwords in URLs */
void redact_own(struct edit *e);	 /* r->re */
/* Statements: literals behind such a name, and which parameters are: r->params. */
void redact_sql(struct edit *e);

#endif
