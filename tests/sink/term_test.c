/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "sink/term.h"

static const char *text(struct buf *b)
{
	buf_put(b, SLICE_LIT("\0"));
	return (const char *)b->p;
}

static const char *put(const char *s, enum term_text how)
{
	static struct buf b;

	buf_release(&b);
	term_put(&b, slice_str(s), how);
	return text(&b);
}

static const char *cell(const char *s, size_t width, bool right)
{
	static struct buf b;

	buf_release(&b);
	term_cell(&b, slice_str(s), width, right);
	return text(&b);
}

static void nothing_acts_on_the_terminal(void **state)
{
	(void)state;
	assert_string_equal(put("a\033[2J\x7f\xc2\x9b\xff", TERM_LINE), "a\\x1b[2J\\x7f\\xc2\\x9b\\xff");
	assert_string_equal(put("a\r\n\tb", TERM_LINE), "a\\x0d\\x0a\\x09b");
	assert_string_equal(put("a\r\n\tb", TERM_LINES), "a\n\tb");
	assert_string_equal(put("select\n\t  1", TERM_CELL), "select 1");
	assert_string_equal(put("\xe2\x80\xae txt\xe2\x80\x8b", TERM_LINE), "\\u{202e} txt\\u{200b}");
	assert_string_equal(put("é日😀e\xcc\x81", TERM_LINE), "é日😀e\xcc\x81");
}

static void columns_are_those_of_a_grid(void **state)
{
	(void)state;
	assert_int_equal(term_columns(SLICE_LIT("abc")), 3);
	assert_int_equal(term_columns(SLICE_LIT("é→…")), 3);
	assert_int_equal(term_columns(SLICE_LIT("日本😀")), 6);
	assert_int_equal(term_columns(SLICE_LIT("e\xcc\x81x")), 2);
	assert_int_equal(term_columns(SLICE_LIT("")), 0);
}

static void a_cell_is_as_wide_as_it_is_said(void **state)
{
	(void)state;
	assert_string_equal(cell("ab", 4, false), "ab  ");
	assert_string_equal(cell("ab", 4, true), "  ab");
	assert_string_equal(cell("abcd", 4, false), "abcd");
	assert_string_equal(cell("abcde", 4, false), "abc…");
	assert_string_equal(cell("日本語", 4, false), "日… "); /* half a character is none */
	assert_string_equal(cell("日本語", 5, false), "日本…");
	assert_string_equal(cell("abc", 1, false), "…");
	assert_string_equal(cell("abc", 0, false), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_acts_on_the_terminal),
		cmocka_unit_test(columns_are_those_of_a_grid),
		cmocka_unit_test(a_cell_is_as_wide_as_it_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
