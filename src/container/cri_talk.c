/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of the runtime, in which order, and what its answers mean for the containers that are known. */
#include "container/cri_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const methods[] = {
	[ASK_VERSION] = "Version",	     [ASK_PODS] = "ListPodSandbox",
	[ASK_CONTAINERS] = "ListContainers", [ASK_POD] = "ListPodSandbox",
	[ASK_CONTAINER] = "ListContainers",  [ASK_STATUS] = "PodSandboxStatus",
};

/* --- questions ------------------------------------------------------------------------------------ */

static int ask(struct cri *c, enum question q)
{
	struct buf request = { 0 };
	char path[80];
	int32_t stream;
	int err = 0;

	(void)snprintf(path, sizeof(path), "/runtime.%s.RuntimeService/%s",
		       c->old ? "v1alpha2" : "v1", methods[q]);
	if (q == ASK_POD || q == ASK_CONTAINER)
		cri_ask_one(&request, c->asked_id);
	else if (q == ASK_STATUS)
		cri_ask_status(&request, c->asked_id);
	stream = request.failed ? -ENOMEM : grpc_call(c->g, path, "localhost", NULL);
	if (stream >= 0)
		err = grpc_send(c->g, stream, buf_slice(&request), true);
	buf_release(&request);
	c->asking = q;
	c->asked_ns = known_now_ns();
	c->answered = false;
	buf_clear(&c->answer);
	return stream < 0 ? stream : err;
}

int cri_ask_next(struct cri *c)
{
	if (c->asking != ASK_NOTHING || c->state == CONTAINERS_OFF)
		return 0;
	if (c->state == CONTAINERS_CONNECTING)
		return ask(c, ASK_VERSION);
	if (c->need_pods) { /* first: containers have their pod's name from there */
		c->need_pods = false;
		return ask(c, ASK_PODS);
	}
	if (questions_take(&c->pods, c->asked_id))
		return ask(c, ASK_POD);
	if (questions_take(&c->containers, c->asked_id))
		return ask(c, ASK_CONTAINER);
	if (c->need_containers) {
		c->need_containers = false;
		return ask(c, ASK_CONTAINERS);
	}
	if (questions_take(&c->statuses, c->asked_id))
		return ask(c, ASK_STATUS);
	return 0;
}

/* --- answers -------------------------------------------------------------------------------------- */

static void pod_told(void *ctx, const struct container *from, const char *of_pod)
{
	struct cri *c = ctx;
	const struct container *e = entries_find(&c->known->entries, from->id);

	if (strcmp(from->state, "running") == 0 && (!e || !(e->told_by & 1u << CONTAINERS_CRI)))
		(void)questions_put(&c->statuses,
				    of_pod); /* too many: shown without its addresses */
	known_learn(c->known, from, CONTAINERS_CRI);
	known_list_has(&c->list, from->id);
}

/* Kubernetes labels its containers with their pod's name.  Others (crictl) need not. */
static void container_told(void *ctx, const struct container *from, const char *of_pod)
{
	struct cri *c = ctx;
	struct container *e = entries_find(&c->known->entries, from->id);
	const struct container *pod = entries_find(&c->known->entries, of_pod);
	struct container one = *from;

	if (!one.pod[0] && pod && pod->pod[0]) {
		memcpy(one.pod, pod->pod, sizeof(one.pod));
		memcpy(one.namespace, pod->namespace, sizeof(one.namespace));
	} else if (!one.pod[0] && e && !e->pod_asked && questions_put(&c->pods, of_pod) &&
		   questions_put(&c->containers, one.id)) {
		e->pod_asked = true; /* so it is asked about again, when its pod is known */
		return;
	}
	/* It is asked about because it was seen to begin; the next list is up to ten seconds away. */
	if (c->asking == ASK_CONTAINER && strcmp(one.state, "created") == 0)
		(void)snprintf(one.state, sizeof(one.state), "running");
	known_learn(c->known, &one, CONTAINERS_CRI);
	known_list_has(&c->list, from->id);
}

/* Not among the containers: is it a sandbox?  Neither: it may be one in the making, which the next list has. */
static int not_found(struct cri *c)
{
	struct container *e = entries_find(&c->known->entries, c->asked_id);

	if (c->asking == ASK_CONTAINER && e && questions_put(&c->pods, c->asked_id))
		return 0;
	known_give_up(c->known, e, CONTAINERS_CRI);
	c->list_ns = 0;
	return 0;
}

static int version_told(struct cri *c)
{
	int err = cri_version(buf_slice(&c->answer), c->name, sizeof(c->name), c->version,
			      sizeof(c->version));

	if (err)
		return err;
	c->state = CONTAINERS_OK;
	c->problem[0] = '\0';
	c->need_pods = true;
	c->list_ns = known_now_ns() + CRI_LIST_NS;
	return 0;
}

static void list_over(struct cri *c)
{
	const struct container *e = NULL;

	known_list_end(&c->list);
	c->listed = true;
	for (size_t i = 0; i < c->known->entries.n && !e; i++) {
		e = c->known->entries.list[i];
		if (e->cgroup_id || strcmp(e->state, "running") != 0)
			e = NULL;
	}
	if (e)
		known_find_cgroups(c->known);
}

/* What is there is read before anything is asked: the answer's memory is that of the next. */
int cri_answered(struct cri *c)
{
	struct slice msg = buf_slice(&c->answer);
	struct container one;
	int n = c->status ? -EREMOTEIO : 0;

	switch (c->asking) {
	case ASK_VERSION:
		if (c->status == GRPC_UNIMPLEMENTED && !c->old) {
			c->old = true;
			return 0;
		}
		return c->status == GRPC_UNIMPLEMENTED ? -EOPNOTSUPP : n ? n : version_told(c);
	case ASK_PODS:
		c->need_containers = true;
		return n ? n : cri_sandboxes(msg, pod_told, c);
	case ASK_CONTAINERS:
		n = n ? n : cri_containers(msg, container_told, c);
		if (n >= 0)
			list_over(c);
		return n;
	case ASK_POD:
		n = n ? 0 : cri_sandboxes(msg, pod_told, c);
		return n ? n : not_found(c);
	case ASK_CONTAINER:
		n = n ? 0 : cri_containers(msg, container_told, c);
		return n ? n : not_found(c);
	case ASK_STATUS: /* gone meanwhile: it has no addresses */
		n = n ? 0 : cri_sandbox_status(msg, &one);
		if (!n && !c->status)
			known_learn(c->known, &one, CONTAINERS_CRI);
		return n;
	case ASK_NOTHING:
		break;
	}
	return 0;
}

static void on_message(void *ctx, int32_t stream, struct slice msg)
{
	struct cri *c = ctx;

	(void)stream; /* there is one */
	buf_clear(&c->answer);
	buf_put(&c->answer, msg);
}

static void on_ended(void *ctx, int32_t stream, enum grpc_status st, const char *text)
{
	struct cri *c = ctx;

	(void)stream; /* there is one */
	(void)text;
	c->answered = true;
	c->status = c->answer.failed ? GRPC_EXHAUSTED : st;
}

struct grpc_hooks cri_hooks(struct cri *c)
{
	return (struct grpc_hooks){ .message = on_message, .ended = on_ended, .ctx = c };
}
