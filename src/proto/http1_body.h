/* SPDX-License-Identifier: Apache-2.0 */
/* http1_body.h - one direction's message in the making: its body as framed, kept, and finished. */
#ifndef LIMPID_PROTO_HTTP1_BODY_H
#define LIMPID_PROTO_HTTP1_BODY_H

#include "proto/content.h"
#include "proto/http1.h"
#include "proto/http1_head.h"

enum http1_at {
	HTTP1_HEAD, /* between messages, or in a head that is not complete */
	HTTP1_BODY_LENGTH,
	HTTP1_BODY_CLOSE, /* until the direction ends */
	HTTP1_CHUNK_SIZE,
	HTTP1_CHUNK_EXT,
	HTTP1_CHUNK_DATA,
	HTTP1_CHUNK_CR, /* the line end after the data: "\r", then "\n" */
	HTTP1_CHUNK_LF,
	HTTP1_TRAILER,
	HTTP1_COMPLETE, /* nothing more comes: to be given out */
};

struct http1_exchange;

/* Zeroed, it waits for a head. */
struct http1_dir {
	enum http1_at at;
	const struct proto_limits *limits;
	struct msg msg; /* in the making */
	struct flow_attr *trailers;
	size_t ntrailers;
	const char *version, *codings;
	uint64_t left;	     /* of BODY_LENGTH, CHUNK_DATA; the size read so far in CHUNK_SIZE */
	unsigned digits;     /* of a chunk size */
	size_t from, lines;  /* of http1_find_end; 0 unless the same bytes come again */
	size_t whole;	     /* kept bytes before the first hole in the body */
	bool hole, full;     /* full: nothing more is kept */
	bool after_gap;	     /* the next message is the first after a loss */
	bool astray;	     /* the last bytes were no message: only a plausible start is one */
	bool optional;	     /* the body may never be sent: Expect: 100-continue */
	bool maybe_bodiless; /* the method is not known: another head may follow instead of a body */
	/* What reads the body instead of us (http1_content.h), and what it wants to be given out. */
	struct http1_exchange *exchange;
	enum side side;
	bool passed;	/* it got bytes of the last ones taken: it may have something to say */
	bool told_end;	/* it was told that the body ended */
	bool has_ahead; /* one message is held back ... */
	struct msg ahead;
	size_t owed; /* ... and with it go so many bytes that were read already */
};

/* Takes over a (NULL: out of memory; the body is then only counted) and h's text in it. */
void http1_body_begin(struct http1_dir *d, struct arena *a, const struct http1_head *h);
/* Feeds bytes of the body (or trailers) of d.  Returns how many it took; d->at is HTTP1_COMPLETE when that was
 * the end, and also when the chunked framing is broken: the message is then flagged and cut. */
size_t http1_body_take(struct http1_dir *d, struct slice in, const struct proto_limits *lim);
/* n bytes are missing.  False: the end of the body may be among them. */
bool http1_body_lost(struct http1_dir *d, uint64_t n, const struct proto_limits *lim);
/* Bytes to come that will only be counted: proto.unkept. */
uint64_t http1_body_unkept(const struct http1_dir *d, const struct proto_limits *lim);
/* Gives out the message of d, its codings undone, and makes d wait for a head. */
void http1_body_finish(struct http1_dir *d, const struct proto_limits *lim, struct msg *out);
/* Replaces u by the request of head, if that asks for HTTP/2. */
void http1_upgrade_keep(struct http1_upgrade *u, const struct proto_limits *lim, struct slice head,
			size_t lines, const struct http1_head *hd, uint64_t begin_ns);
/* attrs of a half whose body has not come yet. */
void http1_attrs(const struct http1_dir *d, struct msg *m);

#endif
