/* SPDX-License-Identifier: Apache-2.0 */
/* WebSocket (RFC 6455) with permessage-deflate (RFC 7692), after its handshake: http1 hands over to it.
 *
 * A message is a data message, its fragments put together and its mask and compression undone, or a control frame,
 * which may come between the fragments of a data message.  All of them are messages of one stream: the exchange that
 * was the handshake.  It ends when both sides have said close, or with the connection.
 *
 * A payload is taken as it comes, so the window need not hold it.  A compressed message repeats what earlier ones said:
 * it is inflated to its end even when no more of it is kept; and where earlier ones are not known,
 * ws_inflate.h says which bytes of it are not either. */
#include "proto/websocket.h"

#include <errno.h>
#include <stdlib.h>

#include "proto/http1.h"
#include "proto/ws_inflate.h"

#define CONTROL_ARENA 4096
#define UNMASK	      4096 /* bytes unmasked at a time */
#define INFLATE_MAX \
	16 /* a message that inflates to more than so many times what is kept is not read further */
#define GIVE_UP 32 /* messages that could not be inflated: the rest is left as sent */

struct ws_dir {
	struct ws_frame f; /* whose payload comes, with in_payload */
	bool in_payload;
	uint64_t left;	  /* of it */
	unsigned mask_at; /* of the mask, for the next byte */
	struct msg msg;	  /* data message in the making, with open */
	bool open, compressed;
	bool raw;  /* it is not inflated (any more) */
	bool full; /* nothing more of it is kept */
	uint64_t inflated;
	struct ws_inflate *z;
	unsigned failures;
	bool give; /* what came of the message in the making is to be given out */
	bool closed, ended;
};

struct websocket {
	const struct proto_limits *limits;
	struct ws_options options;
	struct ws_dir dir[2]; /* by enum side, of the sender */
	bool over;	      /* the stream was ended */
};

/* --- bodies --- */

static void put(struct ws_dir *d, struct slice s, size_t max)
{
	struct flow_body *b = &d->msg.half.body;
	size_t room = b->data.n < max ? max - b->data.n : 0, n = s.n < room ? s.n : room;
	uint8_t *p = NULL;

	if (n < s.n) {
		d->full = true;
		d->msg.flags |= FLOW_TRUNCATED;
	}
	if (n == 0 || !d->msg.arena)
		return;
	p = arena_grow(d->msg.arena, (void *)(uintptr_t)b->data.p, b->data.n, b->data.n + n);
	if (!p) {
		d->full = true;
		d->msg.flags |= FLOW_TRUNCATED;
		return;
	}
	memcpy(p + b->data.n, s.p, n);
	b->data = (struct slice){ p, b->data.n + n };
}

struct inflating {
	struct ws_dir *d;
	size_t max;
};

static void on_inflated(void *ctx, struct slice piece, bool unknown)
{
	struct inflating *i = ctx;

	i->d->inflated += piece.n;
	if (unknown)
		i->d->msg.flags |= FLOW_DECODE_ERROR;
	if (!i->d->full)
		put(i->d, piece, i->max);
}

/* The rest of the message stays unread, and what it said is not known to those that come. */
static void stop_inflating(struct ws_dir *d, int why)
{
	d->raw = true;
	d->full = true;
	d->msg.flags |= why == -EBADMSG ? FLOW_DECODE_ERROR : FLOW_TRUNCATED;
	if (d->z && ws_inflate_forget(d->z) < 0)
		d->msg.flags |= FLOW_TRUNCATED;
	d->failures += why == -EBADMSG;
}

static void keep_compressed(struct websocket *w, struct ws_dir *d, struct slice s)
{
	struct inflating i = { d, w->limits->decoded_bytes };
	int r = ws_inflate_put(d->z, s, on_inflated, &i);

	if (r == 0 && d->inflated > INFLATE_MAX * (uint64_t)w->limits->decoded_bytes)
		r = -EFBIG;
	if (r < 0)
		stop_inflating(d, r);
}

static void keep(struct websocket *w, struct ws_dir *d, struct slice in)
{
	uint8_t plain[UNMASK];
	struct flow_body *b = &d->msg.half.body;

	b->len += in.n;
	if (!d->msg.arena)
		d->full = true;
	else if (d->compressed)
		b->captured +=
			in.n; /* read, as far as they can be: flags say what became of them */
	while (in.n > 0 && (!d->full || (d->compressed && !d->raw))) {
		struct slice part = slice_cut(in, 0, sizeof(plain));

		for (size_t i = 0; i < part.n; i++)
			plain[i] = part.p[i] ^ d->f.mask[(d->mask_at + i) % 4];
		d->mask_at = (unsigned)(d->mask_at + part.n) % 4;
		in = slice_cut(in, part.n, in.n);
		part.p = plain;
		if (d->compressed && !d->raw) {
			keep_compressed(w, d, part);
		} else {
			put(d, part, w->limits->body_bytes);
			if (!d->compressed)
				b->captured = b->data.n;
		}
	}
	d->mask_at = (unsigned)(d->mask_at + in.n) % 4;
	if (b->captured < b->len && !(d->msg.flags & (FLOW_AFTER_GAP | FLOW_DECODE_ERROR)))
		d->msg.flags |= FLOW_TRUNCATED;
}

/* --- messages --- */

static void name(struct msg *m, enum role role)
{
	m->role = role;
	m->proto = proto_websocket.name;
}

/* A compressed message begins: d->z inflates it, or d->raw is set. */
static void begin_compressed(struct websocket *w, struct ws_dir *d, enum side side)
{
	bool known = w->options.seen;

	d->raw = d->failures >= GIVE_UP;
	if (d->z || d->raw)
		return;
	d->z = ws_inflate_new(known ? w->options.bits[side] : 15);
	if (!d->z || ((!known || d->failures) && ws_inflate_forget(d->z) < 0)) {
		d->raw = d->full = true;
		d->msg.flags |= FLOW_TRUNCATED;
	}
}

static void begin(struct websocket *w, struct ws_dir *d, enum side side)
{
	static const char *const ops[] = { "continuation", "text", "binary" };
	size_t max = w->limits->body_bytes + w->limits->body_bytes / 2 + w->limits->decoded_bytes;

	d->open = true;
	d->msg = (struct msg){ .arena = arena_new(max + 65536) };
	name(&d->msg, ROLE_MESSAGE);
	d->msg.half.op = ops[d->f.op];
	if (!d->msg.arena)
		d->msg.flags |= FLOW_TRUNCATED;
	if (d->f.op == WS_CONTINUATION) /* its beginning was not seen, or is not there */
		d->msg.flags |= w->options.seen ? FLOW_BAD_FRAMING : FLOW_AFTER_GAP;
	d->full = d->raw = false;
	d->inflated = 0;
	d->compressed = d->f.compressed;
	if (d->compressed && w->options.seen && !w->options.deflate) {
		d->compressed = false; /* nobody agreed on it */
		d->msg.flags |= FLOW_BAD_FRAMING;
	}
	if (d->compressed) {
		d->msg.half.body.encoding = "permessage-deflate";
		begin_compressed(w, d, side);
		if (d->raw)
			d->msg.flags |= FLOW_DECODE_ERROR;
	}
}

/* whole: nothing of it is to come. */
static void give(struct websocket *w, enum side side, bool whole, struct msg *out)
{
	struct ws_dir *d = &w->dir[side];

	if (d->compressed && d->z && !d->raw) {
		struct inflating i = { d, w->limits->decoded_bytes };
		int r = whole ? ws_inflate_end(d->z, on_inflated, &i) : -ENODATA;

		if (r < 0)
			stop_inflating(d, r);
		else
			d->failures = 0;
	}
	if (d->z && w->options.fresh[side])
		ws_inflate_reset(d->z);
	if (d->msg.arena && arena_short(d->msg.arena))
		d->msg.flags |= FLOW_TRUNCATED;
	*out = d->msg;
	d->msg = (struct msg){ 0 };
	d->open = d->give = d->in_payload = false;
}

/* --- control frames --- */

/* RFC 6455, 7.4.1, and the registry it set up. */
static const struct {
	uint16_t code;
	bool failed;
	const char *name;
} closes[] = {
	{ 1000, false, "normal closure" },	{ 1001, false, "going away" },
	{ 1002, true, "protocol error" },	{ 1003, true, "unsupported data" },
	{ 1005, false, "no status received" },	{ 1006, true, "abnormal closure" },
	{ 1007, true, "invalid payload data" }, { 1008, true, "policy violation" },
	{ 1009, true, "message too big" },	{ 1010, true, "mandatory extension" },
	{ 1011, true, "internal error" },	{ 1012, false, "service restart" },
	{ 1013, true, "try again later" },	{ 1014, true, "bad gateway" },
};

static void read_close(struct msg *m)
{
	struct flow_body *b = &m->half.body;
	struct flow_attr *attrs = arena_alloc(m->arena, 2 * sizeof(*attrs));
	struct rd r = rd_init(b->data);
	uint16_t code = rd_be16(&r);

	if (b->data.n == 1)
		m->flags |= FLOW_BAD_FRAMING;
	if (b->data.n < 2 || !attrs)
		return;
	b->data = rd_bytes(&r, rd_left(&r));
	b->len = b->captured = b->data.n;
	attrs[0] = (struct flow_attr){ "code", arena_printf(m->arena, "%u", code) };
	m->half.attrs = attrs;
	m->half.nattrs = attrs[0].value != NULL;
	for (size_t i = 0; i < sizeof(closes) / sizeof(closes[0]) && m->half.nattrs; i++)
		if (closes[i].code == code) {
			attrs[1] = (struct flow_attr){ "name", closes[i].name };
			m->half.nattrs = 2;
			m->failed = closes[i].failed;
		}
}

static void take_control(struct websocket *w, enum side side, const struct ws_frame *f,
			 struct slice payload, struct msg *out)
{
	static const char *const ops[] = { "close", "ping", "pong" };
	struct ws_dir *d = &w->dir[side];
	uint8_t *p;

	*out = (struct msg){ .arena = arena_new(CONTROL_ARENA) };
	name(out, ROLE_MESSAGE);
	out->half.op = ops[f->op - WS_CLOSE];
	out->half.body.len = payload.n;
	if (f->odd)
		out->flags |= FLOW_BAD_FRAMING;
	p = out->arena && payload.n ? arena_alloc(out->arena, payload.n) : NULL;
	if (p) {
		for (size_t i = 0; i < payload.n; i++)
			p[i] = payload.p[i] ^ f->mask[i % 4];
		out->half.body.data = (struct slice){ p, payload.n };
		out->half.body.captured = payload.n;
	} else if (payload.n) {
		out->flags |= FLOW_TRUNCATED;
	}
	if (f->op != WS_CLOSE)
		return;
	if (out->arena)
		read_close(out);
	d->closed = true;
	out->ends = w->dir[!side].closed;
	w->over |= out->ends;
	if (out->ends && (d->open || w->dir[!side].open)) /* what was not finished never will be */
		out->flags |= FLOW_BAD_FRAMING;
}

/* --- frames --- */

static struct parse more(struct slice in, size_t need)
{
	return (struct parse){ .kind = PARSE_MORE, .need = need > in.n ? need : in.n + 1 };
}

static struct parse take_payload(struct websocket *w, enum side side, struct slice in, size_t used,
				 struct msg *out)
{
	struct ws_dir *d = &w->dir[side];
	struct slice payload = slice_cut(in, used, in.n);

	payload = slice_cut(payload, 0, d->left < payload.n ? (size_t)d->left : payload.n);
	keep(w, d, payload);
	d->left -= payload.n;
	used += payload.n;
	if (d->left == 0) {
		d->in_payload = false;
		if (d->f.fin) {
			give(w, side, true, out);
			return (struct parse){ .kind = PARSE_MSG, .used = used };
		}
	}
	return used ? (struct parse){ .kind = PARSE_SKIP, .used = used } : more(in, 1);
}

static struct parse take_frame(struct websocket *w, enum side side, struct slice in,
			       struct msg *out)
{
	struct ws_dir *d = &w->dir[side];
	struct ws_frame f;
	int r = ws_frame_read(in, side, &f);

	if (r == -EAGAIN)
		return more(in, f.head);
	if (r < 0)
		return (struct parse){ .kind = PARSE_BAD };
	if (f.control) {
		size_t n = f.head + (size_t)f.len;

		if (in.n < n)
			return more(in, n);
		take_control(w, side, &f, slice_cut(in, f.head, n), out);
		return (struct parse){ .kind = PARSE_MSG, .used = n };
	}
	if (d->open &&
	    f.op != WS_CONTINUATION) { /* the one before was not finished (RFC 6455, 5.4) */
		d->msg.flags |= FLOW_BAD_FRAMING;
		give(w, side, false, out);
		return (struct parse){ .kind = PARSE_MSG };
	}
	d->f = f;
	d->left = f.len;
	d->mask_at = 0;
	d->in_payload = true;
	if (!d->open)
		begin(w, d, side);
	if (f.odd)
		d->msg.flags |= FLOW_BAD_FRAMING;
	return take_payload(w, side, in, f.head, out);
}

/* --- the protocol --- */

static void ws_init(void *state, const struct proto_limits *limits)
{
	struct websocket *w = state;

	w->limits = limits;
}

void websocket_agreed(void *state, struct ws_options o)
{
	struct websocket *w = state;

	w->options = o;
}

static void ws_inherit(void *state, const struct proto *from, void *from_state)
{
	struct websocket *w = state;

	if (from == &proto_http1)
		w->options = *http1_websocket(from_state);
}

static struct parse ws_parse(void *state, enum side side, struct slice in, struct msg *out)
{
	struct websocket *w = state;
	struct ws_dir *d = &w->dir[side];

	if (d->give && !w->over) {
		give(w, side, false, out);
		return (struct parse){ .kind = PARSE_MSG };
	}
	if (d->closed || w->over) /* nothing may follow (RFC 6455, 5.5.1) */
		return in.n ? (struct parse){ .kind = PARSE_SKIP, .used = in.n, .between = true }
			    : more(in, 1);
	return d->in_payload ? take_payload(w, side, in, 0, out) : take_frame(w, side, in, out);
}

/* The next frame is no neighbour of the last one. */
static void lose(struct ws_dir *d)
{
	d->in_payload = false;
	if (d->open) {
		d->msg.flags |= FLOW_AFTER_GAP;
		d->give = true;
	}
	if (d->z && ws_inflate_forget(d->z) < 0)
		d->failures = GIVE_UP;
	d->failures += d->failures == 0; /* one that is made later knows nothing either */
}

static size_t ws_resync(void *state, enum side side, struct slice in, size_t from)
{
	struct websocket *w = state;

	lose(&w->dir[side]);
	return ws_next_start(side, in, from);
}

/* Of a message of which enough was kept, and on which no later one depends. */
static uint64_t ws_unkept(const void *state, enum side side)
{
	const struct websocket *w = state;
	const struct ws_dir *d = &w->dir[side];

	if (d->closed || w->over)
		return UINT64_MAX;
	return d->in_payload && d->full && (!d->compressed || d->raw) ? d->left : 0;
}

static bool ws_lost(void *state, enum side side, uint64_t n)
{
	struct websocket *w = state;
	struct ws_dir *d = &w->dir[side];
	bool spare = n <= ws_unkept(w, side);

	if (d->closed || w->over)
		return true;
	if (!d->in_payload || n > d->left) {
		lose(d);
		return false;
	}
	d->left -= n;
	d->mask_at = (unsigned)(d->mask_at + n % 4) % 4;
	d->msg.half.body.len += n;
	d->msg.flags |= spare ? FLOW_TRUNCATED : FLOW_AFTER_GAP;
	if (d->compressed && !d->raw)
		stop_inflating(d, -ENODATA);
	return true;
}

static bool ws_end(void *state, enum side side, enum proto_end how, struct msg *out)
{
	struct websocket *w = state;
	struct ws_dir *d = &w->dir[side];
	bool last;

	if (w->over)
		return false;
	if (how == PROTO_END_LOST) {
		if (d->open)
			give(w, side, false, out);
		return out->role == ROLE_MESSAGE;
	}
	d->ended = true;
	last = w->over = w->dir[!side].ended;
	if (d->open) {
		give(w, side, false, out);
		out->ends = last;
		out->cut = true;
		return true;
	}
	if (!last)
		return false;
	name(out, ROLE_END);
	out->cut = !d->closed && !w->dir[!side].closed; /* RFC 6455, 7.1.5: 1006 */
	return true;
}

static void ws_done(void *state)
{
	struct websocket *w = state;

	for (size_t i = 0; i < 2; i++) {
		arena_free(w->dir[i].msg.arena);
		ws_inflate_free(w->dir[i].z);
	}
}

static size_t ws_held(const void *state)
{
	const struct websocket *w = state;
	size_t n = 0;

	for (size_t i = 0; i < 2; i++) {
		n += w->dir[i].msg.arena ? arena_used(w->dir[i].msg.arena) : 0;
		n += w->dir[i].z ? ws_inflate_held(w->dir[i].z) : 0;
	}
	return n;
}

const struct proto proto_websocket = {
	.name = "websocket",
	.match = MATCH_ORDER,
	.state_size = sizeof(struct websocket),
	.probe = ws_probe,
	.parse = ws_parse,
	.init = ws_init,
	.inherit = ws_inherit,
	.resync = ws_resync,
	.lost = ws_lost,
	.unkept = ws_unkept,
	.end = ws_end,
	.done = ws_done,
	.held = ws_held,
};
