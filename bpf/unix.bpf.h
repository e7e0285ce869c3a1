/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* unix.bpf.h - streams of AF_UNIX: which socket, who is at the other end, where it is bound.
 *
 * Such a socket has no sequence numbers (positions are the sums of return values, so that bytes which no hook saw
 * cannot be told), no addresses, and there is no tracepoint at its end.  Its number is its inode's, which that of the
 * other end can be told from as well.
 *
 * SOCK_SEQPACKET and SOCK_DGRAM are left out: nobody speaks a protocol of requests over them.
 *
 * How a connection's end is learnt: close() of the file's last reference; the peer's end by a read that gives 0; and all
 * the rest (exit, exec, dup2, close_range) by user space, which sometimes asks what still exists (conn_sweep in
 * state.bpf.c).
 */
#ifndef LIMPID_UNIX_BPF_H
#define LIMPID_UNIX_BPF_H

#include "ends.bpf.h"
#include <bpf/bpf_tracing.h>

#define AF_UNIX	       1
#define SOCK_STREAM    1
#define UNIX_PATH_AT   2 /* in struct sockaddr_un */
#define PID_OF_PROCESS 1 /* PIDTYPE_TGID */

static __always_inline bool sock_is_unix(const struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_family) == AF_UNIX &&
	       BPF_CORE_READ(sk, sk_type) == SOCK_STREAM;
}

/* 0: it has no descriptor (yet, or any more). */
static __always_inline __u64 unix_cookie(const struct sock *sk)
{
	struct socket *socket = BPF_CORE_READ(sk, sk_socket);
	struct file *file = socket ? BPF_CORE_READ(socket, file) : NULL;
	__u64 ino = file ? BPF_CORE_READ(file, f_inode, i_ino) : 0;

	return ino ? EV_UNIX_COOKIE | ino : 0;
}

static __always_inline struct unix_address *unix_addr(const struct sock *sk)
{
	return sk ? BPF_CORE_READ((const struct unix_sock *)sk, addr) : NULL;
}

static __always_inline struct sock *unix_peer(const struct sock *sk)
{
	return BPF_CORE_READ((const struct unix_sock *)sk, peer);
}

/* An accepted socket has the listener's name, a connecting one usually none. */
static __always_inline __u8 unix_side(const struct sock *sk)
{
	bool own = unix_addr(sk), other = unix_addr(unix_peer(sk));

	return own == other ? EV_SIDE_UNKNOWN : own ? EV_SERVER : EV_CLIENT;
}

/* In the first pid namespace: of the process that listens (for a client), that connected (for a server), or that made
 * the pair. */
static __always_inline __u32 unix_peer_tgid(const struct sock *sk)
{
	struct pid *pid = BPF_CORE_READ(sk, sk_peer_pid);

	return pid ? BPF_CORE_READ(pid, numbers[0].nr) : 0;
}

/* That process, or NULL when it is gone. */
static __always_inline struct task_struct *unix_peer_task(const struct sock *sk)
{
	struct pid *pid = BPF_CORE_READ(sk, sk_peer_pid);
	struct hlist_node *node = pid ? BPF_CORE_READ(pid, tasks[PID_OF_PROCESS].first) : NULL;

	return node ? (void *)node - bpf_core_field_offset(struct task_struct, pid_links) -
			       PID_OF_PROCESS * 2 * sizeof(void *)
		    : NULL;
}

/* Limpid's own (tap asks Docker), or left out by a choice of ports or addresses. */
SUB int unix_unwanted(const struct sock *sk)
{
	__u32 peer = unix_peer_tgid(sk), *rule = bpf_map_lookup_elem(&tgid_rules, &peer);

	return (rule && *rule == EV_RULE_EXCLUDE) || !ends_wanted(NULL);
}

/* Puts the name behind ev, which has room for it, and gives its length. */
SUB __u32 unix_path(struct ev_open *ev, const struct unix_address *addr)
{
	__u64 n = addr ? (__u32)BPF_CORE_READ(addr, len) : 0;
	const void *at = (const void *)addr + bpf_core_field_offset(struct unix_address, name) +
			 UNIX_PATH_AT;
	long got;

	if (n <= UNIX_PATH_AT)
		return 0;
	n -= UNIX_PATH_AT;
	barrier_var(n); /* the compiler would compare a copy, and the verifier learn nothing of n */
	if (n > EV_PATH_MAX)
		return 0;
	if (bpf_probe_read_kernel(ev->path, n, at))
		return 0;
	if (!ev->path[0])
		return n;
	got = bpf_probe_read_kernel_str(ev->path, EV_PATH_MAX, at); /* a path ends at its NUL */
	return got > 1 && got <= EV_PATH_MAX ? got - 1 : 0;
}

SUB int unix_fill(struct ev_open *ev, const struct sock *sk)
{
	struct sock *peer = unix_peer(sk);
	struct unix_address *own = unix_addr(sk), *other = unix_addr(peer);
	struct task_struct *task = unix_peer_task(sk);
	__u32 n;

	ev->l4 = EV_UNIX;
	ev->peer_cookie = peer ? unix_cookie(peer) : 0;
	ev->peer_tgid = unix_peer_tgid(sk);
	if (task) {
		struct css_set *set = BPF_CORE_READ(task, cgroups);

		ev->peer_cgroup_id = own_cgroup(BPF_CORE_READ(set, dfl_cgrp), cgroup_v1(set));
		BPF_CORE_READ_INTO(&ev->peer_comm, task, comm);
	}
	n = unix_path(ev, ev->side == EV_SERVER || (ev->side == EV_SIDE_UNKNOWN && !other) ? own
											   : other);
	ev->path_len = n;
	ev->h.size = sizeof(*ev) + n;
	return 0;
}

/* Nobody else has the file: a close ends the socket. */
static __always_inline bool file_is_last(struct file *file)
{
	struct file___counted *counted = (void *)file;

	if (bpf_core_field_exists(counted->f_count))
		return BPF_CORE_READ(counted, f_count.counter) == 1;
	return BPF_CORE_READ((struct file___ref *)file, f_ref.refcnt.counter) ==
	       0; /* FILE_REF_ONEREF */
}

#endif
