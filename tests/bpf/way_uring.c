/* SPDX-License-Identifier: Apache-2.0 */
/* way_uring.c - the operations of io_uring that move bytes through a socket. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "uring.h"
#include "way.h"

#define U(p) ((uint64_t)(uintptr_t)(p))

/* What all operations share: one submission, and its result as a system call would give it. */
static ssize_t submit(enum uring_kind kind, uint8_t op, uint8_t flags, int fd, const void *p,
		      size_t n)
{
	struct io_uring_sqe s = {
		.opcode = op, .flags = flags, .fd = fd, .addr = U(p), .len = (uint32_t)n
	};

	return way_errno(uring_do(kind, &s, NULL));
}

static ssize_t plain(uint8_t op, int fd, const void *p, size_t n)
{
	return submit(URING_PLAIN, op, 0, fd, p, n);
}

/* n bytes at p as three buffers, or as a message of five. */
static ssize_t vector(uint8_t op, int fd, uint8_t *p, size_t n)
{
	struct iovec v[3];

	return plain(op, fd, v, way_cut(v, 3, p, n));
}

static ssize_t message(uint8_t op, int fd, uint8_t *p, size_t n)
{
	struct iovec v[5];
	struct msghdr m = { .msg_iov = v, .msg_iovlen = way_cut(v, 5, p, n) };

	return plain(op, fd, &m, 1);
}

/* From or into a buffer that the kernel holds pinned. */
static ssize_t fixed(uint8_t op, int fd, uint8_t *p, size_t n)
{
	struct iovec v = { p, n };
	int rc = uring_register(IORING_REGISTER_BUFFERS, &v, 1);
	ssize_t moved;

	if (rc < 0)
		return way_errno(rc);
	moved = plain(op, fd, p, n);
	uring_register(IORING_UNREGISTER_BUFFERS, NULL, 0);
	return moved;
}

static const char *lacks_send(void)
{
	return uring_lacks(URING_PLAIN, IORING_OP_SEND);
}
static const char *lacks_zc(void)
{
	return uring_lacks(URING_PLAIN, IORING_OP_SEND_ZC);
}
static const char *lacks_msg_zc(void)
{
	return uring_lacks(URING_PLAIN, IORING_OP_SENDMSG_ZC);
}
static const char *lacks_sqpoll(void)
{
	return uring_lacks(URING_SQPOLL, IORING_OP_SEND);
}

/* --- sends ------------------------------------------------------------------------------------------ */

static ssize_t uring_send(int fd, uint8_t *p, size_t n)
{
	return plain(IORING_OP_SEND, fd, p, n);
}
static ssize_t uring_sendmsg(int fd, uint8_t *p, size_t n)
{
	return message(IORING_OP_SENDMSG, fd, p, n);
}
static ssize_t uring_write(int fd, uint8_t *p, size_t n)
{
	return plain(IORING_OP_WRITE, fd, p, n);
}
static ssize_t uring_writev(int fd, uint8_t *p, size_t n)
{
	return vector(IORING_OP_WRITEV, fd, p, n);
}
static ssize_t uring_write_fixed(int fd, uint8_t *p, size_t n)
{
	return fixed(IORING_OP_WRITE_FIXED, fd, p, n);
}
static ssize_t uring_send_async(int fd, uint8_t *p, size_t n)
{
	return submit(URING_PLAIN, IORING_OP_SEND, IOSQE_ASYNC, fd, p, n);
}
static ssize_t uring_send_sqpoll(int fd, uint8_t *p, size_t n)
{
	return submit(URING_SQPOLL, IORING_OP_SEND, 0, fd, p, n);
}

/* A second completion says when the pages are no longer used. */
static ssize_t zerocopy(uint8_t op, int fd, const void *p, size_t n)
{
	struct io_uring_sqe s = { .opcode = op, .fd = fd, .addr = U(p), .len = (uint32_t)n };
	uint32_t flags = 0;
	int rc = uring_do(URING_PLAIN, &s, &flags);

	if (flags & IORING_CQE_F_MORE)
		uring_next(URING_PLAIN, NULL);
	return way_errno(rc);
}

static ssize_t uring_send_zc(int fd, uint8_t *p, size_t n)
{
	return zerocopy(IORING_OP_SEND_ZC, fd, p, n);
}

static ssize_t uring_sendmsg_zc(int fd, uint8_t *p, size_t n)
{
	struct iovec v[5];
	struct msghdr m = { .msg_iov = v, .msg_iovlen = way_cut(v, 5, p, n) };

	return zerocopy(IORING_OP_SENDMSG_ZC, fd, &m, 1);
}

static ssize_t uring_splice(int fd, uint8_t *p, size_t n)
{
	struct io_uring_sqe s = { .opcode = IORING_OP_SPLICE, .fd = fd };
	size_t done = 0;
	int pipe_fd[2];

	if (n > WAY_PIPE)
		n = WAY_PIPE;
	if (way_full_pipe(pipe_fd, p, n) < 0)
		return -1;
	s.splice_fd_in = pipe_fd[0];
	s.splice_off_in = s.off = (uint64_t)-1;
	while (done < n) {
		int rc;

		s.len = (uint32_t)(n - done);
		rc = uring_do(URING_PLAIN, &s, NULL);
		if (rc <= 0)
			break;
		done += (size_t)rc;
	}
	way_close_pipe(pipe_fd);
	return done == n ? (ssize_t)n : -1;
}

const struct way uring_send_ways[] = {
	{ "io_uring send", uring_send, lacks_send, 0 },
	{ "io_uring sendmsg", uring_sendmsg, lacks_send, 0 },
	{ "io_uring write", uring_write, lacks_send, 0 },
	{ "io_uring writev", uring_writev, lacks_send, 0 },
	{ "io_uring write_fixed", uring_write_fixed, lacks_send, WAY_NO_EMPTY },
	{ "io_uring send_zc", uring_send_zc, lacks_zc, WAY_NO_EMPTY | WAY_TCP },
	{ "io_uring sendmsg_zc", uring_sendmsg_zc, lacks_msg_zc, WAY_NO_EMPTY | WAY_TCP },
	{ "io_uring send by a worker", uring_send_async, lacks_send, 0 },
	{ "io_uring send with SQPOLL", uring_send_sqpoll, lacks_sqpoll, 0 },
	{ "io_uring splice", uring_splice, lacks_send, WAY_NO_EMPTY },
};

/* --- receives --------------------------------------------------------------------------------------- */

static ssize_t uring_recv(int fd, uint8_t *p, size_t n)
{
	return plain(IORING_OP_RECV, fd, p, n);
}
static ssize_t uring_recvmsg(int fd, uint8_t *p, size_t n)
{
	return message(IORING_OP_RECVMSG, fd, p, n);
}
static ssize_t uring_read(int fd, uint8_t *p, size_t n)
{
	return plain(IORING_OP_READ, fd, p, n);
}
static ssize_t uring_readv(int fd, uint8_t *p, size_t n)
{
	return vector(IORING_OP_READV, fd, p, n);
}
static ssize_t uring_read_fixed(int fd, uint8_t *p, size_t n)
{
	return fixed(IORING_OP_READ_FIXED, fd, p, n);
}
static ssize_t uring_recv_async(int fd, uint8_t *p, size_t n)
{
	return submit(URING_PLAIN, IORING_OP_RECV, IOSQE_ASYNC, fd, p, n);
}
static ssize_t uring_recv_sqpoll(int fd, uint8_t *p, size_t n)
{
	return submit(URING_SQPOLL, IORING_OP_RECV, 0, fd, p, n);
}

/* What is peeked comes again; it may be less than was asked for. */
static ssize_t uring_peek(int fd, uint8_t *p, size_t n)
{
	struct io_uring_sqe s = { .opcode = IORING_OP_RECV,
				  .fd = fd,
				  .addr = U(p),
				  .len = (uint32_t)n,
				  .msg_flags = MSG_PEEK };
	int rc = uring_do(URING_PLAIN, &s, NULL);

	return rc <= 0 ? way_errno(rc) : plain(IORING_OP_RECV, fd, p, n);
}

#define GROUP	  7
#define BUFS	  8
#define BUF_BYTES 5000 /* pages and buffers do not begin together */

/* Buffers for the kernel to choose from, in group GROUP. */
static __thread uint8_t *provided;

static int provide(uint16_t id)
{
	struct io_uring_sqe s = { .opcode = IORING_OP_PROVIDE_BUFFERS,
				  .fd = 1,
				  .addr = U(provided + (size_t)id * BUF_BYTES),
				  .len = BUF_BYTES,
				  .off = id,
				  .buf_group = GROUP };

	return uring_do(URING_PLAIN, &s, NULL);
}

static int provide_all(void)
{
	int rc = 0;

	if (provided)
		return 0;
	provided = mmap(NULL, (size_t)BUFS * BUF_BYTES, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (provided == MAP_FAILED)
		return -ENOMEM;
	for (uint16_t i = 0; i < BUFS && !rc; i++)
		rc = provide(i);
	return rc;
}

void way_thread_done(void)
{
	uring_done();
	if (provided)
		munmap(provided, (size_t)BUFS * BUF_BYTES);
	provided = NULL;
}

/* Takes one completion's bytes out of the buffer that the kernel chose. */
static ssize_t chosen(int rc, uint32_t flags, uint8_t *p, size_t n)
{
	uint16_t id = (uint16_t)(flags >> IORING_CQE_BUFFER_SHIFT);

	if (rc <= 0 || !(flags & IORING_CQE_F_BUFFER) || id >= BUFS || (size_t)rc > n)
		return rc < 0 ? rc : -EIO;
	memcpy(p, provided + (size_t)id * BUF_BYTES, (size_t)rc);
	return rc;
}

static ssize_t uring_select(int fd, uint8_t *p, size_t n)
{
	struct io_uring_sqe s = { .opcode = IORING_OP_RECV,
				  .flags = IOSQE_BUFFER_SELECT,
				  .fd = fd,
				  .len = (uint32_t)(n < BUF_BYTES ? n : BUF_BYTES),
				  .buf_group = GROUP };
	uint32_t flags = 0;
	int rc = provide_all();

	if (rc < 0)
		return way_errno(rc);
	rc = uring_do(URING_PLAIN, &s, &flags);
	rc = (int)chosen(rc, flags, p, n);
	if (rc > 0)
		provide((uint16_t)(flags >> IORING_CQE_BUFFER_SHIFT));
	return way_errno(rc);
}

static void give_back(bool used[BUFS])
{
	for (uint16_t i = 0; i < BUFS; i++)
		if (used[i])
			provide(i);
	memset(used, 0, BUFS * sizeof(*used));
}

/* Until all n bytes have come, because it does not stop by itself.  A buffer is given back when the kernel has run
 * out of them (-ENOBUFS): to do it earlier, completions of two kinds would have to be told apart. */
static ssize_t uring_multishot(int fd, uint8_t *p, size_t n)
{
	struct io_uring_sqe s = { .opcode = IORING_OP_RECV,
				  .flags = IOSQE_BUFFER_SELECT,
				  .ioprio = IORING_RECV_MULTISHOT,
				  .fd = fd,
				  .user_data = 99,
				  .buf_group = GROUP };
	struct io_uring_sqe cancel = { .opcode = IORING_OP_ASYNC_CANCEL, .addr = 99 };
	bool used[BUFS] = { false }, more = false;
	size_t done = 0;
	int rc = provide_all();

	while (rc >= 0 && done < n) {
		uint32_t flags = 0;

		rc = more ? uring_next(URING_PLAIN, &flags) : uring_do(URING_PLAIN, &s, &flags);
		more = flags & IORING_CQE_F_MORE;
		if (rc > 0 && (flags & IORING_CQE_F_BUFFER)) {
			used[flags >> IORING_CQE_BUFFER_SHIFT & (BUFS - 1)] = true;
			rc = (int)chosen(rc, flags, p + done, n - done);
			done += rc > 0 ? (size_t)rc : 0;
		}
		if (more || (rc < 0 && rc != -ENOBUFS))
			continue;
		give_back(used);
		rc = 0;
	}
	if (more) { /* two completions: of the cancellation, and of what was cancelled */
		uring_do(URING_PLAIN, &cancel, NULL);
		uring_next(URING_PLAIN, NULL);
	}
	give_back(used);
	return done ? (ssize_t)done : way_errno(rc);
}

const struct way uring_recv_ways[] = {
	{ "io_uring recv", uring_recv, lacks_send, 0 },
	{ "io_uring recvmsg", uring_recvmsg, lacks_send, 0 },
	{ "io_uring read", uring_read, lacks_send, 0 },
	{ "io_uring readv", uring_readv, lacks_send, 0 },
	{ "io_uring read_fixed", uring_read_fixed, lacks_send, WAY_NO_EMPTY },
	{ "io_uring recv into provided buffers", uring_select, lacks_send, 0 },
	/* It came with the same kernel as send_zc. */
	{ "io_uring multishot recv", uring_multishot, lacks_zc, WAY_NO_EMPTY },
	{ "io_uring recv by a worker", uring_recv_async, lacks_send, 0 },
	{ "io_uring recv with SQPOLL", uring_recv_sqpoll, lacks_sqpoll, 0 },
	{ "io_uring recv after MSG_PEEK", uring_peek, lacks_send, 0 },
};
