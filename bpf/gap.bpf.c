/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* gap.bpf.c - telling afterwards (gap.bpf.h). */
#include "conn.bpf.h"

#define LOCK_TRIES 16
#define TELL_MAX   (1U << 30) /* bytes of one record without data */
#define TELL_STEPS 2	      /* such records per reason and attempt; each is walked by the verifier in each program */

char LICENSE[] SEC("license") = "Dual BSD/GPL";

volatile __u32 gap_seq __weak; /* grows when there is something to tell that no record may follow */

static const struct kept kept_zero;

static __always_inline bool gap_lock(struct gap *g)
{
	for (int i = 0; i < LOCK_TRIES; i++)
		if (!SWAP_IF(&g->busy, 0, 1))
			return true;
	return false;
}

static __always_inline __u64 gap_size(const struct gap *g)
{
	return g->n[GAP_RING] + g->n[GAP_UNSEEN] + g->n[GAP_BUDGET];
}

/* True: it joins what is there. */
static __always_inline bool gap_extend(struct gap *g, __u64 off, __u64 n, __u32 why)
{
	__u64 there = gap_size(g);

	if (!there)
		g->from = off;
	if (off != g->from + there) {
		if (off + n != g->from)
			return false;
		g->from = off;
	}
	if (why == GAP_RING)
		g->n[GAP_RING] += n;
	else if (why == GAP_UNSEEN)
		g->n[GAP_UNSEEN] += n;
	else
		g->n[GAP_BUDGET] += n;
	return true;
}

__noinline int gap_add(__u64 cookie, __u64 at, __u64 off, __u64 n, __u32 why)
{
	struct gap_key key = { .cookie = cookie, .stream = GAP_STREAM(at) };
	struct gap *g = bpf_map_lookup_elem(&gaps, &key);
	struct conn *c = any_conn_find(cookie);
	bool joined = false;

	if (!n)
		return 0;
	loss(why == GAP_RING	 ? EV_LOSS_RING_BYTES
	     : why == GAP_UNSEEN ? EV_LOSS_UNSEEN_BYTES
				 : EV_LOSS_BUDGET_BYTES,
	     n);
	if (!g) {
		struct gap fresh = { .from = off };

		bpf_map_update_elem(&gaps, &key, &fresh, BPF_NOEXIST);
		g = bpf_map_lookup_elem(&gaps, &key);
	}
	if (g && gap_lock(g)) {
		if (why == GAP_RING || !gap_size(g))
			gap_seq++;
		g->at = at;
		joined = gap_extend(g, off, n, why);
		g->busy = 0;
	}
	if (!joined)
		loss(EV_LOSS_UNTOLD_BYTES, n);
	else if (c)
		c->untold = c->had_gaps = 1;
	return 0;
}

/* --- telling -------------------------------------------------------------------------------------- */

static __always_inline void hole_fill(struct ev_data *ev, __u64 cookie, __u64 at, __u64 off,
				      __u64 n)
{
	__builtin_memset(ev, 0, sizeof(*ev));
	ev->h.ts_ns = bpf_ktime_get_ns();
	ev->h.size = sizeof(*ev);
	ev->h.kind = EV_DATA;
	ev->h.flags = cookie & EV_UDP_COOKIE ? EV_DATAGRAM : 0;
	ev->h.cookie = cookie;
	ev->off = off;
	ev->len = n;
	ev->dir = at & 1;
	ev->tls = at >> 8;
	ev->sure = at >> 16;
	ev->tls_lib = at >> 32;
}

/* 0: all was told.  */
static __always_inline int gap_tell_part(struct gap *g, __u64 cookie, __u64 *n, __u8 why)
{
	void *ring = ring_of(cookie);

	if (!ring)
		return 1;
	for (int i = 0; i < TELL_STEPS && *n; i++) {
		__u64 part = *n > TELL_MAX ? TELL_MAX : *n;
		struct ev_data *ev = bpf_ringbuf_reserve(ring, sizeof(*ev), 0);

		if (!ev)
			return 1;
		hole_fill(ev, cookie, g->at, g->from, part);
		ev->why = why;
		bpf_ringbuf_submit(ev, wake_flags(ring));
		g->from += part;
		*n -= part;
	}
	return *n != 0;
}

/* 0: all was told; 1: the ring is full; -1: another processor is at it.
 * Not static, so that the verifier looks at it once and not for every stream. */
int gap_tell(__u64 cookie, __u32 stream);
__noinline int gap_tell(__u64 cookie, __u32 stream)
{
	struct gap_key key = { .cookie = cookie, .stream = stream };
	struct gap *g = bpf_map_lookup_elem(&gaps, &key);
	int left = 0;

	if (!g || !gap_size(g))
		return 0;
	if (!gap_lock(g))
		return -1;
	/* One copy of the code, because three would take more of the stack. */
#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < GAP_WHYS && !left; i++)
		left = gap_tell_part(g, cookie, &g->n[i],
				     i == GAP_RING     ? EV_WHY_RING
				     : i == GAP_UNSEEN ? EV_WHY_UNSEEN
						       : EV_WHY_BUDGET);
	g->busy = 0;
	return left;
}

int kept_tell(__u64 cookie, __u32 kind);
__noinline int kept_tell(__u64 cookie, __u32 kind)
{
	struct kept_key key = { .cookie = cookie, .kind = kind };
	struct kept *k = bpf_map_lookup_elem(&kept, &key);
	__u64 size;

	if (!k)
		return 0;
	size = k->h.size;
	barrier_var(size);
	if (size < sizeof(struct ev_hdr) || size > sizeof(*k))
		return 0; /* it is being filled in */
	if (ring_output(cookie, k, size))
		return 1;
	bpf_map_delete_elem(&kept, &key);
	return 0;
}

__noinline int untold_tell(__u64 cookie)
{
	struct conn *c = any_conn_find(cookie);
	int full, rest = 0;

	if (c)
		c->untold = 0;
	full = kept_tell(cookie, EV_OPEN);
	for (__u32 stream = 0; stream < 4; stream++) {
		int left = full ? 1 : gap_tell(cookie, stream);

		full |= left > 0;
		rest |= left;
	}
	if (!rest)
		full = rest = kept_tell(cookie, EV_CLOSE);
	if (c && rest)
		c->untold = 1;
	return full;
}

__noinline int hole_send(__u64 cookie, __u64 at, __u64 off, __u64 n, __u64 ts_ns)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct conn *c = any_conn_find(cookie);
	struct ev_data *ev = NULL;
	void *ring;

	if (!(c && c->untold && untold_tell(cookie))) {
		ring = ring_of(cookie);
		ev = ring ? bpf_ringbuf_reserve(ring, sizeof(*ev), 0) : NULL;
	}
	if (!ev) {
		loss(EV_LOSS_RING, 1);
		return gap_add(cookie, at, off, n, GAP_RING);
	}
	hole_fill(ev, cookie, at, off, n);
	ev->h.ts_ns = ts_ns;
	ev->h.tgid = id >> 32;
	ev->h.tid = id;
	ev->why = EV_WHY_NO_BUFFER;
	bpf_ringbuf_submit(ev, wake_flags(ring));
	loss(EV_LOSS_NO_BUFFER, n);
	return 0;
}

/* --- records of a connection's life ----------------------------------------------------------------- */

__noinline int kept_make(__u64 cookie, __u32 kind)
{
	struct kept_key key = { .cookie = cookie, .kind = kind };
	struct conn *c = any_conn_find(cookie);

	loss(EV_LOSS_RING, 1);
	if (bpf_map_update_elem(&kept, &key, &kept_zero, BPF_NOEXIST) &&
	    !bpf_map_lookup_elem(&kept, &key)) {
		loss(EV_LOSS_UNTOLD, 1);
		return -1;
	}
	if (c)
		c->untold = c->had_gaps = 1;
	gap_seq++;
	return 0;
}

__noinline int kept_drop(__u64 cookie, __u32 kind)
{
	struct kept_key key = { .cookie = cookie, .kind = kind };

	return bpf_map_delete_elem(&kept, &key);
}

__noinline int gap_drop(__u64 cookie)
{
	/* The counter in a register: the verifier of 6.1 forgets what it stored, and sees no end of the loop. */
	for (__u32 stream = 0; stream < 4; stream++) {
		struct gap_key key = { .cookie = cookie, .stream = stream };

		bpf_map_delete_elem(&gaps, &key);
	}
	return kept_drop(cookie, EV_OPEN);
}

/* --- orders from user space --------------------------------------------------------------------------- */

struct tell_args {
	__u64 cookie;
};

/* 0: everything was told, and is forgotten when the connection has ended; 1: the ring has no room. */
SEC(ORDER_SEC)
int ring_tell(struct tell_args *a)
{
	__u64 cookie = a->cookie;

	if (untold_tell(cookie))
		return 1;
	if (!any_conn_find(cookie))
		gap_drop(cookie);
	return 0;
}
