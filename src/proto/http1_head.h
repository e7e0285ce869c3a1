/* SPDX-License-Identifier: Apache-2.0 */
/* http1_head.h - heads and trailers of HTTP/1 messages: text in, fields and framing facts out. */
#ifndef LIMPID_PROTO_HTTP1_HEAD_H
#define LIMPID_PROTO_HTTP1_HEAD_H

#include "proto/proto.h"

/* What the fields say about the body (RFC 9112, 6). */
struct http1_framing {
	bool has_length, bad_length; /* bad: not a number, too large, or several that differ */
	uint64_t length;
	bool has_coding, chunked; /* chunked: it is the last transfer coding */
	bool expects;		  /* Expect: 100-continue */
	bool upgrade;		  /* Connection lists "upgrade" */
	const char *upgrade_to;	  /* Upgrade as sent, or NULL */
	const char *codings;	  /* transfer codings other than chunked, in order, or NULL */
};

struct http1_head {
	const char *op, *target;     /* of a request */
	const char *status, *reason; /* of a response; reason NULL when empty */
	unsigned code;		     /* status as a number */
	const char *version;	     /* "1.1" */
	struct flow_attr *fields;
	size_t nfields;
	const char *type, *encoding; /* Content-Type; Content-Encoding, several joined by ", " */
	struct http1_framing framing;
	bool malformed; /* bytes or lines that RFC 9112 forbids; kept, except that NUL became a space */
};

/* Does in begin with a message of this side?  MAYBE: it is a prefix of one.  A target with spaces, which is
 * wrong but sent, is taken only if not strict. */
enum probe http1_start(enum side side, struct slice in, bool strict);

/* Where a head or trailer section that starts at in.p[0] ends, its empty line included; 0: not there yet.
 * from and lines are 0 at first and are kept between calls while in only gets longer: no byte is looked
 * at twice.  An empty line at the very start ends it (a trailer section without fields). */
size_t http1_find_end(struct slice in, size_t *from, size_t *lines);

/* head: one whole head that http1_start said yes to, lines of it as counted by http1_find_end.  All text is
 * copied into a.
 * 0; -EBADMSG: there is no line; -ENOMEM (what was read until then is in *ret). */
int http1_head_read(struct arena *a, enum side side, struct slice head, size_t lines,
		    struct http1_head *ret);
/* The fields of a trailer section; framing fields in it are fields like others (RFC 9110, 6.5.1).
 * 0; -ENOMEM. */
int http1_trailer_read(struct arena *a, struct slice section, size_t lines, struct flow_attr **ret,
		       size_t *ret_n, bool *ret_malformed);

/* The next place at or after from where a message of this side plausibly starts, possibly cut off by the
 * end of in; or in.n. */
size_t http1_next_start(enum side side, struct slice in, size_t from);

#endif
