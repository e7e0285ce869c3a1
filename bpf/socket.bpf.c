/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* socket.bpf.c - the system call back end: bytes of TCP and AF_UNIX streams, and the life of connections.
 * Datagrams are handed to udp.bpf.c.
 *
 * The bytes are taken at the exit of a call, because only then it is known how many were moved; the socket
 * is looked up at the entry, because by the exit another thread may have given the descriptor to another
 * file.  A call that was under way when capture began is looked up at its exit.
 */
#include "sockfn.bpf.h"
#include "syscalls.bpf.h"

#define EXIT_MSGS 1024 /* UIO_MAXIOV bounds sendmmsg */

#define PROT_EXEC     4
#define MAP_ANONYMOUS 0x20

/* udp.bpf.c: a call with udp set ended with ret. */
extern SHARED int udp_end(struct call *call, long ret);

/* task.bpf.c; called from here because a program of its own would cost every system call. */
extern int task_mapped(__u64 addr);

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* --- calls -------------------------------------------------------------------------------------- */

/* Fills shape, dir and arguments of the call; returns the descriptor. */
static __always_inline __u32 call_args(struct call *c, struct pt_regs *regs, long nr)
{
	c->dir = EV_READ;
	c->shape = CALL_BUF;
	c->buf = SYS_ARG1(regs);
	c->len = SYS_ARG2(regs);
	c->flags = 0;
	switch (nr) {
	case NR_WRITE:
	case NR_SENDTO:
		c->dir = EV_WRITE;
		break;
	case NR_RECVFROM:
		c->flags = SYS_ARG3(regs);
		break;
	case NR_WRITEV:
		c->dir = EV_WRITE;
		c->shape = CALL_IOV;
		break;
	case NR_READV:
		c->shape = CALL_IOV;
		break;
	case NR_SENDMSG:
		c->dir = EV_WRITE;
		c->shape = CALL_MSG;
		break;
	case NR_RECVMSG:
		c->shape = CALL_MSG;
		c->flags = SYS_ARG2(regs);
		break;
	case NR_SENDMMSG:
		c->dir = EV_WRITE;
		c->shape = CALL_MMSG;
		break;
	case NR_RECVMMSG:
		c->shape = CALL_MMSG;
		c->flags = SYS_ARG3(regs);
		break;
	case NR_SENDFILE:
		c->dir = EV_WRITE;
		c->shape = CALL_UNSEEN;
		break;
	case NR_SPLICE:
		c->shape = CALL_UNSEEN;
		break;
	case NR_ACCEPT:
	case NR_ACCEPT4:
		c->shape = CALL_ACCEPT;
		break;
	case NR_CONNECT:
		c->shape = CALL_CONNECT;
		break;
	case NR_PAIR:
		c->shape = CALL_PAIR;
		c->buf = SYS_ARG3(regs);
		break;
	case NR_CLOSE:
		c->shape = CALL_CLOSE;
		break;
	}
	return SYS_ARG0(regs);
}

/* The file of an AF_UNIX stream is closed: its last reference ends the connection. */
SUB int unix_closing(struct task_struct *task, __u32 fd)
{
	struct sock *sk = fd_sock(task, fd);

	if (!sk || !sock_is_unix(sk) || !file_is_last(fd_file(task, fd)))
		return 0;
	return unix_ended(sk);
}

/* A new AF_UNIX stream; it is announced when it is used. */
SUB int unix_begins(struct task_struct *task, __u32 fd, __u8 side)
{
	struct sock *sk = fd_sock(task, fd);

	if (sk && sock_is_unix(sk) && BPF_CORE_READ(sk, __sk_common.skc_state) == TCP_ESTABLISHED)
		unix_make(unix_cookie(sk), side, 0);
	return 0;
}

SUB int unix_pair(struct task_struct *task, __u64 at)
{
	__u32 fds[2];

	if (bpf_probe_read_user(fds, sizeof(fds), (void *)at))
		return 0;
	unix_begins(task, fds[0], EV_SIDE_UNKNOWN);
	return unix_begins(task, fds[1], EV_SIDE_UNKNOWN);
}

/* Whether the hooks of kernel functions (sockfn.bpf.c) take care of the call.  At its exit that is told by their having
 * been met: they were not when the call began before capture, or when the policy changed meanwhile. */
static __always_inline bool by_functions(const struct call *call, const struct sock *sk)
{
	__u8 by = hooked[call->dir & 1];

	/* One call of recvmmsg is many of the function; where a kretprobe misses some of them (a kernel without preemption sees
	 * as many at a time as it has processors), no sequence numbers of AF_UNIX tell what they moved, and those of TCP
	 * make it a hole. */
	if (call->shape == CALL_MMSG)
		return false;
	if (sock_is_unix(sk))
		return unix_hooked && by == HOOKED_FUNCTION;
	if (sock_is_udp(sk))
		return udp_hooked && by == HOOKED_FUNCTION && call->shape != CALL_UNSEEN;
	if (by == HOOKED_SYSCALL)
		return false;
	if (sock_encrypts(sk, call->dir)) /* the socket's functions are other ones */
		return by == HOOKED_FUNCTION && call->shape == CALL_UNSEEN &&
		       (call->dir == EV_READ ? splice_hooked : tls_hooked);
	return by == HOOKED_FUNCTION || (call->dir == EV_WRITE && call->shape == CALL_UNSEEN);
}

/* The exit of the call before was missed (socket_exit_again can be preempted, too).  Of TCP the sequence numbers tell what it
 * moved, unless they wait for it; of AF_UNIX what sock_send_length and sock_recv_length have told meanwhile. */
SUB int call_drop(const struct call *call)
{
	struct conn *c = call->nr ? conn_find(call->cookie) : NULL;
	__u64 off;

	if (!c)
		return 0;
	if (call->all && c->l4 == EV_UNIX && call_moves(call)) {
		off = conn_moved(c, call->dir, call->all);
		if (conn_wants_raw(c))
			gap_add(call->cookie, GAP_AT(call->dir, 0, 0, 0), off, call->all, GAP_UNSEEN);
	}
	if (call->counted)
		__sync_fetch_and_add(&c->busy[call->dir & 1], -1);
	return 0;
}

/* Remembers the call.  done: what it has moved already, when it is its exit that we are at. */
SUB int call_begin(struct task_ctx *t, struct task_struct *task, struct pt_regs *regs, long nr,
		   __u64 done)
{
	struct call *call = &t->call;
	__u32 fd = call_args(call, regs, nr);
	struct sock *sk;

	call_drop(call);
	if (!done && t->fn.nr) /* its end was missed, and that of its system call */
		fn_drop(t);
	call->nr = nr + 1;
	call->cookie = 0;
	call->all = 0;
	call->counted = 0;
	call->udp = 0;
	if (call->shape == CALL_CLOSE) { /* all that is to be done: its exit is not looked at */
		call->nr = 0;
		return unix_closing(task, fd);
	}
	if (call->shape >= CALL_ACCEPT)
		return 0;
	sk = fd_sock(task, fd);
	if (nr == NR_SPLICE) {
		struct sock *to = fd_sock(task, SYS_ARG2(regs));

		if (to) {
			sk = to;
			call->dir = EV_WRITE;
		}
	}
	if (!sk)
		goto none;
	if (!done && by_functions(call, sk)) {
		call->nr = 0;
		t->fn_seen = 0; /* io_uring leaves it, which has no system call of its own */
		return 0;
	}
	if (sock_is_udp(sk)) {
		call->udp = UDP_BY_SYSCALL;
		call->sk = number_of(sk);
		call->ts_ns = bpf_ktime_get_ns();
		call->name = nr == NR_SENDTO || nr == NR_RECVFROM ? SYS_ARG4(regs) : 0;
		return 0;
	}
	return transfer_begin(t, call, sk, done);
none:
	call->shape = CALL_NONE;
	return 0;
}

SUB int accepted(struct task_struct *task, __u32 fd)
{
	struct sock *sk = fd_sock(task, fd);
	struct conn *c;
	__u64 cookie;

	if (!sk)
		return 0;
	cookie = sock_cookie(sk);
	if (!cookie)
		return 0;
	c = sock_is_unix(sk) ? unix_make(cookie, EV_SERVER, 0)
			     : conn_make(sk, cookie, EV_SERVER, EV_READ, 0);
	if (!c) {
		loss(EV_LOSS_INFLIGHT, 1);
		return 0;
	}
	c->side = EV_SERVER;
	return conn_announce(c, sk, cookie);
}

/* sendmmsg, recvmmsg: each message is a call of its own.  A global function: the verifier looks at it once, and not at
 * each turn of the loop.  The call is changed where it is kept, because the stack has no room for another one: its buf
 * goes from header to header. */
__noinline int mmsg_one(void)
{
	struct task_ctx *t = task_map_find(&task_ctxs);
	struct conn *c = t ? conn_find(t->call.cookie) : NULL;
	__u32 len = 0;

	if (!t || !c)
		return 1;
	bpf_probe_read_user(&len, sizeof(len), (void *)(t->call.buf + sizeof(struct user_msghdr)));
	if (len)
		transfer_data(&t->call, c, len);
	t->call.buf += sizeof(struct user_mmsghdr);
	return 0;
}

static long mmsg_step(__u32 i, __u32 *n)
{
	return i >= *n || mmsg_one();
}

/* As transfer_end, of task_ctx.call; sendmmsg and recvmmsg return the number of their messages. */
static __always_inline int call_end(struct call *call, long ret)
{
	if (call->shape == CALL_MMSG && ret > 0 && call_moves(call)) {
		__u32 n = ret;

		call->shape = CALL_MSG;
		LOOP(EXIT_MSGS, mmsg_step, &n);
		ret = 0;
	}
	return transfer_end(call, ret);
}

/* The record of raw_syscalls:sys_enter and sys_exit, which both begin so. */
struct raw_syscall {
	__u64 common;
	long nr, ret; /* ret: of an exit */
};

static __always_inline struct pt_regs *call_regs(void)
{
#ifdef LIMPID_OLD_KERNEL
	return NULL; /* no helper says it, and no program is skipped */
#else
	return (void *)bpf_task_pt_regs(CURRENT_TASK());
#endif
}

/* User space: the hooks of system calls are two programs each, since one alone may be skipped. */
volatile __u8 calls_twice __weak;

/* Whether the other of two programs was here, which may come first or second; where that was skipped, what was left last is of
 * another place. */
static __always_inline bool met_before(struct task_ctx *t, __u8 place)
{
	bool met = calls_twice && t->met == place;

	t->met = met ? MET_NONE : place;
	return met;
}

static __always_inline int entered(struct pt_regs *regs, long nr)
{
	struct task_struct *task;
	struct task_ctx *t;

	if (!nr_is_io(nr))
		return 0;
	task = CURRENT_TASK();
	if (task_is_compat(task))
		return 0;
	if (nr == NR_CLOSE) { /* of files, mostly */
		struct sock *sk = fd_sock(task, SYS_ARG0(regs));

		if (!sk || !sock_is_unix(sk))
			return 0;
	}
	t = task_ctx_of(task);
	if (!t) {
		loss(EV_LOSS_INFLIGHT, 1);
		return 0;
	}
	if (nr == NR_CLOSE) /* one program looks at it */
		t->met = MET_NONE;
	else if (met_before(t, MET_ENTRY))
		return 0;
	t->in_call = nr == NR_CLOSE ? CALL_OUTSIDE : CALL_INSIDE; /* the exit of close is not looked at */
	if (task_wanted_of(t, task))
		call_begin(t, task, regs, nr, 0);
	return 0;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(socket_enter, struct pt_regs *regs, long nr)
{
	return entered(regs, nr);
}

/* Since Linux 7, a program of a tracepoint can be preempted, and until it goes on the kernel does not run it for others on
 * that processor.  Then this one does the work; mostly there is none left for it. */
SEC("?tp_btf/sys_enter")
int BPF_PROG(socket_enter_again, struct pt_regs *regs, long nr)
{
	return nr == NR_CLOSE ? 0 : entered(regs, nr);
}

/* In its place where every system call counts (the tracepoint back end).  What perf calls is not preempted, and so not skipped for
 * another's sake; it costs some 100 ns more. */
SEC("?tp/raw_syscalls/sys_enter")
int socket_enter_sure(struct raw_syscall *a)
{
	struct pt_regs *regs = call_regs();

	return !regs || a->nr == NR_CLOSE ? 0 : entered(regs, a->nr);
}

static __always_inline bool nr_returns_bytes(long nr)
{
	return nr != NR_SENDMMSG && nr != NR_RECVMMSG && nr != NR_SENDFILE && nr != NR_SPLICE;
}

/* The return of a kernel function was missed, since kretprobes are limited in number.  What the system call returns is
 * what the function returned, when it called it once; else the bytes are found by the sequence numbers. */
static __always_inline long function_left(struct task_ctx *t, struct task_struct *task,
					  struct pt_regs *regs, long nr, long ret)
{
	bool same = (__u64)fd_sock(task, call_args(&t->call, regs, nr)) == t->fn.sk &&
		    t->call.dir == t->fn.dir;

	t->fn.nr = 0;
	if (t->fn.udp) { /* there are no sequence numbers */
		if (same && nr_returns_bytes(nr)) {
			call_begin(t, task, regs, nr, 1);
			return ret;
		}
		loss(EV_LOSS_INFLIGHT, 1);
		return -1;
	}
	if (same && nr_returns_bytes(nr)) {
		/* Its buffers are those of the system call; the function's were described on a stack that is gone. */
		t->call.cookie = t->fn.cookie;
		t->call.sk = t->fn.sk;
		t->call.ktls = t->fn.ktls;
		t->call.counted = t->fn.counted;
		t->call.ts_ns = t->fn.ts_ns;
		t->call.udp = 0;
		return t->fn.shape == CALL_NONE ? -1 : ret;
	}
	t->call = t->fn;
	return -1;
}

static __always_inline int left(struct pt_regs *regs, long ret, bool again)
{
	long nr = SYS_NR(regs);
	struct task_struct *task;
	struct task_ctx *t;
	struct call *call;

	if (!again && nr == NR_MMAP && ret > 0 && (SYS_ARG2(regs) & PROT_EXEC) &&
	    !(SYS_ARG3(regs) & MAP_ANONYMOUS))
		return task_mapped(ret);
	if (!nr_is_io(nr) || nr == NR_CLOSE)
		return 0;
	task = CURRENT_TASK();
	if (task_is_compat(task))
		return 0;
	t = task_ctx_of(task);
	if (!t || met_before(t, MET_EXIT))
		return 0;
	t->in_call = CALL_OUTSIDE;
	if (t->call.nr == nr + 1 && t->call.shape == CALL_NONE) { /* not of a socket: most reads and writes */
		t->call.nr = 0;
		return 0;
	}
	if (t->call.nr != nr + 1) {
		__u8 seen = t->fn_seen;

		t->fn_seen = 0;
		if (t->fn.nr)
			ret = function_left(t, task, regs, nr, ret);
		else if (seen || ret <= 0 || !task_wanted_of(t, task))
			return 0;
		else
			call_begin(t, task, regs, nr, ret);
	}
	call = &t->call;
	call->nr = 0;
	if (call->shape == CALL_ACCEPT)
		return ret >= 0 ? accepted(task, ret) : 0;
	if (call->shape == CALL_CONNECT)
		return ret ? 0 : unix_begins(task, SYS_ARG0(regs), EV_CLIENT);
	if (call->shape == CALL_PAIR)
		return ret ? 0 : unix_pair(task, call->buf);
	if (call->shape == CALL_NONE)
		return 0;
	if (call->udp)
		return udp_end(call, ret);
	call_end(call, ret);
	return ret ? 0 : transfer_empty(call, fd_sock(task, SYS_ARG0(regs)));
}

SEC("tp_btf/sys_exit")
int BPF_PROG(socket_exit, struct pt_regs *regs, long ret)
{
	return left(regs, ret, false);
}

/* As socket_enter_again. */
SEC("?tp_btf/sys_exit")
int BPF_PROG(socket_exit_again, struct pt_regs *regs, long ret)
{
	return left(regs, ret, true);
}

SEC("?tp/raw_syscalls/sys_exit")
int socket_exit_sure(struct raw_syscall *a)
{
	struct pt_regs *regs = call_regs();

	return regs ? left(regs, a->ret, true) : 0;
}

/* --- orders from user space ---------------------------------------------------------------------- */

struct verdict_args {
	__u64 cookie, verdict;
};

SEC(ORDER_SEC)
int socket_verdict(struct verdict_args *a)
{
	struct conn *c = any_conn_find(a->cookie);

	if (!c)
		return -1;
	c->verdict = a->verdict;
	return 0;
}

struct skip_args {
	__u64 cookie, stream, to;
};

SEC(ORDER_SEC)
int socket_skip(struct skip_args *a)
{
	struct conn *c = conn_find(a->cookie);
	__u64 to = a->to, stream = a->stream & 3;

	if (!c)
		return -1;
	if (c->skip[stream] < to)
		c->skip[stream] = to;
	return 0;
}

struct totals_args {
	__u64 cookie;
};

SEC(ORDER_SEC)
int socket_totals(struct totals_args *a)
{
	__u64 cookie = a->cookie;
	struct conn *c = conn_find(cookie);

	return c && c->announced ? totals_event(c, cookie) : -1;
}
