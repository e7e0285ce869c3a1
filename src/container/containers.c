/* SPDX-License-Identifier: Apache-2.0 */
/* What the engines say and what processes show, under one roof. */
#include "container/container.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "container/cri.h"
#include "container/docker.h"

struct containers {
	int ep;
	struct known known;
	struct docker *docker;
	struct cri *cri;
};

static bool add(int ep, int fd)
{
	struct epoll_event ev = { .events = EPOLLIN };

	return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) == 0;
}

struct containers *containers_new(const char *docker_socket, const char *cri_socket,
				  container_fn changed, void *ctx)
{
	struct containers *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->known.changed = changed;
	c->known.ctx = ctx;
	c->ep = epoll_create1(EPOLL_CLOEXEC);
	c->docker = docker_new(docker_socket, &c->known);
	c->cri = cri_new(cri_socket, &c->known);
	if (c->ep < 0 || !c->docker || !c->cri || !add(c->ep, docker_fd(c->docker)) ||
	    !add(c->ep, cri_fd(c->cri))) {
		containers_free(c);
		return NULL;
	}
	return c;
}

int containers_fd(const struct containers *c)
{
	return c->ep;
}

void containers_poll(struct containers *c)
{
	docker_poll(c->docker);
	cri_poll(c->cri);
}

void containers_engine(const struct containers *c, enum containers_which which,
		       struct containers_engine *ret)
{
	switch (which) {
	case CONTAINERS_DOCKER:
		docker_engine(c->docker, ret);
		break;
	case CONTAINERS_CRI:
		cri_engine(c->cri, ret);
		break;
	case CONTAINERS_ENGINES:
		break;
	}
}

bool containers_settled(const struct containers *c)
{
	for (unsigned i = 0; i < CONTAINERS_ENGINES; i++) {
		struct containers_engine e;

		containers_engine(c, i, &e);
		if (!e.settled && !e.problem && !e.absent)
			return false;
	}
	return true;
}

const struct container *containers_find(const struct containers *c, uint64_t cgroup_id)
{
	return entries_find_cgroup(&c->known.entries, cgroup_id);
}

const struct container *containers_find_id(const struct containers *c, const char *id)
{
	return entries_find(&c->known.entries, id);
}

const struct container *containers_next(const struct containers *c, const struct container *prev)
{
	const struct entries *all = &c->known.entries;
	size_t i = 0;

	while (prev && i < all->n && all->list[i++] != prev)
		;
	return i < all->n ? all->list[i] : NULL;
}

const struct container *containers_seen(struct containers *c, const char *id, uint64_t cgroup_id)
{
	struct container *e = entries_get(&c->known.entries, id);
	char unused[65];

	if (e && !e->told_by && e->gone_ns) { /* a name may come again */
		e->gone_ns = 0;
		e->started_ns = known_now_ns();
	}
	if (!e || entries_set_cgroup(&c->known.entries, e, cgroup_id) < 0)
		return NULL;
	/* Docker says when a container starts; Kubernetes' runtimes are listed now and then. */
	if (e->told_by == 1u << CONTAINERS_CRI && strcmp(e->state, "created") == 0)
		(void)snprintf(e->state, sizeof(e->state), "running");
	if (!e->name[0]) {
		bool hex = container_id_in_path(id, unused) == 0;

		(void)snprintf(e->name, sizeof(e->name), "%.*s", hex ? 12 : 64, id);
		e->started_ns = known_now_ns();
		if (hex) {
			docker_ask(c->docker, e);
			cri_ask(c->cri, e);
		}
	}
	return e;
}

void containers_sweep(struct containers *c)
{
	char unused[65];

	for (size_t i = 0; i < c->known.entries.n; i++) {
		struct container *e = c->known.entries.list[i];

		if (e->told_by & 1u << CONTAINERS_DOCKER || e->gone_ns || !e->cgroup_id ||
		    container_of_cgroup(e->cgroup_id, true, unused) != -ESTALE)
			continue;
		e->gone_ns = known_now_ns();
		if (e->state[0])
			(void)snprintf(e->state, sizeof(e->state), "exited");
		c->known.changed(c->known.ctx, e, true);
	}
}

void containers_free(struct containers *c)
{
	if (!c)
		return;
	docker_free(c->docker);
	cri_free(c->cri);
	if (c->ep >= 0)
		close(c->ep);
	entries_release(&c->known.entries);
	free(c);
}
