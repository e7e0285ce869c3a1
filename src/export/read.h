/* SPDX-License-Identifier: Apache-2.0 */
/* read.h - flows out of what was exported: JSON lines, HAR. */
#ifndef LIMPID_EXPORT_READ_H
#define LIMPID_EXPORT_READ_H

#include "base/json.h"
#include "flow/flow.h"

/* A flow of docs/flow.md; what is missing is unknown.  Without an id it gets one made of its time and its content.  Pointers lie in
 * a, some in v's memory.  Times are Unix time in ns, epoch_ns is 0.
 * 0; -EBADMSG: no such object; -ENOMEM. */
int read_flow(const struct json *v, struct arena *a, struct flow *ret);
/* A HAR entry (HAR 1.2, "entries"), of Limpid's own export or of a browser; raw is its text.  Same errors. */
int read_har_entry(struct slice raw, const struct json *v, struct arena *a, struct flow *ret);
/* Members "mark" and "pinned" of v (docs/flow.md) and this note, or NULL, as f->mark; what no mark may hold is left out.  0; -ENOMEM. */
int read_mark(const struct json *v, const char *note, struct arena *a, struct flow *f);
/* An id of version 7 for what has none: the same each time for the same bytes, so that a second import changes nothing. */
void read_made_id(int64_t unix_ns, struct slice content, uint8_t ret[16]);
/* Bytes of base64 (RFC 4648, 4; padding may be missing, line ends are skipped).  0; -EBADMSG; -ENOMEM. */
int read_base64(struct slice in, struct arena *a, struct slice *ret);

/* Finds the entries in a HAR file, piece by piece, so that its size does not matter.  Zero-initialise. */
struct har_split {
	struct buf entry;
	char word[16]; /* the last string outside of entries */
	size_t nword;
	unsigned depth;
	bool in_string, escaped, value; /* value: behind a colon, so that a string is no key */
	bool log, entries, inside;	/* where we are: "log", its "entries", one of them */
	bool seen_log, seen_entries;
};
typedef int (*har_entry_fn)(void *ctx, struct slice entry);
/* fn gets each entry's text; what it returns other than 0 ends the call and is returned.  -EMSGSIZE: an entry over 1 GiB; -ENOMEM. */
int har_split_feed(struct har_split *s, struct slice in, har_entry_fn fn, void *ctx);
/* Nothing follows.  0; -EBADMSG: it was no HAR; -EPIPE: it is cut off. */
int har_split_end(const struct har_split *s);
void har_split_release(struct har_split *s);

#endif
