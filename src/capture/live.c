/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel wakes us at the first event after a quiet time and then only every few milliseconds
 * (bpf/emit.bpf.h), so while events come, the ring is looked at on a short timer; else we sleep.
 */
#include "capture/source.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>

#define BATCH	  1024	   /* events delivered per poll */
#define TICK_MS	  2	   /* between looks while events come */
#define BUSY_NS	  50000000 /* how long after an event they are expected to come */
#define STOP_CODE (-ECANCELED)

struct live {
	struct source src;
	struct ring_buffer *ring;
	event_fn fn; /* of the poll under way */
	void *ctx;
	int delivered;
	uint64_t last_ns; /* when an event was last delivered, CLOCK_MONOTONIC */
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int on_event(void *ctx, void *data, size_t size)
{
	struct live *l = ctx;
	const struct ev_hdr *ev = data;

	/* The kernel side is ours, but a record may be longer than its content (never shorter). */
	if (size >= sizeof(*ev) && ev->size <= size) {
		l->fn(l->ctx, ev);
		l->delivered++;
	}
	return l->delivered >= BATCH ? STOP_CODE : 0;
}

static int consume(struct live *l)
{
	int rc = ring_buffer__consume(l->ring);

	if (l->delivered > 0)
		l->last_ns = now_ns();
	return rc < 0 && rc != STOP_CODE ? rc : l->delivered;
}

static int live_poll(struct source *s, int timeout_ms, event_fn fn, void *ctx)
{
	struct live *l = (struct live *)s;
	struct epoll_event woken;
	uint64_t now, end;
	int rc;

	l->fn = fn;
	l->ctx = ctx;
	l->delivered = 0;
	rc = consume(l);
	if (rc || !timeout_ms)
		return rc;
	now = now_ns();
	end = now + (uint64_t)timeout_ms * 1000000;
	while (timeout_ms < 0 || now < end) {
		int wait = timeout_ms < 0 ? 1000 : (int)((end - now + 999999) / 1000000);

		if (now - l->last_ns < BUSY_NS && wait > TICK_MS)
			wait = TICK_MS;
		if (epoll_wait(ring_buffer__epoll_fd(l->ring), &woken, 1, wait) < 0)
			return errno == EINTR ? 0 : -errno;
		rc = consume(l);
		if (rc)
			return rc;
		now = now_ns();
	}
	return 0;
}

static int live_fd(const struct source *s)
{
	return ring_buffer__epoll_fd(((const struct live *)s)->ring);
}

static void live_close(struct source *s)
{
	struct live *l = (struct live *)s;

	if (!l)
		return;
	ring_buffer__free(l->ring);
	free(l);
}

static const struct source_ops live_ops = { "live", live_poll, live_fd, live_close };

int source_live_open(struct source **ret, int map_fd)
{
	struct live *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->src.ops = &live_ops;
	l->ring = ring_buffer__new(map_fd, on_event, l, NULL);
	if (!l->ring) {
		int rc = -errno;

		free(l);
		return rc;
	}
	*ret = &l->src;
	return 0;
}
