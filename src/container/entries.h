/* SPDX-License-Identifier: Apache-2.0 */
/* entries.h - the containers known so far, by id and by cgroup; bounded, the dead give way first. */
#ifndef LIMPID_CONTAINER_ENTRIES_H
#define LIMPID_CONTAINER_ENTRIES_H

#include "base/map.h"
#include "container/container.h"

struct entries {		 /* zero-initialise */
	struct container **list; /* oldest first */
	size_t n, cap;
	struct map by_cgroup; /* also the cgroups of an earlier run of the same container */
	size_t limit;	      /* 0: 4096 */
};

struct container *entries_find(const struct entries *e, const char *id);
struct container *entries_find_cgroup(const struct entries *e, uint64_t cgroup_id);
/* The entry of that id, made if need be.  NULL: out of memory, or all places taken by the living. */
struct container *entries_get(struct entries *e, const char *id);
/* 0, -ENOMEM. */
int entries_set_cgroup(struct entries *e, struct container *c, uint64_t cgroup_id);
/* Takes over from `from` what it knows; empty strings and zeros in it mean "not said".  True: *c changed. */
bool entries_update(struct container *c, const struct container *from);
void entries_release(struct entries *e);

#endif
