/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* who.bpf.h - what a process is called, and which container's cgroup it is in.
 *
 * Runtimes name the cgroup of a container by its id, 64 hexadecimal digits, with something before them
 * (docker-, libpod-, cri-containerd-, crio-) or ".scope" after them, or without either (src/container/id.c has the
 * whole list).  That is looked for on the way up from the task's own cgroup: first in the tree of version 2, then in
 * version 1's pids (or memory) tree, because machines that have both often leave version 2's to systemd
 * alone.  So a container is known before user space has heard of it, whichever namespaces it has.
 */
#ifndef LIMPID_WHO_BPF_H
#define LIMPID_WHO_BPF_H

#include "emit.bpf.h"

#define CGROUP_LEVELS 16  /* looked at upwards */
#define CGROUP_NAME   128 /* a power of two */
#define ID_LEN	      64

/* Whether all digits are hexadecimal, in arithmetic alone: the verifier walks each branch of a loop by itself. */
static __always_inline bool all_hex(const char digits[ID_LEN])
{
	__s32 bad = 0;

	for (int i = 0; i < ID_LEN; i++) {
		__s32 c = digits[i];

		bad |= ((c - '0') | ('9' - c)) &
		       ((c - 'a') | ('f' - c)); /* negative: out of both ranges */
	}
	return bad >= 0;
}

/* Whether a cgroup's name, at that address, ends with a container's id.  The monitor of a container ("conmon-ID") is not in
 * it.  Global and taking a number, so that the verifier walks it once in a program and not at every call; a function, so
 * that its stack is not that of its callers. */
__weak __noinline int name_has_id(__u64 at_name)
{
	const char *name = (void *)at_name;
	char dot = 0, before[8] = "-------", id[ID_LEN], all[CGROUP_NAME];
	long len = bpf_probe_read_kernel_str(all, sizeof(all), name) - 1;

	if (len > ID_LEN) {
		bpf_probe_read_kernel(&dot, 1, name + len - 6); /* .scope */
		if (dot == '.')
			len -= 6;
	}
	if (len < ID_LEN || bpf_probe_read_kernel(id, sizeof(id), name + len - ID_LEN))
		return false;
	if (len >= ID_LEN + 7)
		bpf_probe_read_kernel(before, 7, name + len - ID_LEN - 7);
	else if (len > ID_LEN)
		bpf_probe_read_kernel(before + 6, 1, name + len - ID_LEN - 1);
	if (before[6] != '-' || (before[0] == 'c' && before[5] == 'n'))
		return false;
	return all_hex(id);
}

/* The id of the cgroup, or of the nearest above it, that a container's id names; 0: none.  Global as that is. */
__weak __noinline __u64 cgroup_of_container(__u64 at_cgroup)
{
	struct cgroup *cgroup = (void *)at_cgroup;

	for (int level = 0; level < CGROUP_LEVELS && cgroup; level++) {
		struct kernfs_node *kn = BPF_CORE_READ(cgroup, kn);
		struct cgroup_subsys_state *up = BPF_CORE_READ(cgroup, self.parent);

		if (name_has_id(number_of(BPF_CORE_READ(kn, name))))
			return BPF_CORE_READ(kn, id);
		cgroup = up ? BPF_CORE_READ(up, cgroup) : NULL;
	}
	return 0;
}

/* Of version 1's trees the one that is looked at: the controller's number; 0: the kernel has neither. */
static __always_inline __u64 controller_v1(void)
{
	return bpf_core_enum_value_exists(enum cgroup_subsys_id, pids_cgrp_id)
		       ? bpf_core_enum_value(enum cgroup_subsys_id, pids_cgrp_id)
	       : bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id)
		       ? bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id)
		       : 0;
}

static __always_inline struct cgroup *cgroup_v1(struct css_set *set)
{
	void *at = (void *)set + bpf_core_field_offset(struct css_set, subsys) +
		   controller_v1() * sizeof(void *);
	struct cgroup_subsys_state *css = NULL;

	bpf_probe_read_kernel(&css, sizeof(css), at);
	return css ? BPF_CORE_READ(css, cgroup) : NULL;
}

/* Whether that cgroup is of a tree that task_cgroup looks at; *ret_mark: what its ids are marked with. */
static __always_inline bool cgroup_counts(const struct cgroup *cgroup, __u64 *ret_mark)
{
	*ret_mark = 0;
	if (!BPF_CORE_READ(cgroup, root, hierarchy_id))
		return true;
	*ret_mark = EV_CGROUP_V1;
	return BPF_CORE_READ(cgroup, root, subsys_mask) >> controller_v1() & 1;
}

/* The innermost: in the version 2 tree, or, where all are in the root of that because nobody uses it, in version 1's. */
static __always_inline __u64 own_cgroup(struct cgroup *v2, struct cgroup *v1)
{
	if (!BPF_CORE_READ(v2, self.parent) && v1 && BPF_CORE_READ(v1, self.parent))
		return BPF_CORE_READ(v1, kn, id) | EV_CGROUP_V1;
	return BPF_CORE_READ(v2, kn, id);
}

/* The cgroup that says whose the task is: of its container, else its own. */
SUB __u64 task_cgroup(struct css_set *set, __u32 *ret_container)
{
	struct cgroup *own = BPF_CORE_READ(set, dfl_cgrp), *v1 = cgroup_v1(set);
	__u64 id = cgroup_of_container(number_of(own));

	*ret_container = 1;
	if (id)
		return id;
	id = cgroup_of_container(number_of(v1));
	if (id)
		return id | EV_CGROUP_V1;
	*ret_container = 0;
	return own_cgroup(own, v1);
}

static __always_inline __u32 task_pidns(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	__u32 level = BPF_CORE_READ(pid, level);
	void *at = (void *)pid + bpf_core_field_offset(struct pid, numbers) +
		   (__u64)level * bpf_core_type_size(struct upid);
	struct upid *up = at;

	return BPF_CORE_READ(up, ns, ns.inum);
}

/* What a process is called is what its first thread is called; others have names for themselves. */
static __always_inline void task_comm(struct task_struct *task, char ret[EV_COMM_LEN])
{
	struct task_struct *first = BPF_CORE_READ(task, group_leader);

	bpf_probe_read_kernel_str(ret, EV_COMM_LEN, &first->comm);
}

/* The name of the file that the process executes, cut as the other is: some programs give themselves another name (Node 26: MainThread).
 * Left alone where there is none: a thread of the kernel. */
static __always_inline void task_exe(struct task_struct *task, char ret[EV_COMM_LEN])
{
	struct file *file = BPF_CORE_READ(task, mm, exe_file);

	if (file)
		bpf_probe_read_kernel_str(ret, EV_COMM_LEN,
					  BPF_CORE_READ(file, f_path.dentry, d_name.name));
}

#endif
