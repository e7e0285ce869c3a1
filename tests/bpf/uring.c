/* SPDX-License-Identifier: Apache-2.0 */
#include "uring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ENTRIES 8

struct uring {
	bool open;
	int fd;
	unsigned *sq_tail, *sq_mask, *sq_flags, *sq_array;
	unsigned *cq_head, *cq_tail, *cq_mask;
	struct io_uring_cqe *cqes;
	struct io_uring_sqe *sqes;
	void *sq_map, *cq_map;
	size_t sq_len, cq_len, sqes_len;
};

static __thread struct uring rings[URING_KINDS];

static int ring_map(struct uring *r, const struct io_uring_params *p)
{
	const int prot = PROT_READ | PROT_WRITE, how = MAP_SHARED | MAP_POPULATE;
	char *sq, *cq;

	r->sq_len = p->sq_off.array + p->sq_entries * sizeof(unsigned);
	r->cq_len = p->cq_off.cqes + p->cq_entries * sizeof(struct io_uring_cqe);
	r->sqes_len = p->sq_entries * sizeof(struct io_uring_sqe);
	r->sq_map = sq = mmap(NULL, r->sq_len, prot, how, r->fd, IORING_OFF_SQ_RING);
	r->cq_map = cq = mmap(NULL, r->cq_len, prot, how, r->fd, IORING_OFF_CQ_RING);
	r->sqes = mmap(NULL, r->sqes_len, prot, how, r->fd, IORING_OFF_SQES);
	if (r->sq_map == MAP_FAILED || r->cq_map == MAP_FAILED || r->sqes == MAP_FAILED)
		return -errno;
	r->sq_tail = (unsigned *)(sq + p->sq_off.tail);
	r->sq_mask = (unsigned *)(sq + p->sq_off.ring_mask);
	r->sq_flags = (unsigned *)(sq + p->sq_off.flags);
	r->sq_array = (unsigned *)(sq + p->sq_off.array);
	r->cq_head = (unsigned *)(cq + p->cq_off.head);
	r->cq_tail = (unsigned *)(cq + p->cq_off.tail);
	r->cq_mask = (unsigned *)(cq + p->cq_off.ring_mask);
	r->cqes = (struct io_uring_cqe *)(cq + p->cq_off.cqes);
	return 0;
}

/* 0, or negative errno.  Features of the kernel's into *ret_features unless NULL. */
static int ring_open(enum uring_kind kind, unsigned *ret_features)
{
	struct io_uring_params p = { 0 };
	struct uring *r = &rings[kind];
	int rc;

	if (kind == URING_SQPOLL) {
		p.flags = IORING_SETUP_SQPOLL;
		p.sq_thread_idle = 50;
	}
	if (!r->open) {
		r->fd = (int)syscall(__NR_io_uring_setup, ENTRIES, &p);
		if (r->fd < 0)
			return -errno;
		r->open = true;
		rc = ring_map(r, &p);
		if (rc)
			return rc;
		if (ret_features)
			*ret_features = p.features;
	}
	return 0;
}

void uring_done(void)
{
	for (int i = 0; i < URING_KINDS; i++) {
		struct uring *r = &rings[i];

		if (!r->open)
			continue;
		munmap(r->sq_map, r->sq_len);
		munmap(r->cq_map, r->cq_len);
		munmap(r->sqes, r->sqes_len);
		close(r->fd);
		*r = (struct uring){ 0 };
	}
}

int uring_register(unsigned what, const void *arg, unsigned n)
{
	int rc = ring_open(URING_PLAIN, NULL);

	if (rc)
		return rc;
	rc = (int)syscall(__NR_io_uring_register, rings[URING_PLAIN].fd, what, arg, n);
	return rc < 0 ? -errno : rc;
}

static bool knows(unsigned op)
{
	size_t size = sizeof(struct io_uring_probe) + 256 * sizeof(struct io_uring_probe_op);
	struct io_uring_probe *p = calloc(1, size);
	bool is = p && uring_register(IORING_REGISTER_PROBE, p, 256) >= 0 && op <= p->last_op &&
		  (p->ops[op].flags & IO_URING_OP_SUPPORTED);

	free(p);
	return is;
}

const char *uring_lacks(enum uring_kind kind, unsigned op)
{
	unsigned features = IORING_FEAT_SQPOLL_NONFIXED;
	int rc;

	uring_done();
	rc = ring_open(kind, &features);
	if (rc == -ENOSYS)
		return "the kernel has no io_uring";
	if (rc == -EPERM || rc == -EACCES)
		return "io_uring is switched off here";
	if (rc)
		return strerror(-rc);
	if (kind == URING_SQPOLL && !(features & IORING_FEAT_SQPOLL_NONFIXED))
		return "SQPOLL takes no plain descriptors before 5.11";
	rc = knows(op);
	uring_done(); /* a child must not go on with the rings of its parent */
	return rc ? NULL : "this kernel's io_uring has no such operation";
}

int uring_next(enum uring_kind kind, uint32_t *ret_flags)
{
	struct uring *r = &rings[kind];
	unsigned head = *r->cq_head;
	const struct io_uring_cqe *e;
	int res;

	while (head == __atomic_load_n(r->cq_tail, __ATOMIC_ACQUIRE))
		if (syscall(__NR_io_uring_enter, r->fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0) <
			    0 &&
		    errno != EINTR)
			return -errno;
	e = &r->cqes[head & *r->cq_mask];
	res = e->res;
	if (ret_flags)
		*ret_flags = e->flags;
	__atomic_store_n(r->cq_head, head + 1, __ATOMIC_RELEASE);
	return res;
}

int uring_do(enum uring_kind kind, const struct io_uring_sqe *sqe, uint32_t *ret_flags)
{
	struct uring *r = &rings[kind];
	unsigned tail, how = 0, n = 1;

	if (ring_open(kind, NULL))
		return -EIO;
	tail = *r->sq_tail;
	r->sqes[tail & *r->sq_mask] = *sqe;
	r->sq_array[tail & *r->sq_mask] = tail & *r->sq_mask;
	__atomic_store_n(r->sq_tail, tail + 1, __ATOMIC_SEQ_CST);
	if (kind == URING_SQPOLL) {
		n = 0;
		if (__atomic_load_n(r->sq_flags, __ATOMIC_SEQ_CST) & IORING_SQ_NEED_WAKEUP)
			how = IORING_ENTER_SQ_WAKEUP;
	}
	if ((n || how) && syscall(__NR_io_uring_enter, r->fd, n, 0, how, NULL, 0) < 0)
		return -errno;
	return uring_next(kind, ret_flags);
}
