/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* socktp.bpf.c - what the system calls' hooks cannot read, by tracepoints of sockets (6.16 and later): sendfile, splice and
 * io_uring into TCP.
 *
 * tcp_sendmsg_locked comes before each piece that is sent; the first of a call still has the iterator as it was
 * given.  sock_send_length tells what was moved, when the socket's function has returned.
 */
#include "sockfn.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The system call under way has buffers that its own hooks read. */
static __always_inline bool syscall_reads(const struct call *c)
{
	return c->nr && c->dir == EV_WRITE && c->shape >= CALL_BUF && c->shape <= CALL_MMSG;
}

SEC("?tp_btf/tcp_sendmsg_locked")
int BPF_PROG(tp_tcp_sendmsg_locked, struct sock *sk, struct msghdr *msg)
{
	struct task_ctx *t = task_ctx_get();
	__u64 name = number_of(msg), left;
	struct iter it = {};

	if (!t || !task_wanted(t) || syscall_reads(&t->call))
		return 0;
	left = BPF_CORE_READ(msg, msg_iter.count);
	if (t->fn.nr && t->fn.name == name && left <= t->fn.all) {
		t->fn.all = left; /* the next piece of the same call */
		return 0;
	}
	iter_read(&msg->msg_iter, &it);
	fn_begin(sk, EV_WRITE, 0, &it);
	t->fn.name = name;
	t->fn.all = left;
	return 0;
}

SEC("?tp_btf/sock_send_length")
int BPF_PROG(tp_sock_send_length, struct sock *sk, int ret)
{
	return fn_end(ret);
}
