/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* emit.bpf.c - bytes out of memory, any number of buffers of any length, into EV_DATA records. */
#include "gap.bpf.h"
#include "run.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline __u64 run_at(const struct run *r)
{
	return GAP_AT(r->dir, r->tls, r->sure, r->tls_lib);
}

/* Sends what was gathered; missing bytes that follow it were moved but are not there. */
static __noinline int run_flush(struct scratch *s, __u32 missing, __u8 why)
{
	struct run *r = &s->run;
	__u64 n = s->fill;

	barrier_var(n);
	if (n > EV_CHUNK_MAX)
		return 0;
	if (!n && !missing)
		return 0;
	s->ev.h.size = sizeof(s->ev) + n;
	s->ev.h.flags = r->flags;
	s->ev.off = r->off;
	s->ev.len = n + missing;
	s->ev.ncap = n;
	s->ev.why = missing ? why : EV_WHY_NONE;
	/* The time of a read is now; that of a write, which may have waited, is not. */
	if (s->refused || ring_output_at(r->cookie, &s->ev, sizeof(s->ev) + n,
					 r->dir == EV_READ ? r->ts_ns : bpf_ktime_get_ns())) {
		s->refused = 1; /* run_go tells how much that is */
		return 0;
	}
	if (missing)
		loss(why == EV_WHY_FAULT       ? EV_LOSS_FAULT_BYTES
		     : why == EV_WHY_NO_BUFFER ? EV_LOSS_NO_BUFFER
		     : why == EV_WHY_SHED      ? EV_LOSS_SHED_BYTES
					       : EV_LOSS_BUDGET_BYTES,
		     missing);
	r->off += n + missing;
	r->flags &= ~EV_BEGIN; /* a datagram of several records has it once */
	s->fill = 0;
	return 0;
}

/* The rest of a long call gives way when the ring fills up meanwhile. */
static __always_inline void run_shed(struct scratch *s)
{
	struct run *r = &s->run;

	if (r->left && ring_fills_up(r->cookie)) {
		s->shed += r->left;
		r->left = 0;
	}
}

/* n bytes of the current buffer cannot be read. */
static __always_inline void run_fault(struct scratch *s, __u64 n)
{
	struct run *r = &s->run;

	run_flush(s, n, EV_WHY_FAULT);
	r->base += n;
	r->base_left -= n;
	r->left -= n;
}

/* One piece of one buffer, or the next buffer.  1: that was all. */
BY_STEP int run_piece(struct scratch *s)
{
	struct run *r = &s->run;
	__u64 n = r->base_left, at = s->fill, to_page = 4096 - (r->base & 4095);

	if (!r->left || s->refused)
		return 1;
	if (!n) {
		if (run_next_buffer(r))
			return 1;
		run_skip(r);
		return 0;
	}
	if (n > r->left)
		n = r->left;
	if (n > EV_CHUNK_MAX - at)
		n = EV_CHUNK_MAX - at;
	if (s->page_wise && n > to_page)
		n = to_page;
	if (n > EMIT_PIECE)
		n = EMIT_PIECE;
	/* The verifier has lost the bounds by here, if the compiler has not. */
	barrier_var(at);
	barrier_var(n);
	at &= EV_CHUNK_MAX - 1;
	if (n > EMIT_PIECE)
		return 1;
	if (r->mem < MEM_KERNEL ? bpf_probe_read_user(s->data + at, n, (void *)r->base) :
				  bpf_probe_read_kernel(s->data + at, n, (void *)r->base)) {
		if (s->page_wise || n <= to_page)
			run_fault(s, n);
		s->page_wise = 1;
		return 0;
	}
	s->page_wise = 0;
	s->fill += n;
	r->base += n;
	r->base_left -= n;
	r->left -= n;
	if (s->fill >= EV_CHUNK_MAX) {
		run_flush(s, 0, EV_WHY_NONE);
		run_shed(s);
	}
	return 0;
}

static long run_step(__u32 i, __u32 *slot)
{
	struct scratch *s = bpf_map_lookup_elem(&scratches, slot);

	return s ? run_piece(s) : 1;
}

LOOP_LONG(run_steps, EMIT_STEPS, run_step)

/* Beyond the budget of its stream nothing is copied; a datagram is part of none. */
static __always_inline void run_budget(struct run *r)
{
	__u64 to = copy_budget, room = to > r->off ? to - r->off : 0;

	if (r->left <= room || (r->cookie & EV_UDP_COOKIE))
		return;
	r->rest += r->left - room;
	r->why = EV_WHY_BUDGET;
	r->left = room;
}

/* The run in scratch buffer slot, which is given back. */
BY_NUMBER int run_slot(__u32 slot)
{
	struct scratch *s = bpf_map_lookup_elem(&scratches, &slot);
	__u64 id = bpf_get_current_pid_tgid();
	struct run *r;

	if (!s)
		return 0;
	r = &s->run;
	s->shed = 0;
	s->fill = 0;
	s->page_wise = s->refused = 0;
	s->end = r->off + r->left + r->rest;
	run_budget(r);
	if (r->left > EMIT_MAX) {
		r->rest += r->left - EMIT_MAX;
		r->why = EV_WHY_BUDGET;
		r->left = EMIT_MAX;
	}
	if (r->left > EMIT_HEAD && ring_fills_up(r->cookie)) {
		s->shed = r->left - EMIT_HEAD;
		r->left = EMIT_HEAD;
	}
	s->ev.h.ts_ns = r->ts_ns;
	s->ev.h.kind = EV_DATA;
	s->ev.h.cookie = r->cookie;
	s->ev.h.tgid = id >> 32;
	s->ev.h.tid = id;
	s->ev.dir = r->dir;
	s->ev.tls = r->tls;
	s->ev.sure = r->sure;
	s->ev.tls_lib = r->tls_lib;
	for (int i = 0; i < EMIT_QUICK && !run_piece(s); i++)
		;
	if (r->left)
		run_steps(slot);
	if (r->left) /* the list of buffers ended (MSG_TRUNC), or could not be read */
		run_flush(s, r->left,
			  r->mem < MEM_KERNEL && (r->niov || r->base_left) ? EV_WHY_FAULT : EV_WHY_NO_BUFFER);
	run_flush(s, s->shed, EV_WHY_SHED);
	run_flush(s, r->rest, r->why);
	if (s->refused) {
		loss(EV_LOSS_RING, 1);
		gap_add(r->cookie, run_at(r), r->off, s->end - r->off, GAP_RING);
	}
	s->busy = 0;
	return 0;
}

SHARED int run_go(struct run *run)
{
	struct scratch *s;
	__u32 slot = 0;

	if (!run)
		return 0;
	s = run->untold && untold_tell(run->cookie) ? NULL : scratch_take(&slot);
	if (!s) {
		loss(EV_LOSS_RING, 1);
		return gap_add(run->cookie, run_at(run), run->off, run->left + run->rest, GAP_RING);
	}
	s->run = *run;
	return run_slot(slot);
}
