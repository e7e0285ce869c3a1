/* SPDX-License-Identifier: Apache-2.0 */
#include "container/entries.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT 4096u

struct container *entries_find(const struct entries *e, const char *id)
{
	for (size_t i = 0; i < e->n; i++)
		if (strcmp(e->list[i]->id, id) == 0)
			return e->list[i];
	return NULL;
}

struct container *entries_find_cgroup(const struct entries *e, uint64_t cgroup_id)
{
	return map_find(&e->by_cgroup, cgroup_id);
}

static void forget_cgroups(struct entries *e, const struct container *c)
{
	bool again = true;

	while (again) { /* a take may hide the next entry from this pass: see map_next */
		size_t pos = 0;
		uint64_t key;
		void *value;

		again = false;
		while (map_next(&e->by_cgroup, &pos, &key, &value)) {
			if (value != c)
				continue;
			(void)map_take(&e->by_cgroup, key); /* known to be there */
			again = true;
		}
	}
}

/* Makes room for one more.  The one that died first gives way; the living stay. */
static bool make_room(struct entries *e)
{
	struct container *oldest = NULL;
	size_t at = 0;

	if (e->n < (e->limit ? e->limit : LIMIT))
		return true;
	for (size_t i = 0; i < e->n; i++) {
		struct container *c = e->list[i];

		if (c->gone_ns && (!oldest || c->gone_ns < oldest->gone_ns)) {
			oldest = c;
			at = i;
		}
	}
	if (!oldest)
		return false;
	forget_cgroups(e, oldest);
	free(oldest);
	memmove(&e->list[at], &e->list[at + 1], (e->n - at - 1) * sizeof(struct container *));
	e->n--;
	return true;
}

struct container *entries_get(struct entries *e, const char *id)
{
	struct container *c = entries_find(e, id);

	if (c)
		return c;
	if (!make_room(e))
		return NULL;
	if (e->n == e->cap) {
		size_t cap = e->cap ? e->cap * 2 : 64;
		struct container **list = realloc(e->list, cap * sizeof(struct container *));

		if (!list)
			return NULL;
		e->list = list;
		e->cap = cap;
	}
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	(void)snprintf(c->id, sizeof(c->id), "%s", id);
	e->list[e->n++] = c;
	return c;
}

int entries_set_cgroup(struct entries *e, struct container *c, uint64_t cgroup_id)
{
	uint64_t key;
	size_t pos = 0, n = 0;
	void *value;
	int err;

	if (!cgroup_id || map_find(&e->by_cgroup, cgroup_id) == c) {
		c->cgroup_id = cgroup_id ? cgroup_id : c->cgroup_id;
		return 0;
	}
	/* A container that restarts for ever gets a new cgroup each time. */
	while (map_next(&e->by_cgroup, &pos, &key, &value))
		n += value == c;
	if (n >= 8)
		forget_cgroups(e, c);
	err = map_put(&e->by_cgroup, cgroup_id, c);
	if (!err)
		c->cgroup_id = cgroup_id;
	return err;
}

static bool take_text(char *to, const char *from, size_t n)
{
	if (!*from || strncmp(to, from, n) == 0)
		return false;
	memcpy(to, from, n);
	return true;
}
#define TAKE(field) take_text(c->field, from->field, sizeof(c->field))

bool entries_update(struct container *c, const struct container *from)
{
	bool changed = TAKE(name);

	changed |= TAKE(image);
	changed |= TAKE(project);
	changed |= TAKE(service);
	changed |= TAKE(pod);
	changed |= TAKE(namespace);
	changed |= TAKE(state);
	changed |= TAKE(networks);
	/* Docker forgets the addresses of what stopped; its last flows still need them. */
	if (from->naddrs &&
	    (from->naddrs != c->naddrs ||
	     memcmp(from->addrs, c->addrs, from->naddrs * sizeof(from->addrs[0])) != 0)) {
		memcpy(c->addrs, from->addrs, sizeof(c->addrs));
		c->naddrs = from->naddrs;
		changed = true;
	}
	if (from->sandbox && !c->sandbox) {
		c->sandbox = true;
		changed = true;
	}
	if (from->pid && from->pid != c->pid) {
		c->pid = from->pid;
		changed = true;
	}
	return changed;
}

void entries_release(struct entries *e)
{
	for (size_t i = 0; i < e->n; i++)
		free(e->list[i]);
	free(e->list);
	map_release(&e->by_cgroup);
	*e = (struct entries){ 0 };
}
