/* SPDX-License-Identifier: Apache-2.0 */
#include "dgram.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn.h"
#include "traffic.h"

static uint8_t out[D_BATCH * D_MAX], in[D_BATCH * D_MAX];

union addr {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static int end_open(uint32_t family, union addr *a, uint16_t *port)
{
	int fd = socket(family == F_V4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int room = 1 << 20;
	socklen_t len;

	memset(a, 0, sizeof(*a));
	if (family == F_V4) {
		a->v4.sin_family = AF_INET;
		a->v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		len = sizeof(a->v4);
	} else {
		a->v6.sin6_family = AF_INET6;
		inet_pton(AF_INET6, family == F_V6 ? "::1" : "::ffff:127.0.0.1", &a->v6.sin6_addr);
		len = sizeof(a->v6);
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	if (fd < 0 || bind(fd, &a->any, len) < 0 || getsockname(fd, &a->any, &len) < 0)
		return -errno;
	*port = ntohs(family == F_V4 ? a->v4.sin_port : a->v6.sin6_port);
	return fd;
}

static bool has_addresses(uint32_t op)
{
	return op == D_SENDTO || op == D_VECTOR || op == D_MANY;
}

int dgram_open(struct conn *c, uint32_t family, uint32_t op)
{
	union addr a[2];

	memset(c, 0, sizeof(*c));
	c->end[0] = end_open(family, &a[0], &c->cport);
	c->end[1] = end_open(family, &a[1], &c->sport);
	if (c->end[0] < 0 || c->end[1] < 0)
		return -EADDRNOTAVAIL;
	c->key = c->cport;
	for (int i = 0; i < 2 && !has_addresses(op); i++)
		if (connect(c->end[i], &a[!i].any, sizeof(a[!i])) < 0)
			return -errno;
	return 0;
}

/* m[i] describes datagram i of n bytes at p, in three buffers. */
static void describe(struct mmsghdr *m, struct iovec (*v)[3], uint8_t *p, size_t n, union addr *a)
{
	for (int i = 0; i < D_BATCH; i++, p += n) {
		way_cut(v[i], 3, p, n);
		m[i].msg_hdr = (struct msghdr){
			.msg_iov = v[i], .msg_iovlen = 3, .msg_name = a, .msg_namelen = sizeof(*a)
		};
	}
}

static ssize_t dgram_send(int fd, uint32_t op, size_t n, union addr *to)
{
	struct mmsghdr m[D_BATCH] = { 0 };
	struct iovec v[D_BATCH][3];

	describe(m, v, out, n, to);
	switch ((enum dgram_op)(op & 0xff)) {
	case D_WAYS:
		return way_send(op >> 8 & 0xff)->go(fd, out, n);
	case D_WRITE:
		return write(fd, out, n);
	case D_SENDTO:
		return sendto(fd, out, n, 0, &to->any, sizeof(*to));
	case D_VECTOR:
		return sendmsg(fd, &m[0].msg_hdr, 0);
	case D_MANY:
		return sendmmsg(fd, m, D_BATCH, 0) == D_BATCH ? (ssize_t)(n * D_BATCH) : -1;
	case D_SEND:
	case D_PEEK:
	case D_TRUNC:
	case D_CUT:
	case D_OPS:
		break;
	}
	return send(fd, out, n, 0);
}

static ssize_t dgram_recv(int fd, uint32_t op, size_t n, union addr *from)
{
	struct mmsghdr m[D_BATCH] = { 0 };
	struct iovec v[D_BATCH][3];
	socklen_t len = sizeof(*from);

	describe(m, v, in, n, from);
	switch ((enum dgram_op)(op & 0xff)) {
	case D_WAYS:
		return way_recv(op >> 16)->go(fd, in, n);
	case D_WRITE:
		return read(fd, in, sizeof(in));
	case D_SENDTO:
		return recvfrom(fd, in, sizeof(in), 0, &from->any, &len);
	case D_VECTOR:
		return recvmsg(fd, &m[0].msg_hdr, 0);
	case D_MANY:
		return recvmmsg(fd, m, D_BATCH, 0, NULL) == D_BATCH ? (ssize_t)(n * D_BATCH) : -1;
	case D_PEEK:
		recv(fd, in, sizeof(in), MSG_PEEK);
		break;
	case D_TRUNC:
		if (!from)
			return recv(fd, in, n / 2, MSG_TRUNC);
		way_cut(v[0], 3, in, n / 2);
		return recvmsg(fd, &m[0].msg_hdr, MSG_TRUNC);
	case D_CUT:
		return recv(fd, in, n / 2, 0);
	case D_SEND:
	case D_OPS:
		break;
	}
	return recv(fd, in, sizeof(in), 0);
}

int dgram_move(struct conn *c, int back, uint32_t op, uint64_t n)
{
	size_t all = op == D_MANY ? n * D_BATCH : n, got = op == D_CUT ? n / 2 : all;
	size_t there = op == D_TRUNC ? n / 2 : got;
	union addr to = { 0 }, from = { 0 };
	socklen_t len = sizeof(to);

	if (n > D_MAX || getsockname(c->end[!back], &to.any, &len) < 0)
		return -EINVAL;
	for (size_t i = 0; i < all; i++)
		out[i] = pattern(c->key, back, c->pos[back] + i);
	if (dgram_send(c->end[back], op, n, &to) != (ssize_t)all)
		return errno ? -errno : -EIO;
	/* Into half of a buffer: the server names one, the client three. */
	if (dgram_recv(c->end[!back], op, n, op == D_TRUNC && !back ? NULL : &from) !=
		    (ssize_t)got ||
	    memcmp(in, out, there) != 0)
		return -EIO;
	c->pos[back] += all;
	return 0;
}
