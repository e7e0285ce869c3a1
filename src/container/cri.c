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

#include "container/cri_priv.h"

#define RETRY_NS  (2 * 1000000000ull)
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
		c->again_ns = usual[c->tried] ? 0 : known_now_ns() + CRI_LIST_NS;
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

/* --- the loop ------------------------------------------------------------------------------------- */

static int dial(struct cri *c)
{
	const struct grpc_hooks hooks = cri_hooks(c);
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
	return cri_ask_next(c);
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
			err = cri_answered(c);
			c->asking = ASK_NOTHING;
			c->answered = false;
			err = err < 0 ? err : cri_ask_next(c);
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
		c->list_ns = now + CRI_LIST_NS;
		c->need_pods = true;
		err = cri_ask_next(c);
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
	if (cri_ask_next(c) == 0)
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
