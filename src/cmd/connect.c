/* SPDX-License-Identifier: Apache-2.0 */
/* Names are resolved by a process of its own: that may take long, and the answer of a name server is
 * foreign input that the privileged process should not read.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/children.h"
#include "ipc/ipc.h"

#define TIMEOUT_S 5

static bool is_loopback(const struct sockaddr *a)
{
	if (a->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)a;

		return ntohl(in->sin_addr.s_addr) >> 24 == 127;
	}
	return a->sa_family == AF_INET6 &&
	       IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr);
}

int connect_check(const struct args *a, uint16_t *ret_port, bool *ret_loopback, char *err,
		  size_t errlen)
{
	struct in6_addr v6;
	struct in_addr v4;
	char host[256];
	uint16_t port;
	bool loopback;

	if (args_address(a->server, host, sizeof(host), &port) < 0 || port == 0) {
		(void)snprintf(err, errlen,
			       "'%s' is not HOST:PORT; write for example 127.0.0.1:50052",
			       a->server);
		return -EINVAL;
	}
	loopback = strcmp(host, "localhost") == 0 ||
		   (inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127) ||
		   (inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6));
	if (!loopback && !a->plaintext) {
		(void)snprintf(err, errlen,
			       "flows would cross the network to %s unencrypted; pass --plaintext "
			       "where that "
			       "network is trusted, or use a tunnel to a loopback port",
			       host);
		return -EPERM;
	}
	*ret_port = port;
	*ret_loopback = loopback;
	return 0;
}

/* A connected, non-blocking socket, or negative errno. */
static int try_one(const struct addrinfo *ai, bool plaintext)
{
	struct timeval limit = { .tv_sec = TIMEOUT_S };
	int one = 1, fd, err = 0;

	if (!plaintext && !is_loopback(ai->ai_addr))
		return -EPERM;
	fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* it also bounds connect(): socket(7) */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0 ||
	    connect(fd, ai->ai_addr, ai->ai_addrlen) < 0)
		err = errno == EINPROGRESS ? -ETIMEDOUT : -errno;
	if (!err && (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0 ||
		     fcntl(fd, F_SETFL, O_NONBLOCK) < 0))
		err = -errno;
	if (!err)
		return fd;
	close(fd);
	return err;
}

static void answer(int reply, int err, const char *text, int fd)
{
	struct ipc_msg m = { .hub.err = err };

	(void)snprintf(m.hub.text, sizeof(m.hub.text), "%s", text);
	(void)ipc_send(reply, IPC_HUB, &m, fd); /* tap is gone: nobody waits */
}

static void resolve_and_connect(const struct args *a, int reply)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
	char host[256], port_text[8];
	int fd = -EADDRNOTAVAIL, err;
	uint16_t port = 0;

	if (args_address(a->server, host, sizeof(host), &port) < 0)
		return;
	(void)snprintf(port_text, sizeof(port_text), "%u", port);
	err = getaddrinfo(host, port_text, &hints, &list);
	if (err) {
		answer(reply, EHOSTUNREACH, gai_strerror(err), -1);
		return;
	}
	for (const struct addrinfo *ai = list; ai && fd < 0; ai = ai->ai_next)
		fd = try_one(ai, a->plaintext);
	freeaddrinfo(list);
	if (fd < 0)
		answer(reply, -fd, strerror(-fd), -1);
	else
		answer(reply, 0, "", fd);
}

pid_t connect_start(const struct args *a, const struct identity *who, int reply)
{
	pid_t pid = fork();
	sigset_t none;
	char err[300];

	if (pid)
		return pid < 0 ? -errno : pid;
	(void)prctl(PR_SET_NAME, "limpid-connect", 0, 0, 0);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)alarm(4 * TIMEOUT_S); /* whatever the resolver does, this ends */
	if (dup2(reply, STDIN_FILENO) < 0 || close_range(STDERR_FILENO + 1, ~0u, 0) < 0 ||
	    confine_user(who, err, sizeof(err)) < 0)
		_exit(1);
	resolve_and_connect(a, STDIN_FILENO);
	_exit(0);
}
