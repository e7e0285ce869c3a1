/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* ring.bpf.c - fills a ring with records as fast as that goes, for ring.c: two templates in turn, each a direction of one
 * connection, of which only position and time change. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "event.h"

#define MAX_STEPS (1U << 20)
#define RECORD	  (sizeof(struct ev_data) + EV_CHUNK_MAX)

char LICENSE[] SEC("license") = "Dual BSD/GPL";

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 32 << 20);
} ring SEC(".maps");

struct template
{
	__u8 record[RECORD];
};
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, struct template);
} templates SEC(".maps");

/* mask: number of templates - 1, 0 or 1. */
struct produce_args {
	__u32 steps, mask;
};

static long produce_step(__u32 i, struct produce_args *a)
{
	__u32 key = i & a->mask & 1;
	struct template *t = bpf_map_lookup_elem(&templates, &key);
	struct ev_data *ev;
	__u64 size;

	if (!t)
		return 1;
	ev = (struct ev_data *)t->record;
	size = ev->h.size;
	if (size < sizeof(*ev) || size > RECORD)
		return 1;
	ev->h.ts_ns = bpf_ktime_get_ns();
	if (bpf_ringbuf_output(&ring, ev, size, BPF_RB_NO_WAKEUP))
		return 1;
	ev->off += ev->len;
	return 0;
}

SEC("syscall")
int produce(struct produce_args *a)
{
	struct produce_args copy = { a->steps, a->mask };

	bpf_loop(copy.steps < MAX_STEPS ? copy.steps : MAX_STEPS, produce_step, &copy, 0);
	return 0;
}
