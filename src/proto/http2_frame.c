/* SPDX-License-Identifier: Apache-2.0 */
/* Where frames begin is known from the first byte of a connection on.  After a loss, or in its middle, it has to be
 * found: a header has few values that make sense, and behind its payload the next one has to lie.  What a frame is made of
 * can be mistaken for one only where it quotes frames. */
#include "proto/http2_frame.h"

#define PLAIN_MAX 16384 /* payload, as long as nobody asked for more (RFC 9113, 4.2) */
#define CHAIN	  3	/* frames that are looked at */

struct http2_frame http2_frame_read(struct slice in)
{
	struct rd r = rd_init(in);
	struct http2_frame f = { .len = (uint32_t)rd_be(&r, 3) };

	f.type = rd_u8(&r);
	f.flags = rd_u8(&r);
	f.stream = rd_be32(&r) & 0x7fffffff; /* the first bit means nothing */
	return f;
}

bool http2_frame_ok(const struct http2_frame *f)
{
	switch (f->type) {
	case HTTP2_DATA:
	case HTTP2_HEADERS:
	case HTTP2_CONTINUATION:
		return f->stream > 0;
	case HTTP2_PUSH_PROMISE:
		return f->stream > 0 && f->len >= 4;
	case HTTP2_PRIORITY:
		return f->stream > 0 && f->len == 5;
	case HTTP2_RST_STREAM:
		return f->stream > 0 && f->len == 4;
	case HTTP2_SETTINGS:
		return f->stream == 0 && f->len % 6 == 0 && f->len <= PLAIN_MAX &&
		       (f->len == 0 || !(f->flags & HTTP2_ACK));
	case HTTP2_PING:
		return f->stream == 0 && f->len == 8;
	case HTTP2_GOAWAY:
		return f->stream == 0 && f->len >= 8;
	case HTTP2_WINDOW_UPDATE:
		return f->len == 4;
	default: /* nobody sends long ones */
		return f->len <= PLAIN_MAX;
	}
}

/* Flags that its type has; others are rare enough to be no frame's. */
static bool usual(const struct http2_frame *f)
{
	static const uint8_t flags[] = { 0x9, 0x2d, 0, 0, 1, 0xc, 1, 0, 0, 4 };

	return f->type < sizeof(flags) && !(f->flags & ~flags[f->type]) && f->len <= PLAIN_MAX &&
	       http2_frame_ok(f);
}

/* --- what a frame tells about its sender -------------------------------------------------------------- */

/* The first field of a head is :method, :path, ... or :status, most often from the static table (RFC 7541, appendix A). */
static enum probe block_of(enum side side, uint8_t first)
{
	unsigned index;

	if (first & 0x80)
		index = first & 0x7f;
	else if (first & 0x40)
		index = first & 0x3f;
	else if (first & 0x20) /* the size of the table: it says nothing of what follows */
		return PROBE_MAYBE;
	else
		index = first & 0x0f;
	if (index >= 1 && index <= 7)
		return side == SIDE_REQ ? PROBE_YES : PROBE_NO;
	if (index >= 8 && index <= 14)
		return side == SIDE_RESP ? PROBE_YES : PROBE_NO;
	return PROBE_MAYBE; /* an entry that was not seen, or trailers */
}

/* rest: the payload, as far as it is there.  YES: it stands for itself; MAYBE: others have to follow. */
static enum probe headers_of(enum side side, const struct http2_frame *f, struct slice rest)
{
	size_t skip =
		(f->flags & HTTP2_PADDED ? 1u : 0u) + (f->flags & HTTP2_HAS_PRIORITY ? 5u : 0u);
	enum probe p;

	if (f->len <= skip)
		return PROBE_NO;
	if (rest.n <= skip)
		return PROBE_MAYBE;
	p = block_of(side, rest.p[skip]);
	return p == PROBE_YES && !(f->flags & HTTP2_END_HEADERS) ? PROBE_MAYBE : p;
}

static enum probe settings_of(const struct http2_frame *f, struct slice rest)
{
	struct rd r = rd_init(rest);

	if (f->flags & HTTP2_ACK)
		return PROBE_YES;
	for (uint32_t at = 0; at < f->len; at += 6) {
		uint16_t id = rd_be16(&r);

		(void)rd_be32(&r);
		if (r.short_read)
			return PROBE_MAYBE;
		if (at == 0 &&
		    (id == 0 || id > 0x10)) /* some send one that nobody knows, but not first */
			return PROBE_NO;
	}
	return f->len ? PROBE_YES : PROBE_MAYBE;
}

static enum probe one(enum side side, const struct http2_frame *f, struct slice rest)
{
	if (!usual(f))
		return PROBE_NO;
	switch (f->type) {
	case HTTP2_HEADERS:
		return headers_of(side, f, rest);
	case HTTP2_SETTINGS:
		return settings_of(f, rest);
	case HTTP2_PUSH_PROMISE:
		return side == SIDE_REQ ? PROBE_NO : PROBE_MAYBE;
	case HTTP2_PING:
		return PROBE_YES;
	case HTTP2_GOAWAY:
		if (rest.n < 8)
			return PROBE_MAYBE;
		return rest.p[4] == 0 && rest.p[5] == 0 && rest.p[6] == 0 ? PROBE_YES : PROBE_NO;
	default:
		return PROBE_MAYBE;
	}
}

/* Could so few bytes begin a frame header? */
static bool may_begin(struct slice in)
{
	return in.n == 0 || (in.p[0] == 0 && (in.n < 4 || in.p[3] <= HTTP2_CONTINUATION));
}

enum probe http2_frames_here(enum side side, struct slice in, uint32_t most)
{
	bool sure = false;
	size_t at = 0;

	for (unsigned n = 0; n < CHAIN; n++) {
		struct slice rest = slice_cut(in, at, in.n);
		struct http2_frame f;
		enum probe p;

		if (rest.n < HTTP2_FRAME_HEAD) {
			if (!may_begin(rest))
				return PROBE_NO;
			return sure || n > 1 ? PROBE_YES : PROBE_MAYBE;
		}
		f = http2_frame_read(rest);
		p = one(side, &f, slice_cut(rest, HTTP2_FRAME_HEAD, rest.n));
		if (p == PROBE_NO || f.stream > most)
			return PROBE_NO;
		at += HTTP2_FRAME_HEAD + f.len;
		if (at > in.n)
			return sure || n > 0 ? PROBE_YES : PROBE_MAYBE;
		sure |= p == PROBE_YES;
	}
	return PROBE_YES;
}

size_t http2_frames_next(enum side side, struct slice in, size_t from, uint32_t most)
{
	for (size_t at = from; at < in.n; at++) {
		const uint8_t *p = memchr(in.p + at, 0, in.n - at); /* a usual length begins so */

		if (!p)
			break;
		at = (size_t)(p - in.p);
		if (http2_frames_here(side, slice_cut(in, at, in.n), most) != PROBE_NO)
			return at;
	}
	return in.n;
}

const char *http2_error_name(uint32_t code)
{
	static const char *const names[] = {
		"NO_ERROR",
		"PROTOCOL_ERROR",
		"INTERNAL_ERROR",
		"FLOW_CONTROL_ERROR",
		"SETTINGS_TIMEOUT",
		"STREAM_CLOSED",
		"FRAME_SIZE_ERROR",
		"REFUSED_STREAM",
		"CANCEL",
		"COMPRESSION_ERROR",
		"CONNECT_ERROR",
		"ENHANCE_YOUR_CALM",
		"INADEQUATE_SECURITY",
		"HTTP_1_1_REQUIRED",
	};

	return code < sizeof(names) / sizeof(names[0]) ? names[code] : NULL;
}
