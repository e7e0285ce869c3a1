/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* run.bpf.h - from buffer to buffer of a struct run (emit.bpf.h), whatever describes them: base and base_left are the
 * current one. */
#ifndef LIMPID_RUN_BPF_H
#define LIMPID_RUN_BPF_H

#include "iter.bpf.h"

/* The bytes of the next packet: first those beside its header, then its pages.  Other packets may be chained to the
 * first one; to those, none is. */
static __always_inline long run_next_packet(struct run *r)
{
	const struct sk_buff *skb = (const void *)r->chain;
	const struct skb_shared_info *info;

	if (!skb)
		return 1;
	info = (const void *)(BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, end));
	r->base = (__u64)BPF_CORE_READ(skb, data);
	r->base_left = BPF_CORE_READ(skb, len) - BPF_CORE_READ(skb, data_len);
	r->iov = (__u64)info + bpf_core_field_offset(struct skb_shared_info, frags);
	r->niov = BPF_CORE_READ(info, nr_frags);
	r->chain = r->chained ? (__u64)BPF_CORE_READ(skb, next)
			      : (__u64)BPF_CORE_READ(info, frag_list);
	r->chained = 1;
	return 0;
}

/* Passes by what is not wanted of a buffer. */
static __always_inline void run_skip(struct run *r)
{
	__u64 n = r->skip < r->base_left ? r->skip : r->base_left;

	r->skip -= n;
	r->base += n;
	r->base_left -= n;
}

/* 0, or not: there is none. */
static __always_inline long run_next_buffer(struct run *r)
{
	struct user_iovec v;

	if (!r->niov)
		return run_next_packet(r); /* run_go reports what is left */
	if (r->mem == MEM_USER ? bpf_probe_read_user(&v, sizeof(v), (void *)r->iov)
			       : iter_segment(r->mem, r->iov, &v))
		return 1;
	r->niov--;
	if (r->mem == MEM_PAGES)
		r->iov += bpf_core_type_size(struct bio_vec) - sizeof(v);
	r->iov += sizeof(v);
	r->base = v.base;
	r->base_left = v.len;
	return 0;
}

#endif
