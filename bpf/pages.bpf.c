/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* pages.bpf.c - finds one page whose address is known; bpf/iter.bpf.h says what for.
 *
 * The bases of the kernel's memory map are not in /proc/kallsyms of every kernel, and are random.  But the allocator
 * of small objects keeps lists of partly used slabs: each is described by its struct page (struct slab is that,
 * by another name), and has the address of its first free object.  That address, rounded down to the size of a slab,
 * is the page's.
 *
 * Lists are read while others change them, so what is found must name the cache it belongs to, and two finds must agree.
 *
 * User space runs this (src/tap/bpf_orders.c) a few caches at a time: a loop over all of them is more than the verifier of 5.10
 * can walk.
 */
#include "iter.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define PAGES_CACHES 8 /* looked at in one run */

/* The find before.  Not on the stack: up to 6.7 the verifier takes what a loop's function finds there the first time for
 * what it always finds there. */
volatile __u64 page_found __weak, page_found_at __weak;

static __always_inline __u64 read_u64(__u64 at)
{
	__u64 v = 0;

	bpf_probe_read_kernel(&v, sizeof(v), (void *)at);
	return v;
}

static __always_inline __u64 cache_node(__u64 cache)
{
	const struct kmem_cache *s = (const void *)cache;
	const struct kmem_cache___since_7 *s7 = (const void *)cache;

	if (bpf_core_field_exists(struct kmem_cache, node))
		return read_u64((__u64)&s->node[0]);
	if (bpf_core_field_exists(struct kmem_cache___since_7, per_node))
		return read_u64((__u64)&s7->per_node[0].node);
	return 0;
}

/* The page at the head of the list of partly used slabs, and the address in it. */
static __always_inline bool first_partial(__u64 cache, __u64 *ret_page, __u64 *ret_address)
{
	__u64 node = cache_node(cache), head, list, page, owner, object;
	const struct kmem_cache_node *n = (const void *)node;

	if (!node)
		return false;
	head = (__u64)&n->partial;
	list = read_u64(head);
	if (!list || list == head)
		return false;
	if (bpf_core_type_exists(struct slab)) {
		const struct slab *p;

		page = list - bpf_core_field_offset(struct slab, slab_list);
		p = (const void *)page;
		owner = read_u64((__u64)&p->slab_cache);
		object = read_u64((__u64)&p->freelist);
	} else {
		const struct page *p;

		page = list - bpf_core_field_offset(struct page, slab_list);
		p = (const void *)page;
		owner = read_u64((__u64)&p->slab_cache);
		object = read_u64((__u64)&p->freelist);
	}
	if (owner != cache || !object)
		return false;
	*ret_page = page;
	*ret_address = object;
	return true;
}

/* True: it is sure. */
static __always_inline bool page_agrees(__u64 page, __u64 address)
{
	__u64 before = page_found, before_at = page_found_at;

	if (before && page != before) {
		page_known = before;
		page_address = before_at;
		if (address_of_page(page) == address)
			return true;
		page_address = 0; /* one of the two was wrong */
	}
	page_found = page;
	page_found_at = address;
	return false;
}

static long page_step(__u32 i, void *unused)
{
	__u64 cache = page_cache, page = 0, address = 0, slab = 1;
	const struct kmem_cache *s = (const void *)cache;
	__u32 oo = 0;

	if (!cache)
		return 1;
	bpf_core_read(&oo, sizeof(oo), &s->oo.x);
	slab <<= page_shift + (oo >> 16 & 15);
	if (first_partial(cache, &page, &address) && page_agrees(page, address & ~(slab - 1)))
		return 1;
	page_cache = read_u64((__u64)&s->list) - bpf_core_field_offset(struct kmem_cache, list);
	return 0;
}

/* The next caches; the first was that of TCP sockets, the others follow it in a list. */
SEC(ORDER_SEC)
int pages_search(void *ctx)
{
	if (!page_address && page_shift)
		LOOP(PAGES_CACHES, page_step, NULL);
	return 0;
}
