/* SPDX-License-Identifier: Apache-2.0 */
/* queue.h - numbered batches that wait to be sent, and then to be acknowledged, bounded by bytes.
 *
 * Batches that come while more than a quarter of the bound is taken are compressed (zstd), and unpacked one at a time when they
 * are sent: what is said over and over in a second of traffic waits in a tenth of the memory.
 */
#ifndef LIMPID_SINK_QUEUE_H
#define LIMPID_SINK_QUEUE_H

#include <zstd.h>

#include "base/bytes.h"

struct batch {
	struct batch *next;
	uint64_t seq;
	size_t nflows, nopen; /* writes of flows; those of them that were not the flow's last */
	struct buf flows; /* see queue_flows */
	size_t unpacked;  /* bytes of the flows when they are compressed; 0: they are not */
	bool sent;	  /* since the last queue_rewind */
	bool busy;	  /* half of it is out: it can neither be dropped nor acknowledged */
	unsigned tries;	  /* how often sending began */
	unsigned refused; /* how often the peer ended the call while this was the oldest */
};

struct queue { /* zero-initialise, set max */
	struct batch *head, **tail;
	size_t bytes, max; /* memory held by batches */
	uint64_t dropped_flows;	  /* whose last write fell out: a flow counts once */
	uint64_t dropped_updates; /* other writes that fell out: the flow itself came, or is counted above */
	struct buf spare; /* of the last batch acknowledged, to be filled again */
	struct buf out;	  /* of the batch that was asked for last, if it had to be unpacked */
	ZSTD_CCtx *pack;  /* NULL: not needed now */
	ZSTD_DCtx *unpack;
};

/* Copies or takes over what lies in flows, which is empty afterwards: nflows writes, nopen of them of flows that go on.  0, -ENOMEM:
 * dropped, counted. */
int queue_push(struct queue *q, uint64_t seq, size_t nflows, size_t nopen, struct buf *flows);
/* Counts what fell out elsewhere, as queue_push has it. */
void queue_dropped(struct queue *q, size_t nflows, size_t nopen);
/* Drops batches until the rest and `extra` bytes fit: first the oldest not sent, for those that are
 * sent are likely to arrive.  False: the queue is empty and extra alone is too much. */
bool queue_trim(struct queue *q, size_t extra);
struct batch *queue_next(const struct queue *q); /* the oldest not sent, or NULL */
/* What b holds, as it was pushed; borrowed until the next call on q but queue_push and queue_trim.  0, -ENOMEM. */
int queue_flows(struct queue *q, const struct batch *b, struct slice *ret);
size_t queue_flows_size(const struct batch *b);
void queue_flows_done(struct queue *q); /* what queue_flows returned is not needed any more */
/* Forgets what is stored at the peer: batches up to seq whose sending ever began.  Their number. */
size_t queue_ack(struct queue *q, uint64_t seq);
/* The connection broke: everything is to be sent again. */
void queue_rewind(struct queue *q);
/* The peer ended the call over a message: the oldest batch that was sent is to blame, and is dropped when
 * that happens `limit` times. */
void queue_refused(struct queue *q, unsigned limit);
void queue_release(struct queue *q);

#endif
