/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"
#include "sample.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "sink/sink.h"

static char got[1 << 20];

/* What a sink wrote to a temporary file. */
static const char *written(struct sink *(*make)(int fd, const void *arg), const void *arg,
			   const struct flow *const *flows, size_t n)
{
	char path[] = "/tmp/limpid-sink-XXXXXX";
	int fd = mkstemp(path);
	struct sink *s = make(fd, arg);
	ssize_t len;

	assert_non_null(s);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(s->ops->write(s, flows[i]), 0);
	assert_int_equal(s->ops->flush(s, 1000), 0);
	s->ops->close(s);
	len = pread(fd, got, sizeof(got) - 1, 0);
	assert_true(len >= 0);
	got[len] = 0;
	close(fd);
	unlink(path);
	return got;
}

static struct sink *make_text(int fd, const void *arg)
{
	return sink_text_new(fd, arg);
}

static struct sink *make_jsonl(int fd, const void *arg)
{
	return sink_jsonl_new(fd, *(const size_t *)arg);
}

static const char *text_of(const struct flow *f, const struct sink_text_options *o)
{
	return written(make_text, o, &f, 1);
}

static void a_flow_is_one_line(void **state)
{
	struct sink_text_options o = { 0 };

	(void)state;
	assert_string_equal(
		text_of(sample_flow(), &o),
		"13:00:00.123  web → api-7d9f/api:443  tls GET /v1/users?x=1  500 Internal Server Error  "
		"3 µs  20 B  [truncated midstream]\n");
}

static void headers_come_with_what_the_handshake_said(void **state)
{
	struct sink_text_options o = { .headers = true };

	(void)state;
	assert_non_null(strstr(
		text_of(sample_flow(), &o),
		"\n  * TLS 1.2 TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 x25519, server name api, "
		"ALPN http/1.1 of h2,http/1.1, resumed, client_certificate, broken off by the "
		"client: unknown_ca"
		"\n  * certificate CN=api until 9999-12-31, for api,*.api, by CN=ca\n  * read from openssl, its socket is the one used before\n  * not read: Nobody knows.\n  > Host: "));
}

static void a_unix_socket_stands_where_the_address_would(void **state)
{
	struct sink_text_options o = { 0 };
	struct flow_conn conn = *sample_unix_flow()->conn;
	struct flow f = *sample_unix_flow();

	(void)state;
	f.conn = &conn;
	assert_non_null(strstr(text_of(&f, &o), "  curl → dockerd@/run/docker.sock  GET /v1/"));
	conn.server.comm = NULL;
	conn.path = "@a\nb";
	assert_non_null(strstr(text_of(&f, &o), "  curl → @a\\x0ab  GET /v1/"));
	conn.path = NULL;
	conn.client.container = "web";
	assert_non_null(strstr(text_of(&f, &o), "  web → ?  GET /v1/"));
}

static void colours_come_only_when_asked_for(void **state)
{
	struct sink_text_options o = { .colour = true };

	(void)state;
	assert_non_null(
		strstr(text_of(sample_flow(), &o), "\033[31m500 Internal Server Error\033[0m"));
	o.colour = false;
	assert_null(strchr(text_of(sample_flow(), &o), '\033'));
}

static void a_long_target_gives_way_to_the_width(void **state)
{
	struct sink_text_options o = { .width = 120 };
	struct flow f = *sample_flow();
	char target[500];
	size_t n = 0;

	(void)state;
	memset(target, 'a', sizeof(target) - 1);
	target[sizeof(target) - 1] = 0;
	f.req.target = target;
	f.flags = 0;
	f.stream = (struct flow_stream){ 0 };
	for (const char *p = text_of(&f, &o); *p; p++)
		n += (*p & 0xc0) != 0x80;
	assert_int_equal(n, 121); /* with the newline */
	assert_non_null(strstr(got, "a…  500"));
}

static void headers_and_bodies_follow_when_asked_for(void **state)
{
	struct sink_text_options o = { .headers = true, .bodies = true };
	struct flow_conn conn = *sample_flow()->conn;
	struct flow f = *sample_flow();

	(void)state;
	f.conn = &conn;
	conn.tls = NULL;
	assert_string_equal(strchr(text_of(&f, &o), '\n') + 1,
			    "  > Host: api\n  > Cookie: a\n  > Cookie: b\n"
			    "  < Content-Type: application/json\n"
			    "  < {\"error\":\"é\n  < … (20 bytes sent)\n"
			    "  > text\n  > hi\n  < binary\n  < {\"1\":-1}\n");
}

static void an_open_flow_is_not_printed(void **state)
{
	struct sink_text_options o = { .headers = true };
	struct flow f = *sample_flow();

	(void)state;
	f.state = FLOW_OPEN;
	assert_string_equal(text_of(&f, &o), "");
}

static void nothing_captured_controls_the_terminal(void **state)
{
	struct sink_text_options o = { .headers = true, .bodies = true };
	struct flow_attr evil = { "X\r\n", "\033]0;title\007\xc2\x9b" };
	struct flow_conn conn = *sample_flow()->conn;
	struct flow f = *sample_flow();

	(void)state;
	conn.client.container = NULL;
	conn.client.comm = "a\033[2Jb";
	f.conn = &conn;
	f.req.target = "/\033[31m\xff";
	f.resp.reason = "\x7f";
	f.resp.headers = &evil;
	f.resp.nheaders = 1;
	f.resp.body.data = SLICE_LIT("a\tb\r\n\033c");
	for (const char *p = text_of(&f, &o); *p; p++)
		assert_true((unsigned char)*p >= 32 || *p == '\n' || *p == '\t');
	assert_non_null(strstr(got, "a\\x1b[2Jb@172.18.0.3 →"));
	assert_non_null(strstr(got, "/\\x1b[31m\\xff"));
	assert_non_null(strstr(got, "  < X\\x0d\\x0a: \\x1b]0;title\\x07\\xc2\\x9b\n"));
	assert_non_null(strstr(got, "  < a\tb\n  < \\x1bc\n"));
}

static void what_did_not_end_well_is_said(void **state)
{
	struct sink_text_options o = { 0 };
	struct flow f = *sample_flow();

	(void)state;
	f.state = FLOW_RESET;
	assert_non_null(strstr(text_of(&f, &o), "500 Internal Server Error, connection broken"));
	f.state = FLOW_UNANSWERED;
	f.has_resp = false;
	assert_non_null(strstr(text_of(&f, &o), "/v1/users?x=1  no answer  "));
}

static void jsonl_is_one_object_a_line(void **state)
{
	struct flow a = *sample_flow(), b = a;
	const struct flow *flows[] = { &a, &b };
	size_t max = SIZE_MAX;

	(void)state;
	b.state = FLOW_OPEN;
	(void)written(make_jsonl, &max, flows, 2);
	assert_memory_equal(got, "{\"v\":1,\"id\":\"01920304-", 22);
	assert_non_null(strstr(got, "}\n{\"v\":1,"));
	assert_string_equal(strrchr(got, '}'), "}\n");
	assert_non_null(strstr(got, "\"text\":\"{\\\"error\\\":\\\"\xc3\xa9\""));
	max = 3;
	(void)written(make_jsonl, &max, flows, 1);
	assert_non_null(strstr(got, "\"text\":\"{\\\"e\""));
}

static void a_slow_reader_loses_whole_lines_and_they_are_counted(void **state)
{
	struct flow f = *sample_flow();
	static char line[1 << 16];
	struct sink *s;
	int p[2], err = 0;
	size_t lines = 0, total = 0;

	(void)state;
	memset(line, 'x', sizeof(line) - 1);
	f.req.target = line;
	assert_int_equal(pipe(p), 0);
	s = sink_jsonl_new(p[1], 0);
	for (int i = 0; i < 1000 && !err; i++) {
		err = s->ops->write(s, &f);
		lines += !err;
	}
	assert_int_equal(err, -EAGAIN);
	assert_int_equal(s->ops->flush(s, 0), -ETIMEDOUT);
	assert_int_equal(fcntl(p[0], F_SETFL, O_NONBLOCK), 0);
	for (int idle = 0; idle < 3;) {
		ssize_t n = read(p[0], got, sizeof(got));

		idle = n > 0 ? 0 : idle + 1;
		(void)s->ops->flush(s, 0);
		for (ssize_t i = 0; i < n; i++)
			total += got[i] == '\n';
	}
	assert_int_equal(total, lines);
	close(p[0]);
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(s->ops->write(s, &f), -EPIPE);
	s->ops->close(s);
	close(p[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flow_is_one_line),
		cmocka_unit_test(headers_come_with_what_the_handshake_said),
		cmocka_unit_test(a_unix_socket_stands_where_the_address_would),
		cmocka_unit_test(colours_come_only_when_asked_for),
		cmocka_unit_test(a_long_target_gives_way_to_the_width),
		cmocka_unit_test(headers_and_bodies_follow_when_asked_for),
		cmocka_unit_test(an_open_flow_is_not_printed),
		cmocka_unit_test(nothing_captured_controls_the_terminal),
		cmocka_unit_test(what_did_not_end_well_is_said),
		cmocka_unit_test(jsonl_is_one_object_a_line),
		cmocka_unit_test(a_slow_reader_loses_whole_lines_and_they_are_counted),
	};

	setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
