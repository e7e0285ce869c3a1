/* SPDX-License-Identifier: Apache-2.0 */
/* Requests as they are written, and sent to a server of this test over loopback. */
#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "resend/resend.h"

static void expect(int want, const char *method, const char *target, const struct flow_attr *h, size_t n, const char *body,
		   const char *text)
{
	struct buf out = { 0 };
	char err[200] = "";
	int rc = resend_request(&out, method, target, h, n, slice_str(body), err, sizeof(err));

	buf_put(&out, (struct slice){ (const uint8_t *)"", 1 });
	assert_int_equal(rc, want);
	if (want == 0)
		assert_string_equal((const char *)out.p, text);
	else if (!strstr(err, text))
		fail_msg("%s, not %s", err, text);
	buf_release(&out);
}

static void a_request_is_framed_anew(void **state)
{
	const struct flow_attr h[] = { { "Host", "a" }, { "Content-Length", "99" }, { "transfer-encoding", "chunked" }, { "X-A", "1" }, { "X-A", "" }, { "Connection", "keep-alive" } };

	(void)state;
	expect(0, "GET", "/x?y=1", h, 6, "", "GET /x?y=1 HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nX-A: \r\nConnection: close\r\n\r\n");
	expect(0, "PATCH", "/", h, 1, "", "PATCH / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
	expect(0, "REPORT", "*", h, 1, "ab", "REPORT * HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\nab");
}

static void what_would_be_another_request_is_refused(void **state)
{
	const struct flow_attr name = { "X\r\nY", "1" }, blank = { "", "1" }, value = { "X", "1\r\n\r\nGET /" };

	(void)state;
	expect(-EINVAL, "GET /", "/", NULL, 0, "", "method");
	expect(-EINVAL, "", "/", NULL, 0, "", "method");
	expect(-EINVAL, "GET", "/ HTTP/1.0", NULL, 0, "", "target");
	expect(-EINVAL, "GET", "/\r\n", NULL, 0, "", "target");
	expect(-EINVAL, "GET", "", NULL, 0, "", "target");
	expect(-EINVAL, "GET", "/", &name, 1, "", "no name");
	expect(-EINVAL, "GET", "/", &blank, 1, "", "no name");
	expect(-EINVAL, "GET", "/", &value, 1, "", "line break");
}

/* --- a server ---------------------------------------------------------------------------------------------- */

struct server {
	int fd;
	uint16_t port;
	pthread_t thread;
	const char *first, *second; /* what it says */
	bool hangs;		    /* and then nothing more, without closing */
	char got[4096];
};

static void *serve(void *arg)
{
	struct server *s = arg;
	int fd = accept(s->fd, NULL, NULL);
	ssize_t n;

	if (fd < 0)
		return NULL;
	n = recv(fd, s->got, sizeof(s->got) - 1, 0);
	if (n > 0)
		s->got[n] = '\0';
	(void)!send(fd, s->first, strlen(s->first), MSG_NOSIGNAL);
	usleep(20000);
	(void)!send(fd, s->second, strlen(s->second), MSG_NOSIGNAL);
	if (s->hangs)
		(void)!recv(fd, (char[1]){ 0 }, 1, 0); /* until the client goes */
	close(fd);
	return NULL;
}

static void start(struct server *s)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t len = sizeof(a);

	s->fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_true(s->fd >= 0);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(s->fd, 1), 0);
	assert_int_equal(getsockname(s->fd, (struct sockaddr *)&a, &len), 0);
	s->port = ntohs(a.sin_port);
	if (s->first)
		assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void stop(struct server *s)
{
	if (s->first)
		(void)pthread_join(s->thread, NULL);
	close(s->fd);
}

struct seen {
	unsigned n;
	enum flow_state state;
	char status[16], body[64], resent[64], container[16], target[32];
};

static void on_flow(void *ctx, const struct flow *f)
{
	struct seen *s = ctx;

	s->n++;
	s->state = f->state;
	snprintf(s->target, sizeof(s->target), "%s", f->req.target);
	snprintf(s->status, sizeof(s->status), "%s", f->has_resp ? f->resp.status : "none");
	snprintf(s->body, sizeof(s->body), "%.*s", (int)f->resp.body.data.n, (const char *)f->resp.body.data.p);
	snprintf(s->container, sizeof(s->container), "%s", f->conn->server.container);
	for (size_t i = 0; i < f->req.nattrs; i++)
		if (strcmp(f->req.attrs[i].key, "resent") == 0)
			snprintf(s->resent, sizeof(s->resent), "%s", f->req.attrs[i].value);
}

static int send_to(uint16_t port, unsigned ms, struct seen *seen, char err[200])
{
	const struct flow_peer server = { .container = "api" };
	struct resend r = { .port = port, .request = SLICE_LIT("GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"), .timeout_ms = ms, .server = &server, .from = "0193" };

	r.addr[10] = r.addr[11] = 0xff;
	r.addr[12] = 127;
	r.addr[15] = 1;
	*seen = (struct seen){ 0 };
	return resend_run(&r, on_flow, seen, err, 200);
}

static void an_answer_becomes_a_flow(void **state)
{
	struct server s = { .first = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r", .second = "\n2\r\nde\r\n0\r\n\r\n", .hangs = true };
	char err[200] = "";
	struct seen seen;

	(void)state;
	start(&s);
	/* Its end is known by its framing: the server, which does not close, is not waited for. */
	assert_int_equal(send_to(s.port, 60000, &seen, err), 0);
	stop(&s);
	assert_string_equal(s.got, "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	assert_int_equal(seen.n, 1);
	assert_int_equal(seen.state, FLOW_DONE);
	assert_string_equal(seen.status, "201");
	assert_string_equal(seen.body, "abcde");
	assert_string_equal(seen.resent, "0193");
	assert_string_equal(seen.container, "api");
	assert_string_equal(seen.target, "/a");
}

static void an_answer_without_length_lasts_until_the_close(void **state)
{
	struct server s = { .first = "HTTP/1.0 200 OK\r\n\r\nabc", .second = "def" };
	char err[200] = "";
	struct seen seen;

	(void)state;
	start(&s);
	assert_int_equal(send_to(s.port, 60000, &seen, err), 0);
	stop(&s);
	assert_int_equal(seen.state, FLOW_DONE);
	assert_string_equal(seen.body, "abcdef");
}

static void what_came_until_the_time_was_over_is_shown(void **state)
{
	struct server s = { .first = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc", .second = "", .hangs = true };
	char err[200] = "";
	struct seen seen;

	(void)state;
	start(&s);
	assert_int_equal(send_to(s.port, 1500, &seen, err), 0);
	stop(&s);
	assert_int_equal(seen.n, 1);
	assert_string_equal(seen.status, "200");
	assert_string_equal(seen.body, "abc");
	assert_int_equal(seen.state, FLOW_RESET);
}

static void a_server_that_says_nothing_leaves_an_unanswered_flow(void **state)
{
	struct server s = { .first = "", .second = "" };
	char err[200] = "";
	struct seen seen;

	(void)state;
	start(&s);
	assert_int_equal(send_to(s.port, 60000, &seen, err), 0);
	stop(&s);
	assert_int_equal(seen.n, 1);
	assert_string_equal(seen.status, "none");
}

static void nobody_there_is_said(void **state)
{
	struct server s = { 0 };
	char err[200] = "";
	struct seen seen;

	(void)state;
	start(&s);
	stop(&s); /* its port is free again */
	assert_int_equal(send_to(s.port, 60000, &seen, err), -ECONNREFUSED);
	assert_non_null(strstr(err, "cannot connect to 127.0.0.1"));
	assert_int_equal(seen.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_framed_anew),
		cmocka_unit_test(what_would_be_another_request_is_refused),
		cmocka_unit_test(an_answer_becomes_a_flow),
		cmocka_unit_test(an_answer_without_length_lasts_until_the_close),
		cmocka_unit_test(what_came_until_the_time_was_over_is_shown),
		cmocka_unit_test(a_server_that_says_nothing_leaves_an_unanswered_flow),
		cmocka_unit_test(nobody_there_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
