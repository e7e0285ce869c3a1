/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* passive.bpf.h - what is known of a connection's beginning when no system call is hooked.  A part of conn.bpf.h. */
#ifndef LIMPID_PASSIVE_BPF_H
#define LIMPID_PASSIVE_BPF_H

/* --only-tcp: no system call is hooked.  TCP is read by its functions or by socktp.bpf.c, and nothing else is. */
const volatile __u8 only_tcp __weak = 0;

/* only_tcp: connections that the other end began, by their cookies, and policy_gen of then: nobody sees them accepted, and who
 * listened may have stopped when they are used. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u64);
	__type(value, __u32);
} passive __weak SEC(".maps");

static __always_inline __u32 *passive_since(const struct sock *sk)
{
	__u64 cookie = sock_id_of(sk);

	return only_tcp ? bpf_map_lookup_elem(&passive, &cookie) : NULL;
}

static __always_inline void passive_begins(__u64 cookie)
{
	__u32 gen = policy_gen;

	if (only_tcp)
		bpf_map_update_elem(&passive, &cookie, &gen, BPF_ANY);
}

#endif
