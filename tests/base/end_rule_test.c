/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <errno.h>

#include "base/end_rule.h"

static void rules_say_what_they_mean(void **state)
{
	static const struct {
		const char *text, *value;
		enum end_kind kind;
		bool leave_out;
	} t[] = {
		{ "port 80", "80", END_PORT, false },
		{ "not port 80,8000-8100", "80,8000-8100", END_PORT, true },
		{ "address  10.0.0.0/8", "10.0.0.0/8", END_ADDRESS, false },
		{ "not address 2001:db8::/32", "2001:db8::/32", END_ADDRESS, true },
		{ "udp 53", "53", END_UDP, false },
		{ "udp all", "all", END_UDP, false },
	};
	struct end_rule r;

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		assert_int_equal(end_rule_parse(t[i].text, &r), 0);
		assert_string_equal(r.value, t[i].value);
		assert_int_equal(r.kind, t[i].kind);
		assert_int_equal(r.leave_out, t[i].leave_out);
	}
}

static void what_is_no_rule_is_refused(void **state)
{
	static const char *const bad[] = {
		"",		 "port",	"port ",	    "ports 80",	  "80",
		"port 0",	 "port 80,",	"port 80-",	    "port 90-80", "port 80 81",
		"port 65536",	 "not",		"not 80",	    "not udp 53", "udp",
		"udp any",	 "address",	"address web",	    "address 10.0.0.1/8",
		"address 1.2.3", "not not port 80", "address ::1/129", "Port 80",
	};
	struct end_rule r = { .value = "untouched" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(end_rule_parse(bad[i], &r), -EINVAL);
	assert_string_equal(r.value, "untouched");
}

static void ipv4_counts_behind_its_mapped_prefix(void **state)
{
	static const uint8_t ten[16] = { [10] = 0xff, 0xff, 10 };
	uint8_t addr[16];
	unsigned bits;

	(void)state;
	assert_int_equal(end_rule_address("10.0.0.0/8", addr, &bits), 0);
	assert_int_equal(bits, 104);
	assert_memory_equal(addr, ten, 16);
	assert_int_equal(end_rule_address("::/0", addr, &bits), 0);
	assert_int_equal(bits, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_say_what_they_mean),
		cmocka_unit_test(what_is_no_rule_is_refused),
		cmocka_unit_test(ipv4_counts_behind_its_mapped_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
