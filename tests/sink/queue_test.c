/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "sink/queue.h"

static void push(struct queue *q, uint64_t seq, size_t n)
{
	struct buf b = { 0 };
	uint8_t *p = buf_room(&b, n);

	assert_non_null(p);
	memset(p, (int)seq, n);
	b.n = n;
	assert_int_equal(queue_push(q, seq, 10, 3, &b), 0);
	assert_int_equal(b.n, 0);
	buf_release(&b);
}

static void send(struct queue *q, unsigned n)
{
	while (n-- > 0) {
		struct batch *b = queue_next(q);

		assert_non_null(b);
		b->tries++;
		b->sent = true;
	}
}

static void batches_leave_in_order_when_acknowledged(void **state)
{
	struct queue q = { .max = 1 << 20 };

	(void)state;
	for (uint64_t i = 1; i <= 5; i++)
		push(&q, i, 1000);
	send(&q, 3);
	assert_int_equal(queue_next(&q)->seq, 4);
	assert_int_equal(queue_ack(&q, 2), 2);
	assert_int_equal(q.head->seq, 3);
	assert_int_equal(queue_ack(&q, 5), 1); /* 4 and 5 never went out: a hub cannot have them */
	assert_int_equal(q.head->seq, 4);
	assert_int_equal(q.head->flows.n, 1000);
	assert_int_equal(q.head->flows.p[999], 4);
	send(&q, 2);
	assert_null(queue_next(&q));
	queue_rewind(&q);
	assert_int_equal(queue_next(&q)->seq, 4);
	assert_int_equal(queue_ack(&q, UINT64_MAX), 2);
	assert_int_equal(q.bytes, 0);
	push(&q, 6, 10);
	assert_int_equal(queue_next(&q)->seq, 6);
	queue_release(&q);
}

static void over_the_limit_the_oldest_unsent_goes_first(void **state)
{
	struct queue q = { .max = 10000 };

	(void)state;
	for (uint64_t i = 1; i <= 4; i++)
		push(&q, i, 2000);
	assert_true(queue_trim(&q, 0));
	send(&q, 2);
	assert_true(queue_trim(&q, 3000)); /* 3 gives way */
	assert_int_equal(q.dropped_flows, 7);
	assert_int_equal(queue_next(&q)->seq, 4);
	assert_true(queue_trim(&q, 5000)); /* 4 */
	assert_null(queue_next(&q));
	assert_true(queue_trim(&q, 7000)); /* 1, though sent */
	assert_int_equal(q.head->seq, 2);
	q.head->busy = true;
	assert_false(queue_trim(&q, 9000)); /* half of 2 is out */
	assert_int_equal(q.dropped_flows, 21);
	assert_int_equal(q.dropped_updates, 9); /* of flows that went on */
	assert_int_equal(queue_ack(&q, 9), 0);
	queue_rewind(&q);
	assert_false(queue_trim(&q, 10001));
	assert_null(q.head);
	push(&q, 7, 10);
	assert_int_equal(queue_next(&q)->seq, 7);
	queue_release(&q);
}

static void a_batch_the_hub_keeps_refusing_is_dropped(void **state)
{
	struct queue q = { .max = 1 << 20 };

	(void)state;
	push(&q, 1, 100);
	push(&q, 2, 100);
	queue_refused(&q, 3); /* nothing was sent: nothing is to blame */
	for (int i = 0; i < 3; i++) {
		assert_int_equal(q.head->seq, 1);
		send(&q, 2);
		queue_refused(&q, 3);
		queue_rewind(&q);
	}
	assert_int_equal(q.head->seq, 2);
	assert_int_equal(q.dropped_flows, 7);
	queue_release(&q);
}

static void small_batches_hold_no_large_buffers(void **state)
{
	struct queue q = { .max = SIZE_MAX };
	struct buf b = { 0 };

	(void)state;
	for (uint64_t i = 1; i <= 100; i++) {
		assert_non_null(buf_room(&b, 1 << 20));
		b.n = 100;
		assert_int_equal(queue_push(&q, i, 1, 0, &b), 0);
	}
	assert_true(q.bytes < 100 * 400);
	assert_true(b.cap >= 1 << 20); /* reused */
	assert_non_null(buf_room(&b, 30 << 20));
	b.n = 17 << 20;
	assert_int_equal(queue_push(&q, 101, 1, 0, &b), 0);
	assert_true(q.bytes < (18 << 20));
	buf_release(&b);
	queue_release(&q);
}

/* Lines as flows have them: the same words, other numbers. */
static void push_text(struct queue *q, uint64_t seq, size_t n)
{
	struct buf b = { 0 };

	for (unsigned i = 0; b.n < n; i++)
		buf_printf(&b, "GET /users/%u%llu HTTP/1.1 Host: api.example Accept: text/html\n", i * 7919,
			   (unsigned long long)seq);
	assert_true(queue_trim(q, b.n));
	assert_int_equal(queue_push(q, seq, 100, 0, &b), 0);
	buf_release(&b);
}

static void a_crowded_queue_packs_what_comes(void **state)
{
	struct queue q = { .max = 8 << 20 };
	struct buf want = { 0 };
	struct slice got;

	(void)state;
	for (uint64_t i = 1; i <= 40; i++)
		push_text(&q, i, 1 << 20);
	assert_int_equal(q.dropped_flows, 0); /* 40 MiB in 8 */
	assert_true(q.bytes < 8 << 20);
	for (uint64_t i = 1; i <= 40; i++) {
		struct batch *b = queue_next(&q);

		for (unsigned k = 0; want.n < 1 << 20; k++)
			buf_printf(&want, "GET /users/%u%llu HTTP/1.1 Host: api.example Accept: text/html\n",
				   k * 7919, (unsigned long long)i);
		assert_int_equal(b->seq, i);
		assert_int_equal(queue_flows_size(b), want.n);
		assert_int_equal(queue_flows(&q, b, &got), 0);
		assert_int_equal(got.n, want.n);
		assert_memory_equal(got.p, want.p, want.n);
		buf_clear(&want);
		send(&q, 1);
		queue_flows_done(&q);
	}
	queue_rewind(&q); /* sent again, they are the same */
	q.head->tries = 1;
	assert_int_equal(queue_ack(&q, 40), 40);
	assert_null(q.pack);
	assert_null(q.unpack);
	assert_null(q.out.p);
	buf_release(&want);
	queue_release(&q);
}

static void random(uint8_t *p, size_t n)
{
	uint64_t x = 88172645463325252ull;

	for (size_t i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		p[i] = (uint8_t)x;
	}
}

/* The bound holds for bytes that do not get smaller, with all that packing and sending need. */
static void the_bound_holds_for_bytes_that_cannot_be_packed(void **state)
{
	struct queue q = { .max = 8 << 20 };
	struct buf b = { 0 };

	(void)state;
	for (uint64_t i = 1; i <= 40; i++) {
		struct slice out;

		assert_non_null(buf_room(&b, 1 << 20));
		random(b.p, 1 << 20);
		b.n = i % 2 ? 1 << 20 : 700000;
		assert_true(queue_trim(&q, b.n));
		assert_int_equal(queue_push(&q, i, 10, 0, &b), 0);
		assert_true(q.bytes + q.spare.cap + q.out.cap <= 8 << 20);
		if (i % 4 == 0) {
			assert_int_equal(queue_flows(&q, queue_next(&q), &out), 0);
			send(&q, 1);
		}
	}
	assert_true(q.dropped_flows >= 300);
	assert_true(q.bytes > 6 << 20);
	buf_release(&b);
	queue_release(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(batches_leave_in_order_when_acknowledged),
		cmocka_unit_test(over_the_limit_the_oldest_unsent_goes_first),
		cmocka_unit_test(a_batch_the_hub_keeps_refusing_is_dropped),
		cmocka_unit_test(small_batches_hold_no_large_buffers),
		cmocka_unit_test(a_crowded_queue_packs_what_comes),
		cmocka_unit_test(the_bound_holds_for_bytes_that_cannot_be_packed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
