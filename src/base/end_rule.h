/* SPDX-License-Identifier: Apache-2.0 */
/* end_rule.h - which connections are meant, by port or address of an end, as people write it.
 *
 *	port 80,443		only connections with such a port at either end
 *	not port 8000-8100	none with such a port
 *	address 10.0.0.0/8	only connections with such an address at either end
 *	not address ::1		none with such an address
 *	udp 53			datagrams with such a port are copied and not only counted; "udp all"
 */
#ifndef LIMPID_BASE_END_RULE_H
#define LIMPID_BASE_END_RULE_H

#include <stdbool.h>
#include <stdint.h>

#define END_RULE_MAX 127 /* bytes of a rule */

enum end_kind { END_PORT, END_ADDRESS, END_UDP };
struct end_rule {
	enum end_kind kind;
	bool leave_out;
	const char *value; /* in the text that was parsed */
};

/* 0, with *ret filled; -EINVAL: it is no such rule, or its value is none. */
int end_rule_parse(const char *s, struct end_rule *ret);
/* The next of "80,8000-8100" at *s, which moves behind it and its comma.  1; 0: that was all; -EINVAL: no ports.  Begins
 * with the whole text. */
int end_rule_ports(const char **s, unsigned *ret_from, unsigned *ret_to);
/* "10.0.0.5", "10.0.0.0/8", "2001:db8::/32"; IPv4 as ::ffff:a.b.c.d, in network order, and bits then counts from there.
 * 0; -EINVAL: none of these, or a bit behind the prefix is one. */
int end_rule_address(const char *s, uint8_t ret_addr[16], unsigned *ret_bits);

#endif
