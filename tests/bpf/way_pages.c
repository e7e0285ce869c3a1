/* SPDX-License-Identifier: Apache-2.0 */
/* way_pages.c - ways in which pages change hands, not bytes of a buffer. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "way.h"

#ifndef SO_ZEROCOPY
#define SO_ZEROCOPY 60
#endif
#ifndef MSG_ZEROCOPY
#define MSG_ZEROCOPY 0x4000000
#endif
#define TCP_ZEROCOPY_RECEIVE_OPT \
	35 /* include/uapi/linux/tcp.h, with the beginning of its struct: */
struct zerocopy_receive {
	uint64_t address;
	uint32_t length, recv_skip_hint;
};

/* --- out -------------------------------------------------------------------------------------------- */

/* The completions must be taken, or the socket refuses to go on. */
static void take_completions(int fd)
{
	char control[128];
	struct msghdr m;

	do
		m = (struct msghdr){ .msg_control = control, .msg_controllen = sizeof(control) };
	while (recvmsg(fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0);
}

ssize_t send_zerocopy(int fd, uint8_t *p, size_t n)
{
	int one = 1;
	ssize_t rc;

	if (setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one)) < 0)
		return -1;
	rc = send(fd, p, n, MSG_ZEROCOPY | MSG_NOSIGNAL);
	one = errno;
	take_completions(fd);
	errno = one == ENOBUFS ? EAGAIN : one;
	return rc;
}

static int file_of(const uint8_t *p, size_t n)
{
	int mem = memfd_create("traffic", MFD_CLOEXEC);

	if (mem >= 0 && write(mem, p, n) == (ssize_t)n)
		return mem;
	if (mem >= 0)
		close(mem);
	return -1;
}

ssize_t send_sendfile(int fd, uint8_t *p, size_t n)
{
	int mem = file_of(p, n);
	off_t at = 0;
	ssize_t rc;

	if (mem < 0)
		return -1;
	rc = sendfile(fd, mem, &at, n);
	close(mem);
	return rc;
}

void way_close_pipe(const int pipe_fd[2])
{
	close(pipe_fd[0]);
	close(pipe_fd[1]);
}

int way_full_pipe(int pipe_fd[2], const uint8_t *p, size_t n)
{
	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		return -1;
	if (write(pipe_fd[1], p, n) == (ssize_t)n)
		return 0;
	way_close_pipe(pipe_fd);
	return -1;
}

/* All n bytes of the pipe into the socket. */
static ssize_t empty_into(int fd, int from, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t rc = splice(from, NULL, fd, NULL, n - done, 0);

		if (rc <= 0)
			return -1;
		done += (size_t)rc;
	}
	return (ssize_t)done;
}

ssize_t send_splice_file(int fd, uint8_t *p, size_t n)
{
	int pipe_fd[2], mem;
	loff_t at = 0;
	ssize_t rc;

	if (n > WAY_PIPE)
		n = WAY_PIPE;
	mem = file_of(p, n);
	if (mem < 0 || pipe2(pipe_fd, O_CLOEXEC) < 0)
		return -1;
	rc = splice(mem, &at, pipe_fd[1], NULL, n, 0);
	if (rc > 0)
		rc = empty_into(fd, pipe_fd[0], (size_t)rc);
	close(mem);
	way_close_pipe(pipe_fd);
	return rc;
}

ssize_t send_splice_pipe(int fd, uint8_t *p, size_t n)
{
	int pipe_fd[2];
	ssize_t rc;

	if (n > WAY_PIPE)
		n = WAY_PIPE;
	if (way_full_pipe(pipe_fd, p, n) < 0)
		return -1;
	rc = empty_into(fd, pipe_fd[0], n);
	way_close_pipe(pipe_fd);
	return rc;
}

ssize_t send_vmsplice(int fd, uint8_t *p, size_t n)
{
	struct iovec v = { p, n > WAY_PIPE ? WAY_PIPE : n };
	int pipe_fd[2];
	ssize_t rc;

	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		return -1;
	rc = vmsplice(pipe_fd[1], &v, 1, 0);
	if (rc > 0)
		rc = empty_into(fd, pipe_fd[0], (size_t)rc);
	way_close_pipe(pipe_fd);
	return rc;
}

ssize_t send_tee(int fd, uint8_t *p, size_t n)
{
	int from[2], to[2];
	ssize_t rc;

	if (n > WAY_PIPE)
		n = WAY_PIPE;
	if (way_full_pipe(from, p, n) < 0 || pipe2(to, O_CLOEXEC) < 0)
		return -1;
	rc = tee(from[0], to[1], n, 0);
	if (rc > 0)
		rc = empty_into(fd, to[0], (size_t)rc);
	way_close_pipe(from);
	way_close_pipe(to);
	return rc;
}

/* --- in --------------------------------------------------------------------------------------------- */

ssize_t recv_splice(int fd, uint8_t *p, size_t n)
{
	int pipe_fd[2];
	ssize_t rc;

	if (pipe2(pipe_fd, O_CLOEXEC) < 0)
		return -1;
	rc = splice(fd, NULL, pipe_fd[1], NULL, n > WAY_PIPE ? WAY_PIPE : n, 0);
	for (ssize_t at = 0; at < rc;) {
		ssize_t got = read(pipe_fd[0], p + at, (size_t)(rc - at));

		if (got <= 0)
			rc = -1;
		at += got;
	}
	way_close_pipe(pipe_fd);
	return rc;
}

/* Maps what lies in whole pages, else reads what cannot be mapped. */
ssize_t recv_zerocopy(int fd, uint8_t *p, size_t n)
{
	size_t pages = n & ~(size_t)4095;
	struct zerocopy_receive z = { .length = (uint32_t)pages };
	socklen_t len = sizeof(z);
	void *map;

	if (!pages || recv(fd, p, 1, MSG_PEEK) < 0) /* it does not wait */
		return read(fd, p, n);
	map = mmap(NULL, pages, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return -1;
	z.address = (uint64_t)(uintptr_t)map;
	if (getsockopt(fd, IPPROTO_TCP, TCP_ZEROCOPY_RECEIVE_OPT, &z, &len) < 0)
		z.length = z.recv_skip_hint = 0;
	memcpy(p, map, z.length);
	munmap(map, pages);
	if (z.length)
		return (ssize_t)z.length;
	return read(fd, p, z.recv_skip_hint && z.recv_skip_hint < n ? z.recv_skip_hint : n);
}
