/* SPDX-License-Identifier: Apache-2.0 */
#include "base/end_rule.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

int end_rule_ports(const char **s, unsigned *ret_from, unsigned *ret_to)
{
	unsigned from, to;

	if (!**s)
		return 0;
	if (!number(s, 65535, &from))
		return -EINVAL;
	to = from;
	if (**s == '-') {
		++*s;
		if (!number(s, 65535, &to))
			return -EINVAL;
	}
	if (from == 0 || to < from || (**s == ',' && !(*s)[1]) || (**s && **s != ','))
		return -EINVAL;
	*s += **s == ',';
	*ret_from = from;
	*ret_to = to;
	return 1;
}

static bool only_prefix(const uint8_t addr[16], unsigned bits)
{
	for (unsigned bit = bits; bit < 128; bit++)
		if (addr[bit / 8] >> (7 - bit % 8) & 1)
			return false;
	return true;
}

int end_rule_address(const char *s, uint8_t ret_addr[16], unsigned *ret_bits)
{
	uint8_t addr[16] = { [10] = 0xff, [11] = 0xff };
	const char *slash = strchr(s, '/');
	char host[INET6_ADDRSTRLEN];
	size_t n = slash ? (size_t)(slash - s) : strlen(s);
	unsigned own = 128, bits;

	if (n >= sizeof(host))
		return -EINVAL;
	memcpy(host, s, n);
	host[n] = 0;
	if (inet_pton(AF_INET, host, addr + 12) == 1)
		own = 32;
	else if (inet_pton(AF_INET6, host, addr) != 1)
		return -EINVAL;
	bits = own;
	if (slash) {
		const char *at = slash + 1;

		if (!number(&at, own, &bits) || *at)
			return -EINVAL;
	}
	bits += 128 - own;
	if (!only_prefix(addr, bits))
		return -EINVAL;
	memcpy(ret_addr, addr, sizeof(addr));
	*ret_bits = bits;
	return 0;
}

static bool word(const char **s, const char *w)
{
	size_t n = strlen(w);

	if (strncmp(*s, w, n) != 0 || (*s)[n] != ' ')
		return false;
	*s += n;
	while (**s == ' ')
		++*s;
	return true;
}

static int check_ports(const char *s)
{
	unsigned from, to;
	int more = *s ? 1 : -EINVAL;

	while (more > 0)
		more = end_rule_ports(&s, &from, &to);
	return more;
}

int end_rule_parse(const char *s, struct end_rule *ret)
{
	struct end_rule r = { .leave_out = word(&s, "not") };
	uint8_t addr[16];
	unsigned bits;
	int err;

	if (word(&s, "port")) {
		r.kind = END_PORT;
		err = check_ports(s);
	} else if (word(&s, "address")) {
		r.kind = END_ADDRESS;
		err = end_rule_address(s, addr, &bits);
	} else if (!r.leave_out && word(&s, "udp")) {
		r.kind = END_UDP;
		err = strcmp(s, "all") == 0 ? 0 : check_ports(s);
	} else {
		err = -EINVAL;
	}
	if (err)
		return err;
	r.value = s;
	*ret = r;
	return 0;
}
