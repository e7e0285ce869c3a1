/* SPDX-License-Identifier: Apache-2.0 */
/* content.h - a protocol inside the bodies of one HTTP exchange, the same over HTTP/1.1 and HTTP/2: gRPC, gRPC-Web.
 *
 * The HTTP parser asks content_of() when the head of a request (or of an answer whose request was not seen, or whose
 * request was nothing special) is complete.  From then on it frames that exchange's bodies and keeps none of their bytes:
 * heads, bytes, trailers and ends go to the content, and after each of these calls next() is asked until it says false. */
#ifndef LIMPID_PROTO_CONTENT_H
#define LIMPID_PROTO_CONTENT_H

#include "proto/proto.h"

struct content {
	const char *name; /* struct msg.proto of what it gives */
	/* Either may be NULL: not seen, or not there yet. */
	bool (*is)(const struct flow_half *req, const struct flow_half *resp);
	/* State of one exchange; limits are borrowed for its life.  NULL: out of memory. */
	void *(*open)(const struct proto_limits *limits);
	/* The head of one side: m is what the HTTP parser would have given out (role, op, target, status, headers, attrs,
	 * flags; begin_ns where it is known), its arena is taken over.  Once for each side. */
	void (*head)(void *c, enum side side, struct msg *m);
	/* Bytes of a body, transfer coding and framing removed.  Returns how many it took: fewer than in.n only when next()
	 * has something to give, so that times come right. */
	size_t (*take)(void *c, enum side side, struct slice in);
	/* n bytes of this side's body are missing here (0: an unknown number; no more of this side's body comes right). */
	void (*lost)(void *c, enum side side, uint64_t n);
	/* The body of this side ended, with these trailers (borrowed; n may be 0).  cut: not as its sender meant it (the
	 * connection broke); reset: RST_STREAM's error by name ("CANCEL"), or NULL.  Once for each side; when a reset ends
	 * both, it is told to both, the side that sent it first. */
	void (*end)(void *c, enum side side, const struct flow_attr *trailers, size_t n, bool cut, const char *reset);
	/* Optional: before end() with a reset, who sent it, and when (0: not known). */
	void (*reset)(void *c, enum side by, uint64_t now_ns);
	/* The next message to give out: everything but key, begin_ns and end_ns is filled in.  False: none now. */
	bool (*next)(void *c, enum side side, struct msg *ret);
	size_t (*held)(const void *c); /* bytes of memory */
	void (*close)(void *c);	       /* c may be NULL */
};

/* Which of them this exchange is, or NULL: plain HTTP. */
const struct content *content_of(const struct flow_half *req, const struct flow_half *resp);

#endif
