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

static void what_is_unseen_depends_on_the_hook(void **state)
{
	struct tap_hook plain = { .sends = true, .used = TAP_BACKEND_TRACEPOINT };
	struct tap_hook traced = { .sends = true, .traced = true, .used = TAP_BACKEND_TRACEPOINT };
	struct tap_hook fentry = { .sends = true, .used = TAP_BACKEND_FENTRY };
	size_t lacks[3] = { 0 };

	(void)state;
	for (size_t i = 0; i < sight_nrows; i++) {
		if (!sight_rows[i].sends)
			continue;
		lacks[0] += !sight_is_whole(&sight_rows[i], &plain);
		lacks[1] += !sight_is_whole(&sight_rows[i], &traced);
		lacks[2] += !sight_is_whole(&sight_rows[i], &fentry);
	}
	assert_int_equal(lacks[0], 3);
	assert_int_equal(lacks[1], 0);
	assert_int_equal(lacks[2], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_documentation_has_every_row),
		cmocka_unit_test(what_is_unseen_depends_on_the_hook),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
