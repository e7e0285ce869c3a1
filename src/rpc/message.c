/* SPDX-License-Identifier: Apache-2.0 */
/* Messages within the DATA frames of a call: a prefix of 5 bytes (flag, big-endian length), then the
 * bytes.  Frames and messages have nothing to do with each other: a message may straddle frames, a frame
 * may hold several messages.  A message that lies whole in one piece of input is handed out without a copy.
 */
#include "rpc/call.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define KEEP_MAX   (4u << 20)  /* a buffer larger than this is not kept for the next message */
#define GROW_FIRST (64u << 10) /* grows with what arrives, not with what the prefix promises */
#define COMPACT	   (256u << 10)

/* --- from the peer ----------------------------------------------------------------------------------- */

static void give_back(struct call *c, size_t n)
{
	if (c->g->o.manual_window && n > 0)
		(void)nghttp2_session_consume(c->g->h2, c->id,
					      n); /* fails only without memory: a smaller window */
}

/* n more bytes of the current message have come: up to hold_max of them wait for grpc_consume. */
static void account(struct call *c, size_t n)
{
	size_t before = c->seen < c->hold_max ? c->seen : c->hold_max, after;

	c->seen += n;
	after = c->seen < c->hold_max ? c->seen : c->hold_max;
	c->held += after - before;
	give_back(c, n - (after - before));
}

int grpc_consume(struct grpc *g, int32_t stream, size_t n)
{
	struct call *c = grpc_call_find(g, stream);
	size_t hold = g->o.window / 4;

	if (!c)
		return -EPIPE;
	if (n < hold - GRPC_PREFIX)
		hold = n + GRPC_PREFIX;
	if (hold > c->held)
		hold = c->held;
	c->held -= hold;
	give_back(c, hold);
	return 0;
}

/* The message has a length and a flag that will not do, or will. */
static bool prefix_ok(struct call *c)
{
	char text[96];

	if (c->prefix[0] > 1) {
		(void)grpc_call_end(c, GRPC_INTERNAL, "a message prefix has an unknown flag");
		return false;
	}
	if (c->prefix[0] == 1) {
		bool named = c->encoding && strcmp(c->encoding, "identity") != 0;

		(void)grpc_call_end(
			c, named && c->g->o.server ? GRPC_UNIMPLEMENTED : GRPC_INTERNAL,
			named ? "messages compressed like this are not understood"
			      : "a message is compressed, but no grpc-encoding was declared");
		return false;
	}
	if (c->len > c->g->o.message_max) {
		(void)snprintf(text, sizeof(text), "a message of %u bytes is over the limit of %zu",
			       c->len, c->g->o.message_max);
		(void)grpc_call_end(c, GRPC_EXHAUSTED, text);
		return false;
	}
	return true;
}

static size_t take_prefix(struct call *c, struct slice in)
{
	size_t n = GRPC_PREFIX - c->nprefix;

	if (n > in.n)
		n = in.n;
	memcpy(c->prefix + c->nprefix, in.p, n);
	if (c->nprefix == 0) {
		c->seen = 0;
		c->hold_max = GRPC_PREFIX;
	}
	c->nprefix += (unsigned)n;
	account(c, n);
	if (c->nprefix == GRPC_PREFIX) {
		struct rd r = rd_init((struct slice){ c->prefix + 1, 4 });

		c->len = rd_be32(&r);
		c->hold_max = c->g->o.window / 4;
		if (c->len < c->hold_max - GRPC_PREFIX)
			c->hold_max = c->len + GRPC_PREFIX;
		(void)prefix_ok(c); /* if not, the call is over now */
	}
	return n;
}

static void deliver(struct call *c, struct slice msg)
{
	c->nprefix = 0;
	if (c->g->hooks.message)
		c->g->hooks.message(c->g->hooks.ctx, c->id, msg);
	c->in.n = 0;
	if (c->in.cap > KEEP_MAX) {
		free(c->in.p);
		c->in.p = NULL;
		c->in.cap = 0;
	}
}

static int gather(struct call *c, struct slice s)
{
	if (c->in.cap - c->in.n < s.n) {
		size_t cap = c->in.cap ? c->in.cap : GROW_FIRST;
		uint8_t *p;

		while (cap - c->in.n < s.n)
			cap *= 2;
		if (cap > c->len)
			cap = c->len;
		p = realloc(c->in.p, cap);
		if (!p)
			return -ENOMEM;
		c->in.p = p;
		c->in.cap = cap;
	}
	memcpy(c->in.p + c->in.n, s.p, s.n);
	c->in.n += s.n;
	return 0;
}

static size_t take_body(struct call *c, struct slice in)
{
	struct slice s = slice_cut(in, 0, c->len - c->in.n);

	account(c, s.n);
	if (c->in.n == 0 && s.n == c->len)
		deliver(c, s);
	else if (gather(c, s) < 0)
		(void)grpc_call_end(c, GRPC_EXHAUSTED, "no memory for a message");
	else if (c->in.n == c->len)
		deliver(c, (struct slice){ c->in.p, c->in.n });
	return s.n;
}

int grpc_on_data(nghttp2_session *h2, uint8_t flags, int32_t stream, const uint8_t *data,
		 size_t len, void *user)
{
	struct call *c = nghttp2_session_get_stream_user_data(h2, stream);
	struct slice in = { data, len };
	struct grpc *g = user;

	(void)flags;
	if (!c) {
		if (g->o.manual_window)
			(void)nghttp2_session_consume(h2, stream, len); /* as in give_back */
		return 0;
	}
	while (in.n > 0 && !c->over) {
		size_t n;

		if (c->nprefix < GRPC_PREFIX) {
			n = take_prefix(c, in);
			if (c->nprefix == GRPC_PREFIX && c->len == 0 && !c->over)
				deliver(c, (struct slice){ 0 });
		} else {
			n = take_body(c, in);
		}
		in = slice_cut(in, n, in.n);
	}
	give_back(c, in.n);
	return 0;
}

bool grpc_message_partial(const struct call *c)
{
	return c->nprefix > 0;
}

/* --- to the peer ------------------------------------------------------------------------------------- */

ssize_t grpc_read_out(nghttp2_session *h2, int32_t stream, uint8_t *to, size_t n, uint32_t *flags,
		      nghttp2_data_source *source, void *user)
{
	struct call *c = source->ptr;
	size_t left = c->out.n - c->out_off;

	(void)h2;
	(void)stream;
	(void)user;
	if (n > left)
		n = left;
	if (n > 0)
		memcpy(to, c->out.p + c->out_off, n);
	c->out_off += n;
	if (n < left) {
		if (c->out_off >= COMPACT && c->out_off >= c->out.n / 2) {
			buf_drop(&c->out, c->out_off);
			c->out_off = 0;
		}
		return (ssize_t)n;
	}
	if (c->out.cap > KEEP_MAX)
		buf_release(&c->out);
	else
		buf_clear(&c->out);
	c->out_off = 0;
	if (c->g->o.server && c->finishing) {
		*flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
		if (grpc_submit_trailers(c) < 0)
			return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	} else if (c->last && c->begun == 0) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	} else if (n == 0) {
		return NGHTTP2_ERR_DEFERRED; /* until nghttp2_session_resume_data */
	}
	return (ssize_t)n;
}

size_t grpc_queued(const struct grpc *g, int32_t stream)
{
	const struct call *c = grpc_call_find(g, stream);

	return c ? c->out.n - c->out_off : 0;
}

static int queue(struct call *c, struct slice s)
{
	int r = 0;

	buf_put(&c->out, s);
	if (c->out.failed)
		return -ENOMEM;
	if (c->g->o.server && !c->submitted)
		r = grpc_submit_answer(c);
	else
		/* Fails when the source is not deferred, or the request is not sent yet: both are fine. */
		(void)nghttp2_session_resume_data(c->g->h2, c->id);
	return r;
}

int grpc_send_begin(struct grpc *g, int32_t stream, size_t len)
{
	struct call *c = grpc_call_find(g, stream);
	uint8_t prefix[GRPC_PREFIX] = { 0, (uint8_t)(len >> 24), (uint8_t)(len >> 16),
					(uint8_t)(len >> 8), (uint8_t)len };
	size_t queued;
	int r;

	if (!c || c->over || c->finishing || c->last)
		return -EPIPE;
	if (c->begun)
		return -EINVAL;
	if (len > UINT32_MAX)
		return -EMSGSIZE;
	queued = c->out.n - c->out_off;
	if (queued > g->o.queue_max)
		return -ENOBUFS;
	r = queue(c, (struct slice){ prefix, sizeof(prefix) });
	if (r == 0)
		c->begun = len;
	return r;
}

int grpc_send_more(struct grpc *g, int32_t stream, struct slice piece)
{
	struct call *c = grpc_call_find(g, stream);
	int r;

	if (!c || c->over || c->finishing)
		return -EPIPE;
	if (piece.n > c->begun)
		return -EINVAL;
	if (piece.n == 0)
		return 0;
	r = queue(c, piece);
	if (r == 0)
		c->begun -= piece.n;
	return r;
}

int grpc_send(struct grpc *g, int32_t stream, struct slice msg, bool last)
{
	struct call *c = grpc_call_find(g, stream);
	size_t queued;
	int r;

	if (!c)
		return -EPIPE;
	queued = c->out.n - c->out_off;
	if (queued > 0 && (msg.n > g->o.queue_max || queued > g->o.queue_max - msg.n))
		return -ENOBUFS;
	/* All or nothing: half a message in the queue could never be completed. */
	if (!buf_room(&c->out, msg.n + GRPC_PREFIX)) {
		c->out.failed = false;
		return -ENOMEM;
	}
	r = grpc_send_begin(g, stream, msg.n);
	if (r == 0)
		r = grpc_send_more(g, stream, msg);
	if (r == 0 && last && !g->o.server)
		c->last = true;
	return r;
}
