/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap/sight.h"

/* The tests run in the repository. */
static char *read_doc(void)
{
	char *text = calloc(1, 65536);
	FILE *f = fopen("docs/capture.md", "re");

	assert_non_null(text);
	assert_non_null(f);
	assert_true(fread(text, 1, 65535, f) > 0);
	(void)fclose(f); /* only read */
	return text;
}

static void the_documentation_has_every_row(void **state)
{
	char *doc = read_doc(), row[400];
	size_t rows = 0;

	(void)state;
	for (size_t i = 0; i < sight_nrows; i++) {
		const struct sight_row *r = &sight_rows[i];

		(void)snprintf(row, sizeof(row), "\n| %s | %s | %s | %s |\n", r->what,
			       sight_text(r->by[TAP_BACKEND_TRACEPOINT]),
			       sight_text(r->by[TAP_BACKEND_KPROBE]),
			       sight_text(r->by[TAP_BACKEND_FENTRY]));
		if (!strstr(doc, row))
			fail_msg("docs/capture.md lacks the row: %s", row);
	}
	for (const char *p = strstr(doc, "| way |"); p && p[0] == '|'; p = strchr(p, '\n') + 1)
		rows++;
	assert_int_equal(rows, sight_nrows + 2); /* head and line */
	free(doc);
}

/* How many of the rows that send (or receive) are shown so. */
static size_t count(const struct tap_hook *h, enum sight s)
{
	size_t n = 0;

	for (size_t i = 0; i < sight_nrows; i++)
		n += sight_rows[i].sends == h->sends && sight_now(&sight_rows[i], h) == s;
	return n;
}

static void what_is_unseen_depends_on_the_hook(void **state)
{
	struct tap_hook old = { .sends = true, .used = TAP_BACKEND_TRACEPOINT };
	struct tap_hook told = { .sends = true, .told = true, .used = TAP_BACKEND_TRACEPOINT };
	struct tap_hook traced = { .sends = true, .told = true, .traced = true, .used = TAP_BACKEND_TRACEPOINT };
	struct tap_hook receives = { .told = true, .traced = true, .used = TAP_BACKEND_TRACEPOINT };
	struct tap_hook fentry = { .sends = true, .used = TAP_BACKEND_FENTRY };

	(void)state;
	assert_int_equal(count(&old, SIGHT_NOTHING), 3); /* AF_UNIX, UDP and kernel TLS by io_uring */
	assert_int_equal(count(&told, SIGHT_NOTHING), 0);
	assert_int_equal(count(&told, SIGHT_HOLE) - count(&traced, SIGHT_HOLE), 3);
	assert_int_equal(count(&receives, SIGHT_NOTHING), 0);
	receives.traced = false;
	assert_int_equal(count(&receives, SIGHT_HOLE), 8);
	assert_int_equal(count(&fentry, SIGHT_HOLE), 0);
}

static void with_only_tcp_nothing_else_is_seen(void **state)
{
	struct tap_hook traced = { .only_tcp = true, .told = true, .traced = true, .used = TAP_BACKEND_TRACEPOINT };
	struct tap_hook fentry = { .only_tcp = true, .used = TAP_BACKEND_FENTRY };

	(void)state;
	for (size_t i = 0; i < sight_nrows; i++) {
		const struct sight_row *r = &sight_rows[i];
		bool ktls = r->l4 == SIGHT_KTLS;

		if (r->l4 == EV_TCP)
			continue;
		assert_int_equal(sight_now(r, &traced), ktls ? SIGHT_HOLE : SIGHT_NOTHING);
		assert_int_equal(sight_now(r, &fentry), ktls ? SIGHT_HOLE : SIGHT_NOTHING);
	}
	traced.sends = fentry.sends = true;
	assert_int_equal(sight_now(&sight_rows[0], &traced), SIGHT_BYTES);
	assert_int_equal(sight_now(&sight_rows[0], &fentry), SIGHT_BYTES);
}

/* Whether it is an item of its own of the list, which has ": " before the first and ";" before the others. */
static bool lists(const char *list, const char *what)
{
	for (const char *p = strstr(list, what); p; p = strstr(p + 1, what))
		if (p[-2] == ';' || p[-2] == ':')
			return true;
	return false;
}

/* What no back end shows whole has to be said to be so. */
static void what_nobody_sees_is_named(void **state)
{
	char *doc = read_doc(), *list = strstr(doc, "No back end shows the bytes of"), *end;

	(void)state;
	assert_non_null(list);
	end = strstr(list, "\n\n");
	if (end)
		*end = '\0';
	for (size_t i = 0; i < sight_nrows; i++) {
		const struct sight_row *r = &sight_rows[i];
		bool seen = r->by[TAP_BACKEND_FENTRY] <= SIGHT_BYTES_TOLD ||
			    r->by[TAP_BACKEND_TRACEPOINT] <= SIGHT_BYTES_TOLD;

		if (seen == lists(list, r->what))
			fail_msg("docs/capture.md is wrong about: %s", r->what);
	}
	free(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_documentation_has_every_row),
		cmocka_unit_test(what_is_unseen_depends_on_the_hook),
		cmocka_unit_test(with_only_tcp_nothing_else_is_seen),
		cmocka_unit_test(what_nobody_sees_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
