/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/notes.h"

#include <string.h>

/* Copies a string that ends with NUL into another array, cut if need be; what is left is zero. */
static void text(char *to, size_t size, const char *from)
{
	memset(to, 0, size);
	(void)memccpy(to, from, '\0', size - 1); /* cut: the last one stays NUL */
}
#define TEXT(to, from) text(to, sizeof(to), from)

static struct ev_hdr head(uint16_t kind, size_t size, uint64_t now_ns)
{
	return (struct ev_hdr){ .ts_ns = now_ns, .size = (uint32_t)size, .kind = kind };
}

static int record_container(struct recorder *r, const struct ipc_container *c, uint64_t now_ns)
{
	struct record_container to = { .h = head(RECORD_CONTAINER, sizeof(to), now_ns),
				       .cgroup_id = c->cgroup_id,
				       .naddrs = c->naddrs,
				       .gone = c->gone != 0 };

	_Static_assert(sizeof(to.addrs) == sizeof(c->addrs), "as many addresses");
	TEXT(to.id, c->id);
	TEXT(to.name, c->name);
	TEXT(to.image, c->image);
	TEXT(to.project, c->project);
	TEXT(to.service, c->service);
	TEXT(to.pod, c->pod);
	TEXT(to.namespace, c->namespace);
	TEXT(to.state, c->state);
	memcpy(to.addrs, c->addrs, sizeof(to.addrs));
	return recorder_put(r, &to.h);
}

static void replay_container(struct names *n, const struct record_container *c)
{
	struct ipc_container to = { .cgroup_id = c->cgroup_id,
				    .naddrs = c->naddrs,
				    .gone = c->gone };

	TEXT(to.id, c->id);
	TEXT(to.name, c->name);
	TEXT(to.image, c->image);
	TEXT(to.project, c->project);
	TEXT(to.service, c->service);
	if (c->h.size == sizeof(*c)) {
		TEXT(to.pod, c->pod);
		TEXT(to.namespace, c->namespace);
	}
	TEXT(to.state, c->state);
	memcpy(to.addrs, c->addrs, sizeof(to.addrs));
	(void)names_container(n, &to); /* out of memory: shown by address */
}

int notes_record(struct recorder *r, const struct ipc_msg *m, uint64_t now_ns)
{
	struct record_cgroup g = { .h = head(RECORD_CGROUP, sizeof(g), now_ns) };
	struct record_tls_lib l = { .h = head(RECORD_TLS_LIB, sizeof(l), now_ns) };

	switch (m->kind) {
	case IPC_CONTAINER:
		return record_container(r, &m->container, now_ns);
	case IPC_CGROUP:
		g.cgroup_id = m->cgroup.cgroup_id;
		TEXT(g.id, m->cgroup.id);
		return recorder_put(r, &g.h);
	case IPC_TLS_LIB:
		l.lib = m->tls_lib.lib;
		l.tls = m->tls_lib.tls;
		TEXT(l.name, m->tls_lib.name);
		TEXT(l.version, m->tls_lib.version);
		return recorder_put(r, &l.h);
	default: /* tells no name */
		return 0;
	}
}

bool notes_replay(struct names *n, const struct ev_hdr *ev)
{
	struct ipc_cgroup g = { 0 };
	struct ipc_tls_lib l = { 0 };

	switch (ev->kind) {
	case RECORD_CONTAINER:
		replay_container(n, (const struct record_container *)ev);
		return true;
	case RECORD_CGROUP:
		g.cgroup_id = ((const struct record_cgroup *)ev)->cgroup_id;
		TEXT(g.id, ((const struct record_cgroup *)ev)->id);
		(void)names_cgroup(n, &g); /* the same */
		return true;
	case RECORD_TLS_LIB:
		l.lib = ((const struct record_tls_lib *)ev)->lib;
		l.tls = ((const struct record_tls_lib *)ev)->tls;
		TEXT(l.name, ((const struct record_tls_lib *)ev)->name);
		TEXT(l.version, ((const struct record_tls_lib *)ev)->version);
		(void)names_tls_lib(n, &l); /* the same */
		return true;
	default:
		return false;
	}
}
