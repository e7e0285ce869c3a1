/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <errno.h>

#include "container/answer.h"

static int feed(struct answer *a, struct slice all, size_t step)
{
	int err = 0;

	for (size_t at = 0; at < all.n && !err; at += step) {
		struct slice piece = guarded(slice_cut(all, at, at + step));

		err = answer_feed(a, piece);
		guarded_free(piece);
	}
	return err;
}

static void expect(const char *wire, size_t n, unsigned status, const char *body)
{
	for (size_t step = 1; step <= n; step++) {
		struct answer a = { 0 };

		assert_int_equal(feed(&a, (struct slice){ (const uint8_t *)wire, n }, step), 0);
		assert_true(a.done);
		assert_int_equal(a.status, status);
		assert_int_equal(a.body.n, strlen(body));
		assert_memory_equal(a.body.p ? a.body.p : (const uint8_t *)"", body, strlen(body));
		answer_release(&a);
	}
}
#define EXPECT(wire, status, body) expect(wire, sizeof(wire) - 1, status, body)

static void answers_are_the_same_however_they_are_cut(void **state)
{
	(void)state;
	EXPECT("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello");
	EXPECT("HTTP/1.1 200 OK\r\ntransfer-encoding: "
	       "chunked\r\n\r\n5\r\nhello\r\n1;x=y\r\n!\r\n0\r\n\r\n",
	       200, "hello!");
	EXPECT("HTTP/1.1 404 Not Found\r\nContent-Length:0\r\n\r\n", 404, "");
	EXPECT("HTTP/1.1 204 No Content\r\n\r\n", 204, "");
	EXPECT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\nT: "
	       "x\r\n\r\n",
	       200, "0123456789");
}

static void a_body_without_length_lasts_until_the_end(void **state)
{
	struct answer a = { 0 };

	(void)state;
	assert_int_equal(feed(&a, SLICE_LIT("HTTP/1.0 200 OK\r\n\r\nabc"), 4), 0);
	assert_false(a.done);
	assert_int_equal(answer_end(&a), 0);
	assert_true(a.done);
	assert_int_equal(a.body.n, 3);
	answer_release(&a);
}

static void an_end_in_the_middle_is_an_error(void **state)
{
	static const char *const cut[] = {
		"", "HTTP/1.1 20", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
	};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct answer a = { 0 };

		assert_int_equal(feed(&a, slice_str(cut[i]), 7), 0);
		assert_int_equal(answer_end(&a), -EPIPE);
		answer_release(&a);
	}
}

static void what_is_not_http_is_refused(void **state)
{
	static const char *const bad[] = {
		"SSH-2.0-OpenSSH\r\n\r\n",
		"HTTP/2 200\r\n\r\n",
		"HTTP/1.1 abc OK\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\n\r\n",
		"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffffffff\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct answer a = { 0 };

		assert_int_equal(feed(&a, slice_str(bad[i]), 1000), -EBADMSG);
		answer_release(&a);
	}
}

static void heads_and_bodies_have_a_limit(void **state)
{
	static uint8_t piece[1 << 20];
	struct answer a = { 0 };
	int err = 0;

	(void)state;
	memset(piece, 'x', sizeof(piece));
	assert_int_equal(answer_feed(&a, (struct slice){ piece, 100000 }), -EMSGSIZE);
	answer_reset(&a);
	assert_int_equal(answer_feed(&a, SLICE_LIT("HTTP/1.1 200 OK\r\n\r\n")), 0);
	for (int i = 0; i < 100 && !err; i++)
		err = answer_feed(&a, (struct slice){ piece, sizeof(piece) });
	assert_int_equal(err, -EMSGSIZE);
	answer_release(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_are_the_same_however_they_are_cut),
		cmocka_unit_test(a_body_without_length_lasts_until_the_end),
		cmocka_unit_test(an_end_in_the_middle_is_an_error),
		cmocka_unit_test(what_is_not_http_is_refused),
		cmocka_unit_test(heads_and_bodies_have_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
