/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdio.h>

static void cursor_sticks_at_the_end(void **state)
{
	struct slice in = guarded(SLICE_LIT("\x01\x02\x03"));
	struct rd r = rd_init(in);

	(void)state;
	assert_int_equal(rd_be16(&r), 0x0102);
	assert_int_equal(rd_be16(&r), 0);
	assert_true(r.short_read);
	assert_int_equal(rd_u8(&r), 0); /* the byte is there, but an earlier read failed */
	guarded_free(in);
}

static void line_ends_with_lf_or_crlf(void **state)
{
	struct rd r = rd_init(SLICE_LIT("a\r\nb\n\nrest"));

	(void)state;
	assert_true(slice_eq(rd_line(&r), SLICE_LIT("a")));
	assert_true(slice_eq(rd_line(&r), SLICE_LIT("b")));
	assert_int_equal(rd_line(&r).n, 0);
	assert_false(r.short_read);
	assert_int_equal(rd_line(&r).n, 0);
	assert_true(r.short_read);
}

static void utf8_is_strict(void **state)
{
	static const char *const bad[] = { "\x80", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\xff" };

	(void)state;
	assert_true(slice_is_utf8(SLICE_LIT("plain, \xc3\xa9, \xe2\x82\xac, \xf0\x9f\x98\x80")));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(slice_is_utf8(slice_str(bad[i])));
}

/* What is looked at eight or sixteen bytes at once says the same as a byte at a time, wherever the odd byte lies. */
static void long_text_is_read_like_short_text(void **state)
{
	(void)state;
	for (size_t n = 1; n <= 40; n++)
		for (size_t at = 0; at < n; at++) {
			char text[41] = { 0 }, other[41], json[100];
			struct slice s = { (const uint8_t *)text, n }, o = { (const uint8_t *)other, n };
			struct buf b = { 0 };

			memset(text, 'k', n);
			memset(other, 'K', n);
			assert_true(slice_eq_nocase(s, o));
			assert_true(slice_is_utf8(s));
			other[at] = '+'; /* 'K' but for the bit that tells upper from lower case is none of it */
			assert_false(slice_eq_nocase(s, o));
			other[at] = 'k' ^ 0x80;
			assert_false(slice_eq_nocase(s, o));
			text[at] = '@';
			other[at] = '`'; /* differ in that bit alone, and are no letters */
			assert_false(slice_eq_nocase(s, o));
			text[at] = '"';
			buf_put_json_str(&b, s);
			(void)snprintf(json, sizeof(json), "\"%.*s\\%s\"", (int)at, text, text + at);
			assert_int_equal(b.n, n + 3);
			assert_memory_equal(b.p, json, b.n);
			text[at] = '\x80';
			assert_false(slice_is_utf8(s));
			buf_clear(&b);
			buf_put_json_str(&b, s);
			assert_int_equal(b.n, n + 4);
			assert_memory_equal(b.p + 1 + at, "\xef\xbf\xbd", 3);
			buf_release(&b);
		}
}

static void json_string_escapes_and_replaces(void **state)
{
	struct buf b = { 0 };

	(void)state;
	buf_put_json_str(&b, SLICE_LIT("a\"\\\n\x01\xff\xc3\xa9\x7f"));
	assert_true(slice_eq(buf_slice(&b), SLICE_LIT("\"a\\\"\\\\\\n\\u0001\xef\xbf\xbd\xc3\xa9\\u007f\"")));
	buf_release(&b);
}

static void base64_pads(void **state)
{
	struct buf b = { 0 };

	(void)state;
	buf_put_base64(&b, SLICE_LIT("f"));
	buf_put_base64(&b, SLICE_LIT("fo"));
	buf_put_base64(&b, SLICE_LIT("foo"));
	assert_true(slice_eq(buf_slice(&b), SLICE_LIT("Zg==Zm8=Zm9v")));
	buf_release(&b);
}

static void find_stops_at_the_end(void **state)
{
	struct slice s = guarded(SLICE_LIT("ababc"));

	(void)state;
	assert_int_equal(slice_find(s, SLICE_LIT("abc"), 0), 2);
	assert_int_equal(slice_find(s, SLICE_LIT("abc"), 3), s.n);
	assert_int_equal(slice_find(s, SLICE_LIT("cd"), 0), s.n);
	guarded_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cursor_sticks_at_the_end), cmocka_unit_test(line_ends_with_lf_or_crlf),
		cmocka_unit_test(utf8_is_strict),	    cmocka_unit_test(json_string_escapes_and_replaces),
		cmocka_unit_test(long_text_is_read_like_short_text),
		cmocka_unit_test(base64_pads),		    cmocka_unit_test(find_stops_at_the_end),
	};

	return cmocka_run_group_tests_name("bytes", tests, NULL, NULL);
}
