/* SPDX-License-Identifier: Apache-2.0 */
/* http2_frame.h - frames of HTTP/2 (RFC 9113, 4 and 6): their headers, and how to find one. */
#ifndef LIMPID_PROTO_HTTP2_FRAME_H
#define LIMPID_PROTO_HTTP2_FRAME_H

#include "proto/proto.h"

#define HTTP2_FRAME_HEAD 9
#define HTTP2_PREFACE	 "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

enum http2_type {
	HTTP2_DATA,
	HTTP2_HEADERS,
	HTTP2_PRIORITY,
	HTTP2_RST_STREAM,
	HTTP2_SETTINGS,
	HTTP2_PUSH_PROMISE,
	HTTP2_PING,
	HTTP2_GOAWAY,
	HTTP2_WINDOW_UPDATE,
	HTTP2_CONTINUATION,
};

enum http2_frame_flag {
	HTTP2_END_STREAM = 1,
	HTTP2_ACK = 1, /* of SETTINGS, PING */
	HTTP2_END_HEADERS = 4,
	HTTP2_PADDED = 8,
	HTTP2_HAS_PRIORITY = 0x20,
};

struct http2_frame {
	uint32_t len;
	uint8_t type, flags;
	uint32_t stream;
};

/* in has at least HTTP2_FRAME_HEAD bytes. */
struct http2_frame http2_frame_read(struct slice in);
/* A frame that a connection in good order may have: stream and length are as its type wants them.  Types that nobody
 * knows are (RFC 9113, 5.5). */
bool http2_frame_ok(const struct http2_frame *f);
#define HTTP2_ANY 0x7fffffffu
/* Do frames that this side sends begin at in.p[0], of streams up to most, as far as can be told without a connection?
 * MAYBE: more bytes are needed.  Stricter than http2_frame_ok. */
enum probe http2_frames_here(enum side side, struct slice in, uint32_t most);
/* The first place at or after from of which http2_frames_here does not say no; or in.n. */
size_t http2_frames_next(enum side side, struct slice in, size_t from, uint32_t most);
#define HTTP2_CANCEL 8 /* error code */
/* "PROTOCOL_ERROR", or NULL (RFC 9113, 7). */
const char *http2_error_name(uint32_t code);

#endif
