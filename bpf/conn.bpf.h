/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* conn.bpf.h - which socket a descriptor is, and what is known of each connection.
 *
 * For a program that sees plaintext (bpf/tls_*.bpf.c):
 *
 *   entry of the TLS call
 *	struct task_ctx *t = task_ctx_get();
 *	if (!t || !task_wanted(t))
 *		return 0;
 *	t->tls_cookie = 0;
 *	t->tls_active = 1;		(own arguments: in a task storage map of the TLS program's own)
 *   return of the TLS call
 *	t->tls_active = 0;
 *	cookie = t->tls_cookie;	        the TCP socket that a read or write nested in this call used, or 0;
 *					remember it per {tgid, SSL *} for the calls that do no I/O
 *	struct plaintext p = { .cookie = cookie, .buf = ..., };
 *	emit_plaintext(&p);
 *
 * emit_plaintext keeps the position of the plaintext stream in the connection, and marks it: from then on
 * the socket hooks of that connection count bytes but no longer copy them.
 *
 * Positions.  conn.pos counts the bytes of each direction by return values.  The kernel's own sequence
 * numbers (copied_seq, write_seq) say where the stream truly is: whenever no call is under way on that
 * direction, pos is brought up to them.  So bytes that no hook saw (io_uring, a process that was filtered
 * out, capture switched off for a while) become holes of exactly their length.
 */
#ifndef LIMPID_CONN_BPF_H
#define LIMPID_CONN_BPF_H

#include "unix.bpf.h"
#include "gap.bpf.h"
#include "passive.bpf.h"
#include <bpf/bpf_endian.h>

#define AF_INET		2
#define AF_INET6	10
#define SOCK_DGRAM	2
#define IPPROTO_TCP	6
#define IPPROTO_UDP	17
#define SOCK_DONE_BIT	1 /* enum sock_flags: the peer's FIN was received */
#define TCP_ESTABLISHED 1
#define TCP_SYN_SENT	2
#define TCP_SYN_RECV	3
#define TCP_FIN_WAIT1	4
#define TCP_FIN_WAIT2	5
#define TCP_CLOSE	7
#define TCP_CLOSE_WAIT	8
#define TCP_LAST_ACK	9
#define TCP_LISTEN	10
#define TCP_CLOSING	11

struct conn {
	__u64 pos[2], tls_pos[2]; /* by enum ev_dir */
	__u64 skip[4];		  /* by GAP_STREAM: bytes before this position are not wanted */
	__u32 seq[2];		  /* the kernel's sequence number at pos */
	__u32 busy[2];		  /* calls under way */
	__u64 cgroup_id;	  /* of the process that used it last, as are: */
	__u32 tgid, tid;
	char comm[EV_COMM_LEN];
	/* Bytes, not bits: different CPUs may set different ones at once. */
	__u8 side, verdict;
	__u8 announced; /* EV_OPEN was sent to the reader of this number; 0: to none */
	__u8 ignored;	/* Limpid's own, or its ends are not chosen: as of screen_gen */
	__u8 late, tls_seen, reset;
	__u8 eof;	  /* the peer's end was read */
	__u8 fin;	  /* this end's FIN took a sequence number */
	__u8 closed;	  /* the sequence numbers mean nothing any more */
	__u8 l4;	  /* enum ev_l4 */
	__u8 sweep;	  /* sweep_nr when the socket was last seen to exist */
	__u8 untold;	  /* something is in `gaps` or `kept` */
	__u8 had_gaps;	  /* something was */
	__u8 opened;	  /* an EV_OPEN was made since this entry was */
	__u32 screen_gen; /* policy_gen when the ends were last looked at; 0: never */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, struct conn);
} conns __weak SEC(".maps");

/* Those of UDP apart: a server of names has thousands of clients a second. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct conn);
} datagram_conns __weak SEC(".maps");

struct listener {
	__u32 netns;
	__u32 port;
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct listener);
	__type(value, __u32);
} listeners __weak SEC(".maps");

volatile __u64 socket_fops __weak; /* file->f_op of every socket, learnt by the scan */
volatile __u8 reader_nr __weak =
	1; /* user space adds 1, never 0, when another process begins to read */
volatile __u32 scan_wanted __weak; /* a socket without a cookie was met: scan again */
volatile __u8 sweep_nr __weak;	   /* user space adds 1 before it asks which sockets still exist */
volatile __u32 swept_conns __weak; /* about how many in conns conn_sweep has to look after */

/* --- which socket ------------------------------------------------------------------------------- */

static __always_inline struct file *fd_file(struct task_struct *task, __u32 fd)
{
	struct files_struct *files = KREAD(task, files);
	struct fdtable *fdt;
	struct file **fds;

	if (!files)
		return NULL;
	fdt = KREAD(files, fdt);
	if (!fdt || fd >= KREAD(fdt, max_fds))
		return NULL;
	fds = KREAD(fdt, fd);
	/* Any type that begins with a pointer serves to read one quickly. */
	return (void *)BPF_CORE_READ((struct hlist_head *)(fds + fd), first);
}

static __always_inline bool sock_is_tcp(const struct sock *sk)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	return (family == AF_INET || family == AF_INET6) &&
	       BPF_CORE_READ(sk, sk_type) == SOCK_STREAM &&
	       BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP;
}

static __always_inline bool sock_is_udp(const struct sock *sk)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	return (family == AF_INET || family == AF_INET6) &&
	       BPF_CORE_READ(sk, sk_type) == SOCK_DGRAM &&
	       BPF_CORE_READ(sk, sk_protocol) == IPPROTO_UDP;
}

/* The socket behind a descriptor of the current task, or NULL: a stream of TCP or AF_UNIX, or one of UDP. */
static __always_inline struct sock *fd_sock(struct task_struct *task, __u32 fd)
{
	struct file *file = fd_file(task, fd);
	struct socket *socket;
	struct sock *sk;

	if (!file || (__u64)BPF_CORE_READ(file, f_op) != socket_fops)
		return NULL;
	socket = BPF_CORE_READ(file, private_data);
	sk = socket ? BPF_CORE_READ(socket, sk) : NULL;
	return sk && (sock_is_tcp(sk) || sock_is_unix(sk) || sock_is_udp(sk)) ? sk : NULL;
}

/* User space looks at scan_wanted and tls_met. */
static __always_inline void loader_call(void)
{
	struct ev_hdr h = { .size = sizeof(h) }; /* kind 0: for the loader itself */

	bpf_ringbuf_output(&tasks, &h, sizeof(h), BPF_RB_FORCE_WAKEUP);
}

/* The kernel makes cookies on demand, and only for a program that holds a typed socket.  Every TCP socket
 * gets one at its first change of state; those from before capture, by the scan of all descriptors.  What
 * slips between (it waited in an accept queue) makes user space scan again. */
static __always_inline __u64 sock_cookie(struct sock *sk)
{
	__u64 cookie;

	if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_UNIX)
		return unix_cookie(sk);
	cookie = sock_id_of(sk);
	if (!cookie) {
		loss(EV_LOSS_INFLIGHT, 1);
		if (!scan_wanted) {
			scan_wanted = 1;
			loader_call();
		}
	}
	return cookie;
}

static __always_inline void sock_addr(const struct sock *sk, struct sock_addr *a)
{
	if (BPF_CORE_READ(sk, __sk_common.skc_family) == AF_INET6) {
		BPF_CORE_READ_INTO(&a->local, sk, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr8);
		BPF_CORE_READ_INTO(&a->remote, sk, __sk_common.skc_v6_daddr.in6_u.u6_addr8);
	} else {
		a->local[10] = a->local[11] = a->remote[10] = a->remote[11] = 0xff;
		BPF_CORE_READ_INTO((__be32 *)&a->local[12], sk, __sk_common.skc_rcv_saddr);
		BPF_CORE_READ_INTO((__be32 *)&a->remote[12], sk, __sk_common.skc_daddr);
	}
	a->lport = BPF_CORE_READ(sk, __sk_common.skc_num);
	a->rport = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
}

static __always_inline bool addr_is_loopback(const __u8 a[16])
{
	const __u32 *w = (const __u32 *)a;

	if (w[0] || w[1])
		return false;
	return (w[2] == bpf_htonl(0xffff) && a[12] == 127) || (!w[2] && w[3] == bpf_htonl(1));
}

static __always_inline bool addr_is_own(const struct sock_addr *a)
{
	__u32 zero = 0;
	struct ev_policy *p = bpf_map_lookup_elem(&policy, &zero);

	if (!p || !(addr_is_loopback(a->local) || addr_is_loopback(a->remote)))
		return false;
	for (int i = 0; i < EV_OWN_PORTS; i++) {
		__u16 port = p->own_ports[i];

		if (port && (port == a->lport || port == a->rport))
			return true;
	}
	return false;
}

static __always_inline __u32 sock_netns(const struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
}

/* --- connections -------------------------------------------------------------------------------- */

static __always_inline struct conn *conn_find(__u64 cookie)
{
	return cookie ? bpf_map_lookup_elem(&conns, &cookie) : NULL;
}

static __always_inline struct conn *any_conn_find(__u64 cookie)
{
	return cookie & EV_UDP_COOKIE ? bpf_map_lookup_elem(&datagram_conns, &cookie)
				      : conn_find(cookie);
}

static __always_inline void conn_owner(struct conn *c)
{
	struct task_ctx *t = task_ctx_get();
	__u64 id = bpf_get_current_pid_tgid();

	c->tgid = id >> 32;
	c->tid = id;
	c->cgroup_id = t ? t->cgroup_id : 0;
	task_comm(CURRENT_TASK(), c->comm);
}

/* The same of another process than the current one, which holds the socket. */
static __always_inline void conn_owned_by(struct conn *c, struct task_struct *task, __u64 cgroup_id)
{
	c->tgid = KREAD(task, tgid);
	c->tid = KREAD(task, pid);
	c->cgroup_id = cgroup_id;
	task_comm(task, c->comm);
}

/* The sequence number of the next byte of the stream that a process will read or write.  fin: a FIN was
 * written, which takes a number of its own. */
static __always_inline __u32 sock_seq(const struct sock *sk, __u8 dir, __u8 fin)
{
	const struct tcp_sock *tp = (const void *)sk;
	__u32 seq;

	if (dir == EV_WRITE)
		return BPF_CORE_READ(tp, write_seq) - fin;
	seq = BPF_CORE_READ(tp, copied_seq);
	/* The peer's FIN is passed by when the last byte has been read. */
	if ((BPF_CORE_READ(sk, __sk_common.skc_flags) >> SOCK_DONE_BIT & 1) &&
	    seq == BPF_CORE_READ(tp, rcv_nxt))
		seq--;
	return seq;
}

/* Somebody reads what the socket carries, or wants to know how much of it is missing. */
static __always_inline bool conn_wants_raw(const struct conn *c)
{
	return !c->ignored && !c->tls_seen && c->verdict != EV_COPY_NONE;
}

/* True: these bytes are to be left out, which has been noted.  The end of what is left out is told at once: user
 * space waits for it. */
static __always_inline bool conn_skips(const struct conn *c, __u64 cookie, __u64 at, __u64 off,
				       __u64 n)
{
	__u64 stream = GAP_STREAM(at), to;

	barrier_var(stream); /* 6.1 does not see that it is below 4 */
	to = c->skip[stream & 3];
	if (off + n > to && off < copy_budget && !copy_paused())
		return false;
	gap_add(cookie, at, off, n, GAP_BUDGET);
	if (off + n == to)
		untold_tell(cookie);
	return true;
}

/* Bytes that moved beyond conn.pos: unseen, or by calls whose exit is still to come. */
static __always_inline __u32 conn_ahead(const struct conn *c, const struct sock *sk, __u8 dir)
{
	__u32 ahead;

	if (c->closed)
		return 0;
	ahead = sock_seq(sk, dir, c->fin) - c->seq[dir & 1];
	return (__s32)ahead > 0 ? ahead : 0;
}

/* Takes into account what moved on the socket without being seen; only while no call is under way.  stays: the caller's
 * call begins, and is counted from now on (1), or there is none (0).
 *
 * Two calls may come here at once, on two processors, or because one of them is held up between two instructions.
 * So the first one takes conn.busy from 0 with one instruction, and what it finds holds only if nobody is there besides,
 * nor was (who moved something has changed conn.seq): a call that began meanwhile may have moved those bytes, and adds
 * them at its end. */
#define BUSY_LOOKS (1U << 31)
const volatile __u32 hold_up_ns __weak = 0; /* tests: how long such a one is held up; 0 is no instruction at all */

static __always_inline void hold_up(void)
{
	__u64 since = bpf_ktime_get_ns();

	for (int i = 0; i < 300; i++)
		if (bpf_ktime_get_ns() - since > hold_up_ns)
			break;
}

SUB int conn_catch_up(struct conn *c, const struct sock *sk, __u8 dir, __u32 stays)
{
	__u32 was, unseen;
	__u64 at;

	dir &= 1;
	if (c->closed || SWAP_IF(&c->busy[dir], 0, BUSY_LOOKS + 1)) {
		if (stays) /* to add 0 is beyond the compiler */
			__sync_fetch_and_add(&c->busy[dir], 1);
		return 0;
	}
	was = c->seq[dir];
	if (hold_up_ns)
		hold_up();
	unseen = sock_seq(sk, dir, c->fin) - was;
	/* Otherwise the next one that finds nobody looks again.  Below 0: a splice is told of before the number goes on. */
	if ((__s32)unseen > 0 && SWAP_IF(&c->busy[dir], BUSY_LOOKS + 1, BUSY_LOOKS + 1) == BUSY_LOOKS + 1 &&
	    SWAP_IF(&c->seq[dir], was, was + unseen) == was) {
		at = FETCH_ADD(&c->pos[dir], unseen);
		if (conn_wants_raw(c))
			gap_add(sock_id_of(sk), GAP_AT(dir, 0, 0, 0), at, unseen, GAP_UNSEEN);
	}
	__sync_fetch_and_add(&c->busy[dir], stays ? -BUSY_LOOKS : -BUSY_LOOKS - 1);
	return 0;
}

#include "tell.bpf.h"

/* The side of a connection that was not seen to begin: a port that listens is a server's. */
static __always_inline __u8 side_guess(const struct sock *sk)
{
	struct listener l = { sock_netns(sk), BPF_CORE_READ(sk, __sk_common.skc_num) };
	__u16 rport = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));

	if (sock_is_unix(sk))
		return unix_side(sk);
	if (bpf_map_lookup_elem(&listeners, &l) || passive_since(sk))
		return EV_SERVER;
	return l.port >= 32768 && rport < 32768 ? EV_CLIENT : EV_SIDE_UNKNOWN;
}

/* Makes the entry of an AF_UNIX stream, owned by the current process, if there is none.  late: it was not seen to
 * begin.  NULL: no memory. */
SUB struct conn *unix_make(__u64 cookie, __u8 side, __u8 late)
{
	struct conn c = {
		.side = side, .late = late, .l4 = EV_UNIX, .closed = 1, .sweep = sweep_nr
	};

	conn_owner(&c);
	if (!bpf_map_update_elem(&conns, &cookie, &c, BPF_NOEXIST))
		__sync_fetch_and_add(&swept_conns, 1);
	return bpf_map_lookup_elem(&conns, &cookie);
}

/* The socket of an AF_UNIX stream goes away. */
SUB int unix_ended(const struct sock *sk)
{
	__u64 cookie = sock_is_unix(sk) ? unix_cookie(sk) : 0;
	struct conn *c = conn_find(cookie);

	if (!c)
		return 0;
	close_event(c, sk, cookie, EV_END_ALL);
	bpf_map_delete_elem(&conns, &cookie);
	__sync_fetch_and_add(&swept_conns, -1);
	return 0;
}

/* Makes the entry of a connection, owned by the current process.  done: bytes that the call under way has
 * already moved in direction dir.  NULL: no memory. */
SUB struct conn *conn_make_tcp(struct sock *sk, __u64 cookie, __u8 side, __u8 dir, __u64 done)
{
	const struct tcp_sock *tp = (const void *)sk;
	struct conn c = {};
	__u64 was_read, was_written;
	__u32 *since;

	conn_owner(&c);
	c.side = side;
	c.seq[EV_READ] = sock_seq(sk, EV_READ, 0);
	c.seq[EV_WRITE] = sock_seq(sk, EV_WRITE, 0);
	/* What came in less what still waits; what was acknowledged and what is under way, where the SYN
	 * of the client counts as 1. */
	was_read = BPF_CORE_READ(tp, bytes_received) -
		   (__u32)(BPF_CORE_READ(tp, rcv_nxt) - c.seq[EV_READ]);
	was_written = BPF_CORE_READ(tp, bytes_acked) +
		      (__u32)(c.seq[EV_WRITE] - BPF_CORE_READ(tp, snd_una));
	if (dir == EV_READ) {
		c.seq[EV_READ] -= done;
		was_read -= done;
	} else {
		c.seq[EV_WRITE] -= done;
		was_written -= done;
	}
	since = passive_since(sk);
	if (since && *since == policy_gen) { /* all of it was to be seen; what no hook saw is a hole */
		c.seq[EV_READ] -= was_read;
		c.seq[EV_WRITE] -= was_written;
		*since = 0; /* not again, when this entry has to give way to others */
	} else {
		c.late = was_read > 0 || was_written > 1;
	}
	bpf_map_update_elem(&conns, &cookie, &c, BPF_NOEXIST);
	return bpf_map_lookup_elem(&conns, &cookie);
}

static __always_inline struct conn *conn_make(struct sock *sk, __u64 cookie, __u8 side, __u8 dir,
					      __u64 done)
{
	return sock_is_unix(sk) ? unix_make(cookie, side, 1) :
				  conn_make_tcp(sk, cookie, side, dir, done);
}

/* Plaintext that a TLS library gave to or took from its caller. */
struct plaintext {
	__u64 cookie, buf, n; /* socket; user memory, or 0: the bytes are nowhere to be found */
	__u64 ts_ns;	      /* writes: of the entry of the call; reads: of its return */
	__u16 tls_lib;
	__u8 dir, tls, sure;
};

/* Delivers it whatever the verdict is, at the next position of the connection's plaintext stream.  -1: the cookie names no
 * connection that is tracked, the bytes are counted as EV_LOSS_TLS_UNMAPPED. */
SUB int emit_plaintext(const struct plaintext *p)
{
	struct conn *c = conn_find(p->cookie);
	struct run r = {};

	if (!p->n)
		return 0;
	if (!c) {
		loss(EV_LOSS_TLS_UNMAPPED, p->n);
		return -1;
	}
	c->tls_seen = 1;
	r.off = FETCH_ADD(&c->tls_pos[p->dir & 1], p->n);
	if (c->ignored ||
	    conn_skips(c, p->cookie, GAP_AT(p->dir, p->tls, p->sure, p->tls_lib), r.off, p->n))
		return 0;
	if (!p->buf)
		return hole_send(p->cookie, GAP_AT(p->dir, p->tls, p->sure, p->tls_lib), r.off, p->n, p->ts_ns);
	r.untold = c->untold;
	r.cookie = p->cookie;
	r.ts_ns = p->ts_ns;
	r.base = p->buf;
	r.base_left = r.left = p->n;
	r.dir = p->dir;
	r.tls = p->tls;
	r.tls_lib = p->tls_lib;
	r.sure = p->sure;
	return run_go(&r);
}

#endif
