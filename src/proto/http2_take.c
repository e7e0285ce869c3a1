/* SPDX-License-Identifier: Apache-2.0 */
/* What the frames of a connection say: heads, DATA, and what ends streams. */
#include "proto/http2_priv.h"

#include <errno.h>

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
void http2_go_astray(struct http2 *h, enum side side)
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
	if (from > 0) /* an empty part may be at no address */
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
		return http2_skip(used);
	d->at = AT_FRAME;
	if (!d->block_over && !strip(d))
		return bad;
	d->fragment = d->block.n;
	if (d->f.flags & HTTP2_END_HEADERS && read_block(h, side, slice_cut(in, used, in.n)) < 0)
		return bad;
	return http2_skip(used);
}

/* --- DATA -------------------------------------------------------------------------------------------- */

void http2_end_of_data(struct http2 *h, enum side side)
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
		n = http2_stream_data(&h->streams, s, side, slice_cut(in, used, used + n), data, now_ns);
	used += n;
	d->left -= (uint32_t)n;
	if (d->left == d->pad) { /* what is left is padding */
		n = in.n - used < d->left ? in.n - used : d->left;
		used += n;
		d->left -= (uint32_t)n;
		d->pad = d->left;
	}
	if (d->left == 0)
		http2_end_of_data(h, side);
	return http2_skip(used);
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
size_t http2_whole(const struct http2 *h, enum side side, const struct http2_frame *f)
{
	const struct http2_stream *s;

	switch (f->type) {
	case HTTP2_SETTINGS:
		return f->len;
	case HTTP2_RST_STREAM:
		return 4;
	case HTTP2_GOAWAY:
		return 8;
	case HTTP2_DATA:
		s = http2_stream_find(&h->streams, f->stream);
		if (http2_stream_may_guess(&h->streams, s, side) && f->len <= GUESS_MAX)
			return f->len;
		return f->flags & HTTP2_PADDED ? 1 : 0;
	default:
		return 0;
	}
}

/* Begins the frame at in.p[0], of which http2_whole() is there. */
struct parse http2_begin(struct http2 *h, enum side side, struct slice in, uint64_t now_ns)
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
					   "reset", now_ns);
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
	return http2_skip(used + payload.n);
}

struct parse http2_go_on(struct http2 *h, enum side side, struct slice in, uint64_t now_ns)
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
		return http2_skip(n);
	}
}
