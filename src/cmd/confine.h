/* SPDX-License-Identifier: Apache-2.0 */
/* confine.h - giving up privileges: docs/processes.md says who keeps what, and why. */
#ifndef LIMPID_CMD_CONFINE_H
#define LIMPID_CMD_CONFINE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct identity {
	uid_t uid;
	gid_t gid;
	char name[32];
};

/* The unprivileged user: "limpid" where that exists, else "nobody".  Reads the user database, so it is
 * called before anything is closed or confined. */
void identity_find(struct identity *ret);

/* For tap: keeps only the capabilities it uses and lets nothing it starts have others.  0 or negative
 * errno after err got one sentence. */
int confine_tap(char *err, size_t errlen);
/* Once everything is loaded: less still.  uprobe_multi: what attaches later needs no CAP_SYS_ADMIN. */
int confine_tap_loaded(bool uprobe_multi, char *err, size_t errlen);

/* For hub, decode and helpers: becomes who (when running as root), for ever: no capability, bounding set
 * empty, no_new_privs, not dumpable.  Verified before it returns.  0 or negative errno after err got one
 * sentence with what to do. */
int confine_user(const struct identity *who, char *err, size_t errlen);

/* For decode, after confine_user and after every descriptor is open: limits, and a seccomp filter under
 * which opening is refused and what else is not needed (exec, ptrace, bpf, socket, connect) kills. */
int confine_decode(char *err, size_t errlen);

/* For what may wait while programs that are watched do not: it does not interrupt them when it wakes up (SCHED_BATCH),
 * and gets less than they do when processors are scarce.  What is refused is done without. */
void confine_priority(int nice);

/* Large blocks of all sizes and ages (batches for the hub, files that were read) are kept out of the heap, where they would leave
 * holes, and what is free at its end is given back.  Without this glibc raises both thresholds with the first block freed. */
void confine_heap(void);

/* One sentence on the capability that is missing for capturing, or "" when all are there.  0 or -EPERM. */
int capabilities_check(char *err, size_t errlen);

#endif
