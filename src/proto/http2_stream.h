/* SPDX-License-Identifier: Apache-2.0 */
/* http2_stream.h - the streams of one connection, and the messages that come of them.
 *
 * Frames go in, one event each; after each, http2_streams_next gives what is to be told until it says false.  All that
 * grows is bounded: streams in number, bodies and heads by proto_limits. */
#ifndef LIMPID_PROTO_HTTP2_STREAM_H
#define LIMPID_PROTO_HTTP2_STREAM_H

#include "base/list.h"
#include "base/map.h"
#include "proto/content.h"
#include "proto/http2_hpack.h"
#include "proto/http_body.h"

#define HTTP2_STREAMS_MAX 1024 /* open at once; the oldest gives way */

struct http2_half {	/* one direction */
	struct msg msg; /* in the making; of a stream with content, and once given, empty */
	struct http_body body;
	uint64_t begin_ns; /* of the head; later of what content reads */
	struct flow_attr *trailers;
	size_t ntrailers;
	unsigned unknown;
	bool begun; /* its head, or a byte without one, was seen */
	bool ended; /* nothing more comes */
	bool given; /* ended, and told so */
};

struct http2_stream {
	struct link all, todo;
	uint32_t id,
		promised_by; /* promised_by: the stream on which a server pushed this one; 0: asked for */
	const struct content *content; /* what its bodies carry; NULL: they are bodies */
	void *state;		       /* of content */
	struct http2_half half[2];     /* by enum side */
	struct msg extra; /* to be told first: what a head says while its body is not over */
	bool has_extra;
	bool guessed;	  /* content was, by what its first bytes look like */
	bool asked_plain; /* content came with the answer: the request is an ordinary one */
	bool over;	  /* nothing more comes of either side */
	bool owes_end, end_cut, failed, said_why;
	bool lost;	   /* bytes were, perhaps its end among them */
	uint64_t lost_at;  /* how many streams had been opened then */
	const char *reset; /* error code of what ended it, or NULL */
	const char *why;   /* attribute that names it: "reset", "goaway" */
	const char *by;	   /* "client", "server" */
	char code[12];
	struct flow_attr end_attrs[2];
	size_t held;
};

struct http2_streams {
	const struct proto_limits *limits; /* borrowed */
	struct map by_id;
	struct link all,
		todo; /* all: the newest first; todo: something is to be told, the oldest last */
	size_t n, held;
	uint64_t opened;
	unsigned flags;	    /* of the next message: something was not told for want of memory */
	unsigned unseen[2]; /* by enum side: flags of a half whose head was not seen */
};

struct http2_head {	     /* a header block, read */
	struct arena *arena; /* of fields; NULL: out of memory, there are none */
	struct hpack_fields fields;
	unsigned flags; /* enum flow_flag */
	uint64_t begin_ns;
	bool last;    /* END_STREAM */
	bool at_once; /* its body is here too: it need not be told before */
};

void http2_streams_init(struct http2_streams *ss, const struct proto_limits *limits);
void http2_streams_release(struct http2_streams *ss);
struct http2_stream *http2_stream_find(const struct http2_streams *ss, uint32_t id);
struct http2_stream *http2_stream_new(struct http2_streams *ss,
				      uint32_t id); /* NULL: out of memory */

/* Take over head's arena. */
void http2_stream_head(struct http2_streams *ss, struct http2_stream *s, enum side side,
		       struct http2_head *head);
/* The request that a server makes up for stream s. */
void http2_stream_promise(struct http2_streams *ss, struct http2_stream *s, uint32_t by,
			  struct http2_head *head);
/* A request from before this connection spoke HTTP/2 (RFC 7540, 3.2), whole; m's arena is taken over. */
void http2_stream_inherit(struct http2_streams *ss, struct http2_stream *s, struct msg *m);
/* Bytes of DATA, without padding, and how many there are from here to the frame's end; how many were taken: fewer only when there is something to tell. */
size_t http2_stream_data(struct http2_streams *ss, struct http2_stream *s, enum side side,
			 struct slice in, size_t frame, uint64_t now_ns);
void http2_stream_end(struct http2_streams *ss, struct http2_stream *s, enum side side);
/* code: its name, which lives for ever, or NULL and the number.  by: who sent it. */
void http2_stream_reset(struct http2_streams *ss, struct http2_stream *s, enum side by,
			uint32_t number, const char *why, uint64_t now_ns);
/* n bytes of its DATA are missing; spare: they would only have been counted. */
void http2_stream_lost(struct http2_streams *ss, struct http2_stream *s, enum side side, uint64_t n,
		       bool spare);
/* Bytes of that side were lost, nobody knows whose. */
void http2_streams_lost(struct http2_streams *ss, enum side side);
/* The connection ended; what is unfinished on that side is told as cut. */
void http2_streams_close(struct http2_streams *ss, enum side side);
/* GOAWAY of that side: streams of the other one from id after + 1 on are not answered; all: nor are others any more. */
void http2_streams_leave(struct http2_streams *ss, enum side by, uint32_t after, uint32_t code,
			 bool all);
/* The next message; begin_ns, key and proto are filled in. */
bool http2_streams_next(struct http2_streams *ss, struct msg *ret);

/* Would the next DATA, given whole, tell what an unknown stream carries?  s may be NULL: nothing was seen of it. */
bool http2_stream_may_guess(const struct http2_streams *ss, const struct http2_stream *s, enum side side);

/* Between http2_stream.c and http2_told.c: */
void http2_stream_release(struct http2_streams *ss, struct http2_stream *s);
/* After anything that happened to s: there may be something to tell, and its size is another. */
void http2_stream_touched(struct http2_streams *ss, struct http2_stream *s);
static inline bool http2_is_content(const struct http2_stream *s, enum side side)
{
	return s->content && !(side == SIDE_REQ && s->asked_plain);
}

#endif
