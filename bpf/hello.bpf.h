/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* hello.bpf.h - which socket of a process carried a ClientHello, by the client's random in it.
 *
 * A program that gives its TLS library a memory BIO moves the ciphertext itself: no system call within the library's
 * call names the socket.  But every handshake begins with 32 random bytes of the client, which go over the wire in
 * the clear, once for a connection, and stay in the library's connection object as long as it lives.  So a socket is
 * noted when a ClientHello passes, and the object's random (where it is, user space read off the library's code) finds
 * it: without another probe, on whatever thread, however the ciphertext was passed on within the process.
 *
 * Two sockets that carried the same random in the same direction tell nothing: then no socket is named.
 */
#ifndef LIMPID_HELLO_BPF_H
#define LIMPID_HELLO_BPF_H

#include "emit.bpf.h"

#define HELLO_RANDOM  32
#define HELLO_HEADER  5	 /* of the record: type, version, length */
#define HELLO_BEFORE  6	 /* of the message, before the random: type, length, version */
#define HELLO_LEAST   (HELLO_BEFORE + HELLO_RANDOM)
#define HELLO_SEVERAL (~0ULL)

struct hello_key {
	__u64 tgid;
	__u8 random[HELLO_RANDOM];
};
struct hello {
	__u64 cookie[2]; /* by enum ev_dir: as who sent it, or received it; 0: no socket; or HELLO_SEVERAL */
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct hello_key);
	__type(value, struct hello);
} hellos __weak SEC(".maps");

/* A socket of the process carried what tells of the random: as the client, EV_WRITE, or as the server, EV_READ. */
static __always_inline void hello_put(struct hello_key *key, __u8 dir, __u64 cookie)
{
	struct hello none = {}, *h;

	if (!bpf_map_lookup_elem(&hellos, key))
		bpf_map_update_elem(&hellos, key, &none, BPF_NOEXIST);
	h = bpf_map_lookup_elem(&hellos, key);
	if (h && SWAP_IF(&h->cookie[dir & 1], 0, cookie) && h->cookie[dir & 1] != cookie)
		h->cookie[dir & 1] = HELLO_SEVERAL;
}

/* The n bytes in s->data came at off of a direction of the socket: looks whether a ClientHello is at their beginning.  A program
 * may have read the record's header by itself.  s->run is used as room. */
static __always_inline __attribute__((unused)) void hello_note(struct scratch *s, __u64 cookie,
							       __u8 dir, __u64 off, __u64 n)
{
	struct hello_key *key = (void *)&s->run;
	bool headed = s->data[0] == 22;
	const __u8 *m = headed ? s->data + HELLO_HEADER : s->data;

	if (headed ? n < HELLO_HEADER + HELLO_LEAST || s->data[1] != 3 : n < HELLO_LEAST || off != HELLO_HEADER)
		return;
	if (m[0] != 1 || m[4] != 3)
		return;
	key->tgid = bpf_get_current_pid_tgid() >> 32;
	bpf_probe_read_kernel(key->random, HELLO_RANDOM, m + HELLO_BEFORE);
	hello_put(key, dir, cookie);
}

#endif
