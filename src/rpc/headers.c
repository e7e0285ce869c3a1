/* SPDX-License-Identifier: Apache-2.0 */
/* The header blocks of a call, both ways: request, answer, trailers.
 *
 *   request    :method POST, :scheme, :path, :authority, te, content-type, grpc-timeout, authorization
 *   answer     :status 200, content-type, then after the messages
 *   trailers   grpc-status, grpc-message; all in one block when there is no message ("trailers-only")
 */
#include "rpc/call.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "rpc/text.h"

#define VALUE_MAX (8 * 1024)

/* --- from the peer ----------------------------------------------------------------------------------- */

static char *keep(char *old, struct slice v)
{
	free(old);
	return v.n <= VALUE_MAX ? strndup((const char *)v.p, v.n) : NULL;
}

static void take_request_header(struct call *c, struct slice k, struct slice v)
{
	if (slice_eq(k, SLICE_LIT(":method")))
		c->post = slice_eq(v, SLICE_LIT("POST"));
	else if (slice_eq(k, SLICE_LIT(":path")))
		c->path = keep(c->path, v);
	else if (slice_eq(k, SLICE_LIT("authorization")))
		c->auth = keep(c->auth, v);
	else if (slice_eq(k, SLICE_LIT("grpc-timeout")))
		c->bad_timeout = grpc_timeout_parse(v, &c->timeout_ns) < 0;
}

static void take_answer_header(struct call *c, struct slice k, struct slice v)
{
	if (slice_eq(k, SLICE_LIT(":status"))) /* nghttp2 lets only three digits through */
		c->http_status =
			v.n == 3 ? (v.p[0] - '0') * 100 + (v.p[1] - '0') * 10 + v.p[2] - '0' : 500;
	else if (slice_eq(k, SLICE_LIT("grpc-status")))
		c->grpc_status = (int)grpc_status_parse(v);
	else if (slice_eq(k, SLICE_LIT("grpc-message")))
		grpc_text_decode(v, c->text, sizeof(c->text));
}

int grpc_on_header(nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name,
		   size_t nname, const uint8_t *value, size_t nvalue, uint8_t flags, void *user)
{
	struct call *c = nghttp2_session_get_stream_user_data(h2, frame->hd.stream_id);
	struct slice k = { name, nname }, v = { value, nvalue };
	struct grpc *g = user;

	(void)flags;
	if (!c)
		return 0;
	c->header_bytes += k.n + v.n + 32;
	if (c->header_bytes > GRPC_HEADERS_MAX) {
		c->too_long = true;
		return 0;
	}
	if (slice_eq(k, SLICE_LIT("content-type")))
		c->content_type_ok = grpc_content_type_ok(v);
	else if (slice_eq(k, SLICE_LIT("grpc-encoding")))
		c->encoding = keep(c->encoding, v);
	else if (!g->o.server)
		take_answer_header(c, k, v);
	else if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		take_request_header(c, k, v);
	return 0;
}

/* Whoever calls with this is no gRPC client: an answer that a plain HTTP client understands. */
static int answer_http(struct call *c, const char *status)
{
	nghttp2_nv nv = { (uint8_t *)":status", (uint8_t *)(uintptr_t)status, 7, 3,
			  NGHTTP2_NV_FLAG_NONE };

	c->over = c->told = c->finishing = c->submitted = true;
	return nghttp2_submit_response(c->g->h2, c->id, &nv, 1, NULL);
}

int grpc_headers_done(struct call *c, const nghttp2_headers *h)
{
	struct grpc *g = c->g;
	enum grpc_status st;

	(void)h;
	if (c->too_long)
		return answer_http(c, "431");
	if (!c->post)
		return answer_http(c, "405");
	if (!c->content_type_ok)
		return answer_http(c, "415");
	if (c->bad_timeout)
		st = GRPC_INTERNAL;
	else if (!c->path || !g->hooks.called)
		st = GRPC_UNIMPLEMENTED;
	else
		st = g->hooks.called(g->hooks.ctx, c->id, c->path, c->auth);
	if (st == GRPC_OK)
		return 0;
	c->told = true; /* it never was the owner's */
	return grpc_call_end(c, st, c->bad_timeout ? "malformed grpc-timeout" : NULL);
}

static void give_up(struct call *c, enum grpc_status st, const char *text)
{
	grpc_call_tell(c, st, text, true);
	/* Nothing is lost when this fails: the stream is closed with its connection. */
	(void)nghttp2_submit_rst_stream(c->g->h2, NGHTTP2_FLAG_NONE, c->id, NGHTTP2_CANCEL);
}

void grpc_answer_done(struct call *c)
{
	char text[64];

	if (c->http_status >= 100 && c->http_status < 200) { /* informational: the answer follows */
		c->http_status = 0;
		return;
	}
	if (c->told)
		return;
	if (c->too_long) {
		give_up(c, GRPC_EXHAUSTED, "the headers of the answer are over a limit");
	} else if (c->http_status != 200 && c->grpc_status < 0) {
		(void)snprintf(text, sizeof(text), "the peer answered with HTTP status %d",
			       c->http_status);
		give_up(c, grpc_status_from_http(c->http_status), text);
	} else if (!c->content_type_ok && c->grpc_status < 0) {
		give_up(c, GRPC_UNKNOWN, "the answer is not gRPC");
	}
}

static void answer_ended(struct call *c)
{
	if (c->told || c->finishing)
		return; /* the rest follows when the stream closes */
	if (grpc_message_partial(c))
		grpc_call_tell(c, GRPC_INTERNAL, "the answer ends inside a message", true);
	else if (c->grpc_status >= 0)
		grpc_call_tell(c, (enum grpc_status)c->grpc_status, c->text, true);
	else
		grpc_call_tell(c, GRPC_UNKNOWN, "the answer has no grpc-status", true);
	if (!nghttp2_session_get_stream_local_close(c->g->h2, c->id))
		(void)nghttp2_submit_rst_stream(c->g->h2, NGHTTP2_FLAG_NONE, c->id,
						NGHTTP2_NO_ERROR); /* as in give_up */
}

void grpc_peer_closed(struct call *c)
{
	c->peer_closed = true;
	if (!c->g->o.server)
		answer_ended(c);
	else if (!c->over && grpc_message_partial(c))
		(void)grpc_call_end(c, GRPC_INTERNAL, "the call ends inside a message");
	else if (!c->over)
		grpc_call_tell(c, GRPC_OK, "", false);
}

/* --- to the peer ------------------------------------------------------------------------------------- */

struct fields {
	nghttp2_nv nv[10];
	size_t n;
};

static void put_field(struct fields *f, const char *name, const char *value, uint8_t flags)
{
	f->nv[f->n++] = (nghttp2_nv){ (uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value,
				      strlen(name), strlen(value), flags };
}

int grpc_submit_request(struct call *c, const char *authority, const char *token)
{
	nghttp2_data_provider source = { { .ptr = c }, grpc_read_out };
	struct fields f = { .n = 0 };
	struct buf auth = { 0 };
	char timeout[12];
	int32_t id;

	put_field(&f, ":method", "POST", 0);
	put_field(&f, ":scheme", "http", 0);
	put_field(&f, ":path", c->path, 0);
	put_field(&f, ":authority", authority, 0);
	put_field(&f, "te", "trailers", 0);
	put_field(&f, "content-type", "application/grpc", 0);
	put_field(&f, "user-agent", "limpid/" LIMPID_VERSION, 0);
	if (c->timeout_ns) {
		grpc_timeout_format(c->timeout_ns, timeout);
		put_field(&f, "grpc-timeout", timeout, 0);
	}
	if (token) {
		buf_printf(&auth, "Bearer %s", token);
		buf_put(&auth, (struct slice){ (const uint8_t *)"", 1 });
		if (auth.failed) {
			buf_release(&auth);
			return -ENOMEM;
		}
		/* A secret: kept out of compression tables (RFC 7541, 7.1.3). */
		put_field(&f, "authorization", (const char *)auth.p, NGHTTP2_NV_FLAG_NO_INDEX);
	}
	id = nghttp2_submit_request(c->g->h2, NULL, f.nv, f.n, &source, c);
	buf_release(&auth);
	if (id < 0)
		return id == NGHTTP2_ERR_NOMEM ? -ENOMEM : -EPIPE;
	c->id = id;
	return 0;
}

int grpc_submit_answer(struct call *c)
{
	nghttp2_data_provider source = { { .ptr = c }, grpc_read_out };
	struct fields f = { .n = 0 };

	put_field(&f, ":status", "200", 0);
	put_field(&f, "content-type", "application/grpc", 0);
	if (nghttp2_submit_response(c->g->h2, c->id, f.nv, f.n, &source) != 0)
		return -ENOMEM;
	c->submitted = true;
	return 0;
}

int grpc_submit_trailers(struct call *c)
{
	bool alone = !c->submitted;
	struct fields f = { .n = 0 };
	struct buf text = { 0 };
	char status[4];
	int r = -ENOMEM;

	if (alone) {
		put_field(&f, ":status", "200", 0);
		put_field(&f, "content-type", "application/grpc", 0);
	}
	(void)snprintf(status, sizeof(status), "%u", (unsigned)c->st & 31);
	put_field(&f, "grpc-status", status, 0);
	grpc_text_encode(&text, c->st_text ? c->st_text : grpc_status_text(c->st));
	if (text.n > 0) {
		buf_put(&text, (struct slice){ (const uint8_t *)"", 1 });
		if (text.failed)
			goto out;
		put_field(&f, "grpc-message", (const char *)text.p, 0);
	}
	if (c->st == GRPC_UNIMPLEMENTED && c->encoding)
		put_field(&f, "grpc-accept-encoding", "identity", 0);
	c->submitted = true;
	r = alone ? nghttp2_submit_response(c->g->h2, c->id, f.nv, f.n, NULL)
		  : nghttp2_submit_trailer(c->g->h2, c->id, f.nv, f.n);
	r = r == 0 ? 0 : -ENOMEM;
out:
	buf_release(&text);
	return r;
}
