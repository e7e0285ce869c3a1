/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* emit.bpf.h - the ring buffers, the loss counters, and how bytes of any length get into a ring.
 *
 * There are several rings, so that processors do not wait for each other's lock; a connection keeps to one,
 * chosen by its cookie, so that its records stay in order.  User space makes them (src/tap/rings.c), as the
 * number of processors and the memory allowed say.
 *
 * A transfer is gathered into a scratch buffer and sent as EV_DATA records of exact size, each full
 * (EV_CHUNK_MAX) but the last, however many buffers the bytes were in.  Scratch and output is the one
 * way that is exact on every kernel from 5.17 on; a dynptr cannot be filled from user memory before 6.16.
 *
 * uprobe programs can be preempted, so another program may run on this CPU while a scratch buffer is in
 * use: each carries a busy flag, and there are a few per CPU.  When all are busy the bytes become a gap like
 * those that a full ring refuses (gap.bpf.h).
 */
#ifndef LIMPID_EMIT_BPF_H
#define LIMPID_EMIT_BPF_H

#include "compat.bpf.h"
#include "event.h"

#define EMIT_PIECE   8192	 /* bytes copied from user memory at a time */
#define EMIT_MAX     (64U << 20) /* bytes copied per call: a copy runs with preemption off */
#define EMIT_HEAD    1024 /* bytes copied per call under EV_COPY_HEAD, or while a ring fills up */
#define EMIT_STEPS   (1U << 17) /* of run_step per call; EMIT_MAX takes some 14,000 */
#define EMIT_QUICK   4		/* steps before bpf_loop is called: most calls need no more */
#define EMIT_SLOTS   4		/* scratch buffers per CPU */
#define EMIT_WAKE_NS 40000000	/* at most one wake-up of the consumer in this time, below its BUSY_NS ... */
#define EMIT_FULL_NS 1000000	/* ... and when a ring is more than an eighth full, in this */

/* A function verified once per caller but there once: keeps the programs small. */
#define SUB static __noinline __attribute__((unused))

/* A pointer as a number, for a global function, which takes none into the kernel; a cast would leave it a pointer to
 * the verifier. */
static __always_inline __attribute__((unused)) __u64 number_of(const void *p)
{
	__u64 n = 0;

	bpf_probe_read_kernel(&n, sizeof(n), &p);
	return n;
}

/* Maps and variables of this header and of conn.bpf.h are weak: each object file that includes them has
 * them, the linked object has them once. */
struct ring { /* the size is that of the model only */
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, EV_RINGS_MAX);
	__type(key, __u32);
	__array(values, struct ring);
} rings __weak SEC(".maps");

const volatile __u32 ring_mask __weak = 0; /* number of rings - 1; they are a power of two */
const volatile __u64 ring_bytes __weak = 0; /* of each */

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} tasks __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, EV_LOSS_MAX);
	__type(key, __u32);
	__type(value, __u64);
} losses __weak SEC(".maps");

/* Where the bytes of a run are, and what its vec is made of. */
enum run_mem {
	MEM_USER = 0, /* user memory; user_iovecs in user memory */
	MEM_USER_VEC, /* user memory; user_iovecs in kernel memory */
	MEM_KERNEL,   /* kernel memory; user_iovecs (kvec) in kernel memory */
	MEM_PAGES,    /* pages; bio_vecs in kernel memory */
};

/* What is moved in one call: one buffer (base, base_left) and after that niov more, described at iov. */
struct run {
	__u64 cookie, ts_ns;
	__u64 off;	       /* stream position of the next byte to deliver */
	__u64 base, base_left; /* to read next */
	__u64 iov, niov;
	__u64 chain; /* MEM_PAGES: the struct sk_buff whose bytes follow those */
	__u64 skip;  /* bytes to pass by before the first that is delivered */
	__u64 left;  /* bytes to copy */
	__u64 rest;  /* bytes moved after those, which are not copied for the reason `why` */
	__u16 flags, tls_lib;
	__u8 dir, tls, sure;
	__u8 why;	/* enum ev_why: of rest */
	__u8 mem;     /* enum run_mem */
	__u8 untold;  /* conn.untold */
	__u8 chained; /* chain is not the first packet of it */
};

struct scratch {
	__u32 busy;
	/* Of the run, but not on the stack of who begins it, since that is small: */
	__u32 fill;	/* bytes gathered */
	__u64 shed;	/* bytes moved after `left`, left out because the ring is filling up */
	__u64 end;	/* position behind all of it */
	__u8 page_wise; /* a piece could not be read: go page by page */
	__u8 refused;	/* the ring has no room: the rest becomes a gap */
	__u8 pad[6];
	struct run
		run; /* here and not on the stack: the verifier follows every value on the stack */
	struct {
		struct ev_hdr h;
		__u64 off;
		__u32 len, ncap;
		__u8 dir, tls, sure, why;
		__u16 tls_lib, pad2;
	} ev; /* struct ev_data without its tail, which an array cannot follow */
	__u8 data[EV_CHUNK_MAX +
		  EMIT_PIECE]; /* the excess is never filled; the verifier wants it */
};
_Static_assert(sizeof(((struct scratch *)0)->ev) == sizeof(struct ev_data), "layout");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, EMIT_SLOTS);
	__type(key, __u32);
	__type(value, struct scratch);
} scratches __weak SEC(".maps");

/* One that is free on this processor, which the caller makes free again (busy = 0), or NULL. */
static __always_inline __attribute__((unused)) struct scratch *scratch_take(__u32 *ret_slot)
{
	for (__u32 i = 0; i < EMIT_SLOTS; i++) {
		__u32 key = i;
		struct scratch *s = bpf_map_lookup_elem(&scratches, &key);

		if (s && !SWAP_IF(&s->busy, 0, 1)) {
			*ret_slot = i;
			return s;
		}
	}
	return NULL;
}

volatile __u64 last_wake_ns __weak; /* when the reader was woken */
volatile __u64 last_look_ns __weak; /* when it was last asked whether it should be */

/* User space: of each stream of a connection nothing is copied from this position on (EV_WHY_BUDGET). */
volatile __u64 copy_budget __weak = ~0ULL;

static __always_inline void loss(enum ev_loss why, __u64 n)
{
	__u32 key = why;
	__u64 *v = bpf_map_lookup_elem(&losses, &key);

	if (v)
		__sync_fetch_and_add(v, n);
}

/* The ring of a connection, or NULL, which cannot be.  Cookies of one processor follow each other, hence the
 * multiplication. */
static __always_inline void *ring_of(__u64 cookie)
{
	__u32 nr = (cookie * 0x9e3779b97f4a7c15ULL) >> 60 & ring_mask;

	return bpf_map_lookup_elem(&rings, &nr);
}

/* Wakes the consumer at once after a quiet time; then it looks at all rings by itself, on a short timer, until nothing
 * has come for longer than EMIT_WAKE_NS (src/capture/live.c), and a wake-up costs the target more than the record
 * does.  Only a ring that fills up wakes it meanwhile. */
static __always_inline __u64 wake_flags_at(void *ring, __u64 now)
{
	__u64 last = last_look_ns;

	if ((__s64)(now - last) < EMIT_FULL_NS)
		return BPF_RB_NO_WAKEUP;
	if (SWAP_IF(&last_look_ns, last, now) != last)
		return BPF_RB_NO_WAKEUP; /* another processor does it */
	if (now - last_wake_ns < EMIT_WAKE_NS && bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) < ring_bytes / 8)
		return BPF_RB_NO_WAKEUP;
	last_wake_ns = now;
	loss(EV_COUNT_WAKEUPS, 1);
	return BPF_RB_FORCE_WAKEUP;
}

static __always_inline __u64 wake_flags(void *ring)
{
	return wake_flags_at(ring, bpf_ktime_get_ns());
}

/* More than three quarters are taken: bodies give way before heads. */
static __always_inline bool ring_fills_up(__u64 cookie)
{
	void *ring = ring_of(cookie);

	return ring && bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) > ring_bytes - ring_bytes / 4;
}

/* 0, or negative: the ring is full. */
static __always_inline long ring_output_at(__u64 cookie, void *record, __u64 size, __u64 now)
{
	void *ring = ring_of(cookie);

	return ring ? bpf_ringbuf_output(ring, record, size, wake_flags_at(ring, now)) : -1;
}

static __always_inline long ring_output(__u64 cookie, void *record, __u64 size)
{
	return ring_output_at(cookie, record, size, bpf_ktime_get_ns());
}

/* Delivers the run: left bytes copied, rest bytes as a hole behind them.  A global function (emit.bpf.c):
 * the verifier looks at its loops once instead of once per caller. */
extern SHARED int run_go(struct run *run);

#endif
