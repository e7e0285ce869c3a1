/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* transfer.bpf.c - the end of a transfer, for all programs that see one. */
#include "transfer.bpf.h"
#include "late.bpf.h"
#include "run.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define QUICK_BUFFERS 4 /* as many as one read of their list brings */

_Static_assert(QUICK_BUFFERS * sizeof(struct user_iovec) <= sizeof(struct run), "room");

/* The list of buffers of a call.  Their number, or -1: no such call. */
static __always_inline __u64 quick_list(const struct call *call, __u64 *ret_at)
{
	__u64 v[2] = {};

	if (call->shape == CALL_IOV) {
		*ret_at = call->buf;
		return call->len;
	}
	if (call->shape != CALL_MSG || bpf_probe_read_user(v, sizeof(v), &((struct user_msghdr *)call->buf)->iov))
		return -1;
	*ret_at = v[0];
	return v[1];
}

/* n bytes of a few buffers into s, one after the other.  False: they cannot be read so. */
static __always_inline bool quick_gather(struct scratch *s, const struct call *call, __u64 n)
{
	struct user_iovec *v = (void *)&s->run; /* the stack has no room */
	__u64 list = 0, at = 0, niov = quick_list(call, &list);

	barrier_var(niov);
	if (niov > QUICK_BUFFERS || bpf_probe_read_user(v, niov * sizeof(*v), (void *)list))
		return false;
	for (__u32 i = 0; i < QUICK_BUFFERS && i < niov; i++) {
		__u64 len = v[i].len < n - at ? v[i].len : n - at;

		barrier_var(len);
		barrier_var(at);
		at &= EV_CHUNK_MAX - 1;
		if (len > EMIT_PIECE || bpf_probe_read_user(s->data + at, len, (void *)v[i].base))
			return false;
		at += len;
	}
	return at == n;
}

/* n bytes of a packet: those beside its header, or its first page. */
static __always_inline bool quick_packet(struct scratch *s, const struct call *call, __u64 n)
{
	struct run *r = &s->run;

	if (n > EMIT_PIECE)
		return false;
	r->chain = call->buf;
	r->chained = 0;
	r->skip = call->len;
	r->mem = MEM_PAGES;
	if (run_next_packet(r))
		return false;
	run_skip(r);
	if (!r->base_left) {
		if (!r->niov || run_next_buffer(r))
			return false;
		run_skip(r);
	}
	barrier_var(n);
	return n <= r->base_left && n <= EMIT_PIECE && !bpf_probe_read_kernel(s->data, n, (void *)r->base);
}

static __always_inline bool quick_read(struct scratch *s, const struct call *call, __u64 n)
{
	if (call->shape == CALL_BUF || (call->shape == CALL_ITER && call->len >= n && call->mem < MEM_KERNEL)) {
		barrier_var(n);
		return n <= EMIT_PIECE && !bpf_probe_read_user(s->data, n, (void *)call->buf);
	}
	if (call->shape == CALL_SKB)
		return quick_packet(s, call, n);
	return quick_gather(s, call, n);
}

/* Nearly all calls move few bytes, all of which are wanted and can be read: what run_go does of them, with a third of its
 * calls of functions.  A return costs tens of cycles where processors need them to be made safe.  False: nothing was
 * done. */
SUB bool transfer_quick(const struct call *call, const struct conn *c, __u64 off, __u64 n)
{
	__u64 id = bpf_get_current_pid_tgid(), now = bpf_ktime_get_ns();
	struct scratch *s;
	void *ring;
	__u32 slot = 0;
	long rc = -1;

	if (n > EMIT_PIECE || off + n > copy_budget || c->untold || c->verdict != EV_COPY_ALL ||
	    call->ktls)
		return false;
	ring = ring_of(call->cookie);
	if (!ring || (n > EMIT_HEAD && bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) > ring_bytes - ring_bytes / 4))
		return false;
	s = scratch_take(&slot);
	if (!s)
		return false;
	if (!quick_read(s, call, n)) {
		s->busy = 0;
		return false;
	}
	if (s->data[0] == 22 || off == HELLO_HEADER)
		hello_note(s, call->cookie, call->dir, off, n);
	s->ev.h.ts_ns = call->dir == EV_WRITE ? call->ts_ns : now;
	s->ev.h.size = sizeof(s->ev) + n;
	s->ev.h.kind = EV_DATA;
	s->ev.h.flags = 0;
	s->ev.h.cookie = call->cookie;
	s->ev.h.tgid = id >> 32;
	s->ev.h.tid = id;
	s->ev.off = off;
	s->ev.len = n;
	s->ev.ncap = n;
	s->ev.dir = call->dir;
	s->ev.tls = s->ev.sure = s->ev.why = 0;
	s->ev.tls_lib = 0;
	barrier_var(n);
	if (n <= EMIT_PIECE)
		rc = bpf_ringbuf_output(ring, &s->ev, sizeof(s->ev) + n, wake_flags_at(ring, now));
	s->busy = 0;
	if (rc) {
		loss(EV_LOSS_RING, 1);
		gap_add(call->cookie, GAP_AT(call->dir, 0, 0, 0), off, n, GAP_RING);
	}
	return true;
}

SHARED int transfer_copy(const struct call *call, const struct conn *c, __u64 off, __u64 n)
{
	struct run r = { .off = off, .left = n };

	if (!call || !c)
		return 0;
	if (transfer_quick(call, c, off, n))
		return 0;
	r.cookie = call->cookie;
	r.dir = call->dir;
	r.untold = c->untold;
	if (call->ktls) {
		r.tls = EV_TLS_KERNEL;
		r.sure = EV_SURE_NESTED;
	}
	r.ts_ns = transfer_time(call);
	if (call->shape == CALL_ITER) {
		r.base = call->buf;
		r.base_left = call->len;
		r.iov = call->iov;
		r.niov = call->niov;
		r.mem = call->mem;
	} else if (call->shape == CALL_SKB) {
		r.chain = call->buf;
		r.skip = call->len;
		r.mem = MEM_PAGES;
	} else if (call->shape == CALL_BUF) {
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
	if (c->verdict == EV_COPY_HEAD && !call->ktls && n > EMIT_HEAD) {
		r.rest = n - EMIT_HEAD;
		r.why = EV_WHY_BUDGET;
		r.left = EMIT_HEAD;
	}
	return run_go(&r);
}

/* A read that began at an urgent byte, which is not in line, went past it: that hole comes before what was returned.  (It
 * ends before one that comes later.) */
static __always_inline void pass_urgent(const struct call *call, struct conn *c, __u32 n)
{
	const struct sock *sk = (const void *)call->sk;
	const struct tcp_sock *tp = (const void *)sk;
	__u32 from = c->seq[EV_READ];
	__u64 off;

	if (BPF_CORE_READ(tp, copied_seq) - from == n || c->busy[EV_READ] != 1 || c->closed)
		return;
	if (BPF_CORE_READ(tp, urg_seq) != from || sock_id_of(sk) != call->cookie ||
	    sock_seq(sk, EV_READ, c->fin) - from != n + 1)
		return;
	off = conn_moved(c, EV_READ, 1);
	if (conn_wants_raw(c))
		gap_add(call->cookie, GAP_AT(EV_READ, 0, 0, 0), off, 1, GAP_UNSEEN);
}

SHARED int transfer_end(const struct call *call, long ret)
{
	struct conn *c = call ? conn_find(call->cookie) : NULL;

	if (!call || !c)
		return 0;
	if (ret > 0 && call_moves(call)) {
		if (call->dir == EV_READ && !c->l4 && call->counted && !call->ktls)
			pass_urgent(call, c, ret);
		if (c->ignored && !c->pos[call->dir & 1])
			hello_passed(call, ret);
		if (late_probed && call->dir == EV_WRITE)
			late_sent(call, ret);
		transfer_data(call, c, ret);
	}
	if (call->counted)
		__sync_fetch_and_add(&c->busy[call->dir & 1], -1);
	return 0;
}
