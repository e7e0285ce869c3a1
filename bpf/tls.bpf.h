/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* tls.bpf.h - what the programs of all TLS libraries share: which socket a connection object used, and the counts of each
 * probed file. */
#ifndef LIMPID_TLS_BPF_H
#define LIMPID_TLS_BPF_H

#include "conn.bpf.h"
#include "late.bpf.h"

struct tls_object {
	__u64 tgid, ssl; /* ssl: the library's connection object */
};
struct tls_socket {
	__u64 cookie;
	__u64 mark; /* 0: a system call named it; else bytes of the client's random, which did */
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct tls_object);
	__type(value, struct tls_socket);
} tls_sockets __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, EV_TLS_LIBS);
	__type(key, __u32);
	__type(value, struct ev_tls_lib);
} tls_libs __weak SEC(".maps");

#ifdef LIMPID_OLD_KERNEL
/* bpf_get_attach_cookie came with 5.15.  Before, each place has programs of its own, with its cookie in them
 * (src/tap/bpf_tls.c). */
volatile const __u64 tls_site_cookie __weak SEC(".rodata.site") = 0;
#define site_cookie(ctx) ((void)(ctx), tls_site_cookie)
#else
#define site_cookie(ctx) bpf_get_attach_cookie(ctx)
#endif

/* Since 6.13 the kernel gives a program's locals a memory of its own, one for each processor, and counts on nobody
 * else to run that program there meanwhile.  Programs of uprobes are preempted all the same where the kernel is, and nothing stops
 * the next one: two calls would write into each other's locals.  A program that has a tail call keeps its locals on the stack of
 * the task.  This one is never made, and no verifier gets to see it.  To be used once in every program of an uprobe; the map is that of
 * programs that are attached alike. */
volatile const bool tls_never __weak = false;
#define NOWHERE(name)                                  \
	struct {                                       \
		__uint(type, BPF_MAP_TYPE_PROG_ARRAY); \
		__uint(max_entries, 1);                \
		__uint(key_size, sizeof(__u32));       \
		__uint(value_size, sizeof(__u32));     \
	} name SEC(".maps")
#define LOCALS_ON_THE_STACK(ctx, nowhere)                  \
	do {                                               \
		if (tls_never)                             \
			bpf_tail_call(ctx, &(nowhere), 0); \
	} while (0)

static __always_inline struct ev_tls_lib *tls_lib_of(__u16 lib)
{
	__u32 key = lib;

	return bpf_map_lookup_elem(&tls_libs, &key);
}

/* The socket of a call on the connection object that ended: nested, which a system call within it used, else the one that the
 * object used before.  0: unknown.  A function of its own, so that its stack is not below that of emit_plaintext. */
SUB __u64 tls_socket_of(__u64 ssl, __u64 nested, __u8 *ret_sure)
{
	struct tls_object key = { bpf_get_current_pid_tgid() >> 32, ssl };
	struct tls_socket *known = bpf_map_lookup_elem(&tls_sockets, &key), is = { nested, 0 };

	if (nested) {
		if (!known || known->cookie != nested || known->mark)
			bpf_map_update_elem(&tls_sockets, &key, &is, BPF_ANY);
		*ret_sure = EV_SURE_NESTED;
		return nested;
	}
	*ret_sure = EV_SURE_STICKY;
	return known && !known->mark ? known->cookie : 0;
}

/* The object's random, if the library's layout is known: true. */
static __always_inline bool tls_random(__u64 ssl, const struct ev_tls_layout *l, struct hello_key *key)
{
	__u64 at = ssl;

	key->tgid = bpf_get_current_pid_tgid() >> 32;
	if (l->random_at && bpf_probe_read_user(&at, sizeof(at), (void *)(ssl + l->random_at)))
		return false;
	return l->random && !bpf_probe_read_user(key->random, sizeof(key->random), (void *)(at + l->random));
}

/* The only socket that carried it on the object's side, 0, or HELLO_SEVERAL. */
static __always_inline __u64 hello_socket(const struct hello *h, __u64 ssl, const struct ev_tls_layout *l)
{
	__u64 sent = h->cookie[EV_WRITE], received = h->cookie[EV_READ];
	__u32 server = 2;

	if (l->side)
		bpf_probe_read_user(&server, sizeof(server), (void *)(ssl + l->side));
	if (server == 1)
		return received;
	if (server == 0)
		return sent;
	return sent && received ? HELLO_SEVERAL : sent | received;
}

/* The same for a call without any system call on a socket: known is what tls_socket_of said.  What went over the wire is
 * better evidence than an earlier call of an object at this address, which may have been another one. */
SUB __u64 tls_socket_by_hello(__u64 ssl, __u16 lib, __u64 known, __u8 *ret_sure)
{
	struct tls_object object = { bpf_get_current_pid_tgid() >> 32, ssl };
	struct ev_tls_lib *l = tls_lib_of(lib);
	struct hello_key key = {};
	struct tls_socket is = {}, *before;
	struct hello *h;

	if (!l || !tls_random(ssl, &l->layout, &key))
		return known;
	h = bpf_map_lookup_elem(&hellos, &key);
	is.cookie = h ? hello_socket(h, ssl, &l->layout) : 0;
	if (known && (!is.cookie || is.cookie == known))
		return known;
	*ret_sure = EV_SURE_MATCHED;
	__builtin_memcpy(&is.mark, key.random + 16, sizeof(is.mark));
	before = bpf_map_lookup_elem(&tls_sockets, &object);
	if (!is.cookie) { /* others came after it, and it was forgotten; or it was never seen */
		if (before && before->mark && before->mark == is.mark)
			return before->cookie;
		late_want();
		return 0;
	}
	if (is.cookie == HELLO_SEVERAL) {
		bpf_map_delete_elem(&tls_sockets, &object);
		return 0;
	}
	if (!before || before->cookie != is.cookie || before->mark != is.mark)
		bpf_map_update_elem(&tls_sockets, &object, &is, BPF_ANY);
	return is.cookie;
}

/* The connection object is another connection's from now on, or none: BIOs in memory have no system call to name its socket. */
static __always_inline void tls_forget(__u64 ssl)
{
	struct tls_object key = { bpf_get_current_pid_tgid() >> 32, ssl };

	bpf_map_delete_elem(&tls_sockets, &key);
}

/* The object's last plaintext was sent, or received: how.  May be called again. */
SUB int tls_end(__u64 ssl, __u16 lib, __u32 how)
{
	__u8 sure;
	__u64 cookie = tls_socket_by_hello(ssl, lib, tls_socket_of(ssl, 0, &sure), &sure);
	struct conn *c = conn_find(cookie);

	if (c && !c->closed && (c->tls_pos[EV_READ] || c->tls_pos[EV_WRITE]))
		close_event(c, NULL, cookie, how);
	return 0;
}

/* The site is not what it was taken for: nothing more is believed. */
static __always_inline void tls_lib_lies(struct ev_tls_lib *lib)
{
	__sync_fetch_and_add(&lib->bad, 1);
	lib->off = 1;
}

#endif
