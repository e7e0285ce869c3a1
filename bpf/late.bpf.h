/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* late.bpf.h - sockets of connections whose ClientHello nobody saw, in programs that move the ciphertext themselves.
 *
 * They are older than the capture.  What the library writes to its BIO next is what a socket of the process sends next: a record
 * begins with at least 16 bytes of ciphertext that no other record has.  So user space puts a probe on BIO_write
 * in such a process, and takes it off again when all connections are known (src/tap/late.c): then records cost nothing.
 *
 *	BIO_write within a call of the library:	the record's first bytes -> the object's random
 *	a socket sends the same bytes:		the random -> the socket, as if a ClientHello had told it (hello.bpf.h)
 */
#ifndef LIMPID_LATE_BPF_H
#define LIMPID_LATE_BPF_H

#include "hello.bpf.h"

#define LATE_LEAST 16 /* bytes of a record's body that name it; at most as many as a random has */
#define LATE_NS	   100000000

/* Processes that ask for the probe: when they last did. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} late_wanted __weak SEC(".maps");

struct late_object {
	__u8 random[HELLO_RANDOM];
	__u64 dir; /* of hello_put */
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct hello_key); /* random: of the record's body */
	__type(value, struct late_object);
} late_records __weak SEC(".maps");

volatile __u8 late_probed __weak; /* user space: some process is */

/* The current process made a call on an object whose socket is not known. */
static __always_inline __attribute__((unused)) void late_want(void)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	__u64 now = bpf_ktime_get_ns(), *last = bpf_map_lookup_elem(&late_wanted, &tgid);

	if (!last)
		bpf_map_update_elem(&late_wanted, &tgid, &now, BPF_ANY);
	else if (now - *last > LATE_NS)
		*last = now;
}

/* Bytes of the body, at most HELLO_RANDOM, that name the record which begins at head; 0: it is none, or they are too few. */
static __always_inline __attribute__((unused)) __u32 late_body(const __u8 *head, __u64 n)
{
	__u32 len = head[3] << 8 | head[4];

	if (head[0] < 20 || head[0] > 23 || head[1] != 3)
		return 0;
	if (len > HELLO_RANDOM)
		len = HELLO_RANDOM;
	return len < LATE_LEAST || n < HELLO_HEADER + len ? 0 : len;
}

#endif
