/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* stash.bpf.h - copies of packets whose bytes may turn out not to have moved.
 *
 * A reader of an AF_UNIX stream that takes all of a packet frees it before any hook tells that it was not a peek.  So the
 * bytes are kept here, from before they are copied until that is known.  There are few, because between the two hardly
 * ever anybody waits; when all are taken, or one is too small, the bytes become a hole.
 */
#ifndef LIMPID_STASH_BPF_H
#define LIMPID_STASH_BPF_H

#include "policy.bpf.h"
#include "run.bpf.h"

#define STASHES 8
#define STASH_BYTES \
	65536 /* a power of two; such a socket makes packets of 36 KB, and of 64 KB from pages */
#define STASH_PIECE 4096
#define STASH_STEPS 64

struct stash {
	__u32 busy, fill;
	struct run run;
	__u8 data[STASH_BYTES +
		  STASH_PIECE]; /* the excess is never filled; the verifier wants it */
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, STASHES);
	__type(key, __u32);
	__type(value, struct stash);
} stashes __weak SEC(".maps");

static __always_inline void stash_free(struct call *call)
{
	__u32 key = call->stash - 1;
	struct stash *s = call->stash ? bpf_map_lookup_elem(&stashes, &key) : NULL;

	call->stash = 0;
	if (s)
		s->busy = 0;
}

static __always_inline struct stash *stash_take(struct call *call)
{
	for (__u32 i = 0; i < STASHES; i++) {
		__u32 key = i;
		struct stash *s = bpf_map_lookup_elem(&stashes, &key);

		if (s && !SWAP_IF(&s->busy, 0, 1)) {
			call->stash = i + 1;
			return s;
		}
	}
	return NULL;
}

static long stash_step(__u32 i, __u32 *key)
{
	struct stash *s = bpf_map_lookup_elem(&stashes, key);
	__u64 n, at;

	if (!s || !s->run.left)
		return 1;
	n = s->run.base_left;
	at = s->fill;
	if (!n) {
		if (run_next_buffer(&s->run))
			return 1;
		run_skip(&s->run);
		return 0;
	}
	n = n < s->run.left ? n : s->run.left;
	n = n < STASH_PIECE ? n : STASH_PIECE;
	barrier_var(n); /* the verifier has lost the bounds by here, if the compiler has not */
	barrier_var(at);
	at &= STASH_BYTES - 1;
	if (n > STASH_PIECE || bpf_probe_read_kernel(s->data + at, n, (void *)s->run.base))
		return 1;
	s->fill += n;
	s->run.base += n;
	s->run.base_left -= n;
	s->run.left -= n;
	return 0;
}

/* Keeps n bytes of the packet, from `at` on, and makes them the buffer of the call; or makes it one that is not seen. */
SUB int stash_put(struct call *call, __u64 skb, __u64 at, __u32 n)
{
	struct stash *s = n <= STASH_BYTES ? stash_take(call) : NULL;
	__u32 key = call->stash - 1;

	call->shape = CALL_UNSEEN;
	if (!s)
		return 0;
	__builtin_memset(&s->run, 0, sizeof(s->run));
	s->fill = 0;
	s->run.chain = skb;
	s->run.skip = at;
	s->run.left = n;
	s->run.mem = MEM_PAGES;
	LOOP(STASH_STEPS, stash_step, &key);
	if (s->run.left) {
		stash_free(call);
		return 0;
	}
	call->shape = CALL_ITER;
	call->buf = number_of(s->data);
	call->len = n;
	call->niov = 0;
	call->mem = MEM_KERNEL;
	return 0;
}

#endif
