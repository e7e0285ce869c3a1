/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* transfer.bpf.c - the end of a transfer, for all programs that see one. */
#include "transfer.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SHARED int transfer_copy(const struct call *call, const struct conn *c, __u64 off, __u64 n)
{
	struct run r = { .off = off, .left = n };

	if (!call || !c)
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
		transfer_data(call, c, ret);
	}
	if (call->counted)
		__sync_fetch_and_add(&c->busy[call->dir & 1], -1);
	return 0;
}
