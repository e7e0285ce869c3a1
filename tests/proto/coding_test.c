/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdlib.h>

#include <brotli/encode.h>
#include <zlib.h>
#include <zstd.h>

#include "alloc.h"
#include "proto/coding.h"

#define LIT(s) SLICE_LIT(s)

static struct slice zlib_pack(struct slice in, int bits)
{
	size_t room = in.n + in.n / 8 + 256;
	uint8_t *p = malloc(room);
	z_stream z = { .next_in = (Bytef *)(uintptr_t)in.p,
		       .avail_in = (uInt)in.n,
		       .next_out = p,
		       .avail_out = (uInt)room };

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, bits, 9, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return (struct slice){ p, z.total_out };
}

static struct slice pack(const char *how, struct slice in)
{
	size_t room = in.n + in.n / 8 + 1024;
	uint8_t *p;

	if (strcmp(how, "gzip") == 0)
		return zlib_pack(in, 16 + 15);
	if (strcmp(how, "deflate") == 0)
		return zlib_pack(in, 15);
	if (strcmp(how, "raw") == 0)
		return zlib_pack(in, -15);
	p = malloc(room);
	if (strcmp(how, "br") == 0) {
		assert_true(
			BrotliEncoderCompress(5, 22, BROTLI_MODE_GENERIC, in.n, in.p, &room, p));
	} else {
		room = ZSTD_compress(p, room, in.p, in.n, 3);
		assert_false(ZSTD_isError(room));
	}
	return (struct slice){ p, room };
}

static void drop(struct slice s)
{
	free((void *)(uintptr_t)s.p);
}

static const struct {
	const char *name, *how;
} kinds[] = { { "gzip", "gzip" },   { "X-GZIP", "gzip" }, { "deflate", "deflate" },
	      { "deflate", "raw" }, { "br", "br" },	  { "zstd", "zstd" } };
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static struct slice sample(size_t n)
{
	uint8_t *p = malloc(n + 1);
	uint32_t x = 1;

	for (size_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		p[i] = (uint8_t) "abcdefgh0123"[(x >> 24) % 12];
	}
	return (struct slice){ p, n };
}

static void every_coding_gives_back_what_went_in(void **state)
{
	(void)state;
	for (size_t k = 0; k < KINDS; k++) {
		for (size_t n = 1; n < 300000; n = n * 7 + 16384 % n) {
			struct slice plain = sample(n), packed = pack(kinds[k].how, plain), out;
			struct slice in = guarded(packed);
			struct arena *a = arena_new(1 << 20);

			assert_int_equal(
				coding_undo(a, slice_str(kinds[k].name), in, 1 << 20, false, &out),
				CODING_OK);
			assert_true(slice_eq(out, plain));
			arena_free(a);
			guarded_free(in);
			drop(packed);
			drop(plain);
		}
	}
}

static void output_of_whole_pieces_is_no_error(void **state)
{
	(void)state;
	for (size_t k = 0; k < KINDS; k++) {
		struct slice plain = sample(16384 * 8), packed = pack(kinds[k].how, plain), out;
		struct arena *a = arena_new(1 << 20);

		assert_int_equal(
			coding_undo(a, slice_str(kinds[k].name), packed, 1 << 20, false, &out),
			CODING_OK);
		assert_true(slice_eq(out, plain));
		arena_free(a);
		drop(packed);
		drop(plain);
	}
}

static void first_part_is_an_error_unless_partial(void **state)
{
	(void)state;
	for (size_t k = 0; k < KINDS; k++) {
		struct slice plain = sample(300000), packed = pack(kinds[k].how, plain), out = { 0 };

		for (size_t n = 1; n < packed.n; n += 1 + n / 9) {
			struct arena *a = arena_new(1 << 20);
			struct slice in = guarded(slice_cut(packed, 0, n));
			enum coding_end end;

			end = coding_undo(a, slice_str(kinds[k].name), in, 1 << 20, false, &out);
			assert_int_equal(end, CODING_ERROR);
			end = coding_undo(a, slice_str(kinds[k].name), in, 1 << 20, true, &out);
			assert_int_equal(end, CODING_OK);
			assert_true(out.n <= plain.n &&
				    memcmp(out.p ? out.p : plain.p, plain.p, out.n) == 0);
			arena_free(a);
			guarded_free(in);
		}
		assert_true(out.n > 0);
		drop(packed);
		drop(plain);
	}
}

static void output_stops_at_max(void **state)
{
	struct slice zeros = { calloc(1, 8 << 20), 8 << 20 };

	(void)state;
	for (size_t k = 0; k < KINDS; k++) {
		struct slice packed = pack(kinds[k].how, zeros), out = { 0 };
		struct arena *a = arena_new(1 << 20);

		assert_int_equal(
			coding_undo(a, slice_str(kinds[k].name), packed, 100000, false, &out),
			CODING_CUT);
		assert_int_equal(out.n, 100000);
		assert_true(arena_used(a) < 300000);
		arena_free(a);
		drop(packed);
	}
	drop(zeros);
}

static void output_stops_at_the_ratio(void **state)
{
	struct slice zeros = { calloc(1, 8 << 20), 8 << 20 }, out = { 0 };
	struct slice packed = pack("br", zeros);
	struct arena *a = arena_new(16 << 20);

	(void)state;
	assert_true(packed.n < 100);
	assert_int_equal(coding_undo(a, LIT("br"), packed, 8 << 20, false, &out), CODING_CUT);
	assert_int_equal(out.n, CODING_FLOOR);
	arena_free(a);
	drop(packed);
	drop(zeros);
}

static void lists_are_undone_from_the_end(void **state)
{
	struct slice plain = sample(5000), inner = pack("gzip", plain), outer = pack("br", inner);
	struct slice out;
	struct arena *a = arena_new(1 << 20);

	(void)state;
	assert_int_equal(coding_undo(a, LIT("gzip, identity ,,\tBR"), outer, 1 << 20, false, &out),
			 CODING_OK);
	assert_true(slice_eq(out, plain));
	assert_int_equal(coding_undo(a, LIT("br, gzip"), outer, 1 << 20, false, &out),
			 CODING_ERROR);
	assert_int_equal(coding_undo(a, LIT("identity"), plain, 1 << 20, false, &out), CODING_OK);
	assert_ptr_equal(out.p, plain.p);
	arena_free(a);
	drop(plain);
	drop(inner);
	drop(outer);
}

static void unknown_and_endless_lists_are_errors(void **state)
{
	struct arena *a = arena_new(1 << 20);
	struct slice out = LIT("untouched");

	(void)state;
	assert_int_equal(coding_undo(a, LIT("compress"), LIT("x"), 100, false, &out), CODING_ERROR);
	assert_int_equal(
		coding_undo(a, LIT("gzip,gzip,gzip,gzip,gzip"), LIT("x"), 100, false, &out),
		CODING_ERROR);
	assert_int_equal(coding_undo(a, LIT("gzip"), LIT("no gzip"), 100, false, &out),
			 CODING_ERROR);
	assert_int_equal(coding_undo(a, LIT("br"), LIT("\xff\xff\xff"), 100, true, &out),
			 CODING_ERROR);
	assert_int_equal(coding_undo(a, LIT("zstd"), LIT("no zstd"), 100, true, &out),
			 CODING_ERROR);
	assert_true(slice_eq(out, LIT("untouched")));
	arena_free(a);
}

static void several_gzip_members_are_one_body(void **state)
{
	struct slice one = pack("gzip", LIT("Hello, ")), two = pack("gzip", LIT("world")), out;
	struct buf b = { 0 };
	struct arena *a = arena_new(1 << 20);

	(void)state;
	buf_put(&b, one);
	buf_put(&b, two);
	assert_int_equal(coding_undo(a, LIT("gzip"), buf_slice(&b), 100, false, &out), CODING_OK);
	assert_true(slice_eq(out, LIT("Hello, world")));
	buf_release(&b);
	drop(one);
	drop(two);
	arena_free(a);
}

static void window_beyond_8_mib_is_refused(void **state)
{
	struct slice zeros = { calloc(1, 32 << 20), 32 << 20 }, out;
	uint8_t *p = malloc(1 << 20);
	struct arena *a = arena_new(1 << 20);
	ZSTD_CCtx *c = ZSTD_createCCtx();
	size_t n;

	(void)state;
	ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, 25);
	ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, 0);
	n = ZSTD_compress2(c, p, 1 << 20, zeros.p, zeros.n);
	assert_false(ZSTD_isError(n));
	assert_int_equal(coding_undo(a, LIT("zstd"), (struct slice){ p, n }, 1000, false, &out),
			 CODING_ERROR);
	ZSTD_freeCCtx(c);
	free(p);
	arena_free(a);
	drop(zeros);
}

static void no_memory_is_said(void **state)
{
	struct slice plain = sample(50000), inner = pack("br", plain), outer = pack("gzip", inner);
	struct slice out = { 0 };
	struct arena *small = arena_new(1000);

	(void)state;
	assert_int_equal(coding_undo(small, LIT("br, gzip"), outer, 1 << 20, false, &out),
			 CODING_NOMEM);
	for (size_t n = 0; n < 100; n++) {
		struct arena *a = arena_new(1 << 20);
		enum coding_end end;

		alloc_fail(n, 1);
		end = coding_undo(a, LIT("br, gzip"), outer, 1 << 20, false, &out);
		if (!alloc_refused()) {
			assert_true(n > 2);
			n = 100;
		} else if (end != CODING_OK) { /* growing in place may fail and moving succeed */
			assert_int_equal(end, CODING_NOMEM);
		}
		arena_free(a);
	}
	arena_free(small);
	drop(plain);
	drop(inner);
	drop(outer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_coding_gives_back_what_went_in),
		cmocka_unit_test(output_of_whole_pieces_is_no_error),
		cmocka_unit_test(first_part_is_an_error_unless_partial),
		cmocka_unit_test(output_stops_at_max),
		cmocka_unit_test(output_stops_at_the_ratio),
		cmocka_unit_test(lists_are_undone_from_the_end),
		cmocka_unit_test(unknown_and_endless_lists_are_errors),
		cmocka_unit_test(several_gzip_members_are_one_body),
		cmocka_unit_test(window_beyond_8_mib_is_refused),
		cmocka_unit_test(no_memory_is_said),
	};

	return cmocka_run_group_tests_name("coding", tests, NULL, NULL);
}
