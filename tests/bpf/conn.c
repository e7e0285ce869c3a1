/* SPDX-License-Identifier: Apache-2.0 */
#include "conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "event.h"
#include "traffic.h"

static int inet_connect(struct conn *c, uint32_t family, uint16_t port)
{
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_in a4 = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr *a = family == F_V4 ? (void *)&a4 : (void *)&a6;
	socklen_t len = family == F_V4 ? sizeof(a4) : sizeof(a6);
	int af = family == F_V4 ? AF_INET : AF_INET6, one = 1;

	c->listener = socket(af, SOCK_STREAM | SOCK_CLOEXEC, 0);
	c->end[0] = socket(af, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(c->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(c->end[0], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	a4.sin_port = a6.sin6_port = htons(port);
	if (family == F_MAPPED)
		inet_pton(AF_INET6, "::ffff:127.0.0.1", &a6.sin6_addr);
	if (bind(c->listener, a, len) < 0 || listen(c->listener, 1) < 0 ||
	    getsockname(c->listener, a, &len) < 0 || connect(c->end[0], a, len) < 0)
		return -errno;
	c->sport = ntohs(family == F_V4 ? a4.sin_port : a6.sin6_port);
	if (getsockname(c->end[0], a, &len) < 0)
		return -errno;
	c->cport = c->key = ntohs(family == F_V4 ? a4.sin_port : a6.sin6_port);
	return 0;
}

static uint64_t unix_cookie(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 ? 0 : EV_UNIX_COOKIE | st.st_ino;
}

static int unix_connect(struct conn *c, uint32_t family)
{
	static uint16_t number;
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	socklen_t len;
	int n;

	c->key = c->cport = (uint16_t)(1 + number++ % 500 * 2); /* no client has such a port */
	c->sport = (uint16_t)(c->cport + 1);
	if (family == F_UNIX_PAIR) {
		c->listener = -1;
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, c->end) < 0)
			return -errno;
		c->cookie[1] = unix_cookie(c->end[1]);
	} else {
		n = snprintf(a.sun_path, sizeof(a.sun_path), "/tmp/limpid-test-%d", getpid());
		len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)n + 1);
		unlink(a.sun_path);
		if (family == F_UNIX_ABSTRACT) {
			a.sun_path[0] = '\0';
			len--;
		}
		c->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		c->end[0] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		n = bind(c->listener, (void *)&a, len) < 0 || listen(c->listener, 1) < 0 ||
				    connect(c->end[0], (void *)&a, len) < 0
			    ? -errno
			    : 0;
		if (family == F_UNIX_PATH)
			unlink(a.sun_path);
		if (n)
			return n;
	}
	c->cookie[0] = unix_cookie(c->end[0]);
	return 0;
}

int conn_connect(struct conn *c, uint32_t family, uint16_t port)
{
	memset(c, 0, sizeof(*c));
	c->family = family;
	return family < F_FAMILIES ? inet_connect(c, family, port) : unix_connect(c, family);
}

int conn_accept(struct conn *c)
{
	int one = 1;

	if (c->listener < 0)
		return 0; /* a pair */
	c->end[1] = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC);
	close(c->listener);
	if (c->end[1] < 0)
		return -errno;
	if (c->cookie[0])
		c->cookie[1] = unix_cookie(c->end[1]);
	else
		setsockopt(c->end[1], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return 0;
}

static bool is_datagram(const struct conn *c)
{
	int type = 0;
	socklen_t len = sizeof(type);

	return getsockopt(c->end[1], SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_DGRAM;
}

void conn_shutdown(const struct conn *c)
{
	for (int i = 0; i < 2; i++)
		shutdown(c->end[i], SHUT_RDWR);
}

int conn_close(struct conn *c, bool reset)
{
	struct linger now = { 1, 0 };
	char byte;

	if (reset)
		setsockopt(c->end[0], SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(c->end[0]);
	/* A datagram socket sees no end: it does not wait for one. */
	while (recv(c->end[1], &byte, 1, is_datagram(c) ? MSG_DONTWAIT : 0) > 0)
		;
	close(c->end[1]);
	return 0;
}
