/* SPDX-License-Identifier: Apache-2.0 */
/* rings.h - the rings that carry what was captured: how many, how large, and the maps they are. */
#ifndef LIMPID_TAP_RINGS_H
#define LIMPID_TAP_RINGS_H

#include <stddef.h>

#include "event.h"

struct bpf_map;
struct rings {
	int fd[EV_RINGS_MAX];
	unsigned n;
};

/* How many rings share total bytes on a machine with so many processors: a power of two, at most EV_RINGS_MAX and
 * one per processor, each of 4 MiB or more unless there is only one. */
unsigned rings_number(size_t total, unsigned cpus);
/* Makes n rings that take total bytes together, a power of two, and puts them into the map of maps outer.
 * 0, or negative errno with nothing left behind. */
int rings_open(struct rings *ret, const struct bpf_map *outer, size_t total, unsigned n);
/* Maps of the kernel's that this process has mapped so far are not inherited by its children: they would count as memory of
 * decode too, and a confined process has no business in them. */
void rings_keep_from_children(void);
void rings_close(struct rings *r); /* of all zero bytes: nothing */

#endif
