/* SPDX-License-Identifier: Apache-2.0 */
/* late.h - probes for a while on processes whose TLS connections are older than the capture and of which nothing names the
 * socket (bpf/late.bpf.h).
 *
 * The kernel side says which processes make calls on such connections.  Each is probed until it has made none for LATE_QUIET_NS,
 * LATE_LONGEST_NS at most, and after that not again before it has been quiet for LATE_LONGEST_NS.
 */
#ifndef LIMPID_TAP_LATE_H
#define LIMPID_TAP_LATE_H

#include "tap/bpf.h"

#define LATE_QUIET_NS	5000000000ULL
#define LATE_LONGEST_NS 60000000000ULL
#define LATE_PROCESSES	32 /* at one time; others wait */

struct late;
/* b is borrowed.  NULL: out of memory. */
struct late *late_new(struct tap_bpf *b);
/* To be called every second or so; now_ns is CLOCK_MONOTONIC.  How many processes have a probe now. */
size_t late_tick(struct late *l, uint64_t now_ns);
void late_free(struct late *l); /* detaches; NULL is fine */

#endif
