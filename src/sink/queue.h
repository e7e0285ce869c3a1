/* SPDX-License-Identifier: Apache-2.0 */
/* queue.h - numbered batches that wait to be sent, and then to be acknowledged, bounded by bytes. */
#ifndef LIMPID_SINK_QUEUE_H
#define LIMPID_SINK_QUEUE_H

#include "base/bytes.h"

struct batch {
	struct batch *next;
	uint64_t seq;
	size_t nflows;
	struct buf flows;
	bool sent;	  /* since the last queue_rewind */
	bool busy;	  /* half of it is out: it can neither be dropped nor acknowledged */
	unsigned tries;	  /* how often sending began */
	unsigned refused; /* how often the peer ended the call while this was the oldest */
};

struct queue { /* zero-initialise, set max */
	struct batch *head, **tail;
	size_t bytes, max; /* memory held by batches */
	uint64_t dropped_flows;
	struct buf spare; /* of the last batch acknowledged, to be filled again */
};

/* Copies or takes over what lies in flows, which is empty afterwards.  0, -ENOMEM: dropped, counted. */
int queue_push(struct queue *q, uint64_t seq, size_t nflows, struct buf *flows);
/* Drops batches until the rest and `extra` bytes fit: first the oldest not sent, for those that are
 * sent are likely to arrive.  False: the queue is empty and extra alone is too much. */
bool queue_trim(struct queue *q, size_t extra);
struct batch *queue_next(const struct queue *q); /* the oldest not sent, or NULL */
/* Forgets what is stored at the peer: batches up to seq whose sending ever began.  Their number. */
size_t queue_ack(struct queue *q, uint64_t seq);
/* The connection broke: everything is to be sent again. */
void queue_rewind(struct queue *q);
/* The peer ended the call over a message: the oldest batch that was sent is to blame, and is dropped when
 * that happens `limit` times. */
void queue_refused(struct queue *q, unsigned limit);
void queue_release(struct queue *q);

#endif
