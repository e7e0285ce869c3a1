/* SPDX-License-Identifier: Apache-2.0 */
/* ends.h - the choice of connections by port and address, as people write it and as the kernel takes it. */
#ifndef LIMPID_TAP_ENDS_H
#define LIMPID_TAP_ENDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event.h"

struct ends { /* zero-initialised: every connection */
	/* By enum ev_rule and EV_PORTS_UDP: the map `port_rules`. */
	uint64_t ports[EV_PORT_SETS][EV_PORT_WORDS];
	struct end_addr {
		struct ev_addr_key key;
		uint32_t rule; /* enum ev_rule */
	} addrs[EV_ADDR_RULES];
	size_t naddrs;
	uint32_t kinds;	       /* enum ev_ends, or-ed */
	char sentence[2][160]; /* what was asked for, by enum ev_rule; cut */
};

/* "80", "80,443", "8000-8100,9000".  0; -EINVAL: none of these, *e is as before. */
int ends_ports(struct ends *e, enum ev_rule rule, const char *s);
/* The same, or "all": UDP ports whose datagrams are copied and not only counted. */
int ends_udp(struct ends *e, const char *s);
/* "10.0.0.5", "10.0.0.0/8", "::1", "2001:db8::/32"; IPv4 covers its mapped form.  0; -EINVAL: none of
 * these (a bit behind the prefix is one, too); -E2BIG: more than EV_ADDR_RULES. */
int ends_address(struct ends *e, enum ev_rule rule, const char *s);
/* Any of these as base/end_rule.h has it: "not port 80".  0; -EINVAL; -E2BIG. */
int ends_rule(struct ends *e, const char *s);
/* They choose the same connections, as far as their rules came in the same order. */
bool ends_equal(const struct ends *a, const struct ends *b);
/* ", only port 80 and address 10.0.0.0/8, not port 22": for people; "" when nothing was chosen. */
void ends_sentence(const struct ends *e, char *ret, size_t n);

#endif
