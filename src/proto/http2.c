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
#include "proto/http2.h"
#include "proto/http2_stream.h"

#include <errno.h>

#define CONTROL_MAX 16384 /* of a frame that is read whole: SETTINGS */
#define BAD_BLOCKS  32	  /* one after the other: these are no header blocks */
#define NOT_SEEN    UINT32_MAX

enum at {
	AT_START,  /* of the connection, or somewhere in it: the first bytes tell */
	AT_ASTRAY, /* somewhere in it: only what looks like frames is believed */
	AT_FRAME,  /* between frames */
	AT_PAYLOAD,
};

struct http2_dir {
	enum at at;
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

static struct parse more(size_t need)
{
	return (struct parse){ .kind = PARSE_MORE, .need = need };
}

static struct parse skip(size_t used)
{
	return (struct parse){ .kind = PARSE_SKIP, .used = used, .between = true };
}

static const struct parse bad = { .kind = PARSE_BAD };

/* --- which stream ----------------------------------------------------------------------------------- */

/* Clients open those of odd numbers, servers those of even ones. */
static struct http2_dir *opener(struct http2 *h, uint32_t id)
{
	return &h->dir[id & 1 ? SIDE_REQ : SIDE_RESP];
}

/* A stream that is not there: was it, and is over? */
static bool closed(struct http2 *h, uint32_t id)
{
	const struct http2_dir *d = opener(h, id);

	return id >= d->seen && id <= d->last;
}

static void opened(struct http2_dir *d, uint32_t id)
{
	if (d->seen == NOT_SEEN)
		d->seen = id;
	if (id > d->last)
		d->last = id;
}

static struct http2_stream *stream_of(struct http2 *h, uint32_t id)
{
	struct http2_stream *s = http2_stream_find(&h->streams, id);

	return s || closed(h, id) ? s : http2_stream_new(&h->streams, id);
}

/* --- losses ------------------------------------------------------------------------------------------ */

static void drop_block(struct http2_dir *d)
{
	d->block_stream = d->promised = 0;
	d->block_last = d->block_over = false;
	buf_clear(&d->block);
}

/* What comes next, nobody knows. */
static void go_astray(struct http2 *h, enum side side)
{
	struct http2_dir *d = &h->dir[side];

	if (d->at == AT_ASTRAY)
		return;
	d->gap |= d->at != AT_START;
	d->at = AT_ASTRAY;
	d->left = d->pad = 0;
	drop_block(d);
	hpack_forget(&d->hpack);
	d->seen = NOT_SEEN;
	h->streams.unseen[side] = d->gap ? FLOW_AFTER_GAP : FLOW_MIDSTREAM;
	http2_streams_lost(&h->streams, side);
}

/* --- heads ------------------------------------------------------------------------------------------- */

/* Is all the rest of the message there, in one frame behind this one? */
static bool ends_at_once(struct slice after, uint32_t id)
{
	struct http2_frame f;

	if (after.n < HTTP2_FRAME_HEAD)
		return false;
	f = http2_frame_read(after);
	return f.type == HTTP2_DATA && f.stream == id && (f.flags & HTTP2_END_STREAM) &&
	       after.n - HTTP2_FRAME_HEAD >= f.len;
}

static unsigned flags_of(const struct http2_dir *d, const struct hpack_fields *f)
{
	if (!f->unknown)
		return 0;
	return d->gap ? FLOW_AFTER_GAP : FLOW_MIDSTREAM;
}

static void give_head(struct http2 *h, enum side side, uint32_t id, struct http2_head *head)
{
	struct http2_dir *d = &h->dir[side];
	struct http2_stream *s = http2_stream_find(&h->streams, id);

	/* Its stream is over: what a client took back may still be answered. */
	if (!s && closed(h, id)) {
		arena_free(head->arena);
		return;
	}
	if (!s)
		s = http2_stream_new(&h->streams, id);
	if (!s) {
		arena_free(head->arena);
		return;
	}
	if (d == opener(h, id))
		opened(d, id);
	http2_stream_head(&h->streams, s, side, head);
}

static void give_promise(struct http2 *h, uint32_t id, uint32_t by, struct http2_head *head)
{
	struct http2_stream *s = http2_stream_find(&h->streams, id);

	if (!s)
		s = http2_stream_new(&h->streams, id);
	if (!s) {
		arena_free(head->arena);
		return;
	}
	opened(&h->dir[SIDE_RESP], id);
	http2_stream_promise(&h->streams, s, by, head);
}

/* The block is complete: -EBADMSG when too many were none. */
static int read_block(struct http2 *h, enum side side, struct slice after)
{
	struct http2_dir *d = &h->dir[side];
	struct http2_head head = { .begin_ns = d->block_ns, .last = d->block_last };
	uint32_t id = d->block_stream, promised = d->promised;
	int rc;

	head.arena = http2_msg_arena(h->limits);
	if (d->block_over) {
		hpack_forget(&d->hpack);
		head.flags |= FLOW_TRUNCATED;
		rc = 0;
	} else {
		rc = hpack_read(&d->hpack, buf_slice(&d->block), head.arena, &head.fields);
	}
	if (rc < 0)
		head.flags |= rc == -ENOMEM ? FLOW_TRUNCATED : FLOW_BAD_FRAMING;
	head.flags |= flags_of(d, &head.fields);
	head.at_once = !head.last && ends_at_once(after, id);
	drop_block(d);
	if (promised)
		give_promise(h, promised, id, &head);
	else
		give_head(h, side, id, &head);
	h->bad_blocks = rc == -EBADMSG ? h->bad_blocks + 1 : 0;
	return h->bad_blocks > BAD_BLOCKS ? -EBADMSG : 0;
}

/* A frame's part of the block is in the buffer: what else HEADERS and PUSH_PROMISE have is taken out of it. */
static bool strip(struct http2_dir *d)
{
	struct slice all = slice_cut(buf_slice(&d->block), d->fragment, d->block.n);
	struct rd r = rd_init(all);
	size_t pad = 0, from;

	if (d->f.type == HTTP2_CONTINUATION)
		return true;
	if (d->f.flags & HTTP2_PADDED)
		pad = rd_u8(&r);
	if (d->f.type == HTTP2_PUSH_PROMISE)
		d->promised = rd_be32(&r) & 0x7fffffff;
	else if (d->f.flags & HTTP2_HAS_PRIORITY)
		(void)rd_bytes(&r, 5);
	if (r.short_read || pad > rd_left(&r) || (d->f.type == HTTP2_PUSH_PROMISE && !d->promised))
		return false;
	from = all.n - rd_left(&r);
	memmove(d->block.p + d->fragment, d->block.p + d->fragment + from, rd_left(&r));
	d->block.n -= from + pad;
	return true;
}

static struct parse take_head(struct http2 *h, enum side side, struct slice in, size_t used)
{
	struct http2_dir *d = &h->dir[side];
	size_t n = in.n - used < d->left ? in.n - used : d->left;

	if (d->block.n + n > h->limits->head_bytes)
		d->block_over = true;
	if (!d->block_over)
		buf_put(&d->block, slice_cut(in, used, used + n));
	if (d->block.failed)
		d->block_over = true;
	d->left -= (uint32_t)n;
	used += n;
	if (d->left > 0)
		return skip(used);
	d->at = AT_FRAME;
	if (!d->block_over && !strip(d))
		return bad;
	d->fragment = d->block.n;
	if (d->f.flags & HTTP2_END_HEADERS && read_block(h, side, slice_cut(in, used, in.n)) < 0)
		return bad;
	return skip(used);
}

/* --- DATA -------------------------------------------------------------------------------------------- */

static void end_of_data(struct http2 *h, enum side side)
{
	struct http2_dir *d = &h->dir[side];
	struct http2_stream *s;

	d->at = AT_FRAME;
	if (!(d->f.flags & HTTP2_END_STREAM))
		return;
	s = stream_of(h, d->f.stream);
	if (s)
		http2_stream_end(&h->streams, s, side);
}

static struct parse take_data(struct http2 *h, enum side side, struct slice in, size_t used,
			      uint64_t now_ns)
{
	struct http2_dir *d = &h->dir[side];
	size_t data = d->left - d->pad, n = in.n - used < data ? in.n - used : data;
	struct http2_stream *s = n ? stream_of(h, d->f.stream) : NULL;

	if (s)
		n = http2_stream_data(&h->streams, s, side, slice_cut(in, used, used + n), now_ns);
	used += n;
	d->left -= (uint32_t)n;
	if (d->left == d->pad) { /* what is left is padding */
		n = in.n - used < d->left ? in.n - used : d->left;
		used += n;
		d->left -= (uint32_t)n;
		d->pad = d->left;
	}
	if (d->left == 0)
		end_of_data(h, side);
	return skip(used);
}

/* --- the others ---------------------------------------------------------------------------------------- */

static void read_settings(struct http2 *h, enum side side, struct slice in)
{
	struct rd r = rd_init(in);

	while (rd_left(&r) >= 6) {
		uint16_t id = rd_be16(&r);
		uint32_t value = rd_be32(&r);

		if (id == 1) /* SETTINGS_HEADER_TABLE_SIZE: of what the other side sends */
			hpack_allow(&h->dir[!side].hpack, value);
	}
}

static void read_goaway(struct http2 *h, enum side side, struct slice in)
{
	struct rd r = rd_init(in);
	uint32_t last = rd_be32(&r) & 0x7fffffff, code = rd_be32(&r);

	h->left[side] = code != 0;
	h->why[side] = code;
	http2_streams_leave(&h->streams, side, last, code, false);
}

/* How many bytes of the payload have to be there at once. */
static size_t whole(const struct http2_frame *f)
{
	switch (f->type) {
	case HTTP2_SETTINGS:
		return f->len;
	case HTTP2_RST_STREAM:
		return 4;
	case HTTP2_GOAWAY:
		return 8;
	case HTTP2_DATA:
		return f->flags & HTTP2_PADDED ? 1 : 0;
	default:
		return 0;
	}
}

/* Begins the frame at in.p[0], of which whole() is there. */
static struct parse begin_frame(struct http2 *h, enum side side, struct slice in, uint64_t now_ns)
{
	struct http2_dir *d = &h->dir[side];
	struct slice payload = slice_cut(in, HTTP2_FRAME_HEAD, HTTP2_FRAME_HEAD + d->f.len);
	struct http2_stream *s;
	size_t used = HTTP2_FRAME_HEAD;

	d->at = AT_PAYLOAD;
	d->left = d->f.len;
	d->pad = 0;
	switch (d->f.type) {
	case HTTP2_DATA:
		if (d->f.flags & HTTP2_PADDED) {
			if (d->f.len == 0 || payload.p[0] > d->f.len - 1)
				return bad;
			d->pad = payload.p[0];
			d->left--;
			used++;
		}
		return take_data(h, side, in, used, now_ns);
	case HTTP2_HEADERS:
	case HTTP2_PUSH_PROMISE:
		d->block_stream = d->f.stream;
		d->block_last = d->f.type == HTTP2_HEADERS && d->f.flags & HTTP2_END_STREAM;
		d->block_ns = now_ns;
		d->fragment = 0;
		return take_head(h, side, in, used);
	case HTTP2_CONTINUATION:
		return take_head(h, side, in, used);
	case HTTP2_RST_STREAM:
		s = http2_stream_find(&h->streams, d->f.stream);
		if (s)
			http2_stream_reset(&h->streams, s, side,
					   (uint32_t)payload.p[0] << 24 |
						   (uint32_t)payload.p[1] << 16 |
						   (uint32_t)payload.p[2] << 8 | payload.p[3],
					   "reset");
		break;
	case HTTP2_SETTINGS:
		read_settings(h, side, payload);
		break;
	case HTTP2_GOAWAY:
		read_goaway(h, side, payload);
		break;
	default:
		break;
	}
	d->left -= (uint32_t)payload.n;
	d->at = d->left ? AT_PAYLOAD : AT_FRAME;
	return skip(used + payload.n);
}

static struct parse go_on(struct http2 *h, enum side side, struct slice in, uint64_t now_ns)
{
	struct http2_dir *d = &h->dir[side];
	size_t n;

	switch (d->f.type) {
	case HTTP2_DATA:
		return take_data(h, side, in, 0, now_ns);
	case HTTP2_HEADERS:
	case HTTP2_PUSH_PROMISE:
	case HTTP2_CONTINUATION:
		return take_head(h, side, in, 0);
	default:
		n = in.n < d->left ? in.n : d->left;
		d->left -= (uint32_t)n;
		d->at = d->left ? AT_PAYLOAD : AT_FRAME;
		return skip(n);
	}
}

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

	if (in.n < HTTP2_FRAME_HEAD)
		return more(HTTP2_FRAME_HEAD);
	f = http2_frame_read(in);
	if (out_of_order(d, side, &f))
		return bad;
	if (in.n - HTTP2_FRAME_HEAD < whole(&f) && whole(&f) <= f.len)
		return more(HTTP2_FRAME_HEAD + whole(&f));
	d->f = f;
	return begin_frame(h, side, in, now_ns);
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
		return skip(preface.n);
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
		return skip(at);
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
	return d->at == AT_PAYLOAD ? go_on(h, side, in, now_ns) : frame(h, side, in, now_ns);
}

/* --- the protocol ---------------------------------------------------------------------------------------- */

static struct parse http2_parse(void *state, enum side side, struct slice in, struct msg *out)
{
	struct http2 *h = state;
	uint64_t now_ns = out->half.begin_ns;
	struct parse r;

	*out = (struct msg){ 0 };
	if (http2_streams_next(&h->streams, out))
		return (struct parse){ .kind = PARSE_MSG };
	r = next(h, side, in, now_ns);
	if (r.kind == PARSE_BAD)
		go_astray(h, side);
	if (r.kind == PARSE_SKIP && http2_streams_next(&h->streams, out))
		r.kind = PARSE_MSG;
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
	go_astray(state, side);
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
		go_astray(h, side);
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
		end_of_data(h, side);
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

void http2_upgraded(void *state, struct msg *request)
{
	struct http2 *h = state;
	struct http2_stream *s = http2_stream_new(&h->streams, 1);

	if (!s) {
		arena_free(request->arena);
		return;
	}
	h->dir[SIDE_REQ].last = h->dir[SIDE_REQ].seen = 1;
	http2_stream_inherit(&h->streams, s, request);
}

const struct proto proto_http2 = {
	.name = "http2",
	.match = MATCH_KEY,
	.own_times = true,
	.state_size = sizeof(struct http2),
	.probe = http2_probe,
	.parse = http2_parse,
	.init = http2_init,
	.resync = http2_resync,
	.lost = http2_lost,
	.unkept = http2_unkept,
	.end = http2_end,
	.early = http2_early,
	.done = http2_done,
	.held = http2_held,
	.alpn = "h2",
};
