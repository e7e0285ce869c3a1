/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hub/access.h"

union address {
	struct sockaddr sa;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Host without brackets, and the port.  0, -EINVAL. */
static int split(const char *addr, char *host, size_t hostlen, uint16_t *ret_port)
{
	const char *colon = strrchr(addr, ':');
	unsigned long port;
	char *end;
	size_t n;

	if (!colon || colon[1] < '0' || colon[1] > '9')
		return -EINVAL;
	port = strtoul(colon + 1, &end, 10);
	if (*end || port > 65535)
		return -EINVAL;
	n = (size_t)(colon - addr);
	if (n >= 2 && addr[0] == '[' && addr[n - 1] == ']') {
		addr++;
		n -= 2;
	} else if (memchr(addr, ':', n)) {
		return -EINVAL; /* IPv6 is written in brackets */
	}
	if (n == 0 || n >= hostlen)
		return -EINVAL;
	memcpy(host, addr, n);
	host[n] = '\0';
	*ret_port = (uint16_t)port;
	return 0;
}

static int resolve(const char *host, uint16_t port, union address *ret, socklen_t *ret_len)
{
	if (strcmp(host, "localhost") == 0)
		host = "127.0.0.1";
	*ret = (union address){ 0 };
	if (inet_pton(AF_INET, host, &ret->v4.sin_addr) == 1) {
		ret->v4.sin_family = AF_INET;
		ret->v4.sin_port = htons(port);
		*ret_len = sizeof(ret->v4);
		return 0;
	}
	if (inet_pton(AF_INET6, host, &ret->v6.sin6_addr) == 1) {
		ret->v6.sin6_family = AF_INET6;
		ret->v6.sin6_port = htons(port);
		*ret_len = sizeof(ret->v6);
		return 0;
	}
	return -EINVAL;
}

static int explain(int r, const char *addr, char *err, size_t errlen)
{
	switch (r) {
	case -EINVAL:
		(void)snprintf(err, errlen,
			       "\"%s\" is no address for the page: write ADDRESS:PORT, as in "
			       "--http 127.0.0.1:7070",
			       addr);
		break;
	case -EPERM:
		(void)snprintf(
			err, errlen,
			"the page would be open to the network at %s: listen on 127.0.0.1 and "
			"reach it with "
			"ssh -L, or pass --allow-remote if something else protects that address",
			addr);
		break;
	case -EADDRINUSE:
		(void)snprintf(err, errlen,
			       "the page's port %s is in use: stop the program that has it, or "
			       "pass another "
			       "--http ADDRESS:PORT",
			       addr);
		break;
	case -EADDRNOTAVAIL:
		(void)snprintf(err, errlen,
			       "this machine has no address for the page as in %s: pass another "
			       "--http ADDRESS:PORT",
			       addr);
		break;
	case -EACCES:
		(void)snprintf(err, errlen,
			       "the page's port %s needs privileges: pass a port above 1023 with "
			       "--http ADDRESS:PORT",
			       addr);
		break;
	default:
		(void)snprintf(err, errlen, "cannot listen for the page at %s: %s", addr,
			       strerror(-r));
	}
	return r;
}

static int open_socket(union address *a, socklen_t len, uint16_t *ret_port)
{
	int fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1, r;

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (a->sa.sa_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, &a->sa, len) < 0 || listen(fd, 128) < 0 || getsockname(fd, &a->sa, &len) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	*ret_port = ntohs(a->sa.sa_family == AF_INET6 ? a->v6.sin6_port : a->v4.sin_port);
	return fd;
}

int listen_web(const struct hub_options *o, uint16_t *ret_port, char *err, size_t errlen)
{
	union address a;
	socklen_t len = 0;
	uint16_t port;
	char host[64];
	int r = split(o->http_addr, host, sizeof(host), &port);

	if (r == 0)
		r = resolve(host, port, &a, &len);
	if (r == 0 && !access_is_loopback(host) && (!o->allow_remote || !o->token || !o->token[0]))
		r = -EPERM;
	if (r == 0)
		r = open_socket(&a, len, ret_port);
	return r < 0 ? explain(r, o->http_addr, err, errlen) : r;
}
