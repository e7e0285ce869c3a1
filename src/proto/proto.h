/* SPDX-License-Identifier: Apache-2.0 */
/* proto.h - what a protocol is: bytes in, messages out; no sockets, no clock, no connection.
 *
 * parse() takes one message (or a piece of one) per call and never blocks, never allocates outside
 * out->arena and its own state, and never sees where bytes came from.
 */
#ifndef LIMPID_PROTO_PROTO_H
#define LIMPID_PROTO_PROTO_H

#include "base/arena.h"
#include "flow/flow.h"

enum side { SIDE_REQ, SIDE_RESP }; /* client to server, server to client */
enum role {
	ROLE_REQUEST,
	ROLE_RESPONSE,
	ROLE_ONEWAY,  /* complete without an answer; with an op it is a request, whoever sent it */
	ROLE_INTERIM, /* an answer before the answer (HTTP 1xx): goes into attrs, ends nothing */
	ROLE_MESSAGE, /* of an open stream */
	ROLE_END,     /* of an open stream */
	ROLE_UNANSWERED, /* MATCH_KEY: which answer the request had will not be known */
};
enum match_by { MATCH_ORDER, MATCH_KEY };
/* How sure a protocol is of a direction's first bytes. */
enum probe {
	PROBE_NO,
	PROBE_MAYBE,  /* show me more bytes */
	PROBE_LIKELY, /* typical, but other protocols begin so, too: the other direction has to agree, or to be silent */
	PROBE_YES,    /* few other protocols begin so */
};

/* Who sent a message, where that is not the direction whose bytes brought it. */
enum msg_from { MSG_FROM_BYTES, MSG_FROM_CLIENT, MSG_FROM_SERVER };

struct msg {
	enum role role;
	enum msg_from from;
	uint64_t key; /* pairs messages when match is MATCH_KEY */
	const char *
		proto; /* static name of what is spoken inside (flow.proto): "grpc" over http2; NULL: the parser's */
	bool failed;
	bool streams; /* ROLE_MESSAGE follow until ROLE_END, or a message that ends */
	bool told;    /* a ROLE_MESSAGE that its half had as its body until now: it has the time of that */
	bool ends;    /* a ROLE_MESSAGE or whole ROLE_RESPONSE that is the last of its stream: no ROLE_END follows */
	bool partial; /* a ROLE_REQUEST or ROLE_RESPONSE whose head is complete and whose body goes on:
		       * the flow is shown open; the same message comes again, whole, in an arena of
		       * its own, when it ends */
	bool cut;     /* what came of a message whose end never did: the flow ends as FLOW_RESET */
	unsigned flags; /* enum flow_flag */
	struct flow_half
		half; /* of a ROLE_MESSAGE only op, attrs and body count; of a ROLE_END attrs, which are added to
				* those of the answer, or without one to those of the request */
	struct arena *arena; /* owns every pointer in half; NULL: out of memory, half is empty (the
				* message is still given, flagged, so that order keeps pairing) */
};

enum parse_kind {
	PARSE_MSG,  /* used bytes consumed, *out filled; used may be 0 after lost() or resync() */
	PARSE_SKIP, /* used bytes consumed, no message yet */
	PARSE_MORE, /* nothing consumed; call again with at least need bytes */
	PARSE_BAD,  /* in.p[0] starts no frame; the caller resynchronises */
	PARSE_STOP, /* used bytes consumed; what follows, in both directions, is `next`, or is detected anew */
};
struct proto;
struct parse {
	enum parse_kind kind;
	size_t used, need;
	const struct proto *next;
	/* PARSE_STOP: TLS follows (a ClientHello is looked for), and what it protects goes on as this protocol. */
	const struct proto *inside;
	bool again;   /* PARSE_MSG: there is more to be given, also if no bytes are left */
	bool has_msg; /* PARSE_STOP: *out was filled as well */
	bool between; /* PARSE_SKIP: what was consumed belongs to no message */
};

/* What a parser may keep of one message. */
struct proto_limits {
	size_t body_bytes;    /* of a body as sent; the rest is counted, not kept */
	size_t decoded_bytes; /* of a body after decompression */
	size_t head_bytes;    /* of a message head; longer is PARSE_BAD */
	/* Nobody looks at bodies: they are measured, counted and flagged as ever, but need neither be kept nor told. */
	bool unread_bodies;
	struct schemas *schemas; /* of protobuf's messages, shared by all connections (schemas.h), or NULL */
};

/* How to read a body whose end only the other side of the connection or its end tells. */
enum proto_end {
	PROTO_END_CLOSED,
	PROTO_END_RESET,
	PROTO_END_LOST, /* lost() said false: only the unfinished message ends, the direction goes on */
};

struct proto {
	const char *name;
	enum match_by match;
	bool datagram;	/* each input is one datagram; PARSE_MORE then means cut off */
	bool own_times; /* exchanges overlap within a direction: parse(), which finds the time of in.p[0] in
			    * out->half.begin_ns, says there when a message began (0: the caller says it, as it
			    * always says end_ns) */
	bool ends_often; /* end() is asked until it says false, as it is with own_times */
	bool follows;	   /* MATCH_KEY: an answer can only be read after its request, as with MATCH_ORDER */
	size_t state_size; /* zeroed memory per connection */
	enum probe (*probe)(enum side side, struct slice head);
	/* in: the unread bytes of one direction; at: CLOCK_MONOTONIC of in.p[0].
	 * A parser keeps the arena of an unfinished message in its state; msg.half.begin_ns and
	 * end_ns are filled in by the caller. */
	struct parse (*parse)(void *state, enum side side, struct slice in, struct msg *out);
	/* Optional from here on.  limits are borrowed for the connection's life. */
	void (*init)(void *state, const struct proto_limits *limits);
	/* After init(), when it takes over from another parser, by PARSE_STOP with `next` or `inside`: from_state is what
	 * that one knows, until the call returns; its own done() follows. */
	void (*inherit)(void *state, const struct proto *from, void *from_state);
	/* Next likely frame start >= from, or in.n. */
	size_t (*resync)(void *state, enum side side, struct slice in, size_t from);
	/* n bytes of this direction are missing here (inside a body, say); true: the parser goes on with what
	 * follows them (body counted, flagged); false: the caller calls end(PROTO_END_LOST), pushes
	 * what that gives, and resynchronises.  A parser whose end() was not called gives the
	 * unfinished message with its next parse(), which then consumes nothing. */
	bool (*lost)(void *state, enum side side, uint64_t n);
	/* How many of the bytes behind the consumed ones would only be counted: what is left of a body of which
	 * enough was kept.  UINT64_MAX: all until the direction ends.  lost() with no more than that harms
	 * nothing, and flags the message as FLOW_TRUNCATED only. */
	uint64_t (*unkept)(const void *state, enum side side);
	/* This direction ended; true: *out was filled (a body that lasts until the close, or an
	 * unfinished message with cut set).  A protocol with own_times or ends_often is asked until it says false. */
	bool (*end)(void *state, enum side side, enum proto_end how, struct msg *out);
	/* The answers at in.p[0] belong to a request that was not seen: it may come in a moment.  Only for MATCH_KEY;
	 * with MATCH_ORDER the matcher knows. */
	bool (*early)(const void *state, struct slice in);
	void (*done)(void *state); /* releases what state holds */
	/* Bytes of memory that state holds beyond state_size: what counts against the total. */
	size_t (*held)(const void *state);
	const char *alpn; /* its ALPN identification (RFC 7301), or NULL */
};

/* First whose probe says yes.  NULL: none can match, or with *maybe set one asks for more bytes (or for the other
 * direction's). */
const struct proto *proto_detect(enum side side, struct slice head, bool *maybe);
/* The same among list, which ends with NULL. */
const struct proto *proto_detect_in(const struct proto *const *list, enum side side,
				    struct slice head, bool *maybe);
const struct proto *proto_find(const char *name); /* or NULL */
/* All of them, in the order of detection; ends with NULL. */
const struct proto *const *proto_all(void);

#endif
