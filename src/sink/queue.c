/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/queue.h"

#include <errno.h>
#include <stdlib.h>

#define KEEP_MAX (4u << 20) /* a larger buffer is not kept for reuse */

static size_t weight(const struct batch *b)
{
	return sizeof(*b) + b->flows.cap;
}

/* Many small batches must not each hold a buffer that was sized for a large one. */
static int fit(struct batch *b, struct buf *flows)
{
	uint8_t *p;

	if (flows->n < flows->cap / 2 && flows->cap <= KEEP_MAX) {
		p = malloc(flows->n ? flows->n : 1);
		if (!p)
			return -ENOMEM;
		memcpy(p, flows->p, flows->n);
		b->flows = (struct buf){ p, flows->n, flows->n, false };
		buf_clear(flows);
		return 0;
	}
	b->flows = *flows;
	*flows = (struct buf){ 0 };
	if (b->flows.cap - b->flows.n > b->flows.n / 4) {
		p = realloc(b->flows.p, b->flows.n ? b->flows.n : 1);
		if (p) {
			b->flows.p = p;
			b->flows.cap = b->flows.n;
		}
	}
	return 0;
}

int queue_push(struct queue *q, uint64_t seq, size_t nflows, struct buf *flows)
{
	struct batch *b = calloc(1, sizeof(*b));

	if (!b || fit(b, flows) < 0) {
		free(b);
		buf_clear(flows);
		q->dropped_flows += nflows;
		return -ENOMEM;
	}
	b->seq = seq;
	b->nflows = nflows;
	if (!q->tail)
		q->tail = &q->head;
	*q->tail = b;
	q->tail = &b->next;
	q->bytes += weight(b);
	if (!flows->p) {
		*flows = q->spare;
		q->spare = (struct buf){ 0 };
		buf_clear(flows);
	}
	return 0;
}

/* *at leaves the queue. */
static void take_out(struct queue *q, struct batch **at)
{
	struct batch *b = *at;

	*at = b->next;
	if (q->tail == &b->next)
		q->tail = at;
	q->bytes -= weight(b);
	if (!q->spare.p && b->flows.cap <= KEEP_MAX) {
		q->spare = b->flows;
		buf_clear(&q->spare);
	} else {
		buf_release(&b->flows);
	}
	free(b);
}

static struct batch **oldest(struct queue *q, bool sent)
{
	for (struct batch **at = &q->head; *at; at = &(*at)->next)
		if (!(*at)->busy && (*at)->sent == sent)
			return at;
	return NULL;
}

bool queue_trim(struct queue *q, size_t extra)
{
	while (q->bytes > q->max || extra > q->max - q->bytes) {
		struct batch **at = oldest(q, false);

		if (!at)
			at = oldest(q, true);
		if (!at)
			return false;
		q->dropped_flows += (*at)->nflows;
		take_out(q, at);
	}
	return true;
}

struct batch *queue_next(const struct queue *q)
{
	struct batch *b = q->head;

	while (b && (b->sent || b->busy))
		b = b->next;
	return b;
}

size_t queue_ack(struct queue *q, uint64_t seq)
{
	struct batch **at = &q->head;
	size_t n = 0;

	while (*at && (*at)->seq <= seq) {
		if ((*at)->busy || (*at)->tries == 0) {
			at = &(*at)->next;
			continue;
		}
		take_out(q, at);
		n++;
	}
	return n;
}

void queue_rewind(struct queue *q)
{
	for (struct batch *b = q->head; b; b = b->next)
		b->sent = b->busy = false;
}

void queue_refused(struct queue *q, unsigned limit)
{
	for (struct batch **at = &q->head; *at; at = &(*at)->next) {
		if (!(*at)->sent && !(*at)->busy)
			continue;
		if (++(*at)->refused < limit)
			return;
		q->dropped_flows += (*at)->nflows;
		take_out(q, at);
		return;
	}
}

void queue_release(struct queue *q)
{
	struct batch *next;

	for (struct batch *b = q->head; b; b = next) {
		next = b->next;
		buf_release(&b->flows);
		free(b);
	}
	buf_release(&q->spare);
	*q = (struct queue){ 0 };
}
