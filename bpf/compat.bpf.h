/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* compat.bpf.h - the few things that kernel 5.10 does not have, behind names that both flavours have.
 *
 * Every bpf/X.bpf.c is compiled twice: as it is, and with -DLIMPID_OLD_KERNEL for kernels without bpf_loop (5.17), task
 * storage and bpf_get_current_task_btf in tracing programs (5.11), atomic operations that return a value (5.12)
 * and socket cookies in tracing programs (5.12).  src/tap/flavour.c chooses by asking the kernel.  Both objects
 * have the same programs, maps and variables, so user space needs one skeleton: what the old flavour adds must
 * not be a global variable.
 *
 *			    modern			    old
 *  LOOP(n, fn, ctx)	    bpf_loop			    a loop that the verifier walks: at most LOOP_OLD steps
 *  LOOP_LONG(name, fn)	    the same			    functions of functions: up to 2^14 steps
 *  FETCH_ADD, SWAP_IF	    atomic			    read, then add: programs run with preemption off there, so
 *							    two CPUs must meet within nanoseconds to get one position
 *  TASK_MAP, task_map_*    task storage		    LRU hash by thread id, emptied when the thread ends
 *  CURRENT_TASK, KREAD	    typed pointer, plain reads	    untyped pointer, bpf_probe_read_kernel
 *  BPF_CORE_READ	    plain reads since 6.2	    bpf_probe_read_kernel
 *  sock_id_*		    the kernel's socket cookie	    a map from the socket's address, see below
 *  SHARED		    a global function		    a static one: a global one takes no pointers before 5.12
 */
#ifndef LIMPID_COMPAT_BPF_H
#define LIMPID_COMPAT_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#define LOOP_OLD 64

#ifndef LIMPID_OLD_KERNEL

/* A function of another object file with pointers among its arguments: SHARED int f(struct x *x); */
#define SHARED __noinline
/* A function with numbers as arguments, which the old verifier then looks at once instead of once per call. */
#define BY_NUMBER static __always_inline
/* What a loop calls: frames are as scarce as 8, and the old flavour's loops take one themselves. */
#define BY_STEP static __noinline

/* fn(__u32 i, void *ctx) until it returns 1, n times at most. */
#define LOOP(n, fn, ctx) bpf_loop(n, fn, ctx, 0)

/* Defines name(__u32 key), which calls fn(__u32 i, __u32 *key) until it returns 1, n times at most.  What fn works on is
 * found by key. */
#define LOOP_LONG(name, n, fn)                                                                     \
	static __always_inline void name(__u32 key)                                                \
	{                                                                                          \
		bpf_loop(n, fn, &key, 0);                                                          \
	}

/* The value before. */
#define FETCH_ADD(at, n)	__sync_fetch_and_add(at, n)
#define SWAP_IF(at, old, value) __sync_val_compare_and_swap(at, old, value)

/* One value per thread, zero at first.  task_map_make: NULL when there is no memory; task_map_find: NULL also
 * when there is none yet. */
#define TASK_MAP(value_type)                                                                       \
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);                                                   \
	__uint(map_flags, BPF_F_NO_PREALLOC);                                                      \
	__type(key, int);                                                                          \
	__type(value, value_type)
#define task_map_make_of(map, current)                                                             \
	bpf_task_storage_get(map, current, 0, BPF_LOCAL_STORAGE_GET_F_CREATE)
#define task_map_make(map) task_map_make_of(map, bpf_get_current_task_btf())
#define task_map_find(map) bpf_task_storage_get(map, bpf_get_current_task_btf(), 0, 0)
#define task_map_drop(map) ((void)(map)) /* of the current thread, which ends: the kernel does it */

#define CURRENT_TASK()	   bpf_get_current_task_btf()
#define KREAD(ptr, member) ((ptr)->member) /* of a typed pointer, as CURRENT_TASK() and all that is read from it */

/* libbpf's BPF_CORE_READ calls a helper for each step, some 20 ns, and a captured call makes a dozen of them.
 * Since 6.2 the verifier can be told the type of any pointer, and then a step is one load, which gives 0 where the
 * helper would have failed.  Which of the two the kernel has is known when the program is loaded: the other
 * branch is removed. */
#define JOIN(a, b)  a##b
#define NAME_FOR(b) JOIN(bpf_rdonly_cast___, b)
#define CAST	    NAME_FOR(OBJECT) /* libbpf's linker (1.5) cannot join two files that call one kernel function */
extern void *CAST(const void *obj, __u32 btf_id) __ksym __weak;
#define READ_1(src, a)                                                                             \
	(bpf_ksym_exists(CAST) ?                                                                   \
		 ((__typeof__(src))CAST(src, bpf_core_type_id_kernel(__typeof__(*(src)))))->a :    \
		 ({                                                                                \
			 __typeof__((src)->a) read_v;                                              \
			 bpf_core_read((void *)&read_v, sizeof(read_v), &(src)->a);                \
			 read_v;                                                                   \
		 }))
#define READ_2(src, a, b)                                                                          \
	({                                                                                         \
		__typeof__((src)->a) read_2 = READ_1(src, a);                                      \
		READ_1(read_2, b);                                                                 \
	})
#define READ_3(src, a, b, c)                                                                       \
	({                                                                                         \
		__typeof__((src)->a) read_3 = READ_1(src, a);                                      \
		READ_2(read_3, b, c);                                                              \
	})
#define READ_N(a, b, c, name, ...) name
#undef BPF_CORE_READ
#define BPF_CORE_READ(src, ...) READ_N(__VA_ARGS__, READ_3, READ_2, READ_1)(src, __VA_ARGS__)

/* Hashes without memory set aside. */
#define HASH_FLAGS __uint(map_flags, BPF_F_NO_PREALLOC)

/* A program that only user space runs, with a context of its own. */
#define ORDER_SEC "syscall"

/* The number of a socket, which no other one ever gets.  _make: of a typed socket, always there; _of: of any pointer, 0
 * when the socket has none yet; _new: the socket begins a new life; _gone: it ended. */
#define sock_id_make(sk) bpf_get_socket_cookie(sk)
#define sock_id_of(sk)	 ((__u64)BPF_CORE_READ(sk, __sk_common.skc_cookie.counter))
#define sock_id_new(sk)	 bpf_get_socket_cookie(sk)
#define sock_id_gone(sk) ((void)(sk))
#define sock_of_file(file) bpf_sock_from_file(file) /* a typed file; NULL: no socket */

#else

#define SHARED	  __hidden __noinline
#define BY_NUMBER __noinline
#define BY_STEP	  static __always_inline

#define LOOP(n, fn, ctx)                                                                           \
	({                                                                                         \
		for (__u32 loop_i = 0; loop_i < (n) && loop_i < LOOP_OLD; loop_i++)                \
			if (fn(loop_i, ctx))                                                       \
				break;                                                             \
	})

/* The verifier walks a loop step by step, but looks at a global function once: 16 steps of 1024. */
#define LOOP_LONG(name, n, fn)                                                                     \
	__noinline int name##_steps(__u32 key)                                                     \
	{                                                                                          \
		for (__u32 i = 0; i < 16; i++)                                                     \
			if (fn(i, &key))                                                           \
				return 1;                                                          \
		return 0;                                                                          \
	}                                                                                          \
	static __always_inline void name(__u32 key)                                                \
	{                                                                                          \
		for (__u32 i = 0; i < 1024; i++)                                                   \
			if (name##_steps(key))                                                     \
				break;                                                             \
	}

#define FETCH_ADD(at, n)                                                                           \
	({                                                                                         \
		__typeof__(*(at)) before = *(volatile __typeof__(*(at)) *)(at);                    \
		__sync_fetch_and_add(at, n);                                                       \
		before;                                                                            \
	})
#define SWAP_IF(at, old, value)                                                                    \
	({                                                                                         \
		volatile __typeof__(*(at)) *swap_at = (at);                                        \
		__typeof__(*(at)) before = *swap_at;                                               \
		if (before == (old))                                                               \
			*swap_at = (value);                                                        \
		before;                                                                            \
	})

/* LRU: the thread that is evicted is one that did nothing for long; its call under way is then treated as one
 * from before capture.  Memory is set aside, because the kernel warns (in its log) of a probe that allocates. */
#define TASK_MAP(value_type)                                                                       \
	__uint(type, BPF_MAP_TYPE_LRU_HASH);                                                       \
	__uint(max_entries, 32768);                                                                \
	__type(key, __u32);                                                                        \
	__type(value, value_type)

/* Not in .rodata: that has the same layout in both flavours. */
static const __u8 task_map_zero[256] __attribute__((unused)) SEC(".rodata.zero") = {};

static __always_inline void *task_map_find(void *map)
{
	__u32 tid = bpf_get_current_pid_tgid();

	return bpf_map_lookup_elem(map, &tid);
}

static __always_inline void *task_map_make(void *map)
{
	__u32 tid = bpf_get_current_pid_tgid();
	void *v = bpf_map_lookup_elem(map, &tid);

	if (v)
		return v;
	bpf_map_update_elem(map, &tid, task_map_zero, BPF_NOEXIST);
	return bpf_map_lookup_elem(map, &tid);
}

#define task_map_make_of(map, current) ((void)(current), task_map_make(map))

static __always_inline void task_map_drop(void *map)
{
	__u32 tid = bpf_get_current_pid_tgid();

	bpf_map_delete_elem(map, &tid);
}

#define CURRENT_TASK()	   ((struct task_struct *)bpf_get_current_task())
#define KREAD(ptr, member) BPF_CORE_READ(ptr, member)
#define HASH_FLAGS	   __uint(map_flags, 0)

/* BPF_PROG_TEST_RUN came to raw tracepoints in 5.10, programs of kind "syscall" in 5.14. */
#define ORDER_SEC "raw_tp"

/* Tracing programs cannot make the kernel's cookie there.  A sock_ops program could, but it needs a cgroup v2 root, sees no
 * socket from before and leaves to others whether cookies appear in the middle of a connection's life.  So the
 * number is ours: made when it is first asked for, or anew when the socket connects or is
 * established, and forgotten before the socket's memory is.  A number that a late system call made for a socket just
 * destroyed cannot pass to the next one at that address, since that one begins with a new number.
 * Time and chance, because a counter needs atomic operations; EV_UNIX_COOKIE and EV_UDP_COOKIE stay free. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 65536);
	__type(key, __u64);
	__type(value, __u64);
} sock_ids __weak SEC(".maps");

static __noinline __attribute__((unused)) __u64 sock_id_new(const void *sk)
{
	__u64 key = (__u64)sk;
	__u64 id = (bpf_ktime_get_ns() >> 10 & 0x3fffffff) << 32 | bpf_get_prandom_u32();

	return bpf_map_update_elem(&sock_ids, &key, &id, BPF_ANY) ? 0 : id;
}

static __always_inline __u64 sock_id_of(const void *sk)
{
	__u64 key = (__u64)sk, *id = bpf_map_lookup_elem(&sock_ids, &key);

	return id ? *id : sock_id_new(sk);
}
#define sock_id_make(sk) sock_id_of(sk)

static __always_inline void sock_id_gone(const void *sk)
{
	__u64 key = (__u64)sk;

	bpf_map_delete_elem(&sock_ids, &key);
}

#define S_IFMT	 0170000
#define S_IFSOCK 0140000

/* bpf_sock_from_file came with 5.11.  A descriptor opened with O_PATH on a unix socket's name looks like a socket too,
 * but leads to none. */
static __always_inline struct socket *sock_of_file(struct file *file)
{
	struct socket *socket = file->private_data;

	if ((file->f_inode->i_mode & S_IFMT) != S_IFSOCK || !socket ||
	    BPF_CORE_READ(socket, file) != file)
		return NULL;
	return socket;
}

#endif
#endif
