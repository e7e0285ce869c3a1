/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* socktp.bpf.c - what the system calls' hooks cannot read, by tracepoints of sockets: sendfile and splice into TCP (6.16 and
 * later), and io_uring.
 *
 * Sends: tcp_sendmsg_locked comes before each piece that is sent; the first of a call still has the iterator as it was
 * given.  sock_send_length tells what was moved, when the socket's function has returned.
 *
 * Receives: skb_copy_datagram_iovec comes before the bytes of a packet go to a reader, wherever that wants them: they are
 * taken from the packet.  tcp_rcv_space_adjust comes when that is done, while the packet is still there and the
 * socket still locked; only then copied_seq tells whether they left the stream, which a peek leaves as it was.
 *
 * AF_UNIX: the same place tells of its packets, but what left the stream only sock_recv_length (6.3 and later), when
 * they are gone: stash.bpf.h.
 *
 * With only_tcp all sends and receives of TCP are taken here, and nothing of other sockets.
 *
 * What AF_UNIX sends, UDP and TLS by the kernel have no such places, and no sequence numbers of their own either:
 * sock_send_length and sock_recv_length tell how much was moved, which becomes a hole.
 */
#include "sockfn.bpf.h"
#include "syscalls.bpf.h"

#define PF_IO_WORKER 0x10 /* a thread of io_uring, also that of SQPOLL: makes no system calls */

/* udp.bpf.c */
extern SHARED int udp_end(struct call *call, long ret);

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define MSG_NOSIGNAL	 0x4000
#define MSG_SPLICE_PAGES 0x8000000 /* since 6.5 */

/* Calls that the first hook has met and the second has not.  These tracepoints are passed by every send of the whole machine
 * whose system call its own hooks read, and must cost it nearly nothing. */
volatile __u32 sends_open __weak;

/* What keeps the price low for all others: the thread is io_uring's, or has used it; or there is no other hook. */
static __always_inline bool uses_uring(void)
{
	struct task_struct *task = CURRENT_TASK();

	if (only_tcp || !bpf_core_field_exists(task->io_uring))
		return true;
	return KREAD(task, io_uring) || (KREAD(task, flags) & PF_IO_WORKER);
}

/* False: a system call with buffers, as is seen without a look at its call.  sendfile and splice give pages, io_uring
 * a callback for the end (up to Linux 7.2 or so) or (io_sendmsg_prep) MSG_NOSIGNAL.  Calls of 32-bit programs are not read by
 * hooks. */
static __always_inline bool may_be_unread(struct msghdr *msg)
{
	struct kiocb *iocb;

	if (only_tcp)
		return true;
	if ((msg->msg_flags & (MSG_SPLICE_PAGES | MSG_NOSIGNAL)) || task_is_compat(CURRENT_TASK()))
		return true;
	if (!bpf_core_field_exists(msg->msg_iocb))
		return uses_uring();
	iocb = msg->msg_iocb;
	return iocb && iocb->ki_complete;
}

/* The system call under way has buffers that its own hooks read. */
static __always_inline bool syscall_reads(const struct call *c)
{
	return c->nr && c->dir == EV_WRITE && c->shape >= CALL_BUF && c->shape <= CALL_MMSG;
}

/* (Not a function of its own, because the stack is small.) */
static __always_inline int on_send(struct sock *sk, struct msghdr *msg)
{
	__u64 name, left;
	struct iter it = {};
	struct task_ctx *t;
	__u32 seq_end;
	bool open;

	if (!may_be_unread(msg))
		return 0;
	t = task_ctx_get();
	if (!t || !task_wanted(t) || syscall_reads(&t->call) || sock_encrypts(sk, EV_WRITE))
		return 0;
	name = number_of(msg);
	left = BPF_CORE_READ(msg, msg_iter.count);
	seq_end = BPF_CORE_READ((const struct tcp_sock *)sk, write_seq) + (__u32)left;
	open = t->fn.nr;
	if (open && t->fn.name == name && t->fn.seq_end == seq_end) /* the next piece of the same call */
		return 0;
	iter_read(&msg->msg_iter, &it);
	fn_begin(sk, EV_WRITE, 0, &it);
	if (t->fn.nr && !open && !only_tcp)
		__sync_fetch_and_add(&sends_open, 1);
	t->fn.name = name;
	t->fn.seq_end = seq_end;
	return 0;
}

SEC("?tp_btf/tcp_sendmsg_locked")
int BPF_PROG(tp_tcp_sendmsg_locked, struct sock *sk, struct msghdr *msg)
{
	return on_send(sk, msg);
}

/* These, too, are skipped while one of them was preempted (socket_enter_again in socket.bpf.c). */
SEC("?tp_btf/tcp_sendmsg_locked")
int BPF_PROG(tp_tcp_sendmsg_locked_again, struct sock *sk, struct msghdr *msg)
{
	return on_send(sk, msg);
}

/* The system call that the thread is in was begun before capture was, and its exit will be looked at.  (Threads of io_uring
 * have a copy of the registers of who made them.) */
static __always_inline bool in_old_call(const struct task_ctx *t)
{
#ifdef LIMPID_OLD_KERNEL
	return false; /* neither the helper nor who asks for it */
#else
	struct task_struct *task = CURRENT_TASK();
	struct pt_regs *regs;
	long nr;

	if (only_tcp || t->in_call != CALL_NOT_MET || (KREAD(task, flags) & PF_IO_WORKER))
		return false;
	regs = (void *)bpf_task_pt_regs(task);
	nr = SYS_NR(regs);
	return nr_is_io(nr) && nr != NR_CLOSE;
#endif
}

volatile __u8 lengths_told __weak; /* sock_recv_length is attached: written by user space */

/* The packet at the head of the queue of a stream of AF_UNIX is about to be copied: the socket that it goes to.  A peek
 * also looks at those behind the head: NULL. */
static __always_inline struct sock *unix_reader(const struct sk_buff *skb,
						const struct sock *sender)
{
	struct sock *sk = (void *)BPF_CORE_READ(skb, prev) -
			  bpf_core_field_offset(struct sock, sk_receive_queue);

	return sock_is_unix(sk) && unix_peer(sk) == sender ? sk : NULL;
}

/* The packet before, if there was one in this call, has moved: it is not the head any more. */
static __always_inline int unix_moved(struct task_ctx *t, long n)
{
	struct call *call = &t->fn;
	int rc = transfer_end(call, n);

	call->counted = 0;
	stash_free(call);
	return rc;
}

/* The first packet of a call, or the next one: n bytes are copied to the reader. */
SUB int unix_put(struct task_ctx *t, const struct sk_buff *skb, struct sock *sk, __u32 n,
		 __u32 next)
{
	const struct unix_skb_parms *cb =
		(const void *)skb + bpf_core_field_offset(struct sk_buff, cb);
	struct call *call = &t->fn;

	call->nr = FN_CALL;
	call->dir = EV_READ;
	call->flags = 0;
	call->udp = NOT_UDP;
	call->name = n;
	if (!next) {
		t->fn_seen = 1;
		call->counted = 0;
		call->all = 0;
		call->stash = 0;
		call->shape = CALL_UNSEEN;
		transfer_begin(t, call, sk, 0);
		if (call->shape == CALL_NONE)
			return 0;
	}
	call->all += n;
	return stash_put(call, number_of(skb), BPF_CORE_READ(cb, consumed), n);
}

static __always_inline int unix_copied(struct task_ctx *t, const struct sk_buff *skb,
				       struct sock *sk, __u32 n)
{
	bool next = t->fn.nr && t->fn.sk == (__u64)sk && t->fn.dir == EV_READ &&
		    t->fn.shape != CALL_NONE;

	if (next)
		unix_moved(t, t->fn.name);
	else if (t->fn.nr)
		fn_drop(t);
	return unix_put(t, skb, sk, n, next);
}

/* The call has ended: what it returns says whether the last packet was copied, and how much of it. */
static __always_inline int unix_received(struct task_ctx *t, int ret, __u32 flags)
{
	struct call *call = &t->fn;
	__s64 last = ret - (__s64)(call->all - call->name), most = call->name;

	call->nr = 0;
	if (call->shape == CALL_NONE)
		return 0;
	if (flags & MSG_PEEK)
		last = ret = -1;
	unix_moved(t, last < most ? last : most);
	if (last <= most)
		return 0;
	call->shape = CALL_UNSEEN; /* of some packets nobody knew where they go */
	return transfer_end(call, last - most);
}

/* n bytes of AF_UNIX, UDP or TLS by the kernel were moved.  True: no hook of a system call will tell of them, and t->fn is that call. */
SUB int unwatched_begin(struct task_ctx *t, struct sock *sk, __u8 dir, int n, __u32 flags)
{
	struct call *call = &t->fn;

	if (t->in_call == CALL_INSIDE && t->call.nr && t->call.sk == number_of(sk))
		t->call.all += n; /* in case that its exit is missed */
	if (t->in_call == CALL_INSIDE || !task_wanted(t) || sock_is_kernels(sk) || in_old_call(t))
		return 0;
	if (call->nr)
		fn_drop(t);
	call->shape = CALL_UNSEEN;
	call->dir = dir;
	call->flags = flags;
	call->counted = 0;
	call->udp = sock_is_udp(sk) ? UDP_BY_SYSCALL : NOT_UDP;
	if (!call->udp) {
		transfer_begin(t, call, sk, n);
		return call->shape != CALL_NONE;
	}
	call->sk = number_of(sk);
	call->ts_ns = bpf_ktime_get_ns();
	call->name = 0;
	return 1;
}

/* Of what nobody watches a hole is made.  (Not a function of its own, because the stack is small.) */
static __always_inline int on_length(struct sock *sk, __u8 dir, int n, __u32 flags)
{
	struct task_ctx *t;

	if (n <= 0 || !((!only_tcp && (sock_is_unix(sk) || sock_is_udp(sk))) || (sock_is_tcp(sk) && sock_encrypts(sk, dir))))
		return 0;
	t = task_ctx_get();
	if (!t || !unwatched_begin(t, sk, dir, n, flags))
		return 0;
	return t->fn.udp ? udp_end(&t->fn, n) : transfer_end(&t->fn, n);
}

static __always_inline int send_end(int ret)
{
	struct task_ctx *t = only_tcp || sends_open ? task_map_find(&task_ctxs) : NULL;

	if (!t || !t->fn.nr || t->fn.dir != EV_WRITE) /* else a receive that faulted */
		return 0;
	if (!only_tcp)
		__sync_fetch_and_add(&sends_open, -1);
	return fn_end(ret);
}

/* A receive gave 0 bytes: the end of the stream, or nothing was asked for. */
SUB int on_nothing(struct sock *sk)
{
	struct task_ctx *t = task_ctx_get();

	if (!t || t->in_call == CALL_INSIDE || !(sock_is_tcp(sk) || (!only_tcp && sock_is_unix(sk))) ||
	    !task_wanted(t) ||
	    sock_is_kernels(sk) || in_old_call(t))
		return 0;
	if (t->fn.nr)
		fn_drop(t);
	t->fn.dir = EV_READ;
	t->fn.cookie = sock_cookie(sk);
	return transfer_empty(&t->fn, sk);
}

SEC("?tp_btf/sock_send_length")
int BPF_PROG(tp_sock_send_length, struct sock *sk, int ret)
{
	return sock_is_tcp(sk) && !sock_encrypts(sk, EV_WRITE) ? send_end(ret) : on_length(sk, EV_WRITE, ret, 0);
}

SEC("?tp_btf/sock_send_length")
int BPF_PROG(tp_sock_send_length_again, struct sock *sk, int ret)
{
	return sock_is_tcp(sk) && !sock_encrypts(sk, EV_WRITE) ? send_end(ret) : 0;
}

SEC("?tp_btf/sock_recv_length")
int BPF_PROG(tp_sock_recv_length, struct sock *sk, int ret, int flags)
{
	struct task_ctx *t;

	if (only_tcp && ret > 0) /* its bytes were taken before */
		return on_length(sk, EV_READ, ret, flags);
	if (!uses_uring()) /* a call that is not watched, like preadv2, or one of 32 bits */
		return on_length(sk, EV_READ, ret, flags);
	t = task_map_find(&task_ctxs);
	if (t && t->fn.nr && t->fn.dir == EV_READ && t->fn.sk == number_of(sk) && sock_is_unix(sk))
		return unix_received(t, ret, flags);
	if (!ret)
		return on_nothing(sk);
	return on_length(sk, EV_READ, ret, flags);
}

volatile __u8 skbs_used __weak; /* somebody receives without a system call that we watch */

/* Where in the packet the next byte of the stream is.  -1: it is none of a plain TCP stream, or has fewer than n bytes
 * from there on. */
static __always_inline __s64 skb_next_byte(const struct sk_buff *skb, const struct sock *sk,
					   __u32 n)
{
	const struct tcp_sock *tp = (const void *)sk;
	const struct tcp_skb_cb *cb = (const void *)skb + bpf_core_field_offset(struct sk_buff, cb);
	__u32 at = BPF_CORE_READ(tp, copied_seq) - BPF_CORE_READ(cb, seq),
	      len = BPF_CORE_READ(skb, len);

	if (BPF_CORE_READ(tp, inet_conn.icsk_ulp_ops) || at > len || n > len - at)
		return -1;
	return at;
}

SUB int skb_begin(struct task_ctx *t, const struct sk_buff *skb, struct sock *sk, __u32 n)
{
	__s64 at = skb_next_byte(skb, sk, n);
	struct call *call = &t->fn;

	if (at < 0)
		return 0;
	if (call->nr)
		fn_drop(t);
	skbs_used = 1;
	t->fn_seen = 1;
	call->nr = FN_CALL;
	call->shape = CALL_SKB;
	call->dir = EV_READ;
	call->flags = 0;
	call->counted = 0;
	call->udp = NOT_UDP;
	call->buf = number_of(skb);
	call->len = at;
	call->all = n;
	call->name = BPF_CORE_READ((const struct tcp_sock *)sk, copied_seq);
	return transfer_begin(t, call, sk, 0);
}

SEC("?tp_btf/skb_copy_datagram_iovec")
int BPF_PROG(tp_skb_copied, const struct sk_buff *skb, int len)
{
	struct sock *sk = BPF_CORE_READ(skb, sk); /* of AF_UNIX the sender's, else the reader's */
	struct task_ctx *t;
	bool tcp;

	if (!sk || len <= 0 || !uses_uring())
		return 0;
	tcp = sock_is_tcp(sk);
	if (!tcp)
		sk = lengths_told && !only_tcp && sock_is_unix(sk) ? unix_reader(skb, sk) : NULL;
	t = sk ? task_ctx_get() : NULL;
	if (!t || t->in_call == CALL_INSIDE || !task_wanted(t) || sock_is_kernels(sk))
		return 0;
	if (tcp)
		return skb_begin(t, skb, sk, len);
	return in_old_call(t) ? 0 : unix_copied(t, skb, sk, len);
}

static __always_inline int on_received(const struct sock *sk)
{
	struct task_ctx *t = skbs_used ? task_map_find(&task_ctxs) : NULL;
	struct call *call;
	__u32 moved;

	if (!t || !t->fn.nr || t->fn.shape != CALL_SKB || t->fn.sk != number_of(sk))
		return 0;
	call = &t->fn;
	call->nr = 0;
	moved = BPF_CORE_READ((const struct tcp_sock *)sk, copied_seq) - (__u32)call->name;
	return transfer_end(call, moved == call->all ? (long)moved : -1);
}

SEC("?tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(tp_tcp_received, struct sock *sk)
{
	return on_received(sk);
}

SEC("?tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(tp_tcp_received_again, struct sock *sk)
{
	return on_received(sk);
}
