/* SPDX-License-Identifier: Apache-2.0 */
/* One gRPC connection to the runtime's socket, one question at a time.  The interface has no event stream that all
 * runtimes in use offer (GetContainerEvents came with Kubernetes 1.26, for containerd with 1.7), so everything is listed
 * every ten seconds, and a container that a process shows first is asked for at once: it is known to the runtime from its
 * creation, before its first process, until Kubernetes removes it, long after its last.  A sandbox is known only when it
 * runs.
 */
#include "container/cri.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <unistd.h>

#include "container/cri_msg.h"
#include "container/questions.h"
#include "rpc/grpc.h"

#define RETRY_NS  (2 * 1000000000ull)
#define LIST_NS	  (10 * 1000000000ull)
#define ANSWER_NS (10 * 1000000000ull)

/* Where runtimes listen.  Seen from a container that has the host's process ids, the host's root is that of its first
 * process. */
static const char *const usual[] = {
	"/run/containerd/containerd.sock",
	"/run/crio/crio.sock",
	"/run/k3s/containerd/containerd.sock",
	"/run/k0s/containerd.sock",
	"/var/snap/microk8s/common/run/containerd.sock",
	"/run/cri-dockerd.sock",
	"/proc/1/root/run/containerd/containerd.sock",
	"/proc/1/root/run/crio/crio.sock",
	"/proc/1/root/run/k3s/containerd/containerd.sock",
	NULL,
};

enum question {
	ASK_NOTHING,
	ASK_VERSION,
	ASK_PODS,
	ASK_CONTAINERS,
	ASK_POD,
	ASK_CONTAINER,
	ASK_STATUS
};
static const char *const methods[] = {
	[ASK_VERSION] = "Version",	     [ASK_PODS] = "ListPodSandbox",
	[ASK_CONTAINERS] = "ListContainers", [ASK_POD] = "ListPodSandbox",
	[ASK_CONTAINER] = "ListContainers",  [ASK_STATUS] = "PodSandboxStatus",
};

struct cri {
	int ep, timer, fd;
	char path[108];
	bool named;   /* by somebody; "": none is wanted */
	size_t tried; /* of the usual ones */
	bool looked;  /* it was tried once */
	bool old;     /* speaks v1alpha2: containerd before 1.6 */
	struct known *known;
	struct grpc *g;
	enum containers_state state;
	char problem[300], name[32], version[64];
	/* The question that is open. */
	enum question asking;
	char asked_id[65];
	uint64_t asked_ns;
	bool answered;
	enum grpc_status status;
	struct buf answer;
	/* Those to come. */
	bool need_pods, need_containers, listed;
	uint64_t list_ns;  /* when to list again */
	uint64_t again_ns; /* when to look for it again */
	struct questions pods, containers, statuses;
	struct known_list list; /* what has been named since it was begun */
};

/* --- whom to ask ---------------------------------------------------------------------------------- */

static void hang_up(struct cri *c)
{
	grpc_free(c->g);
	c->g = NULL;
	if (c->fd >= 0)
		close(c->fd); /* also leaves the epoll set */
	c->fd = -1;
	c->asking = ASK_NOTHING;
	c->answered = c->need_pods = c->need_containers = c->listed = false;
	map_release(&c->list.seen);
	questions_clear(&c->pods);
	questions_clear(&c->containers);
	questions_clear(&c->statuses);
	c->state = CONTAINERS_OFF;
	known_give_up_all(c->known, CONTAINERS_CRI);
}

static void fail(struct cri *c, int err)
{
	const char *who = c->version[0] ? c->name : "the container runtime";

	if (err == -ENOENT || err == -ECONNREFUSED)
		(void)snprintf(c->problem, sizeof(c->problem),
			       "%s does not answer at %s; pods are shown by id", who, c->path);
	else if (err == -EACCES || err == -EPERM)
		(void)snprintf(c->problem, sizeof(c->problem),
			       "%s's socket %s may not be opened; pods are shown by id", who,
			       c->path);
	else if (err == -EPROTO || err == -EBADMSG || err == -EOPNOTSUPP)
		(void)snprintf(
			c->problem, sizeof(c->problem),
			"what answers at %s does not speak Kubernetes' CRI; pods are shown by id",
			c->path);
	else
		(void)snprintf(c->problem, sizeof(c->problem), "%s at %s: %s; pods are shown by id",
			       who, c->path, strerror(-err));
	/* A containerd that serves Docker alone has its CRI switched off, and no pods. */
	if (!c->named && (err == -EOPNOTSUPP || err == -ENOENT)) {
		c->problem[0] = '\0';
		c->again_ns = usual[c->tried] ? 0 : known_now_ns() + LIST_NS;
	}
	hang_up(c);
}

/* Chooses the next of the usual places where something is.  False: there is none. */
static bool choose(struct cri *c)
{
	if (c->named)
		return c->path[0] != '\0';
	while (usual[c->tried] && access(usual[c->tried], F_OK) < 0)
		c->tried++;
	if (!usual[c->tried]) {
		c->tried = 0;
		return false;
	}
	(void)snprintf(c->path, sizeof(c->path), "%s", usual[c->tried++]);
	return true;
}

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

static int ask_next(struct cri *c)
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
	c->list_ns = known_now_ns() + LIST_NS;
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
static int answered(struct cri *c)
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

/* --- the loop ------------------------------------------------------------------------------------- */

static int dial(struct cri *c)
{
	const struct grpc_hooks hooks = { .message = on_message, .ended = on_ended, .ctx = c };
	const struct grpc_options options = { .message_max = 64u << 20 };
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", c->path);
	c->old = false;
	c->version[0] = '\0';
	c->g = grpc_new(&options, &hooks);
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (!c->g)
		return -ENOMEM;
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    epoll_ctl(c->ep, EPOLL_CTL_ADD, c->fd, &ev) < 0)
		return -errno;
	c->state = CONTAINERS_CONNECTING;
	return ask_next(c);
}

static int write_out(struct cri *c)
{
	while (grpc_wants_write(c->g)) {
		struct slice out = grpc_output(c->g);
		ssize_t n = send(c->fd, out.p, out.n, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		grpc_sent(c->g, (size_t)n);
	}
	return 0;
}

/* Reads all there is; 0 or negative errno. */
static int read_in(struct cri *c)
{
	uint8_t piece[16384];

	for (;;) {
		ssize_t n = recv(c->fd, piece, sizeof(piece), MSG_DONTWAIT);
		int err;

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		if (n == 0)
			return -ECONNREFUSED; /* it stopped */
		err = grpc_input(c->g, (struct slice){ piece, (size_t)n });
		if (err)
			return err;
		if (c->answered) {
			err = answered(c);
			c->asking = ASK_NOTHING;
			c->answered = false;
			err = err < 0 ? err : ask_next(c);
		}
		if (err)
			return err;
	}
}

static void move(struct cri *c)
{
	int err = read_in(c);

	err = err ? err : write_out(c);
	if (!err && grpc_done(c->g))
		err = -ECONNREFUSED;
	if (err)
		fail(c, err);
}

static void timer_came(struct cri *c)
{
	uint64_t n, now = known_now_ns();
	int err = 0;

	(void)!read(c->timer, &n, sizeof(n)); /* only empties it */
	if (c->state == CONTAINERS_OFF) {
		if (now < c->again_ns)
			return;
		c->looked = true;
		while (c->state == CONTAINERS_OFF && choose(c)) {
			err = dial(c);
			if (err)
				fail(c, err);
			if (c->named)
				break;
		}
		return;
	}
	if (c->asking != ASK_NOTHING && now - c->asked_ns > ANSWER_NS) {
		fail(c, -ETIMEDOUT);
		return;
	}
	if (c->state == CONTAINERS_OK && now >= c->list_ns) {
		c->list_ns = now + LIST_NS;
		c->need_pods = true;
		err = ask_next(c);
	}
	err = err ? err : write_out(c);
	if (err)
		fail(c, err);
}

void cri_poll(struct cri *c)
{
	struct epoll_event evs[4];
	int n = epoll_wait(c->ep, evs, 4, 0);

	for (int i = 0; i < n; i++) {
		if (!evs[i].data.ptr)
			timer_came(c);
		else if (c->g)
			move(c);
	}
}

struct cri *cri_new(const char *socket, struct known *known)
{
	struct itimerspec at_once = { .it_value.tv_nsec = 1,
				      .it_interval.tv_sec = RETRY_NS / 1000000000u };
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = NULL };
	const char *endpoint = getenv("CONTAINER_RUNTIME_ENDPOINT");
	struct cri *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->known = known;
	c->list = (struct known_list){ .k = known, .engine = CONTAINERS_CRI };
	c->fd = -1;
	socket = socket ? socket : endpoint;
	c->named = socket != NULL;
	if (socket)
		(void)snprintf(c->path, sizeof(c->path), "%s",
			       strncmp(socket, "unix://", 7) == 0 ? socket + 7 : socket);
	c->ep = epoll_create1(EPOLL_CLOEXEC);
	c->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (c->ep < 0 || c->timer < 0 || timerfd_settime(c->timer, 0, &at_once, NULL) < 0 ||
	    epoll_ctl(c->ep, EPOLL_CTL_ADD, c->timer, &ev) < 0) {
		cri_free(c);
		return NULL;
	}
	return c;
}

int cri_fd(const struct cri *c)
{
	return c->ep;
}

void cri_ask(struct cri *c, struct container *e)
{
	if (c->state != CONTAINERS_OK || !questions_put(&c->containers, e->id))
		return;
	e->asked |= 1u << CONTAINERS_CRI;
	if (ask_next(c) == 0)
		(void)write_out(
			c); /* a failure shows at the next poll: no answer, or the connection's end */
}

void cri_engine(const struct cri *c, struct containers_engine *ret)
{
	*ret = (struct containers_engine){
		.name = c->version[0] ? c->name : "the container runtime",
		.socket = c->path,
		.version = c->state == CONTAINERS_OK ? c->version : NULL,
		.problem = c->state != CONTAINERS_OK && c->problem[0] ? c->problem : NULL,
		.state = c->state,
		.settled = c->listed && c->asking == ASK_NOTHING,
		.absent = c->looked && c->state == CONTAINERS_OFF && !c->problem[0],
	};
}

void cri_free(struct cri *c)
{
	if (!c)
		return;
	grpc_free(c->g);
	if (c->fd >= 0)
		close(c->fd);
	if (c->timer >= 0)
		close(c->timer);
	if (c->ep >= 0)
		close(c->ep);
	map_release(&c->list.seen);
	buf_release(&c->answer);
	questions_release(&c->pods);
	questions_release(&c->containers);
	questions_release(&c->statuses);
	free(c);
}
