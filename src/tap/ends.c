/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/ends.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void note(struct ends *e, enum ev_rule rule, const char *what, const char *s)
{
	char *text = e->sentence[rule];
	size_t n = strlen(text);

	(void)snprintf(text + n, sizeof(e->sentence[rule]) - n, "%s%s %s", n ? ", " : "", what,
		       s); /* cut */
}

/* A number up to max at *s, which moves behind it. */
static bool number(const char **s, unsigned long max, unsigned *ret)
{
	char *end;
	unsigned long v;

	if (**s < '0' || **s > '9')
		return false;
	errno = 0;
	v = strtoul(*s, &end, 10);
	if (errno || v > max)
		return false;
	*ret = (unsigned)v;
	*s = end;
	return true;
}

static int add_ports(uint64_t ports[EV_PORT_WORDS], const char *s)
{
	uint64_t words[EV_PORT_WORDS];
	const char *at = s;

	memcpy(words, ports, sizeof(words));
	for (;;) {
		unsigned from, to;

		if (!number(&at, 65535, &from))
			return -EINVAL;
		to = from;
		if (*at == '-') {
			at++;
			if (!number(&at, 65535, &to))
				return -EINVAL;
		}
		if (from == 0 || to < from)
			return -EINVAL;
		for (unsigned port = from; port <= to; port++)
			words[port / 64] |= 1ull << port % 64;
		if (!*at)
			break;
		if (*at++ != ',')
			return -EINVAL;
	}
	memcpy(ports, words, sizeof(words));
	return 0;
}

int ends_udp(struct ends *e, const char *s)
{
	return add_ports(e->ports[EV_PORTS_UDP], strcmp(s, "all") == 0 ? "1-65535" : s);
}

int ends_ports(struct ends *e, enum ev_rule rule, const char *s)
{
	int err = add_ports(e->ports[rule], s);

	if (err)
		return err;
	e->kinds |= rule == EV_RULE_INCLUDE ? EV_PORTS_CHOSEN : EV_PORTS_LEFT_OUT;
	note(e, rule, "port", s);
	return 0;
}

static bool only_prefix(const struct ev_addr_key *k)
{
	for (unsigned bit = k->bits; bit < 128; bit++)
		if (k->addr[bit / 8] >> (7 - bit % 8) & 1)
			return false;
	return true;
}

int ends_address(struct ends *e, enum ev_rule rule, const char *s)
{
	struct ev_addr_key k = { .addr = { [10] = 0xff, [11] = 0xff } };
	const char *slash = strchr(s, '/');
	char host[INET6_ADDRSTRLEN];
	size_t n = slash ? (size_t)(slash - s) : strlen(s);
	unsigned own = 128, bits;

	if (n >= sizeof(host))
		return -EINVAL;
	memcpy(host, s, n);
	host[n] = 0;
	if (inet_pton(AF_INET, host, k.addr + 12) == 1)
		own = 32;
	else if (inet_pton(AF_INET6, host, k.addr) != 1)
		return -EINVAL;
	bits = own;
	if (slash) {
		const char *at = slash + 1;

		if (!number(&at, own, &bits) || *at)
			return -EINVAL;
	}
	k.bits = 128 - own + bits;
	if (!only_prefix(&k))
		return -EINVAL;
	if (e->naddrs == EV_ADDR_RULES)
		return -E2BIG;
	e->addrs[e->naddrs++] = (struct end_addr){ .key = k, .rule = rule };
	e->kinds |= rule == EV_RULE_INCLUDE ? EV_ADDRS_CHOSEN : EV_ADDRS_LEFT_OUT;
	note(e, rule, "address", s);
	return 0;
}

void ends_sentence(const struct ends *e, char *ret, size_t n)
{
	const char *only = e->sentence[EV_RULE_INCLUDE], *not = e->sentence[EV_RULE_EXCLUDE];

	(void)snprintf(ret, n, "%s%s%s%s", *only ? ", only " : "", only, *not ? ", not " : "",
		       not ); /* cut */
}
