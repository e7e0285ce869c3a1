/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* policy.bpf.h - who is captured, and what a captured task is doing. */
#ifndef LIMPID_POLICY_BPF_H
#define LIMPID_POLICY_BPF_H

#include "emit.bpf.h"

#define CGROUP_LEVELS 16 /* a rule on an ancestor is found this deep */

/* One call into the kernel, between its entry and its exit. */
enum call_shape {
	CALL_NONE = 0, /* not on a TCP socket */
	CALL_BUF,      /* buf, len: user memory */
	CALL_IOV,      /* buf, len: user_iovecs and their number */
	CALL_MSG,      /* buf: a user_msghdr */
	CALL_MMSG,     /* buf, len: user_mmsghdrs and their number */
	CALL_UNSEEN,   /* no user memory */
	CALL_ACCEPT,
};
struct call {
	__u64 cookie, ts_ns, buf, len;
	__u32 flags; /* MSG_ of recv */
	__u16 nr;    /* system call number + 1; 0: none */
	__u8 shape, dir;
	__u8 counted; /* conn.busy has it */
	__u8 pad[7];
};

struct task_ctx {
	__u64 cgroup_id; /* of the verdict `wanted`, as is gen */
	__u32 gen, wanted;
	struct call call;
	__u64 tls_cookie; /* last TCP socket used while tls_active */
	__u32 tls_active, pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ev_policy);
} policy __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	HASH_FLAGS;
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u32);
} cgroup_rules __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	HASH_FLAGS;
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u32);
} tgid_rules __weak SEC(".maps");

struct {
	TASK_MAP(struct task_ctx);
} task_ctxs __weak SEC(".maps");

volatile __u32 policy_gen __weak = 1; /* user space adds 1 after every change of policy or rules */

static __always_inline struct task_ctx *task_ctx_get(void)
{
	return task_map_make(&task_ctxs);
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

/* enum ev_rule of the nearest cgroup of the task that has one, or -1. */
SUB int cgroup_rule(struct task_struct *task)
{
	struct css_set *set = KREAD(task, cgroups);
	struct cgroup *cg = BPF_CORE_READ(set, dfl_cgrp);

	for (int level = 0; level <= CGROUP_LEVELS && cg; level++) {
		__u64 id = BPF_CORE_READ(cg, kn, id);
		__u32 *rule = bpf_map_lookup_elem(&cgroup_rules, &id);
		struct cgroup_subsys_state *parent;

		if (rule)
			return *rule;
		parent = BPF_CORE_READ(cg, self.parent);
		cg = parent ? BPF_CORE_READ(parent, cgroup) : NULL;
	}
	return -1;
}

/* Whether the process of the task is captured. */
SUB int policy_wants(struct task_struct *task)
{
	__u32 zero = 0, tgid = KREAD(task, tgid);
	__u32 *rule = bpf_map_lookup_elem(&tgid_rules, &tgid);
	struct ev_policy *p = bpf_map_lookup_elem(&policy, &zero);
	int by_cgroup;

	if (rule)
		return *rule == EV_RULE_INCLUDE;
	by_cgroup = cgroup_rule(task);
	if (by_cgroup >= 0)
		return by_cgroup == EV_RULE_INCLUDE;
	if (!p || p->dflt == EV_DEFAULT_NONE)
		return 0;
	return p->dflt == EV_DEFAULT_ALL || task_pidns(task) != p->host_pidns;
}

/* What bpf_get_current_cgroup_id gives, without its call and its lock: this is asked at every call. */
static __always_inline __u64 task_cgroup_id(struct task_struct *task)
{
	struct css_set *set = KREAD(task, cgroups);

	return BPF_CORE_READ(set, dfl_cgrp, kn, id);
}

/* Whether the current process is captured.  The answer is kept in the task until the policy changes or
 * the task moves to another cgroup. */
static __always_inline bool task_wanted(struct task_ctx *t)
{
	__u64 cgroup_id = task_cgroup_id(CURRENT_TASK());
	__u32 gen = policy_gen;

	if (t->gen != gen || t->cgroup_id != cgroup_id) {
		t->wanted = policy_wants(CURRENT_TASK());
		t->cgroup_id = cgroup_id;
		t->gen = gen;
	}
	return t->wanted;
}

static __always_inline bool copy_paused(void)
{
	__u32 zero = 0;
	struct ev_policy *p = bpf_map_lookup_elem(&policy, &zero);

	return !p || p->paused;
}

#endif
