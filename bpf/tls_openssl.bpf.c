/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* Plaintext at the read and write functions of a TLS library whose connection object is argument 0 and
 * which does its system calls inside the call: OpenSSL and its relatives.
 *
 * The socket is the one that a system call nested in the library's call used.  A call without one (the
 * bytes were buffered) takes the socket that the same connection object used before; the entry is
 * worth nothing once that socket is closed, because its connection is gone then.  What remains unknown is
 * counted and dropped, never guessed.
 *
 * Writes are delivered when they have succeeded: one that fails with "want write" is repeated with the
 * same bytes.
 *
 * A call can pass several probes: SSL_read and the internal function below it, or one inode that was
 * attached twice.  The call under way is therefore known by its stack pointer: an entry on a deeper stack
 * is inside it and ignored, and so is a return that is not its own.  TLS inside TLS (an HTTPS proxy)
 * comes out right by the same rule: the outer call is the application's.
 *
 * One inner call is the application's as well: a write inside a read or handshake of the same object.  No library
 * does that itself; a callback does (Node's "secureConnect" comes out of SSL_read).
 */
#include "tls.bpf.h"

#define PEEK	   2  /* MSG_PEEK, and NSPR's PR_MSG_PEEK */
#define MAX_NESTED 64 /* after so many entries inside a call, its return was missed (longjmp) */

struct tls_call {
	__u64 sp; /* at entry; 0: none under way */
	__u64 ssl, buf, num, len_ptr, ts_ns;
	struct ev_tls_site site;
	__u64 nested;
};
struct tls_calls {
	struct tls_call outer, inner; /* inner: a callback's write */
};
struct {
	TASK_MAP(struct tls_calls);
} tls_calls SEC(".maps");

#ifdef LIMPID_OLD_KERNEL
SHARED int tls_thread_ends(void)
{
	task_map_drop(&tls_calls);
	return 0;
}
#endif

/* The registers are loaded before one is chosen: the verifier wants a constant offset in ctx. */
static __always_inline __u64 argument(struct pt_regs *ctx, __u8 n)
{
	__u64 a1 = PT_REGS_PARM2(ctx), a2 = PT_REGS_PARM3(ctx), a3 = PT_REGS_PARM4(ctx),
	      a4 = PT_REGS_PARM5(ctx);

	barrier_var(a1);
	barrier_var(a2);
	barrier_var(a3);
	barrier_var(a4);
	return n == 1 ? a1 : n == 2 ? a2 : n == 3 ? a3 : n == 4 ? a4 : 0;
}

static __always_inline bool from_callback(const struct tls_call *outer,
					  const struct ev_tls_site *site, __u64 ssl)
{
	return site->what == EV_TLS_WRITE && outer->site.what != EV_TLS_WRITE &&
	       outer->site.what != EV_TLS_HIDE && ssl == outer->ssl;
}

/* Where the call that begins is kept; NULL: it is part of one that is under way. */
static __always_inline struct tls_call *
call_begins(struct tls_calls *calls, const struct ev_tls_site *site, __u64 ssl, __u64 sp)
{
	struct tls_call *c = &calls->outer;

	if (!c->sp || sp >= c->sp) {
		calls->inner.sp = 0;
		return c;
	}
	if (from_callback(c, site, ssl)) {
		c = &calls->inner;
		if (!c->sp || sp >= c->sp)
			return c;
	}
	if (c->nested++ < MAX_NESTED)
		return NULL;
	calls->inner.sp = 0;
	return c;
}

/* The one that ends at this stack pointer.  On x86 the return address was popped. */
static __always_inline struct tls_call *call_ends(struct tls_calls *calls, __u64 sp)
{
	struct tls_call *c = &calls->inner;

	if (c->sp && sp - c->sp <= sizeof(__u64))
		return c;
	c = &calls->outer;
	if (!c->sp || sp - c->sp > sizeof(__u64))
		return NULL;
	calls->inner.sp = 0;
	return c;
}

NOWHERE(tls_nowhere);

SEC("uprobe")
int tls_enter(struct pt_regs *ctx)
{
	__u64 cookie = site_cookie(ctx), sp = PT_REGS_SP(ctx);
	struct task_ctx *t = task_ctx_get();
	struct ev_tls_site site;
	struct ev_tls_lib *lib;
	struct tls_calls *calls;
	struct tls_call *c;

	LOCALS_ON_THE_STACK(ctx, tls_nowhere);
	if (!t || !task_wanted(t))
		return 0;
	__builtin_memcpy(&site, &cookie, sizeof(site));
	if (site.what == EV_TLS_FORGET) {
		tls_forget(PT_REGS_PARM1(ctx));
		return 0;
	}
	if (site.what == EV_TLS_END)
		return tls_end(PT_REGS_PARM1(ctx), site.lib, EV_END_TLS_WRITE);
	calls = task_map_make(&tls_calls);
	if (!calls) {
		loss(EV_LOSS_INFLIGHT, 1);
		return 0;
	}
	if ((site.form & EV_TLS_PEEKS) && (PT_REGS_PARM4(ctx) & PEEK))
		site.what = EV_TLS_HIDE;
	c = call_begins(calls, &site, PT_REGS_PARM1(ctx), sp);
	if (!c)
		return 0;
	lib = tls_lib_of(site.lib);
	if (!lib || lib->off) /* what it writes to TLS by the kernel is told of there */
		return 0;
	c->sp = sp;
	c->ssl = PT_REGS_PARM1(ctx);
	c->buf = argument(ctx, site.buf_arg);
	c->num = argument(ctx, site.num_arg);
	c->len_ptr = 0;
	if (site.len_arg != EV_TLS_LEN_RETURN)
		c->len_ptr = argument(ctx, site.len_arg);
	else if (!(site.form & EV_TLS_SIZE))
		c->num = (__u32)c->num;
	c->site = site;
	c->nested = 0;
	c->ts_ns = bpf_ktime_get_ns();
	if (c == &calls->outer) /* an inner call is about the same socket */
		t->tls_cookie = 0;
	t->tls_object = c->ssl;
	t->tls_lib = site.lib;
	t->tls_active = 1;
	return 0;
}

#define PACKET_MAX (1U << 24) /* a record's bytes, and then some */

/* Where the bytes of a packet of GnuTLS are (gnutls_record_recv_packet): its buffer behind a mark.  Not there: nowhere. */
SUB int find_packet(struct tls_call *c, __u64 n)
{
	struct {
		__u64 next, prev, mark, data;
		__u32 size;
	} p = {};
	__u64 at = 0;

	bpf_probe_read_user(&at, sizeof(at), (void *)c->buf);
	bpf_probe_read_user(&p, sizeof(p), (void *)at);
	c->num = PACKET_MAX;
	c->buf = p.data && p.mark + n == p.size ? p.data + p.mark : 0;
	return 0;
}

/* Bytes that the call moved; 0: none. */
static __always_inline __u64 moved(struct tls_call *c, struct ev_tls_lib *lib, __s64 rc)
{
	__u64 n = 0;

	if (c->site.what >= EV_TLS_HANDSHAKE)
		return 0;
	if (!(c->site.form & EV_TLS_LONG))
		rc = (int)rc;
	if (c->site.len_arg == EV_TLS_LEN_RETURN)
		n = rc > 0 ? rc : 0;
	else if (rc <= 0 || bpf_probe_read_user(&n, sizeof(n), (void *)c->len_ptr))
		return 0;
	if (n && (c->site.form & EV_TLS_PACKET))
		find_packet(c, n);
	if ((c->site.form & EV_TLS_RESUMES) && !c->buf)
		c->num = PACKET_MAX;
	/* The site is not what it was taken for: more than the buffer holds, or the buffer is no memory of a program. */
	if (n > c->num || (n && c->buf < 4096 && !(c->site.form & EV_TLS_RESUMES))) {
		tls_lib_lies(lib);
		return 0;
	}
	return n;
}

static __always_inline bool met_end(const struct tls_call *c, __s64 rc)
{
	if (!(c->site.form & EV_TLS_EOF) || c->site.what != EV_TLS_READ || !c->num)
		return false;
	return c->site.form & EV_TLS_LONG ? rc == 0 : (int)rc == 0;
}

SEC("uretprobe")
int tls_leave(struct pt_regs *ctx)
{
	struct tls_calls *calls = task_map_find(&tls_calls);
	struct tls_call *c = calls ? call_ends(calls, PT_REGS_SP(ctx)) : NULL;
	struct plaintext p = {};
	struct ev_tls_lib *lib;
	struct task_ctx *t;

	LOCALS_ON_THE_STACK(ctx, tls_nowhere);
	if (!c)
		return 0;
	c->sp = 0;
	t = task_ctx_get();
	lib = tls_lib_of(c->site.lib);
	if (!t || !lib)
		return 0;
	t->tls_active = calls->outer.sp != 0;
	if (lib->off)
		return 0;
	p.cookie = tls_socket_of(c->ssl, t->tls_cookie, &p.sure);
	p.n = moved(c, lib, PT_REGS_RC(ctx));
	if (!p.n)
		return met_end(c, PT_REGS_RC(ctx)) ? tls_end(c->ssl, c->site.lib, EV_END_TLS_READ) : 0;
	if (!t->tls_cookie)
		p.cookie = tls_socket_by_hello(c->ssl, c->site.lib, p.cookie, &p.sure);
	__sync_fetch_and_add(&lib->calls, 1);
	__sync_fetch_and_add(&lib->bytes, p.n);
	p.buf = c->buf;
	p.dir = c->site.what == EV_TLS_WRITE ? EV_WRITE : EV_READ;
	p.ts_ns = p.dir == EV_WRITE ? c->ts_ns : bpf_ktime_get_ns();
	p.tls = c->site.tls;
	p.tls_lib = c->site.lib;
	emit_plaintext(&p);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
