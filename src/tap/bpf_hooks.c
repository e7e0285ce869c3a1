/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/bpf_hooks.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "limpid.skel.h"
#include "tap/bpf_priv.h"

/* enum hooked of bpf/transfer.bpf.h */
enum { HOOKED_SYSCALL, HOOKED_UNSEEN, HOOKED_FUNCTION };

static const char *const names[TAP_BACKENDS] = { "auto", "tracepoint", "kprobe", "fentry" };
static const char *const whats[HOOKS] = { "TCP send", "TCP receive" };

/* The programs of each hook; when: where they are needed. */
enum when { ALWAYS, WITH_SENDPAGE, WITH_SEND_TP, WITH_RECV_TP, WITH_LENGTH_TP, WITH_UNIX,
	    WITH_UNIX_SENDPAGE, WITH_SPLICE, WITH_UDP, AGAIN, AGAIN_UNIX, AGAIN_SPLICE, AGAIN_SEND_TP, AGAIN_RECV_TP };
static const struct {
	enum hook hook;
	enum tap_backend backend;
	enum when when;
	const char *prog;
} programs[] = {
	/* Returns before entries: an entry whose return is not seen would leave a call under way.  Second ones before first
	 * ones: the kernel runs first what was attached last. */
	{ HOOK_SEND, TAP_BACKEND_FENTRY, AGAIN, "fexit_tcp_sendmsg_again" },
	{ HOOK_RECV, TAP_BACKEND_FENTRY, AGAIN, "fexit_tcp_recvmsg_again" },
	{ HOOK_SEND, TAP_BACKEND_FENTRY, AGAIN_UNIX, "fexit_unix_stream_sendmsg_again" },
	{ HOOK_RECV, TAP_BACKEND_FENTRY, AGAIN_UNIX, "fexit_unix_stream_recvmsg_again" },
	{ HOOK_RECV, TAP_BACKEND_FENTRY, AGAIN_SPLICE, "fexit_skb_splice_bits_again" },
	{ HOOK_SEND, TAP_BACKEND_FENTRY, ALWAYS, "fexit_tcp_sendmsg" },
	{ HOOK_SEND, TAP_BACKEND_FENTRY, WITH_SENDPAGE, "fexit_tcp_sendpage" },
	{ HOOK_RECV, TAP_BACKEND_FENTRY, ALWAYS, "fexit_tcp_recvmsg" },
	{ HOOK_SEND, TAP_BACKEND_FENTRY, WITH_UNIX, "fexit_unix_stream_sendmsg" },
	{ HOOK_SEND, TAP_BACKEND_FENTRY, WITH_UNIX_SENDPAGE, "fexit_unix_stream_sendpage" },
	{ HOOK_RECV, TAP_BACKEND_FENTRY, WITH_UNIX, "fexit_unix_stream_recvmsg" },
	{ HOOK_SEND, TAP_BACKEND_FENTRY, AGAIN_UNIX, "fentry_unix_stream_sendmsg_again" },
	{ HOOK_RECV, TAP_BACKEND_FENTRY, AGAIN_UNIX, "fentry_unix_stream_recvmsg_again" },
	{ HOOK_SEND, TAP_BACKEND_FENTRY, WITH_UNIX, "fentry_unix_stream_sendmsg" },
	{ HOOK_SEND, TAP_BACKEND_FENTRY, WITH_UNIX_SENDPAGE, "fentry_unix_stream_sendpage" },
	{ HOOK_RECV, TAP_BACKEND_FENTRY, WITH_UNIX, "fentry_unix_stream_recvmsg" },
	{ HOOK_RECV, TAP_BACKEND_FENTRY, WITH_UNIX, "fentry_unix_release_sock" },
	{ HOOK_RECV, TAP_BACKEND_FENTRY, WITH_SPLICE, "fexit_skb_splice_bits" },
	{ HOOK_RECV, TAP_BACKEND_FENTRY, AGAIN_SPLICE, "fentry_skb_splice_bits_again" },
	{ HOOK_RECV, TAP_BACKEND_FENTRY, WITH_SPLICE, "fentry_skb_splice_bits" },
	{ HOOK_SEND, TAP_BACKEND_FENTRY, AGAIN, "fentry_tcp_sendmsg_again" },
	{ HOOK_RECV, TAP_BACKEND_FENTRY, AGAIN, "fentry_tcp_recvmsg_again" },
	{ HOOK_SEND, TAP_BACKEND_FENTRY, ALWAYS, "fentry_tcp_sendmsg" },
	{ HOOK_SEND, TAP_BACKEND_FENTRY, WITH_SENDPAGE, "fentry_tcp_sendpage" },
	{ HOOK_RECV, TAP_BACKEND_FENTRY, ALWAYS, "fentry_tcp_recvmsg" },
	{ HOOK_SEND, TAP_BACKEND_FENTRY, WITH_UDP, "kretprobe_udp_sendmsg" },
	{ HOOK_SEND, TAP_BACKEND_FENTRY, WITH_UDP, "kretprobe_udpv6_sendmsg" },
	{ HOOK_RECV, TAP_BACKEND_FENTRY, WITH_UDP, "kretprobe_udp_recvmsg" },
	{ HOOK_RECV, TAP_BACKEND_FENTRY, WITH_UDP, "kretprobe_udpv6_recvmsg" },
	{ HOOK_SEND, TAP_BACKEND_FENTRY, WITH_UDP, "kprobe_udp_sendmsg" },
	{ HOOK_SEND, TAP_BACKEND_FENTRY, WITH_UDP, "kprobe_udpv6_sendmsg" },
	{ HOOK_RECV, TAP_BACKEND_FENTRY, WITH_UDP, "kprobe_udp_recvmsg" },
	{ HOOK_RECV, TAP_BACKEND_FENTRY, WITH_UDP, "kprobe_udpv6_recvmsg" },
	{ HOOK_SEND, TAP_BACKEND_KPROBE, ALWAYS, "kretprobe_tcp_sendmsg" },
	{ HOOK_SEND, TAP_BACKEND_KPROBE, WITH_SENDPAGE, "kretprobe_tcp_sendpage" },
	{ HOOK_RECV, TAP_BACKEND_KPROBE, ALWAYS, "kretprobe_tcp_recvmsg" },
	{ HOOK_SEND, TAP_BACKEND_KPROBE, WITH_UNIX, "kretprobe_unix_stream_sendmsg" },
	{ HOOK_SEND, TAP_BACKEND_KPROBE, WITH_UNIX_SENDPAGE, "kretprobe_unix_stream_sendpage" },
	{ HOOK_RECV, TAP_BACKEND_KPROBE, WITH_UNIX, "kretprobe_unix_stream_recvmsg" },
	{ HOOK_SEND, TAP_BACKEND_KPROBE, WITH_UNIX, "kprobe_unix_stream_sendmsg" },
	{ HOOK_SEND, TAP_BACKEND_KPROBE, WITH_UNIX_SENDPAGE, "kprobe_unix_stream_sendpage" },
	{ HOOK_RECV, TAP_BACKEND_KPROBE, WITH_UNIX, "kprobe_unix_stream_recvmsg" },
	{ HOOK_RECV, TAP_BACKEND_KPROBE, WITH_UNIX, "kprobe_unix_release_sock" },
	{ HOOK_RECV, TAP_BACKEND_KPROBE, WITH_SPLICE, "kretprobe_skb_splice_bits" },
	{ HOOK_RECV, TAP_BACKEND_KPROBE, WITH_SPLICE, "kprobe_skb_splice_bits" },
	{ HOOK_SEND, TAP_BACKEND_KPROBE, ALWAYS, "kprobe_tcp_sendmsg" },
	{ HOOK_SEND, TAP_BACKEND_KPROBE, WITH_SENDPAGE, "kprobe_tcp_sendpage" },
	{ HOOK_RECV, TAP_BACKEND_KPROBE, ALWAYS, "kprobe_tcp_recvmsg" },
	{ HOOK_SEND, TAP_BACKEND_KPROBE, WITH_UDP, "kretprobe_udp_sendmsg" },
	{ HOOK_SEND, TAP_BACKEND_KPROBE, WITH_UDP, "kretprobe_udpv6_sendmsg" },
	{ HOOK_RECV, TAP_BACKEND_KPROBE, WITH_UDP, "kretprobe_udp_recvmsg" },
	{ HOOK_RECV, TAP_BACKEND_KPROBE, WITH_UDP, "kretprobe_udpv6_recvmsg" },
	{ HOOK_SEND, TAP_BACKEND_KPROBE, WITH_UDP, "kprobe_udp_sendmsg" },
	{ HOOK_SEND, TAP_BACKEND_KPROBE, WITH_UDP, "kprobe_udpv6_sendmsg" },
	{ HOOK_RECV, TAP_BACKEND_KPROBE, WITH_UDP, "kprobe_udp_recvmsg" },
	{ HOOK_RECV, TAP_BACKEND_KPROBE, WITH_UDP, "kprobe_udpv6_recvmsg" },
	{ HOOK_SEND, TAP_BACKEND_TRACEPOINT, WITH_LENGTH_TP, "tp_sock_send_length" },
	{ HOOK_SEND, TAP_BACKEND_TRACEPOINT, AGAIN_SEND_TP, "tp_sock_send_length_again" },
	{ HOOK_SEND, TAP_BACKEND_TRACEPOINT, WITH_SEND_TP, "tp_tcp_sendmsg_locked" },
	{ HOOK_SEND, TAP_BACKEND_TRACEPOINT, AGAIN_SEND_TP, "tp_tcp_sendmsg_locked_again" },
	{ HOOK_RECV, TAP_BACKEND_TRACEPOINT, WITH_LENGTH_TP, "tp_sock_recv_length" },
	{ HOOK_RECV, TAP_BACKEND_TRACEPOINT, WITH_RECV_TP, "tp_tcp_received" },
	{ HOOK_RECV, TAP_BACKEND_TRACEPOINT, AGAIN_RECV_TP, "tp_tcp_received_again" },
	{ HOOK_RECV, TAP_BACKEND_TRACEPOINT, WITH_RECV_TP, "tp_skb_copied" },
};
/* Of TLS by the kernel, where functions are hooked: attached when it is there (hooks_tls). */
static const struct {
	const char *prog;
	bool needed; /* else it is of some kernels only */
} tls_programs[] = {
	{ "kretprobe_tls_sw_sendpage", false }, { "kprobe_tls_sw_sendpage", false },
	{ "kretprobe_tls_sw_recvmsg", true },	{ "kprobe_tls_sw_recvmsg", true },
	{ "kretprobe_tls_sw_sendmsg", true },	{ "kprobe_tls_sw_sendmsg", true },
};
#define NTLS	  (sizeof(tls_programs) / sizeof(*tls_programs))
#define NPROGRAMS (sizeof(programs) / sizeof(*programs))

const char *tap_backend_name(enum tap_backend b)
{
	return names[b];
}

int tap_backend_parse(const char *name, enum tap_backend *ret)
{
	for (enum tap_backend b = 0; b < TAP_BACKENDS; b++) {
		if (strcmp(name, names[b]) != 0)
			continue;
		*ret = b;
		return 0;
	}
	return -EINVAL;
}

/* --- what the kernel has ------------------------------------------------------------------------- */

static unsigned function_args(const struct btf *btf, const char *name)
{
	int id = btf__find_by_name_kind(btf, name, BTF_KIND_FUNC);
	const struct btf_type *t = id > 0 ? btf__type_by_id(btf, (__u32)id) : NULL;

	t = t ? btf__type_by_id(btf, t->type) : NULL;
	return t ? btf_vlen(t) : 0;
}

static bool has_tracepoint(const struct btf *btf, const char *name)
{
	char type[64];

	(void)snprintf(type, sizeof(type), "btf_trace_%s", name);
	return btf__find_by_name_kind(btf, type, BTF_KIND_TYPEDEF) > 0;
}

/* A kernel whose IPv6 is a module has those functions elsewhere. */
static bool has_udp(const struct btf *btf, unsigned recv_args)
{
	unsigned v4 = function_args(btf, "udp_recvmsg"), v6 = function_args(btf, "udpv6_recvmsg");

	/* Behind the flags there may be an argument less. */
	return function_args(btf, "udp_sendmsg") == 3 && function_args(btf, "udpv6_sendmsg") == 3 &&
	       v4 >= 4 && v6 == v4 && (v4 == 6) == (recv_args == 6);
}

static void look_around(struct hooks *h)
{
	struct btf *btf = btf__load_vmlinux_btf();

	if (!btf)
		return; /* the load will fail, too */
	h->recv_args = function_args(btf, "tcp_recvmsg");
	h->sendpage = function_args(btf, "tcp_sendpage") == 5;
	h->af_unix = function_args(btf, "unix_stream_sendmsg") == 3 &&
		     function_args(btf, "unix_stream_recvmsg") == 4 &&
		     function_args(btf, "unix_release_sock") == 2;
	h->unix_sendpage = h->af_unix && function_args(btf, "unix_stream_sendpage") == 5;
	h->splice = function_args(btf, "skb_splice_bits") == 6;
	h->udp = has_udp(btf, h->recv_args);
	h->again = bpf_preempts();
	h->length_tp = has_tracepoint(btf, "sock_send_length") && has_tracepoint(btf, "sock_recv_length");
	h->send_tp = has_tracepoint(btf, "tcp_sendmsg_locked") && h->length_tp;
	h->recv_tp = has_tracepoint(btf, "skb_copy_datagram_iovec") &&
		     has_tracepoint(btf, "tcp_rcv_space_adjust");
	btf__free(btf);
}

static bool needed(const struct hooks *h, enum when when)
{
	switch (when) {
	case WITH_SENDPAGE:
		return h->sendpage;
	case WITH_SEND_TP:
		return h->send_tp;
	case WITH_RECV_TP:
		return h->recv_tp;
	case WITH_LENGTH_TP:
		return h->length_tp;
	case WITH_UNIX:
		return h->af_unix;
	case WITH_UNIX_SENDPAGE:
		return h->unix_sendpage;
	case WITH_SPLICE:
		return h->splice;
	case WITH_UDP:
		return h->udp;
	case AGAIN:
		return h->again;
	case AGAIN_UNIX:
		return h->again && h->af_unix;
	case AGAIN_SPLICE:
		return h->again && h->splice;
	case AGAIN_SEND_TP:
		return h->send_tp && bpf_preempts_tracepoints();
	case AGAIN_RECV_TP:
		return h->recv_tp && bpf_preempts_tracepoints();
	case ALWAYS:
		break;
	}
	return true;
}

/* --- the plan ------------------------------------------------------------------------------------ */

static bool usable(const struct hooks *h, enum hook i, enum tap_backend b)
{
	return !h->state[i].refused[b][0] && (!h->forced || h->forced == b);
}

static void refuse_all(struct hooks *h, enum tap_backend b, const char *why)
{
	for (enum hook i = 0; i < HOOKS; i++)
		(void)snprintf(h->state[i].refused[b], HOOKS_REASON, "%s", why);
}

static void choose(struct hooks *h)
{
	for (enum hook i = 0; i < HOOKS; i++) {
		enum tap_backend b = TAP_BACKENDS - 1;

		while (b > TAP_BACKEND_AUTO && !usable(h, i, b))
			b--;
		h->state[i].used = b; /* AUTO: none is left */
	}
}

/* What the tracepoints need when they are all there is. */
static void plan_only_tcp(struct hooks *h)
{
	static const char lacks[] = "the kernel lacks the tracepoints of TCP that reading without hooks of "
				    "system calls takes (they came with Linux 6.16); leave out --only-tcp";

	h->af_unix = h->unix_sendpage = h->udp = false;
	if (!h->send_tp)
		(void)snprintf(h->state[HOOK_SEND].refused[TAP_BACKEND_TRACEPOINT], HOOKS_REASON, lacks);
	if (!h->recv_tp || !h->length_tp)
		(void)snprintf(h->state[HOOK_RECV].refused[TAP_BACKEND_TRACEPOINT], HOOKS_REASON, lacks);
}

void hooks_plan(struct hooks *h, enum tap_backend forced, bool only_tcp)
{
	char why[HOOKS_REASON];

	*h = (struct hooks){ .forced = forced, .only_tcp = only_tcp };
	look_around(h);
	if (only_tcp)
		plan_only_tcp(h);
	if ((!forced || forced == TAP_BACKEND_FENTRY) && !hooks_probe_fentry(why, sizeof(why)))
		refuse_all(h, TAP_BACKEND_FENTRY, why);
	if ((!forced || forced == TAP_BACKEND_KPROBE) && !hooks_probe_kprobe(why, sizeof(why)))
		refuse_all(h, TAP_BACKEND_KPROBE, why);
	choose(h);
}

/* What can be done without: system calls show it, or sequence numbers do. */
static bool do_without(struct hooks *h, enum when when)
{
	if (h->only_tcp && (when == WITH_LENGTH_TP || when == WITH_SEND_TP || when == WITH_RECV_TP))
		return false;
	switch (when) {
	case WITH_LENGTH_TP:
		h->length_tp = h->send_tp = false;
		return true;
	case WITH_SEND_TP:
	case AGAIN_SEND_TP:
		h->send_tp = false;
		return true;
	case WITH_RECV_TP:
	case AGAIN_RECV_TP:
		h->recv_tp = false;
		return true;
	case WITH_UNIX:
		h->af_unix = false;
		return true;
	case WITH_SPLICE: /* it is a hole then */
		h->splice = false;
		return true;
	case WITH_UDP:
		h->udp = false;
		return true;
	case AGAIN:
	case AGAIN_UNIX:
	case AGAIN_SPLICE:
		h->again = false;
		return true;
	case WITH_UNIX_SENDPAGE:
	case WITH_SENDPAGE:
	case ALWAYS:
		break;
	}
	return false;
}

bool hooks_demote(struct hooks *h, const char *why)
{
	enum tap_backend best = TAP_BACKEND_AUTO;
	bool named = false;

	if (strstr(why, "_tls_sw_")) { /* it can be done without */
		h->no_tls = true;
		return true;
	}
	for (size_t i = 0; i < NPROGRAMS && !named; i++) {
		char quoted[64];

		(void)snprintf(quoted, sizeof(quoted), "'%s'", programs[i].prog);
		if (!strstr(why, quoted))
			continue;
		if (do_without(h, programs[i].when))
			return true;
		(void)snprintf(h->state[programs[i].hook].refused[programs[i].backend], HOOKS_REASON,
			       "%s", why);
		named = true;
	}
	for (enum hook i = 0; i < HOOKS; i++)
		if (h->state[i].used > best)
			best = h->state[i].used;
	if (!named && best > TAP_BACKEND_TRACEPOINT)
		refuse_all(h, best, why);
	else if (!named)
		return false;
	choose(h);
	return h->state[HOOK_SEND].used && h->state[HOOK_RECV].used;
}

int hooks_missing(const struct hooks *h, char *err, size_t errlen)
{
	for (enum hook i = 0; i < HOOKS; i++)
		if (!h->state[i].used)
			return bpf_fail(err, errlen, -EOPNOTSUPP, "there is no back end %s here: %s",
					names[h->forced], h->state[i].refused[h->forced]);
	return 0;
}

bool hooks_need_calls(const struct hooks *h)
{
	return h->state[HOOK_SEND].used == TAP_BACKEND_TRACEPOINT || h->state[HOOK_RECV].used == TAP_BACKEND_TRACEPOINT;
}

const char *hooks_summary(const struct hooks *h)
{
	return h->state[HOOK_SEND].used == h->state[HOOK_RECV].used
		       ? names[h->state[HOOK_SEND].used]
		       : "mixed";
}

void hooks_each(const struct hooks *h, void (*fn)(void *ctx, const struct tap_hook *h), void *ctx)
{
	for (enum hook i = 0; i < HOOKS; i++) {
		struct tap_hook t = { .what = whats[i],
				      .sends = i == HOOK_SEND,
				      .traced = i == HOOK_SEND ? h->send_tp : h->recv_tp,
				      .told = h->length_tp,
				      .only_tcp = h->only_tcp,
				      .used = h->state[i].used };

		for (enum tap_backend b = 0; b < TAP_BACKENDS; b++)
			t.refused[b] = h->state[i].refused[b];
		fn(ctx, &t);
	}
}

/* --- carrying it out ------------------------------------------------------------------------------ */

static bool wants_tls(const struct hooks *h)
{
	/* They can be hooked when the first such socket is met, and its first calls only system calls show. */
	return !h->no_tls && !h->only_tcp && h->state[HOOK_SEND].used > TAP_BACKEND_TRACEPOINT &&
	       h->state[HOOK_RECV].used > TAP_BACKEND_TRACEPOINT;
}

static bool planned(const struct hooks *h, size_t i)
{
	return h->state[programs[i].hook].used == programs[i].backend &&
	       needed(h, programs[i].when);
}

void hooks_prepare(struct hooks *h, struct limpid_bpf *skel)
{
	skel->rodata->recv_args = (__u8)h->recv_args;
	skel->rodata->only_tcp = h->only_tcp;
	for (size_t i = 0; i < NPROGRAMS; i++) {
		struct bpf_program *p =
			bpf_object__find_program_by_name(skel->obj, programs[i].prog);

		if (p && planned(h, i)) /* none is by itself, and one may serve two back ends */
			(void)bpf_program__set_autoload(p, true);
	}
	for (size_t i = 0; i < NTLS; i++) {
		struct bpf_program *p =
			bpf_object__find_program_by_name(skel->obj, tls_programs[i].prog);

		if (p)
			(void)bpf_program__set_autoload(p, wants_tls(h));
	}
}

static __u8 hooked(const struct hooks *h, enum hook i)
{
	if (h->state[i].used > TAP_BACKEND_TRACEPOINT)
		return HOOKED_FUNCTION;
	return i == HOOK_SEND && h->send_tp ? HOOKED_UNSEEN : HOOKED_SYSCALL;
}

void hooks_tls(struct hooks *h, struct limpid_bpf *skel)
{
	size_t before = h->nlinks;

	if (!wants_tls(h) || skel->bss->tls_hooked)
		return;
	for (size_t i = 0; i < NTLS; i++) {
		struct bpf_program *p =
			bpf_object__find_program_by_name(skel->obj, tls_programs[i].prog);
		struct bpf_link *l = p ? bpf_program__attach(p) : NULL;

		if (l) {
			h->links[h->nlinks++] = l;
		} else if (tls_programs[i].needed) {
			while (h->nlinks > before)
				bpf_link__destroy(h->links[--h->nlinks]);
			return; /* it is not there, or not yet */
		}
	}
	skel->bss->tls_hooked = 1;
}

int hooks_attach(struct hooks *h, struct limpid_bpf *skel, char *why, size_t n)
{
	if (h->only_tcp && h->state[HOOK_RECV].used == TAP_BACKEND_TRACEPOINT &&
	    !skel->bss->page_address) {
		(void)snprintf(why, n, "prog 'tp_skb_copied': the addresses of the kernel's pages, in which packets are, "
				       "cannot be told here");
		return -EOPNOTSUPP;
	}
	skel->bss->hooked[EV_WRITE] = hooked(h, HOOK_SEND);
	skel->bss->hooked[EV_READ] = hooked(h, HOOK_RECV);
	skel->bss->unix_hooked = h->af_unix;
	skel->bss->splice_hooked = h->splice;
	skel->bss->udp_hooked = h->udp;
	skel->bss->lengths_told =
		h->length_tp && h->state[HOOK_RECV].used == TAP_BACKEND_TRACEPOINT;
	for (size_t i = 0; i < NPROGRAMS; i++) {
		struct bpf_program *p =
			bpf_object__find_program_by_name(skel->obj, programs[i].prog);
		int err = p ? 0 : -ENOENT;

		if (!planned(h, i))
			continue;
		if (p)
			h->links[h->nlinks] = bpf_program__attach(p);
		if (p && !h->links[h->nlinks])
			err = -errno;
		if (err) {
			(void)snprintf(why, n, "prog '%s': it cannot be attached: %s",
				       programs[i].prog, hooks_error_text(-err));
			return err;
		}
		h->nlinks++;
	}
	hooks_tls(h, skel);
	return hooks_test(h, skel, why, n);
}

void hooks_detach(struct hooks *h)
{
	while (h->nlinks)
		bpf_link__destroy(h->links[--h->nlinks]);
}
