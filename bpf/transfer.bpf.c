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
	if (c->verdict == EV_COPY_HEAD && n > EMIT_HEAD) {
		r.rest = n - EMIT_HEAD;
		r.why = EV_WHY_BUDGET;
		r.left = EMIT_HEAD;
	}
	return run_go(&r);
}

SHARED int transfer_end(const struct call *call, long ret)
{
	struct conn *c = call ? conn_find(call->cookie) : NULL;

	if (!call || !c)
		return 0;
	if (ret > 0 && call_moves(call))
		transfer_data(call, c, conn_moved(c, call->dir, ret), ret);
	if (call->counted)
		__sync_fetch_and_add(&c->busy[call->dir & 1], -1);
	return 0;
}
