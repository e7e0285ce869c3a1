/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"

#define CONTAINERS_MAX 8192
#define CGROUPS_MAX    32768

struct known_lib {
	char name[16], version[32];
};

struct names {
	struct ipc_container **list;
	size_t n, cap;
	struct map cgroups; /* cgroup id to its container's id: a char[65]; "" for nobody */
	struct map addrs;   /* addr_key() to struct ipc_container */
	struct map libs;    /* number to struct known_lib */
};

struct names *names_new(void)
{
	return calloc(1, sizeof(struct names));
}

static uint64_t addr_key(const uint8_t addr[16])
{
	uint64_t a, b;

	memcpy(&a, addr, sizeof(a));
	memcpy(&b, addr + sizeof(a), sizeof(b));
	return a * 31 ^ b;
}

static struct ipc_container *find(const struct names *n, const char *id)
{
	for (size_t i = 0; i < n->n; i++)
		if (strcmp(n->list[i]->id, id) == 0)
			return n->list[i];
	return NULL;
}

static bool removed(const struct ipc_container *c)
{
	return c->gone && strcmp(c->state, "removed") == 0;
}

static void drop_addrs(struct names *n, const struct ipc_container *c)
{
	for (size_t i = 0; i < c->naddrs; i++)
		if (map_find(&n->addrs, addr_key(c->addrs[i])) == c)
			(void)map_take(&n->addrs, addr_key(c->addrs[i])); /* known to be there */
}

/* The living own an address; the dead keep it until somebody else gets it. */
static void put_addrs(struct names *n, struct ipc_container *c)
{
	for (size_t i = 0; i < c->naddrs; i++) {
		uint64_t key = addr_key(c->addrs[i]);
		const struct ipc_container *owner = map_find(&n->addrs, key);

		if (!owner || owner->gone || !c->gone)
			(void)map_put(&n->addrs, key, c); /* out of memory: shown by address */
	}
}

static struct ipc_container *place(struct names *n)
{
	struct ipc_container *c;

	if (n->n >= CONTAINERS_MAX) { /* tap keeps fewer; so this one does not follow the rules */
		drop_addrs(n, n->list[0]);
		c = n->list[0];
		memmove(n->list, n->list + 1, --n->n * sizeof(*n->list));
		n->list[n->n++] = c;
		return c;
	}
	if (n->n == n->cap) {
		size_t cap = n->cap ? n->cap * 2 : 64;
		void *list = realloc(n->list, cap * sizeof(*n->list));

		if (!list)
			return NULL;
		n->list = list;
		n->cap = cap;
	}
	c = calloc(1, sizeof(*c));
	if (c)
		n->list[n->n++] = c;
	return c;
}

int names_container(struct names *n, const struct ipc_container *c)
{
	struct ipc_container *at = find(n, c->id);

	if (at)
		drop_addrs(n, at);
	else
		at = place(n);
	if (!at)
		return -ENOMEM;
	*at = *c;
	put_addrs(n, at);
	return 0;
}

int names_cgroup(struct names *n, const struct ipc_cgroup *g)
{
	char *id = map_find(&n->cgroups, g->cgroup_id);

	if (!id) {
		if (n->cgroups.n >= CGROUPS_MAX)
			return -ENOMEM;
		id = malloc(sizeof(g->id));
		if (!id || map_put(&n->cgroups, g->cgroup_id, id) < 0) {
			free(id);
			return -ENOMEM;
		}
	}
	memcpy(id, g->id, sizeof(g->id));
	return 0;
}

int names_tls_lib(struct names *n, const struct ipc_tls_lib *l)
{
	struct known_lib *k = map_find(&n->libs, l->lib);

	if (k)
		return 0; /* a number is given once */
	k = calloc(1, sizeof(*k));
	if (!k || map_put(&n->libs, l->lib, k) < 0) {
		free(k);
		return -ENOMEM;
	}
	memcpy(k->name, l->name, sizeof(k->name));
	memcpy(k->version, l->version, sizeof(k->version));
	return 0;
}

static void fill(const struct ipc_container *c, struct conn_names *ret)
{
	ret->container = c->name;
	ret->container_id = c->id;
	ret->image = c->image[0] ? c->image : NULL;
	ret->project = c->project[0] ? c->project : NULL;
	ret->pod = c->pod[0] ? c->pod : NULL;
	ret->ns = c->pod[0] && c->namespace[0] ? c->namespace : NULL;
}

enum names_of names_by_cgroup(const struct names *n, uint64_t cgroup_id, struct conn_names *ret)
{
	const char *id = map_find(&n->cgroups, cgroup_id);
	const struct ipc_container *c;

	if (!id)
		return NAMES_UNKNOWN;
	if (!id[0])
		return NAMES_NOBODY;
	c = find(n, id);
	if (!c)
		return NAMES_UNKNOWN;
	fill(c, ret);
	/* Without a state Docker has not spoken yet: the name is the beginning of the id. */
	return c->state[0] ? NAMES_FOUND : NAMES_UNKNOWN;
}

enum names_of names_by_addr(const struct names *n, const uint8_t addr[16], struct conn_names *ret)
{
	const struct ipc_container *c = map_find(&n->addrs, addr_key(addr));

	if (!c)
		return NAMES_NOBODY;
	for (size_t i = 0; i < c->naddrs; i++) {
		if (memcmp(c->addrs[i], addr, sizeof(c->addrs[i])) != 0)
			continue;
		fill(c, ret);
		return c->gone ? NAMES_UNKNOWN : NAMES_FOUND;
	}
	return NAMES_NOBODY;
}

void names_by_lib(const struct names *n, uint16_t lib, const char **ret_name,
		  const char **ret_version)
{
	const struct known_lib *k = map_find(&n->libs, lib);

	*ret_name = k ? k->name : "tls";
	*ret_version = k ? k->version : "";
}

const struct ipc_container *names_next(const struct names *n, const struct ipc_container *prev)
{
	size_t i = 0;

	while (prev && i < n->n && n->list[i++] != prev)
		;
	while (i < n->n && removed(n->list[i]))
		i++;
	return i < n->n ? n->list[i] : NULL;
}

static void free_values(struct map *m)
{
	size_t pos = 0;
	uint64_t key;
	void *v;

	while (map_next(m, &pos, &key, &v))
		free(v);
	map_release(m);
}

void names_free(struct names *n)
{
	if (!n)
		return;
	for (size_t i = 0; i < n->n; i++)
		free(n->list[i]);
	free(n->list);
	free_values(&n->cgroups);
	free_values(&n->libs);
	map_release(&n->addrs);
	free(n);
}
