/* SPDX-License-Identifier: Apache-2.0 */
#include "container/known.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t known_now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail with this clock */
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static bool alive(const char *state)
{
	return strcmp(state, "running") == 0 || strcmp(state, "paused") == 0 ||
	       strcmp(state, "restarting") == 0 || strcmp(state, "created") == 0;
}

void known_learn(struct known *k, const struct container *from, enum containers_which engine)
{
	bool fresh = !entries_find(&k->entries, from->id), changed;
	struct container *e = entries_get(&k->entries, from->id);
	uint64_t cgroup_id = 0;
	char id[65];

	if (!e)
		return;
	changed = entries_update(e, from) || fresh || e->asked;
	e->asked = 0;
	e->told_by |= 1u << engine;
	if (from->state[0] && alive(from->state) && (e->gone_ns || !e->started_ns)) {
		e->gone_ns = 0;
		e->started_ns = known_now_ns();
		changed = true;
	} else if (from->state[0] && !alive(from->state) && !e->gone_ns) {
		e->gone_ns = known_now_ns();
		e->pid = 0;
		changed = true;
	}
	if (from->pid && container_of_pid(from->pid, id, &cgroup_id) == 0 && cgroup_id &&
	    cgroup_id != e->cgroup_id)
		changed |= entries_set_cgroup(&k->entries, e, cgroup_id) == 0;
	if (changed)
		k->changed(k->ctx, e, e->gone_ns != 0);
}

void known_vanished(struct known *k, struct container *e, enum containers_which engine)
{
	if (!e || e->gone_ns || !(e->told_by & 1u << engine))
		return;
	(void)snprintf(e->state, sizeof(e->state), "removed");
	e->gone_ns = known_now_ns();
	e->pid = 0;
	k->changed(k->ctx, e, true);
}

void known_give_up(struct known *k, struct container *e, enum containers_which engine)
{
	if (!e || !(e->asked & 1u << engine))
		return;
	e->asked &= ~(1u << engine);
	if (!e->asked)
		k->changed(k->ctx, e, e->gone_ns != 0);
}

void known_give_up_all(struct known *k, enum containers_which engine)
{
	for (size_t i = 0; i < k->entries.n; i++)
		known_give_up(k, k->entries.list[i], engine);
}

void known_find_cgroups(struct known *k)
{
	DIR *proc = opendir("/proc");
	const struct dirent *d;

	while (proc && (d = readdir(proc))) {
		uint32_t pid = (uint32_t)strtoul(d->d_name, NULL, 10);
		uint64_t cgroup_id = 0;
		struct container *e;
		char id[65];

		if (!pid || container_of_pid(pid, id, &cgroup_id) < 0 || !cgroup_id)
			continue;
		e = entries_find(&k->entries, id);
		if (e && !e->cgroup_id && entries_set_cgroup(&k->entries, e, cgroup_id) == 0)
			k->changed(k->ctx, e, e->gone_ns != 0);
	}
	if (proc)
		closedir(proc);
}

void known_list_has(struct known_list *l, const char *id)
{
	struct container *e = entries_find(&l->k->entries, id);

	if (e)
		(void)map_put(&l->seen, (uint64_t)(uintptr_t)e,
			      e); /* out of memory: said to be gone, asked again */
}

void known_list_end(struct known_list *l)
{
	struct entries *all = &l->k->entries;

	for (size_t i = 0; i < all->n; i++)
		if (!map_find(&l->seen, (uint64_t)(uintptr_t)all->list[i]))
			known_vanished(l->k, all->list[i], l->engine);
	map_release(&l->seen);
}
