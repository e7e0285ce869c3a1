/* SPDX-License-Identifier: Apache-2.0 */
/* uring.h - as much of io_uring as the tests need, over the bare system calls.
 *
 * One ring per thread, made when it is first wanted; one operation at a time.
 */
#ifndef LIMPID_TESTS_URING_H
#define LIMPID_TESTS_URING_H

#include <linux/io_uring.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum uring_kind {
	URING_PLAIN,
	URING_SQPOLL, /* a kernel thread takes the submissions */
	URING_KINDS
};

/* Why this kernel has no ring of that kind, or does not know the operation; NULL: it has and does. */
const char *uring_lacks(enum uring_kind kind, unsigned op);
/* Submits one operation and waits for its first completion.  Its result (negative errno), and its flags in
 * *ret_flags unless NULL.  -EIO: no ring. */
int uring_do(enum uring_kind kind, const struct io_uring_sqe *sqe, uint32_t *ret_flags);
/* Waits for one more completion. */
int uring_next(enum uring_kind kind, uint32_t *ret_flags);
/* io_uring_register on this thread's plain ring.  0 or more, or negative errno. */
int uring_register(unsigned what, const void *arg, unsigned n);
/* Closes the rings of this thread. */
void uring_done(void);

#endif
