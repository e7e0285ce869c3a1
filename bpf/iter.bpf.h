/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* iter.bpf.h - where the bytes are that a kernel function is given in a struct iov_iter.
 *
 * The iterator is read when the function is entered, since the function moves it on; the segments that it points
 * at are not touched, and are there until the function returns.
 *
 *	kernel		kind				segments		one buffer
 *	before 5.14	type, a bit set			iov			-
 *	5.14 - 6.3	iter_type			iov			ubuf (from 6.0)
 *	from 6.4	iter_type, other numbers	__iov			ubuf
 *
 * Pages have addresses in the kernel because it maps all memory in one piece, and describes it by an array of
 * struct page that is in one piece as well.  So one page whose address is known gives those of all others, on every
 * architecture that we know; pages.bpf.c finds one.
 */
#ifndef LIMPID_ITER_BPF_H
#define LIMPID_ITER_BPF_H

#include "emit.bpf.h"

volatile __u64 page_known __weak;   /* a struct page, and */
volatile __u64 page_address __weak; /* the address of what it describes; 0: addresses of pages are not known */
volatile __u32 page_shift __weak;   /* set by user space */
volatile __u64 page_cache __weak;   /* for pages.bpf.c: the struct kmem_cache to look at next */

static __always_inline __u64 address_of_page(__u64 page)
{
	__u64 size = bpf_core_type_size(struct page);

	if (!page_address || !size)
		return 0;
	/* Division is unsigned. */
	if (page >= page_known)
		return page_address + ((page - page_known) / size << page_shift);
	return page_address - ((page_known - page) / size << page_shift);
}

/* The segment at `at`, whatever describes it, as address and length.  Not MEM_USER.  0 or not. */
static __noinline int iter_segment(__u32 mem, __u64 at, struct user_iovec *v)
{
	const struct bio_vec *b = (const void *)at;
	__u64 page = 0;

	if (!v)
		return 1;
	if (mem != MEM_PAGES)
		return bpf_probe_read_kernel(v, sizeof(*v), (void *)at);
	bpf_core_read(&page, sizeof(page), &b->bv_page); /* a number, not a pointer: it is divided */
	v->base = page & 1 ? 0 : address_of_page(page); /* odd: memory of a device (struct net_iov) */
	v->len = BPF_CORE_READ(b, bv_len);
	if (!v->base || (page & 1)) /* memory of a device */
		return 1;
	v->base += BPF_CORE_READ(b, bv_offset);
	return 0;
}

/* What is left of an iterator. */
struct iter {
	__u64 base, base_left; /* the first segment, as struct run has it */
	__u64 iov, niov;       /* those after it */
	__u64 count;
	__u8 mem;   /* enum run_mem */
	__u8 known; /* else: bytes of a kind that cannot be read */
};

#define ITER_IS(kind, name)                                                                        \
	(bpf_core_enum_value_exists(enum iter_type, name) &&                                       \
	 (kind) == bpf_core_enum_value(enum iter_type, name))

static __always_inline __u32 iter_kind(const struct iov_iter *it)
{
	if (bpf_core_field_exists(it->iter_type))
		return BPF_CORE_READ(it, iter_type);
	/* Bit 0 is the direction. */
	return BPF_CORE_READ((const struct iov_iter___before_5_14 *)it, type) & ~1U;
}

static __always_inline __u64 iter_iov(const struct iov_iter *it)
{
	if (bpf_core_field_exists(it->__iov))
		return (__u64)BPF_CORE_READ(it, __iov);
	return (__u64)BPF_CORE_READ((const struct iov_iter___before_6_4 *)it, iov);
}

/* ret is zero before.  False: there is no such segment. */
SUB int iter_read(const struct iov_iter *it, struct iter *ret)
{
	__u32 kind = iter_kind(it);
	__u64 skip = BPF_CORE_READ(it, iov_offset);
	struct user_iovec v;

	ret->count = BPF_CORE_READ(it, count);
	if (ITER_IS(kind, ITER_UBUF)) {
		ret->base = (__u64)BPF_CORE_READ(it, ubuf) + skip;
		ret->base_left = ret->count;
		ret->mem = MEM_USER_VEC;
		ret->known = 1;
		return 1;
	}
	if (ITER_IS(kind, ITER_IOVEC)) {
		ret->iov = iter_iov(it);
		ret->mem = MEM_USER_VEC;
	} else if (ITER_IS(kind, ITER_KVEC)) {
		ret->iov = (__u64)BPF_CORE_READ(it, kvec);
		ret->mem = MEM_KERNEL;
	} else if (ITER_IS(kind, ITER_BVEC) && page_address) {
		ret->iov = (__u64)BPF_CORE_READ(it, bvec);
		ret->mem = MEM_PAGES;
	} else {
		return 0;
	}
	ret->niov = BPF_CORE_READ(it, nr_segs);
	if (!ret->niov || iter_segment(ret->mem, ret->iov, &v) || skip > v.len)
		return 0;
	ret->base = v.base + skip;
	ret->base_left = v.len - skip;
	ret->iov += ret->mem == MEM_PAGES ? bpf_core_type_size(struct bio_vec) : sizeof(v);
	ret->niov--;
	ret->known = 1;
	return 1;
}

#endif
