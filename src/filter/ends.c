/* SPDX-License-Identifier: Apache-2.0 */
#include "filter/ends.h"

static bool see(visit_fn visit, void *ctx, const char *s)
{
	return s && visit(ctx, slice_str(s));
}

static bool peer_names(const struct flow_peer *p, visit_fn visit, void *ctx)
{
	char ip[46];

	flow_addr_format(p->addr, ip);
	return see(visit, ctx, p->container) || see(visit, ctx, p->pod) ||
	       see(visit, ctx, p->comm) || see(visit, ctx, ip[0] ? ip : NULL);
}

bool key_src(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	(void)arg;
	return peer_names(&f->conn->client, visit, ctx);
}

bool key_dst(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	(void)arg;
	return peer_names(&f->conn->server, visit, ctx) || see(visit, ctx, f->conn->path);
}

bool key_sock(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	(void)arg;
	return see(visit, ctx, f->conn->path);
}

bool key_l4(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	(void)arg;
	return see(visit, ctx, f->conn->l4);
}

#define BOTH_ENDS(fn, field)                                                             \
	bool fn(const struct flow *f, const char *arg, visit_fn visit, void *ctx) \
	{                                                                                \
		(void)arg;                                                               \
		return see(visit, ctx, f->conn->client.field) ||                         \
		       see(visit, ctx, f->conn->server.field);                           \
	}
#define ONE_END(fn, end, field)                                                          \
	bool fn(const struct flow *f, const char *arg, visit_fn visit, void *ctx) \
	{                                                                                \
		(void)arg;                                                               \
		return see(visit, ctx, f->conn->end.field);                              \
	}
ONE_END(key_src_project, client, project)
ONE_END(key_dst_project, server, project)
ONE_END(key_src_ns, client, ns)
ONE_END(key_dst_ns, server, ns)

bool key_src_service(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	char room[FLOW_NAME_MAX];

	(void)arg;
	return see(visit, ctx, flow_service_name(&f->conn->client, room));
}

bool key_dst_service(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	char room[FLOW_NAME_MAX];

	(void)arg;
	return see(visit, ctx, flow_service_name(&f->conn->server, room));
}

bool key_service(const struct flow *f, const char *arg, visit_fn visit, void *ctx)
{
	return key_src_service(f, arg, visit, ctx) || key_dst_service(f, arg, visit, ctx);
}

BOTH_ENDS(key_container, container)
BOTH_ENDS(key_container_id, container_id)
BOTH_ENDS(key_image, image)
BOTH_ENDS(key_project, project)
BOTH_ENDS(key_pod, pod)
BOTH_ENDS(key_ns, ns)
BOTH_ENDS(key_proc, comm)
