/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2 (RFC 9113, header blocks RFC 7541, extended CONNECT RFC 8441, the upgrade from HTTP/1.1 RFC 7540, 3.2).
 *
 * A message is a request or an answer: one side of a stream.  The number of the stream pairs them.  A head is told when
 * it is there and its body is not; the message comes again, whole, when its stream ends.  What streams carry besides HTTP
 * (gRPC, WebSocket, events) is proto/content.h's; flows then have its name.
 *
 * A call of parse takes one frame, or the piece of it that is there.  Heads are gathered (they have to be read whole, or
 * the table for all later ones is lost), everything else is used as it comes.  Where bytes are lost outside of DATA, or
 * capture begins in the middle, the next frame is searched (http2_frame.c) and the tables of fields are unknown
 * (http2_hpack.c): later heads come right, but for what they take from before. */
#include "proto/http1.h"
#include "proto/http2_priv.h"

static struct parse more(size_t need)
{
	return (struct parse){ .kind = PARSE_MORE, .need = need };
}

static const struct parse bad = { .kind = PARSE_BAD };

/* --- frames -------------------------------------------------------------------------------------------- */

/* What connections in good order do not have: bytes were taken for a frame that were none. */
static bool out_of_order(const struct http2_dir *d, enum side side, const struct http2_frame *f)
{
	if (!http2_frame_ok(f))
		return true;
	if (d->block_stream)
		return f->type != HTTP2_CONTINUATION || f->stream != d->block_stream;
	return f->type == HTTP2_CONTINUATION || (f->type == HTTP2_PUSH_PROMISE && side == SIDE_REQ);
}

static struct parse frame(struct http2 *h, enum side side, struct slice in, uint64_t now_ns)
{
	struct http2_dir *d = &h->dir[side];
	struct http2_frame f;
	size_t whole;

	if (in.n < HTTP2_FRAME_HEAD)
		return more(HTTP2_FRAME_HEAD);
	f = http2_frame_read(in);
	if (out_of_order(d, side, &f))
		return bad;
	whole = http2_whole(h, side, &f);
	if (in.n - HTTP2_FRAME_HEAD < whole && whole <= f.len)
		return more(HTTP2_FRAME_HEAD + whole);
	d->f = f;
	return http2_begin(h, side, in, now_ns);
}

/* The first bytes of a direction: a connection's begin, or something later. */
static struct parse start(struct http2 *h, enum side side, struct slice in)
{
	static const struct slice preface = SLICE_LIT(HTTP2_PREFACE);
	struct http2_dir *d = &h->dir[side];
	struct http2_frame f;

	if (side == SIDE_REQ &&
	    slice_starts(slice_cut(preface, 0, preface.n), slice_cut(in, 0, preface.n))) {
		if (in.n < preface.n)
			return more(preface.n);
		d->at = AT_FRAME;
		d->seen = 1;
		return http2_skip(preface.n);
	}
	if (side == SIDE_RESP && in.n < HTTP2_FRAME_HEAD)
		return more(HTTP2_FRAME_HEAD);
	f = http2_frame_read(in);
	if (side == SIDE_RESP && f.type == HTTP2_SETTINGS && !(f.flags & HTTP2_ACK) &&
	    http2_frame_ok(&f)) {
		d->at = AT_FRAME;
		d->seen = 2;
		return frame(h, side, in, 0);
	}
	d->at = AT_ASTRAY;
	hpack_forget(&d->hpack);
	return more(0);
}

/* The greatest number of a stream that is likely now. */
static uint32_t likely(const struct http2 *h)
{
	const struct http2_dir *q = &h->dir[SIDE_REQ], *a = &h->dir[SIDE_RESP];
	uint32_t last = q->last > a->last ? q->last : a->last;

	return last && last < HTTP2_ANY - 10000 ? last + 10000 : HTTP2_ANY;
}

static struct parse astray(struct http2 *h, enum side side, struct slice in, uint64_t now_ns)
{
	struct http2_dir *d = &h->dir[side];
	size_t at = http2_frames_next(side, in, 0, likely(h));

	if (at > 0)
		return http2_skip(at);
	if (http2_frames_here(side, in, likely(h)) == PROBE_MAYBE)
		return more(in.n + 1);
	d->at = AT_FRAME;
	return frame(h, side, in, now_ns);
}

static struct parse next(struct http2 *h, enum side side, struct slice in, uint64_t now_ns)
{
	struct http2_dir *d = &h->dir[side];
	struct parse r;

	if (in.n == 0)
		return more(1);
	if (d->at == AT_START) {
		r = start(h, side, in);
		if (r.kind != PARSE_MORE || r.need > 0)
			return r;
	}
	if (d->at == AT_ASTRAY)
		return astray(h, side, in, now_ns);
	return d->at == AT_PAYLOAD ? http2_go_on(h, side, in, now_ns) : frame(h, side, in, now_ns);
}

/* --- the protocol ---------------------------------------------------------------------------------------- */

static struct parse http2_parse(void *state, enum side side, struct slice in, struct msg *out)
{
	struct http2 *h = state;
	uint64_t now_ns = out->half.begin_ns;
	struct parse r;

	*out = (struct msg){ 0 };
	if (http2_streams_next(&h->streams, out))
		return (struct parse){ .kind = PARSE_MSG, .again = !list_empty(&h->streams.todo) };
	r = next(h, side, in, now_ns);
	if (r.kind == PARSE_BAD)
		http2_go_astray(h, side);
	if (r.kind == PARSE_SKIP && http2_streams_next(&h->streams, out))
		r.kind = PARSE_MSG;
	r.again = !list_empty(&h->streams.todo);
	return r;
}

static void http2_init(void *state, const struct proto_limits *limits)
{
	struct http2 *h = state;

	h->limits = limits;
	h->dir[SIDE_REQ].seen = h->dir[SIDE_RESP].seen = NOT_SEEN;
	http2_streams_init(&h->streams, limits);
}

static size_t http2_resync(void *state, enum side side, struct slice in, size_t from)
{
	http2_go_astray(state, side);
	return http2_frames_next(side, in, from, likely(state));
}

static uint64_t http2_unkept(const void *state, enum side side)
{
	const struct http2 *h = state;
	const struct http2_dir *d = &h->dir[side];
	const struct http2_stream *s;
	const struct http2_half *half;

	if (d->at != AT_PAYLOAD || d->f.type != HTTP2_DATA)
		return 0;
	s = http2_stream_find(&h->streams, d->f.stream);
	half = s ? &s->half[side] : NULL;
	if (!half || half->ended || s->content || !half->begun ||
	    !http_body_full(&half->body, &half->msg, h->limits))
		return 0;
	return d->left - d->pad;
}

static bool http2_lost(void *state, enum side side, uint64_t n)
{
	struct http2 *h = state;
	struct http2_dir *d = &h->dir[side];
	bool spare = n <= http2_unkept(h, side);
	struct http2_stream *s;
	uint64_t data;

	if (d->at != AT_PAYLOAD || n > d->left || d->block_stream) {
		d->gap = true;
		http2_go_astray(h, side);
		return false;
	}
	data = d->left - d->pad < n ? d->left - d->pad : n;
	s = d->f.type == HTTP2_DATA ? http2_stream_find(&h->streams, d->f.stream) : NULL;
	if (s && data)
		http2_stream_lost(&h->streams, s, side, data, spare);
	d->left -= (uint32_t)n;
	if (d->pad > d->left)
		d->pad = d->left;
	if (d->left == 0 && d->f.type == HTTP2_DATA)
		http2_end_of_data(h, side);
	else if (d->left == 0)
		d->at = AT_FRAME;
	return true;
}

static bool http2_end(void *state, enum side side, enum proto_end how, struct msg *out)
{
	struct http2 *h = state;

	if (http2_streams_next(&h->streams, out))
		return true;
	if (how == PROTO_END_LOST)
		return false;
	if (h->left[!side]) /* whoever closed has said why */
		http2_streams_leave(&h->streams, (enum side) !side, 0, h->why[!side], true);
	else if (h->left[side])
		http2_streams_leave(&h->streams, side, 0, h->why[side], true);
	http2_streams_close(&h->streams, side);
	return http2_streams_next(&h->streams, out);
}

static bool http2_early(const void *state, struct slice in)
{
	const struct http2 *h = state;
	const struct http2_dir *d = &h->dir[SIDE_RESP], *q = &h->dir[SIDE_REQ];
	struct http2_frame f;

	if (d->at != AT_FRAME || d->block_stream || in.n < HTTP2_FRAME_HEAD)
		return false;
	f = http2_frame_read(in);
	return f.type == HTTP2_HEADERS && (f.stream & 1) && f.stream > q->last &&
	       !http2_stream_find(&h->streams, f.stream);
}

static void http2_done(void *state)
{
	struct http2 *h = state;

	http2_streams_release(&h->streams);
	for (size_t i = 0; i < 2; i++) {
		hpack_release(&h->dir[i].hpack);
		buf_release(&h->dir[i].block);
	}
}

static size_t http2_held(const void *state)
{
	const struct http2 *h = state;
	size_t n = h->streams.held;

	for (size_t i = 0; i < 2; i++)
		n += hpack_held(&h->dir[i].hpack) + h->dir[i].block.cap;
	return n;
}

static enum probe http2_probe(enum side side, struct slice head)
{
	static const struct slice preface = SLICE_LIT(HTTP2_PREFACE);

	if (side == SIDE_REQ && head.n > 0 && head.p[0] == 'P') {
		if (!slice_starts(preface, slice_cut(head, 0, preface.n)))
			return PROBE_NO;
		return head.n < preface.n ? PROBE_MAYBE : PROBE_YES;
	}
	return http2_frames_here(side, head, HTTP2_ANY);
}

static void http2_inherit(void *state, const struct proto *from, void *from_state)
{
	struct http2 *h = state;
	struct http1_upgrade *u = from == &proto_http1 ? http1_upgrade_of(from_state) : NULL;
	struct http2_stream *s = u && u->asked ? http2_stream_new(&h->streams, 1) : NULL;

	if (!s)
		return;
	h->dir[SIDE_REQ].last = h->dir[SIDE_REQ].seen = 1;
	http2_stream_inherit(&h->streams, s, &u->request);
	*u = (struct http1_upgrade){ 0 };
}

const struct proto proto_http2 = {
	.name = "http2",
	.match = MATCH_KEY,
	.own_times = true,
	.state_size = sizeof(struct http2),
	.probe = http2_probe,
	.parse = http2_parse,
	.init = http2_init,
	.inherit = http2_inherit,
	.resync = http2_resync,
	.lost = http2_lost,
	.unkept = http2_unkept,
	.end = http2_end,
	.early = http2_early,
	.done = http2_done,
	.held = http2_held,
	.alpn = "h2",
};
