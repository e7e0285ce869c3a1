/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* policy.bpf.h - who is captured, and what a captured task is doing. */
#ifndef LIMPID_POLICY_BPF_H
#define LIMPID_POLICY_BPF_H

#include "who.bpf.h"

/* One call into the kernel, between its entry and its exit. */
enum call_shape {
	CALL_NONE = 0, /* on no socket of ours */
	CALL_BUF,      /* buf, len: user memory */
	CALL_IOV,      /* buf, len: user_iovecs and their number */
	CALL_MSG,      /* buf: a user_msghdr */
	CALL_MMSG,     /* buf, len: user_mmsghdrs and their number */
	CALL_UNSEEN,   /* nothing that can be read */
	CALL_ITER, /* of a kernel function: buf, len: the first segment; iov, niov: those after it, in mem */
	CALL_SKB,  /* buf: the struct sk_buff that was copied from; len: where in it that began */
	CALL_ACCEPT, /* this and those after it move no bytes */
	CALL_CONNECT, /* only of AF_UNIX: connections of TCP are seen by their states */
	CALL_PAIR,    /* buf: where the two descriptors go */
	CALL_CLOSE,   /* done with at its entry */
};
enum call_udp {
	NOT_UDP = 0,
	UDP_BY_SYSCALL,	 /* name: the argument for the remote address */
	UDP_BY_FUNCTION, /* name: the kernel's struct msghdr */
};
struct call {
	__u64 cookie, ts_ns, buf, len;
	__u32 flags; /* MSG_ of recv */
	__u16 nr;    /* system call number + 1, or FN_CALL; 0: none */
	__u8 shape, dir;
	__u8 counted; /* conn.busy has it */
	__u8 udp;     /* enum call_udp */
	__u8 mem;     /* enum run_mem */
	__u8 ktls;    /* enum call_ktls */
	__u32 niov;
	__u64 iov;
	__u64 sk; /* the socket */
	__u64 name;
	__u64 all; /* of a tracepoint: bytes that the iterator had when it was seen last, or that are being copied */
	__u8 stash; /* 1 + number of what holds its bytes (stash.bpf.h); 0: none */
	__u8 pad[3];
	__u32 seq_end; /* of a tracepoint: the sequence number behind all that the call has to send */
};
/* What the call moves is plaintext, which the kernel encrypts or has decrypted (TCP_ULP "tls"). */
enum call_ktls {
	KTLS_NOT = 0,
	KTLS_TOLD,   /* to be told of */
	KTLS_LIBRARY /* of a library whose own calls are read (bpf/tls_*.bpf.c): those tell of it */
};
#define FN_CALL 1 /* call.nr of a call of a kernel function */

/* Whether the thread is between entry and exit of a system call that moves bytes. */
enum in_call { CALL_NOT_MET = 0, CALL_INSIDE, CALL_OUTSIDE };
enum met { MET_NONE = 0, MET_ENTRY, MET_EXIT };

struct task_ctx {
	__u64 cgroups;	 /* the task's css_set at the verdict `wanted`; another one: it was moved */
	__u64 cgroup_id; /* as task_cgroup gave it then */
	__u32 gen, wanted;
	struct call call; /* a system call */
	struct call fn;	  /* a kernel function, within one or not */
	__u64 tls_cookie; /* last TCP socket used while tls_active */
	__u32 tls_active;
	__u8 fn_seen; /* a hook of a kernel function was met since the last system call that moves bytes ended */
	__u8 in_call; /* enum in_call */
	__u16 tls_lib; /* while tls_active, if the library's objects have a layout: its number, */
	__u64 tls_object; /* and the object of the call */
	__u8 met; /* enum met: what one of two programs has done, and the other need not do */
	__u8 pad[7];
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
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, __u32);
} tgid_rules __weak SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, EV_COMM_RULES);
	__type(key, struct ev_comm_key);
	__type(value, __u32);
} comm_rules __weak SEC(".maps");

struct {
	TASK_MAP(struct task_ctx);
} task_ctxs __weak SEC(".maps");

volatile __u32 policy_gen __weak = 1; /* user space adds 1 after every change of policy or rules */

static __always_inline struct task_ctx *task_ctx_get(void)
{
	return task_map_make(&task_ctxs);
}

/* The same, where the current task is at hand: a helper call less. */
static __always_inline struct task_ctx *task_ctx_of(struct task_struct *current)
{
	return task_map_make_of(&task_ctxs, current);
}

/* enum ev_rule of the task's cgroup (as task_cgroup gave it) or of the nearest above it, or -1.  Global as
 * cgroup_of_container is. */
__weak __noinline int cgroup_rule(__u64 at_cgroup, __u64 cgroup_id)
{
	struct cgroup *cg = (void *)at_cgroup;
	__u32 *rule = bpf_map_lookup_elem(&cgroup_rules, &cgroup_id);

	if (rule)
		return *rule;
	for (int level = 0; level <= CGROUP_LEVELS && cg; level++) {
		__u64 id = BPF_CORE_READ(cg, kn, id);
		struct cgroup_subsys_state *parent;

		rule = bpf_map_lookup_elem(&cgroup_rules, &id);
		if (rule)
			return *rule;
		parent = BPF_CORE_READ(cg, self.parent);
		cg = parent ? BPF_CORE_READ(parent, cgroup) : NULL;
	}
	return -1;
}

static __always_inline int name_rule(const struct ev_comm_key *key)
{
	__u32 *rule = bpf_map_lookup_elem(&comm_rules, key);

	return rule ? (int)*rule : -1;
}

/* enum ev_rule for the name of the process or of its executable's file, or -1; what leaves out wins.  Has a frame
 * of its own, since those of its callers are nearly full. */
SUB int comm_rule(struct task_struct *task)
{
	struct ev_comm_key key = { .bits = 8 * EV_COMM_LEN };
	int by_comm, by_file;

	task_comm(task, key.comm);
	by_comm = name_rule(&key);
	if (by_comm == EV_RULE_EXCLUDE)
		return by_comm;
	__builtin_memset(key.comm, 0, sizeof(key.comm));
	task_exe(task, key.comm);
	by_file = key.comm[0] ? name_rule(&key) : -1;
	return by_file >= 0 ? by_file : by_comm;
}

/* Whether the process of the task is captured; also tells task_cgroup.  Takes microseconds. */
SUB int policy_wants(struct task_struct *task, __u64 *ret_cgroup_id)
{
	__u32 zero = 0, tgid = KREAD(task, tgid), include = EV_RULE_INCLUDE, container = 0;
	__u64 cgroup_id = task_cgroup(KREAD(task, cgroups), &container);
	__u32 *rule = bpf_map_lookup_elem(&tgid_rules, &tgid);
	struct ev_policy *p = bpf_map_lookup_elem(&policy, &zero);
	int by_comm = p && p->comms ? comm_rule(task) : -1, by_cgroup;
	struct css_set *set;

	*ret_cgroup_id = cgroup_id;
	if (by_comm == EV_RULE_EXCLUDE)
		return 0;
	if (rule)
		return *rule == EV_RULE_INCLUDE;
	if (by_comm == EV_RULE_INCLUDE) {
		bpf_map_update_elem(&tgid_rules, &tgid, &include, BPF_NOEXIST); /* for those it starts */
		return 1;
	}
	set = KREAD(task, cgroups);
	by_cgroup = cgroup_rule(number_of(BPF_CORE_READ(set, dfl_cgrp)), cgroup_id);
	if (by_cgroup >= 0)
		return by_cgroup == EV_RULE_INCLUDE;
	if (!p || p->dflt == EV_DEFAULT_NONE)
		return 0;
	return p->dflt == EV_DEFAULT_ALL || container || task_pidns(task) != p->host_pidns;
}

/* Whether the current process is captured.  The answer is kept in the task until the policy changes, the task moves to
 * another cgroup or executes another program. */
static __always_inline bool task_wanted_of(struct task_ctx *t, struct task_struct *task)
{
	__u64 set = (__u64)KREAD(task, cgroups), cgroup_id = 0;
	__u32 gen = policy_gen;

	if (t->gen != gen || t->cgroups != set) {
		t->wanted = policy_wants(task, &cgroup_id);
		t->cgroup_id = cgroup_id;
		t->cgroups = set;
		t->gen = gen;
	}
	return t->wanted;
}

static __always_inline bool task_wanted(struct task_ctx *t)
{
	return task_wanted_of(t, CURRENT_TASK());
}

static __always_inline bool copy_paused(void)
{
	__u32 zero = 0;
	struct ev_policy *p = bpf_map_lookup_elem(&policy, &zero);

	return !p || p->paused;
}

#endif
