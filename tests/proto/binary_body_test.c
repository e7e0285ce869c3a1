/* SPDX-License-Identifier: Apache-2.0 */
/* MessagePack by the samples of its specification, CBOR by those of RFC 8949, appendix A; then bytes that nobody should have sent. */
#include "test.h"

#include <stdlib.h>

#include "flow/flow.h"
#include "proto/binary_body.h"

typedef bool (*decode_fn)(struct buf *out, struct slice in, bool partial);

static struct buf unhex(const char *s)
{
	struct buf b = { 0 };

	for (; s[0] && s[1]; s += 2) {
		char two[3] = { s[0], s[1], 0 };
		uint8_t c = (uint8_t)strtoul(two, NULL, 16);

		buf_put(&b, (struct slice){ &c, 1 });
	}
	return b;
}

/* want NULL: it is refused, and nothing is left behind. */
static void expect_of(decode_fn fn, const char *hex, bool partial, const char *want)
{
	struct buf in = unhex(hex), out = { 0 };
	bool ok;

	buf_puts(&out, "before");
	ok = fn(&out, buf_slice(&in), partial);
	buf_put(&out, (struct slice){ (const uint8_t *)"", 1 });
	if (ok != (want != NULL) || strcmp((const char *)out.p + 6, want ? want : "") != 0)
		fail_msg("%s: %d %s, not %s", hex, ok, (const char *)out.p + 6, want ? want : "refused");
	if (ok)
		assert_true(flow_shown_ok((struct slice){ out.p + 6, out.n - 7 }));
	buf_release(&in);
	buf_release(&out);
}

static void msgpack_by_its_specification(void **state)
{
	(void)state;
	expect_of(msgpack_json, "82a7636f6d70616374c3a6736368656d6100", false, "{\"compact\":true,\"schema\":0}");
	expect_of(msgpack_json, "7f", false, "127");
	expect_of(msgpack_json, "e0", false, "-32");
	expect_of(msgpack_json, "ccff", false, "255");
	expect_of(msgpack_json, "cd0100", false, "256");
	expect_of(msgpack_json, "cfffffffffffffffff", false, "\"18446744073709551615\"");
	expect_of(msgpack_json, "d080", false, "-128");
	expect_of(msgpack_json, "d1ff7f", false, "-129");
	expect_of(msgpack_json, "d38000000000000000", false, "\"-9223372036854775808\"");
	expect_of(msgpack_json, "ca3fc00000", false, "1.5");
	expect_of(msgpack_json, "cb3ff199999999999a", false, "1.1");
	expect_of(msgpack_json, "93c0c2c3", false, "[null,false,true]");
	expect_of(msgpack_json, "c403010203", false, "{\"base64\":\"AQID\"}");
	expect_of(msgpack_json, "d9036162c3", false, "{\"base64\":\"YWLD\"}");
	expect_of(msgpack_json, "da00026869", false, "\"hi\"");
	expect_of(msgpack_json, "dc0001a0", false, "[\"\"]");
	expect_of(msgpack_json, "de000101920102", false, "{\"1\":[1,2]}");
	expect_of(msgpack_json, "8192010203", false, "{\"[1,2]\":3}");
	expect_of(msgpack_json, "d6ff00000000", false, "\"1970-01-01T00:00:00.000000000Z\"");
	expect_of(msgpack_json, "d7ff773594005fe0a3f0", false, "\"2020-12-21T13:32:32.500000000Z\"");
	expect_of(msgpack_json, "c70cff00000001fffffffffffffffe", false, "{\"ext\":-1,\"base64\":\"AAAAAf/////////+\"}");
	expect_of(msgpack_json, "d4057f", false, "{\"ext\":5,\"base64\":\"fw==\"}");
	expect_of(msgpack_json, "010203", false, "[1,2,3]"); /* one after the other */
}

static void cbor_by_rfc_8949_appendix_a(void **state)
{
	static const char *const samples[][2] = {
		{ "00", "0" },
		{ "1818", "24" },
		{ "1b000000e8d4a51000", "1000000000000" },
		{ "1bffffffffffffffff", "\"18446744073709551615\"" },
		{ "3903e7", "-1000" },
		{ "3bffffffffffffffff", "\"-18446744073709551616\"" },
		{ "3b8000000000000000", "\"-9223372036854775809\"" },
		{ "f90000", "0" },
		{ "f93c00", "1" },
		{ "f97bff", "65504" },
		{ "f90001", "5.9604644775390625e-08" },
		{ "f9c400", "-4" },
		{ "fb3ff199999999999a", "1.1" },
		{ "fa47c35000", "100000" },
		{ "f97c00", "\"Infinity\"" },
		{ "f97e00", "\"NaN\"" },
		{ "f97c01", "\"NaN\"" },
		{ "f4", "false" },
		{ "f6", "null" },
		{ "f7", "{\"simple\":\"undefined\"}" },
		{ "f0", "{\"simple\":16}" },
		{ "f8ff", "{\"simple\":255}" },
		{ "c074323031332d30332d32315432303a30343a30305a", "\"2013-03-21T20:04:00Z\"" },
		{ "c11a514b67b0", "{\"tag\":1,\"value\":1363896240}" },
		{ "c249010000000000000000", "{\"tag\":2,\"value\":{\"base64\":\"AQAAAAAAAAAA\"}}" },
		{ "4401020304", "{\"base64\":\"AQIDBA==\"}" },
		{ "62c3bc", "\"\u00fc\"" },
		{ "80", "[]" },
		{ "a0", "{}" },
		{ "a201020304", "{\"1\":2,\"3\":4}" },
		{ "a26161016162820203", "{\"a\":1,\"b\":[2,3]}" },
		{ "5f42010243030405ff", "{\"base64\":\"AQIDBAU=\"}" },
		{ "7f657374726561646d696e67ff", "\"streaming\"" },
		{ "9fff", "[]" },
		{ "9f018202039f0405ffff", "[1,[2,3],[4,5]]" },
		{ "bf61610161629f0203ffff", "{\"a\":1,\"b\":[2,3]}" },
		{ "d9d9f7a0", "{}" },
		{ "0102", "[1,2]" }, /* RFC 8742: a sequence */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(*samples); i++)
		expect_of(cbor_json, samples[i][0], false, samples[i][1]);
}

static void what_is_none_is_refused(void **state)
{
	static const char *const msgpack[] = { "", "c1", "91", "a3", "d9", "d905", "82a161", "cd00", "c7", "dfffffffff", "d7ff0000" };
	static const char *const cbor[] = { "",	    "1c",   "18",   "61",     "ff",	"5f41",	  "5f6161ff", "a101",
					    "9f",   "1f",   "c1",   "bf6161ff", "5f5f4101ffff", "f8", "9bffffffffffffffff" };

	(void)state;
	for (size_t i = 0; i < sizeof(msgpack) / sizeof(*msgpack); i++)
		expect_of(msgpack_json, msgpack[i], false, NULL);
	for (size_t i = 0; i < sizeof(cbor) / sizeof(*cbor); i++)
		expect_of(cbor_json, cbor[i], false, NULL);
}

static void a_beginning_is_shown_with_a_mark(void **state)
{
	(void)state;
	expect_of(msgpack_json, "93a16102", true, "[\"a\",2,\"\u2026\"]");
	expect_of(msgpack_json, "82a16101a162", true, "{\"a\":1,\"b\":\"\u2026\"}");
	expect_of(msgpack_json, "81a568656c", true, "{\"hel\":null}");
	expect_of(cbor_json, "9f0102", true, "[1,2]");
	expect_of(cbor_json, "a2616101", true, "{\"a\":1,\"\u2026\":null}");
}

/* Arrays in arrays: of the deepest that is shown, and beyond. */
static void nesting_has_an_end(void **state)
{
	char hex[2 * 300 + 1] = "";

	(void)state;
	for (unsigned i = 0; i < 299; i++)
		memcpy(hex + 2 * i, "91", 3);
	memcpy(hex + 2 * 40, "01", 3);
	{
		struct buf in = unhex(hex), out = { 0 };

		assert_true(msgpack_json(&out, buf_slice(&in), false));
		assert_true(flow_shown_ok(buf_slice(&out)));
		buf_release(&in);
		buf_release(&out);
	}
	for (unsigned i = 0; i < 299; i++)
		memcpy(hex + 2 * i, "91", 3);
	expect_of(msgpack_json, hex, false, NULL);
	for (unsigned i = 0; i < 299; i++)
		memcpy(hex + 2 * i, "c0", 3); /* tags */
	expect_of(cbor_json, hex, false, NULL);
}

/* Maps as names of maps: each level would double the escapes of those inside. */
static void names_that_are_maps_do_not_grow(void **state)
{
	char hex[2 * 80 + 1] = "";
	struct buf in, out = { 0 };

	(void)state;
	for (unsigned i = 0; i < 40; i++)
		memcpy(hex + 2 * i, "a1", 3); /* {{{...}: 1}: 1} */
	for (unsigned i = 40; i < 80; i++)
		memcpy(hex + 2 * i, "01", 3);
	in = unhex(hex);
	buf_put(&in, (struct slice){ (const uint8_t[]){ 1 }, 1 });
	assert_true(cbor_json(&out, buf_slice(&in), false));
	assert_true(flow_shown_ok(buf_slice(&out)));
	assert_true(out.n < 4096);
	buf_release(&in);
	buf_release(&out);
}

/* A megabyte of small values stays within the bound, and says so. */
static void what_has_no_room_is_marked(void **state)
{
	static const struct {
		decode_fn fn;
		uint8_t head[5], value;
	} cases[] = { { msgpack_json, { 0xdd, 0, 0x10, 0, 0 }, 0xc3 }, { cbor_json, { 0x9a, 0, 0x10, 0, 0 }, 0xf5 } };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct buf in = { 0 }, out = { 0 };

		buf_put(&in, (struct slice){ cases[i].head, 5 });
		for (size_t n = 0; n < 1 << 20; n++)
			buf_put(&in, (struct slice){ &cases[i].value, 1 });
		assert_true(cases[i].fn(&out, buf_slice(&in), false));
		assert_true(out.n <= FLOW_SHOWN_MAX && out.n > FLOW_SHOWN_MAX / 2);
		assert_true(flow_shown_ok(buf_slice(&out)));
		assert_true(slice_find(buf_slice(&out), SLICE_LIT(",\"\u2026\"]"), 0) < out.n);
		buf_release(&in);
		buf_release(&out);
	}
}

/* Any bytes give valid JSON within the bound, or nothing. */
static void noise_gives_json_or_nothing(void **state)
{
	uint32_t seed = 7;

	(void)state;
	for (unsigned i = 0; i < 60000; i++) {
		uint8_t bytes[48];
		size_t n = i % sizeof(bytes) + 1;
		struct buf out = { 0 };

		for (size_t k = 0; k < n; k++)
			bytes[k] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
		if ((i & 1 ? msgpack_json : cbor_json)(&out, (struct slice){ bytes, n }, i & 2))
			assert_true(flow_shown_ok(buf_slice(&out)));
		else
			assert_int_equal(out.n, 0);
		buf_release(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(msgpack_by_its_specification),
		cmocka_unit_test(cbor_by_rfc_8949_appendix_a),
		cmocka_unit_test(what_is_none_is_refused),
		cmocka_unit_test(a_beginning_is_shown_with_a_mark),
		cmocka_unit_test(nesting_has_an_end),
		cmocka_unit_test(names_that_are_maps_do_not_grow),
		cmocka_unit_test(what_has_no_room_is_marked),
		cmocka_unit_test(noise_gives_json_or_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
