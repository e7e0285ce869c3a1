/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"
#include "sample.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "export/redact.h"
#include "flow/json.h"

static struct arena *arena;
static struct redact *rules;

static void begin(const char *const *own, size_t n)
{
	char err[200] = "";

	arena = arena_new(256u << 20);
	assert_int_equal(redact_new(&rules, own, n, err, sizeof(err)), 0);
}

static void end(void)
{
	redact_free(rules);
	arena_free(arena);
}

static struct flow flow_of(const char *proto, const char *target)
{
	static const struct flow_conn conn = { .id = 1 };

	return (struct flow){ .conn = &conn, .proto = proto, .has_req = true, .has_resp = true, .req = { .op = "GET", .target = target } };
}

static struct flow hidden(const struct flow *f)
{
	struct flow got = { 0 };

	assert_int_equal(redact_flow(rules, f, arena, &got), 0);
	return got;
}

static const char *body_of(const char *proto, const char *type, const char *in, size_t n)
{
	struct flow f = flow_of(proto, "/"), got;

	f.resp.body = (struct flow_body){ .data = { (const uint8_t *)in, n }, .len = n, .captured = n, .type = type };
	got = hidden(&f);
	return arena_str(arena, got.resp.body.data);
}

static const char *body(const char *in)
{
	return body_of("http1", "application/json", in, strlen(in));
}

static const char *header(const char *name, const char *value)
{
	struct flow f = flow_of("http1", "/"), got;
	struct flow_attr h = { name, value };

	f.req.headers = &h;
	f.req.nheaders = 1;
	got = hidden(&f);
	assert_string_equal(got.req.headers[0].key, name);
	return got.req.headers[0].value;
}

static const char *target(const char *proto, const char *text)
{
	struct flow f = flow_of(proto, text);

	return hidden(&f).req.target;
}

/* --- header fields --- */

static void header_fields_lose_their_secrets_and_keep_their_shape(void **state)
{
	(void)state;
	begin(NULL, 0);
	assert_string_equal(header("Authorization", "Bearer abc.def"), "Bearer REDACTED");
	assert_string_equal(header("authorization", "s3cr3t"), "REDACTED");
	assert_string_equal(header("Proxy-Authorization", "Basic dXNlcjpwYXNz"), "Basic REDACTED");
	assert_string_equal(header("Cookie", "sid=abc; theme=dark"), "sid=REDACTED; theme=REDACTED");
	assert_string_equal(header("Set-Cookie", "sid=abc; Path=/; Secure"), "sid=REDACTED; Path=/; Secure");
	assert_string_equal(header("cookie", "bare"), "REDACTED");
	assert_string_equal(header("X-Api-Key", "k"), "REDACTED");
	assert_string_equal(header("x-goog-iam-authorization-token", "k"), "REDACTED");
	assert_string_equal(header("X-Vault-Token", "k"), "REDACTED");
	assert_string_equal(header("Referer", "http://a/x?access_token=abc&y=1"), "http://a/x?access_token=REDACTED&y=1");
	assert_string_equal(header(":path", "/x?password=p"), "/x?password=REDACTED");
	end();
}

static void what_is_no_secret_stays(void **state)
{
	static const char *const fields[][2] = {
		{ "Content-Type", "application/json; charset=utf-8" },
		{ "X-Request-Id", "7f3c0b9e-1111-4222-8333-444455556666" },
		{ "traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" },
		{ "X-Next-Page-Token", "5" },
		{ "ETag", "\"33a64df551425fcc55e4d42a148795d9f25f89d4\"" },
		{ "Date", "Mon, 23 Nov 2026 08:00:00 GMT" },
	};
	static const char text[] = "{\"id\":1763884800123456789,\"ms\":1763884800123,\"phone\":\"+49 170 1234567\",\"tokens\":12,"
				   "\"max_tokens\":5,\"passed\":true,\"uuid\":\"4111a111-4111-4111-8111-111141111111\",\"pi\":3.141592653589793,"
				   "\"next_page_token\":\"abc\",\"key\":\"k\",\"compass\":\"N\"}";

	(void)state;
	begin(NULL, 0);
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
		assert_string_equal(header(fields[i][0], fields[i][1]), fields[i][1]);
	assert_string_equal(body(text), text);
	assert_string_equal(target("http1", "/v1/users/7?page=2&sort=name"), "/v1/users/7?page=2&sort=name");
	assert_int_equal(redact_count(rules), 0);
	end();
}

/* --- bodies --- */

static void json_members_are_hidden_by_name_at_any_depth(void **state)
{
	(void)state;
	begin(NULL, 0);
	assert_string_equal(body("{\"user\":\"ann\",\"password\":\"p\\\"w\",\"n\":1}"), "{\"user\":\"ann\",\"password\":\"REDACTED\",\"n\":1}");
	assert_string_equal(body("[{\"a\":{\"clientSecret\" : \"x\"}},{\"pin\":1234}]"), "[{\"a\":{\"clientSecret\" : \"REDACTED\"}},{\"pin\":\"REDACTED\"}]");
	assert_string_equal(body("{\"credentials\":{\"u\":\"a\",\"p\":[\"}\"]},\"b\":2}"), "{\"credentials\":\"REDACTED\",\"b\":2}");
	assert_string_equal(body("{\"p\\u0061ssword\":\"x\"}"), "{\"p\\u0061ssword\":\"REDACTED\"}");
	assert_string_equal(body("{\"password\":null,\"token\":\"\",\"secret\":false}"), "{\"password\":null,\"token\":\"\",\"secret\":false}");
	assert_string_equal(body("{\"log\":\"{\\\"password\\\":\\\"x\\\",\\\"a\\\":\\\"b\\\"}\"}"),
			    "{\"log\":\"{\\\"password\\\":\\\"REDACTED\\\",\\\"a\\\":\\\"b\\\"}\"}");
	assert_string_equal(body("{\"access_token\":\"a\"}\n{\"access_token\":\"b\"}\n"), "{\"access_token\":\"REDACTED\"}\n{\"access_token\":\"REDACTED\"}\n");
	end();
}

static void json_that_is_cut_off_keeps_no_secret(void **state)
{
	static const char whole[] = "{\"a\":[1,{\"password\":\"hunter2hunter2\"}],\"token\":{\"t\":\"hunter2hunter2\"}}";

	(void)state;
	begin(NULL, 0);
	for (size_t n = 0; n <= sizeof(whole) - 1; n++)
		assert_null(strstr(body_of("http1", "application/json", whole, n), "hunter"));
	end();
}

static void a_stray_quotation_mark_does_not_open_the_rest(void **state)
{
	(void)state;
	begin(NULL, 0);
	assert_string_equal(body("12\" disk\n{\"password\":\"x\"}"), "12\" disk\n{\"password\":\"REDACTED\"}");
	end();
}

static void forms_markup_and_parts_are_hidden_by_name(void **state)
{
	static const char parts[] = "--B\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nann\r\n--B\r\n"
				    "Content-Disposition: form-data; name=\"password\"\r\n\r\npw\r\n--B--\r\n";

	(void)state;
	begin(NULL, 0);
	assert_string_equal(body("user=ann&password=a%20b&x=1"), "user=ann&password=REDACTED&x=1");
	assert_string_equal(body("grant_type=x&client%5Fsecret=abc"), "grant_type=x&client%5Fsecret=REDACTED");
	assert_string_equal(body("host=db user=app password='a b' sslmode=off"), "host=db user=app password='REDACTED' sslmode=off");
	assert_string_equal(body("<u><n>ann</n><wsse:Password Type=\"t\">pw</wsse:Password></u>"),
			    "<u><n>ann</n><wsse:Password Type=\"t\">REDACTED</wsse:Password></u>");
	assert_string_equal(body("<password><![CDATA[a<b]]></password><password/><b>t</b>"), "<password>REDACTED</password><password/><b>t</b>");
	assert_string_equal(body_of("http1", "multipart/form-data; boundary=B", parts, sizeof(parts) - 1),
			    "--B\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nann\r\n--B\r\n"
			    "Content-Disposition: form-data; name=\"password\"\r\n\r\nREDACTED\r\n--B--\r\n");
	end();
}

static void secrets_are_known_by_their_shape(void **state)
{
	static const char *const in[][2] = {
		{ "card 4111111111111111.", "card REDACTED." },
		{ "4111 1111 1111 1111", "REDACTED" },
		{ "42 5500-0000-0000-0004 x", "42 REDACTED x" },
		{ "378282246310005,", "REDACTED," },
		{ "3782 822463 10005", "REDACTED" },
		{ "{\"pay\":4111111111111111}", "{\"pay\":\"REDACTED\"}" },
		{ "4111111111111112 no check digit", "4111111111111112 no check digit" },
		{ "1.4111111111111111", "1.4111111111111111" },
		{ "jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl!", "jwt REDACTED!" },
		{ "curl -H 'Bearer abcdefgh12345'", "curl -H 'Bearer REDACTED'" },
		{ "AKIAIOSFODNN7EXAMPLE", "REDACTED" },
		{ "ghp_0123456789abcdefghij0123", "REDACTED" },
		{ "postgres://app:s3cr3t@db/shop", "postgres://app:REDACTED@db/shop" },
		{ "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----REDACTED-----END PRIVATE KEY-----" },
		{ "http://a/?key=AIzaSyA-0123456789abcdefghijklmnopqrs", "http://a/?key=REDACTED" },
		{ "http://a/?key=7", "http://a/?key=7" },
	};

	(void)state;
	begin(NULL, 0);
	for (size_t i = 0; i < sizeof(in) / sizeof(*in); i++)
		assert_string_equal(body(in[i][0]), in[i][1]);
	end();
}

static void bytes_that_are_no_text_keep_their_length(void **state)
{
	static const char in[] = "\xff\x10"
				 "4111111111111111\x01"
				 "AKIAIOSFODNN7EXAMPLE\xfe";
	struct flow f = flow_of("http1", "/"), got;

	(void)state;
	begin(NULL, 0);
	f.resp.body.data = (struct slice){ (const uint8_t *)in, sizeof(in) - 1 };
	got = hidden(&f);
	assert_int_equal(got.resp.body.data.n, sizeof(in) - 1);
	assert_memory_equal(got.resp.body.data.p, "\xff\x10****************\x01********************\xfe", sizeof(in) - 1);
	end();
}

static void what_the_decoded_form_hides_is_hidden_in_the_bytes(void **state)
{
	struct flow f = flow_of("grpc", "/a.B/C"), got;

	(void)state;
	begin(NULL, 0);
	f.req.body = (struct flow_body){ .data = SLICE_LIT("\x0a\x03"
							   "ann\x12\x07hunter2\xff"),
					 .shown = SLICE_LIT("{\"user\":\"ann\",\"password\":\"hunter2\"}") };
	got = hidden(&f);
	assert_memory_equal(got.req.body.shown.p, "{\"user\":\"ann\",\"password\":\"REDACTED\"}", got.req.body.shown.n);
	assert_memory_equal(got.req.body.data.p, "\x0a\x03"
						 "ann\x12\x07*******\xff",
			    got.req.body.data.n);
	/* A number lies there in another form: then nothing of the bytes is given away. */
	f.req.body.shown = SLICE_LIT("{\"pin\":1234}");
	got = hidden(&f);
	assert_int_equal(got.req.body.data.n, 0);
	assert_int_equal(got.req.body.captured, 0);
	end();
}

static void a_body_that_is_still_compressed_is_left_out(void **state)
{
	struct flow f = flow_of("http1", "/"), got;

	(void)state;
	begin(NULL, 0);
	f.flags = FLOW_DECODE_ERROR;
	f.resp.body = (struct flow_body){ .data = SLICE_LIT("\x1f\x8b???"), .len = 5, .captured = 5, .encoding = "gzip" };
	got = hidden(&f);
	assert_int_equal(got.resp.body.data.n, 0);
	assert_int_equal(got.resp.body.len, 5);
	end();
}

/* --- SQL, Redis --- */

static void literals_of_statements_are_hidden_by_the_name_before_them(void **state)
{
	static const char *const in[][2] = {
		{ "ALTER USER bob PASSWORD 'x''y'", "ALTER USER bob PASSWORD 'REDACTED'" },
		{ "CREATE USER 'bob'@'%' IDENTIFIED WITH mysql_native_password BY 'x'", "CREATE USER 'bob'@'%' IDENTIFIED WITH mysql_native_password BY 'REDACTED'" },
		{ "UPDATE users SET password = crypt('x', gen_salt('bf')), name = 'n' WHERE id = 7",
		  "UPDATE users SET password = crypt('REDACTED', gen_salt('bf')), name = 'n' WHERE id = 7" },
		{ "SELECT id FROM users WHERE api_token = 'x' AND name = 'n'", "SELECT id FROM users WHERE api_token = 'REDACTED' AND name = 'n'" },
		{ "INSERT INTO users (name, \"password\", n) VALUES ('a', 'x', 1), ('b', f('y', 2), 3) ON CONFLICT (name) DO UPDATE SET n = 'k'",
		  "INSERT INTO users (name, \"password\", n) VALUES ('a', 'REDACTED', 1), ('b', f('REDACTED', REDACTED), 3) ON CONFLICT (name) DO UPDATE SET n = 'k'" },
		{ "SELECT password, name FROM users WHERE id = 7", "SELECT password, name FROM users WHERE id = 7" },
		{ "SELECT 'token'; SELECT 'a'", "SELECT 'token'; SELECT 'a'" },
	};

	(void)state;
	begin(NULL, 0);
	for (size_t i = 0; i < sizeof(in) / sizeof(*in); i++)
		assert_string_equal(target("postgres", in[i][0]), in[i][1]);
	end();
}

static void parameters_and_columns_are_hidden_by_name(void **state)
{
	struct flow f = flow_of("postgres", "INSERT INTO users (name, password) VALUES ($1, $2)"), got;
	struct flow_attr params = { "params", "[\"ann\",\"hunter2\"]" };
	struct flow_attr columns = { "columns", "[\"id\",\"pass\\\"word\",\"password_hash\"]" };

	(void)state;
	begin(NULL, 0);
	f.req.attrs = &params;
	f.req.nattrs = 1;
	assert_string_equal(hidden(&f).req.attrs[0].value, "[\"ann\",\"REDACTED\"]");
	f.proto = "mysql";
	f.req.target = "UPDATE users SET name = ?, password = ? WHERE id = 7";
	assert_string_equal(hidden(&f).req.attrs[0].value, "[\"ann\",\"REDACTED\"]");
	f.resp.attrs = &columns;
	f.resp.nattrs = 1;
	f.resp.body.data = SLICE_LIT("[\"1\",\"a]\",\"h1\"]\n[\"2\",null,\"h2\"]\n[\"3\",\"c\",nul");
	got = hidden(&f);
	assert_string_equal(arena_str(arena, got.resp.body.data), "[\"1\",\"REDACTED\",\"REDACTED\"]\n[\"2\",null,\"REDACTED\"]\n[\"3\",\"REDACTED\",\"REDACTED\"");
	end();
}

static void redis_values_are_hidden_by_key_and_field(void **state)
{
	struct flow f = flow_of("redis", "user:7"), got;

	(void)state;
	begin(NULL, 0);
	f.req.op = "HSET";
	f.req.body.data = SLICE_LIT("[\"user:7\",\"name\",\"ann\",\"password\",\"hunter2\"]");
	assert_string_equal(arena_str(arena, hidden(&f).req.body.data), "[\"user:7\",\"name\",\"ann\",\"password\",\"REDACTED\"]");
	f.req.op = "HGET";
	f.req.body.data = SLICE_LIT("[\"user:7\",\"password\"]");
	f.resp.body.data = SLICE_LIT("\"hunter2\"");
	got = hidden(&f);
	assert_string_equal(arena_str(arena, got.resp.body.data), "\"REDACTED\"");
	f.req.op = "GET";
	f.req.target = "session:ab12";
	f.req.body.data = SLICE_LIT("[\"session:ab12\"]");
	got = hidden(&f);
	assert_string_equal(arena_str(arena, got.resp.body.data), "\"REDACTED\"");
	end();
}

static void messages_and_trailers_are_not_forgotten(void **state)
{
	struct flow f = flow_of("websocket", "/live"), got;
	struct flow_attr t = { "trailer:x-auth-token", "abc" };
	struct flow_msg m = { .seq = 1, .op = "text", .body = { .data = SLICE_LIT("{\"token\":\"abc\"}") } };

	(void)state;
	begin(NULL, 0);
	f.resp.attrs = &t;
	f.resp.nattrs = 1;
	f.msgs = &m;
	f.nmsgs = 1;
	got = hidden(&f);
	assert_string_equal(got.resp.attrs[0].value, "REDACTED");
	assert_string_equal(arena_str(arena, got.msgs[0].body.data), "{\"token\":\"REDACTED\"}");
	assert_int_equal(got.msgs[0].seq, 1);
	end();
}

/* --- rules --- */

static void own_rules_are_names_and_expressions(void **state)
{
	static const char *const own[] = { "customer-number", "/DE\\d{20}/", "/acme-[a-z]+/i" };

	(void)state;
	begin(own, 3);
	assert_string_equal(body("{\"customerNumber\":\"77\",\"x\":\"DE12345678901234567890\"}"), "{\"customerNumber\":\"REDACTED\",\"x\":\"REDACTED\"}");
	assert_string_equal(header("Customer-Number", "77"), "REDACTED");
	assert_string_equal(target("http1", "/ACME-tnt/x"), "/REDACTED/x");
	end();
}

static void rules_that_are_none_are_refused(void **state)
{
	static const char *const bad[] = { "/(/", "", "---", "//" };
	char err[200], *longer = calloc(1, REDACT_RULE_MAX + 2);
	struct redact *r;

	(void)state;
	memset(longer, 'a', REDACT_RULE_MAX + 1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		err[0] = 0;
		assert_int_equal(redact_new(&r, &bad[i], 1, err, sizeof(err)), -EINVAL);
		assert_true(err[0] != 0);
	}
	assert_int_equal(redact_new(&r, (const char *const *)&longer, 1, err, sizeof(err)), -EINVAL);
	free(longer);
}

static void an_expression_that_gives_up_lets_nothing_through(void **state)
{
	static const char *const own[] = { "/(a+)+$/" };
	struct flow f = flow_of("http1", "/"), got;
	char *text = calloc(1, 5001);

	(void)state;
	begin(own, 1);
	memset(text, 'a', 4999);
	text[4999] = '!';
	f.resp.body.data = slice_str(text);
	assert_int_equal(redact_flow(rules, &f, arena, &got), -EMSGSIZE);
	f.resp.body.data = (struct slice){ 0 };
	assert_int_equal(redact_flow(rules, &f, arena, &got), 0); /* the next one is fine */
	free(text);
	end();
}

static void little_memory_is_an_error(void **state)
{
	struct flow got;
	struct arena *small;

	(void)state;
	begin(NULL, 0);
	small = arena_new(64);
	assert_int_equal(redact_flow(rules, sample_flow(), small, &got), -ENOMEM);
	arena_free(small);
	end();
}

/* Nothing looks at the rest of the text for each byte of it. */
static void hostile_bodies_take_no_longer(void **state)
{
	static const char *const units[] = { "\"", "=", "\\\"", "<password>", "a=\\\"", "4", "4 ", "\"password\":{", "://a:", "-----BEGIN PRIVATE KEY-----", "eyJ.",
					     "{\"a\":\"b\",", "\r\n--B", "password='" };
	const size_t n = 512u << 10;
	char *text = malloc(n + 1);

	(void)state;
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		size_t len = strlen(units[i]);
		clock_t from;

		begin(NULL, 0);
		for (size_t k = 0; k < n; k++)
			text[k] = units[i][k % len];
		from = clock();
		(void)body_of("http1", "multipart/form-data", text, n);
		assert_true((double)(clock() - from) / CLOCKS_PER_SEC < 10); /* of this processor; quadratic would be minutes */
		end();
	}
	free(text);
}

/* Every byte cut off and every byte set: no bounds are left (sanitizers), and it ends. */
static void anything_at_all_is_taken(void **state)
{
	static const char seed[] = "--B\r\nname=\"token\"\r\n\r\n{\"password\":\"\\\"x\",\"a\":[4111111111111111]}<pin>7</pin> a=b&token=1 ://u:p@h "
				   "-----BEGIN PRIVATE KEY-----z-----END INSERT INTO t (token) VALUES ('x',$1,?)";
	char text[sizeof(seed)];

	(void)state;
	for (size_t i = 0; i < sizeof(seed) - 1; i++) {
		begin(NULL, 0);
		memcpy(text, seed, sizeof(seed));
		(void)body_of("http1", "multipart/form-data", seed, i);
		for (unsigned c = 0; c < 256; c += 5) {
			text[i] = (char)c;
			(void)body_of("redis", "multipart/form-data", text, sizeof(text) - 1);
			text[sizeof(text) - 1] = 0;
			if (c)
				(void)target("mysql", text);
		}
		end();
	}
}

static void notes_lose_secrets_and_it_is_said(void **state)
{
	const struct flow_mark m = { .colour = 2, .note = "log in with password=hunter2, please" };
	struct flow f = flow_of("http1", "/"), got;

	(void)state;
	begin(NULL, 0);
	f.mark = &m;
	got = hidden(&f);
	assert_string_equal(got.mark->note, "log in with password=REDACTED, please");
	assert_int_equal(got.mark->colour, 2);
	assert_true(got.flags & FLOW_REDACTED);
	end();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_fields_lose_their_secrets_and_keep_their_shape),
		cmocka_unit_test(what_is_no_secret_stays),
		cmocka_unit_test(json_members_are_hidden_by_name_at_any_depth),
		cmocka_unit_test(json_that_is_cut_off_keeps_no_secret),
		cmocka_unit_test(a_stray_quotation_mark_does_not_open_the_rest),
		cmocka_unit_test(forms_markup_and_parts_are_hidden_by_name),
		cmocka_unit_test(secrets_are_known_by_their_shape),
		cmocka_unit_test(bytes_that_are_no_text_keep_their_length),
		cmocka_unit_test(what_the_decoded_form_hides_is_hidden_in_the_bytes),
		cmocka_unit_test(a_body_that_is_still_compressed_is_left_out),
		cmocka_unit_test(literals_of_statements_are_hidden_by_the_name_before_them),
		cmocka_unit_test(parameters_and_columns_are_hidden_by_name),
		cmocka_unit_test(redis_values_are_hidden_by_key_and_field),
		cmocka_unit_test(messages_and_trailers_are_not_forgotten),
		cmocka_unit_test(own_rules_are_names_and_expressions),
		cmocka_unit_test(rules_that_are_none_are_refused),
		cmocka_unit_test(an_expression_that_gives_up_lets_nothing_through),
		cmocka_unit_test(notes_lose_secrets_and_it_is_said),
		cmocka_unit_test(little_memory_is_an_error),
		cmocka_unit_test(hostile_bodies_take_no_longer),
		cmocka_unit_test(anything_at_all_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
