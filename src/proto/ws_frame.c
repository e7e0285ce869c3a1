/* SPDX-License-Identifier: Apache-2.0 */
/* How frames begin (RFC 6455, 5.2), and what looks like frames to who comes in the middle.
 *
 * A head of two bytes is little to tell a frame from anything else.  So the start of one is believed when what follows
 * agrees: the next head, the end of what is there, a payload of text that is UTF-8.  At most a few frames and the
 * first bytes of a payload are looked at from each position: the search is linear. */
#include "proto/websocket.h"

#include <errno.h>

#define CHAIN	   4		       /* frames looked at from one position */
#define TEXT_CHECK 128		       /* bytes of a payload that are checked to be text */
#define PLAUSIBLE  (UINT64_C(1) << 32) /* a longer payload is rather no frame */

int ws_frame_read(struct slice in, enum side side, struct ws_frame *ret)
{
	struct rd r = rd_init(in);
	uint8_t first = rd_u8(&r), second = rd_u8(&r);
	struct ws_frame f = { .op = first & 0x0f,
			      .fin = first & 0x80,
			      .compressed = first & 0x40,
			      .masked = second & 0x80,
			      .control = first & 0x08,
			      .len = second & 0x7f };
	size_t more = f.len == 126 ? 2 : f.len == 127 ? 8 : 0;

	f.head = 2 + more + (f.masked ? 4 : 0);
	ret->head = in.n < 2 ? 2 : f.head;
	if (in.n > 0 && ((first & 0x30) || (f.op > WS_BINARY && f.op < WS_CLOSE) ||
			 f.op > WS_PONG || (f.control && (!f.fin || f.compressed))))
		return -EBADMSG;
	if (in.n < 2)
		return -EAGAIN;
	if (f.control && f.len > 125)
		return -EBADMSG;
	f.odd = f.masked != (side == SIDE_REQ);
	if (in.n < f.head)
		return -EAGAIN;
	if (more) {
		f.len = rd_be(&r, more);
		f.odd |= f.len < (more == 2 ? 126u : 65536u);
		if (f.len >> 63)
			return -EBADMSG;
	}
	for (size_t i = 0; f.masked && i < sizeof(f.mask); i++)
		f.mask[i] = rd_u8(&r);
	*ret = f;
	return 0;
}

/* Of a payload that should be text: is what is there of it? */
static bool is_text(struct slice payload, const struct ws_frame *f)
{
	uint8_t text[TEXT_CHECK];
	struct slice s = { text, payload.n < TEXT_CHECK ? payload.n : TEXT_CHECK };
	size_t back = 0;

	for (size_t i = 0; i < s.n; i++) {
		text[i] = payload.p[i] ^ (f->masked ? f->mask[i % 4] : 0);
		if (text[i] < 32 && text[i] != '\t' && text[i] != '\n' && text[i] != '\r')
			return false;
	}
	/* a character may be cut at the end of what is looked at, or continue in the next frame */
	while (back < 3 && back < s.n && !slice_is_utf8(slice_cut(s, 0, s.n - back)))
		back++;
	return slice_is_utf8(slice_cut(s, 0, s.n - back));
}

enum { NONE = -1, OPEN = 0 }; /* else: how many frames agree */

/* Frames that follow each other from the start of in on.  OPEN: the first may be one when more is there. */
static int chain(enum side side, struct slice in, bool *ret_text, bool *ret_exact)
{
	int n = 0;

	*ret_text = *ret_exact = false;
	for (; n < CHAIN; n++) {
		struct ws_frame f;
		struct slice payload;
		int r = in.n ? ws_frame_read(in, side, &f) : -EAGAIN;

		*ret_exact = in.n == 0;
		if (r == -EAGAIN)
			break;
		if (r < 0 || f.odd || f.len > PLAUSIBLE)
			return NONE;
		payload = slice_cut(in, f.head, in.n);
		payload = slice_cut(payload, 0, f.len < payload.n ? (size_t)f.len : payload.n);
		if (f.op == WS_TEXT && !f.compressed && f.len > 0) {
			if (!is_text(payload, &f))
				return NONE;
			*ret_text |= payload.n >= 4;
		}
		if (payload.n < f.len)
			break;
		in = slice_cut(in, f.head + payload.n, in.n);
	}
	return n;
}

enum probe ws_probe(enum side side, struct slice in)
{
	bool text, exact;
	int n = in.n ? chain(side, in, &text, &exact) : OPEN;

	if (n == NONE)
		return PROBE_NO;
	if (n >= 3 && text)
		return PROBE_YES;
	return n >= 2 || (n == 1 && text) ? PROBE_LIKELY : PROBE_MAYBE;
}

size_t ws_next_start(enum side side, struct slice in, size_t from)
{
	for (size_t at = from; at < in.n; at++) {
		bool text, exact;
		int n = chain(side, slice_cut(in, at, in.n), &text, &exact);

		/* What is lost mostly ends where a frame begins: the first place needs no more than to be possible. */
		if (n != NONE && (at == 0 || n >= 2 || (n == 1 && (exact || text))))
			return at;
	}
	return in.n;
}
