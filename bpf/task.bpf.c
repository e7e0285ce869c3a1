/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* task.bpf.c - what tap must know of processes: exec, exit, and files mapped executable. */
#include "conn.bpf.h"

/* tls_openssl.bpf.c */
#ifdef LIMPID_OLD_KERNEL
extern SHARED int tls_thread_ends(void);
#else
#define tls_thread_ends() ((void)0)
#endif

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline struct ev_task *task_event(__u16 kind)
{
	struct task_struct *task = CURRENT_TASK();
	struct css_set *set = KREAD(task, cgroups);
	__u64 id = bpf_get_current_pid_tgid();
	struct ev_task *ev = bpf_ringbuf_reserve(&tasks, sizeof(*ev), 0);
	__u32 container;

	if (!ev) {
		loss(EV_LOSS_TASK_RING, 1);
		return NULL;
	}
	__builtin_memset(ev, 0, sizeof(*ev));
	ev->h.ts_ns = bpf_ktime_get_ns();
	ev->h.size = sizeof(*ev);
	ev->h.kind = kind;
	ev->h.tgid = id >> 32;
	ev->h.tid = id;
	ev->cgroup_id = task_cgroup(set, &container);
	ev->pidns = task_pidns(task);
	ev->ppid = BPF_CORE_READ(task, real_parent, tgid);
	task_comm(task, ev->name);
	return ev;
}

/* A process that is captured (or left out) by itself goes on in those that it forks. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(task_fork, struct task_struct *parent, struct task_struct *child)
{
	__u32 from = BPF_CORE_READ(parent, tgid), to = BPF_CORE_READ(child, tgid), value;
	__u32 *rule;

	if (from == to)
		return 0; /* a thread */
	rule = bpf_map_lookup_elem(&tgid_rules, &from);
	if (!rule)
		return 0;
	value = *rule;
	if (bpf_map_update_elem(&tgid_rules, &to, &value, BPF_ANY))
		loss(EV_LOSS_RULES, 1);
	return 0;
}

/* So that user space has a rule for the container before its first process runs. */
SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(cgroup_made, struct cgroup *cgroup, const char *path)
{
	struct kernfs_node *kn = BPF_CORE_READ(cgroup, kn);
	struct ev_task *ev;
	__u64 mark;

	if (!cgroup_counts(cgroup, &mark) || !name_has_id(number_of(BPF_CORE_READ(kn, name))))
		return 0;
	ev = task_event(EV_CGROUP);
	if (!ev)
		return 0;
	ev->cgroup_id = BPF_CORE_READ(kn, id) | mark;
	bpf_ringbuf_submit(ev, BPF_RB_FORCE_WAKEUP);
	return 0;
}

/* The verdict is made anew: the name is another one. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(task_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	struct task_ctx *t = task_ctx_get();
	struct ev_task *ev;

	if (t) {
		t->gen = 0;
		task_wanted(t);
	}
	ev = task_event(EV_EXEC);
	if (ev)
		bpf_ringbuf_submit(ev, BPF_RB_FORCE_WAKEUP);
	return 0;
}

/* Only of the whole process, with its last thread, which need not be the first one. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(task_exit, struct task_struct *task)
{
	struct ev_task *ev;
	__u32 tgid = task->tgid;

	task_map_drop(&task_ctxs);
	tls_thread_ends();
	if (BPF_CORE_READ(task, signal, live.counter))
		return 0;
	bpf_map_delete_elem(&tgid_rules, &tgid); /* the number may come again */
	ev = task_event(EV_EXIT);
	if (ev)
		bpf_ringbuf_submit(ev, 0);
	return 0;
}

struct mapped {
	__u64 ino;
	char name[EV_NAME_LEN];
};

/* The file as the mapping has it: below an overlay that is the real file, on which probes sit. */
static long mapped_file(struct task_struct *task, struct vm_area_struct *vma, struct mapped *m)
{
	struct file *file = KREAD(vma, vm_file);

	(void)task;
	if (!file)
		return 0;
	m->ino = BPF_CORE_READ(file, f_inode, i_ino);
	bpf_probe_read_kernel_str(m->name, sizeof(m->name),
				  BPF_CORE_READ(file, f_path.dentry, d_name.name));
	return 0;
}

#ifdef LIMPID_OLD_KERNEL
#define RB_DEPTH 40 /* a red-black tree of 2^16 mappings, the kernel's limit, is no deeper than 32 */

/* bpf_find_vma came with 5.17.  Nothing is locked: a tree that changes meanwhile gives no file, or an old one. */
static __always_inline long find_vma(struct task_struct *task, __u64 addr, struct mapped *m)
{
	struct rb_node *at;

	if (!bpf_core_field_exists(struct mm_struct, mm_rb))
		return 0;
	at = BPF_CORE_READ(task, mm, mm_rb.rb_node);
	for (int i = 0; i < RB_DEPTH && at; i++) {
		struct vm_area_struct *vma =
			(void *)at - bpf_core_field_offset(struct vm_area_struct, vm_rb);

		if (addr < BPF_CORE_READ(vma, vm_start))
			at = BPF_CORE_READ(at, rb_left);
		else if (addr >= BPF_CORE_READ(vma, vm_end))
			at = BPF_CORE_READ(at, rb_right);
		else
			return mapped_file(task, vma, m);
	}
	return 0;
}
#else
#define find_vma(task, addr, m) bpf_find_vma(task, addr, mapped_file, m, 0)
#endif

/* The current process mapped a file executable at addr; called at the exit of mmap. */
SUB int tell_mapped(__u64 addr)
{
	struct task_struct *task = CURRENT_TASK();
	struct mapped m = {};
	struct ev_task *ev;

	find_vma(task, addr, &m);
	ev = task_event(EV_MAP);
	if (!ev)
		return 0;
	ev->addr = addr;
	ev->ino = m.ino;
	__builtin_memcpy(ev->name, m.name, sizeof(ev->name));
	bpf_ringbuf_submit(ev, BPF_RB_FORCE_WAKEUP);
	return 0;
}

__noinline int task_mapped(__u64 addr)
{
	struct task_ctx *t = task_ctx_get();

	return t && task_wanted(t) ? tell_mapped(addr) : 0;
}
