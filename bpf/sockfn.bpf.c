/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* sockfn.bpf.c - the kernel's functions that move bytes of sockets, met by fentry and fexit or by kprobe and
 * kretprobe: one body each, two attachments.
 *
 * Here passes also what no system call has a buffer for: sendfile, splice, io_uring.  User space attaches the
 * programs that the kernel takes (src/tap/bpf_hooks.c); none is loaded by itself.
 */
#include "sockfn.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The arguments of tcp_recvmsg, set by user space: sk, msg, len, nonblock (until 5.18), flags, addr_len (gone in 7.3 or
 * before).  A constant to the verifier, which allows no look behind the last argument. */
const volatile __u8 recv_args = 5;

static __always_inline int begin(struct sock *sk, struct msghdr *msg, __u8 dir, __u32 flags)
{
	struct iter it = {};

	iter_read(&msg->msg_iter, &it);
	return fn_begin(sk, dir, flags, &it);
}

static __always_inline struct sock *sock_in(const struct socket *socket)
{
	return BPF_CORE_READ(socket, sk);
}

/* sendpage: one piece of one page. */
static __always_inline int begin_page(struct sock *sk, const struct page *page, __u32 offset,
				      __u64 size)
{
	__u64 number = 0, at;
	struct iter it = { .base_left = size, .mem = MEM_PAGES };

	bpf_probe_read_kernel(&number, sizeof(number),
			      &page); /* the verifier divides no pointers */
	at = address_of_page(number);
	it.base = at + offset;
	it.known = at != 0;

	return fn_begin(sk, EV_WRITE, 0, &it);
}

/* splice from a socket: some bytes of one packet.  The system call's own hooks take it where this function is not known to
 * serve the socket. */
static __always_inline int begin_skb(struct sock *sk, const struct sk_buff *skb, __u32 offset)
{
	struct iter it = { .base = number_of(skb), .base_left = offset };
	struct task_ctx *t;

	if (sock_is_unix(sk) ? !unix_hooked : !sock_is_tcp(sk))
		return 0;
	fn_begin(sk, EV_READ, 0, &it);
	t = task_map_find(&task_ctxs); /* it was made there */
	if (t && t->fn.nr && t->fn.shape == CALL_UNSEEN)
		t->fn.shape = CALL_SKB;
	return 0;
}

/* Arguments, and behind them what was returned: the contexts of fentry and fexit. */
#define ARG(n) ctx[n]

SEC("?fentry/tcp_sendmsg")
int fentry_tcp_sendmsg(__u64 *ctx)
{
	return begin((void *)ARG(0), (void *)ARG(1), EV_WRITE, 0);
}

SEC("?fexit/tcp_sendmsg")
int fexit_tcp_sendmsg(__u64 *ctx)
{
	return fn_end((int)ARG(3));
}

static __always_inline __u32 recv_flags(const __u64 *ctx)
{
	__u64 flags;

	/* Barriers: the verifier wants constant offsets. */
	if (recv_args == 6) {
		flags = ARG(4);
		barrier_var(flags);
	} else {
		flags = ARG(3);
		barrier_var(flags);
	}
	return flags;
}

static __always_inline int recv_returned(const __u64 *ctx)
{
	__u64 ret;

	if (recv_args == 6) {
		ret = ARG(6);
		barrier_var(ret);
	} else if (recv_args == 5) {
		ret = ARG(5);
		barrier_var(ret);
	} else {
		ret = ARG(4);
		barrier_var(ret);
	}
	return ret;
}

SEC("?fentry/tcp_recvmsg")
int fentry_tcp_recvmsg(__u64 *ctx)
{
	return begin((void *)ARG(0), (void *)ARG(1), EV_READ, recv_flags(ctx));
}

SEC("?fexit/tcp_recvmsg")
int fexit_tcp_recvmsg(__u64 *ctx)
{
	return fn_end(recv_returned(ctx));
}

SEC("?fentry/tcp_sendpage")
int fentry_tcp_sendpage(__u64 *ctx)
{
	return begin_page((void *)ARG(0), (void *)ARG(1), ARG(2), ARG(3));
}

SEC("?fexit/tcp_sendpage")
int fexit_tcp_sendpage(__u64 *ctx)
{
	return fn_end((int)ARG(5));
}

SEC("?fentry/skb_splice_bits")
int fentry_skb_splice_bits(__u64 *ctx)
{
	return begin_skb((void *)ARG(1), (void *)ARG(0), ARG(2));
}

SEC("?fexit/skb_splice_bits")
int fexit_skb_splice_bits(__u64 *ctx)
{
	return fn_end((int)ARG(6));
}

SEC("?fentry/unix_stream_sendmsg")
int fentry_unix_stream_sendmsg(__u64 *ctx)
{
	return begin(sock_in((void *)ARG(0)), (void *)ARG(1), EV_WRITE, 0);
}

SEC("?fexit/unix_stream_sendmsg")
int fexit_unix_stream_sendmsg(__u64 *ctx)
{
	return fn_end((int)ARG(3));
}

SEC("?fentry/unix_stream_recvmsg")
int fentry_unix_stream_recvmsg(__u64 *ctx)
{
	return begin(sock_in((void *)ARG(0)), (void *)ARG(1), EV_READ, ARG(3));
}

SEC("?fexit/unix_stream_recvmsg")
int fexit_unix_stream_recvmsg(__u64 *ctx)
{
	return fn_end((int)ARG(4));
}

SEC("?fentry/unix_stream_sendpage")
int fentry_unix_stream_sendpage(__u64 *ctx)
{
	return begin_page(sock_in((void *)ARG(0)), (void *)ARG(1), ARG(2), ARG(3));
}

SEC("?fexit/unix_stream_sendpage")
int fexit_unix_stream_sendpage(__u64 *ctx)
{
	return fn_end((int)ARG(5));
}

/* A kernel that can be preempted anywhere does not run a program while another thread, which was preempted within the same
 * one, waits for this processor.  So each has a second one there, which does what the first had to leave. */
SEC("?fentry/tcp_sendmsg")
int fentry_tcp_sendmsg_again(__u64 *ctx)
{
	return fn_met() ? 0 : begin((void *)ARG(0), (void *)ARG(1), EV_WRITE, 0);
}

SEC("?fexit/tcp_sendmsg")
int fexit_tcp_sendmsg_again(__u64 *ctx)
{
	return fn_end((int)ARG(3));
}

SEC("?fentry/tcp_recvmsg")
int fentry_tcp_recvmsg_again(__u64 *ctx)
{
	return fn_met() ? 0 : begin((void *)ARG(0), (void *)ARG(1), EV_READ, recv_flags(ctx));
}

SEC("?fexit/tcp_recvmsg")
int fexit_tcp_recvmsg_again(__u64 *ctx)
{
	return fn_end(recv_returned(ctx));
}

SEC("?fentry/skb_splice_bits")
int fentry_skb_splice_bits_again(__u64 *ctx)
{
	return fn_met() ? 0 : begin_skb((void *)ARG(1), (void *)ARG(0), ARG(2));
}

SEC("?fexit/skb_splice_bits")
int fexit_skb_splice_bits_again(__u64 *ctx)
{
	return fn_end((int)ARG(6));
}

SEC("?fentry/unix_stream_sendmsg")
int fentry_unix_stream_sendmsg_again(__u64 *ctx)
{
	return fn_met() ? 0 : begin(sock_in((void *)ARG(0)), (void *)ARG(1), EV_WRITE, 0);
}

SEC("?fexit/unix_stream_sendmsg")
int fexit_unix_stream_sendmsg_again(__u64 *ctx)
{
	return fn_end((int)ARG(3));
}

SEC("?fentry/unix_stream_recvmsg")
int fentry_unix_stream_recvmsg_again(__u64 *ctx)
{
	return fn_met() ? 0 : begin(sock_in((void *)ARG(0)), (void *)ARG(1), EV_READ, ARG(3));
}

SEC("?fexit/unix_stream_recvmsg")
int fexit_unix_stream_recvmsg_again(__u64 *ctx)
{
	return fn_end((int)ARG(4));
}

SEC("?fentry/unix_release_sock")
int fentry_unix_release_sock(__u64 *ctx)
{
	return unix_ended((void *)ARG(0));
}

SEC("?kprobe/unix_stream_sendmsg")
int kprobe_unix_stream_sendmsg(struct pt_regs *ctx)
{
	return begin(sock_in((void *)PT_REGS_PARM1(ctx)), (void *)PT_REGS_PARM2(ctx), EV_WRITE, 0);
}

SEC("?kretprobe/unix_stream_sendmsg")
int kretprobe_unix_stream_sendmsg(struct pt_regs *ctx)
{
	return fn_end((int)PT_REGS_RC(ctx));
}

SEC("?kprobe/unix_stream_recvmsg")
int kprobe_unix_stream_recvmsg(struct pt_regs *ctx)
{
	return begin(sock_in((void *)PT_REGS_PARM1(ctx)), (void *)PT_REGS_PARM2(ctx), EV_READ,
		     PT_REGS_PARM4(ctx));
}

SEC("?kretprobe/unix_stream_recvmsg")
int kretprobe_unix_stream_recvmsg(struct pt_regs *ctx)
{
	return fn_end((int)PT_REGS_RC(ctx));
}

SEC("?kprobe/unix_stream_sendpage")
int kprobe_unix_stream_sendpage(struct pt_regs *ctx)
{
	return begin_page(sock_in((void *)PT_REGS_PARM1(ctx)), (void *)PT_REGS_PARM2(ctx),
			  PT_REGS_PARM3(ctx), PT_REGS_PARM4(ctx));
}

SEC("?kretprobe/unix_stream_sendpage")
int kretprobe_unix_stream_sendpage(struct pt_regs *ctx)
{
	return fn_end((int)PT_REGS_RC(ctx));
}

SEC("?kprobe/unix_release_sock")
int kprobe_unix_release_sock(struct pt_regs *ctx)
{
	return unix_ended((void *)PT_REGS_PARM1(ctx));
}

SEC("?kprobe/tcp_sendmsg")
int kprobe_tcp_sendmsg(struct pt_regs *ctx)
{
	return begin((void *)PT_REGS_PARM1(ctx), (void *)PT_REGS_PARM2(ctx), EV_WRITE, 0);
}

SEC("?kprobe/tcp_recvmsg")
int kprobe_tcp_recvmsg(struct pt_regs *ctx)
{
	__u64 fourth = PT_REGS_PARM4(ctx), fifth = PT_REGS_PARM5(ctx);

	barrier_var(fourth); /* constant offsets here, too */
	barrier_var(fifth);
	return begin((void *)PT_REGS_PARM1(ctx), (void *)PT_REGS_PARM2(ctx), EV_READ,
		     recv_args == 6 ? fifth : fourth);
}

SEC("?kprobe/tcp_sendpage")
int kprobe_tcp_sendpage(struct pt_regs *ctx)
{
	return begin_page((void *)PT_REGS_PARM1(ctx), (void *)PT_REGS_PARM2(ctx),
			  PT_REGS_PARM3(ctx), PT_REGS_PARM4(ctx));
}

SEC("?kretprobe/tcp_sendmsg")
int kretprobe_tcp_sendmsg(struct pt_regs *ctx)
{
	return fn_end((int)PT_REGS_RC(ctx));
}

SEC("?kretprobe/tcp_recvmsg")
int kretprobe_tcp_recvmsg(struct pt_regs *ctx)
{
	return fn_end((int)PT_REGS_RC(ctx));
}

SEC("?kretprobe/tcp_sendpage")
int kretprobe_tcp_sendpage(struct pt_regs *ctx)
{
	return fn_end((int)PT_REGS_RC(ctx));
}

SEC("?kprobe/skb_splice_bits")
int kprobe_skb_splice_bits(struct pt_regs *ctx)
{
	return begin_skb((void *)PT_REGS_PARM2(ctx), (void *)PT_REGS_PARM1(ctx), PT_REGS_PARM3(ctx));
}

SEC("?kretprobe/skb_splice_bits")
int kretprobe_skb_splice_bits(struct pt_regs *ctx)
{
	return fn_end((int)PT_REGS_RC(ctx));
}

/* TLS by the kernel, which is a module: probes, because they find it when it is there, also where TCP has fentry. */
SEC("?kprobe/tls_sw_sendmsg")
int kprobe_tls_sw_sendmsg(struct pt_regs *ctx)
{
	return begin((void *)PT_REGS_PARM1(ctx), (void *)PT_REGS_PARM2(ctx), EV_WRITE, 0);
}

SEC("?kretprobe/tls_sw_sendmsg")
int kretprobe_tls_sw_sendmsg(struct pt_regs *ctx)
{
	return fn_end((int)PT_REGS_RC(ctx));
}

SEC("?kprobe/tls_sw_sendpage")
int kprobe_tls_sw_sendpage(struct pt_regs *ctx)
{
	return begin_page((void *)PT_REGS_PARM1(ctx), (void *)PT_REGS_PARM2(ctx),
			  PT_REGS_PARM3(ctx), PT_REGS_PARM4(ctx));
}

SEC("?kretprobe/tls_sw_sendpage")
int kretprobe_tls_sw_sendpage(struct pt_regs *ctx)
{
	return fn_end((int)PT_REGS_RC(ctx));
}

SEC("?kprobe/tls_sw_recvmsg")
int kprobe_tls_sw_recvmsg(struct pt_regs *ctx)
{
	__u64 fourth = PT_REGS_PARM4(ctx), fifth = PT_REGS_PARM5(ctx);

	barrier_var(fourth); /* as in kprobe_tcp_recvmsg */
	barrier_var(fifth);
	return begin((void *)PT_REGS_PARM1(ctx), (void *)PT_REGS_PARM2(ctx), EV_READ,
		     recv_args == 6 ? fifth : fourth);
}

SEC("?kretprobe/tls_sw_recvmsg")
int kretprobe_tls_sw_recvmsg(struct pt_regs *ctx)
{
	return fn_end((int)PT_REGS_RC(ctx));
}
