/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/hub_call.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmd/args.h"
#include "container/answer.h"

#define WAIT_S	     5
#define LONG_WAIT_S  120	   /* for what a disk has to take first */
#define LONG_BODY    (64u << 10)

static int connect_to(const char *url, unsigned wait_s)
{
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct timeval limit = { .tv_sec = wait_s };
	char at[256], host[256];
	uint16_t port;
	int fd, rc;

	(void)snprintf(at, sizeof(at), "%s", url + strlen("http://"));
	at[strcspn(at, "/")] = '\0';
	if (args_address(at, host, sizeof(host), &port) < 0)
		return -EINVAL;
	v4.sin_port = v6.sin6_port = htons(port);
	if (strcmp(host, "localhost") == 0)
		(void)snprintf(host, sizeof(host), "127.0.0.1");
	if (inet_pton(AF_INET, host, &v4.sin_addr) != 1 &&
	    inet_pton(AF_INET6, host, &v6.sin6_addr) != 1)
		return -EINVAL;
	fd = socket(strchr(host, ':') ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	rc = setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (rc == 0)
		rc = strchr(host, ':') ? connect(fd, (struct sockaddr *)&v6, sizeof(v6))
				       : connect(fd, (struct sockaddr *)&v4, sizeof(v4));
	if (rc == 0)
		return fd;
	rc = -errno;
	close(fd);
	return rc;
}

static int send_all(int fd, struct slice s)
{
	while (s.n) {
		ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		s = slice_cut(s, (size_t)n, s.n);
	}
	return 0;
}

int hub_call(const char *url, const char *token, const char *method, const char *path,
	     struct slice body, struct buf *ret)
{
	const char *host = url + strlen("http://");
	struct buf request = { 0 };
	struct answer a = { 0 };
	int fd = connect_to(url, body.n > LONG_BODY ? LONG_WAIT_S : WAIT_S), err = 0;

	if (fd < 0)
		return fd;
	buf_printf(&request,
		   "%s %s HTTP/1.1\r\nHost: %.*s\r\nAuthorization: Bearer %s\r\n"
		   "Content-Type: application/json\r\nContent-Length: %zu\r\nConnection: "
		   "close\r\n\r\n",
		   method, path, (int)strcspn(host, "/"), host, token, body.n);
	buf_put(&request, body);
	err = request.failed ? -ENOMEM : send_all(fd, buf_slice(&request));
	while (!err && !a.done) {
		uint8_t piece[4096];
		ssize_t n = recv(fd, piece, sizeof(piece), 0);

		err = n > 0   ? answer_feed(&a, (struct slice){ piece, (size_t)n })
		      : n < 0 ? -errno
			      : answer_end(&a);
	}
	close(fd);
	if (!err && (a.status < 200 || a.status > 299))
		err = a.status == 401 ? -EACCES : a.status == 503 ? -EAGAIN : -EPROTO;
	if (!err && ret)
		buf_put(ret, buf_slice(&a.body));
	answer_release(&a);
	buf_release(&request);
	return err;
}
