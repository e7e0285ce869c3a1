/* SPDX-License-Identifier: Apache-2.0 */
/* cost.h - what a process of ours costs the machine, as the kernel counts it. */
#ifndef LIMPID_TAP_COST_H
#define LIMPID_TAP_COST_H

#include <stdint.h>

struct cost {
	uint64_t cpu_ms; /* of all its threads, since it began */
	uint64_t bytes;  /* of memory that is there now */
};

/* Out of the text of /proc/PID/stat (proc(5)); ticks: of a second, page: bytes.  0; -EBADMSG. */
int cost_parse(const char *stat, long ticks, long page, struct cost *ret);
/* 0; negative errno: there is no such process, or /proc hides it. */
int cost_read(uint32_t pid, struct cost *ret);

#endif
