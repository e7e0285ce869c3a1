/* SPDX-License-Identifier: Apache-2.0 */
/* sql.h - what SQL protocols keep of parameters, columns and rows: bounded, as JSON text.
 *
 * One form for all of them: a list is a JSON array of strings (null: SQL's NULL); rows are such arrays, one a line
 * (application/x-ndjson); every value is the text that the server itself would print for it.
 *
 * Lists and rows grow in memory of their own, which the parser's state holds until the message is given out; then their text
 * is copied into the message's arena.  Zero is a good beginning for every struct here, _release a good end; what is released may be used again.
 * Nothing here fails visibly: what does not fit, or finds no memory, is counted and makes `cut`, which the caller
 * says with FLOW_TRUNCATED.
 */
#ifndef LIMPID_PROTO_SQL_H
#define LIMPID_PROTO_SQL_H

#include "base/arena.h"
#include "flow/flow.h"

#define SQL_LIST_BYTES (64 * 1024) /* a good max for a list: the names of 1,600 long columns fit */
#define SQL_ATTRS      24

/* ["a","b",null] */
struct sql_list {
	struct buf text;
	uint64_t n; /* of all values, also those that were not kept */
	bool cut;   /* not all were kept, or not all of one */
};

/* Adds one value; text is borrowed, any bytes.  At most max bytes of JSON are kept: the value that does not fit is cut,
 * at a character's end, and later ones are only counted.  The true length of what was cut is not kept. */
void sql_list_add(struct sql_list *l, size_t max, struct slice text);
void sql_list_add_null(struct sql_list *l, size_t max);
/* The array, copied into a; NULL when nothing was added, or when memory was short (cut is then set, too). */
const char *sql_list_copy(struct sql_list *l, struct arena *a);
void sql_list_clear(struct sql_list *l); /* empty, memory kept */
void sql_list_release(struct sql_list *l);

/* Rows are kept from the first on until one does not fit; none is kept after it. */
struct sql_rows {
	struct buf text;
	uint64_t rows;	   /* all of them */
	uint64_t bytes;	   /* of all of them, as sent */
	uint64_t captured; /* of the rows kept, as sent */
	uint64_t left;	   /* of the row that is written: bytes as sent that may still be kept */
	size_t text_max;
	bool full;   /* no more is kept */
	bool in_row; /* a row that is kept was begun */
	bool any;    /* it has a value already */
	bool unread; /* set by the owner: rows are only measured, and proto_limits.unread_bodies says why */
};

/* Begins a row of bytes, as sent; limits: body bytes as sent, and bytes of JSON text.  False: the row is only counted,
 * its values need not be formatted, and no other call for it is needed (none does harm). */
bool sql_row_begin(struct sql_rows *r, uint64_t bytes, size_t max_bytes, size_t max_text);
/* The row's next value: text is borrowed, any bytes; sent: what it took on the wire.  A value that does not fit is cut, at a
 * character's end; the row ends with it, and is the last one. */
void sql_row_value(struct sql_rows *r, struct slice text, uint64_t sent);
void sql_row_null(struct sql_rows *r);
/* cut: the caller itself had only a part of the row. */
void sql_row_end(struct sql_rows *r, bool cut);
/* How much of a value of the row at hand, or of the next one, is worth formatting: bytes as sent; 0: nothing. */
uint64_t sql_rows_room(const struct sql_rows *r, size_t max_bytes);
/* The body: type application/x-ndjson, len the bytes of all rows, captured those of rows kept; no rows: an empty one.
 * Returns the flags it deserves: FLOW_TRUNCATED when not all is there, or 0. */
unsigned sql_rows_copy(const struct sql_rows *r, struct arena *a, struct flow_body *ret);
void sql_rows_clear(struct sql_rows *r); /* as new; memory kept, up to a few KiB */
void sql_rows_release(struct sql_rows *r);

/* Attributes of one half, in the order they are set; more than SQL_ATTRS are not kept. */
struct sql_attrs {
	struct flow_attr list[SQL_ATTRS];
	size_t n;
	bool cut; /* there were more */
};

/* key lives as long as the flow (a literal, or in the arena).  value likewise; NULL: not set. */
void sql_attr(struct sql_attrs *t, const char *key, const char *value);
void sql_attr_slice(struct sql_attrs *t, struct arena *a, const char *key,
		    struct slice value); /* a copy */
void sql_attr_num(struct sql_attrs *t, struct arena *a, const char *key, uint64_t value);
/* Puts them behind the half's own in the arena.  False: no memory (arena_short). */
bool sql_attrs_put(const struct sql_attrs *t, struct arena *a, struct flow_half *h);

/* The statement's text as a flow's target: a copy in a, of at most max bytes of kept, cut at a character's end; NUL
 * becomes a space.  When it is shorter than len, its true length, that goes to the attribute statement_len, and
 * FLOW_TRUNCATED to *flags.  NULL: no memory. */
const char *sql_statement(struct arena *a, struct slice kept, uint64_t len, size_t max,
			  struct sql_attrs *t, unsigned *flags);

#endif
