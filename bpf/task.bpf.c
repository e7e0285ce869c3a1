/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* task.bpf.c - what tap must know of processes: exec, exit, and files mapped executable. */
#include "conn.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline struct ev_task *task_event(__u16 kind)
{
	struct task_struct *task = CURRENT_TASK();
	__u64 id = bpf_get_current_pid_tgid();
	struct ev_task *ev = bpf_ringbuf_reserve(&tasks, sizeof(*ev), 0);

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
	ev->cgroup_id = bpf_get_current_cgroup_id();
	ev->pidns = task_pidns(task);
	ev->ppid = BPF_CORE_READ(task, real_parent, tgid);
	bpf_get_current_comm(ev->name, EV_COMM_LEN);
	return ev;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(task_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	struct ev_task *ev = task_event(EV_EXEC);

	if (ev)
		bpf_ringbuf_submit(ev, BPF_RB_FORCE_WAKEUP);
	return 0;
}

/* Only of the whole process: its first thread.  (It may end before the others, which is rare.) */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(task_exit, struct task_struct *task)
{
	struct ev_task *ev;

	task_map_drop(&task_ctxs);
	if (task->pid != task->tgid)
		return 0;
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
	struct file *file = vma->vm_file;

	(void)task;
	if (!file)
		return 0;
	m->ino = BPF_CORE_READ(file, f_inode, i_ino);
	bpf_probe_read_kernel_str(m->name, sizeof(m->name),
				  BPF_CORE_READ(file, f_path.dentry, d_name.name));
	return 0;
}

/* The current process mapped a file executable at addr; called at the exit of mmap. */
__noinline int task_mapped(__u64 addr)
{
	struct task_struct *task = CURRENT_TASK();
	struct task_ctx *t = task_ctx_get();
	struct mapped m = {};
	struct ev_task *ev;

	if (!t || !task_wanted(t))
		return 0;
	bpf_find_vma(task, addr, mapped_file, &m, 0);
	ev = task_event(EV_MAP);
	if (!ev)
		return 0;
	ev->addr = addr;
	ev->ino = m.ino;
	__builtin_memcpy(ev->name, m.name, sizeof(ev->name));
	bpf_ringbuf_submit(ev, BPF_RB_FORCE_WAKEUP);
	return 0;
}
