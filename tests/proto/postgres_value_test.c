/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdlib.h>
#include "proto/postgres_value.h"

static const struct sample {
	uint32_t oid;
	struct slice v;
	const char *text; /* as PostgreSQL 15 prints it */
} samples[] = {
	{ 18, SLICE_LIT("\x00"), "" },
	{ 18, SLICE_LIT("\xff"), "\\377" },
	{ 21, SLICE_LIT("\x80\x00"), "-32768" },
	{ 20, SLICE_LIT("\x80\x00\x00\x00\x00\x00\x00\x00"), "-9223372036854775808" },
	{ 790, SLICE_LIT("\x80\x00\x00\x00\x00\x00\x00\x00"), "-92233720368547758.08" },
	{ 5069, SLICE_LIT("\xff\xff\xff\xff\xff\xff\xff\xff"), "18446744073709551615" },
	{ 700, SLICE_LIT("\x4b\x80\x00\x00"), "1.6777216e+07" },
	{ 700, SLICE_LIT("\x00\x00\x00\x01"), "1e-45" },
	{ 701, SLICE_LIT("\x7f\xef\xff\xff\xff\xff\xff\xff"), "1.7976931348623157e+308" },
	{ 701, SLICE_LIT("\x80\x00\x00\x00\x00\x00\x00\x00"), "-0" },
	{ 701, SLICE_LIT("\xff\xf0\x00\x00\x00\x00\x00\x00"), "-Infinity" },
	{ 1082, SLICE_LIT("\x00\x00\x00\x3b"), "2000-02-29" },
	{ 1082, SLICE_LIT("\xff\xff\xff\xff"), "1999-12-31" },
	{ 1083, SLICE_LIT("\x00\x00\x00\x14\x1d\xd7\x60\x00"), "24:00:00" },
	{ 1114, SLICE_LIT("\xff\xff\xff\xff\xff\xff\xff\xff"), "1999-12-31 23:59:59.999999" },
	{ 1114, SLICE_LIT("\x7f\xff\xff\xff\xff\xff\xff\xff"), "infinity" },
	{ 1186, SLICE_LIT("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), "00:00:00" },
	{ 1700, SLICE_LIT("\x00\x00\x00\x00\xf0\x00\x00\x00"), "-Infinity" },
	{ 1700, SLICE_LIT("\x00\x01\x00\x02\x40\x00\x00\x00\x00\x07"), "-700000000" },
	{ 1562, SLICE_LIT("\0\0\0\0"), "" },
	{ 22, SLICE_LIT("\0\0\0\1\0\0\0\0\0\0\0\x15\0\0\0\1\0\0\0\0\0\0\0\2\0\7"), "7" },
	/* no values of their types */
	{ 1007, SLICE_LIT("\0\0\0\7\0\0\0\0\0\0\0\x17"), "\\x000000070000000000000017" },
	{ 1007, SLICE_LIT("\0\0\0\1\0\0\0\0\0\0\0\x17\xff\xff\xff\xff\0\0\0\1"),
	  "\\x000000010000000000000017ffffffff00000001" },
	{ 3904, SLICE_LIT("\x02\0\0\0\4\0\0"), "\\x02000000040000" },
	{ 2950, SLICE_LIT("\x01"), "\\x01" },
	{ 3802, SLICE_LIT("\x02{}"), "\\x027b7d" },
};

static void binary_values_read_as_the_server_prints_them(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct buf b = { 0 };

		pg_value(&b, samples[i].oid, PG_BINARY, samples[i].v);
		buf_put(&b, (struct slice){ (const uint8_t *)"", 1 });
		assert_false(b.failed);
		assert_string_equal((const char *)b.p, samples[i].text);
		buf_release(&b);
	}
}

/* Each value cut at every byte: something is told of it, and nothing is read behind its end (the copy ends there). */
static void values_that_are_cut_are_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
		for (size_t n = 0; n < samples[i].v.n; n++) {
			uint8_t *copy = malloc(n ? n : 1);
			struct buf b = { 0 };

			assert_non_null(copy);
			memcpy(copy, samples[i].v.p, n);
			pg_value(&b, samples[i].oid, PG_BINARY, (struct slice){ copy, n });
			assert_true(n == 0 || b.n > 0);
			buf_release(&b);
			free(copy);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(binary_values_read_as_the_server_prints_them),
		cmocka_unit_test(values_that_are_cut_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
