/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <errno.h>
#include <stdio.h>

#include "tap/ends.h"

static bool has(const struct ends *e, enum ev_rule rule, unsigned port)
{
	return e->ports[rule][port / 64] >> port % 64 & 1;
}

static void ports_are_numbers_lists_and_ranges(void **state)
{
	static struct ends e;
	unsigned n = 0;

	(void)state;
	assert_int_equal(ends_ports(&e, EV_RULE_INCLUDE, "80"), 0);
	assert_int_equal(ends_ports(&e, EV_RULE_INCLUDE, "1,8000-8002,65535"), 0);
	for (unsigned port = 0; port < 65536; port++)
		n += has(&e, EV_RULE_INCLUDE, port);
	assert_int_equal(n, 6);
	assert_true(has(&e, EV_RULE_INCLUDE, 1) && has(&e, EV_RULE_INCLUDE, 8001) &&
		    has(&e, EV_RULE_INCLUDE, 65535) && has(&e, EV_RULE_INCLUDE, 80));
	assert_int_equal(e.kinds, EV_PORTS_CHOSEN);
	assert_int_equal(ends_ports(&e, EV_RULE_EXCLUDE, "1-65535"), 0);
	assert_true(has(&e, EV_RULE_EXCLUDE, 64) && !has(&e, EV_RULE_EXCLUDE, 0));
	assert_int_equal(e.kinds, EV_PORTS_CHOSEN | EV_PORTS_LEFT_OUT);
}

static void ports_of_datagrams_are_apart(void **state)
{
	static struct ends e;

	(void)state;
	assert_int_equal(ends_udp(&e, "53,5300-5400"), 0);
	assert_true(e.ports[EV_PORTS_UDP][0] >> 53 & 1);
	assert_int_equal(e.kinds, 0);
	assert_false(has(&e, EV_RULE_INCLUDE, 53) || has(&e, EV_RULE_EXCLUDE, 53));
	assert_int_equal(ends_udp(&e, "al"), -EINVAL);
	assert_int_equal(ends_udp(&e, "all"), 0);
	assert_int_equal(e.ports[EV_PORTS_UDP][EV_PORT_WORDS - 1], UINT64_MAX);
}

static void what_is_no_port_is_refused_and_changes_nothing(void **state)
{
	static const char *const bad[] = { "",	    "0",   "x",	    "-1",
					   "65536", "80,", ",80",   "80-",
					   "90-80", "1-0", "80 81", "80;1",
					   "+80",   "80x", "1-2-3", "99999999999999999999" };
	static struct ends e, none;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(ends_ports(&e, EV_RULE_INCLUDE, bad[i]), -EINVAL);
	assert_memory_equal(&e, &none, sizeof(e));
}

static void addresses_become_prefixes_of_128_bits(void **state)
{
	static const struct {
		const char *text;
		unsigned bits;
		uint8_t first, byte12, last;
	} good[] = { { "10.0.0.5", 128, 0, 10, 5 },	  { "10.0.0.0/8", 104, 0, 10, 0 },
		     { "0.0.0.0/0", 96, 0, 0, 0 },	  { "::1", 128, 0, 0, 1 },
		     { "2001:db8::/32", 32, 0x20, 0, 0 }, { "::/0", 0, 0, 0, 0 },
		     { "::ffff:10.0.0.5", 128, 0, 10, 5 } };
	static struct ends e;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		const struct ev_addr_key *k = &e.addrs[i].key;

		assert_int_equal(ends_address(&e, EV_RULE_EXCLUDE, good[i].text), 0);
		assert_int_equal(k->bits, good[i].bits);
		assert_int_equal(k->addr[0], good[i].first);
		assert_int_equal(k->addr[12], good[i].byte12);
		assert_int_equal(k->addr[15], good[i].last);
		assert_int_equal(e.addrs[i].rule, EV_RULE_EXCLUDE);
	}
	assert_int_equal(e.kinds, EV_ADDRS_LEFT_OUT);
}

static void what_is_no_address_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"x",
		"10.0.0",
		"10.0.0.1/8",
		"10.0.0.0/33",
		"::1/64",
		"::/129",
		"10.0.0.0/",
		"10.0.0.0/8x",
		"/8",
		"localhost",
		"[::1]",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:0000:1111:2222"
	};
	static struct ends e;
	int err = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(ends_address(&e, EV_RULE_INCLUDE, bad[i]), -EINVAL);
	assert_int_equal(e.naddrs + e.kinds, 0);
	for (size_t i = 0; i < EV_ADDR_RULES; i++)
		err |= ends_address(&e, EV_RULE_INCLUDE, "10.0.0.1");
	assert_int_equal(err, 0);
	assert_int_equal(ends_address(&e, EV_RULE_INCLUDE, "10.0.0.1"), -E2BIG);
}

static void it_is_said_in_words(void **state)
{
	static struct ends e;
	char text[100];

	(void)state;
	ends_sentence(&e, text, sizeof(text));
	assert_string_equal(text, "");
	assert_int_equal(ends_ports(&e, EV_RULE_INCLUDE, "80,443"), 0);
	assert_int_equal(ends_address(&e, EV_RULE_INCLUDE, "10.0.0.0/8"), 0);
	ends_sentence(&e, text, sizeof(text));
	assert_string_equal(text, ", only port 80,443, address 10.0.0.0/8");
	assert_int_equal(ends_ports(&e, EV_RULE_EXCLUDE, "22"), 0);
	ends_sentence(&e, text, sizeof(text));
	assert_string_equal(text, ", only port 80,443, address 10.0.0.0/8, not port 22");
	for (int i = 0; i < 50; i++)
		assert_int_equal(ends_ports(&e, EV_RULE_EXCLUDE, "1234-5678"), 0);
	ends_sentence(&e, text, sizeof(text));
	assert_int_equal(strlen(text), sizeof(text) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_are_numbers_lists_and_ranges),
		cmocka_unit_test(ports_of_datagrams_are_apart),
		cmocka_unit_test(what_is_no_port_is_refused_and_changes_nothing),
		cmocka_unit_test(addresses_become_prefixes_of_128_bits),
		cmocka_unit_test(what_is_no_address_is_refused),
		cmocka_unit_test(it_is_said_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
