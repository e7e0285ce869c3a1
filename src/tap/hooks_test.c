/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the hooks of kernel functions are called: one that attaches need not be (kprobes switched off as a whole,
 * for example), and then nothing would be seen of what the system calls leave to it.  A byte goes over a connection of
 * this process with itself, and the programs note that they were met. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "limpid.skel.h"
#include "tap/bpf_hooks.h"
#include "tap/bpf_priv.h"

#define PATIENCE_US 100000 /* of a firewall that swallows what this host sends itself */

/* bpf/sockfn.bpf.h */
enum { FN_ENTERED = 1, FN_LEFT = 2 };

static int tcp_socket(void)
{
	struct timeval patience = { .tv_usec = PATIENCE_US };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd >= 0) {
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	}
	return fd;
}

/* 0, or negative errno: this host does not talk to itself. */
static int exchange(struct limpid_bpf *skel)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = tcp_socket(), from = tcp_socket(), to = -1, rc = 0;
	socklen_t len = sizeof(a);
	char byte = 'x';

	if (listener < 0 || from < 0 || bind(listener, (struct sockaddr *)&a, len) < 0 ||
	    listen(listener, 1) < 0 || getsockname(listener, (struct sockaddr *)&a, &len) < 0 ||
	    !(skel->bss->fn_test_port = ntohs(a.sin_port)) ||
	    connect(from, (struct sockaddr *)&a, len) < 0 ||
	    (to = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) < 0 ||
	    send(from, &byte, 1, MSG_NOSIGNAL) != 1 || recv(to, &byte, 1, 0) != 1)
		rc = errno ? -errno : -EIO;
	if (listener >= 0)
		close(listener);
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	return rc;
}

static const char *deaf(enum hook i, enum tap_backend b, unsigned met)
{
	static const char *const progs[HOOKS][2][2] = {
		[HOOK_SEND] = { { "kprobe_tcp_sendmsg", "kretprobe_tcp_sendmsg" },
				{ "fentry_tcp_sendmsg", "fexit_tcp_sendmsg" } },
		[HOOK_RECV] = { { "kprobe_tcp_recvmsg", "kretprobe_tcp_recvmsg" },
				{ "fentry_tcp_recvmsg", "fexit_tcp_recvmsg" } },
	};

	return progs[i][b == TAP_BACKEND_FENTRY][(met & FN_ENTERED) != 0];
}

int hooks_test(const struct hooks *h, struct limpid_bpf *skel, char *why, size_t n)
{
	static const int dirs[HOOKS] = { [HOOK_SEND] = EV_WRITE, [HOOK_RECV] = EV_READ };
	int rc;

	if (h->state[HOOK_SEND].used <= TAP_BACKEND_TRACEPOINT &&
	    h->state[HOOK_RECV].used <= TAP_BACKEND_TRACEPOINT)
		return 0;
	rc = exchange(skel);
	skel->bss->fn_test_port = 0;
	if (rc) {
		log_debug("the hooks are not tested: a connection with myself: %s", strerror(-rc));
		return 0;
	}
	for (enum hook i = 0; i < HOOKS; i++) {
		unsigned met = skel->bss->fn_tests[dirs[i]];

		if (h->state[i].used <= TAP_BACKEND_TRACEPOINT || met == (FN_ENTERED | FN_LEFT))
			continue;
		(void)snprintf(why, n, "prog '%s': it is attached, but the kernel does not call it",
			       deaf(i, h->state[i].used, met));
		return -ENODATA;
	}
	return 0;
}
