/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* udpfn.bpf.c - the kernel's functions that move datagrams of UDP, met by kprobe and kretprobe: what a system call asks for
 * passes here, and what io_uring does.  So also where TCP is read by fentry.
 *
 * A socket of IPv6 sends to a mapped address of IPv4 by calling the function of IPv4, whose call is then not looked at.
 */
#include "sockfn.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* udp.bpf.c */
extern SHARED int udp_end(struct call *call, long ret);

/* sockfn.bpf.c: in udp_recvmsg the flags have the same place. */
extern const volatile __u8 recv_args;

static __always_inline bool is_v6(const struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET6;
}

/* A system call that names no buffer (sendfile, splice) goes on to be one: t->call is set. */
SUB int begin(struct sock *sk, struct msghdr *msg, __u8 dir, __u32 flags)
{
	struct task_ctx *t = task_ctx_get();
	struct iter it = {};
	struct call *call;

	if (!t) {
		loss(EV_LOSS_INFLIGHT, 1);
		return 0;
	}
	if (!task_wanted(t) || t->call.nr || !sock_is_udp(sk) || sock_is_kernels(sk))
		return 0;
	if (t->fn.nr)
		fn_drop(t);
	iter_read(&msg->msg_iter, &it);
	t->fn_seen = 1;
	call = &t->fn;
	call_of_iter(call, &it);
	call->dir = dir;
	call->flags = flags;
	call->udp = UDP_BY_FUNCTION;
	call->sk = (__u64)sk;
	call->name = (__u64)msg;
	call->ts_ns = bpf_ktime_get_ns();
	return 0;
}

/* v6: it is the function of IPv6 that returns.  (Inline because of the limit of frames.) */
static __always_inline int end(long ret, bool v6)
{
	struct task_ctx *t = task_map_find(&task_ctxs);

	if (!t || !t->fn.nr || !t->fn.udp || is_v6((const struct sock *)t->fn.sk) != v6)
		return 0;
	t->fn.nr = 0;
	return udp_end(&t->fn, ret);
}

static __always_inline int begin_v4(struct sock *sk, struct msghdr *msg, __u8 dir, __u32 flags)
{
	return is_v6(sk) ? 0 : begin(sk, msg, dir, flags);
}

/* Both are read, for the verifier wants constant offsets. */
static __always_inline __u32 recv_flags(struct pt_regs *ctx)
{
	__u64 fourth = PT_REGS_PARM4(ctx), fifth = PT_REGS_PARM5(ctx);

	barrier_var(fourth);
	barrier_var(fifth);
	return recv_args == 6 ? fifth : fourth;
}

SEC("?kprobe/udp_sendmsg")
int kprobe_udp_sendmsg(struct pt_regs *ctx)
{
	return begin_v4((void *)PT_REGS_PARM1(ctx), (void *)PT_REGS_PARM2(ctx), EV_WRITE, 0);
}

SEC("?kretprobe/udp_sendmsg")
int kretprobe_udp_sendmsg(struct pt_regs *ctx)
{
	return end((int)PT_REGS_RC(ctx), false);
}

SEC("?kprobe/udpv6_sendmsg")
int kprobe_udpv6_sendmsg(struct pt_regs *ctx)
{
	return begin((void *)PT_REGS_PARM1(ctx), (void *)PT_REGS_PARM2(ctx), EV_WRITE, 0);
}

SEC("?kretprobe/udpv6_sendmsg")
int kretprobe_udpv6_sendmsg(struct pt_regs *ctx)
{
	return end((int)PT_REGS_RC(ctx), true);
}

SEC("?kprobe/udp_recvmsg")
int kprobe_udp_recvmsg(struct pt_regs *ctx)
{
	return begin_v4((void *)PT_REGS_PARM1(ctx), (void *)PT_REGS_PARM2(ctx), EV_READ, recv_flags(ctx));
}

SEC("?kretprobe/udp_recvmsg")
int kretprobe_udp_recvmsg(struct pt_regs *ctx)
{
	return end((int)PT_REGS_RC(ctx), false);
}

SEC("?kprobe/udpv6_recvmsg")
int kprobe_udpv6_recvmsg(struct pt_regs *ctx)
{
	return begin((void *)PT_REGS_PARM1(ctx), (void *)PT_REGS_PARM2(ctx), EV_READ, recv_flags(ctx));
}

SEC("?kretprobe/udpv6_recvmsg")
int kretprobe_udpv6_recvmsg(struct pt_regs *ctx)
{
	return end((int)PT_REGS_RC(ctx), true);
}
