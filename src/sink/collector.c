/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's end of limpid.v1.Collector/Exchange.
 *
 * A flow is encoded when it is written, into the open batch; a batch that is full or has waited long
 * enough goes into the queue, from there in pieces into the connection (link.c), and it leaves the queue
 * when the hub has acknowledged it.  Nothing is read or written outside collector_io, collector_tick and
 * flush.  Runs inside the confined process: besides memory and clock it needs read, sendmsg, poll, close
 * and, in collector_new, getrandom.
 */
#include "sink/collector.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "rpc/exchange.h"
#include "sink/agent_msg.h"
#include "sink/link.h"

#define BATCH_NS    (50 * MS)
#define BATCH_BYTES (1u << 20)
#define CROWDED_NS  (500 * MS)
#define BATCH_FLOWS 1000
#define FLOW_MAX    (EXCHANGE_MESSAGE_MAX - 2 * BATCH_BYTES)

static struct collector *of(const struct sink *s)
{
	return (struct collector *)(uintptr_t)s;
}

static void close_batch(struct collector *c)
{
	if (c->open_flows == 0)
		return;
	/* When it fails, the flows are counted as dropped. */
	(void)queue_push(&c->q, c->next_seq++, c->open_flows, c->open_updates, &c->open);
	c->stats.batches++;
	c->open_flows = c->open_updates = 0;
	c->closed_ns = c->now_ns;
}

/* What comes alone goes at once; what comes all the time, every BATCH_NS. */
static void finish_batch_in_time(struct collector *c)
{
	if (c->open_flows > 0 && c->now_ns - c->closed_ns >= BATCH_NS)
		close_batch(c);
}

static int collector_write(struct sink *s, const struct flow *f)
{
	struct collector *c = of(s);
	size_t update = f->state == FLOW_OPEN;
	int r = agent_batch_flow(&c->open, f, FLOW_MAX);

	if (r < 0) {
		queue_dropped(&c->q, 1, update);
		return -EAGAIN;
	}
	c->stats.flows++;
	c->open_flows++;
	c->open_updates += update;
	if (!queue_trim(&c->q, c->open.n)) { /* this batch alone is over the limit */
		queue_dropped(&c->q, c->open_flows, c->open_updates);
		c->open_flows = c->open_updates = 0;
		buf_release(&c->open);
		return -EAGAIN;
	}
	if (c->open.n >= BATCH_BYTES || c->open_flows >= BATCH_FLOWS)
		close_batch(c);
	return 0;
}

static uint64_t clock_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail with this clock */
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int collector_flush(struct sink *s, int timeout_ms)
{
	struct collector *c = of(s);
	uint64_t end = clock_ns() + (uint64_t)timeout_ms * MS, now;

	close_batch(c);
	while (c->q.head) {
		struct pollfd p = { .fd = c->fd, .events = POLLIN };
		int r;

		if (!c->g)
			return -ENOTCONN;
		now = clock_ns();
		r = collector_io(s, now);
		if (r < 0)
			return r;
		if (!c->q.head)
			break;
		if (now >= end)
			return -ETIMEDOUT;
		if (collector_wants_write(s))
			p.events |= POLLOUT;
		(void)poll(&p, 1,
			   (int)((end - now) / MS) +
				   1); /* whatever it says, the socket knows better */
	}
	return 0;
}

static void free_options(struct collector_options *o)
{
	free((void *)(uintptr_t)o->agent_id);
	free((void *)(uintptr_t)o->hostname);
	free((void *)(uintptr_t)o->version);
	free((void *)(uintptr_t)o->kernel);
	free((void *)(uintptr_t)o->token);
}

static void collector_close(struct sink *s)
{
	struct collector *c = of(s);

	if (!c)
		return;
	if (c->fd >= 0)
		(void)close(c->fd); /* as in disconnect */
	grpc_free(c->g);
	queue_release(&c->q);
	buf_release(&c->open);
	buf_release(&c->hello.bytes);
	buf_release(&c->containers.bytes);
	buf_release(&c->health.bytes);
	free_options(&c->o);
	free(c->runtime);
	free(c);
}

static const struct sink_ops ops = { "collector", collector_write, collector_flush,
				     collector_close, NULL };

static bool copy(const char **s)
{
	if (!*s)
		return true;
	*s = strdup(*s);
	return *s != NULL;
}

struct sink *collector_new(const struct collector_options *o)
{
	struct collector *c = calloc(1, sizeof(*c));
	bool ok;

	if (!c)
		return NULL;
	c->sink.ops = &ops;
	c->fd = -1;
	c->o = *o;
	if (c->o.token && !*c->o.token) /* an empty one cannot travel in a header */
		c->o.token = NULL;
	ok = copy(&c->o.agent_id);
	ok &= copy(&c->o.hostname);
	ok &= copy(&c->o.version);
	ok &= copy(&c->o.kernel);
	ok &= copy(&c->o.token);
	c->q.max = o->queue_bytes;
	c->next_seq = 1;
	c->delay_ms = LINK_DELAY_FIRST_MS;
	c->ping_ns = LINK_PING_NS;
	if (getrandom(&c->random, sizeof(c->random), GRND_NONBLOCK) != sizeof(c->random) ||
	    !c->random)
		c->random = (uintptr_t)c | 1; /* early at boot: any other number will do */
	if (!ok || agent_msg_hello(&c->hello.bytes, &c->o) < 0) {
		collector_close(&c->sink);
		return NULL;
	}
	return &c->sink;
}

int collector_connected(struct sink *s, int fd)
{
	struct collector *c = of(s);

	if (c->g) {
		if (fd >= 0)
			(void)close(fd); /* as in disconnect */
		return -EINVAL;
	}
	c->asked = false;
	if (fd < 0) {
		(void)snprintf(c->stats.why, sizeof(c->stats.why), "cannot connect to the hub: %s",
			       strerror(-fd));
		link_ask(c, false);
		return 0;
	}
	return link_open(c, fd);
}

void collector_queue(struct sink *s, size_t bytes)
{
	of(s)->q.max = bytes;
}

bool collector_crowded(const struct sink *s)
{
	const struct collector *c = of(s);

	return c->welcome && c->q.bytes + c->open.n > c->q.max / 2 && c->now_ns - c->acked_ns < CROWDED_NS;
}

int collector_fd(const struct sink *s)
{
	return of(s)->fd;
}

bool collector_wants_write(const struct sink *s)
{
	return link_wants_write(of(s));
}

int collector_io(struct sink *s, uint64_t now_ns)
{
	struct collector *c = of(s);

	c->now_ns = now_ns;
	finish_batch_in_time(c);
	if (!c->g)
		return 0;
	link_read(c);
	link_write(c);
	return link_settle(c);
}

void collector_tick(struct sink *s, uint64_t now_ns)
{
	struct collector *c = of(s);

	c->now_ns = now_ns;
	finish_batch_in_time(c);
	if (!c->g) {
		if (!c->asked)
			link_ask(c, true);
		return;
	}
	link_tick(c);
	link_write(c);
	(void)link_settle(c); /* want_connect has told the owner */
}

void collector_containers(struct sink *s, const struct collector_container *list, size_t n)
{
	struct collector *c = of(s);

	/* Without memory the hub keeps the list it has, until the next change. */
	c->containers.due = agent_msg_containers(&c->containers.bytes, list, n, c->runtime) == 0;
}

void collector_runtime(struct sink *s, const char *runtime)
{
	struct collector *c = of(s);

	free(c->runtime);
	c->runtime = runtime ? strdup(runtime) : NULL;
}

void collector_health(struct sink *s, const struct collector_fact *facts, size_t nfacts,
		      const struct collector_counter *counters, size_t ncounters,
		      const struct collector_ledger *tls)
{
	struct collector *c = of(s);

	c->health.due = agent_msg_health(&c->health.bytes, facts, nfacts, counters, ncounters, tls) == 0;
}

const struct collector_stats *collector_stats(const struct sink *s)
{
	struct collector *c = of(s);

	c->stats.dropped_flows = c->q.dropped_flows;
	c->stats.dropped_updates = c->q.dropped_updates;
	c->stats.queue_bytes = c->q.bytes + c->open.n;
	c->stats.queue_max = c->q.max;
	c->stats.waiting = c->open_flows;
	for (const struct batch *b = c->q.head; b; b = b->next)
		c->stats.waiting += b->nflows;
	return &c->stats;
}
