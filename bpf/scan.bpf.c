/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* scan.bpf.c - what was there before capture: run by user space over all descriptors of all processes.
 *
 * Every TCP socket gets its number (those of AF_UNIX have one), also those that nobody has accepted yet; ports that listen are noted; and
 * the connections of captured processes are announced, with the process that holds them, before they are used.  A
 * socket that several processes hold belongs to the first that is captured, until another one uses it.
 *
 * Rejected: the iterator over TCP sockets.  It sees one network namespace, and no process. */
#include "transfer.bpf.h"
#include "iter.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define UDP_IDLE_S   60
#define SHUT_BOTH    3 /* SHUTDOWN_MASK: the other end is gone */
#define ACCEPT_QUEUE 1024 /* of a listener's waiting sockets, so many are looked at */

volatile __u64 scan_found __weak; /* connections announced by scans, ever */

/* A socket that never was in use has the functions of TCP itself. */
static __always_inline void scan_functions(const struct sock *sk, __u8 state)
{
	const struct proto *prot = BPF_CORE_READ(sk, __sk_common.skc_prot);

	if (tcp_moves[EV_READ] || state != TCP_CLOSE || !prot ||
	    BPF_CORE_READ((const struct inet_connection_sock *)sk, icsk_ulp_ops))
		return;
	tcp_moves[EV_WRITE] = (__u64)BPF_CORE_READ(prot, sendmsg);
	tcp_moves[EV_READ] = (__u64)BPF_CORE_READ(prot, recvmsg);
}

/* A number for each socket that waits in the accept queue: once it is accepted, system calls cannot make one. */
static __always_inline void scan_waiting(struct sock *sk)
{
#ifndef LIMPID_OLD_KERNEL /* there, numbers are made on demand */
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct request_sock *req;

	if (!tp)
		return;
	req = tp->inet_conn.icsk_accept_queue.rskq_accept_head;
	for (int i = 0; i < ACCEPT_QUEUE && req; i++) {
		struct sock *child = req->sk;

		if (child)
			sock_id_make(child);
		req = req->dl_next;
	}
#endif
}

static __always_inline void scan_listener(struct sock *sk)
{
	struct listener l = { sock_netns(sk), BPF_CORE_READ(sk, __sk_common.skc_num) };
	__u32 one = 1;

	bpf_map_update_elem(&listeners, &l, &one, BPF_NOEXIST);
	scan_waiting(sk);
}

static __always_inline bool is_connected(__u8 state)
{
	return state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT || state == TCP_FIN_WAIT1 ||
	       state == TCP_FIN_WAIT2;
}

static __always_inline void scan_connection(struct task_struct *task, struct sock *sk, __u64 cookie)
{
	struct conn *c = conn_find(cookie);
	__u64 cgroup_id = 0;

	if (c && (c->announced == reader_nr || c->ignored))
		return;
	if (!policy_wants(task, &cgroup_id))
		return;
	if (!c)
		c = conn_make(sk, cookie, side_guess(sk), EV_READ, 0);
	if (!c)
		return;
	conn_owned_by(c, task, cgroup_id);
	conn_announce(c, sk, cookie);
	if (c->announced)
		__sync_fetch_and_add(&scan_found, 1);
}

static __always_inline int scan_unix(struct task_struct *task, struct sock *sk)
{
	__u64 cookie = unix_cookie(sk);
	struct conn *c;

	if (BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_ESTABLISHED &&
	    BPF_CORE_READ(sk, sk_shutdown) != SHUT_BOTH)
		scan_connection(task, sk, cookie);
	c = conn_find(cookie);
	if (c)
		c->sweep = sweep_nr; /* for conn_sweep */
	return 0;
}

/* Where pages_search begins. */
static __always_inline void page_cache_of(const struct sock *sk)
{
	if (!page_cache)
		page_cache = (__u64)BPF_CORE_READ(sk, __sk_common.skc_prot, slab);
}

SEC("iter/task_file")
int socket_scan(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct socket *socket;
	struct sock *sk;
	__u64 cookie;
	__u8 state;

	if (!task || !file)
		return 0;
	socket = sock_of_file(file);
	if (!socket)
		return 0;
	if (!socket_fops)
		socket_fops = (__u64)file->f_op;
	sk = KREAD(socket, sk);
	if (sk && sock_is_unix(sk) && !only_tcp)
		return scan_unix(task, sk);
	if (!sk || !sock_is_tcp(sk))
		return 0;
	page_cache_of(sk);
	cookie = sock_id_make(sk);
	state = BPF_CORE_READ(sk, __sk_common.skc_state);
	scan_functions(sk, state);
	if (state == TCP_LISTEN)
		scan_listener(sk);
	else if (is_connected(state))
		scan_connection(task, sk, cookie);
	return 0;
}

/* Run by user space over conns and datagram_conns after socket_scan: ends the AF_UNIX connections that no descriptor leads to any
 * more, and those of UDP that are quiet.  One that is only under way from one process to another is announced anew
 * when it is used again. */
SEC("iter/bpf_map_elem")
int conn_sweep(struct bpf_iter__bpf_map_elem *ctx)
{
	__u64 cookie, *key = ctx->key;
	__u32 now = bpf_ktime_get_ns() / 1000000000;
	struct conn *c;

	if (!key)
		return 0;
	cookie = *key;
	if (!(cookie & (EV_UNIX_COOKIE | EV_UDP_COOKIE)))
		return 0;
	c = any_conn_find(cookie);
	if (!c)
		return 0;
	if (c->l4 == EV_UDP ? now - c->seq[EV_READ] < UDP_IDLE_S : c->sweep == sweep_nr) {
		__sync_fetch_and_add(&swept_conns, 1); /* user space began at 0 */
		return 0;
	}
	close_event(c, NULL, cookie, EV_END_ALL);
	if (cookie & EV_UDP_COOKIE)
		bpf_map_delete_elem(&datagram_conns, &cookie);
	else
		bpf_map_delete_elem(&conns, &cookie);
	return 0;
}
