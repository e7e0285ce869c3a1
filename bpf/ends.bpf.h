/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* ends.bpf.h - the choice by port and address: asked once per connection, when its ends are known. */
#ifndef LIMPID_ENDS_BPF_H
#define LIMPID_ENDS_BPF_H

#include "policy.bpf.h"

/* One bit per port: 1024 words for those left out, those chosen, and those of UDP that are copied. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, EV_PORT_SETS * EV_PORT_WORDS);
	__type(key, __u32);
	__type(value, __u64);
} port_rules __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, EV_ADDR_RULES);
	__type(key, struct ev_addr_key);
	__type(value, __u32);
} addr_rules __weak SEC(".maps");

struct sock_addr {
	__u8 local[16], remote[16];
	__u16 lport, rport;
};

static __always_inline bool port_has(__u32 rule, __u16 port)
{
	__u32 at = rule * EV_PORT_WORDS + (port >> 6);
	__u64 *word = bpf_map_lookup_elem(&port_rules, &at);

	return word && (*word >> (port & 63) & 1);
}

/* The rule of the longest prefix that holds the address, or -1. */
static __always_inline int addr_rule(const __u8 addr[16])
{
	struct ev_addr_key key = { .bits = 128 };
	__u32 *rule;

	__builtin_memcpy(key.addr, addr, sizeof(key.addr));
	rule = bpf_map_lookup_elem(&addr_rules, &key);
	return rule ? (int)*rule : -1;
}

static __always_inline bool ports_wanted(__u32 ends, const struct sock_addr *a)
{
	if ((ends & EV_PORTS_LEFT_OUT) && (port_has(EV_RULE_EXCLUDE, a->lport) || port_has(EV_RULE_EXCLUDE, a->rport)))
		return false;
	return !(ends & EV_PORTS_CHOSEN) || port_has(EV_RULE_INCLUDE, a->lport) ||
	       port_has(EV_RULE_INCLUDE, a->rport);
}

static __always_inline bool addrs_wanted(__u32 ends, const struct sock_addr *a)
{
	int local = addr_rule(a->local), remote = addr_rule(a->remote);

	if (local == EV_RULE_EXCLUDE || remote == EV_RULE_EXCLUDE)
		return false;
	return !(ends & EV_ADDRS_CHOSEN) || local == EV_RULE_INCLUDE || remote == EV_RULE_INCLUDE;
}

/* Whether a connection between these ends is wanted.  NULL: one without addresses (AF_UNIX), which a choice of
 * ports or addresses leaves out. */
SUB int ends_wanted(const struct sock_addr *a)
{
	__u32 zero = 0, ends;
	struct ev_policy *p = bpf_map_lookup_elem(&policy, &zero);

	ends = p ? p->ends : 0;
	if (!ends)
		return 1;
	if (!a)
		return !(ends & (EV_PORTS_CHOSEN | EV_ADDRS_CHOSEN));
	if (!ports_wanted(ends, a))
		return 0;
	return !(ends & (EV_ADDRS_CHOSEN | EV_ADDRS_LEFT_OUT)) || addrs_wanted(ends, a);
}

#endif
