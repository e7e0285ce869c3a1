/* SPDX-License-Identifier: Apache-2.0 */
/* way_plain.c - the system calls that name buffers of the program. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "way.h"

static __thread struct iovec vec[WAY_MANY];

size_t way_cut(struct iovec *v, size_t cnt, uint8_t *p, size_t n)
{
	size_t each = n / cnt, i;

	for (i = 0; i < cnt; i++) {
		size_t len = i + 1 == cnt ? n : each;

		if (i == 1 && cnt > 2)
			len = 0;
		v[i] = (struct iovec){ p, len };
		p += len;
		n -= len;
	}
	return cnt;
}

ssize_t way_errno(int rc)
{
	if (rc >= 0)
		return rc;
	errno = -rc;
	return -1;
}

/* --- sends ------------------------------------------------------------------------------------------ */

ssize_t send_write(int fd, uint8_t *p, size_t n)
{
	return write(fd, p, n);
}

ssize_t send_writev(int fd, uint8_t *p, size_t n)
{
	return writev(fd, vec, (int)way_cut(vec, 3, p, n));
}

ssize_t send_writev_many(int fd, uint8_t *p, size_t n)
{
	return writev(fd, vec, (int)way_cut(vec, WAY_MANY, p, n));
}

ssize_t send_sendto(int fd, uint8_t *p, size_t n)
{
	return sendto(fd, p, n, MSG_NOSIGNAL, NULL, 0);
}

ssize_t send_sendmsg(int fd, uint8_t *p, size_t n)
{
	struct msghdr m = { .msg_iov = vec, .msg_iovlen = way_cut(vec, 5, p, n) };

	return sendmsg(fd, &m, MSG_NOSIGNAL);
}

ssize_t send_sendmmsg(int fd, uint8_t *p, size_t n)
{
	struct mmsghdr mm[2] = { 0 };
	int rc;

	way_cut(vec, 2, p, n);
	mm[0].msg_hdr = (struct msghdr){ .msg_iov = vec, .msg_iovlen = 1 };
	mm[1].msg_hdr = (struct msghdr){ .msg_iov = vec + 1, .msg_iovlen = 1 };
	rc = sendmmsg(fd, mm, 2, MSG_NOSIGNAL);
	return rc < 0 ? rc : (ssize_t)mm[0].msg_len + (rc > 1 ? (ssize_t)mm[1].msg_len : 0);
}

ssize_t send_nonblock(int fd, uint8_t *p, size_t n)
{
	struct pollfd pf = { fd, POLLOUT, 0 };
	ssize_t rc = send(fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (rc < 0 && errno == EAGAIN) {
		poll(&pf, 1, 5000);
		errno = EAGAIN;
	}
	return rc;
}

/* Two calls moved that much; the error of the second comes again when it is the only one. */
static ssize_t sum(ssize_t first, ssize_t rest)
{
	return rest >= 0 ? first + rest : first > 0 ? first : rest;
}

ssize_t send_more(int fd, uint8_t *p, size_t n)
{
	ssize_t first = send(fd, p, n / 2, MSG_MORE | MSG_NOSIGNAL);

	if (first < 0 || (size_t)first < n / 2)
		return first;
	return sum(first, send(fd, p + first, n - (size_t)first, MSG_NOSIGNAL));
}

ssize_t send_cork(int fd, uint8_t *p, size_t n)
{
	int on = 1, off = 0;
	ssize_t first, rest;

	setsockopt(fd, IPPROTO_TCP, TCP_CORK, &on, sizeof(on));
	first = write(fd, p, n / 3);
	rest = first < 0 ? -1 : write(fd, p + first, n - (size_t)first);
	setsockopt(fd, IPPROTO_TCP, TCP_CORK, &off, sizeof(off));
	return first < 0 ? first : sum(first, rest);
}

ssize_t send_forked(int fd, uint8_t *p, size_t n)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(write(fd, p, n) == (ssize_t)n ? 0 : 1);
	return waitpid(pid, &status, 0) == pid && status == 0 ? (ssize_t)n : -1;
}

/* --- receives --------------------------------------------------------------------------------------- */

ssize_t recv_read(int fd, uint8_t *p, size_t n)
{
	return read(fd, p, n);
}

ssize_t recv_readv(int fd, uint8_t *p, size_t n)
{
	return readv(fd, vec, (int)way_cut(vec, 3, p, n));
}

ssize_t recv_readv_many(int fd, uint8_t *p, size_t n)
{
	return readv(fd, vec, (int)way_cut(vec, WAY_MANY, p, n));
}

ssize_t recv_recvfrom(int fd, uint8_t *p, size_t n)
{
	return recvfrom(fd, p, n, 0, NULL, NULL);
}

ssize_t recv_recvmsg(int fd, uint8_t *p, size_t n)
{
	struct msghdr m = { .msg_iov = vec, .msg_iovlen = way_cut(vec, 4, p, n) };

	return recvmsg(fd, &m, 0);
}

/* Two messages with a wait for the first only.  A stream may fill the first in part and go on in the second: then
 * what lies in the second is moved down.  Of one byte the first message takes nothing: TCP then waits until it is woken,
 * be it by room for what the other threads send, and the second message may find nothing either.  At the end of the stream
 * both would come back. */
ssize_t recv_recvmmsg(int fd, uint8_t *p, size_t n)
{
	struct mmsghdr mm[2] = { 0 };
	size_t a, b;
	int rc;

	way_cut(vec, 2, p, n);
	mm[0].msg_hdr = (struct msghdr){ .msg_iov = vec, .msg_iovlen = 1 };
	mm[1].msg_hdr = (struct msghdr){ .msg_iov = vec + 1, .msg_iovlen = 1 };
	rc = recvmmsg(fd, mm, 2, MSG_WAITFORONE, NULL);
	if (rc < 0)
		return rc;
	a = mm[0].msg_len;
	b = rc > 1 ? mm[1].msg_len : 0;
	if (rc == 1 && vec[0].iov_len == 0 && n) {
		errno = EAGAIN;
		return -1;
	}
	memmove(p + a, vec[1].iov_base, b);
	return (ssize_t)(a + b);
}

ssize_t recv_peek(int fd, uint8_t *p, size_t n)
{
	if (recv(fd, p, n, MSG_PEEK) < 0)
		return -1;
	return recv(fd, p, n, 0);
}

ssize_t recv_trunc(int fd, uint8_t *p, size_t n)
{
	return recv(fd, p, n, MSG_TRUNC);
}

ssize_t recv_waitall(int fd, uint8_t *p, size_t n)
{
	return recv(fd, p, n, MSG_WAITALL);
}

ssize_t recv_nonblock(int fd, uint8_t *p, size_t n)
{
	struct pollfd pf = { fd, POLLIN, 0 };
	ssize_t rc = recv(fd, p, n, MSG_DONTWAIT);

	if (rc < 0 && errno == EAGAIN) {
		poll(&pf, 1, 5000);
		errno = EAGAIN;
	}
	return rc;
}
