/* SPDX-License-Identifier: Apache-2.0 */
/* One packet is one message: the kernel keeps the boundaries, so there is no framing to get wrong. */
#include "ipc/ipc.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD offsetof(struct ipc_msg, body)
_Static_assert(HEAD == 8 && sizeof(struct ipc_msg) == HEAD + IPC_BODY_MAX, "layout");

static bool ended(const char *s, size_t n)
{
	return memchr(s, 0, n) != NULL;
}
#define ENDED(field) ended(field, sizeof(field))

static bool check_container(const struct ipc_msg *m)
{
	const struct ipc_container *c = &m->container;

	return ENDED(c->id) && c->id[0] && ENDED(c->name) && ENDED(c->image) && ENDED(c->project) &&
	       ENDED(c->service) && ENDED(c->pod) && ENDED(c->namespace) && ENDED(c->state) &&
	       ENDED(c->networks) && c->naddrs <= 8 && c->gone <= 1 && c->captured <= 1 &&
	       c->sandbox <= 1;
}

static bool check_cgroup(const struct ipc_msg *m)
{
	return m->cgroup.cgroup_id != 0 && ENDED(m->cgroup.id);
}

static bool check_who(const struct ipc_msg *m)
{
	return m->cgroup.cgroup_id != 0 && m->cgroup.id[0] == 0;
}

static bool check_tls_lib(const struct ipc_msg *m)
{
	return m->tls_lib.lib != 0 && m->tls_lib.tls != 0 && ENDED(m->tls_lib.name) &&
	       ENDED(m->tls_lib.version);
}

static bool check_hub(const struct ipc_msg *m)
{
	return m->hub.err >= 0 && ENDED(m->hub.text);
}

static bool check_health(const struct ipc_msg *m)
{
	const struct ipc_health *h = &m->health;

	return ENDED(h->key) && h->key[0] && ENDED(h->text) && ENDED(h->hint) && h->level <= 2;
}

static bool capture_ok(const struct ipc_capture *c)
{
	return c->mode <= IPC_MODE_EXCEPT && c->paused <= 1 && c->hosts <= 1 && c->include_new <= 1;
}

static bool check_capture(const struct ipc_msg *m)
{
	return capture_ok(&m->capture);
}

static bool check_verdict(const struct ipc_msg *m)
{
	const struct ipc_verdict *v = &m->verdict;

	return v->cookie != 0 && v->verdict <= EV_COPY_NONE && v->skip <= 1 && v->dir <= EV_WRITE &&
	       v->plain <= 1 && v->totals <= 1;
}

static bool check_tls_who(const struct ipc_msg *m)
{
	return m->tls_who.pid != 0;
}

static bool check_tls_process(const struct ipc_msg *m)
{
	const struct ipc_tls_process *p = &m->tls_process;
	bool ok = p->pid != 0 && ENDED(p->comm) && p->gone <= 1 &&
		  p->nlibs <= sizeof(p->libs) / sizeof(*p->libs);

	for (size_t i = 0; ok && i < p->nlibs; i++)
		ok = ENDED(p->libs[i].name) && ENDED(p->libs[i].version) && ENDED(p->libs[i].path);
	return ok;
}

static bool check_settings(const struct ipc_msg *m)
{
	const struct ipc_settings *s = &m->settings;

	return s->begin <= 1 && s->commit <= 1 && s->what <= IPC_RULE_PROCESS && capture_ok(&s->capture) && ENDED(s->name);
}

static bool check_any(const struct ipc_msg *m)
{
	(void)m; /* counters: every value is fine */
	return true;
}

static const struct rule {
	uint16_t kind, size;
	uint8_t to; /* enum ipc_end */
	bool (*check)(const struct ipc_msg *m);
} rules[] = {
	{ IPC_CONTAINER, sizeof(struct ipc_container), IPC_DECODE, check_container },
	{ IPC_CGROUP, sizeof(struct ipc_cgroup), IPC_DECODE, check_cgroup },
	{ IPC_TLS_LIB, sizeof(struct ipc_tls_lib), IPC_DECODE, check_tls_lib },
	{ IPC_HUB, sizeof(struct ipc_hub), IPC_DECODE, check_hub },
	{ IPC_HEALTH, sizeof(struct ipc_health), IPC_DECODE, check_health },
	{ IPC_STOP, 0, IPC_DECODE, check_any },
	{ IPC_CAPTURE, sizeof(struct ipc_capture), IPC_DECODE, check_capture },
	{ IPC_TLS_PROCESS, sizeof(struct ipc_tls_process), IPC_DECODE, check_tls_process },
	{ IPC_VERDICT, sizeof(struct ipc_verdict), IPC_TAP, check_verdict },
	{ IPC_CONNECT, 0, IPC_TAP, check_any },
	{ IPC_SETTINGS, sizeof(struct ipc_settings), IPC_TAP, check_settings },
	{ IPC_STATS, sizeof(struct ipc_stats), IPC_TAP, check_any },
	{ IPC_WHO, sizeof(struct ipc_cgroup), IPC_TAP, check_who },
	{ IPC_TLS_WHO, sizeof(struct ipc_tls_who), IPC_TAP, check_tls_who },
};

static const struct rule *rule_of(unsigned kind)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
		if (rules[i].kind == kind)
			return &rules[i];
	return NULL;
}

int ipc_pair(int ret_fds[2])
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	ret_fds[0] = fds[0];
	ret_fds[1] = fds[1];
	return 0;
}

int ipc_send(int sock, enum ipc_kind kind, const struct ipc_msg *m, int pass_fd)
{
	const struct rule *r = rule_of(kind);
	struct ipc_msg out = { 0 };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = &out };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (!r || (r->size && !m))
		return -EINVAL;
	if (r->size)
		memcpy(out.body, m->body, r->size);
	out.kind = r->kind;
	out.size = r->size;
	out.seq = m ? m->seq : 0;
	iov.iov_len = HEAD + r->size;
	if (pass_fd >= 0) {
		struct cmsghdr *c = &control.align;

		h.msg_control = &control;
		h.msg_controllen = sizeof(control.bytes);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &pass_fd, sizeof(int));
	}
	if (sendmsg(sock, &h, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	return errno == ECONNRESET || errno == ENOTCONN ? -EPIPE : -errno;
}

/* The first descriptor that came along, or -1; more than one are closed and make the message bad. */
static int take_fd(struct msghdr *h, bool *ret_bad)
{
	int fd = -1;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		size_t n;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int one;

			memcpy(&one, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (fd < 0) {
				fd = one;
			} else {
				close(one);
				*ret_bad = true;
			}
		}
	}
	return fd;
}

static bool acceptable(const struct ipc_msg *m, size_t n, enum ipc_end self, int fd)
{
	const struct rule *r;

	if (n < HEAD || !(r = rule_of(m->kind)) || r->to != (uint8_t)self)
		return false;
	if (m->size != r->size || n != HEAD + r->size || !r->check(m))
		return false;
	return (fd >= 0) == (m->kind == IPC_HUB && m->hub.err == 0);
}

int ipc_recv(int sock, enum ipc_end self, struct ipc_msg *ret, int *ret_fd)
{
	struct ipc_msg in = { 0 };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(4 * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = &in, .iov_len = sizeof(in) };
	struct msghdr h = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(sock, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	bool bad;
	int fd;

	if (n < 0)
		return errno == EINTR ? -EAGAIN : errno == ECONNRESET ? -EPIPE : -errno;
	bad = (h.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
	fd = take_fd(&h, &bad);
	if (n == 0 && fd < 0)
		return -EPIPE;
	if (bad || !acceptable(&in, (size_t)n, self, fd)) {
		if (fd >= 0)
			close(fd);
		return -EBADMSG;
	}
	*ret = in;
	*ret_fd = fd;
	return 0;
}
