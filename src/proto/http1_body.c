/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/http1_body.h"

#include "proto/binary_body.h"
#include "proto/coding.h"
#include "proto/http1_content.h"

#define TRAILERS_MAX 64

void http1_body_begin(struct http1_dir *d, struct arena *a, const struct http1_head *h)
{
	struct flow_half *half = &d->msg.half;

	d->msg.arena = a;
	if (d->after_gap)
		d->msg.flags |= FLOW_AFTER_GAP;
	d->after_gap = false;
	if (h->malformed)
		d->msg.flags |= FLOW_BAD_FRAMING;
	if (!a) { /* framed, counted, and given out empty */
		d->msg.flags |= FLOW_TRUNCATED;
		return;
	}
	half->op = h->op;
	half->target = h->target;
	half->status = h->status;
	half->reason = h->reason;
	half->headers = h->fields;
	half->nheaders = h->nfields;
	half->body.type = h->type;
	half->body.encoding = h->encoding;
	d->version = h->version;
	d->codings = h->framing.codings;
	d->optional = h->framing.expects;
}

/* --- what is kept ------------------------------------------------------------------------------- */

static void keep(struct http1_dir *d, struct slice s, const struct proto_limits *lim)
{
	struct flow_body *b = &d->msg.half.body;
	size_t room = b->captured < lim->body_bytes ? lim->body_bytes - b->captured : 0;
	size_t n = s.n < room ? s.n : room;
	uint8_t *p;

	b->len += s.n;
	if (n < s.n)
		d->msg.flags |= FLOW_TRUNCATED;
	if (n == 0 || d->full)
		return;
	if (lim->unread_bodies && !b->encoding && !d->codings) { /* else it is undone, to see that it can be */
		b->captured += n;
		return;
	}
	p = d->msg.arena ? arena_grow(d->msg.arena, (void *)(uintptr_t)b->data.p, b->data.n,
				      b->data.n + n)
			 : NULL;
	if (!p) {
		d->msg.flags |= FLOW_TRUNCATED;
		d->full = true;
		return;
	}
	memcpy(p + b->data.n, s.p, n);
	b->data = (struct slice){ p, b->data.n + n };
	b->captured = b->data.n;
}

/* How much of s was taken. */
static size_t hand_on(struct http1_dir *d, struct slice s, const struct proto_limits *lim)
{
	size_t n = s.n;

	if (d->exchange) {
		n = d->exchange->content->take(d->exchange->state, d->side, s);
		d->passed = true;
		d->msg.half.body.len += n;
	} else {
		keep(d, s, lim);
	}
	return n;
}

/* --- chunks (RFC 9112, 7.1) --------------------------------------------------------------------- */

/* The framing is lost for good: what came is given out as it is. */
static void broken(struct http1_dir *d)
{
	d->msg.flags |= FLOW_BAD_FRAMING;
	d->msg.cut = true;
	d->at = HTTP1_COMPLETE;
}

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void size_ends(struct http1_dir *d)
{
	d->at = d->left ? HTTP1_CHUNK_DATA : HTTP1_TRAILER;
	d->digits = 0;
}

/* Digits, then anything up to the line end: blanks and extensions. */
static size_t take_size(struct http1_dir *d, struct slice in)
{
	size_t i = 0;

	for (; i < in.n; i++) {
		int v = hex_digit(in.p[i]);

		if (v < 0)
			break;
		if (d->left >> 60) {
			broken(d);
			return i + 1;
		}
		d->left = d->left << 4 | (uint64_t)v;
		d->digits = 1;
	}
	if (i == in.n)
		return i;
	switch (d->digits ? in.p[i] : 0) {
	case '\n': /* without "\r": some take it for a line end, some do not */
		d->msg.flags |= FLOW_BAD_FRAMING;
		size_ends(d);
		break;
	case '\r':
	case ';':
	case ' ':
	case '\t':
		d->at = HTTP1_CHUNK_EXT;
		return i; /* the line end is looked for from here */
	default:
		broken(d);
	}
	return i + 1;
}

static size_t take_extension(struct http1_dir *d, struct slice in)
{
	size_t nl = slice_find(in, SLICE_LIT("\n"), 0);

	if (nl == in.n)
		return in.n;
	size_ends(d);
	return nl + 1;
}

static void read_trailer(struct http1_dir *d, struct slice section)
{
	bool malformed = false;

	if (!d->msg.arena || http1_trailer_read(d->msg.arena, section, d->lines, &d->trailers,
						&d->ntrailers, &malformed) != 0)
		d->msg.flags |= FLOW_TRUNCATED;
	if (malformed)
		d->msg.flags |= FLOW_BAD_FRAMING;
	if (d->ntrailers > TRAILERS_MAX) {
		d->ntrailers = TRAILERS_MAX;
		d->msg.flags |= FLOW_TRUNCATED;
	}
}

/* Nothing is taken until the section is complete. */
static size_t take_trailer(struct http1_dir *d, struct slice in, const struct proto_limits *lim)
{
	size_t end = http1_find_end(in, &d->from, &d->lines);

	if (end == 0) {
		if (in.n < lim->head_bytes)
			return 0;
		broken(d);
		return in.n;
	}
	if (d->lines > 0)
		read_trailer(d, slice_cut(in, 0, end));
	d->at = HTTP1_COMPLETE;
	return end;
}

static size_t take_data(struct http1_dir *d, struct slice in, const struct proto_limits *lim)
{
	size_t n = in.n < d->left ? in.n : (size_t)d->left;

	n = hand_on(d, slice_cut(in, 0, n), lim);
	d->left -= n;
	if (d->left == 0)
		d->at = d->at == HTTP1_CHUNK_DATA ? HTTP1_CHUNK_CR : HTTP1_COMPLETE;
	return n;
}

/* One step; 0: it needs more bytes than there are. */
static size_t step(struct http1_dir *d, struct slice in, const struct proto_limits *lim)
{
	switch (d->at) {
	case HTTP1_BODY_LENGTH:
	case HTTP1_CHUNK_DATA:
		return take_data(d, in, lim);
	case HTTP1_BODY_CLOSE:
		return hand_on(d, in, lim);
	case HTTP1_CHUNK_SIZE:
		return take_size(d, in);
	case HTTP1_CHUNK_EXT:
		return take_extension(d, in);
	case HTTP1_CHUNK_CR:
		if (in.p[0] == '\r') {
			d->at = HTTP1_CHUNK_LF;
			return 1;
		}
		d->msg.flags |= FLOW_BAD_FRAMING;
		__attribute__((fallthrough)); /* a bare line feed is taken */
	case HTTP1_CHUNK_LF:
		if (in.p[0] != '\n')
			broken(d);
		else
			d->at = HTTP1_CHUNK_SIZE;
		return 1;
	case HTTP1_TRAILER:
		return take_trailer(d, in, lim);
	case HTTP1_HEAD:
	case HTTP1_COMPLETE:
		break;
	}
	return 0;
}

size_t http1_body_take(struct http1_dir *d, struct slice in, const struct proto_limits *lim)
{
	size_t used = 0;

	d->passed = false;
	while (used < in.n && d->at != HTTP1_COMPLETE) {
		enum http1_at at = d->at;
		size_t n = step(d, slice_cut(in, used, in.n), lim);

		used += n;
		if ((n == 0 && d->at == at) || d->passed)
			break;
	}
	return used;
}

uint64_t http1_body_unkept(const struct http1_dir *d, const struct proto_limits *lim)
{
	if (d->exchange || (d->msg.arena && !d->full && d->msg.half.body.captured < lim->body_bytes))
		return 0;
	if (d->at == HTTP1_BODY_CLOSE)
		return UINT64_MAX;
	return d->at == HTTP1_BODY_LENGTH || d->at == HTTP1_CHUNK_DATA ? d->left : 0;
}

bool http1_body_lost(struct http1_dir *d, uint64_t n, const struct proto_limits *lim)
{
	bool spare = n <= http1_body_unkept(d, lim);

	switch (d->at) {
	case HTTP1_BODY_LENGTH:
	case HTTP1_CHUNK_DATA:
		if (n > d->left)
			return false;
		d->left -= n;
		if (d->left == 0)
			d->at = d->at == HTTP1_CHUNK_DATA ? HTTP1_CHUNK_CR : HTTP1_COMPLETE;
		break;
	case HTTP1_BODY_CLOSE:
		break;
	case HTTP1_HEAD:
	case HTTP1_CHUNK_SIZE:
	case HTTP1_CHUNK_EXT:
	case HTTP1_CHUNK_CR:
	case HTTP1_CHUNK_LF:
	case HTTP1_TRAILER:
	case HTTP1_COMPLETE:
		return false;
	}
	d->msg.half.body.len += n;
	if (d->exchange) {
		d->exchange->content->lost(d->exchange->state, d->side, n);
		return true;
	}
	if (spare) {
		d->msg.flags |= FLOW_TRUNCATED;
		return true;
	}
	d->msg.flags |= FLOW_AFTER_GAP;
	if (!d->hole)
		d->whole = d->msg.half.body.data.n;
	d->hole = true;
	return true;
}

/* --- the end ---------------------------------------------------------------------------------- */

void http1_attrs(const struct http1_dir *d, struct msg *m)
{
	struct flow_attr *attrs =
		m->arena ? arena_alloc(m->arena, (1 + d->ntrailers) * sizeof(*attrs)) : NULL;
	size_t n = 0;

	if (!attrs)
		return;
	if (d->version)
		attrs[n++] = (struct flow_attr){ "version", d->version };
	for (size_t i = 0; i < d->ntrailers; i++) {
		const struct flow_attr *t = &d->trailers[i];
		const char *key = arena_printf(m->arena, "trailer:%s", t->key);

		if (key)
			attrs[n++] = (struct flow_attr){ key, t->value };
	}
	m->half.attrs = attrs;
	m->half.nattrs = n;
}

/* Content codings lie inside transfer codings: the list is in the order in which they were applied. */
static void undo_codings(struct http1_dir *d, const struct proto_limits *lim)
{
	struct flow_body *b = &d->msg.half.body;
	bool partial = d->hole || d->msg.cut || b->captured < b->len;
	struct slice in = d->hole ? slice_cut(b->data, 0, d->whole) : b->data;
	const char *list = b->encoding;

	if (list && d->codings)
		list = arena_printf(d->msg.arena, "%s, %s", list, d->codings);
	else if (d->codings)
		list = d->codings;
	if (!list || in.n == 0)
		return;
	switch (coding_undo(d->msg.arena, slice_str(list), in, lim->decoded_bytes, partial,
			    &b->data)) {
	case CODING_OK:
		break;
	case CODING_CUT:
		d->msg.flags |= FLOW_TRUNCATED;
		break;
	case CODING_ERROR:
		d->msg.flags |= FLOW_DECODE_ERROR;
		break;
	case CODING_NOMEM:
		d->msg.flags |= FLOW_DECODE_ERROR | FLOW_TRUNCATED;
		break;
	}
}

static void show(struct http1_dir *d, const struct proto_limits *lim)
{
	struct flow_body *b = &d->msg.half.body;
	bool partial = d->hole || d->msg.cut || b->captured < b->len || d->msg.flags & FLOW_TRUNCATED;
	bool coded = b->encoding || d->codings;
	struct slice in = d->hole && !coded ? slice_cut(b->data, 0, d->whole) : b->data;

	if (!(d->msg.flags & FLOW_DECODE_ERROR) && !binary_body_show(b, in, d->msg.arena, partial, lim))
		d->msg.flags |= FLOW_TRUNCATED;
}

void http1_body_finish(struct http1_dir *d, const struct proto_limits *lim, struct msg *out)
{
	if (d->msg.arena) {
		undo_codings(d, lim);
		show(d, lim);
		http1_attrs(d, &d->msg);
		if (arena_short(d->msg.arena))
			d->msg.flags |= FLOW_TRUNCATED;
	}
	*out = d->msg;
	*d = (struct http1_dir){ .after_gap = d->after_gap,
				 .astray = d->astray || d->msg.cut,
				 .limits = lim };
}
