/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* state.bpf.c - the life of connections: from SYN_SENT of a captured process, or accept (socket.bpf.c), to the
 * socket's end. */
#include "conn.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Several sockets may listen on one port (SO_REUSEPORT): they are counted. */
static __always_inline void on_listen(const struct sock *sk, bool listens)
{
	struct listener l = { sock_netns(sk), BPF_CORE_READ(sk, __sk_common.skc_num) };
	__u32 one = 1, *n = bpf_map_lookup_elem(&listeners, &l);

	if (!n && listens)
		bpf_map_update_elem(&listeners, &l, &one, BPF_NOEXIST);
	else if (n && listens)
		__sync_fetch_and_add(n, 1);
	else if (n && FETCH_ADD(n, -1) <= 1)
		bpf_map_delete_elem(&listeners, &l);
}

/* The connecting process is still the current one; the addresses are not complete yet. */
static __always_inline void on_connecting(struct sock *sk, __u64 cookie)
{
	struct task_ctx *t = task_ctx_get();
	struct conn *c = conn_find(cookie);

	if (c) { /* connected before, and disconnected */
		close_event(c, sk, cookie, EV_END_ALL);
		bpf_map_delete_elem(&conns, &cookie);
	}
	cookie = sock_id_new(sk);
	if (t && task_wanted(t))
		conn_make(sk, cookie, EV_CLIENT, EV_WRITE, 0);
}

static __always_inline void on_connected(struct sock *sk, struct conn *c, __u64 cookie)
{
	c->seq[EV_READ] = sock_seq(sk, EV_READ, 0);
	c->seq[EV_WRITE] = sock_seq(sk, EV_WRITE, 0);
	c->late = 0;
	if (!c->announced)
		conn_announce(c, sk, cookie);
}

static __always_inline bool ends_badly(const struct sock *sk, int old)
{
	return BPF_CORE_READ(sk, sk_err) || !(old == TCP_LAST_ACK || old == TCP_FIN_WAIT2 ||
					      old == TCP_CLOSING || old == TCP_CLOSE);
}

static __always_inline bool all_was_read(const struct sock *sk)
{
	const struct tcp_sock *tp = (const void *)sk;

	return BPF_CORE_READ(tp, copied_seq) == BPF_CORE_READ(tp, rcv_nxt);
}

/* A disconnect sets the sequence numbers to something else right after this.  Bytes that came before can still
 * be read; then the reset is told at the end. */
SUB int on_closed(struct sock *sk, struct conn *c, __u64 cookie, int old)
{
	for (__u8 dir = 0; dir < 2; dir++)
		conn_catch_up(c, sk, dir, 0);
	if (ends_badly(sk, old)) {
		c->reset = 1;
		if (all_was_read(sk))
			close_event(c, sk, cookie, EV_END_RESET);
	}
	c->closed = 1;
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(socket_state, struct sock *sk, int old, int new)
{
	struct conn *c;
	__u64 cookie;

	if (!sock_is_tcp(sk))
		return 0;
	cookie = sock_id_make(sk); /* which the system call hooks cannot */
	if (new == TCP_ESTABLISHED && old == TCP_SYN_RECV) {
		cookie = sock_id_new(sk); /* accepted later, or by TCP Fast Open just now */
		passive_begins(cookie);
	}
	if (new == TCP_LISTEN || old == TCP_LISTEN)
		on_listen(sk, new == TCP_LISTEN);
	if (new == TCP_SYN_SENT) {
		on_connecting(sk, cookie);
		return 0;
	}
	c = conn_find(cookie);
	if (!c)
		return 0;
	if (new == TCP_ESTABLISHED && old == TCP_SYN_SENT) {
		on_connected(sk, c, cookie);
	} else if (new == TCP_FIN_WAIT1 || new == TCP_LAST_ACK) {
		conn_catch_up(c, sk, EV_WRITE, 0);
		close_event(c, sk, cookie, EV_END_WRITE);
		c->fin = 1; /* it is queued after this */
	} else if (new == TCP_CLOSE && !c->announced && !c->untold) {
		bpf_map_delete_elem(&conns, &cookie); /* it never was a connection */
	} else if (new == TCP_CLOSE) {
		on_closed(sk, c, cookie, old);
	}
	return 0;
}

/* A socket in state CLOSE can still have bytes to read; only now no call can follow. */
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(socket_gone, struct sock *sk)
{
	__u64 cookie = sock_id_make(sk);
	struct conn *c = conn_find(cookie);

	sock_id_gone(sk);
	if (!c)
		return 0;
	close_event(c, sk, cookie, EV_END_ALL | (c->reset ? EV_END_RESET : 0));
	bpf_map_delete_elem(&conns, &cookie);
	return 0;
}
