/* SPDX-License-Identifier: Apache-2.0 */
/* bpf_tls.h - the TLS programs: attach them to places in files. */
#ifndef LIMPID_TAP_BPF_TLS_H
#define LIMPID_TAP_BPF_TLS_H

#include "tap/bpf.h"

struct tap_tls_links;
struct tap_tls_place {
	uint64_t off; /* of the instruction, in the file */
	struct ev_tls_site site;
	bool by_exit; /* its calls' ends pass one of the exits */
};

/* "uprobe_multi" or "perf uprobes", as tap_bpf_open chose.  The environment variable LIMPID_UPROBE_MULTI=0
 * forces the second, for tests of what older kernels do. */
const char *tap_bpf_tls_backend(const struct tap_bpf *b);
/* Tells the kernel side what the connection objects of a library file look like, before it is attached. */
int tap_bpf_tls_layout(struct tap_bpf *b, uint16_t lib, const struct ev_tls_layout *layout);
/* Puts an entry probe on each of n places of the file that fd is open on (borrowed), a return probe too where the place is
 * not by_exit, and probes at the offsets in exits, which other calls pass when they are over.  All or nothing.  0, or negative errno of the kernel: -EPERM: a capability is missing; -ENOTSUP, -EINVAL:
 * the kernel refuses the place. */
int tap_bpf_tls_attach(struct tap_tls_links **ret, struct tap_bpf *b, int fd,
		       const struct tap_tls_place *places, size_t n, const uint64_t *exits,
		       size_t nexits);
struct tap_go_place {
	uint64_t off; /* of the instruction, in the file */
	struct ev_go_site site;
	bool exit;
};
/* The same for a Go program: plain probes on all n places.  All or nothing. */
int tap_bpf_go_attach(struct tap_tls_links **ret, struct tap_bpf *b, int fd,
		      const struct tap_go_place *places, size_t n);
/* A probe on BIO_write at offset off of the file that fd is open on, in one process only (bpf/late.bpf.h).  0, or negative errno. */
int tap_bpf_late_attach(struct tap_tls_links **ret, struct tap_bpf *b, int fd, uint64_t off, uint32_t pid);
struct tap_bpf_asking {
	uint32_t pid;
	uint64_t at_ns; /* CLOCK_MONOTONIC, when it last did */
};
/* The processes that ask for such a probe, max at most.  How many. */
size_t tap_bpf_late_asking(const struct tap_bpf *b, struct tap_bpf_asking *ret, size_t max);
void tap_bpf_late_forget(struct tap_bpf *b, uint32_t pid);
void tap_bpf_late_probed(struct tap_bpf *b, bool any); /* some process has one */
void tap_bpf_tls_detach(struct tap_tls_links *l); /* NULL is fine */
/* Whether a process confined by seccomp survives a return probe here: on x86 kernels 6.11 to 6.13 the
 * filter of a container kills it.  A child of ours tries it.  0: it does; -EOPNOTSUPP: it does not;
 * another negative errno: could not be tried.  Then calls are better followed by exits. */
int tap_bpf_tls_selftest(struct tap_bpf *b);
/* What the kernel side counted for one library file.  0, negative errno. */
int tap_bpf_tls_stats(const struct tap_bpf *b, uint16_t lib, struct ev_tls_lib *ret);

#endif
