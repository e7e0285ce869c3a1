/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* tell.bpf.h - the records of a connection's life: EV_OPEN, EV_CLOSE.  A part of conn.bpf.h. */
#ifndef LIMPID_TELL_BPF_H
#define LIMPID_TELL_BPF_H

/* The totals say what the socket has moved, seen or not; without sk: what was seen of it. */
static __always_inline void close_fill(struct ev_close *ev, const struct conn *c,
				       const struct sock *sk, __u64 cookie, __u32 how)
{
	__u64 id = bpf_get_current_pid_tgid();

	ev->h.ts_ns = bpf_ktime_get_ns();
	ev->h.kind = EV_CLOSE;
	ev->h.cookie = cookie;
	if (id >> 32 == c->tgid) { /* else a softirq that interrupted somebody */
		ev->h.tgid = id >> 32;
		ev->h.tid = id;
	}
	ev->total[EV_READ] = c->pos[EV_READ] + (sk ? conn_ahead(c, sk, EV_READ) : 0);
	ev->total[EV_WRITE] = c->pos[EV_WRITE] + (sk ? conn_ahead(c, sk, EV_WRITE) : 0);
	ev->tls_total[EV_READ] = c->tls_pos[EV_READ];
	ev->tls_total[EV_WRITE] = c->tls_pos[EV_WRITE];
	ev->how |= how;
	ev->h.size = sizeof(*ev); /* last: then it may be told */
}

SUB int close_event(struct conn *c, const struct sock *sk, __u64 cookie, __u32 how)
{
	struct kept_key key;
	struct ev_close *k = NULL;
	void *ring;

	if (!c->announced && !c->untold)
		return 0;
	if (!(c->untold && untold_tell(cookie))) {
		ring = ring_of(cookie);
		k = ring ? bpf_ringbuf_reserve(ring, sizeof(*k), 0) : NULL;
	}
	if (k) {
		__builtin_memset(k, 0, sizeof(*k));
		close_fill(k, c, sk, cookie, how);
		bpf_ringbuf_submit(k, wake_flags(ring));
		if ((how & EV_END_ALL) && c->had_gaps)
			gap_drop(cookie);
		return 0;
	}
	if (kept_make(cookie, EV_CLOSE))
		return 0;
	key = (struct kept_key){ .cookie = cookie, .kind = EV_CLOSE };
	k = bpf_map_lookup_elem(&kept, &key);
	if (k)
		close_fill(k, c, sk, cookie, how);
	return 0;
}

/* What has moved so far, for who asked.  1: the ring has no room. */
static __always_inline int totals_event(const struct conn *c, __u64 cookie)
{
	void *ring = ring_of(cookie);
	struct ev_close *k = ring ? bpf_ringbuf_reserve(ring, sizeof(*k), 0) : NULL;

	if (!k)
		return 1;
	__builtin_memset(k, 0, sizeof(*k));
	k->h.ts_ns = bpf_ktime_get_ns();
	k->h.kind = EV_CLOSE;
	k->h.cookie = cookie;
	k->h.size = sizeof(*k);
	k->total[EV_READ] = c->pos[EV_READ];
	k->total[EV_WRITE] = c->pos[EV_WRITE];
	k->tls_total[EV_READ] = c->tls_pos[EV_READ];
	k->tls_total[EV_WRITE] = c->tls_pos[EV_WRITE];
	bpf_ringbuf_submit(k, wake_flags(ring));
	return 0;
}

/* Looks at the ends of the connection when the policy has changed since that was done last.  One that is not
 * wanted any more ends for the reader; one that is wanted again begins in its middle. */
SUB int conn_screen(struct conn *c, const struct sock *sk, __u64 cookie)
{
	struct sock_addr a = {};
	__u32 gen = policy_gen;

	if (c->screen_gen == gen)
		return 0;
	c->screen_gen = gen;
	if (c->l4 == EV_UNIX) {
		c->ignored = unix_unwanted(sk) != 0;
	} else {
		sock_addr(sk, &a);
		c->ignored = addr_is_own(&a) || !ends_wanted(&a);
	}
	if (c->ignored && c->announced) {
		close_event(c, sk, cookie, EV_END_ALL);
		c->announced = 0;
	} else if (!c->announced && (c->pos[EV_READ] || c->pos[EV_WRITE])) {
		c->late = 1;
	}
	return 0;
}

/* The client was the last to say something, and all of it was read: an answer is owed.  Times are ticks of the
 * kernel's clock, some milliseconds; in doubt nothing is owed. */
static __always_inline bool conn_owed(const struct conn *c, const struct sock *sk)
{
	const struct tcp_sock *tp = (const void *)sk;
	__s32 read_last =
		BPF_CORE_READ(tp, inet_conn.icsk_ack.lrcvtime) - BPF_CORE_READ(tp, lsndtime);

	if (c->side == EV_SERVER)
		return read_last > 0 && BPF_CORE_READ(tp, copied_seq) == BPF_CORE_READ(tp, rcv_nxt);
	return c->side == EV_CLIENT && read_last < 0;
}

/* All but what is told apart by the layer below. */
static __always_inline void open_begin(struct ev_open *ev, const struct conn *c,
				       const struct sock *sk, __u64 cookie)
{
	ev->h.ts_ns = bpf_ktime_get_ns();
	ev->h.kind = EV_OPEN;
	ev->h.flags = (c->late ? EV_LATE : 0) | (c->opened ? 0 : EV_ANEW);
	ev->h.cookie = cookie;
	ev->h.tgid = c->tgid;
	ev->h.tid = c->tid;
	ev->cgroup_id = c->cgroup_id;
	ev->side = c->side;
	ev->netns = sock_netns(sk);
	__builtin_memcpy(ev->comm, c->comm, sizeof(c->comm));
}

/* The same at both ends, and nowhere else: the sum and the difference of the numbers with which the two streams began.  The
 * client's SYN is among the bytes that were acknowledged, the server's is not.  Where the side is a guess, 0. */
static __always_inline __u64 tcp_link(const struct conn *c, const struct sock *sk)
{
	const struct tcp_sock *tp = (const void *)sk;
	__u32 in, out;

	if (c->late || c->side == EV_SIDE_UNKNOWN)
		return 0;
	in = BPF_CORE_READ(tp, rcv_nxt) - (__u32)BPF_CORE_READ(tp, bytes_received);
	out = BPF_CORE_READ(tp, snd_una) - (__u32)BPF_CORE_READ(tp, bytes_acked) + (c->side == EV_CLIENT);
	return (__u64)(in + out) << 32 | (in ^ out);
}

struct tcp_at {
	__u64 in, out;
	__u32 rcv, una;
};

static __always_inline bool tcp_read(const struct tcp_sock *tp, struct tcp_at *at)
{
	at->in = BPF_CORE_READ(tp, bytes_received);
	at->out = BPF_CORE_READ(tp, bytes_acked);
	at->rcv = BPF_CORE_READ(tp, rcv_nxt);
	at->una = BPF_CORE_READ(tp, snd_una);
	return at->in == BPF_CORE_READ(tp, bytes_received) && at->out == BPF_CORE_READ(tp, bytes_acked);
}

/* Where the socket's stream truly was at position 0.  Sequence numbers and the counters beside them are moved together by
 * the other processors, one after the other: they are read until none has changed meanwhile.  The client's SYN is among
 * the bytes that were acknowledged; only differences are of use. */
static __always_inline void open_base(struct ev_open *ev, const struct conn *c, const struct sock *sk)
{
	const struct tcp_sock *tp = (const void *)sk;
	struct tcp_at at;

	/* No loop: the verifier of 5.10 takes none whose head comes right behind a call. */
	if (!tcp_read(tp, &at) && !tcp_read(tp, &at))
		tcp_read(tp, &at);
	ev->base[EV_READ] = at.in + (__s64)(__s32)(c->seq[EV_READ] - at.rcv) - c->pos[EV_READ];
	ev->base[EV_WRITE] = at.out + (__s64)(__s32)(c->seq[EV_WRITE] - at.una) - c->pos[EV_WRITE];
}

/* h.size comes last: then a record in `kept` may be told. */
SUB int open_fill(struct ev_open *ev, const struct conn *c, const struct sock *sk, __u64 cookie)
{
	struct sock_addr a = {};

	open_begin(ev, c, sk, cookie);
	if (c->late && conn_owed(c, sk))
		ev->h.flags |= EV_OWED;
	sock_addr(sk, &a);
	__builtin_memcpy(ev->local, a.local, sizeof(a.local));
	__builtin_memcpy(ev->remote, a.remote, sizeof(a.remote));
	ev->lport = a.lport;
	ev->rport = a.rport;
	ev->tcp_link = tcp_link(c, sk);
	open_base(ev, c, sk);
	ev->h.size = sizeof(*ev);
	return 0;
}

SUB int open_fill_unix(struct ev_open *ev, const struct conn *c, const struct sock *sk,
		       __u64 cookie)
{
	open_begin(ev, c, sk, cookie);
	return unix_fill(ev, sk);
}

/* The record with which a full ring refused to tell of a connection. */
SUB int open_keep(const struct conn *c, const struct sock *sk, __u64 cookie)
{
	struct kept_key key = { .cookie = cookie, .kind = EV_OPEN };
	struct ev_open *ev;

	if (kept_make(cookie, EV_OPEN))
		return 0;
	ev = bpf_map_lookup_elem(&kept, &key);
	if (ev && c->l4 == EV_UNIX)
		open_fill_unix(ev, c, sk, cookie);
	else if (ev)
		open_fill(ev, c, sk, cookie);
	return 0;
}

/* 0, or -1: the ring is full. */
SUB int open_send(const struct conn *c, const struct sock *sk, __u64 cookie)
{
	void *ring = ring_of(cookie);
	struct ev_open *ev = ring ? bpf_ringbuf_reserve(ring, sizeof(*ev), 0) : NULL;

	if (!ev)
		return -1;
	__builtin_memset(ev, 0, sizeof(*ev));
	open_fill(ev, c, sk, cookie);
	bpf_ringbuf_submit(ev, wake_flags(ring));
	return 0;
}

/* A function of its own, because the verifier forgets what was reserved for which. */
SUB int open_send_unix(const struct conn *c, const struct sock *sk, __u64 cookie)
{
	void *ring = ring_of(cookie);
	struct ev_open *ev = ring ? bpf_ringbuf_reserve(ring, sizeof(*ev) + EV_PATH_MAX, 0) : NULL;

	if (!ev)
		return -1;
	__builtin_memset(ev, 0, sizeof(*ev));
	open_fill_unix(ev, c, sk, cookie);
	bpf_ringbuf_submit(ev, wake_flags(ring));
	return 0;
}

/* Tells user space of the connection.  Called again when another process takes it over, or reads the ring. */
SUB int conn_announce(struct conn *c, const struct sock *sk, __u64 cookie)
{
	conn_screen(c, sk, cookie);
	if (c->ignored)
		return 0;
	if (c->announced && c->announced != reader_nr)
		c->late = 1; /* a new reader comes in the middle */
	if (c->l4 == EV_UNIX ? open_send_unix(c, sk, cookie) : open_send(c, sk, cookie)) {
		c->announced = 0; /* with the next call, or afterwards */
		open_keep(c, sk, cookie);
		c->opened = 1;
		return 0;
	}
	c->opened = 1;
	c->announced = reader_nr;
	if (c->untold)
		kept_drop(cookie, EV_OPEN);
	return 0;
}

#endif
