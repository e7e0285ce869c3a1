/* SPDX-License-Identifier: Apache-2.0 */
/* http2_hpack.h - header blocks of one direction (RFC 7541), also from the middle of a connection.
 *
 * A block refers to entries of a table that all blocks before it built.  Where those were not seen, the table is
 * filled with made-up entries first: what refers to one of them is said to be unknown, what was added since comes right.
 * An index counts from the newest entry, so nothing is ever taken for something else. */
#ifndef LIMPID_PROTO_HTTP2_HPACK_H
#define LIMPID_PROTO_HTTP2_HPACK_H

#include "base/arena.h"
#include "flow/flow.h"

#define HPACK_UNKNOWN "(unknown)"

struct nghttp2_hd_inflater;

struct hpack { /* zeroed: at the beginning of a connection */
	struct nghttp2_hd_inflater *inflater;
	uint32_t
		max; /* bytes that the reader of the blocks allows for the table, when that is known */
	bool joined;	/* earlier blocks were not seen */
	bool few, many; /* joined: how many made-up entries there are */
};

struct hpack_fields { /* in wire order, pseudo-header fields among them */
	struct flow_attr *list;
	size_t n;
	unsigned unknown; /* fields whose name or value is HPACK_UNKNOWN */
	bool cut;	  /* there was no room for all */
	bool odd;	  /* bytes that RFC 9113, 8.2.1 forbids; NUL became a space */
};

/* SETTINGS_HEADER_TABLE_SIZE of the reader. */
void hpack_allow(struct hpack *h, uint32_t bytes);
/* Blocks were lost: what the table holds is unknown from now on. */
void hpack_forget(struct hpack *h);
/* Decodes one whole block; text is copied into a, which may be NULL: the table is kept right all the same.
 * 0; -EBADMSG: no block at all, the table is unknown now; -ENOMEM: likewise. */
int hpack_read(struct hpack *h, struct slice block, struct arena *a, struct hpack_fields *ret);
size_t hpack_held(const struct hpack *h);
void hpack_release(struct hpack *h);

#endif
