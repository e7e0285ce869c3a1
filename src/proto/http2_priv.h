/* SPDX-License-Identifier: Apache-2.0 */
/* http2_priv.h - a connection of HTTP/2 as http2.c (where frames are) and http2_take.c (what they say) see it. */
#ifndef LIMPID_PROTO_HTTP2_PRIV_H
#define LIMPID_PROTO_HTTP2_PRIV_H

#include "proto/http2_frame.h"
#include "proto/http2_msg.h"

#define BAD_BLOCKS 32 /* one after the other: these are no header blocks */
#define GUESS_MAX  16384 /* bytes of a frame that may tell what its stream carries: the usual limit (RFC 9113, 4.2) */
#define NOT_SEEN   UINT32_MAX

enum http2_at {
	AT_START,  /* of the connection, or somewhere in it: the first bytes tell */
	AT_ASTRAY, /* somewhere in it: only what looks like frames is believed */
	AT_FRAME,  /* between frames */
	AT_PAYLOAD,
};

struct http2_dir {
	enum http2_at at;
	struct http2_frame f; /* that is being read */
	uint32_t left, pad;   /* of its payload; of that, padding at its end */
	struct hpack hpack;   /* of what this side sends */
	/* A head in pieces: */
	struct buf block;
	size_t fragment;	     /* where this frame's part of it begins */
	uint32_t block_stream;	     /* only CONTINUATION of it may follow; 0: no head is open */
	uint32_t promised;	     /* it is that of a pushed stream; else 0 */
	bool block_last, block_over; /* END_STREAM; too long, it cannot be read */
	uint64_t block_ns;
	bool gap; /* bytes were lost */
	/* Streams of this side: of those from seen on to last every head was seen. */
	uint32_t seen, last;
};

struct http2 {
	const struct proto_limits *limits;
	struct http2_streams streams;
	struct http2_dir dir[2]; /* by enum side */
	unsigned bad_blocks;
	bool left[2]; /* that side said GOAWAY, for an error: */
	uint32_t why[2];
};

/* What comes next in this direction, nobody knows. */
void http2_go_astray(struct http2 *h, enum side side);
/* Bytes of the payload that have to be there before http2_begin. */
size_t http2_whole(const struct http2 *h, enum side side, const struct http2_frame *f);
/* Begins dir[side].f, whose header is at in.p[0]; goes on with it. */
struct parse http2_begin(struct http2 *h, enum side side, struct slice in, uint64_t now_ns);
struct parse http2_go_on(struct http2 *h, enum side side, struct slice in, uint64_t now_ns);
/* Nothing is left of a DATA frame. */
void http2_end_of_data(struct http2 *h, enum side side);

static inline struct parse http2_skip(size_t used)
{
	return (struct parse){ .kind = PARSE_SKIP, .used = used, .between = true };
}

#endif
