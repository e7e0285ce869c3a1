/* SPDX-License-Identifier: Apache-2.0 */
/* The connection: nghttp2 does frames, HPACK and stream states; here are the calls on it, its liveness
 * and its end.  headers.c and message.c do what travels within a call.
 */
#include "rpc/grpc.h"

#include <errno.h>
#include <stdlib.h>

#include "rpc/call.h"
#include "rpc/text.h"

#define MESSAGE_MAX	(16u << 20)
#define WINDOW		(4u << 20)
#define PING_NS		10000000000ull
#define PING_TIMEOUT_NS 5000000000ull
#define OUTPUT_MIN	(64u << 10) /* frames joined for one write */

static const uint8_t drain_ping[8] = "limpid:d";

/* --- calls ------------------------------------------------------------------------------------------- */

struct call *grpc_call_find(const struct grpc *g, int32_t stream)
{
	for (struct call *c = g->calls; c; c = c->next)
		if (c->id == stream)
			return c;
	return NULL;
}

struct call *grpc_call_new(struct grpc *g, int32_t stream)
{
	struct call *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->g = g;
	c->id = stream;
	c->grpc_status = -1;
	c->next = g->calls;
	if (c->next)
		c->next->prev = c;
	g->calls = c;
	return c;
}

static void release(struct call *c)
{
	free(c->path);
	free(c->auth);
	free(c->encoding);
	free(c->st_text);
	free(c->in.p);
	buf_release(&c->out);
	free(c);
}

void grpc_call_free(struct call *c)
{
	if (c->prev)
		c->prev->next = c->next;
	else
		c->g->calls = c->next;
	if (c->next)
		c->next->prev = c->prev;
	release(c);
}

void grpc_call_tell(struct call *c, enum grpc_status st, const char *text, bool final)
{
	if (c->told)
		return;
	if (final)
		c->told = c->over = true;
	if (!text || (!*text && st != GRPC_OK))
		text = grpc_status_text(st);
	if (c->g->hooks.ended)
		c->g->hooks.ended(c->g->hooks.ctx, c->id, st, text);
}

int grpc_call_end(struct call *c, enum grpc_status st, const char *text)
{
	nghttp2_session *h2 = c->g->h2;

	if (c->finishing || (!c->g->o.server && c->told))
		return -EPIPE;
	c->finishing = true;
	c->over = true;
	c->st = st;
	c->st_text = text ? strdup(text) : NULL; /* without memory: the general sentence */
	if (!c->g->o.server)
		return nghttp2_submit_rst_stream(h2, NGHTTP2_FLAG_NONE, c->id, NGHTTP2_CANCEL)
			       ? -ENOMEM
			       : 0;
	if (c->begun) /* a message that will not be completed: trailers cannot follow */
		return nghttp2_submit_rst_stream(h2, NGHTTP2_FLAG_NONE, c->id,
						 NGHTTP2_INTERNAL_ERROR)
			       ? -ENOMEM
			       : 0;
	if (!c->submitted)
		return grpc_submit_trailers(c);
	(void)nghttp2_session_resume_data(
		h2, c->id); /* fails when it is not deferred: then it goes on anyway */
	return 0;
}

int32_t grpc_call_within(struct grpc *g, const char *path, const char *authority, const char *token,
			 uint64_t timeout_ns)
{
	struct call *c;
	int r;

	if (g->failed || g->goaway || g->draining)
		return -EPIPE;
	c = grpc_call_new(g, 0);
	if (!c)
		return -ENOMEM;
	c->timeout_ns = timeout_ns;
	c->path = strdup(path);
	r = c->path ? grpc_submit_request(c, authority, token) : -ENOMEM;
	if (r < 0) {
		grpc_call_free(c);
		return r;
	}
	return c->id;
}

int32_t grpc_call(struct grpc *g, const char *path, const char *authority, const char *token)
{
	return grpc_call_within(g, path, authority, token, 0);
}

int grpc_finish(struct grpc *g, int32_t stream, enum grpc_status st, const char *text)
{
	struct call *c = grpc_call_find(g, stream);

	if (!c)
		return -EPIPE;
	if (g->o.server)
		c->told = true; /* the owner has ended it and need not hear of it again */
	return grpc_call_end(c, st, text);
}

/* --- what nghttp2 reports ---------------------------------------------------------------------------- */

static int on_begin_headers(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
	struct grpc *g = user;
	struct call *c;

	if (!g->o.server || frame->hd.type != NGHTTP2_HEADERS ||
	    frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	c = grpc_call_new(g, frame->hd.stream_id);
	if (!c || nghttp2_session_set_stream_user_data(h2, frame->hd.stream_id, c) != 0) {
		if (c)
			grpc_call_free(c);
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* resets the stream */
	}
	return 0;
}

static void on_goaway(struct grpc *g, const nghttp2_goaway *f)
{
	struct slice why = { f->opaque_data, f->opaque_data_len };

	g->goaway = true;
	if (f->error_code == NGHTTP2_ENHANCE_YOUR_CALM &&
	    slice_eq(why, SLICE_LIT("too_many_pings")))
		g->too_many_pings = true;
}

static int on_frame(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
	struct call *c = nghttp2_session_get_stream_user_data(h2, frame->hd.stream_id);
	bool end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
	struct grpc *g = user;
	int r = 0;

	switch (frame->hd.type) {
	case NGHTTP2_HEADERS:
		if (c && !g->o.server)
			grpc_answer_done(c);
		else if (c && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
			r = grpc_headers_done(c, &frame->headers);
		if (c && end)
			grpc_peer_closed(c);
		break;
	case NGHTTP2_DATA:
		if (c && end)
			grpc_peer_closed(c);
		break;
	case NGHTTP2_GOAWAY:
		on_goaway(g, &frame->goaway);
		break;
	case NGHTTP2_PING:
		if (g->draining && (frame->hd.flags & NGHTTP2_FLAG_ACK) &&
		    memcmp(frame->ping.opaque_data, drain_ping, 8) == 0)
			r = nghttp2_submit_goaway(h2, NGHTTP2_FLAG_NONE,
						  nghttp2_session_get_last_proc_stream_id(h2),
						  NGHTTP2_NO_ERROR, NULL, 0);
		break;
	}
	return r < 0 ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

/* Early end: trailers are out, but the client may go on sending (RFC 9113, 8.1). */
static int on_frame_sent(nghttp2_session *h2, const nghttp2_frame *frame, void *user)
{
	struct grpc *g = user;
	struct call *c;

	if (!g->o.server || frame->hd.type != NGHTTP2_HEADERS ||
	    !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		return 0;
	c = nghttp2_session_get_stream_user_data(h2, frame->hd.stream_id);
	if (c && !c->peer_closed)
		return nghttp2_submit_rst_stream(h2, NGHTTP2_FLAG_NONE, c->id, NGHTTP2_NO_ERROR)
			       ? NGHTTP2_ERR_CALLBACK_FAILURE
			       : 0;
	return 0;
}

static int on_stream_close(nghttp2_session *h2, int32_t stream, uint32_t code, void *user)
{
	struct call *c = nghttp2_session_get_stream_user_data(h2, stream);
	struct grpc *g = user;

	if (!c)
		return 0;
	if (g->o.manual_window && c->held > 0)
		(void)nghttp2_session_consume_connection(h2, c->held); /* as in give_back */
	if (!g->o.server && c->finishing)
		grpc_call_tell(c, c->st, c->st_text, true);
	else if (!c->finishing)
		grpc_call_tell(c, grpc_status_from_h2(code), NULL, true);
	else
		grpc_call_tell(c, c->st, c->st_text,
			       true); /* ended by this module: a limit, a deadline */
	grpc_call_free(c);
	return 0;
}

/* --- the connection ---------------------------------------------------------------------------------- */

static int session_new(struct grpc *g)
{
	nghttp2_session_callbacks *cb = NULL;
	nghttp2_option *opt = NULL;
	int r = -ENOMEM;

	if (nghttp2_session_callbacks_new(&cb) != 0 || nghttp2_option_new(&opt) != 0)
		goto out;
	nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(cb, grpc_on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, grpc_on_data);
	nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_sent);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
	nghttp2_option_set_no_auto_window_update(opt, g->o.manual_window);
	/* Closed streams are kept for priorities, which nobody uses here. */
	nghttp2_option_set_no_closed_streams(opt, 1);
	if ((g->o.server ? nghttp2_session_server_new2(&g->h2, cb, g, opt)
			 : nghttp2_session_client_new2(&g->h2, cb, g, opt)) == 0)
		r = 0;
out:
	nghttp2_option_del(opt);
	nghttp2_session_callbacks_del(cb);
	return r;
}

static int announce(struct grpc *g)
{
	nghttp2_settings_entry iv[] = {
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, g->o.window },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, GRPC_HEADERS_MAX },
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
	};

	if (g->o.server)
		iv[2] = (nghttp2_settings_entry){ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
						  GRPC_STREAMS_MAX };
	if (nghttp2_submit_settings(g->h2, NGHTTP2_FLAG_NONE, iv, 3) != 0 ||
	    nghttp2_session_set_local_window_size(g->h2, NGHTTP2_FLAG_NONE, 0,
						  (int32_t)g->o.window) != 0)
		return -ENOMEM;
	return 0;
}

struct grpc *grpc_new(const struct grpc_options *o, const struct grpc_hooks *h)
{
	struct grpc *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->o = *o;
	g->hooks = *h;
	if (g->o.message_max == 0)
		g->o.message_max = MESSAGE_MAX;
	if (g->o.window == 0)
		g->o.window = WINDOW;
	if (g->o.window < 65535) /* the connection's cannot be smaller (RFC 9113, 6.9.2) */
		g->o.window = 65535;
	if (g->o.window > INT32_MAX)
		g->o.window = INT32_MAX;
	if (g->o.ping_ns == 0)
		g->o.ping_ns = PING_NS;
	if (g->o.ping_timeout_ns == 0)
		g->o.ping_timeout_ns = PING_TIMEOUT_NS;
	if (g->o.queue_max == 0)
		g->o.queue_max = 2 * g->o.message_max;
	if (session_new(g) < 0 || announce(g) < 0) {
		grpc_free(g);
		return NULL;
	}
	return g;
}

int grpc_input(struct grpc *g, struct slice in)
{
	ssize_t n;

	if (g->failed)
		return -EPROTO;
	if (in.n == 0)
		return 0;
	g->heard = true;
	n = nghttp2_session_mem_recv(g->h2, in.p, in.n);
	if (n < 0 || (size_t)n != in.n) {
		g->failed = true;
		return -EPROTO;
	}
	return 0;
}

struct slice grpc_output(struct grpc *g)
{
	if (g->out_off == g->out.n) {
		buf_clear(&g->out);
		g->out_off = 0;
	}
	while (!g->failed && g->out_off == 0 && g->out.n < OUTPUT_MIN) {
		const uint8_t *p;
		ssize_t n = nghttp2_session_mem_send(g->h2, &p);

		if (n > 0)
			buf_put(&g->out, (struct slice){ p, (size_t)n });
		if (n < 0 || g->out.failed) /* a frame is lost: nothing sound can follow */
			g->failed = true;
		if (n <= 0)
			break;
	}
	if (g->failed)
		return (struct slice){ 0 };
	return slice_cut(buf_slice(&g->out), g->out_off, g->out.n);
}

void grpc_sent(struct grpc *g, size_t n)
{
	size_t left = g->out.n - g->out_off;

	g->out_off += n < left ? n : left;
}

bool grpc_wants_write(const struct grpc *g)
{
	return !g->failed && (g->out_off < g->out.n || nghttp2_session_want_write(g->h2));
}

static void check_deadlines(struct grpc *g, uint64_t now_ns)
{
	struct call *next;

	for (struct call *c = g->calls; c; c = next) {
		next = c->next;
		if (!c->timeout_ns || c->finishing || c->told)
			continue;
		if (c->end_ns == 0) {
			c->end_ns = now_ns + c->timeout_ns < now_ns ? UINT64_MAX
								    : now_ns + c->timeout_ns;
		} else if (now_ns >= c->end_ns) {
			(void)grpc_call_end(c, GRPC_DEADLINE,
					    NULL); /* what fails here ends with the stream */
			if (g->o.server)
				grpc_call_tell(c, GRPC_DEADLINE, NULL, true);
		}
	}
}

int grpc_tick(struct grpc *g, uint64_t now_ns)
{
	if (g->heard || !g->ticked) {
		g->heard_ns = now_ns;
		g->ping_ns = 0;
		g->heard = false;
		g->ticked = true;
	}
	check_deadlines(g, now_ns);
	if (g->ping_ns) {
		if (now_ns - g->ping_ns >= g->o.ping_timeout_ns)
			return -ETIMEDOUT;
	} else if (now_ns - g->heard_ns >= g->o.ping_ns) {
		(void)nghttp2_submit_ping(g->h2, NGHTTP2_FLAG_NONE,
					  NULL); /* without memory: next time */
		g->ping_ns = now_ns;
	}
	return 0;
}

/* A client that opens a call while this GOAWAY travels must not lose it: first the largest id, then,
 * when a ping has come back, the real one (RFC 9113, 6.8). */
void grpc_drain(struct grpc *g)
{
	if (g->draining)
		return;
	g->draining = true;
	/* All of these fail only without memory; the owner's limit on the drain ends it then. */
	if (!g->o.server) {
		(void)nghttp2_submit_goaway(g->h2, NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, NULL, 0);
		return;
	}
	(void)nghttp2_submit_shutdown_notice(g->h2);
	(void)nghttp2_submit_ping(g->h2, NGHTTP2_FLAG_NONE, drain_ping);
}

bool grpc_done(const struct grpc *g)
{
	return g->failed || (g->out_off == g->out.n && !nghttp2_session_want_read(g->h2) &&
			     !nghttp2_session_want_write(g->h2));
}

bool grpc_pinged_too_often(const struct grpc *g)
{
	return g->too_many_pings;
}

void grpc_free(struct grpc *g)
{
	struct call *next;

	if (!g)
		return;
	nghttp2_session_del(g->h2);
	for (struct call *c = g->calls; c; c = next) {
		next = c->next;
		release(c);
	}
	buf_release(&g->out);
	free(g);
}
