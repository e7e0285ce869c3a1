/* SPDX-License-Identifier: Apache-2.0 */
/* http2_msg.h - one half of a stream as a message. */
#ifndef LIMPID_PROTO_HTTP2_MSG_H
#define LIMPID_PROTO_HTTP2_MSG_H

#include "proto/http2_stream.h"

struct arena *http2_msg_arena(const struct proto_limits *lim); /* NULL: out of memory */
/* What kind of block is it, if nothing is known of its stream?  Trailers have no pseudo-header fields. */
bool http2_head_is_trailers(const struct hpack_fields *f);
/* 100, 103: an answer before the answer. */
bool http2_head_is_interim(const struct http2_head *head);
/* h->msg as head says; takes over its arena. */
void http2_msg_begin(struct http2_half *h, enum side side, const struct http2_head *head);
/* Copies fields as h's trailers; at most so many as attributes make sense of. */
void http2_msg_trailers(struct http2_half *h, const struct hpack_fields *f);
/* Attributes of that half as far as they are known; m has the arena. */
void http2_msg_attrs(const struct http2_stream *s, enum side side, struct msg *m);
/* What is known so far; it shares the half's arena, and has none without one. */
void http2_msg_partial(const struct http2_stream *s, enum side side, struct msg *ret);
/* Gives h's message out, its codings undone. */
void http2_msg_finish(const struct proto_limits *lim, struct http2_stream *s, enum side side,
		      struct msg *ret);
/* ROLE_END, with what ended the stream; borrowed from s. */
void http2_msg_end(struct http2_stream *s, struct msg *ret);

#endif
