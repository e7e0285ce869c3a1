/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/hold.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "flow/pb.h"

#define UNNAMED_MAX 8192
#define ARENA_MAX   (32u << 20)

struct held {
	struct held *next;
	uint64_t due_ns;
	struct buf bytes; /* what the flow's bodies point into */
	struct arena *arena;
	struct flow flow;
};

struct unnamed {
	uint8_t addr[16];
	uint16_t port;
	uint32_t pid;
	uint64_t cgroup_id;
};

struct hold {
	const struct names *names;
	flow_fn out;
	void *ctx;
	struct held *first, **last;
	size_t bytes;
	struct map unnamed; /* end_key() to struct unnamed */
};

struct hold *hold_new(const struct names *names, flow_fn out, void *ctx)
{
	struct hold *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->names = names;
	h->out = out;
	h->ctx = ctx;
	h->last = &h->first;
	return h;
}

/* The pid counts only where there is no address. */
static uint64_t end_key(const uint8_t addr[16], uint16_t port, uint32_t pid)
{
	uint64_t a, b;

	memcpy(&a, addr, sizeof(a));
	memcpy(&b, addr + sizeof(a), sizeof(b));
	return a || b ? (a * 31 ^ b) * 65599 + port : pid;
}

static void clear_unnamed(struct hold *h)
{
	size_t pos = 0;
	uint64_t key;
	void *u;

	while (map_next(&h->unnamed, &pos, &key, &u))
		free(u);
	map_release(&h->unnamed);
}

void hold_unnamed(struct hold *h, const uint8_t addr[16], uint16_t port, uint32_t pid,
		  uint64_t cgroup_id)
{
	uint64_t key = end_key(addr, port, pid);
	struct unnamed *u = map_find(&h->unnamed, key);

	if (!u) {
		if (h->unnamed.n >= UNNAMED_MAX)
			clear_unnamed(h); /* those flows go out with an address */
		u = calloc(1, sizeof(*u));
		if (!u || map_put(&h->unnamed, key, u) < 0) {
			free(u);
			return;
		}
	}
	memcpy(u->addr, addr, sizeof(u->addr));
	u->port = port;
	u->pid = pid;
	u->cgroup_id = cgroup_id;
}

bool hold_names(struct hold *h, uint64_t cgroup_id, const uint8_t addr[16], uint16_t port, uint32_t pid,
		struct conn_names *ret, bool *ret_ask)
{
	enum names_of found = cgroup_id ? names_by_cgroup(h->names, cgroup_id, ret)
					: names_by_addr(h->names, addr, ret);

	*ret_ask = found == NAMES_UNKNOWN && cgroup_id;
	if (found == NAMES_UNKNOWN)
		hold_unnamed(h, addr, port, pid, cgroup_id);
	return found == NAMES_FOUND;
}

static bool has_addr(const uint8_t addr[16])
{
	static const uint8_t none[16];

	return memcmp(addr, none, sizeof(none)) != 0;
}

static const struct unnamed *unnamed_of(const struct hold *h, const struct flow_peer *p)
{
	const struct unnamed *u;

	if (p->container || h->unnamed.n == 0)
		return NULL;
	u = map_find(&h->unnamed, end_key(p->addr, p->port, p->pid));
	if (!u || u->port != p->port || memcmp(u->addr, p->addr, sizeof(u->addr)) != 0)
		return NULL;
	return has_addr(p->addr) || u->pid == p->pid ? u : NULL;
}

static enum names_of ask(const struct hold *h, const struct unnamed *u, struct conn_names *ret)
{
	return u->cgroup_id ? names_by_cgroup(h->names, u->cgroup_id, ret)
			    : names_by_addr(h->names, u->addr, ret);
}

/* True: the name may still come. */
static bool open_question(const struct hold *h, const struct flow_peer *p)
{
	const struct unnamed *u = unnamed_of(h, p);
	struct conn_names n = { 0 };

	return u && ask(h, u, &n) == NAMES_UNKNOWN;
}

static void name_peer(const struct hold *h, struct flow_peer *p)
{
	const struct unnamed *u = unnamed_of(h, p);
	struct conn_names n = { 0 };

	if (!u || ask(h, u, &n) == NAMES_NOBODY || !n.container)
		return;
	p->container = n.container;
	p->container_id = n.container_id;
	p->image = n.image;
	p->project = n.project;
	p->pod = n.pod;
	p->ns = n.ns;
}

static void pass_on(struct hold *h, const struct flow *f)
{
	struct flow_conn conn = *f->conn;
	struct flow named = *f;

	name_peer(h, &conn.client);
	name_peer(h, &conn.server);
	named.conn = &conn;
	h->out(h->ctx, &named);
}

static struct held *copy(const struct flow *f)
{
	struct held *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->arena = arena_new(ARENA_MAX);
	if (e->arena && flow_pb_pack(&e->bytes, f) == 0 && !e->bytes.failed &&
	    flow_pb_unpack(buf_slice(&e->bytes), e->arena, &e->flow) == 0)
		return e;
	arena_free(e->arena);
	buf_release(&e->bytes);
	free(e);
	return NULL;
}

static void release(struct hold *h, struct held *e)
{
	h->bytes -= e->bytes.n;
	arena_free(e->arena);
	buf_release(&e->bytes);
	free(e);
}

void hold_flow(struct hold *h, const struct flow *f, uint64_t now_ns)
{
	struct held *e = NULL;

	if (f->state != FLOW_OPEN && h->bytes < HOLD_BYTES &&
	    (open_question(h, &f->conn->client) || open_question(h, &f->conn->server)))
		e = copy(f);
	if (!e) {
		pass_on(h, f);
		return;
	}
	e->due_ns = now_ns + HOLD_NS;
	h->bytes += e->bytes.n;
	*h->last = e;
	h->last = &e->next;
}

static bool ripe(const struct hold *h, const struct held *e, uint64_t now_ns)
{
	return now_ns >= e->due_ns || !(open_question(h, &e->flow.conn->client) ||
					open_question(h, &e->flow.conn->server));
}

void hold_tick(struct hold *h, uint64_t now_ns)
{
	struct held **at = &h->first;

	while (*at) {
		struct held *e = *at;

		if (!ripe(h, e, now_ns)) {
			at = &e->next;
			continue;
		}
		*at = e->next;
		pass_on(h, &e->flow);
		release(h, e);
	}
	h->last = at;
}

bool hold_waits(const struct hold *h)
{
	return h->first != NULL;
}

void hold_free(struct hold *h)
{
	if (!h)
		return;
	hold_tick(h, UINT64_MAX);
	clear_unnamed(h);
	free(h);
}
