/* SPDX-License-Identifier: Apache-2.0 */
/* What is too large for a fixture: packets of 16 MB. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>

#include "drive.h"

#define MAX 0xffffffu

struct got {
	unsigned requests, answers;
	char statement_len[24], rows[24];
	uint64_t len, captured;
	unsigned flags;
};

static void attr(const struct flow_half *h, const char *key, char *ret, size_t size)
{
	for (size_t i = 0; i < h->nattrs; i++)
		if (strcmp(h->attrs[i].key, key) == 0)
			snprintf(ret, size, "%s", h->attrs[i].value);
}

static void on_msg(void *ctx, enum side side, struct msg *m)
{
	struct got *g = ctx;

	g->flags |= m->flags;
	if (side == SIDE_REQ) {
		g->requests++;
		attr(&m->half, "statement_len", g->statement_len, sizeof(g->statement_len));
		return;
	}
	g->answers++;
	attr(&m->half, "rows", g->rows, sizeof(g->rows));
	g->len += m->half.body.len;
	g->captured += m->half.body.captured;
}

static void header(struct drive *d, enum side side, size_t n, uint8_t seq)
{
	uint8_t h[4] = { (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), seq };

	drive_feed(d, side, (struct slice){ h, 4 });
}

/* n bytes of payload in packets, the last of them shorter than MAX. */
static uint8_t packets(struct drive *d, enum side side, const uint8_t *p, size_t n, uint8_t seq)
{
	size_t part;

	do {
		part = n < MAX ? n : MAX;
		header(d, side, part, seq++);
		for (size_t at = 0; at < part; at += 60000)
			drive_feed(d, side,
				   (struct slice){ p + at, part - at < 60000 ? part - at : 60000 });
		p += part;
		n -= part;
	} while (part == MAX);
	return seq;
}

static uint8_t small(struct drive *d, struct slice s, uint8_t seq)
{
	return packets(d, SIDE_RESP, s.p, s.n, seq);
}

/* A statement of n bytes, its answer a row of n bytes, and a ping. */
static void exchange(size_t n, struct got *g)
{
	static const char def[] = "\3def\0\0\0\0011\0\x0c\x21\0\1\0\0\0\xfd\0\0\0\0\0";
	struct drive d = { .p = proto_find("mysql"), .fn = on_msg, .ctx = g };
	uint8_t *p = malloc(n), seq;
	uint32_t inner = (uint32_t)n - 9;

	*g = (struct got){ 0 };
	assert_non_null(p);
	drive_begin(&d);
	memset(p, 'x', n);
	p[0] = 3;
	seq = packets(&d, SIDE_REQ, p, n, 0);
	seq = small(&d, SLICE_LIT("\1"), seq);
	seq = small(&d, (struct slice){ (const uint8_t *)def, sizeof(def) - 1 }, seq);
	seq = small(&d, SLICE_LIT("\xfe\0\0\2\0"), seq);
	p[0] = 0xfe;
	for (unsigned i = 0; i < 8; i++)
		p[1 + i] = i < 4 ? (uint8_t)(inner >> 8 * i) : 0;
	seq = packets(&d, SIDE_RESP, p, n, seq);
	small(&d, SLICE_LIT("\xfe\0\0\2\0"), seq);
	header(&d, SIDE_REQ, 1, 0);
	drive_feed(&d, SIDE_REQ, SLICE_LIT("\x0e"));
	small(&d, SLICE_LIT("\0\0\0\2\0\0\0"), 1);
	assert_false(d.broken);
	assert_int_equal(d.bad, 0);
	drive_release(&d);
	free(p);
}

static void expect(size_t n, const char *statement_len)
{
	struct got g;

	exchange(n, &g);
	assert_int_equal(g.requests, 2);
	assert_int_equal(g.answers, 2);
	assert_string_equal(g.statement_len, statement_len);
	assert_string_equal(g.rows, "1");
	assert_int_equal(g.len, n);
	assert_int_equal(g.captured, 1 << 20);
	assert_int_equal(g.flags, FLOW_TRUNCATED | FLOW_MIDSTREAM);
}

static void packets_of_16_mb_are_one(void **state)
{
	(void)state;
	expect(17000000, "16999999");
}

static void an_empty_packet_ends_one_of_full_length(void **state)
{
	(void)state;
	expect(MAX, "16777214");
	expect(2 * (size_t)MAX, "33554429");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_of_16_mb_are_one),
		cmocka_unit_test(an_empty_packet_ends_one_of_full_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
