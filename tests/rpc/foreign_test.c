/* SPDX-License-Identifier: Apache-2.0 */
/* Peers that are not ours: the other end is nghttp2 alone and says what it likes. */
#include "test.h"

#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>

#include "alloc.h"
#include "grpc_pair.h"
#include "rpc/grpc.h"

struct raw {
	nghttp2_session *h2;
	struct buf log; /* "header: value\n", "end\n", "reset 8\n", "goaway 0\n" */
	struct slice data;
	size_t off;
	bool end;
};

static int on_header(nghttp2_session *h2, const nghttp2_frame *f, const uint8_t *name, size_t nname,
		     const uint8_t *value, size_t nvalue, uint8_t flags, void *user)
{
	struct raw *r = user;

	(void)h2;
	(void)f;
	(void)flags;
	buf_printf(&r->log, "%.*s: %.*s\n", (int)nname, name, (int)nvalue, value);
	return 0;
}

static int on_frame(nghttp2_session *h2, const nghttp2_frame *f, void *user)
{
	struct raw *r = user;

	(void)h2;
	if ((f->hd.type == NGHTTP2_HEADERS || f->hd.type == NGHTTP2_DATA) &&
	    (f->hd.flags & NGHTTP2_FLAG_END_STREAM))
		buf_puts(&r->log, "end\n");
	if (f->hd.type == NGHTTP2_RST_STREAM)
		buf_printf(&r->log, "reset %u\n", f->rst_stream.error_code);
	if (f->hd.type == NGHTTP2_GOAWAY)
		buf_printf(&r->log, "goaway %u\n", f->goaway.error_code);
	return 0;
}

static ssize_t read_data(nghttp2_session *h2, int32_t stream, uint8_t *to, size_t n,
			 uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct raw *r = user;

	(void)h2;
	(void)stream;
	(void)source;
	if (n > r->data.n - r->off)
		n = r->data.n - r->off;
	if (n)
		memcpy(to, r->data.p + r->off, n);
	r->off += n;
	if (r->off == r->data.n && !r->end && n == 0)
		return NGHTTP2_ERR_DEFERRED;
	if (r->off == r->data.n && r->end)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

static void raw_open(struct raw *r, bool server)
{
	nghttp2_session_callbacks *cb;
	nghttp2_option *opt;

	memset(r, 0, sizeof(*r));
	assert_int_equal(nghttp2_session_callbacks_new(&cb), 0);
	assert_int_equal(nghttp2_option_new(&opt), 0);
	nghttp2_option_set_no_http_messaging(opt, 1); /* it may be rude */
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
	assert_int_equal(server ? nghttp2_session_server_new2(&r->h2, cb, r, opt)
				: nghttp2_session_client_new2(&r->h2, cb, r, opt),
			 0);
	nghttp2_session_callbacks_del(cb);
	nghttp2_option_del(opt);
	nghttp2_submit_settings(r->h2, 0, NULL, 0);
}

static void raw_close(struct raw *r)
{
	nghttp2_session_del(r->h2);
	buf_release(&r->log);
}

static void raw_pump(struct raw *r, struct end *e)
{
	for (bool moved = true; moved;) {
		const uint8_t *p;
		ssize_t n = nghttp2_session_mem_send(r->h2, &p);
		struct slice out;

		moved = n > 0;
		if (n > 0 && e->error == 0)
			e->error = grpc_input(e->g, (struct slice){ p, (size_t)n });
		out = grpc_output(e->g);
		if (out.n > 0) {
			assert_int_equal(nghttp2_session_mem_recv(r->h2, out.p, out.n), out.n);
			grpc_sent(e->g, out.n);
			moved = true;
		}
	}
}

/* "name: value" lines after the first n fields of nv; a name that is there already is replaced. */
static size_t put_fields(nghttp2_nv *nv, size_t n, const char *const *lines)
{
	for (; *lines; lines++) {
		const char *value = strstr(*lines, ": ");
		size_t len = (size_t)(value - *lines), i = 0;

		while (i < n && (nv[i].namelen != len || memcmp(nv[i].name, *lines, len) != 0))
			i++;
		value += 2;
		nv[i] = (nghttp2_nv){ (uint8_t *)(uintptr_t)*lines, (uint8_t *)(uintptr_t)value,
				      len, strlen(value), 0 };
		if (i == n)
			n++;
	}
	return n;
}

static const char *const request[] = { ":method: POST",
				       ":scheme: http",
				       ":path: /a.B/C",
				       ":authority: x",
				       "te: trailers",
				       "content-type: application/grpc",
				       NULL };
static const char *const none[] = { NULL };

/* A foreign client calls our server; what it hears.  "reset 0": it was answered before it had ended. */
static void ask(const char *const *extra, struct slice data, const char *want, unsigned messages)
{
	struct grpc_options o = { .message_max = 1000 };
	nghttp2_data_provider source = { .read_callback = read_data };
	nghttp2_nv nv[16];
	struct pair p;
	struct raw r;
	size_t n;

	pair_open(&p, NULL, &o);
	p.server.finish_on_end = true;
	raw_open(&r, false);
	r.data = data;
	r.end = true;
	n = put_fields(nv, put_fields(nv, 0, request), extra);
	assert_true(nghttp2_submit_request(r.h2, NULL, nv, n, &source, NULL) > 0);
	raw_pump(&r, &p.server);
	buf_put(&r.log, (struct slice){ (const uint8_t *)"", 1 });
	assert_string_equal((const char *)r.log.p, want);
	assert_int_equal(p.server.messages, messages);
	assert_int_equal(p.server.error, 0);
	raw_close(&r);
	pair_close(&p);
}

#define EXTRA(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define OK	   "\0\0\0\0\2hi"
#define STATUS_200 ":status: 200\ncontent-type: application/grpc\n"

static void requests_that_are_no_grpc_get_an_http_answer(void **state)
{
	(void)state;
	ask(EXTRA("content-type: application/json"), SLICE_LIT(OK), ":status: 415\nend\nreset 0\n",
	    0);
	ask(EXTRA("content-type: application/grpc-web"), SLICE_LIT(OK),
	    ":status: 415\nend\nreset 0\n", 0);
	ask(EXTRA(":method: GET"), SLICE_LIT(OK), ":status: 405\nend\nreset 0\n", 0);
	ask(EXTRA("content-type: application/grpc+proto"), SLICE_LIT(OK),
	    STATUS_200 "grpc-status: 0\nend\n", 1);
}

static void headers_over_the_limit_are_refused(void **state)
{
	char *longer = malloc(17000);
	const char *extra[] = { longer, NULL };

	(void)state;
	assert_non_null(longer);
	memset(longer, 'x', 16999);
	longer[16999] = 0;
	memcpy(longer, "x-long: ", 8);
	ask(extra, SLICE_LIT(OK), ":status: 431\nend\nreset 0\n", 0);
	free(longer);
}

static void compressed_messages_are_refused(void **state)
{
	(void)state;
	ask(EXTRA("grpc-encoding: gzip"), SLICE_LIT("\1\0\0\0\2hi"),
	    STATUS_200
	    "grpc-status: 12\ngrpc-message: messages compressed like this are not understood\n"
	    "grpc-accept-encoding: identity\nend\n",
	    0);
	ask(EXTRA("grpc-encoding: identity"), SLICE_LIT("\1\0\0\0\2hi"),
	    STATUS_200
	    "grpc-status: 13\ngrpc-message: a message is compressed, but no grpc-encoding was "
	    "declared\nend\n",
	    0);
	ask(none, SLICE_LIT("\1\0\0\0\2hi"),
	    STATUS_200
	    "grpc-status: 13\ngrpc-message: a message is compressed, but no grpc-encoding was "
	    "declared\nend\n",
	    0);
	ask(none, SLICE_LIT("\2\0\0\0\2hi"),
	    STATUS_200 "grpc-status: 13\ngrpc-message: a message prefix has an unknown flag\nend\n",
	    0);
	/* What is declared but not used is fine. */
	ask(EXTRA("grpc-encoding: gzip"), SLICE_LIT(OK), STATUS_200 "grpc-status: 0\nend\n", 1);
}

static void messages_that_are_cut_end_with_internal(void **state)
{
	static const struct slice cut[] = { SLICE_LIT("\0"), SLICE_LIT("\0\0\0\0"),
					    SLICE_LIT("\0\0\0\0\2"), SLICE_LIT("\0\0\0\0\2h") };

	(void)state;
	for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++)
		ask(none, cut[i],
		    STATUS_200
		    "grpc-status: 13\ngrpc-message: the call ends inside a message\nend\n",
		    0);
	ask(none, SLICE_LIT("\0\0\0\0\0\0\0\0\0\0"), STATUS_200 "grpc-status: 0\nend\n", 2);
	ask(none, (struct slice){ 0 }, STATUS_200 "grpc-status: 0\nend\n", 0);
}

static void a_length_is_judged_before_the_bytes_come(void **state)
{
	(void)state;
	ask(none, SLICE_LIT("\0\xff\xff\xff\xff"),
	    STATUS_200
	    "grpc-status: 8\ngrpc-message: a message of 4294967295 bytes is over the limit of "
	    "1000\nend\n",
	    0);
}

static void odd_timeouts_are_refused(void **state)
{
	(void)state;
	ask(EXTRA("grpc-timeout: soon"), SLICE_LIT(OK),
	    STATUS_200 "grpc-status: 13\ngrpc-message: malformed grpc-timeout\nend\nreset 0\n", 0);
	ask(EXTRA("grpc-timeout: 999876u"), SLICE_LIT(OK), STATUS_200 "grpc-status: 0\nend\n", 1);
}

/* Our client calls a foreign server that answers with these; what our client is told. */
static void answer(const char *const *head, struct slice data, const char *const *trailers,
		   const char *want)
{
	nghttp2_data_provider source = { .read_callback = read_data };
	nghttp2_nv nv[16];
	struct pair p;
	struct raw r;
	int32_t id;

	pair_open(&p, NULL, NULL);
	raw_open(&r, true);
	id = grpc_call(p.client.g, "/a.B/C", "hub", NULL);
	assert_int_equal(grpc_send(p.client.g, id, SLICE_LIT("hello"), false), 0);
	raw_pump(&r, &p.client);
	r.data = data;
	r.end = !trailers;
	nghttp2_submit_response(r.h2, id, nv, put_fields(nv, 0, head),
				data.p || trailers ? &source : NULL);
	raw_pump(&r, &p.client);
	if (trailers)
		nghttp2_submit_headers(r.h2, NGHTTP2_FLAG_END_STREAM, id, NULL, nv,
				       put_fields(nv, 0, trailers), NULL);
	raw_pump(&r, &p.client);
	buf_put(&p.client.log, (struct slice){ (const uint8_t *)"", 1 });
	assert_string_equal((const char *)p.client.log.p, want);
	assert_int_equal(p.client.error, 0);
	assert_int_equal(grpc_send(p.client.g, id, SLICE_LIT("x"), false), -EPIPE);
	raw_close(&r);
	pair_close(&p);
}

#define GRPC_200 ":status: 200", "content-type: application/grpc"

static void answers_are_mapped_to_a_status(void **state)
{
	(void)state;
	answer(EXTRA(GRPC_200), SLICE_LIT(OK), EXTRA("grpc-status: 0"),
	       "message 1 2 683af69a\nended 1 0 \n");
	answer(EXTRA(GRPC_200), SLICE_LIT(OK), EXTRA("grpc-status: 7", "grpc-message: no%21"),
	       "message 1 2 683af69a\nended 1 7 no!\n");
	answer(EXTRA(GRPC_200, "grpc-status: 16"), (struct slice){ 0 }, NULL,
	       "ended 1 16 credentials are missing or wrong\n");
	answer(EXTRA(GRPC_200), SLICE_LIT(OK), NULL,
	       "message 1 2 683af69a\nended 1 2 the answer has no grpc-status\n");
	answer(EXTRA(GRPC_200), SLICE_LIT("\0\0\0\0\2h"), EXTRA("grpc-status: 0"),
	       "ended 1 13 the answer ends inside a message\n");
	answer(EXTRA(":status: 503"), (struct slice){ 0 }, NULL,
	       "ended 1 14 the peer answered with HTTP status 503\n");
	answer(EXTRA(":status: 404", "content-type: text/html"), SLICE_LIT("<html>"), NULL,
	       "ended 1 12 the peer answered with HTTP status 404\n");
	answer(EXTRA(":status: 200", "content-type: text/html"), SLICE_LIT("<html>"), NULL,
	       "ended 1 2 the answer is not gRPC\n");
	answer(EXTRA(GRPC_200), SLICE_LIT("\1\0\0\0\2hi"), EXTRA("grpc-status: 0"),
	       "ended 1 13 a message is compressed, but no grpc-encoding was declared\n");
}

static void resets_are_mapped_to_a_status(void **state)
{
	static const struct {
		uint32_t code;
		int status;
	} map[] = { { NGHTTP2_REFUSED_STREAM, 14 },   { NGHTTP2_CANCEL, 1 },
		    { NGHTTP2_ENHANCE_YOUR_CALM, 8 }, { NGHTTP2_INADEQUATE_SECURITY, 7 },
		    { NGHTTP2_INTERNAL_ERROR, 13 },   { NGHTTP2_NO_ERROR, 13 } };

	(void)state;
	for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++) {
		struct pair p;
		struct raw r;
		int32_t id;

		pair_open(&p, NULL, NULL);
		raw_open(&r, true);
		id = grpc_call(p.client.g, "/a.B/C", "hub", NULL);
		raw_pump(&r, &p.client);
		nghttp2_submit_rst_stream(r.h2, 0, id, map[i].code);
		raw_pump(&r, &p.client);
		assert_int_equal(p.client.ended, 1);
		assert_int_equal(p.client.status, map[i].status);
		raw_close(&r);
		pair_close(&p);
	}
}

static void goaway_ends_calls_that_were_not_seen(void **state)
{
	int32_t first, second;
	struct pair p;
	struct raw r;

	(void)state;
	pair_open(&p, NULL, NULL);
	raw_open(&r, true);
	first = grpc_call(p.client.g, "/a.B/C", "hub", NULL);
	second = grpc_call(p.client.g, "/a.B/C", "hub", NULL);
	raw_pump(&r, &p.client);
	nghttp2_submit_goaway(r.h2, 0, first, NGHTTP2_NO_ERROR, NULL, 0);
	raw_pump(&r, &p.client);
	assert_int_equal(p.client.ended, 1);
	assert_int_equal(p.client.status, GRPC_UNAVAILABLE);
	assert_int_equal(grpc_send(p.client.g, second, SLICE_LIT("x"), false), -EPIPE);
	assert_int_equal(grpc_send(p.client.g, first, SLICE_LIT("x"), false), 0);
	assert_false(grpc_pinged_too_often(p.client.g));
	nghttp2_submit_goaway(r.h2, 0, first, NGHTTP2_ENHANCE_YOUR_CALM,
			      (const uint8_t *)"too_many_pings", 14);
	raw_pump(&r, &p.client);
	assert_true(grpc_pinged_too_often(p.client.g));
	raw_close(&r);
	pair_close(&p);
}

static void a_broken_frame_ends_the_connection_with_goaway(void **state)
{
	/* DATA on stream 0 (RFC 9113, 6.1: a connection error), after a sound preface. */
	static const struct slice in =
		SLICE_LIT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
			  "\0\0\1\0\0\0\0\0\0x");
	struct pair p;
	struct raw r;
	struct slice out;

	(void)state;
	pair_open(&p, NULL, NULL);
	raw_open(&r, false);
	assert_int_equal(grpc_input(p.server.g, in), 0);
	out = grpc_output(p.server.g);
	assert_int_equal(nghttp2_session_mem_recv(r.h2, out.p, out.n), out.n);
	grpc_sent(p.server.g, out.n);
	buf_put(&r.log, (struct slice){ (const uint8_t *)"", 1 });
	assert_string_equal((const char *)r.log.p, "goaway 1\n");
	assert_true(grpc_done(p.server.g));
	raw_close(&r);
	pair_close(&p);
}

/* With each allocation failed in turn, an exchange ends well, or says that it does not. */
static void a_failed_allocation_is_never_silent(void **state)
{
	unsigned good = 0, bad = 0;

	(void)state;
	for (size_t n = 0; n < 400; n++) {
		struct grpc_hooks none_hooks = { 0 };
		struct grpc_options o = { 0 };
		struct slice m = test_message(100000, 1);
		struct pair p;
		int32_t id;
		int r = 0;

		pair_open(&p, NULL, NULL);
		alloc_fail(n, 1);
		grpc_free(grpc_new(&o, &none_hooks));
		id = grpc_call(p.client.g, "/a.B/C", "hub", "token");
		if (id > 0)
			r = grpc_send(p.client.g, id, m, true);
		if (id > 0 && r == 0)
			for (unsigned i = 0; i < 50; i++) {
				struct slice s = grpc_output(p.client.g);

				if (s.n > 1000)
					s.n = 1000;
				(void)grpc_input(p.server.g, s);
				grpc_sent(p.client.g, s.n);
				s = grpc_output(p.server.g);
				(void)grpc_input(p.client.g, s);
				grpc_sent(p.server.g, s.n);
			}
		(void)alloc_refused();
		if (id > 0 && r == 0)
			pair_pump(&p, 0);
		if (p.server.messages == 1 && p.server.ended == 1)
			good++;
		else
			bad++;
		/* Silence would be: all calls went well, nobody is told, nothing came. */
		assert_true(id < 0 || r < 0 || p.server.messages == 1 || p.client.ended ||
			    grpc_done(p.client.g) || grpc_done(p.server.g));
		free((void *)(uintptr_t)m.p);
		pair_close(&p);
	}
	assert_true(good > 0 && bad > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_that_are_no_grpc_get_an_http_answer),
		cmocka_unit_test(headers_over_the_limit_are_refused),
		cmocka_unit_test(compressed_messages_are_refused),
		cmocka_unit_test(messages_that_are_cut_end_with_internal),
		cmocka_unit_test(a_length_is_judged_before_the_bytes_come),
		cmocka_unit_test(odd_timeouts_are_refused),
		cmocka_unit_test(answers_are_mapped_to_a_status),
		cmocka_unit_test(resets_are_mapped_to_a_status),
		cmocka_unit_test(goaway_ends_calls_that_were_not_seen),
		cmocka_unit_test(a_broken_frame_ends_the_connection_with_goaway),
		cmocka_unit_test(a_failed_allocation_is_never_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
