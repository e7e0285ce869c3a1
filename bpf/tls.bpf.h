/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* tls.bpf.h - what the programs of all TLS libraries share: which socket a connection object used, and the counts of each
 * probed file. */
#ifndef LIMPID_TLS_BPF_H
#define LIMPID_TLS_BPF_H

#include "conn.bpf.h"

struct tls_object {
	__u64 tgid, ssl; /* ssl: the library's connection object */
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, struct tls_object);
	__type(value, __u64);
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
	__u64 *known = bpf_map_lookup_elem(&tls_sockets, &key);

	if (nested) {
		if (!known || *known != nested)
			bpf_map_update_elem(&tls_sockets, &key, &nested, BPF_ANY);
		*ret_sure = EV_SURE_NESTED;
		return nested;
	}
	*ret_sure = EV_SURE_STICKY;
	return known ? *known : 0;
}

/* The site is not what it was taken for: nothing more is believed. */
static __always_inline void tls_lib_lies(struct ev_tls_lib *lib)
{
	__sync_fetch_and_add(&lib->bad, 1);
	lib->off = 1;
}

#endif
