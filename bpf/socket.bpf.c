/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* socket.bpf.c - the system call back end: bytes of TCP and AF_UNIX streams, and the life of connections.
 * Datagrams are handed to udp.bpf.c.
 *
 * The bytes are taken at the exit of a call, because only then it is known how many were moved; the socket
 * is looked up at the entry, because by the exit another thread may have given the descriptor to another
 * file.  A call that was under way when capture began is looked up at its exit.
 */
#include "conn.bpf.h"
#include "syscalls.bpf.h"

#define MSG_OOB	     0x1
#define MSG_PEEK     0x2
#define MSG_TRUNC    0x20
#define MSG_ERRQUEUE 0x2000
#define RCV_SHUTDOWN 1
#define EXIT_MSGS    1024 /* UIO_MAXIOV bounds sendmmsg */

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

/* Another process than before: it says who it is.  And a reader that has not heard of the connection hears of
 * it. */
static __always_inline void conn_used(struct conn *c, struct sock *sk, __u64 cookie)
{
	conn_screen(c, sk, cookie);
	if (c->ignored ||
	    (c->announced == reader_nr && c->tgid == (__u32)KREAD(CURRENT_TASK(), tgid)))
		return;
	conn_owner(c);
	conn_announce(c, sk, cookie);
}

/* The file of an AF_UNIX stream is closed: its last reference ends the connection. */
SUB int unix_closing(struct task_struct *task, __u32 fd)
{
	struct sock *sk = fd_sock(task, fd);
	struct conn *c;
	__u64 cookie;

	if (!sk || !sock_is_unix(sk) || !file_is_last(fd_file(task, fd)))
		return 0;
	cookie = unix_cookie(sk);
	c = conn_find(cookie);
	if (!c)
		return 0;
	close_event(c, sk, cookie, EV_END_ALL);
	bpf_map_delete_elem(&conns, &cookie);
	__sync_fetch_and_add(&swept_conns, -1);
	return 0;
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

/* Remembers the call.  done: what it has moved already, when it is its exit that we are at. */
SUB int call_begin(struct task_ctx *t, struct task_struct *task, struct pt_regs *regs, long nr,
		   __u64 done)
{
	struct call *call = &t->call;
	__u32 fd = call_args(call, regs, nr);
	struct sock *sk;
	struct conn *c;
	__u8 state, dir;

	call->nr = nr + 1;
	call->cookie = 0;
	call->counted = 0;
	call->udp = 0;
	if (call->shape == CALL_CLOSE && !done)
		unix_closing(task, fd);
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
	if (sock_is_udp(sk)) {
		call->udp = 1;
		call->sk = number_of(sk);
		call->ts_ns = bpf_ktime_get_ns();
		call->name = nr == NR_SENDTO || nr == NR_RECVFROM ? SYS_ARG4(regs) : 0;
		return 0;
	}
	call->cookie = sock_cookie(sk);
	if (!call->cookie)
		goto none;
	if (t->tls_active)
		t->tls_cookie = call->cookie;
	dir = call->dir & 1;
	if (dir == EV_WRITE)
		call->ts_ns = bpf_ktime_get_ns();
	c = conn_find(call->cookie);
	state = BPF_CORE_READ(sk, __sk_common.skc_state);
	if (state == TCP_SYN_SENT || (!c && (state == TCP_CLOSE || state == TCP_LISTEN)))
		return 0; /* not connected yet; the exit looks again */
	if (!c)
		c = conn_make(sk, call->cookie, side_guess(sk), dir, done);
	else if (!done && !c->busy[dir])
		conn_catch_up(c, sk, dir);
	if (!c) {
		loss(EV_LOSS_INFLIGHT, 1);
		goto none;
	}
	conn_used(c, sk, call->cookie);
	if (!done) {
		__sync_fetch_and_add(&c->busy[dir], 1);
		call->counted = 1;
	}
	return 0;
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

/* n bytes were moved: delivers them at position off. */
SUB int call_data(const struct call *call, const struct conn *c, __u64 off, __u64 n)
{
	struct run r = { .cookie = call->cookie, .off = off, .left = n, .dir = call->dir };
	__u64 at = GAP_AT(call->dir, 0, 0, 0);

	if (!conn_wants_raw(c) || conn_skips(c, call->cookie, at, off, n))
		return 0;
	r.untold = c->untold;
	/* A write happened when it began: its answer may come before it returns. */
	r.ts_ns = call->dir == EV_WRITE ? call->ts_ns : bpf_ktime_get_ns();
	if (call->shape == CALL_UNSEEN ||
	    (call->dir == EV_READ && (call->flags & MSG_TRUNC) && !c->l4))
		return hole_send(call->cookie, at, off, n, r.ts_ns);
	if (call->shape == CALL_BUF) {
		r.base = call->buf;
		r.base_left = n;
	} else if (call->shape == CALL_IOV) {
		r.iov = call->buf;
		r.niov = call->len;
	} else {
		__u64 v[2] = {}; /* not the whole header: the stack is small */

		/* When it fails: EV_WHY_FAULT. */
		bpf_probe_read_user(v, sizeof(v), &((struct user_msghdr *)call->buf)->iov);
		r.iov = v[0];
		r.niov = v[1];
	}
	if (c->verdict == EV_COPY_HEAD && n > EMIT_HEAD) {
		r.rest = n - EMIT_HEAD;
		r.why = EV_WHY_BUDGET;
		r.left = EMIT_HEAD;
	}
	return run_go(&r);
}

static __always_inline __u64 conn_moved(struct conn *c, __u8 dir, __u64 n)
{
	__sync_fetch_and_add(&c->seq[dir & 1], (__u32)n);
	return FETCH_ADD(&c->pos[dir & 1], n);
}

/* sendmmsg, recvmmsg: each message is a call of its own. */
struct mmsg {
	struct call call;
	struct conn *conn;
	__u64 at;
	__u32 n;
};

static long mmsg_step(__u32 i, struct mmsg *m)
{
	struct conn *c = conn_find(m->call.cookie);
	__u32 len = 0;

	if (i >= m->n || !c)
		return 1;
	m->call.buf = m->at + i * sizeof(struct user_mmsghdr);
	bpf_probe_read_user(&len, sizeof(len), (void *)(m->call.buf + sizeof(struct user_msghdr)));
	if (len)
		call_data(&m->call, c, conn_moved(c, m->call.dir, len), len);
	return 0;
}

SUB int call_end(struct call *call, long ret)
{
	struct conn *c = conn_find(call->cookie);

	if (!c)
		return 0;
	if (ret > 0 &&
	    !(call->dir == EV_READ && (call->flags & (MSG_PEEK | MSG_OOB | MSG_ERRQUEUE)))) {
		if (call->shape == CALL_MMSG) {
			struct mmsg m = { .call = *call, .at = call->buf, .n = ret };

			m.call.shape = CALL_MSG;
			LOOP(EXIT_MSGS, mmsg_step, &m);
		} else {
			call_data(call, c, conn_moved(c, call->dir, ret), ret);
		}
	}
	if (call->counted)
		__sync_fetch_and_add(&c->busy[call->dir & 1], -1);
	return 0;
}

static __always_inline bool all_was_read(const struct conn *c, const struct sock *sk)
{
	const struct tcp_sock *tp = (const void *)sk;

	if (c->l4 == EV_UNIX)
		return !BPF_CORE_READ(sk, sk_receive_queue.qlen);
	return BPF_CORE_READ(tp, copied_seq) == BPF_CORE_READ(tp, rcv_nxt);
}

/* A read gave 0 bytes: the peer's end of the stream, unless the buffers have no room. */
SUB int call_empty(const struct call *call, struct task_struct *task, __u32 fd)
{
	struct conn *c = conn_find(call->cookie);
	struct sock *sk = fd_sock(task, fd);

	if (!c || !sk || c->eof || call->dir != EV_READ ||
	    !(BPF_CORE_READ(sk, sk_shutdown) & RCV_SHUTDOWN) || !all_was_read(c, sk))
		return 0;
	c->eof = 1;
	close_event(c, sk, call->cookie, EV_END_READ);
	return 0;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(socket_enter, struct pt_regs *regs, long nr)
{
	struct task_struct *task;
	struct task_ctx *t;

	if (!nr_is_io(nr))
		return 0;
	task = CURRENT_TASK();
	if (task_is_compat(task))
		return 0;
	t = task_ctx_get();
	if (!t) {
		loss(EV_LOSS_INFLIGHT, 1);
		return 0;
	}
	if (task_wanted(t))
		call_begin(t, task, regs, nr, 0);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(socket_exit, struct pt_regs *regs, long ret)
{
	long nr = SYS_NR(regs);
	struct task_struct *task;
	struct task_ctx *t;
	struct call call;

	if (nr == NR_MMAP && ret > 0 && (SYS_ARG2(regs) & PROT_EXEC) &&
	    !(SYS_ARG3(regs) & MAP_ANONYMOUS))
		return task_mapped(ret);
	if (!nr_is_io(nr))
		return 0;
	task = CURRENT_TASK();
	if (task_is_compat(task))
		return 0;
	t = task_ctx_get();
	if (!t)
		return 0;
	if (t->call.nr != nr + 1) {
		if (ret <= 0 || !task_wanted(t))
			return 0;
		call_begin(t, task, regs, nr, ret);
	}
	call = t->call;
	t->call.nr = 0;
	if (call.shape == CALL_ACCEPT)
		return ret >= 0 ? accepted(task, ret) : 0;
	if (call.shape == CALL_CONNECT)
		return ret ? 0 : unix_begins(task, SYS_ARG0(regs), EV_CLIENT);
	if (call.shape == CALL_PAIR)
		return ret ? 0 : unix_pair(task, call.buf);
	if (call.shape == CALL_CLOSE || call.shape == CALL_NONE)
		return 0;
	if (call.udp)
		return udp_end(&call, ret);
	call_end(&call, ret);
	return ret ? 0 : call_empty(&call, task, SYS_ARG0(regs));
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
