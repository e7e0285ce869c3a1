/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Plaintext at crypto/tls.(*Conn).Read and Write of Go programs.
 *
 * A goroutine changes threads while it waits, and its stack is copied to another place when it grows.  So a call is known
 * by its process and g, the goroutine's descriptor, which is always in one register; and within the goroutine by
 * the depth of its frame, counted from the stack's other end, which a copy does not change.  g begins
 * with the two ends of the stack.
 *
 * The beginning of a call is the branch of the check that the stack has room.  When it is about to be taken, the stack grows and
 * the function begins anew: that is not counted.  The end is the same branch in the function that Read and Write defer, or a
 * return (src/tap/go_plan.c).  One that is missed (a panic) leaves a call that the next one on
 * the same goroutine replaces.
 *
 * The socket is the one that the goroutine used in a system call within: the registers with which the
 * process entered the kernel have g, too.  A call that used several keeps the one that its connection object had.
 */
#include "tls.bpf.h"
#include "transfer.bpf.h"

#define MAX_NESTED 64 /* as in tls_openssl.bpf.c, where a frame cannot be seen to be gone */

struct go_key {
	__u64 tgid, g;
};
struct go_call {
	__u64 depth;   /* of the return address's place; 0: no call is under way */
	__u64 sp, ret; /* that place, and what is there */
	__u64 conn, buf, num, ts_ns;
	__u64 cookie; /* of the socket used within; 0: none yet */
	struct ev_go_site site;
	__u32 nested;
	__u32 mixed; /* another socket was used, too */
};
/* Calls that wait for a request stay here: one for each idle connection of a server. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, struct go_key);
	__type(value, struct go_call);
} go_calls SEC(".maps");

#if defined(__TARGET_ARCH_x86)
#define GO_G(r)	((r)->r14)
#define GO_ARG0(r)	((r)->ax)
#define GO_ARG1(r)	((r)->bx)
#define GO_ARG2(r)	((r)->cx)
#define GO_GROWS(r)	((r)->flags & 0x41) /* jbe: carry or zero */
#define GO_RET_ON_STACK 1
#define THREAD_SIZE	16384
#elif defined(__TARGET_ARCH_arm64)
#define GO_G(r)	((r)->regs[28])
#define GO_ARG0(r)	((r)->regs[0])
#define GO_ARG1(r)	((r)->regs[1])
#define GO_ARG2(r)	((r)->regs[2])
#define GO_GROWS(r)	(((r)->pstate >> 29 & 3) != 1) /* b.ls: unless carry and not zero */
#define GO_RET_ON_STACK 0
#define THREAD_SIZE	16384
#endif

/* With what the current task entered the kernel. */
static __always_inline struct pt_regs *user_regs(void)
{
#ifdef LIMPID_OLD_KERNEL
	return KREAD(CURRENT_TASK(), stack) + THREAD_SIZE - bpf_core_type_size(struct pt_regs);
#else
	return (void *)bpf_task_pt_regs(CURRENT_TASK());
#endif
}

static __always_inline __u64 user_word(__u64 at)
{
	__u64 v = 0;

	bpf_probe_read_user(&v, sizeof(v), (void *)at);
	return v;
}

/* Where the goroutine's stack ends, at its high end; 0: not to be read. */
static __always_inline __u64 stack_end(__u64 g)
{
	return user_word(g + 8);
}

/* c is under way, and sp is deeper in its goroutine's stack. */
static __always_inline bool go_inside(struct go_call *c, __u64 end, __u64 sp)
{
	if (!c->depth || end - sp <= c->depth)
		return false;
	if (GO_RET_ON_STACK)
		return user_word(end - c->depth) == c->ret;
	return c->nested++ < MAX_NESTED;
}

NOWHERE(go_nowhere);

SEC("uprobe")
int go_enter(struct pt_regs *ctx)
{
	__u64 cookie = site_cookie(ctx), sp = PT_REGS_SP(ctx), end;
	struct go_key key = { bpf_get_current_pid_tgid() >> 32, GO_G(ctx) };
	struct task_ctx *t = task_ctx_get();
	struct go_call c = {}, *old;

	LOCALS_ON_THE_STACK(ctx, go_nowhere);
	if (GO_GROWS(ctx) || !t || !task_wanted(t))
		return 0;
	end = stack_end(key.g);
	if (end <= sp)
		return 0;
	old = bpf_map_lookup_elem(&go_calls, &key);
	if (old && go_inside(old, end, sp))
		return 0;
	c.depth = end - sp;
	c.sp = sp;
	c.ret = GO_RET_ON_STACK ? user_word(sp) : 0;
	c.conn = GO_ARG0(ctx);
	c.buf = GO_ARG1(ctx);
	c.num = GO_ARG2(ctx);
	c.ts_ns = bpf_ktime_get_ns();
	__builtin_memcpy(&c.site, &cookie, sizeof(c.site));
	go_seen = 1;
	if (old)
		*old = c;
	else if (bpf_map_update_elem(&go_calls, &key, &c, BPF_ANY))
		loss(EV_LOSS_INFLIGHT, 1);
	return 0;
}

/* At the beginning of each transfer on a socket. */
__noinline int go_nested(__u64 cookie)
{
	struct go_key key = { bpf_get_current_pid_tgid() >> 32, 0 };
	struct go_call *c;

	bpf_probe_read_kernel(&key.g, sizeof(key.g), &GO_G(user_regs()));
	c = bpf_map_lookup_elem(&go_calls, &key);
	if (!c || !c->depth || c->cookie == cookie)
		return 0;
	if (c->cookie)
		c->mixed = 1;
	else
		c->cookie = cookie;
	return 0;
}

/* Bytes that the call moved; 0: none. */
static __always_inline __u64 go_moved(struct go_call *c, struct ev_tls_lib *lib, __s64 n)
{
	if (c->site.what == EV_TLS_HANDSHAKE || n <= 0)
		return 0;
	if ((__u64)n > c->num) {
		tls_lib_lies(lib);
		return 0;
	}
	return n;
}

/* The call c ended, when its frame was at sp, having moved n bytes. */
static __always_inline int go_end(struct go_call *c, __u64 sp, __s64 n)
{
	struct ev_tls_lib *lib = tls_lib_of(c->site.lib);
	struct plaintext p = {};

	if (!lib || lib->off)
		return 0;
	p.cookie = tls_socket_of(c->conn, c->mixed ? 0 : c->cookie, &p.sure);
	p.n = go_moved(c, lib, n);
	if (!p.n)
		return 0;
	__sync_fetch_and_add(&lib->calls, 1);
	__sync_fetch_and_add(&lib->bytes, p.n);
	p.buf = c->buf;
	if (p.buf - c->sp < c->depth) /* it was on the stack, and moved with it */
		p.buf += sp - c->sp;
	p.dir = c->site.what == EV_TLS_WRITE ? EV_WRITE : EV_READ;
	p.ts_ns = p.dir == EV_WRITE ? c->ts_ns : bpf_ktime_get_ns();
	p.tls = c->site.tls;
	p.tls_lib = c->site.lib;
	return emit_plaintext(&p);
}

SEC("uprobe")
int go_leave(struct pt_regs *ctx)
{
	struct go_key key = { bpf_get_current_pid_tgid() >> 32, GO_G(ctx) };
	__u64 cookie = site_cookie(ctx), sp = PT_REGS_SP(ctx);
	__s64 n = GO_ARG0(ctx);
	struct ev_go_site site;
	struct go_call *c;

	LOCALS_ON_THE_STACK(ctx, go_nowhere);
	__builtin_memcpy(&site, &cookie, sizeof(site));
	if (site.frame && GO_GROWS(ctx))
		return 0;
	c = bpf_map_lookup_elem(&go_calls, &key);
	if (!c || !c->depth)
		return 0;
	if (site.frame) { /* behind the return address is the caller's frame */
		n = user_word(sp + 8 + site.slot);
		sp += 8 + site.frame;
	}
	if (stack_end(key.g) - sp != c->depth || site.what != c->site.what)
		return 0;
	go_end(c, sp, n);
	c->depth = 0;
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
