/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* udp.bpf.c - datagrams of UDP: one "connection" per socket and remote address.
 *
 * Every datagram is counted; copied are those of the ports that were asked for (--udp).  The socket is looked up at the
 * entry of the call, the remote address at its exit: the kernel writes it there for a receiver that wants it.  Who
 * receives on an unconnected socket without asking from where, gets an address of zeroes here, too.  By functions
 * (udpfn.bpf.c) it is the kernel's own copy of that address, and a receive by recvmsg always has one.
 *
 * Such a connection ends when it was quiet for UDP_IDLE_S (conn_sweep), or its place is taken by another.
 */
#include "conn.bpf.h"

#define MSG_PEEK     0x2
#define MSG_ERRQUEUE 0x2000
#define EXIT_MSGS    1024 /* UIO_MAXIOV bounds sendmmsg */

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct udp_key {
	__u64 ino; /* of the socket's inode */
	__u8 remote[16];
	__u16 rport, pad[3];
};
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct udp_key);
	__type(value, __u64);
} udp_conns SEC(".maps");

static __always_inline long name_read(void *to, __u32 n, __u64 at, bool kernel)
{
	return kernel ? bpf_probe_read_kernel(to, n, (void *)at)
		      : bpf_probe_read_user(to, n, (void *)at);
}

/* False: there is none, or of another family. */
static __always_inline bool udp_name(__u64 name, struct sock_addr *a, bool kernel)
{
	struct {
		__u16 family;
		__be16 port;
		__u8 v4[4], v6[16];
	} n = {};

	if (!name || name_read(&n, 8, name, kernel))
		return false;
	if (n.family == AF_INET) {
		__builtin_memset(a->remote, 0, 10);
		a->remote[10] = a->remote[11] = 0xff;
		__builtin_memcpy(&a->remote[12], n.v4, 4);
	} else if (n.family != AF_INET6 || name_read(a->remote, 16, name + 8, kernel)) {
		return false;
	}
	a->rport = bpf_ntohs(n.port);
	return true;
}

/* Numbers need not follow each other, and the old flavour cannot count. */
static __always_inline __u64 udp_new_id(void)
{
	return EV_UDP_COOKIE | (bpf_ktime_get_ns() & 0xffffffffffULL) << 20 |
	       (bpf_get_prandom_u32() & 0xfffff);
}

static __always_inline __u32 udp_now(void)
{
	return bpf_ktime_get_ns() / 1000000000;
}

/* Into a record that is all zero. */
static __always_inline void udp_fill(struct ev_open *ev, const struct conn *c,
				     const struct sock *sk, __u64 id, const struct sock_addr *a)
{
	open_begin(ev, c, sk, id);
	ev->l4 = EV_UDP;
	__builtin_memcpy(ev->local, a->local, sizeof(a->local));
	__builtin_memcpy(ev->remote, a->remote, sizeof(a->remote));
	ev->lport = a->lport;
	ev->rport = a->rport;
	ev->h.size = sizeof(*ev); /* last: then a record in `kept` may be told */
}

/* Afterwards, if nothing follows. */
static __always_inline int udp_keep(struct conn *c, const struct sock *sk, __u64 id,
				    const struct sock_addr *a)
{
	struct kept_key key = { .cookie = id, .kind = EV_OPEN };
	struct ev_open *ev;

	if (kept_make(id, EV_OPEN))
		return 0;
	ev = bpf_map_lookup_elem(&kept, &key);
	if (ev)
		udp_fill(ev, c, sk, id, a);
	return 0;
}

SUB int udp_announce(struct conn *c, const struct sock *sk, __u64 id, const struct sock_addr *a)
{
	void *ring = ring_of(id);
	struct ev_open *ev = ring ? bpf_ringbuf_reserve(ring, sizeof(*ev), 0) : NULL;

	if (c->announced && c->announced != reader_nr)
		c->late = 1; /* a new reader comes in the middle */
	if (!ev) {
		c->announced = 0; /* with the next datagram, or: */
		return udp_keep(c, sk, id, a);
	}
	__builtin_memset(ev, 0, sizeof(*ev));
	udp_fill(ev, c, sk, id, a);
	bpf_ringbuf_submit(ev, wake_flags(ring));
	c->announced = reader_nr;
	if (c->untold)
		kept_drop(id, EV_OPEN);
	return 0;
}

/* Another policy, process or reader than at the last datagram. */
SUB int udp_used(struct conn *c, const struct sock *sk, __u64 id, const struct sock_addr *a)
{
	c->seq[EV_READ] = udp_now();
	if (c->screen_gen != policy_gen) {
		c->screen_gen = policy_gen;
		c->ignored = !ends_wanted(a);
		c->verdict = port_has(EV_PORTS_UDP, a->lport) || port_has(EV_PORTS_UDP, a->rport)
				     ? EV_COPY_ALL
				     : EV_COPY_NONE;
	}
	if (c->ignored ||
	    (c->announced == reader_nr && c->tgid == (__u32)(bpf_get_current_pid_tgid() >> 32)))
		return 0;
	conn_owner(c);
	return udp_announce(c, sk, id, a);
}

static const struct conn conn_zero; /* not on the stack, which is small */

/* The connection of a datagram, made when it is the first; *ret_id is its number.  NULL: no memory. */
SUB struct conn *udp_conn(__u64 ino, const struct sock_addr *a, __u8 dir, __u64 *ret_id)
{
	struct udp_key key = { .ino = ino, .rport = a->rport };
	struct conn *c;
	__u64 id, *known;

	__builtin_memcpy(key.remote, a->remote, sizeof(key.remote));
	known = bpf_map_lookup_elem(&udp_conns, &key);
	id = known ? *known : udp_new_id();
	if (!known)
		bpf_map_update_elem(&udp_conns, &key, &id, BPF_ANY);
	*ret_id = id;
	c = any_conn_find(id);
	if (c)
		return c;
	if (!bpf_map_update_elem(&datagram_conns, &id, &conn_zero, BPF_NOEXIST))
		__sync_fetch_and_add(&swept_conns, 1);
	c = any_conn_find(id);
	if (c) {
		c->l4 = EV_UDP;
		c->closed = 1;
		c->side = dir == EV_WRITE ? EV_CLIENT : EV_SERVER;
		conn_owner(c);
	}
	return c;
}

static __always_inline __u64 sock_ino(const struct sock *sk)
{
	struct socket *socket = BPF_CORE_READ(sk, sk_socket);
	struct file *file = socket ? BPF_CORE_READ(socket, file) : NULL;

	return file ? BPF_CORE_READ(file, f_inode, i_ino) : 0;
}

/* Where the bytes of a datagram of n bytes are, and how many of them there was room for. */
static __always_inline void udp_buffers(const struct call *call, __u64 iov, __u64 niov, __u64 n,
					struct run *r)
{
	r->left = n;
	if (call->shape == CALL_BUF) {
		r->base = call->buf;
		r->base_left = r->left = n < call->len ? n : call->len;
		r->rest = n - r->left; /* MSG_TRUNC says how long it was */
	} else if (call->shape == CALL_UNSEEN) {
		r->left = 0;
		r->rest = n;
	} else if (call->shape == CALL_ITER) {
		r->base = call->buf;
		r->base_left = call->len;
		r->iov = call->iov;
		r->niov = call->niov;
		r->mem = call->mem;
	} else {
		r->iov = iov;
		r->niov = niov;
	}
	if (r->rest)
		r->why = EV_WHY_NO_BUFFER;
}

/* The connection of a datagram from or to the address that name points at, or where the socket is connected to.  *ret_id
 * is its number.  NULL: there is none, which was counted.  A function of its own, because the stack is small. */
SUB struct conn *udp_find(const struct call *call, __u64 name, __u64 *ret_id)
{
	const struct sock *sk = (const void *)call->sk;
	struct sock_addr a = {};
	struct conn *c;

	sock_addr(sk, &a);
	if (call->udp == UDP_BY_FUNCTION)
		name = (__u64)BPF_CORE_READ((const struct msghdr *)name, msg_name);
	udp_name(name, &a, call->udp == UDP_BY_FUNCTION);
	c = udp_conn(sock_ino(sk), &a, call->dir & 1, ret_id);
	if (c)
		udp_used(c, sk, *ret_id, &a);
	else
		loss(EV_LOSS_INFLIGHT, 1);
	return c;
}

/* n bytes were moved; those of a message are in the niov buffers at iov. */
SUB int udp_datagram(const struct call *call, __u64 name, __u64 n, __u64 iov, __u64 niov)
{
	struct run r = {};
	struct conn *c;

	loss(EV_COUNT_DATAGRAMS, 1);
	loss(EV_COUNT_UDP_BYTES, n);
	c = udp_find(call, name, &r.cookie);
	if (!c)
		return 0;
	r.dir = call->dir & 1;
	r.off = FETCH_ADD(&c->pos[r.dir], n);
	if (c->ignored || c->verdict == EV_COPY_NONE || copy_paused())
		return 0;
	r.untold = c->untold;
	r.flags = EV_DATAGRAM | EV_BEGIN;
	r.ts_ns = r.dir == EV_WRITE ? call->ts_ns : bpf_ktime_get_ns();
	udp_buffers(call, iov, niov, n, &r);
	return run_go(&r);
}

/* The message header at `at`. */
static __always_inline int udp_message(const struct call *call, __u64 at, __u64 n)
{
	const struct user_msghdr *h = (const void *)at;
	__u64 name = 0, v[2] = {};

	bpf_probe_read_user(&name, sizeof(name), &h->name);
	bpf_probe_read_user(v, sizeof(v), &h->iov);
	return udp_datagram(call, name, n, v[0], v[1]);
}

/* Message i of sendmmsg or recvmmsg, the call that the current thread is in. */
BY_NUMBER int udp_one(__u32 i)
{
	struct task_ctx *t = task_ctx_get();
	struct user_mmsghdr *h;
	__u32 n = 0;

	if (!t)
		return 1;
	h = (struct user_mmsghdr *)t->call.buf + i;
	if (bpf_probe_read_user(&n, sizeof(n), &h->len))
		return 1;
	return n ? udp_message(&t->call, (__u64)&h->hdr, n) : 0;
}

static long udp_step(__u32 i, __u32 *n)
{
	return i >= *n || udp_one(i);
}

SHARED int udp_end(struct call *call, long ret)
{
	if (!call || ret <= 0 ||
	    (call->dir == EV_READ && (call->flags & (MSG_PEEK | MSG_ERRQUEUE))))
		return 0;
	if (call->shape == CALL_MMSG) {
		__u32 n = ret;

		LOOP(EXIT_MSGS, udp_step, &n);
		return 0;
	}
	if (call->shape == CALL_MSG)
		return udp_message(call, call->buf, ret);
	return udp_datagram(call, call->name, ret, call->buf, call->len);
}
