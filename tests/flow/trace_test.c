/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "flow/trace.h"

#define LOW UINT64_C(0xa3ce929d0e0e4736)

static uint64_t of(const char *header, const char *value)
{
	const struct flow_attr headers[] = { { "Host", "api" }, { header, value } };

	return trace_id(&(struct flow_half){ .headers = headers, .nheaders = 2 });
}

static void all_ways_to_write_a_trace_give_one_number(void **state)
{
	(void)state;
	assert_int_equal(of("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), LOW);
	assert_int_equal(of("B3", "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1"), LOW);
	assert_int_equal(of("X-B3-TraceId", "a3ce929d0e0e4736"), LOW);
	assert_int_equal(of("uber-trace-id", "4bf92f3577b34da6a3ce929d0e0e4736:1:0:1"), LOW);
	assert_int_equal(of("sentry-trace", "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1"), LOW);
	assert_int_equal(of("x-datadog-trace-id", "11803532876627986230"), UINT64_C(11803532876627986230));
	assert_int_equal(of("x-amzn-trace-id", "Root=1-67891233-4bf92f35a3ce929d0e0e4736;Sampled=1"), LOW);
}

static void what_is_no_trace_gives_none(void **state)
{
	(void)state;
	assert_int_equal(of("traceparent", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"), 0);
	assert_int_equal(of("traceparent", "4bf92f3577b34da6a3ce929d0e0e4736"), 0);
	assert_int_equal(of("b3", "0"), 0);
	assert_int_equal(of("x-datadog-trace-id", "99999999999999999999999"), 0);
	assert_int_equal(of("x-datadog-trace-id", "-1"), 0);
	assert_int_equal(of("x-amzn-trace-id", "Self=1"), 0);
	assert_int_equal(of("accept", "4bf92f3577b34da6a3ce929d0e0e4736"), 0);
	assert_int_equal(trace_id(&(struct flow_half){ 0 }), 0);
	assert_null(trace_source(&(struct flow_half){ 0 }));
}

static void the_standard_comes_before_what_it_replaced(void **state)
{
	const struct flow_attr headers[] = {
		{ "x-b3-traceid", "1111111111111111" },
		{ "traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01" },
	};
	const struct flow_half req = { .headers = headers, .nheaders = 2 };

	(void)state;
	assert_int_equal(trace_id(&req), LOW);
	assert_string_equal(trace_source(&req), "traceparent");
}

static void a_statement_carries_it_in_a_comment(void **state)
{
	const struct flow_half req = {
		.target = "SELECT 1 /*db_driver='x',traceparent='00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'*/",
	};

	(void)state;
	assert_int_equal(trace_id(&req), LOW);
}

static void a_request_number_is_any_text(void **state)
{
	const struct flow_attr a[] = { { "X-Request-Id", "7f3c" } }, b[] = { { "x-correlation-id", "7f3c" } },
			       c[] = { { "X-Request-ID", "" } };

	(void)state;
	assert_int_not_equal(trace_request(&(struct flow_half){ .headers = a, .nheaders = 1 }), 0);
	assert_int_equal(trace_request(&(struct flow_half){ .headers = a, .nheaders = 1 }),
			 trace_request(&(struct flow_half){ .headers = b, .nheaders = 1 }));
	assert_int_equal(trace_request(&(struct flow_half){ .headers = c, .nheaders = 1 }), 0);
	assert_int_equal(trace_fold(0), 0);
	assert_int_not_equal(trace_fold(LOW), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_ways_to_write_a_trace_give_one_number),
		cmocka_unit_test(what_is_no_trace_gives_none),
		cmocka_unit_test(the_standard_comes_before_what_it_replaced),
		cmocka_unit_test(a_statement_carries_it_in_a_comment),
		cmocka_unit_test(a_request_number_is_any_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
