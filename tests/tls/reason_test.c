/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdio.h>
#include <string.h>

#include "tls/marks.h"

/* The codes are a public interface: docs/tls.md has each, in this order. */
static void every_reason_is_said_in_full_and_in_the_docs(void **state)
{
	static char docs[65536];
	FILE *f = fopen("docs/tls.md", "re");
	const char *at = docs;

	(void)state;
	assert_non_null(f);
	assert_in_range(fread(docs, 1, sizeof(docs) - 1, f), 1000, sizeof(docs) - 2);
	(void)fclose(f);
	for (int i = 0; i < TLS_WHY_MAX; i++) {
		const struct tls_reason_text *t = tls_reason_text((enum tls_reason)i);
		char row[64];

		assert_non_null(t->code);
		assert_true(t->text[strlen(t->text) - 1] == '.');
		(void)snprintf(row, sizeof(row), "\n| `%s` | ", t->code);
		at = strstr(at, row);
		assert_non_null(at);
	}
}

static void a_reason_out_of_range_is_unknown(void **state)
{
	(void)state;
	assert_string_equal(tls_reason_text((enum tls_reason)200)->code, "unknown");
}

static void libraries_are_known_by_their_files(void **state)
{
	(void)state;
	assert_string_equal(tls_mark_of_file("/usr/lib/libgnutls.so.30.34.3")->name, "gnutls");
	assert_string_equal(tls_mark_of_file("libnetty_tcnative_linux_x86.so")->name, "boringssl");
	assert_string_equal(tls_mark_of_file("/usr/lib/libssl3.so")->name, "nss");
	assert_string_equal(tls_mark_of_file("/usr/lib/libssl.so.3")->name, "openssl");
	assert_int_equal(tls_mark_of_file("/opt/java/lib/server/libjvm.so")->reason, TLS_WHY_JAVA);
	assert_null(tls_mark_of_file("/usr/lib/libgnutls.so.d/libz.so.1"));
	assert_null(tls_mark_of_file(""));
	for (const struct tls_mark *m = tls_marks_in_program; m->text; m++)
		assert_true(m->len <= TLS_MARK_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_reason_is_said_in_full_and_in_the_docs),
		cmocka_unit_test(a_reason_out_of_range_is_unknown),
		cmocka_unit_test(libraries_are_known_by_their_files),
	};

	return cmocka_run_group_tests_name("reason", tests, NULL, NULL);
}
