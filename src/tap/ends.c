/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/ends.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/end_rule.h"

static void note(struct ends *e, enum ev_rule rule, const char *what, const char *s)
{
	char *text = e->sentence[rule];
	size_t n = strlen(text);

	(void)snprintf(text + n, sizeof(e->sentence[rule]) - n, "%s%s %s", n ? ", " : "", what,
		       s); /* cut */
}

static int add_ports(uint64_t ports[EV_PORT_WORDS], const char *s)
{
	uint64_t words[EV_PORT_WORDS];
	unsigned from, to;
	int more = *s ? 1 : -EINVAL;

	memcpy(words, ports, sizeof(words));
	while (more > 0 && (more = end_rule_ports(&s, &from, &to)) > 0)
		for (unsigned port = from; port <= to; port++)
			words[port / 64] |= 1ull << port % 64;
	if (!more)
		memcpy(ports, words, sizeof(words));
	return more;
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

int ends_address(struct ends *e, enum ev_rule rule, const char *s)
{
	struct ev_addr_key k = { 0 };

	if (end_rule_address(s, k.addr, &k.bits) < 0)
		return -EINVAL;
	if (e->naddrs == EV_ADDR_RULES)
		return -E2BIG;
	e->addrs[e->naddrs++] = (struct end_addr){ .key = k, .rule = rule };
	e->kinds |= rule == EV_RULE_INCLUDE ? EV_ADDRS_CHOSEN : EV_ADDRS_LEFT_OUT;
	note(e, rule, "address", s);
	return 0;
}

int ends_rule(struct ends *e, const char *s)
{
	struct end_rule r;
	enum ev_rule rule;
	int err = end_rule_parse(s, &r);

	if (err)
		return err;
	rule = r.leave_out ? EV_RULE_EXCLUDE : EV_RULE_INCLUDE;
	switch (r.kind) {
	case END_PORT:
		return ends_ports(e, rule, r.value);
	case END_ADDRESS:
		return ends_address(e, rule, r.value);
	case END_UDP:
		return ends_udp(e, r.value);
	}
	return -EINVAL;
}

bool ends_equal(const struct ends *a, const struct ends *b)
{
	if (a->kinds != b->kinds || a->naddrs != b->naddrs ||
	    memcmp(a->ports, b->ports, sizeof(a->ports)) != 0)
		return false;
	for (size_t i = 0; i < a->naddrs; i++)
		if (a->addrs[i].rule != b->addrs[i].rule ||
		    a->addrs[i].key.bits != b->addrs[i].key.bits ||
		    memcmp(a->addrs[i].key.addr, b->addrs[i].key.addr, 16) != 0)
			return false;
	return true;
}

void ends_sentence(const struct ends *e, char *ret, size_t n)
{
	const char *only = e->sentence[EV_RULE_INCLUDE], *not = e->sentence[EV_RULE_EXCLUDE];

	(void)snprintf(ret, n, "%s%s%s%s", *only ? ", only " : "", only, *not ? ", not " : "",
		       not ); /* cut */
}
