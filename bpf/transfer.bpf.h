/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* transfer.bpf.h - what a call moves on a socket, from its entry to its end, however the call was met.
 *
 *	transfer_begin(t, call, sk, 0)	at the entry, with direction, shape and buffers in *call
 *	transfer_end(call, ret)		at the return, with the bytes moved
 *
 * The bytes are taken at the end, because only then it is known how many were moved.  A call that was under way
 * when capture began has no entry: transfer_begin comes at its end, with what it moved as `done`.
 */
#ifndef LIMPID_TRANSFER_BPF_H
#define LIMPID_TRANSFER_BPF_H

#include "conn.bpf.h"

#define MSG_OOB	     0x1
#define MSG_PEEK     0x2
#define MSG_TRUNC    0x20
#define MSG_ERRQUEUE 0x2000
#define RCV_SHUTDOWN 1

#define SOL_TLS		     282
#define TLS_SET_RECORD_TYPE  1
#define TLS_GET_RECORD_TYPE  2
#define TLS_APPLICATION_DATA 23
#define CONTROLS	     4 /* control messages of a call that are looked at */

/* Who takes the bytes of TCP, by enum ev_dir: written by user space (src/tap/bpf_hooks.c). */
enum hooked {
	HOOKED_SYSCALL = 0, /* the system calls, all of them */
	HOOKED_UNSEEN = 1,  /* the same, but what they cannot read (CALL_UNSEEN, io_uring) by tracepoints of sockets */
	HOOKED_FUNCTION = 2 /* kernel functions; system calls only when such a hook was not met */
};
volatile __u8 hooked[2] __weak;
volatile __u8 unix_hooked __weak; /* HOOKED_FUNCTION is true of AF_UNIX, too */
volatile __u8 udp_hooked __weak;  /* and of UDP, but for CALL_UNSEEN */
volatile __u8 splice_hooked __weak; /* HOOKED_FUNCTION has one for splice from a socket */

/* tls_go.bpf.c: a goroutine began to use the socket; go_seen: there are any that matter. */
extern int go_nested(__u64 cookie);
volatile __u8 go_seen __weak;

/* Another process than before: it says who it is.  And a reader that has not heard of the connection hears of
 * it. */
static __always_inline void conn_used(struct conn *c, struct sock *sk, __u64 cookie)
{
	if (c->screen_gen != policy_gen)
		conn_screen(c, sk, cookie);
	if (c->ignored || (c->announced == reader_nr && c->tgid == (__u32)KREAD(CURRENT_TASK(), tgid)))
		return;
	conn_owner(c);
	conn_announce(c, sk, cookie);
}

/* The functions with which TCP itself moves bytes, by enum ev_dir: learnt by the scan. */
volatile __u64 tcp_moves[2] __weak;
volatile __u8 tls_met __weak;	 /* a socket with TLS by the kernel: its functions can be hooked now */
volatile __u8 tls_hooked __weak; /* and are: what the system calls cannot read (CALL_UNSEEN, io_uring) */

SUB int ulp_encrypts(const struct sock *sk, const struct tcp_ulp_ops *ulp, __u8 dir)
{
	const struct proto *prot = BPF_CORE_READ(sk, __sk_common.skc_prot);
	char name[4] = {};
	__u64 moves;

	bpf_probe_read_kernel(name, sizeof(name), &ulp->name);
	if (name[0] != 't' || name[1] != 'l' || name[2] != 's' || name[3] || !prot)
		return 0;
	moves = dir == EV_WRITE ? (__u64)BPF_CORE_READ(prot, sendmsg) : (__u64)BPF_CORE_READ(prot, recvmsg);
	if (!tcp_moves[dir & 1] || moves == tcp_moves[dir & 1])
		return 0;
	if (!tls_met) {
		tls_met = 1;
		loader_call();
	}
	return 1;
}

/* Whether TCP encrypts (decrypts) what is moved in that direction: it got its keys, which are never taken away. */
static __always_inline bool sock_encrypts(const struct sock *sk, __u8 dir)
{
	const struct tcp_ulp_ops *ulp = BPF_CORE_READ((const struct inet_connection_sock *)sk, icsk_ulp_ops);

	return ulp && ulp_encrypts(sk, ulp, dir);
}

/* Remembers the call.  shape becomes CALL_NONE when it is none of ours. */
static __always_inline int transfer_begin(struct task_ctx *t, struct call *call, struct sock *sk, __u64 done)
{
	struct conn *c;
	__u8 state, dir = call->dir & 1;

	call->cookie = sock_cookie(sk);
	call->sk = (__u64)sk;
	call->ktls = KTLS_NOT;
	if (!call->cookie)
		goto none;
	if (t->tls_active)
		t->tls_cookie = call->cookie;
	if (go_seen)
		go_nested(call->cookie);
	if (dir == EV_WRITE)
		call->ts_ns = bpf_ktime_get_ns();
	c = conn_find(call->cookie);
	state = BPF_CORE_READ(sk, __sk_common.skc_state);
	if (state == TCP_SYN_SENT || (!c && (state == TCP_CLOSE || state == TCP_LISTEN)))
		return 0; /* not connected yet; the end looks again */
	if ((c ? !c->l4 : !sock_is_unix(sk)) && sock_encrypts(sk, dir)) {
		call->ktls = t->tls_active ? KTLS_LIBRARY : KTLS_TOLD;
		if (c)
			c->tls_seen = 1; /* what catches up is ciphertext, and no hole */
		done = 0; /* plaintext is not what the sequence numbers count */
	}
	if (!c)
		c = conn_make(sk, call->cookie, side_guess(sk), dir, done);
	if (!c) {
		loss(EV_LOSS_INFLIGHT, 1);
		goto none;
	}
	if (call->ktls)
		c->tls_seen = 1;
	if (!done) {
		conn_catch_up(c, sk, dir, 1);
		call->counted = 1;
	}
	conn_used(c, sk, call->cookie);
	return 0;
none:
	call->shape = CALL_NONE;
	return 0;
}

static __always_inline __u64 conn_moved(struct conn *c, __u8 dir, __u64 n)
{
	__sync_fetch_and_add(&c->seq[dir & 1], (__u32)n);
	return FETCH_ADD(&c->pos[dir & 1], n);
}

/* Whether what the call returns are bytes that left the stream. */
static __always_inline bool call_moves(const struct call *call)
{
	return !(call->dir == EV_READ && (call->flags & (MSG_PEEK | MSG_OOB | MSG_ERRQUEUE)));
}

/* A write happened when it began: its answer may come before it returns. */
static __always_inline __u64 transfer_time(const struct call *call)
{
	return call->dir == EV_WRITE ? call->ts_ns : bpf_ktime_get_ns();
}

/* Alerts and handshakes are no plaintext of the program: a control message beside the bytes says what they are. */
SUB int ktls_tells(const struct call *call)
{
	struct {
		__u64 len;
		int level, type;
		__u8 what, pad[7];
	} m;
	const __u64 least = sizeof(m) - sizeof(m.pad); /* as OpenSSL has it: no padding behind the last one */
	__u64 v[2] = {};
	int type = call->dir == EV_WRITE ? TLS_SET_RECORD_TYPE : TLS_GET_RECORD_TYPE;

	if (call->ktls != KTLS_TOLD)
		return 0;
	if (call->shape != CALL_MSG)
		return 1;
	bpf_probe_read_user(v, sizeof(v), &((struct user_msghdr *)call->buf)->control);
	for (int i = 0; i < CONTROLS && v[1] >= least; i++) {
		if (bpf_probe_read_user(&m, least, (void *)v[0]) || m.len < least - sizeof(m.what))
			break;
		if (m.level == SOL_TLS && m.type == type)
			return m.what == TLS_APPLICATION_DATA;
		m.len = (m.len + 7) & ~7ULL;
		v[0] += m.len;
		v[1] -= m.len < v[1] ? m.len : v[1];
	}
	return 1;
}

/* In transfer.bpf.c, where the verifier looks at it once. */
extern SHARED int transfer_copy(const struct call *call, const struct conn *c, __u64 off, __u64 n);
/* n bytes were moved: delivers them at the next position of their stream. */
static __always_inline int transfer_data(const struct call *call, struct conn *c, __u64 n)
{
	__u64 at = GAP_AT(call->dir, 0, 0, 0), off;

	if (call->ktls) {
		if (!ktls_tells(call))
			return 0;
		at = GAP_AT(call->dir, EV_TLS_KERNEL, EV_SURE_NESTED, 0);
		off = FETCH_ADD(&c->tls_pos[call->dir & 1], n);
		if (c->ignored)
			return 0;
	} else {
		off = conn_moved(c, call->dir, n);
		if (!conn_wants_raw(c))
			return 0;
	}
	if (conn_skips(c, call->cookie, at, off, n))
		return 0;
	if (call->shape == CALL_UNSEEN ||
	    (call->dir == EV_READ && (call->flags & MSG_TRUNC) && !c->l4 && !call->ktls))
		return hole_send(call->cookie, at, off, n, transfer_time(call));
	return transfer_copy(call, c, off, n);
}
/* tls_late.bpf.c: the call wrote so many bytes; asked while late_probed (late.bpf.h). */
extern SHARED int late_sent(const struct call *call, __u64 sent);
/* The same file: the first n bytes on a connection that is left out, whose plaintext is to be left out, too. */
extern SHARED int hello_passed(const struct call *call, __u64 n);
/* ret: what the call returned; 0 or less: nothing was moved. */
extern SHARED int transfer_end(const struct call *call, long ret);

static __always_inline bool all_was_read(const struct conn *c, const struct sock *sk)
{
	const struct tcp_sock *tp = (const void *)sk;

	if (c->l4 == EV_UNIX)
		return !BPF_CORE_READ(sk, sk_receive_queue.qlen);
	return BPF_CORE_READ(tp, copied_seq) == BPF_CORE_READ(tp, rcv_nxt);
}

/* A read gave 0 bytes: the peer's end of the stream, unless the buffers have no room. */
SUB int transfer_empty(const struct call *call, struct sock *sk)
{
	struct conn *c = conn_find(call->cookie);

	if (!c || !sk || c->eof || call->dir != EV_READ ||
	    !(BPF_CORE_READ(sk, sk_shutdown) & RCV_SHUTDOWN) || !all_was_read(c, sk))
		return 0;
	c->eof = 1;
	close_event(c, sk, call->cookie, EV_END_READ);
	return 0;
}

#endif
