/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* sockfn.bpf.h - a kernel function that moves bytes of a socket, from its entry to its return.
 *
 *	fn_begin(sk, dir, flags, &it)		it: the buffers (iter.bpf.h), zero when they cannot be read
 *	fn_end(ret)
 *
 * between which one call of a task is remembered in its task_ctx: functions of sockets do not call each other.
 * The process is the current one also for io_uring: its workers are threads of the process.
 *
 * A return that no hook saw (kretprobes are limited in number) is found by the exit of the system call
 * (socket.bpf.c) or by the next entry of the task; then the sequence numbers say what was moved.
 */
#ifndef LIMPID_SOCKFN_BPF_H
#define LIMPID_SOCKFN_BPF_H

#include "iter.bpf.h"
#include "stash.bpf.h"
#include "transfer.bpf.h"

/* The self-test of user space (src/tap/hooks_test.c): the server's port of its connection, whose calls are noted although nobody
 * is captured, and by enum ev_dir which of FN_ENTERED and FN_LEFT was met. */
#define FN_ENTERED 1
#define FN_LEFT	   2
volatile __u32 fn_test_port __weak, fn_tests[2] __weak;

static __always_inline int fn_test(struct task_ctx *t, const struct sock *sk, __u8 dir)
{
	__u32 port = fn_test_port;

	if (!port || (BPF_CORE_READ(sk, __sk_common.skc_num) != port &&
		      bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport)) != port))
		return 0;
	t->fn.nr = FN_CALL;
	t->fn.shape = CALL_NONE;
	t->fn.dir = dir;
	fn_tests[dir & 1] |= FN_ENTERED;
	return 0;
}

/* Of the kernel itself: NFS, for example, even when a process is made to send. */
static __always_inline bool sock_is_kernels(const struct sock *sk)
{
	return !BPF_CORE_READ(sk, sk_socket, file);
}

static __always_inline void fn_drop(struct task_ctx *t)
{
	struct conn *c = t->fn.counted ? conn_find(t->fn.cookie) : NULL;

	t->fn.nr = 0;
	stash_free(&t->fn);
	if (c)
		__sync_fetch_and_add(&c->busy[t->fn.dir & 1], -1);
}

static __always_inline void call_of_iter(struct call *call, const struct iter *it)
{
	call->nr = FN_CALL;
	call->shape = it->known ? CALL_ITER : CALL_UNSEEN;
	call->counted = 0;
	call->buf = it->base;
	call->len = it->base_left;
	call->iov = it->iov;
	call->niov = it->niov;
	call->mem = it->mem;
}

SUB int fn_begin(struct sock *sk, __u8 dir, __u32 flags, const struct iter *it)
{
	struct task_ctx *t = task_ctx_get();
	struct call *call;

	if (!t) {
		loss(EV_LOSS_INFLIGHT, 1);
		return 0;
	}
	if (!task_wanted(t) || sock_is_kernels(sk))
		return fn_test(t, sk, dir);
	/* The hooks of system calls take the one under way: of TLS by the kernel, of several messages, or which began before
	 * this function was hooked. */
	if (t->call.nr && t->call.dir == dir && t->call.shape != CALL_NONE)
		return 0;
	if (t->fn.nr)
		fn_drop(t);
	t->fn_seen = 1;
	call = &t->fn;
	call_of_iter(call, it);
	call->dir = dir;
	call->flags = flags;
	call->udp = 0;
	return transfer_begin(t, call, sk, 0);
}

/* The function's first program was here: until its return there is a call. */
static __always_inline bool fn_met(void)
{
	struct task_ctx *t = task_map_find(&task_ctxs);

	return t && t->fn.nr;
}

SUB int fn_end(long ret)
{
	struct task_ctx *t = task_map_find(&task_ctxs);

	if (!t || !t->fn.nr)
		return 0;
	t->fn.nr = 0;
	if (t->fn.shape == CALL_NONE) {
		if (fn_test_port)
			fn_tests[t->fn.dir & 1] |= FN_LEFT;
		return 0;
	}
	transfer_end(&t->fn, ret);
	return ret ? 0 : transfer_empty(&t->fn, (struct sock *)t->fn.sk);
}

#endif
