/* SPDX-License-Identifier: Apache-2.0 */
/* Messages that protoc encoded, as JSON; then bytes that nobody should have sent. */
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "flow/flow.h"
#include "proto/protobuf.h"

#define PROTOC "protoc -Itests/lib -I/usr/include "

static struct schemas *known;
static struct buf set;

static struct buf output_of(const char *command)
{
	FILE *f = popen(command, "r");
	struct buf b = { 0 };
	uint8_t piece[4096];
	size_t n;

	assert_non_null(f);
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
		buf_put(&b, (struct slice){ piece, n });
	if (pclose(f) != 0)
		fail_msg("%s", command);
	return b;
}

/* text: in protobuf's text format, without single quotes. */
static struct buf encoded(const char *type, const char *text)
{
	char command[4096];

	snprintf(command, sizeof(command), "printf %%s '%s' | " PROTOC "--encode=%s sample.proto",
		 text, type);
	return output_of(command);
}

static int setup(void **state)
{
	(void)state;
	set = output_of(PROTOC "--include_imports --descriptor_set_out=/dev/stdout sample.proto");
	known = schemas_new(1 << 20, 1 << 20);
	assert_non_null(known);
	assert_int_equal(schemas_give(known, buf_slice(&set)), 6);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	schemas_free(known);
	buf_release(&set);
	return 0;
}

static void expect(struct slice in, const char *type, const char *want)
{
	struct slice g = guarded(in);
	struct buf out = { 0 };

	assert_true(pb_json(&out, g, type, known, false));
	assert_true(flow_shown_ok(buf_slice(&out)));
	buf_put(&out, (struct slice){ (const uint8_t *)"", 1 });
	assert_string_equal((char *)out.p, want);
	buf_release(&out);
	guarded_free(g);
}

static void expect_encoded(const char *type, const char *text, const char *want)
{
	struct buf b = encoded(type ? type : "shop.v1.Order", text);

	expect(buf_slice(&b), type, want);
	buf_release(&b);
}

static void fields_have_the_names_of_their_schema(void **state)
{
	(void)state;
	expect_encoded(
		"shop.v1.Item",
		"name: \"caf\xc3\xa9 \\\"x\\\"\" count: -7 size: LARGE picture: \"\\000\\377\" "
		"inner { delta: -9007199254740993 tags: \"a\" tags: \"\" }",
		"{\"name\":\"caf\xc3\xa9 "
		"\\\"x\\\"\",\"count\":-7,\"size\":\"LARGE\",\"picture\":\"AP8=\","
		"\"inner\":{\"delta\":\"-9007199254740993\",\"tags\":[\"a\",\"\"]}}");
	expect_encoded("shop.v1.Order",
		       "id: 18446744073709551615 items { name: \"i\" } items { } numbers: [1, -2, "
		       "300] prices: [1.5, 0.1, inf] "
		       "stock { key: \"a\" value: 1 } stock { key: \"b\" } by_number { key: -1 "
		       "value { count: 2 } } cash: true "
		       "ratio: 0.1 f64: 9007199254740992 sf32: -5 sizes: [SMALL, NEGATIVE, 9] "
		       "parent { id: 3 } si32: -64",
		       "{\"id\":\"18446744073709551615\",\"items\":[{\"name\":\"i\"},{}],"
		       "\"numbers\":[1,-2,300],"
		       "\"prices\":[1.5,0.1,\"Infinity\"],\"stock\":{\"a\":1,\"b\":0},\"by_"
		       "number\":{\"-1\":{\"count\":2}},"
		       "\"cash\":true,\"ratio\":0.1,\"f64\":9007199254740992,\"sf32\":-5,"
		       "\"sizes\":[\"SMALL\",\"NEGATIVE\",9],\"parent\":{\"id\":3},\"si32\":-64}");
}

static void well_known_types_read_as_in_protobufs_json(void **state)
{
	(void)state;
	expect_encoded("shop.v1.Order",
		       "at { seconds: 1795352400 nanos: 120000000 } wait { seconds: -1 nanos: "
		       "-500000000 } note { value: \"n\" } "
		       "any { [type.googleapis.com/shop.v1.Item] { name: \"in\" } } "
		       "extra { fields { key: \"k\" value { list_value { values { number_value: "
		       "2.5 } values { null_value: 0 } "
		       "values { struct_value { fields { key: \"b\" value { bool_value: true } } } "
		       "} } } } }",
		       "{\"at\":\"2026-11-22T13:00:00.12Z\",\"wait\":\"-1.5s\",\"note\":\"n\","
		       "\"any\":{\"@type\":\"type.googleapis.com/shop.v1.Item\",\"name\":\"in\"},"
		       "\"extra\":{\"k\":[2.5,null,{\"b\":true}]}}");
	expect_encoded("shop.v1.Order",
		       "at { seconds: -62135596800 } wait { } note { } any { } extra { }",
		       "{\"at\":\"0001-01-01T00:00:00Z\",\"wait\":\"0s\",\"note\":\"\",\"any\":{},"
		       "\"extra\":{}}");
	/* A leap day, the last second of all, and what is out of range. */
	expect_encoded("shop.v1.Order", "at { seconds: 951782400 }",
		       "{\"at\":\"2000-02-29T00:00:00Z\"}");
	expect_encoded("shop.v1.Order", "at { seconds: 253402300799 }",
		       "{\"at\":\"9999-12-31T23:59:59Z\"}");
	expect_encoded("shop.v1.Order", "at { seconds: 253402300800 }",
		       "{\"at\":{\"seconds\":253402300800}}");
	expect_encoded("shop.v1.Order",
		       "any { type_url: \"x/google.protobuf.Duration\" value: \"\\010\\003\" }",
		       "{\"any\":{\"@type\":\"x/google.protobuf.Duration\",\"value\":\"3s\"}}");
}

static void without_a_schema_the_bytes_are_guessed(void **state)
{
	(void)state;
	expect_encoded(NULL,
		       "id: 5 items { name: \"tea\" count: 2 picture: \"\\000\\001\" } items { "
		       "name: \"cup\" } prices: 2.5 "
		       "ratio: 0.25 si32: 1 f64: 3 parent { id: 18446744073709551615 }",
		       "{\"1\":5,\"2\":[{\"1\":\"tea\",\"2\":2,\"4\":{\"base64\":\"AAE=\"}},{\"1\":"
		       "\"cup\"}],"
		       "\"4\":{\"base64\":\"AAAAAAAABEA=\"},\"9\":0.25,\"10\":3,\"18\":{\"1\":-1},"
		       "\"19\":2}");
	/* 32 bytes of text in field 1: the whole of it is printable, and still a message. */
	expect_encoded(NULL, "items { name: \"abcdefghijklmnopqrstuvwxyz012345\" }",
		       "{\"2\":{\"1\":\"abcdefghijklmnopqrstuvwxyz012345\"}}");
	expect_encoded(NULL, "card: \"line\\nline\"", "{\"7\":\"line\\nline\"}");
	expect((struct slice){ 0 }, NULL, "{}");
	expect(SLICE_LIT("\x0b\x08\x01\x0c"), NULL, "{\"1\":{\"1\":1}}"); /* a group */
}

static void what_contradicts_its_schema_is_guessed_as_well(void **state)
{
	(void)state;
	expect(SLICE_LIT("\x08\x05\x10\x01\x98\x06\x07"), "shop.v1.Item",
	       "{\"name\":5,\"count\":1,\"99\":7}");
	expect(SLICE_LIT("\x2a\x02\xff\xff"), "shop.v1.Item",
	       "{\"inner\":\"//8=\"}");						  /* no message */
	expect(SLICE_LIT("\x0a\x01\xff"), "shop.v1.Item", "{\"name\":\"/w==\"}"); /* no text */
	expect(SLICE_LIT("\x10\x01\x0a\x01\x61\x10\x02"), "shop.v1.Item",
	       "{\"name\":\"a\",\"count\":[1,2]}");
	expect(SLICE_LIT("\x2a\x04\x08\x01\x10\x02"), "shop.v1.Order",
	       "{\"stock\":{\"\":2}}"); /* a key of a wrong kind */
	expect(SLICE_LIT("\x08\x01"), "no.such.Type", "{\"1\":1}");
}

static void what_is_no_message_is_refused(void **state)
{
	static const struct slice bad[] = {
		SLICE_LIT("\x00"),
		SLICE_LIT("\x08"),
		SLICE_LIT("\x0a\x05"
			  "abc"),
		SLICE_LIT("\x0c"),
		SLICE_LIT("\x0b\x08\x01"),
		SLICE_LIT("\x0b\x14"),
		SLICE_LIT("\x0e\x01"),
		SLICE_LIT("\x02\x00"),
		SLICE_LIT("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
		SLICE_LIT("\x80\x80\x80\x80\x10\x01"), /* number 2^29 */
	};
	struct buf out = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct slice g = guarded(bad[i]);

		assert_false(pb_json(&out, g, NULL, NULL, false));
		assert_int_equal(out.n, 0);
		guarded_free(g);
	}
	assert_true(pb_json(&out,
			    SLICE_LIT("\x08\x01\x12\x05"
				      "ab"),
			    NULL, NULL, true));
	assert_true(slice_eq(buf_slice(&out), SLICE_LIT("{\"1\":1,\"\xe2\x80\xa6\":null}")));
	buf_release(&out);
}

/* Whatever comes, one JSON value of a bounded size, and soon: 4 MB of small fields, of one text, of levels. */
static void large_messages_are_cut(void **state)
{
	size_t n = 4 << 20;
	uint8_t *p = malloc(n);
	struct buf out = { 0 };

	(void)state;
	assert_non_null(p);
	for (size_t i = 0; i < n; i += 2) {
		p[i] = (uint8_t)(8 + (i / 2 % 15) * 8);
		p[i + 1] = 1;
	}
	assert_true(pb_json(&out, (struct slice){ p, n }, NULL, known, false));
	assert_true(out.n > 1000 && flow_shown_ok(buf_slice(&out)));
	buf_clear(&out);
	memset(p, 'a', n);
	memcpy(p, "\x0a\xfb\xff\xff\x01", 5);
	assert_true(pb_json(&out, (struct slice){ p, n }, "shop.v1.Item", known, false));
	assert_true(out.n > 20000 && flow_shown_ok(buf_slice(&out)));
	assert_true(slice_find(buf_slice(&out), SLICE_LIT("\xe2\x80\xa6\"}"), 0) < out.n);
	buf_clear(&out);
	/* Each level is the first field of the one around; from the inside out. */
	for (size_t at = n - 1, len = 0; at > 8; len = n - 1 - at) {
		size_t v = len;

		if (len > 100000)
			break;
		for (unsigned k = 3; k-- > 0;) /* a length of three bytes always */
			p[--at] = (uint8_t)(v >> (7 * k) & 0x7f);
		for (unsigned k = 0; k < 3; k++)
			p[at + k] = (uint8_t)((v >> (7 * k) & 0x7f) | (k < 2 ? 0x80 : 0));
		p[--at] = 0x92;
		p[at] = 0x0a;
		if (n - 1 - at > 90000) {
			assert_true(pb_json(&out, (struct slice){ p + at, n - 1 - at }, NULL, known,
					    false));
			assert_true(flow_shown_ok(buf_slice(&out)));
			break;
		}
	}
	assert_true(out.n > 100);
	buf_release(&out);
	free(p);
}

static struct slice file_of(struct slice of, unsigned which)
{
	struct rd r = rd_init(of);
	struct pb_field f = { 0 };

	for (unsigned i = 0; i <= which; i++)
		assert_true(pb_next(&r, &f));
	return f.bytes;
}

static void methods_and_files_from_the_wire_are_learned_once(void **state)
{
	struct schemas *s = schemas_new(1 << 20, 1 << 20);
	struct slice shop = file_of(buf_slice(&set), 5);
	const struct schema_method *m;

	(void)state;
	assert_non_null(s);
	assert_null(schemas_method(s, "/shop.v1.Shop/Watch"));
	assert_int_equal(schemas_learn(s, shop), 1);
	for (int i = 0; i < 100000; i++) /* and takes no memory */
		assert_int_equal(schemas_learn(s, shop), 0);
	m = schemas_method(s, "/shop.v1.Shop/Watch");
	assert_non_null(m);
	assert_string_equal(m->input, "shop.v1.Item");
	assert_string_equal(m->output, "shop.v1.Order");
	assert_false(m->client_streams);
	assert_true(m->server_streams);
	assert_true(schemas_method(s, "/shop.v1.Shop/Upload")->client_streams);
	assert_non_null(schemas_message(s, "shop.v1.Item.Inner"));
	assert_null(schemas_message(s, "shop.v1.Nothing"));
	assert_null(schemas_message(NULL, "shop.v1.Item"));
	schemas_free(s);
}

/* A service that was changed and started again. */
static void the_newer_of_two_versions_is_used(void **state)
{
	static const char older[] = "\x0a\x01"
				    "a"
				    "\x22\x10"
				    "\x0a\x01"
				    "M"
				    "\x12\x0b"
				    "\x0a\x03old\x18\x01\x20\x01\x28\x05";
	static const char newer[] = "\x0a\x01"
				    "a"
				    "\x22\x10"
				    "\x0a\x01"
				    "M"
				    "\x12\x0b"
				    "\x0a\x03new\x18\x01\x20\x01\x28\x05";
	struct schemas *s = schemas_new(0, 1 << 20);

	(void)state;
	assert_int_equal(schemas_learn(s, SLICE_LIT(older)), 1);
	assert_string_equal(schemas_message(s, "M")->fields[0].name, "old");
	assert_int_equal(schemas_learn(s, SLICE_LIT(newer)), 1);
	assert_string_equal(schemas_message(s, "M")->fields[0].name, "new");
	schemas_free(s);
}

/* protobuf.js's reflection: message p.M { E e = 1; } enum p.E { ONE = 1; }, where e's type is "E" and not ".p.E". */
static void types_named_as_their_message_sees_them_are_found(void **state)
{
	static const char file[] = "\x0a\x01"
				   "f"
				   "\x12\x01"
				   "p"
				   "\x22\x11"
				   "\x0a\x01"
				   "M"
				   "\x12\x0c"
				   "\x0a\x01"
				   "e"
				   "\x18\x01\x20\x01\x28\x0e\x32\x01"
				   "E"
				   "\x2a\x0c"
				   "\x0a\x01"
				   "E"
				   "\x12\x07"
				   "\x0a\x03"
				   "ONE"
				   "\x10\x01";
	struct schemas *s = schemas_new(0, 1 << 20);
	struct buf out = { 0 };

	(void)state;
	assert_int_equal(schemas_learn(s, SLICE_LIT(file)), 1);
	assert_true(pb_json(&out, SLICE_LIT("\x08\x01"), "p.M", s, false));
	assert_true(slice_eq(buf_slice(&out), SLICE_LIT("{\"e\":\"ONE\"}")));
	assert_null(schemas_enum(s, ".p.M F"));
	assert_null(schemas_enum(s, ".p.M"));
	assert_null(schemas_enum(s, "."));
	assert_null(schemas_enum(s, ". "));
	buf_release(&out);
	schemas_free(s);
}

static void what_is_no_descriptor_is_refused_and_memory_is_bounded(void **state)
{
	struct schemas *s = schemas_new(1000, 2000);
	struct slice shop = file_of(buf_slice(&set), 5);
	char deep[2000];
	size_t n = 0;

	(void)state;
	assert_int_equal(schemas_give(s, SLICE_LIT("")), -EBADMSG);
	assert_int_equal(schemas_give(s, SLICE_LIT("# no set\n")), -EBADMSG);
	assert_int_equal(schemas_give(s, SLICE_LIT("\x0a\x02\xff\xff")), -EBADMSG);
	assert_int_equal(schemas_give(s, buf_slice(&set)), -ENOMEM);
	assert_int_equal(schemas_learn(s, shop), -ENOMEM);
	assert_int_equal(schemas_learn(s, SLICE_LIT("\x0a")), -EBADMSG);
	for (size_t cut = 0; cut < shop.n; cut++) { /* never reads on */
		struct slice g = guarded(slice_cut(shop, 0, cut));

		(void)schemas_learn(s, g);
		guarded_free(g);
	}
	schemas_free(s);
	/* Messages in messages: 40 levels of nested_type, each {name "M", nested_type}. */
	s = schemas_new(0, 1 << 20);
	for (int i = 0; i < 40; i++) {
		memmove(deep + 5, deep, n);
		memcpy(deep, "\x0a\x01M\x1a", 4);
		deep[4] = (char)n;
		n = n ? n + 5 : 3;
		if (n == 3)
			memcpy(deep, "\x0a\x01M", 3);
		if (n > 120)
			break;
	}
	assert_true(n > 100);
	{
		char file[400] = "\x0a\x01"
				 "a"
				 "\x22";

		file[4] = (char)n;
		memcpy(file + 5, deep, n);
		assert_int_equal(schemas_learn(s, (struct slice){ (uint8_t *)file, n + 5 }), 1);
	}
	schemas_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_have_the_names_of_their_schema),
		cmocka_unit_test(well_known_types_read_as_in_protobufs_json),
		cmocka_unit_test(without_a_schema_the_bytes_are_guessed),
		cmocka_unit_test(what_contradicts_its_schema_is_guessed_as_well),
		cmocka_unit_test(what_is_no_message_is_refused),
		cmocka_unit_test(large_messages_are_cut),
		cmocka_unit_test(methods_and_files_from_the_wire_are_learned_once),
		cmocka_unit_test(the_newer_of_two_versions_is_used),
		cmocka_unit_test(types_named_as_their_message_sees_them_are_found),
		cmocka_unit_test(what_is_no_descriptor_is_refused_and_memory_is_bounded),
	};

	return cmocka_run_group_tests_name("protobuf", tests, setup, teardown);
}
