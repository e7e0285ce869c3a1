/* SPDX-License-Identifier: Apache-2.0 */
#include "chaos.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn.h"
#include "moving.h"
#include "traffic.h"

#define ROOM \
	(6U << 20) /* of a thread, for the bytes of one call and the gaps between its buffers */
#define MOST (4U << 20) /* bytes per call */
#define KEPT 64		/* calls of a thread whose pages the kernel goes on using */
#define KEEP 32768	/* bytes of such a call */

_Static_assert(4 * CHAOS_CONNS <= MOVINGS, "an entry for each thread");
struct side { /* one thread: sends or receives one direction */
	struct conn *c;
	uint32_t conn; /* the number of c */
	int back, fd;
	bool sends;
	uint64_t rng, ways, total, done;
	uint8_t *room; /* ROOM bytes, then a page that is not mapped */
	uint64_t *by;  /* bytes by way */
	uint32_t faults;
	int error;
	struct moving *at;
	uint8_t *kept[KEPT];
	unsigned nkept;
	struct iovec v[WAY_MANY];
	size_t nv;
};

static uint64_t roll(uint64_t *rng) /* splitmix64 */
{
	uint64_t z = *rng += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static uint64_t below(struct side *s, uint64_t n)
{
	return n ? roll(&s->rng) % n : 0;
}

/* 1 byte to 4 MiB, often a power of two or whole pages, give or take one. */
static size_t size_of_call(struct side *s)
{
	uint64_t near = below(s, 3), n;

	switch (below(s, 4)) {
	case 0:
		n = (1ULL << below(s, 23)) + near - 1;
		break;
	case 1:
		n = 4096 * (1 + below(s, 20)) + near - 1;
		break;
	case 2:
		n = 1 + below(s, 300);
		break;
	default:
		n = 1 + below(s, 1ULL << (1 + below(s, 21)));
	}
	n = n < 1 ? 1 : n;
	n = n > MOST ? MOST : n;
	return n > s->total - s->done ? (size_t)(s->total - s->done) : (size_t)n;
}

static void fill(struct side *s, uint8_t *p, size_t n, uint64_t at)
{
	for (size_t i = 0; i < n; i++)
		p[i] = pattern(s->c->key, s->back, s->done + at + i);
}

/* n bytes at p, which came at behind what was done, are those that were sent; or the side has failed. */
static void verify(struct side *s, const uint8_t *p, size_t n, uint64_t at)
{
	for (size_t i = 0; i < n && !s->error; i++) {
		uint64_t pos = s->done + at + i;
		uint8_t want = pattern(s->c->key, s->back, pos);

		if (p[i] == want)
			continue;
		s->at->wrong_at = pos;
		s->at->wrong_got = p[i];
		s->at->wrong_want = want;
		s->error = -EILSEQ;
	}
}

/* Cuts n bytes into buffers at random places, some of them empty, some apart.  Rarely one of them ends in memory
 * that is not mapped, so that the call stops there.  Never more than n bytes in all: a call with MSG_WAITALL would wait
 * for those that nobody sends. */
static void scatter(struct side *s, size_t n, bool may_fault)
{
	size_t cuts = 1 + below(s, below(s, 8) ? 8 : WAY_MANY), at = below(s, 5000);
	bool bad = may_fault && below(s, 10) == 0;
	size_t bad_at = below(s, cuts);

	for (s->nv = 0; s->nv < cuts; s->nv++) {
		size_t len = s->nv + 1 == cuts ? n : below(s, 2 * n / (cuts - s->nv) + 1);

		len = len > n ? n : len;
		if (below(s, 6) == 0 && s->nv + 1 < cuts)
			len = 0;
		if (bad && s->nv == bad_at && n) {
			size_t some = len < n ? len + 1 : n, before = below(s, some);

			/* What lies before the page must not be what another buffer has. */
			s->v[s->nv++] = (struct iovec){ s->room + ROOM - before, some };
			s->faults++;
			s->at->unmapped = true;
			return;
		}
		n -= len;
		s->v[s->nv] = (struct iovec){ s->room + at, len };
		at += len + below(s, 100);
	}
}

/* Bytes of buffer i that are mapped. */
static size_t mapped(const struct side *s, size_t i)
{
	size_t len = s->v[i].iov_len,
	       to_end = (size_t)(s->room + ROOM - (uint8_t *)s->v[i].iov_base);

	return len < to_end ? len : to_end;
}

static ssize_t vector_call(struct side *s, uint32_t op)
{
	struct msghdr m = { .msg_iov = s->v, .msg_iovlen = s->nv };
	size_t half = s->nv / 2;
	struct mmsghdr mm[2] = {
		{ .msg_hdr = { .msg_iov = s->v, .msg_iovlen = half } },
		{ .msg_hdr = { .msg_iov = s->v + half, .msg_iovlen = s->nv - half } },
	};
	int rc;

	if (s->sends && op == S_WRITEV)
		return writev(s->fd, s->v, (int)s->nv);
	if (s->sends && op == S_SENDMSG)
		return sendmsg(s->fd, &m, MSG_NOSIGNAL);
	if (!s->sends && op == R_READV)
		return readv(s->fd, s->v, (int)s->nv);
	if (!s->sends) {
		s->at->waitall = below(s, 4) == 0;
		return recvmsg(s->fd, &m, s->at->waitall ? MSG_WAITALL : 0);
	}
	rc = sendmmsg(s->fd, mm, 2, MSG_NOSIGNAL);
	return rc < 0 ? rc : (ssize_t)mm[0].msg_len + (rc > 1 ? (ssize_t)mm[1].msg_len : 0);
}

static ssize_t by_vector(struct side *s, uint32_t op, size_t n)
{
	size_t at = 0;
	ssize_t rc;

	/* sendmmsg goes on with the second message when the first was sent in part. */
	scatter(s, n, !(s->sends && op == S_SENDMMSG));
	s->at->bufs = s->nv;
	for (size_t i = 0; s->sends && i < s->nv; at += s->v[i++].iov_len)
		fill(s, s->v[i].iov_base, mapped(s, i), at);
	rc = vector_call(s, op);
	moving_came_back(s->at, rc);
	at = 0;
	for (size_t i = 0; !s->sends && rc > 0 && at < (size_t)rc; at += s->v[i++].iov_len) {
		size_t len = s->v[i].iov_len, left = (size_t)rc - at;

		verify(s, s->v[i].iov_base, len < left ? len : left, at);
	}
	return rc;
}

/* From or into one buffer, at any alignment; sometimes it ends with the mapped memory. */
static ssize_t by_buffer(struct side *s, const struct way *way, size_t n, bool keep)
{
	uint8_t *p = s->room + (below(s, 4) ? below(s, 5000) : ROOM - n);
	ssize_t rc;

	if (keep)
		p = s->kept[s->nkept++] = malloc(n);
	if (s->sends)
		fill(s, p, n, 0);
	rc = way->go(s->fd, p, n);
	moving_came_back(s->at, rc);
	if (rc > 0 && !s->sends && !(way->flags & WAY_LOST))
		verify(s, p, (size_t)rc, 0);
	return rc;
}

static ssize_t call(struct side *s, uint32_t op, size_t n)
{
	moving_call(s->at, s->sends ? way_send(op) : way_recv(op), s->done, n);
	if (s->sends && (op == S_WRITEV || op == S_SENDMSG || op == S_SENDMMSG))
		return by_vector(s, op, n);
	if (!s->sends && (op == R_READV || op == R_RECVMSG))
		return by_vector(s, op, n);
	if (s->sends && (op == S_ZEROCOPY || op == S_VMSPLICE)) {
		if (s->nkept == KEPT) {
			moving_came_back(s->at, 0);
			return 0;
		}
		return by_buffer(s, way_send(op), n < KEEP ? n : KEEP, true);
	}
	return by_buffer(s, s->sends ? way_send(op) : way_recv(op), n, false);
}

static uint32_t choose(struct side *s)
{
	uint32_t ops = s->sends ? S_OPS : R_OPS, op;

	do
		op = (uint32_t)below(s, ops);
	while (!(s->ways >> op & 1));
	return op;
}

static void *run(void *arg)
{
	struct side *s = arg;

	moving_begin(s->at, s->conn, s->c->family, s->back, s->sends, s->total);
	while (s->done < s->total && !s->error) {
		uint32_t op = choose(s);
		ssize_t rc = call(s, op, size_of_call(s));
		int err = s->at->err;

		if (rc < 0 && err != EAGAIN && err != EINTR && err != EFAULT)
			s->error = -err;
		if (rc == 0 && !s->sends)
			s->error = -EPIPE;
		if (rc <= 0)
			continue;
		s->by[op] += (uint64_t)rc;
		s->done += (uint64_t)rc;
	}
	if (s->error) {
		moving_failed(s->at, s->error);
		conn_shutdown(s->c); /* what the other sides say from now on follows from it */
	} else {
		s->at->done = s->done;
	}
	way_thread_done();
	return NULL;
}

static int side_init(struct side *s)
{
	s->room =
		mmap(NULL, ROOM + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (s->room == MAP_FAILED)
		return -errno;
	munmap(s->room + ROOM, 4096);
	/* Nothing else may come to lie there. */
	mmap(s->room + ROOM, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	return 0;
}

static void side_release(struct side *s)
{
	for (unsigned i = 0; i < s->nkept; i++)
		free(s->kept[i]);
	if (s->room && s->room != MAP_FAILED)
		munmap(s->room, ROOM + 4096);
}

int chaos_open(struct conn *c, uint64_t seed, struct chaos_conn *ret)
{
	unsigned n = 1 + (unsigned)(seed % CHAOS_CONNS);
	int rc = 0;

	for (unsigned i = 0; i < n && !rc; i++) {
		ret[i].family = (uint32_t)((seed / CHAOS_CONNS + i) % (only_tcp ? F_FAMILIES : F_ALL));
		rc = conn_connect(&c[i], ret[i].family, 0);
		rc = rc ? rc : conn_accept(&c[i]);
		ret[i].cport = c[i].cport;
		ret[i].sport = c[i].sport;
		memcpy(ret[i].cookie, c[i].cookie, sizeof(ret[i].cookie));
	}
	return rc ? rc : (int)n;
}

int chaos_run(struct conn *c, unsigned n, uint64_t seed, const struct chaos_ways *ways,
	      struct chaos_conn *ret)
{
	struct side *sides = calloc(4UL * n, sizeof(*sides));
	pthread_t *threads = calloc(4UL * n, sizeof(*threads));
	int rc = sides && threads ? 0 : -ENOMEM;
	unsigned started = 0;

	for (unsigned i = 0; i < 4 * n && !rc; i++) {
		struct side *s = &sides[i];
		struct chaos_conn *r = &ret[i / 4];
		uint64_t rng = seed ^ (i / 2) * 0x100000001b3u;

		s->conn = i / 4;
		s->c = &c[i / 4];
		s->at = &movings->at[i];
		s->back = i / 2 % 2;
		s->sends = i % 2 == 0;
		s->fd = s->c->end[s->sends ? s->back : !s->back];
		s->total = 1 + roll(&rng) % (1ULL << (6 + roll(&rng) % 17));
		s->rng = rng + i;
		s->ways = s->c->cookie[0] ? ways->on_unix[!s->sends] : ways->on_tcp[!s->sends];
		s->by = s->sends ? r->sent[s->back] : r->got[s->back];
		rc = side_init(s);
	}
	for (; started < 4 * n && !rc; started++)
		rc = -pthread_create(&threads[started], NULL, run, &sides[started]);
	for (unsigned i = 0; rc && i < n; i++)
		conn_shutdown(&c[i]); /* not all were started */
	for (unsigned i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 0; sides && i < 4 * n; i++) {
		ret[i / 4].faults += sides[i].faults;
		side_release(&sides[i]);
	}
	free(sides);
	free(threads);
	return rc ? rc : movings_error(movings);
}
