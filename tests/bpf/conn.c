/* SPDX-License-Identifier: Apache-2.0 */
#include "conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "traffic.h"

int conn_connect(struct conn *c, uint32_t family, uint16_t port)
{
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_in a4 = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr *a = family == F_V4 ? (void *)&a4 : (void *)&a6;
	socklen_t len = family == F_V4 ? sizeof(a4) : sizeof(a6);
	int af = family == F_V4 ? AF_INET : AF_INET6, one = 1;
	int l = socket(af, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memset(c, 0, sizeof(*c));
	setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	a4.sin_port = a6.sin6_port = htons(port);
	c->end[0] = socket(af, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (family == F_MAPPED)
		inet_pton(AF_INET6, "::ffff:127.0.0.1", &a6.sin6_addr);
	if (bind(l, a, len) < 0 || listen(l, 1) < 0 || getsockname(l, a, &len) < 0)
		return -errno;
	if (connect(c->end[0], a, len) < 0)
		return -errno;
	c->sport = ntohs(family == F_V4 ? a4.sin_port : a6.sin6_port);
	if (getsockname(c->end[0], a, &len) < 0)
		return -errno;
	c->cport = c->key = ntohs(family == F_V4 ? a4.sin_port : a6.sin6_port);
	c->listener = l;
	return 0;
}

int conn_accept(struct conn *c)
{
	int one = 1;

	c->end[1] = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC);
	close(c->listener);
	for (int i = 0; i < 2; i++)
		setsockopt(c->end[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return c->end[1] < 0 ? -errno : 0;
}

int conn_close(struct conn *c, bool reset)
{
	struct linger now = { 1, 0 };
	char byte;

	if (reset)
		setsockopt(c->end[0], SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(c->end[0]);
	while (read(c->end[1], &byte, 1) > 0)
		;
	close(c->end[1]);
	return 0;
}
