/* SPDX-License-Identifier: Apache-2.0 */
/* bpf_hooks.h - which of the programs that read sockets the kernel takes, and what it says against the others.
 *
 *	hooks_plan		the best of each, by trying an empty program
 *	hooks_prepare		the skeleton is open: only what was planned will be loaded
 *	hooks_attach		it is loaded; are they called?
 *	hooks_demote		one of these failed, or the self-test: next best, to be opened anew
 */
#ifndef LIMPID_TAP_BPF_HOOKS_H
#define LIMPID_TAP_BPF_HOOKS_H

#include "tap/bpf.h"

#define HOOKS_REASON 256
#define HOOKS_LINKS  48

enum hook { HOOK_SEND, HOOK_RECV, HOOKS };
struct hooks {
	struct {
		enum tap_backend used;
		char refused[TAP_BACKENDS][HOOKS_REASON]; /* "": not, or not tried */
	} state[HOOKS];
	enum tap_backend forced;
	bool only_tcp; /* tap_bpf_options.only_tcp */
	unsigned recv_args; /* that tcp_recvmsg has */
	bool sendpage; /* tcp_sendpage is there */
	bool unix_sendpage;
	bool af_unix;  /* the functions of AF_UNIX streams, as far as they are known here */
	bool splice;   /* skb_splice_bits */
	bool no_tls;   /* the kernel refuses to load the programs of its TLS */
	bool udp;      /* the functions of UDP */
	bool again;    /* programs are skipped where one was preempted, and have second ones */
	bool send_tp;  /* the tracepoint tcp_sendmsg_locked, and those of length_tp */
	bool length_tp; /* the tracepoints sock_send_length and sock_recv_length */
	bool recv_tp;  /* the tracepoints skb_copy_datagram_iovec and tcp_rcv_space_adjust */
	struct bpf_link *links[HOOKS_LINKS];
	size_t nlinks;
};

/* hooks_probe.c: whether the kernel loads and attaches such a program, else why not; the text of an errno of its. */
bool hooks_probe_fentry(char *why, size_t n);
bool hooks_probe_kprobe(char *why, size_t n);
const char *hooks_error_text(int err);

struct limpid_bpf;
void hooks_plan(struct hooks *h, enum tap_backend forced, bool only_tcp);
void hooks_prepare(struct hooks *h, struct limpid_bpf *skel);
/* 0, or negative errno with the cause in why: "prog 'NAME': ..." */
int hooks_attach(struct hooks *h, struct limpid_bpf *skel, char *why, size_t n);
/* Hooks TLS by the kernel if that is there: as a part of hooks_attach, and when a socket with it was met. */
void hooks_tls(struct hooks *h, struct limpid_bpf *skel);
/* hooks_test.c, a part of hooks_attach: nobody is captured yet; whether the kernel calls them.  Some milliseconds. */
int hooks_test(const struct hooks *h, struct limpid_bpf *skel, char *why, size_t n);
/* why names the program at fault like libbpf does, or no program: then all of the best kind are.  False: there
 * is nothing left to fall back to. */
bool hooks_demote(struct hooks *h, const char *why);
/* 0, or -EOPNOTSUPP after err got one sentence: the back end asked for is not to be had. */
int hooks_missing(const struct hooks *h, char *err, size_t errlen);
/* Sends or receives are read at system calls, and nowhere else. */
bool hooks_need_calls(const struct hooks *h);
const char *hooks_summary(const struct hooks *h);
void hooks_each(const struct hooks *h, void (*fn)(void *ctx, const struct tap_hook *h), void *ctx);
void hooks_detach(struct hooks *h);

#endif
