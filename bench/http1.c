/* SPDX-License-Identifier: Apache-2.0 */
/* http1 body KIND BYTES PIECE - reads one answer with a body of so many bytes, delivered in pieces of PIECE bytes;
 *	KIND: length, chunked
 * http1 heads N - reads N requests of 703 bytes; prints ns for each
 * http1 heads-llhttp N - the same by llhttp
 * http1 byte N - reads N heads, a byte at a time; prints ns for each byte */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "proto/proto.h"

#ifdef WITH_LLHTTP
#include <llhttp.h>
#endif

static const struct proto_limits limits = { (size_t)64 << 20, (size_t)64 << 20, 65536, NULL };

static const char request[] =
	"GET /wp-content/uploads/2010/03/hello-kitty-darth-vader-pink.jpg HTTP/1.1\r\n"
	"Host: www.kittyhell.com\r\n"
	"User-Agent: Mozilla/5.0 (Macintosh; U; Intel Mac OS X 10.6; ja-JP-mac; rv:1.9.2.3) "
	"Gecko/20100401 Firefox/3.6.3 Pathtraq/0.9\r\n"
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
	"Accept-Language: ja,en-us;q=0.7,en;q=0.3\r\n"
	"Accept-Encoding: gzip,deflate\r\n"
	"Accept-Charset: Shift_JIS,utf-8;q=0.7,*;q=0.7\r\n"
	"Keep-Alive: 115\r\n"
	"Connection: keep-alive\r\n"
	"Cookie: wp_ozh_wsa_visits=2; wp_ozh_wsa_visit_lasttime=xxxxxxxxxx; "
	"__utma=xxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.xxxxxxxxxx.x; "
	"__utmz=xxxxxxxxx.xxxxxxxxxx.x.x.utmccn=(referral)|utmcsr=reader.livedoor.com|"
	"utmcct=/reader/|utmcmd=referral\r\n"
	"\r\n";

static void die(const char *why)
{
	fprintf(stderr, "http1: %s\n", why);
	exit(1);
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void *begin(const struct proto *p)
{
	void *state = calloc(1, p->state_size);

	if (!state)
		die("no memory");
	p->init(state, &limits);
	return state;
}

/* Feeds what the parser takes at once; true when a whole message came out. */
static bool feed(const struct proto *p, void *state, struct slice in, uint64_t *len)
{
	bool whole = false;

	while (in.n > 0) {
		struct msg m = { 0 };
		struct parse r = p->parse(state, SIDE_RESP, in, &m);

		if (r.kind == PARSE_MSG) {
			whole = whole || !m.partial;
			*len = m.half.body.len;
			arena_free(m.arena);
		} else if (r.kind != PARSE_SKIP) {
			die("not read as one body");
		}
		in = slice_cut(in, r.used, in.n);
	}
	return whole;
}

static void body(bool chunked, size_t bytes, size_t piece)
{
	const struct proto *p = proto_find("http1");
	void *state = begin(p);
	uint8_t *data = calloc(1, piece + 64);
	char head[200];
	uint64_t len = 0;
	bool whole;
	int n;

	if (!data)
		die("no memory");
	if (chunked)
		n = snprintf(head, sizeof(head),
			     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
	else
		n = snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
			     bytes);
	whole = feed(p, state, (struct slice){ (uint8_t *)head, (size_t)n }, &len);
	if (chunked) { /* one chunk a piece, as servers write them */
		n = snprintf((char *)data, 32, "%zx\r\n", piece);
		memset(data + n, 'x', piece);
		memcpy(data + (size_t)n + piece, "\r\n", 2);
		for (size_t at = 0; at < bytes; at += piece)
			(void)feed(p, state, (struct slice){ data, (size_t)n + piece + 2 }, &len);
		whole = feed(p, state, SLICE_LIT("0\r\n\r\n"), &len);
	} else {
		for (size_t at = 0; at < bytes; at += piece)
			whole = feed(p, state,
				     (struct slice){ data, piece < bytes - at ? piece : bytes - at },
				     &len);
	}
	if (!whole || len < bytes)
		die("the body is not whole");
	free(data);
	p->done(state);
	free(state);
}

static void heads(size_t n)
{
	const struct proto *p = proto_find("http1");
	struct slice in = { (const uint8_t *)request, sizeof(request) - 1 };
	double best = 1e18;

	for (int round = 0; round < 5; round++) {
		void *state = begin(p);
		double t = now_ns();

		for (size_t i = 0; i < n; i++) {
			struct msg m = { 0 };
			struct parse r = p->parse(state, SIDE_REQ, in, &m);

			if (r.kind != PARSE_MSG || m.half.nheaders != 9)
				die("not read as one request");
			arena_free(m.arena);
		}
		t = (now_ns() - t) / (double)n;
		best = t < best ? t : best;
		p->done(state);
		free(state);
	}
	printf("%.1f\n", best);
}

static void bytewise(size_t n)
{
	const struct proto *p = proto_find("http1");
	const size_t len = sizeof(request) - 1;
	void *state = begin(p);
	double t = now_ns();

	for (size_t i = 0; i < n; i++)
		for (size_t k = 1; k <= len; k++) {
			struct msg m = { 0 };

			(void)p->parse(state, SIDE_REQ,
				       (struct slice){ (const uint8_t *)request, k }, &m);
			arena_free(m.arena);
		}
	printf("%.1f\n", (now_ns() - t) / (double)(n * len));
	p->done(state);
	free(state);
}

#ifdef WITH_LLHTTP
static int field(llhttp_t *l, const char *at, size_t n)
{
	*(size_t *)l->data += n + (at != NULL);
	return 0;
}

static void heads_llhttp(size_t n)
{
	llhttp_settings_t s;
	double best = 1e18;
	size_t sum = 0;

	llhttp_settings_init(&s);
	s.on_url = s.on_header_field = s.on_header_value = field;
	for (int round = 0; round < 5; round++) {
		double t = now_ns();
		llhttp_t l;

		llhttp_init(&l, HTTP_REQUEST, &s);
		l.data = &sum;
		for (size_t i = 0; i < n; i++)
			if (llhttp_execute(&l, request, sizeof(request) - 1) != HPE_OK)
				die("llhttp refuses it");
		t = (now_ns() - t) / (double)n;
		best = t < best ? t : best;
	}
	printf("%.1f\n", best);
}
#endif

int main(int argc, char **argv)
{
	size_t n = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;

	if (argc == 5 && strcmp(argv[1], "body") == 0)
		body(strcmp(argv[2], "chunked") == 0, strtoul(argv[3], NULL, 10),
		     strtoul(argv[4], NULL, 10));
	else if (n && strcmp(argv[1], "heads") == 0)
		heads(n);
	else if (n && strcmp(argv[1], "byte") == 0)
		bytewise(n);
#ifdef WITH_LLHTTP
	else if (n && strcmp(argv[1], "heads-llhttp") == 0)
		heads_llhttp(n);
#endif
	else
		die("usage: see the head of bench/http1.c");
	return 0;
}
