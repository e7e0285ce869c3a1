/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel wakes us at the first event after a quiet time and then only every few milliseconds
 * (bpf/emit.bpf.h), so while events come, the rings are looked at on a short timer; else we sleep.
 *
 * The rings are read here and not by libbpf, because its reader takes a whole ring before the next: with the
 * two ends of a connection in different rings, time would jump back and forth by all that a ring holds.  Here
 * the earliest of the rings' next records is taken, and space is given back for several at a time.  A ring that is empty,
 * or whose next record is still being written, may hold an earlier one a moment later: what came after the last look at
 * it waits for another look, or until that record is there.  So nobody reads an answer before the request, in whatever
 * rings they lie.  What the
 * kernel maps (a page with our position, a page with its own, the records) is part of its interface:
 * include/uapi/linux/bpf.h and kernel/bpf/ringbuf.c, Linux 5.8.  It offers the records twice in a row, so that none is
 * wrapped; they are mapped once, because every mapping counts as memory of this process, and the rare
 * wrapped record is copied.
 */
#include "capture/source.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define BATCH	1024	 /* events delivered per poll ... */
#define BATCH_BYTES (1u << 20) /* ... and their bytes, a little more: a reader that makes much of them can stop */
#define WRAPPED_MAX (sizeof(struct ev_data) + EV_CHUNK_MAX + 512) /* no record is longer */
#define RUN	64	 /* events of one ring before the others are looked at again */
#define TICK_MS 2	 /* between looks while events come */
#define BUSY_NS 50000000 /* how long after an event they are expected to come */
#define STUCK_NS 5000000 /* how long a record that is being written is waited for: its writer may be held up */
#define STUCK_LOOKS 50	 /* before we do something else meanwhile */

struct ring {
	unsigned long *consumer;       /* how far we are; the kernel reuses what is before it */
	const unsigned long *producer; /* how far the kernel is */
	const uint8_t *data;
	size_t size;	      /* a power of two */
	unsigned long at;     /* as *consumer, or further */
	unsigned long given;  /* *consumer */
	unsigned long filled; /* *producer, as last seen */
	unsigned long whole;  /* position + 1 of the record that is in wrapped; 0: none */
	bool writing;	      /* the next record is not whole yet */
	uint8_t *wrapped;     /* WRAPPED_MAX bytes */
};

struct live {
	struct source src;
	int ep;
	event_fn fn; /* of the poll under way */
	void *ctx;
	int delivered;
	size_t bytes; /* of what was delivered */
	uint64_t last_ns; /* when an event was last delivered, CLOCK_MONOTONIC */
	uint64_t seen_ns; /* every ring was looked at since then: what happened before is in sight */
	unsigned most; /* that live_filled said at a poll */
	uint64_t stuck_ns; /* since when a record is waited for; 0: none is */
	unsigned n;
	struct ring rings[EV_RINGS_MAX];
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* --- one ring ------------------------------------------------------------------------------------- */

static void give_back(struct ring *r)
{
	if (r->at != r->given)
		__atomic_store_n(r->consumer, r->at, __ATOMIC_RELEASE);
	r->given = r->at;
}

/* The record of len bytes that begins at p and goes on at the ring's start; NULL: it is too long to be one. */
static const struct ev_hdr *unwrap(struct ring *r, const uint8_t *p, size_t len)
{
	size_t first = (size_t)(r->data + r->size - p);

	if (len > WRAPPED_MAX || !r->wrapped)
		return NULL;
	if (r->whole != r->at + 1) {
		memcpy(r->wrapped, p, first);
		memcpy(r->wrapped + first, r->data, len - first);
		r->whole = r->at + 1;
	}
	return (const void *)r->wrapped;
}

/* The next record, or NULL: there is none, or it is still being written.  *ret_step is how far behind it the
 * one after it begins. */
static const struct ev_hdr *next(struct ring *r, unsigned long *ret_step)
{
	for (;;) {
		const uint8_t *p = r->data + (r->at & (r->size - 1));
		const struct ev_hdr *ev;
		uint32_t head, len;

		r->writing = false;
		if (r->at == r->filled) {
			r->filled = __atomic_load_n(r->producer, __ATOMIC_ACQUIRE);
			if (r->at == r->filled)
				return NULL;
		}
		head = __atomic_load_n((const uint32_t *)(const void *)p, __ATOMIC_ACQUIRE);
		r->writing = head & BPF_RINGBUF_BUSY_BIT;
		if (r->writing)
			return NULL;
		len = head & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
		*ret_step = (len + BPF_RINGBUF_HDR_SZ + 7) & ~7ul;
		p += BPF_RINGBUF_HDR_SZ;
		if (p == r->data + r->size)
			p = r->data;
		ev = (const void *)p;
		if (p + len > r->data + r->size)
			ev = unwrap(r, p, len);
		/* The kernel side is ours, but a record may be longer than its content (never shorter). */
		if (!(head & BPF_RINGBUF_DISCARD_BIT) && ev && len >= sizeof(*ev) && ev->size <= len)
			return ev;
		r->at += *ret_step;
	}
}

/* Delivers what is not later than until_ns. */
static void deliver(struct live *l, struct ring *r, uint64_t until_ns)
{
	const struct ev_hdr *ev;
	unsigned long step;

	for (int i = 0; i < RUN && l->delivered < BATCH && l->bytes < BATCH_BYTES; i++) {
		ev = next(r, &step);
		if (!ev || ev->ts_ns > until_ns)
			break;
		l->fn(l->ctx, ev);
		l->delivered++;
		l->bytes += step;
		r->at += step;
		if (r->at - r->given > r->size / 8)
			give_back(r);
	}
	give_back(r);
}

static int open_ring(struct ring *r, int fd)
{
	struct bpf_map_info info = { 0 };
	uint32_t len = sizeof(info);
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *p;

	if (bpf_map_get_info_by_fd(fd, &info, &len) < 0)
		return -errno;
	if (info.type != BPF_MAP_TYPE_RINGBUF)
		return -EINVAL;
	r->size = info.max_entries;
	r->wrapped = malloc(WRAPPED_MAX);
	if (!r->wrapped)
		return -ENOMEM;
	p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	r->consumer = (unsigned long *)(void *)p;
	p = mmap(NULL, page + r->size, PROT_READ, MAP_SHARED, fd, (off_t)page);
	if (p == MAP_FAILED)
		return -errno;
	r->producer = (const unsigned long *)(const void *)p;
	r->data = p + page;
	r->at = r->given = r->filled = __atomic_load_n(r->consumer, __ATOMIC_ACQUIRE);
	return 0;
}

static void close_ring(struct ring *r)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (r->consumer)
		munmap(r->consumer, page);
	if (r->producer)
		munmap((void *)(uintptr_t)r->producer, page + r->size);
	free(r->wrapped);
}

/* --- all of them ---------------------------------------------------------------------------------- */

/* The ring whose next record is the earliest, and the time of the earliest of the others.  *ret_writing: one of them is
 * still being written. */
static struct ring *look(struct live *l, uint64_t *ret_first_ns, uint64_t *ret_until_ns,
			 bool *ret_writing)
{
	uint64_t first_ns = UINT64_MAX, until_ns = UINT64_MAX;
	struct ring *first = NULL;
	unsigned long step;

	*ret_writing = false;
	for (unsigned i = 0; i < l->n; i++) {
		const struct ev_hdr *ev = next(&l->rings[i], &step);

		*ret_writing |= l->rings[i].writing;
		if (!ev) {
			give_back(&l->rings[i]); /* records without content may have been passed */
		} else if (!first || ev->ts_ns < first_ns) {
			until_ns = first_ns;
			first_ns = ev->ts_ns;
			first = &l->rings[i];
		} else if (ev->ts_ns < until_ns) {
			until_ns = ev->ts_ns;
		}
	}
	*ret_first_ns = first_ns;
	*ret_until_ns = until_ns;
	return first;
}

/* The same; nothing is returned whose cause may not be in sight yet. */
static struct ring *earliest(struct live *l, uint64_t *ret_until_ns)
{
	uint64_t first_ns;
	struct ring *first;
	bool writing;

	first = look(l, &first_ns, ret_until_ns, &writing);
	if (l->n == 1)
		return first;
	for (int i = 0; first && (writing || first_ns > l->seen_ns); i++) {
		uint64_t now = now_ns();

		if (writing && !l->stuck_ns)
			l->stuck_ns = now;
		if (writing && now - l->stuck_ns < STUCK_NS && i >= STUCK_LOOKS)
			return NULL;
		first = look(l, &first_ns, ret_until_ns, &writing);
		l->seen_ns = now;
		if (writing && now - l->stuck_ns >= STUCK_NS)
			break;
	}
	if (!writing)
		l->stuck_ns = 0;
	if (*ret_until_ns > l->seen_ns)
		*ret_until_ns = l->seen_ns;
	return first;
}

static int consume(struct live *l)
{
	uint64_t until_ns;
	struct ring *r;

	while (l->delivered < BATCH && l->bytes < BATCH_BYTES && (r = earliest(l, &until_ns)))
		deliver(l, r, until_ns);
	if (l->delivered > 0)
		l->last_ns = now_ns();
	return l->delivered;
}

static unsigned live_filled(const struct source *s)
{
	const struct live *l = (const struct live *)s;
	unsigned most = 0;

	for (unsigned i = 0; i < l->n; i++) {
		const struct ring *r = &l->rings[i];
		unsigned long used = __atomic_load_n(r->producer, __ATOMIC_ACQUIRE) - r->given;
		unsigned percent = (unsigned)(used * 100 / r->size);

		most = percent > most ? percent : most;
	}
	return most;
}

static size_t live_room(const struct source *s, unsigned *ret_most)
{
	const struct live *l = (const struct live *)s;
	size_t bytes = 0;

	for (unsigned i = 0; i < l->n; i++)
		bytes += l->rings[i].size;
	*ret_most = l->most;
	return bytes;
}

static int live_poll(struct source *s, int timeout_ms, event_fn fn, void *ctx)
{
	struct live *l = (struct live *)s;
	struct epoll_event woken[EV_RINGS_MAX];
	unsigned filled = live_filled(s);
	uint64_t now, end;
	int n;

	l->most = filled > l->most ? filled : l->most;
	l->fn = fn;
	l->ctx = ctx;
	l->delivered = 0;
	l->bytes = 0;
	n = consume(l);
	if (n || !timeout_ms)
		return n;
	now = now_ns();
	end = now + (uint64_t)timeout_ms * 1000000;
	while (timeout_ms < 0 || now < end) {
		int wait = timeout_ms < 0 ? 1000 : (int)((end - now + 999999) / 1000000);

		if (now - l->last_ns < BUSY_NS && wait > TICK_MS)
			wait = TICK_MS;
		if (epoll_wait(l->ep, woken, EV_RINGS_MAX, wait) < 0)
			return errno == EINTR ? 0 : -errno;
		n = consume(l);
		if (n)
			return n;
		now = now_ns();
	}
	return 0;
}

static int live_fd(const struct source *s)
{
	return ((const struct live *)s)->ep;
}

static void live_close(struct source *s)
{
	struct live *l = (struct live *)s;

	if (!l)
		return;
	for (unsigned i = 0; i < l->n; i++)
		close_ring(&l->rings[i]);
	if (l->ep >= 0)
		close(l->ep);
	free(l);
}

static const struct source_ops live_ops = { "live", live_poll, live_fd, live_filled, live_room, live_close };

int source_live_open(struct source **ret, const int *map_fds, unsigned n)
{
	struct live *l;
	int rc = 0;

	if (n == 0 || n > EV_RINGS_MAX)
		return -EINVAL;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->src.ops = &live_ops;
	l->ep = epoll_create1(EPOLL_CLOEXEC);
	if (l->ep < 0)
		rc = -errno;
	for (unsigned i = 0; i < n && !rc; i++) {
		struct epoll_event ev = { .events = EPOLLIN, .data.u32 = i };

		l->n++;
		rc = open_ring(&l->rings[i], map_fds[i]);
		if (!rc && epoll_ctl(l->ep, EPOLL_CTL_ADD, map_fds[i], &ev) < 0)
			rc = -errno;
	}
	if (rc) {
		live_close(&l->src);
		return rc;
	}
	*ret = &l->src;
	return 0;
}
