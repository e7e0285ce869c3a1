/* SPDX-License-Identifier: Apache-2.0 */
/* bpf_priv.h - what the files behind bpf.h and bpf_tls.h share. */
#ifndef LIMPID_TAP_BPF_PRIV_H
#define LIMPID_TAP_BPF_PRIV_H

#include "tap/bpf.h"

struct limpid_bpf; /* the skeleton */

/* bpf.c: borrowed, as long as b is open. */
struct limpid_bpf *tap_bpf_skel(const struct tap_bpf *b);
/* bpf_tls.c: to be called between open and load of the skeleton; decides how the TLS programs will be
 * attached on this kernel. */
void tap_bpf_tls_prepare(struct limpid_bpf *skel, bool old);
/* bpf_orders.c: looks for the address of a page, unless it is known.  After a scan of the sockets. */
void tap_bpf_find_page(const struct tap_bpf *b);
/* bpf.c: the programs are those for old kernels (flavour.h). */
bool tap_bpf_old(const struct tap_bpf *b);

/* bpf_needs.c.  Writes err and returns rc. */
int bpf_fail(char *err, size_t errlen, int rc, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* 0, or negative errno with one sentence. */
int bpf_check_caps(char *err, size_t errlen);
int bpf_check_kernel(char *err, size_t errlen);

/* bpf_calls.c.  Before the load: whether system calls are hooked, and whether all that is captured depends on it. */
void bpf_calls_choose(struct limpid_bpf *skel, bool wanted, bool all);
struct bpf_object;
struct bpf_program;
/* A program that does what another had to leave, where the kernel skipped that; and that of p, if one is loaded, else NULL. */
bool bpf_is_second(const struct bpf_program *p);
const struct bpf_program *bpf_second_of(const struct bpf_object *obj, const struct bpf_program *p);

/* Whether the kernel lets others run in the midst of a tracepoint's programs: Linux 7 and later. */
bool bpf_preempts_tracepoints(void);
/* Whether it lets them run in the midst of kernel functions, and so of their fentry and fexit programs.  True, too, when it
 * does not say. */
bool bpf_preempts(void);

#endif
