/* SPDX-License-Identifier: Apache-2.0 */
#include "container/wire.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void wire_close(struct wire *w)
{
	if (w->fd >= 0)
		close(w->fd); /* also leaves the epoll set */
	w->fd = -1;
	answer_reset(&w->answer);
}

int wire_write(struct wire *w)
{
	while (w->sent < w->nrequest) {
		ssize_t n = send(w->fd, w->request + w->sent, w->nrequest - w->sent,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		w->sent += (size_t)n;
	}
	return 0;
}

int wire_open(struct wire *w, int ep, const char *to, const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = w };
	int n;

	(void)snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", to);
	n = snprintf(w->request, sizeof(w->request),
		     "GET %s HTTP/1.1\r\nHost: docker\r\nUser-Agent: limpid\r\nConnection: "
		     "close\r\n\r\n",
		     path);
	if (n < 0 || (size_t)n >= sizeof(w->request))
		return -ENAMETOOLONG;
	w->nrequest = (size_t)n;
	w->sent = 0;
	answer_reset(&w->answer);
	w->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (w->fd < 0)
		return -errno;
	if (connect(w->fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    epoll_ctl(ep, EPOLL_CTL_ADD, w->fd, &ev) < 0) {
		int err = -errno;

		wire_close(w);
		return err;
	}
	return wire_write(w);
}

int wire_read(struct wire *w)
{
	uint8_t piece[16384];

	for (;;) {
		ssize_t n = recv(w->fd, piece, sizeof(piece), MSG_DONTWAIT);
		int err;

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		if (n == 0)
			return 1;
		err = answer_feed(&w->answer, (struct slice){ piece, (size_t)n });
		if (err)
			return err;
	}
}
