/* SPDX-License-Identifier: Apache-2.0 */
/* way.h - every way in which a program can move bytes through a stream socket.
 *
 * A way is called again and again until all bytes have moved, as a program would; a call may move fewer than it
 * was asked to.
 */
#ifndef LIMPID_TESTS_WAY_H
#define LIMPID_TESTS_WAY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

enum send_op {
	S_WRITE,
	S_WRITEV,
	S_WRITEV_MANY, /* 1,024 buffers */
	S_SENDTO,
	S_SENDMSG,
	S_SENDMMSG,
	S_NONBLOCK, /* partial when the socket is full */
	S_MORE,	    /* MSG_MORE, then the rest */
	S_CORK,	    /* TCP_CORK */
	S_ZEROCOPY,
	S_SENDFILE,
	S_SPLICE_FILE, /* file to pipe to socket */
	S_SPLICE_PIPE, /* written into the pipe */
	S_VMSPLICE,    /* the program's own pages */
	S_TEE,
	S_URING_SEND,
	S_URING_SENDMSG,
	S_URING_WRITE,
	S_URING_WRITEV,
	S_URING_WRITE_FIXED, /* from a registered buffer */
	S_URING_SEND_ZC,
	S_URING_SENDMSG_ZC,
	S_URING_ASYNC,	/* by a kernel worker thread */
	S_URING_SQPOLL, /* submitted by a kernel thread */
	S_URING_SPLICE, /* pipe to socket */
	S_FORKED,	/* written by a child of the worker */
	S_OPS
};
enum recv_op {
	R_READ,
	R_READV,
	R_READV_MANY,
	R_RECVFROM,
	R_RECVMSG,
	R_RECVMMSG,
	R_PEEK,	 /* everything is peeked first */
	R_TRUNC, /* thrown away by the kernel */
	R_WAITALL,
	R_NONBLOCK,
	R_SPLICE,   /* socket to pipe */
	R_ZEROCOPY, /* TCP_ZEROCOPY_RECEIVE: maps whole pages, the rest is read */
	R_URING_RECV,
	R_URING_RECVMSG,
	R_URING_READ,
	R_URING_READV,
	R_URING_READ_FIXED,
	R_URING_SELECT,	   /* into one of several provided buffers */
	R_URING_MULTISHOT, /* the same, one submission for many receives */
	R_URING_ASYNC,
	R_URING_SQPOLL,
	R_URING_PEEK, /* peeked first */
	R_OPS
};
enum way_flag {
	WAY_NO_EMPTY = 1, /* cannot move 0 bytes */
	WAY_TCP = 2,	  /* only TCP has it */
	WAY_LOST = 4,	  /* the bytes do not come to the program */
};
struct way {
	const char *name;
	/* Moves at most n bytes, at p; their number, or -1 and errno.  A receive is only asked for bytes that
	 * will come. */
	ssize_t (*go)(int fd, uint8_t *p, size_t n);
	const char *(*lacks)(void); /* why this kernel cannot; NULL: it can.  Optional */
	unsigned flags;
};
const struct way *way_send(uint32_t op), *way_recv(uint32_t op); /* enum send_op, recv_op */
/* Releases what the ways keep per thread. */
void way_thread_done(void);

#define WAY_MANY 1024 /* UIO_MAXIOV */
/* Describes n bytes at p as cnt buffers; the second is empty when there are three or more.  Returns cnt. */
size_t way_cut(struct iovec *v, size_t cnt, uint8_t *p, size_t n);
ssize_t way_errno(int rc); /* a negative errno becomes -1 and errno */

/* way_plain.c */
ssize_t send_write(int fd, uint8_t *p, size_t n), send_writev(int fd, uint8_t *p, size_t n),
	send_writev_many(int fd, uint8_t *p, size_t n), send_sendto(int fd, uint8_t *p, size_t n),
	send_sendmsg(int fd, uint8_t *p, size_t n), send_sendmmsg(int fd, uint8_t *p, size_t n),
	send_nonblock(int fd, uint8_t *p, size_t n), send_more(int fd, uint8_t *p, size_t n),
	send_cork(int fd, uint8_t *p, size_t n), send_forked(int fd, uint8_t *p, size_t n);
ssize_t recv_read(int fd, uint8_t *p, size_t n), recv_readv(int fd, uint8_t *p, size_t n),
	recv_readv_many(int fd, uint8_t *p, size_t n), recv_recvfrom(int fd, uint8_t *p, size_t n),
	recv_recvmsg(int fd, uint8_t *p, size_t n), recv_recvmmsg(int fd, uint8_t *p, size_t n),
	recv_peek(int fd, uint8_t *p, size_t n), recv_trunc(int fd, uint8_t *p, size_t n),
	recv_waitall(int fd, uint8_t *p, size_t n), recv_nonblock(int fd, uint8_t *p, size_t n);
/* way_pages.c */
ssize_t send_zerocopy(int fd, uint8_t *p, size_t n), send_sendfile(int fd, uint8_t *p, size_t n),
	send_splice_file(int fd, uint8_t *p, size_t n),
	send_splice_pipe(int fd, uint8_t *p, size_t n), send_vmsplice(int fd, uint8_t *p, size_t n),
	send_tee(int fd, uint8_t *p, size_t n);
ssize_t recv_splice(int fd, uint8_t *p, size_t n), recv_zerocopy(int fd, uint8_t *p, size_t n);
int way_full_pipe(int pipe_fd[2], const uint8_t *p, size_t n); /* 0 or -1 */
void way_close_pipe(const int pipe_fd[2]);
#define WAY_PIPE 32768 /* fits a pipe however it lies in its pages */
/* way_uring.c */
extern const struct way uring_send_ways[],
	uring_recv_ways[]; /* from S_URING_SEND, R_URING_RECV on */

#endif
