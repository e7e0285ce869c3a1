/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* vmlinux.h - the few kernel types that the BPF programs touch, with only the members they touch.
 *
 * Written by hand instead of dumped from one kernel: every access is relocated against the running
 * kernel's BTF (CO-RE), so order and completeness do not matter, only names and types do.  Types
 * that CO-RE must not relocate (the user-space ABI) come first.
 */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

typedef signed char __s8;
typedef unsigned char __u8;
typedef short __s16;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;
enum { false = 0, true = 1 };

#define NULL ((void *)0)

/* Map types, flags: include/uapi/linux/bpf.h. */
enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PROG_ARRAY = 3,
	BPF_MAP_TYPE_ARRAY_OF_MAPS = 12,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_LPM_TRIE = 11,
	BPF_MAP_TYPE_RINGBUF = 27,
	BPF_MAP_TYPE_TASK_STORAGE = 29,
};
enum { BPF_ANY = 0, BPF_NOEXIST = 1, BPF_EXIST = 2 };
enum { BPF_F_NO_PREALLOC = 1 };
enum { BPF_LOCAL_STORAGE_GET_F_CREATE = 1 };
enum { BPF_RB_NO_WAKEUP = 1, BPF_RB_FORCE_WAKEUP = 2 };
enum { BPF_RB_AVAIL_DATA = 0, BPF_RB_RING_SIZE = 1 };

/* ABI between programs and the kernel (64-bit): never relocated. */
struct user_iovec {
	__u64 base, len;
};
struct user_msghdr {
	__u64 name;
	__u32 namelen, pad0;
	__u64 iov, iovlen, control, controllen;
	__u32 flags, pad1;
};
struct user_mmsghdr {
	struct user_msghdr hdr;
	__u32 len, pad;
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss;
};
#elif defined(__TARGET_ARCH_arm64)
struct user_pt_regs {
	__u64 regs[31], sp, pc, pstate;
};
struct pt_regs {
	union {
		struct user_pt_regs user_regs;
		struct {
			__u64 regs[31], sp, pc, pstate;
		};
	};
	__u64 orig_x0;
	__s32 syscallno;
};
#endif

typedef struct {
	int counter;
} atomic_t;
typedef struct {
	__s64 counter;
} atomic64_t;

struct ns_common {
	unsigned int inum;
};
struct pid_namespace {
	struct ns_common ns;
};
struct upid {
	int nr;
	struct pid_namespace *ns;
};
struct hlist_node {
	struct hlist_node *next;
};
struct hlist_head {
	struct hlist_node *first;
};
struct pid {
	unsigned int level;
	struct hlist_head tasks[4];
	struct upid numbers[1];
};

struct kernfs_node {
	__u64 id;
	const char *name;
};
struct cgroup;
struct cgroup_subsys_state {
	struct cgroup *cgroup;
	struct cgroup_subsys_state *parent;
};
struct cgroup_root {
	unsigned int subsys_mask;
	int hierarchy_id; /* 0: of version 2 */
};
struct cgroup {
	struct cgroup_subsys_state self;
	struct kernfs_node *kn;
	struct cgroup_root *root;
};
enum cgroup_subsys_id {
	memory_cgrp_id = 4,
	pids_cgrp_id = 11,
};
struct css_set {
	struct cgroup_subsys_state *subsys[1];
	struct cgroup *dfl_cgrp;
};
struct signal_struct {
	atomic_t live;
};
struct thread_info {
	unsigned long flags;
	__u32 status;
};
struct task_struct {
	struct thread_info thread_info;
	unsigned int flags;
	void *stack;
	int pid, tgid;
	struct task_struct *real_parent, *group_leader;
	struct signal_struct *signal;
	struct pid *thread_pid;
	struct files_struct *files;
	struct css_set *cgroups;
	char comm[16];
	struct mm_struct *mm;
	struct hlist_node pid_links[4];
	void *io_uring;
};

struct qstr {
	const unsigned char *name;
};
struct dentry {
	struct qstr d_name;
};
struct path {
	struct dentry *dentry;
};
struct inode {
	unsigned short i_mode;
	unsigned long i_ino;
};
struct file {
	struct path f_path;
	struct inode *f_inode;
	const void *f_op;
	void *private_data;
};
struct file___counted { /* before 6.13 */
	atomic64_t f_count;
};
struct file_ref {
	atomic64_t refcnt;
};
struct file___ref {
	struct file_ref f_ref;
};
struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};
struct files_struct {
	struct fdtable *fdt;
};
struct rb_node {
	struct rb_node *rb_right, *rb_left;
};
struct rb_root {
	struct rb_node *rb_node;
};
struct vm_area_struct {
	unsigned long vm_start, vm_end;
	struct rb_node vm_rb; /* before 6.1, as mm_rb */
	struct file *vm_file;
};
struct mm_struct {
	struct rb_root mm_rb;
	struct file *exe_file;
};

struct net {
	struct ns_common ns;
};
typedef struct {
	struct net *net;
} possible_net_t;
struct in6_addr {
	union {
		__u8 u6_addr8[16];
		__be32 u6_addr32[4];
	} in6_u;
};
struct sock_common {
	__be32 skc_daddr, skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
	atomic64_t skc_cookie;
	unsigned long skc_flags;
	struct proto *skc_prot;
};
struct sk_buff {
	struct sk_buff *next, *prev;
	struct sock *sk;
	char cb[48];
	unsigned int len, data_len;
	unsigned int end; /* behind head: struct skb_shared_info */
	unsigned char *head, *data;
};
struct sk_buff_head {
	struct sk_buff *next;
	__u32 qlen;
};
struct skb_frag { /* a struct bio_vec, or laid out as one: 6.10 */
	unsigned int len;
};
struct skb_shared_info {
	__u8 nr_frags;
	struct sk_buff *frag_list;
	struct skb_frag frags[17];
};
struct tcp_skb_cb {
	__u32 seq;
};
struct unix_skb_parms {
	__u32 consumed;
};
struct sock {
	struct sock_common __sk_common;
	struct sk_buff_head sk_receive_queue;
	struct socket *sk_socket;
	struct pid *sk_peer_pid;
	__u8 sk_shutdown;
	__u16 sk_type, sk_protocol;
	int sk_err;
};
struct request_sock {
	struct request_sock *dl_next;
	struct sock *sk;
};
struct request_sock_queue {
	struct request_sock *rskq_accept_head;
};
struct tcp_ulp_ops {
	char name[16];
};
struct inet_connection_sock {
	const struct tcp_ulp_ops *icsk_ulp_ops;
	struct request_sock_queue icsk_accept_queue;
	struct {
		__u32 lrcvtime;
	} icsk_ack;
};
struct sockaddr_un {
	unsigned short sun_family;
};
struct unix_address {
	int len;
	struct sockaddr_un name[];
};
struct unix_sock {
	struct unix_address *addr;
	struct sock *peer;
};
struct tcp_sock {
	struct inet_connection_sock inet_conn;
	__u32 lsndtime;
	__u32 rcv_nxt, copied_seq, write_seq, snd_una, urg_seq;
	__u64 bytes_received, bytes_acked;
};
struct socket {
	struct file *file;
	struct sock *sk;
};

/* Data under way.  Names that changed: bpf/iter.bpf.h. */
enum iter_type {
	ITER_UBUF,
	ITER_IOVEC,
	ITER_BVEC,
	ITER_KVEC,
};
struct list_head {
	struct list_head *next;
};
struct kmem_cache_order_objects {
	unsigned int x;
};
struct kmem_cache_node {
	struct list_head partial;
};
struct kmem_cache {
	struct kmem_cache_order_objects oo;
	struct list_head list;
	struct kmem_cache_node *node[1];
};
struct kmem_cache_per_node_ptrs {
	struct kmem_cache_node *node;
};
struct kmem_cache___since_7 { /* instead of node, in 7.3 or before */
	struct kmem_cache_per_node_ptrs per_node[1];
};
struct page {
	struct list_head slab_list;
	struct kmem_cache *slab_cache;
	void *freelist;
};
struct slab {
	struct list_head slab_list;
	struct kmem_cache *slab_cache;
	void *freelist;
};
struct proto {
	struct kmem_cache *slab;
	const void *sendmsg, *recvmsg;
};
struct bio_vec {
	struct page *bv_page;
	unsigned int bv_len, bv_offset;
};
struct iov_iter {
	__u8 iter_type;
	unsigned long iov_offset, count, nr_segs;
	const void *__iov, *kvec, *bvec, *ubuf;
};
struct iov_iter___before_5_14 {
	unsigned int type;
};
struct iov_iter___before_6_4 {
	const void *iov;
};
struct kiocb {
	void (*ki_complete)(struct kiocb *, long);
};

struct msghdr {
	void *msg_name;
	struct iov_iter msg_iter;
	unsigned int msg_flags;
	struct kiocb *msg_iocb;
};

struct linux_binprm;
struct seq_file;
struct bpf_iter_meta {
	struct seq_file *seq;
};
struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

struct bpf_map;
struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	void *key, *value;
};

#pragma clang attribute pop

#endif
