/* SPDX-License-Identifier: Apache-2.0 */
/* call.h - inside src/rpc only: a connection and its calls, shared by grpc.c, headers.c and message.c. */
#ifndef LIMPID_RPC_CALL_H
#define LIMPID_RPC_CALL_H

#include <nghttp2/nghttp2.h>

#include "rpc/grpc.h"

#define GRPC_PREFIX 5 /* flag and length before each message */
#define GRPC_HEADERS_MAX \
	(16 * 1024) /* of one header block: names, values and 32 a field (RFC 9113, 6.5.2) */
#define GRPC_STREAMS_MAX 100

/* One call is one HTTP/2 stream.  It lives from its headers until nghttp2 closes the stream. */
struct call {
	struct grpc *g;
	struct call *prev, *next;
	int32_t id;

	/* Of the peer's headers. */
	char *path, *auth, *encoding; /* NULL: not sent */
	size_t header_bytes;
	bool post, content_type_ok, bad_timeout, too_long;
	int http_status; /* client; 0: none yet */
	int grpc_status; /* client; -1: none yet */
	char text[256];	 /* client: grpc-message */
	uint64_t timeout_ns,
		end_ns; /* 0: none; end_ns is set by the first tick that sees the call */

	/* The message that is arriving. */
	uint8_t prefix[GRPC_PREFIX];
	unsigned nprefix;
	uint32_t len;
	struct {
		uint8_t *p;
		size_t n, cap;
	} in;
	size_t seen,
		hold_max; /* manual_window: its bytes so far; those that wait for grpc_consume */
	size_t held;	  /* bytes of the window not given back, over all messages */

	/* To the peer. */
	struct buf out;
	size_t out_off;
	size_t begun; /* bytes that the message begun last still lacks */
	bool submitted, last;
	bool finishing; /* server: trailers follow the queue; client: RST_STREAM was submitted */
	enum grpc_status st;
	char *st_text;

	bool peer_closed; /* END_STREAM came */
	bool over;	  /* what still comes is discarded */
	bool told;	  /* `ended` was called for good */
};

struct grpc {
	nghttp2_session *h2;
	struct grpc_options o;
	struct grpc_hooks hooks;
	struct call *calls;
	struct buf out; /* frames on their way to the socket */
	size_t out_off;
	uint64_t heard_ns,
		ping_ns; /* when something came last; when the open ping went out, or 0 */
	bool ticked, heard;
	bool failed, goaway, too_many_pings, draining;
};

struct call *grpc_call_find(const struct grpc *g, int32_t stream); /* or NULL */
struct call *grpc_call_new(struct grpc *g, int32_t stream);	   /* or NULL */
void grpc_call_free(struct call *c);
/* Calls the hook, unless the call is told already; final: nothing follows. */
void grpc_call_tell(struct call *c, enum grpc_status st, const char *text, bool final);
/* Ends the call from this side, whichever it is. */
int grpc_call_end(struct call *c, enum grpc_status st, const char *text);

/* headers.c */
int grpc_on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name,
		   size_t nname, const uint8_t *value, size_t nvalue, uint8_t flags, void *user);
int grpc_headers_done(struct call *c, const nghttp2_headers *h); /* server: of a request */
void grpc_answer_done(struct call *c);				 /* client: of a header block */
void grpc_peer_closed(struct call *c);				 /* END_STREAM */
int grpc_submit_request(struct call *c, const char *authority, const char *token);
int grpc_submit_answer(struct call *c);
int grpc_submit_trailers(struct call *c); /* alone, or after the data */

/* message.c */
int grpc_on_data(nghttp2_session *h2, uint8_t flags, int32_t stream, const uint8_t *data,
		 size_t len, void *user);
ssize_t grpc_read_out(nghttp2_session *h2, int32_t stream, uint8_t *to, size_t n, uint32_t *flags,
		      nghttp2_data_source *source, void *user);
bool grpc_message_partial(const struct call *c); /* END_STREAM now would cut a message */

#endif
