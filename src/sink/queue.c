/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/queue.h"

#include <errno.h>
#include <stdlib.h>

#define KEEP_MAX (2u << 20) /* a larger buffer is not kept for reuse */
#define LEVEL	 1	    /* of compression: the quickest; what repeats is found all the same */
#define PACK_MIN (2u << 20) /* a queue of less is not worth the tools' memory, some 600 KB */

static size_t weight(const struct batch *b)
{
	return sizeof(*b) + b->flows.cap;
}

/* All the memory of the queue. */
static size_t held(const struct queue *q)
{
	return q->bytes + q->spare.cap + q->out.cap + ZSTD_sizeof_CCtx(q->pack) + ZSTD_sizeof_DCtx(q->unpack);
}

static void drop_tools(struct queue *q)
{
	(void)ZSTD_freeCCtx(q->pack); /* cannot fail with one that we made */
	(void)ZSTD_freeDCtx(q->unpack);
	q->pack = NULL;
	q->unpack = NULL;
}

static bool crowded(const struct queue *q)
{
	return q->max >= PACK_MIN && q->bytes > q->max / 4;
}

/* False: it is kept as it is, for it would hardly get smaller or memory is short. */
static bool pack(struct queue *q, struct batch *b, struct buf *flows)
{
	size_t room = ZSTD_compressBound(flows->n), n;
	uint8_t *p = malloc(room), *fitted;

	if (!q->pack)
		q->pack = ZSTD_createCCtx();
	n = p && q->pack ? ZSTD_compressCCtx(q->pack, p, room, flows->p, flows->n, LEVEL) : room;
	if (ZSTD_isError(n) || n > flows->n - flows->n / 8) {
		free(p);
		return false;
	}
	fitted = realloc(p, n);
	b->flows = (struct buf){ .p = fitted ? fitted : p, .n = n, .cap = fitted ? n : room };
	b->unpacked = flows->n;
	if (flows->cap > KEEP_MAX)
		buf_release(flows);
	buf_clear(flows);
	return true;
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

void queue_dropped(struct queue *q, size_t nflows, size_t nopen)
{
	q->dropped_flows += nflows - nopen;
	q->dropped_updates += nopen;
}

int queue_push(struct queue *q, uint64_t seq, size_t nflows, size_t nopen, struct buf *flows)
{
	struct batch *b = calloc(1, sizeof(*b));
	bool packed = false;

	if (b && flows->n && crowded(q))
		packed = pack(q, b, flows);
	if (!b || (!packed && fit(b, flows) < 0)) {
		free(b);
		buf_clear(flows);
		queue_dropped(q, nflows, nopen);
		return -ENOMEM;
	}
	b->seq = seq;
	b->nflows = nflows;
	b->nopen = nopen;
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
	if (!q->spare.p && !b->unpacked && !crowded(q) && b->flows.cap <= KEEP_MAX) {
		q->spare = b->flows;
		buf_clear(&q->spare);
	} else {
		buf_release(&b->flows);
	}
	free(b);
	if (q->bytes == 0)
		drop_tools(q);
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
	while (held(q) > q->max || extra > q->max - held(q)) {
		struct batch **at = oldest(q, false);

		if (q->spare.p) {
			buf_release(&q->spare);
			continue;
		}
		if (!at)
			at = oldest(q, true);
		if (!at)
			return false;
		queue_dropped(q, (*at)->nflows, (*at)->nopen);
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

size_t queue_flows_size(const struct batch *b)
{
	return b->unpacked ? b->unpacked : b->flows.n;
}

int queue_flows(struct queue *q, const struct batch *b, struct slice *ret)
{
	size_t n;

	buf_release(&q->out);
	if (!b->unpacked) {
		*ret = buf_slice(&b->flows);
		return 0;
	}
	if (!q->unpack)
		q->unpack = ZSTD_createDCtx();
	q->out.p = malloc(b->unpacked); /* exactly: buf_room would take up to twice that */
	if (!q->unpack || !q->out.p) {
		buf_release(&q->out);
		return -ENOMEM;
	}
	q->out.cap = b->unpacked;
	n = ZSTD_decompressDCtx(q->unpack, q->out.p, q->out.cap, b->flows.p, b->flows.n);
	if (n != b->unpacked) { /* we packed it: only memory can be short */
		buf_release(&q->out);
		return -ENOMEM;
	}
	q->out.n = n;
	*ret = buf_slice(&q->out);
	return 0;
}

void queue_flows_done(struct queue *q)
{
	buf_release(&q->out);
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
	buf_release(&q->out);
}

void queue_refused(struct queue *q, unsigned limit)
{
	for (struct batch **at = &q->head; *at; at = &(*at)->next) {
		if (!(*at)->sent && !(*at)->busy)
			continue;
		if (++(*at)->refused < limit)
			return;
		queue_dropped(q, (*at)->nflows, (*at)->nopen);
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
	drop_tools(q);
	buf_release(&q->spare);
	buf_release(&q->out);
	*q = (struct queue){ 0 };
}
