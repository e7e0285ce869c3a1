/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* tls_late.bpf.c - the probe on BIO_write, and what sockets send meanwhile; late.bpf.h says what for. */
#include "tls.bpf.h"
#include "transfer.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The n bytes at user address from as the key of a record.  False: no record begins there. */
static __always_inline bool record_key(struct hello_key *key, __u64 from, __u64 n)
{
	__u8 head[HELLO_HEADER] = {};
	__u32 len;

	if (n < HELLO_HEADER || bpf_probe_read_user(head, sizeof(head), (void *)from))
		return false;
	len = late_body(head, n);
	barrier_var(len);
	if (len < LATE_LEAST || len > HELLO_RANDOM)
		return false;
	key->tgid = bpf_get_current_pid_tgid() >> 32;
	return !bpf_probe_read_user(key->random, len, (void *)(from + HELLO_HEADER));
}

NOWHERE(late_nowhere);

/* BIO_write(bio, data, len), by the library itself. */
SEC("uprobe")
int tls_bio_write(struct pt_regs *ctx)
{
	struct hello_key record = {}, object = {};
	struct task_ctx *t = task_ctx_get();
	struct late_object is = {};
	struct ev_tls_lib *lib;
	struct hello *h;
	__u32 server = 0;

	LOCALS_ON_THE_STACK(ctx, late_nowhere);
	if (!t || !t->tls_active || !record_key(&record, PT_REGS_PARM2(ctx), (__u32)PT_REGS_PARM3(ctx)))
		return 0;
	lib = tls_lib_of(t->tls_lib);
	if (!lib || !tls_random(t->tls_object, &lib->layout, &object))
		return 0;
	h = bpf_map_lookup_elem(&hellos, &object);
	if (h && (h->cookie[EV_READ] || h->cookie[EV_WRITE]))
		return 0;
	if (lib->layout.side)
		bpf_probe_read_user(&server, sizeof(server), (void *)(t->tls_object + lib->layout.side));
	is.dir = server == 1 ? EV_READ : EV_WRITE;
	__builtin_memcpy(is.random, object.random, sizeof(is.random));
	bpf_map_update_elem(&late_records, &record, &is, BPF_ANY);
	return 0;
}

/* The first buffer of a call; *ret_n: of how many bytes. */
static __always_inline __u64 first_buffer(const struct call *call, __u64 *ret_n)
{
	struct user_iovec v = {};
	__u64 list = call->buf;

	*ret_n = call->len;
	if (call->shape == CALL_BUF || (call->shape == CALL_ITER && call->mem < MEM_KERNEL))
		return call->buf;
	*ret_n = 0;
	if (call->shape == CALL_MSG) {
		if (bpf_probe_read_user(&list, sizeof(list), &((struct user_msghdr *)call->buf)->iov))
			return 0;
	} else if (call->shape != CALL_IOV) {
		return 0;
	}
	if (bpf_probe_read_user(&v, sizeof(v), (void *)list))
		return 0;
	*ret_n = v.len;
	return v.base;
}

SHARED int hello_passed(const struct call *call, __u64 n)
{
	__u8 head[HELLO_HEADER + HELLO_BEFORE] = {};
	struct hello_key key = {};
	__u64 from, len = 0;

	if (!call)
		return 0;
	from = first_buffer(call, &len);
	if (n < HELLO_HEADER + HELLO_LEAST || len < HELLO_HEADER + HELLO_LEAST ||
	    bpf_probe_read_user(head, sizeof(head), (void *)from))
		return 0;
	if (head[0] != 22 || head[1] != 3 || head[HELLO_HEADER] != 1 || head[HELLO_HEADER + 4] != 3 ||
	    bpf_probe_read_user(key.random, HELLO_RANDOM, (void *)(from + sizeof(head))))
		return 0;
	key.tgid = bpf_get_current_pid_tgid() >> 32;
	hello_put(&key, call->dir, call->cookie);
	return 0;
}

SHARED int late_sent(const struct call *call, __u64 sent)
{
	struct hello_key key = {};
	struct late_object *is;
	__u64 from, n = 0;

	if (!call)
		return 0;
	from = first_buffer(call, &n);
	if (!record_key(&key, from, n < sent ? n : sent))
		return 0;
	is = bpf_map_lookup_elem(&late_records, &key);
	if (!is)
		return 0;
	__builtin_memcpy(key.random, is->random, sizeof(key.random));
	hello_put(&key, is->dir, call->cookie);
	return 0;
}
