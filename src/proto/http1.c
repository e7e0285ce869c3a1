/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.0 and 1.1 (RFC 9110, RFC 9112).
 *
 * A message is a request or a response; answers come in the order of the requests.  How long an answer
 * is depends on its request's method (HEAD, CONNECT), so the parser remembers the kinds of requests
 * still unanswered, as runs, for pipelines may be long.  When bytes are lost outside a body of known
 * length, nothing is assumed of an answer until order is certain again.
 *
 * A head is taken when it is complete; a body is taken as it comes, so the window need not hold it.
 * Every byte is looked at a bounded number of times however the input is cut.
 */
#include "proto/http1.h"

#include "proto/http1_content.h"

enum kind {
	KIND_PLAIN,
	KIND_HEAD,
	KIND_CONNECT,
	KIND_UPGRADE, /* asks for another protocol */
	KIND_UNKNOWN, /* the request was not seen */
};

#define RUNS	     32
#define TUNNEL_WAIT  16384 /* bytes a client may send into a tunnel before its answer is seen */
#define PREFIX_CHECK 256   /* bytes of an incomplete first line that are checked again */

struct run {
	enum kind kind;
	uint32_t n;
};

struct http1 {
	const struct proto_limits *limits;
	struct http1_dir dir[2]; /* by enum side */
	struct run runs[RUNS];	 /* requests without answer, the oldest at first */
	unsigned first, nruns;
	struct ws_options ws;	      /* of the answer 101 */
	struct http1_exchange *waits; /* whose answer is read with it */
	struct http1_upgrade upgrade;
	bool unsure;	/* messages were lost: which answer belongs to which request is not known */
	bool after_one; /* unsure, and nothing before the loss is owed, and an answer was seen since */
};

/* What comes after the answer to an Upgrade.  A protocol that can follow replaces its NULL. */
static const struct {
	struct slice token;
	const struct proto *next;
} upgrades[] = {
	{ SLICE_LIT("websocket"), &proto_websocket }, /* RFC 6455 */
	{ SLICE_LIT("h2c"), &proto_http2 },	      /* RFC 7540, 3.2 */
};

/* --- requests that wait for their answer --------------------------------------------------------- */

static void asked(struct http1 *h, enum kind kind)
{
	struct run *last = &h->runs[(h->first + h->nruns - 1) % RUNS];

	if (h->unsure && !h->after_one)
		return;
	h->unsure = h->after_one = false; /* who does not pipeline asks when all is answered */
	if (h->nruns > 0 && last->kind == kind && last->n < UINT32_MAX) {
		last->n++;
		return;
	}
	if (h->nruns == RUNS) { /* nobody answers: the oldest will not be asked for again */
		h->first = (h->first + 1) % RUNS;
		h->nruns--;
	}
	h->runs[(h->first + h->nruns++) % RUNS] = (struct run){ kind, 1 };
}

static enum kind answered(struct http1 *h, bool interim)
{
	struct run *r = &h->runs[h->first];
	enum kind kind = h->nruns ? r->kind : KIND_UNKNOWN;

	if (!h->nruns && !interim)
		h->after_one = h->unsure;
	if (h->nruns && !interim && --r->n == 0) {
		h->first = (h->first + 1) % RUNS;
		h->nruns--;
	}
	return kind;
}

/* Requests before lost ones keep their place; among answers, nothing does. */
static void lose_order(struct http1 *h, enum side side)
{
	h->unsure = true;
	h->after_one = false;
	if (side == SIDE_RESP)
		h->nruns = 0;
}

/* The newest request wants to turn the connection into something else. */
static bool turning(const struct http1 *h, enum kind kind)
{
	return h->nruns && h->runs[(h->first + h->nruns - 1) % RUNS].kind == kind;
}

/* --- heads ------------------------------------------------------------------------------------- */

static struct parse bad(struct http1 *h, enum side side)
{
	struct http1_dir *d = &h->dir[side];

	d->from = d->lines = 0;
	d->astray = true;
	lose_order(h, side);
	return (struct parse){ .kind = PARSE_BAD };
}

static struct parse more(struct slice in)
{
	return (struct parse){ .kind = PARSE_MORE, .need = in.n + 1 };
}

/* How the body is framed: RFC 9112, 6.3.  Contradictions are flagged. */
static enum http1_at framing(enum side side, enum kind kind, const struct http1_head *hd,
			     struct http1_dir *d)
{
	const struct http1_framing *f = &hd->framing;

	d->left = 0;
	if (side == SIDE_RESP && (kind == KIND_HEAD || hd->code < 200 || hd->code == 204 ||
				  hd->code == 304 || (kind == KIND_CONNECT && hd->code < 300)))
		return HTTP1_COMPLETE;
	if ((f->has_coding && f->has_length) || f->bad_length)
		d->msg.flags |= FLOW_BAD_FRAMING;
	if (f->has_coding) {
		/* 1.0 knows no transfer codings (RFC 9112, 6.1). */
		if (hd->version && hd->version[2] == '0')
			d->msg.flags |= FLOW_BAD_FRAMING;
		if (f->chunked)
			return HTTP1_CHUNK_SIZE;
		if (side == SIDE_REQ) /* its server has to refuse it and close */
			d->msg.flags |= FLOW_BAD_FRAMING;
		return HTTP1_BODY_CLOSE;
	}
	if (f->bad_length) /* either side has to close: what comes until then belongs to nothing else */
		return HTTP1_BODY_CLOSE;
	if (f->has_length) {
		d->left = f->length;
		return d->left ? HTTP1_BODY_LENGTH : HTTP1_COMPLETE;
	}
	return side == SIDE_REQ ? HTTP1_COMPLETE : HTTP1_BODY_CLOSE;
}

static size_t arena_bytes(const struct proto_limits *lim)
{
	/* A field of three bytes costs a pair of pointers; trailers come once more. */
	size_t heads = 16 * lim->head_bytes + 65536, body = lim->body_bytes + lim->body_bytes / 2;

	return heads + body + lim->decoded_bytes + FLOW_SHOWN_MAX;
}

static enum kind kind_of(const struct http1_head *hd)
{
	if (!hd->op)
		return KIND_UNKNOWN;
	if (strcmp(hd->op, "HEAD") == 0)
		return KIND_HEAD;
	if (strcmp(hd->op, "CONNECT") == 0)
		return KIND_CONNECT;
	return hd->framing.upgrade && hd->framing.upgrade_to ? KIND_UPGRADE : KIND_PLAIN;
}

static const struct proto *upgrade_next(const struct http1_head *hd)
{
	struct slice token = slice_str(hd->framing.upgrade_to);

	for (size_t i = 0; i < sizeof(upgrades) / sizeof(upgrades[0]); i++)
		if (slice_eq_nocase(token, upgrades[i].token))
			return upgrades[i].next;
	return NULL;
}

/* NULL: out of memory; what the order of messages needs is then in *hd, and nothing else. */
static struct arena *read_head(struct http1 *h, enum side side, struct slice head, size_t lines,
			       struct http1_head *hd)
{
	struct arena *a = arena_new(arena_bytes(h->limits));

	if (a && http1_head_read(a, side, head, lines, hd) == 0)
		return a;
	arena_free(a);
	*hd = (struct http1_head){ 0 };
	if (side == SIDE_RESP)
		for (size_t i = 9; i < 12; i++)
			hd->code = hd->code * 10 + (head.p[i] - '0');
	else if (slice_starts(head, SLICE_LIT("HEAD ")))
		hd->op = "HEAD";
	else if (slice_starts(head, SLICE_LIT("CONNECT ")))
		hd->op = "CONNECT";
	return NULL;
}

/* The message as far as its head goes, while d goes on with its body. */
static bool partial(struct http1 *h, enum side side, struct slice head, size_t lines,
		    const struct http1_dir *d, struct msg *out)
{
	struct http1_dir p = { 0 };
	struct http1_head hd;
	struct arena *a = d->msg.arena ? read_head(h, side, head, lines, &hd) : NULL;

	if (!a)
		return false;
	http1_body_begin(&p, a, &hd);
	http1_attrs(&p, &p.msg);
	*out = p.msg;
	out->role = d->msg.role;
	out->failed = d->msg.failed;
	out->flags = d->msg.flags;
	out->partial = true;
	return true;
}

/* Something else reads this body; it is framed here. */
static struct parse take_content(struct http1 *h, struct http1_dir *d, struct slice in, size_t head,
				 struct msg *out)
{
	size_t used = head, given = 0;

	if (!d->has_ahead)
		used += http1_body_take(d, slice_cut(in, head, in.n), h->limits);
	if (http1_content_next(d, used, out, &given))
		return (struct parse){ .kind = PARSE_MSG, .used = given };
	if (!given)
		return more(in);
	/* The line end of a chunk comes with what was said before it, and begins nothing. */
	return (struct parse){ .kind = PARSE_SKIP,
			       .used = given,
			       .between = head == 0 && !d->passed };
}

struct http1_upgrade *http1_upgrade_of(void *state)
{
	return &((struct http1 *)state)->upgrade;
}

static struct parse take_body(struct http1 *h, struct http1_dir *d, struct slice in, size_t head,
			      struct msg *out)
{
	struct slice rest = slice_cut(in, head, in.n);
	size_t used = head;

	if (d->exchange)
		return take_content(h, d, in, head, out);
	if (d->maybe_bodiless && rest.n > 0 && d->at != HTTP1_COMPLETE) {
		enum probe p = http1_start(SIDE_RESP, rest, true);

		if (p == PROBE_MAYBE && (d->at != HTTP1_BODY_LENGTH || rest.n < d->left))
			return head ? (struct parse){ .kind = PARSE_SKIP, .used = head } : more(in);
		if (p == PROBE_YES) /* it answered a HEAD that was not seen */
			d->at = HTTP1_COMPLETE;
		d->maybe_bodiless = false;
	}
	used += http1_body_take(d, rest, h->limits);
	if (d->at == HTTP1_COMPLETE) {
		http1_body_finish(d, h->limits, out);
		return (struct parse){ .kind = PARSE_MSG, .used = used };
	}
	return used ? (struct parse){ .kind = PARSE_SKIP, .used = used } : more(in);
}

static struct parse take_head(struct http1 *h, enum side side, struct slice in, size_t end,
			      struct msg *out)
{
	struct http1_dir *d = &h->dir[side];
	size_t lines = d->lines;
	struct slice head = slice_cut(in, 0, end);
	struct http1_head hd;
	struct arena *a = read_head(h, side, head, lines, &hd);
	bool interim = side == SIDE_RESP && hd.code < 200 && hd.code != 101, stop, alone, content;
	enum kind kind = side == SIDE_RESP ? answered(h, interim) : kind_of(&hd);
	struct parse r;

	d->from = d->lines = 0;
	d->astray = false;
	http1_body_begin(d, a, &hd);
	d->msg.role = side == SIDE_REQ ? ROLE_REQUEST : interim ? ROLE_INTERIM : ROLE_RESPONSE;
	d->msg.failed = hd.code >= 400;
	stop = side == SIDE_RESP &&
	       (hd.code == 101 || (kind == KIND_CONNECT && hd.code / 100 == 2));
	alone = h->unsure || h->nruns == 0;
	if (side == SIDE_REQ)
		asked(h, kind);
	d->at = a ? framing(side, kind, &hd, d) : HTTP1_COMPLETE;
	d->maybe_bodiless = side == SIDE_RESP && kind == KIND_UNKNOWN;
	if (kind == KIND_UPGRADE && side == SIDE_REQ)
		http1_upgrade_keep(&h->upgrade, h->limits, head, lines, &hd, out->half.begin_ns);
	if (!interim && !stop)
		http1_content_begin(&h->waits, d, side, alone, h->unsure);
	content = d->exchange != NULL;
	r = take_body(h, d, in, end, out);
	if (r.kind == PARSE_SKIP && !content) {
		if (partial(h, side, head, lines, d, out))
			r.kind = PARSE_MSG;
		else
			d->msg.flags |= FLOW_TRUNCATED; /* out of memory: not shown while open */
	} else if (stop) {
		r.kind = PARSE_STOP;
		r.has_msg = true;
		r.next = hd.code == 101 ? upgrade_next(&hd) : NULL;
		if (r.next == &proto_websocket) { /* its messages belong to this exchange */
			h->ws = ws_options_read(hd.fields, hd.nfields);
			out->streams = true;
			out->proto = proto_websocket.name;
		}
	}
	return r;
}

/* What starts no message.  After a request to change the protocol it may be the other protocol already,
 * and then the answer says so. */
static struct parse no_head(struct http1 *h, enum side side, struct slice in)
{
	return turning(h, KIND_UPGRADE) && in.n < TUNNEL_WAIT ? more(in) : bad(h, side);
}

/* Only what plausibly starts a message is one; n bytes before it are passed over. */
static struct parse pass_over(struct http1_dir *d, size_t n)
{
	d->from = d->lines = 0;
	return (struct parse){ .kind = PARSE_SKIP, .used = n, .between = true };
}

static struct parse parse_head(struct http1 *h, enum side side, struct slice in, struct msg *out)
{
	struct http1_dir *d = &h->dir[side];
	size_t end, skip = 0, had = d->lines;
	enum probe start = PROBE_MAYBE;

	while (skip < in.n && (in.p[skip] == '\r' || in.p[skip] == '\n'))
		skip++; /* RFC 9112, 2.2 */
	if (skip == 0 && d->astray && d->from == 0)
		skip = http1_next_start(side, in, 0);
	if (skip > 0)
		return pass_over(d, skip);
	if (side == SIDE_REQ && turning(h, KIND_CONNECT))
		return in.n < TUNNEL_WAIT ? more(in) : (struct parse){ .kind = PARSE_STOP };
	if (d->from < PREFIX_CHECK)
		start = http1_start(side, in, false);
	if (start == PROBE_NO)
		return no_head(h, side, in);
	end = http1_find_end(in, &d->from, &d->lines);
	if (had == 0 && d->lines > 0) { /* the first line is whole */
		if (start != PROBE_YES && http1_start(side, in, false) != PROBE_YES)
			return no_head(h, side, in);
		if (d->astray && (skip = http1_next_start(side, in, 0)) > 0)
			return pass_over(d, skip);
	}
	if (end > h->limits->head_bytes || (end == 0 && in.n >= h->limits->head_bytes))
		return bad(h, side);
	return end ? take_head(h, side, in, end, out) : more(in);
}

/* --- the protocol -------------------------------------------------------------------------------- */

static struct parse http1_parse(void *state, enum side side, struct slice in, struct msg *out)
{
	struct http1 *h = state;
	struct http1_dir *d = &h->dir[side];

	return d->at == HTTP1_HEAD ? parse_head(h, side, in, out) : take_body(h, d, in, 0, out);
}

const struct ws_options *http1_websocket(const void *state)
{
	const struct http1 *h = state;

	return &h->ws;
}

static void http1_init(void *state, const struct proto_limits *limits)
{
	struct http1 *h = state;

	h->limits = h->dir[SIDE_REQ].limits = h->dir[SIDE_RESP].limits = limits;
}

/* Ends what is unfinished, so that the next call gives it out. */
static void give_up(struct http1_dir *d)
{
	d->from = d->lines = 0;
	if (d->at == HTTP1_HEAD || d->at == HTTP1_COMPLETE)
		return;
	d->msg.cut = true;
	d->at = HTTP1_COMPLETE;
}

static size_t http1_resync(void *state, enum side side, struct slice in, size_t from)
{
	struct http1 *h = state;

	give_up(&h->dir[side]);
	h->dir[side].astray = true;
	return http1_next_start(side, in, from);
}

static bool http1_lost(void *state, enum side side, uint64_t n)
{
	struct http1 *h = state;
	struct http1_dir *d = &h->dir[side];

	d->maybe_bodiless = false;
	if (http1_body_lost(d, n, h->limits))
		return true;
	if (d->at != HTTP1_HEAD && d->at != HTTP1_COMPLETE)
		d->msg.flags |= FLOW_AFTER_GAP;
	give_up(d);
	d->after_gap = d->astray = true;
	lose_order(h, side);
	return false;
}

static uint64_t http1_unkept(const void *state, enum side side)
{
	const struct http1 *h = state;

	return http1_body_unkept(&h->dir[side], h->limits);
}

static bool http1_end(void *state, enum side side, enum proto_end how, struct msg *out)
{
	struct http1 *h = state;
	struct http1_dir *d = &h->dir[side];

	struct parse r;

	if (d->at == HTTP1_HEAD)
		return false;
	if (how == PROTO_END_CLOSED &&
	    (d->at == HTTP1_BODY_CLOSE || (d->optional && d->msg.half.body.len == 0)))
		d->at = HTTP1_COMPLETE;
	give_up(d);
	if (d->exchange) {
		r = take_content(h, d, (struct slice){ 0 }, 0, out);
		return r.kind == PARSE_MSG;
	}
	http1_body_finish(d, h->limits, out);
	return true;
}

static void http1_done(void *state)
{
	struct http1 *h = state;

	for (size_t i = 0; i < 2; i++)
		http1_content_release(&h->dir[i]);
	http1_content_drop(&h->waits);
	arena_free(h->dir[SIDE_REQ].msg.arena);
	arena_free(h->dir[SIDE_RESP].msg.arena);
	arena_free(h->upgrade.request.arena);
}

static size_t http1_held(const void *state)
{
	const struct http1 *h = state;
	size_t n = http1_content_held(h->dir[SIDE_REQ].exchange);

	if (h->dir[SIDE_RESP].exchange != h->dir[SIDE_REQ].exchange)
		n += http1_content_held(h->dir[SIDE_RESP].exchange);
	if (h->waits != h->dir[SIDE_REQ].exchange)
		n += http1_content_held(h->waits);

	for (size_t i = 0; i < 2; i++)
		n += h->dir[i].msg.arena ? arena_used(h->dir[i].msg.arena) : 0;
	n += h->upgrade.request.arena ? arena_used(h->upgrade.request.arena) : 0;
	return n;
}

static enum probe http1_probe(enum side side, struct slice head)
{
	size_t blank = 0;

	while (blank < head.n && blank < 4 && (head.p[blank] == '\r' || head.p[blank] == '\n'))
		blank++;
	return http1_start(side, slice_cut(head, blank, head.n), true);
}

const struct proto proto_http1 = {
	.name = "http1",
	.match = MATCH_ORDER,
	.state_size = sizeof(struct http1),
	.probe = http1_probe,
	.parse = http1_parse,
	.init = http1_init,
	.resync = http1_resync,
	.lost = http1_lost,
	.unkept = http1_unkept,
	.end = http1_end,
	.done = http1_done,
	.held = http1_held,
	.ends_often = true,
	.alpn = "http/1.1",
};
