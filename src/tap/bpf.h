/* SPDX-License-Identifier: Apache-2.0 */
/* bpf.h - the kernel side, seen from user space: load, attach, policy, counters. */
#ifndef LIMPID_TAP_BPF_H
#define LIMPID_TAP_BPF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event.h"
#include "tap/ends.h"

struct tap_bpf;

/* How bytes of sockets are come by, the worst first.  AUTO: for each hook the best that the kernel takes. */
enum tap_backend {
	TAP_BACKEND_AUTO,
	TAP_BACKEND_TRACEPOINT, /* system calls, and tracepoints of sockets where there are any */
	TAP_BACKEND_KPROBE,	/* kprobes and kretprobes on the kernel's functions */
	TAP_BACKEND_FENTRY,	/* fentry and fexit on the same */
	TAP_BACKENDS
};
/* "auto", "tracepoint", "kprobe", "fentry". */
const char *tap_backend_name(enum tap_backend b);
/* 0, or -EINVAL: it has none of these names. */
int tap_backend_parse(const char *name, enum tap_backend *ret);

struct tap_bpf_options {
	enum tap_backend backend; /* other than AUTO: this one or an error */
	/* No system call is hooked: TCP is read by functions, or by the tracepoints of its own that came with 6.16; other sockets are
	 * not read, there is no EV_MAP, and a connection is told of with its first byte. */
	bool only_tcp;
	/* Powers of two; 0: 32 MiB, 1 MiB.  events_bytes is what all rings for events take together. */
	size_t events_bytes, tasks_bytes;
	uint32_t hold_up_ns; /* for tests of calls that meet: bpf/conn.bpf.h; 0: not at all */
};
/* Opens, loads and attaches the socket and task hooks.  Nothing is captured before tap_bpf_set_policy or a
 * rule says so.  0, or negative errno after err got one sentence with what to do: -EPERM (which capability is
 * missing), -ENOENT (no BTF), -EOPNOTSUPP (kernel too old, or it refuses the back end asked for), -EINVAL (ring size), -ENOMEM, or what the kernel
 * said. */
int tap_bpf_open(struct tap_bpf **ret, const struct tap_bpf_options *o, char *err, size_t errlen);
/* The rings of events, for source_live_open: their number, at most EV_RINGS_MAX, and their maps, borrowed. */
unsigned tap_bpf_events_maps(const struct tap_bpf *b, const int **ret_fds);
int tap_bpf_tasks_fd(const struct tap_bpf *b);	 /* readable: call tap_bpf_tasks_poll */
/* Never blocks.  Records delivered, or negative errno.  Must be called also when nobody cares for processes:
 * it finds sockets that were missed, too. */
int tap_bpf_tasks_poll(struct tap_bpf *b, void (*fn)(void *ctx, const struct ev_task *ev), void *ctx);
/* Looks which AF_UNIX connections still exist, and ends the others, since nothing in the kernel tells the end of those
 * whose process exits; and those of UDP that are quiet.  Some milliseconds where there are many descriptors; nothing when there is no such
 * connection.  0 or negative errno. */
int tap_bpf_sweep(struct tap_bpf *b);
/* Policy and rules take effect with the next system call of each process. */
int tap_bpf_set_policy(struct tap_bpf *b, const struct ev_policy *p);
/* Announces the open connections of captured processes that the reader has not heard of.  How many, or negative errno. */
int tap_bpf_scan(struct tap_bpf *b);
/* Another process begins to read the events: every connection is announced again (EV_LATE) when it is next
 * used, since the new reader knows none. */
void tap_bpf_new_reader(struct tap_bpf *b);
/* rule: enum ev_rule, or -1 to take the rule away.  0 or negative errno (-E2BIG: too many). */
int tap_bpf_rule_cgroup(struct tap_bpf *b, uint64_t cgroup_id, int rule);
int tap_bpf_rule_tgid(struct tap_bpf *b, uint32_t tgid, int rule);
/* Adds the globs that are keys (comms.h); policy.comms must be set.  0 or negative errno. */
int tap_bpf_set_comms(struct tap_bpf *b, const char *const *globs, size_t n, enum ev_rule rule);
/* Which connections are captured, of those whose process is; in force with the next tap_bpf_set_policy, whose policy.ends
 * must be e->kinds.  0 or negative errno. */
int tap_bpf_set_ends(struct tap_bpf *b, const struct ends *e);
/* -ENOENT: no such connection (any more). */
int tap_bpf_verdict(struct tap_bpf *b, uint64_t cookie, enum ev_verdict v);
/* Bytes of that direction (plain: of what TLS probes see) before position to need not be copied: they become a hole
 * with EV_WHY_BUDGET.  It can be taken further, not back.  -ENOENT as above. */
int tap_bpf_skip(struct tap_bpf *b, uint64_t cookie, enum ev_dir dir, bool plain, uint64_t to);
/* Has an EV_CLOSE with how 0 sent: what the connection moved so far.  -ENOENT as above; -EAGAIN: the ring is full. */
int tap_bpf_totals(struct tap_bpf *b, uint64_t cookie);
/* Of each direction of a connection, and of its plaintext apart, at most so many bytes are copied; what moves after them
 * becomes a hole with EV_WHY_BUDGET.  0: no limit.  Takes effect with the next call. */
void tap_bpf_set_budget(struct tap_bpf *b, uint64_t bytes);
/* Has the kernel tell what full rings refused, or nobody wanted, and no later record of the connection brought.  *s begins with zeros.
 * How many connections could not be told yet, or negative errno; costs nothing when there is nothing. */
struct tap_untold {
	uint32_t seq;
	bool left;
};
int tap_bpf_tell(const struct tap_bpf *b, struct tap_untold *s);
/* Whether the kernel can skip programs while one like them was preempted: then they have second ones, and EV_LOSS_SKIPPED
 * says how often those were skipped, too. */
bool tap_bpf_skips(const struct tap_bpf *b);
/* Sums over CPUs; only grow. */
int tap_bpf_losses(const struct tap_bpf *b, uint64_t ret[EV_LOSS_MAX]);
/* As tap_backend_name; "mixed": different ones for sending and receiving. */
const char *tap_bpf_backend(const struct tap_bpf *b);
struct tap_hook {
	const char *what; /* "TCP send" */
	bool sends;
	bool traced; /* tracepoints of the kernel's sends, or receives, help the system calls' */
	bool told;   /* tracepoints tell the lengths of what no system call moved */
	bool only_tcp; /* as it was asked for */
	enum tap_backend used;
	const char *refused[TAP_BACKENDS]; /* what the kernel said against it; "": nothing, or it was not asked */
};
/* Calls fn for each hook; what it is given is valid during the call. */
void tap_bpf_hooks(const struct tap_bpf *b, void (*fn)(void *ctx, const struct tap_hook *h),
		   void *ctx);
void tap_bpf_close(struct tap_bpf *b);		      /* detaches everything */

#endif
