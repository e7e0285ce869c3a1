/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "alloc.h"
#include "conn/stream.h"

#include <errno.h>
#include <stdlib.h>

#define KIB ((size_t)1024)

static struct slice bytes(const char *s)
{
	return slice_str(s);
}

static void expect_head(const struct stream *s, const char *want)
{
	struct slice head = stream_head(s);

	assert_int_equal(head.n, strlen(want));
	if (head.n)
		assert_memory_equal(head.p, want, head.n);
}

static void chunks_in_order_are_one_run_of_bytes(void **state)
{
	struct stream *s = stream_new(100, 0);
	uint64_t since;

	(void)state;
	assert_int_equal(stream_put(s, 0, bytes("abc"), 10), 0);
	assert_int_equal(stream_put(s, 3, bytes("def"), 20), 0);
	expect_head(s, "abcdef");
	assert_int_equal(stream_time(s, 2), 10);
	assert_int_equal(stream_time(s, 3), 20);
	assert_int_equal(stream_time(s, 99), 20);
	stream_consume(s, 4);
	expect_head(s, "ef");
	assert_int_equal(stream_time(s, 0), 20);
	assert_int_equal(stream_offset(s), 4);
	assert_false(stream_has_gap(s, &since));
	assert_int_equal(stream_skip_gap(s), 0);
	expect_head(s, "ef");
	stream_free(s);
}

static void late_chunk_fills_the_hole(void **state)
{
	struct stream *s = stream_new(100, 5);
	uint64_t since = 1;

	(void)state;
	assert_int_equal(stream_put(s, 11, bytes("ghi"), 30), 0);
	assert_int_equal(stream_put(s, 8, bytes("def"), 20), 0);
	expect_head(s, "");
	assert_true(stream_has_gap(s, &since));
	assert_int_equal(since, 20);
	assert_int_equal(stream_put(s, 5, bytes("abc"), 40), 0);
	expect_head(s, "abcdefghi");
	assert_false(stream_has_gap(s, &since));
	assert_int_equal(stream_time(s, 0), 40);
	assert_int_equal(stream_time(s, 3), 20);
	assert_int_equal(stream_time(s, 8), 30);
	stream_free(s);
}

static void first_copy_wins_where_chunks_overlap(void **state)
{
	struct stream *s = stream_new(1000, 0);

	(void)state;
	assert_int_equal(stream_put(s, 4, bytes("EF"), 1), 0);
	assert_int_equal(stream_put(s, 8, bytes("IJ"), 2), 0);
	assert_int_equal(stream_put(s, 2, bytes("cdefghijkl"), 3), 0);
	assert_int_equal(stream_put(s, 0, bytes("abcdefghijklmn"), 4), 0);
	expect_head(s, "abcdEFghIJklmn");
	stream_consume(s, 3);
	assert_int_equal(stream_put(s, 0, bytes("xxxxxx"), 5), 0); /* read already */
	expect_head(s, "dEFghIJklmn");
	stream_free(s);
}

static void gap_is_skipped_with_the_bytes_that_lead_into_it(void **state)
{
	struct stream *s = stream_new(100, 0);
	uint64_t since;

	(void)state;
	assert_int_equal(stream_put(s, 0, bytes("ab"), 1), 0);
	assert_int_equal(stream_put(s, 7, bytes("hi"), 2), 0);
	expect_head(s, "ab");
	assert_true(stream_has_gap(s, &since));
	assert_int_equal(stream_skip_gap(s), 5);
	expect_head(s, "hi");
	assert_int_equal(stream_offset(s), 7);
	assert_false(stream_has_gap(s, &since));
	stream_free(s);
}

static void bytes_known_to_be_lost_are_waited_for_by_nobody(void **state)
{
	struct stream *s = stream_new(100, 0);
	uint64_t since = 1;

	(void)state;
	assert_int_equal(stream_put(s, 0, bytes("ab"), 1), 0);
	assert_int_equal(stream_put_lost(s, 2, 1000000000000, 2), 0);
	assert_true(stream_has_gap(s, &since));
	assert_int_equal(since, 0);
	assert_int_equal(stream_put_lost(s, 1000000000002, 5, 2), 0);
	assert_int_equal(stream_put(s, 1000000000007, bytes("cd"), 3), 0);
	expect_head(s, "ab");
	stream_consume(s, 2);
	assert_int_equal(stream_skip_gap(s), 1000000000005);
	expect_head(s, "cd");
	assert_int_equal(stream_put_lost(s, 0, 4, 3), 0); /* all of it was seen */
	expect_head(s, "cd");
	stream_free(s);
}

static void what_is_missing_at_the_end_is_a_gap(void **state)
{
	struct stream *s = stream_new(100, 0);
	uint64_t since;

	(void)state;
	assert_int_equal(stream_put(s, 0, bytes("ab"), 7), 0);
	assert_int_equal(stream_end(s, 2), 0);
	assert_false(stream_has_gap(s, &since));
	assert_int_equal(stream_end(s, 12), 10);
	assert_true(stream_has_gap(s, &since));
	assert_int_equal(since, 7);
	assert_int_equal(stream_put(s, 4, bytes("ef"), 8), 0);
	assert_int_equal(stream_end(s, 12), 6);
	assert_int_equal(stream_skip_gap(s), 2);
	expect_head(s, "ef");
	stream_consume(s, 2);
	assert_int_equal(stream_skip_gap(s), 6);
	assert_int_equal(stream_offset(s), 12);
	assert_int_equal(stream_skip_gap(s), 0);
	stream_free(s);
}

static void unread_bytes_give_way_when_the_limit_is_reached(void **state)
{
	struct stream *s = stream_new(8, 0);
	uint64_t since = 1;

	(void)state;
	assert_int_equal(stream_put(s, 0, bytes("abcdef"), 1), 0);
	assert_int_equal(stream_put(s, 6, bytes("ghij"), 2), -EOVERFLOW);
	expect_head(s, ""); /* "c" does not follow what was read last */
	assert_true(stream_has_gap(s, &since));
	assert_int_equal(since, 0);
	assert_int_equal(stream_skip_gap(s), 2);
	expect_head(s, "cdefghij");
	assert_int_equal(stream_time(s, 3), 1);
	assert_int_equal(stream_time(s, 4), 2);
	assert_int_equal(stream_put(s, 10, bytes("0123456789"), 3), -EOVERFLOW); /* never fits */
	stream_consume(s, 8);
	assert_int_equal(stream_skip_gap(s), 10);
	assert_int_equal(stream_offset(s), 20);
	stream_free(s);
}

static void offset_that_wraps_is_refused(void **state)
{
	struct stream *s = stream_new(8, 0);

	(void)state;
	assert_int_equal(stream_put(s, UINT64_MAX - 1, bytes("abc"), 1), -EINVAL);
	assert_int_equal(stream_put_lost(s, UINT64_MAX - 1, 3, 1), -EINVAL);
	stream_free(s);
}

static void memory_stays_within_the_limit_and_is_given_back(void **state)
{
	static uint8_t chunk[16 * 1024];
	struct stream *s = stream_new(256 * KIB, 0);
	size_t empty = stream_held(s);
	uint64_t off = 0;

	(void)state;
	for (int i = 0; i < 1000; i++, off += sizeof(chunk)) {
		(void)stream_put(s, off, (struct slice){ chunk, sizeof(chunk) }, (uint64_t)i);
		assert_true(stream_held(s) <= 512 * KIB + 4 * KIB);
		(void)stream_skip_gap(s);
	}
	stream_consume(s, stream_head(s).n);
	stream_trim(s);
	assert_int_equal(stream_held(s), empty);
	stream_free(s);
}

/* Every byte of the stream is told by its offset, so what is read can be checked anywhere. */
static uint8_t byte_at(uint64_t off)
{
	return (uint8_t)(off * 2654435761u >> 13);
}

static void put_some(struct stream *s, uint64_t from, size_t n)
{
	static uint8_t chunk[512];

	for (size_t i = 0; i < n; i++)
		chunk[i] = byte_at(from + i);
	(void)stream_put(s, from, (struct slice){ chunk, n }, from + 1);
}

static void check_some(struct stream *s)
{
	struct slice head = stream_head(s);
	uint64_t off = stream_offset(s);

	for (size_t i = 0; i < head.n; i++)
		assert_int_equal(head.p[i], byte_at(off + i));
}

/* Random chunks around the read position, random reads, markers, skips, and failing allocations:
 * whatever is read is the byte that belongs there. */
static void a_byte_is_never_read_at_the_wrong_place(void **state)
{
	(void)state;
	srand(3);
	for (int round = 0; round < 300; round++) {
		struct stream *s = stream_new(2048, (uint64_t)(rand() % 100));

		for (int step = 0; step < 300; step++) {
			uint64_t off = stream_offset(s) + (uint64_t)(rand() % 1500);

			off -= off < 100 ? off : 100;
			if (rand() % 50 == 0)
				alloc_fail((size_t)(rand() % 3), 1);
			switch (rand() % 8) {
			case 0:
				stream_consume(s, (size_t)rand() % (stream_head(s).n + 1));
				break;
			case 1:
				(void)stream_skip_gap(s);
				break;
			case 2:
				(void)stream_put_lost(s, off, (uint64_t)(rand() % 300), 1);
				break;
			case 3:
				stream_trim(s);
				break;
			default:
				put_some(s, off, (size_t)(rand() % 512));
				break;
			}
			check_some(s);
			(void)alloc_refused();
			assert_true(stream_held(s) < 16 * KIB + 65536);
		}
		stream_free(s);
	}
}

/* Chunks of any size in any order, each at least once: all bytes come out, none is lost. */
static void order_and_repetition_do_not_matter(void **state)
{
	enum { TOTAL = 4000 };

	(void)state;
	srand(4);
	for (int round = 0; round < 200; round++) {
		struct stream *s = stream_new(1 << 20, 0);
		uint64_t cut[64], since;
		size_t n = 0, read = 0;

		for (uint64_t at = 0; at < TOTAL && n < 64; at += 1 + (uint64_t)(rand() % 300))
			cut[n++] = at;
		for (size_t i = 0; i < 4 * n; i++) {
			size_t k = i < 3 * n ? (size_t)rand() % n : i - 3 * n;
			uint64_t end = k + 1 < n ? cut[k + 1] : cut[k] + 50;

			put_some(s, cut[k], (size_t)(end - cut[k]));
			check_some(s);
			assert_true(stream_head(s).n == 0 ||
				    stream_time(s, 0) <= stream_offset(s) + 1);
			if (rand() % 4 == 0) {
				read += stream_head(s).n;
				stream_consume(s, stream_head(s).n);
			}
		}
		read += stream_head(s).n;
		assert_int_equal(read, cut[n - 1] + 50);
		assert_false(stream_has_gap(s, &since));
		stream_free(s);
	}
}

static void failed_allocation_becomes_a_gap(void **state)
{
	struct stream *s;
	uint64_t since;

	(void)state;
	alloc_fail(0, 1);
	assert_null(stream_new(100, 0));
	assert_true(alloc_refused());
	s = stream_new(1000, 0);
	alloc_fail(0, 1);
	assert_int_equal(stream_put(s, 0, bytes("abc"), 1), -ENOMEM);
	(void)alloc_refused();
	assert_int_equal(stream_put(s, 3, bytes("def"), 2), 0);
	assert_true(stream_has_gap(s, &since));
	assert_int_equal(stream_skip_gap(s), 3);
	expect_head(s, "def");
	alloc_fail(0, 2);
	assert_int_equal(stream_put(s, 10, bytes("klm"), 3), -ENOMEM);
	(void)alloc_refused();
	stream_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chunks_in_order_are_one_run_of_bytes),
		cmocka_unit_test(late_chunk_fills_the_hole),
		cmocka_unit_test(first_copy_wins_where_chunks_overlap),
		cmocka_unit_test(gap_is_skipped_with_the_bytes_that_lead_into_it),
		cmocka_unit_test(bytes_known_to_be_lost_are_waited_for_by_nobody),
		cmocka_unit_test(what_is_missing_at_the_end_is_a_gap),
		cmocka_unit_test(unread_bytes_give_way_when_the_limit_is_reached),
		cmocka_unit_test(offset_that_wraps_is_refused),
		cmocka_unit_test(memory_stays_within_the_limit_and_is_given_back),
		cmocka_unit_test(a_byte_is_never_read_at_the_wrong_place),
		cmocka_unit_test(order_and_repetition_do_not_matter),
		cmocka_unit_test(failed_allocation_becomes_a_gap),
	};

	return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
