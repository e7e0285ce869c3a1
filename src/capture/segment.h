/* SPDX-License-Identifier: Apache-2.0 */
/* segment.h - TCP as it is seen on the wire: segments in, events of connections out.
 *
 * The streams themselves are put together where events go (conn/stream.h): here sequence numbers become positions, and what came
 * twice is left out.  A hole whose bytes the receiver acknowledges was missed by the capture: 50 ms later it is told as lost.
 * Where segments overlap the first copy wins.  Checksums are not looked at: offloading leaves them wrong in captures of the sender.
 */
#ifndef LIMPID_CAPTURE_SEGMENT_H
#define LIMPID_CAPTURE_SEGMENT_H

#include "capture/packet.h"
#include "capture/source.h"

enum { SEGMENT_FIN = 1, SEGMENT_SYN = 2, SEGMENT_RST = 4, SEGMENT_PSH = 8, SEGMENT_ACK = 16 };

struct segment {
	struct endpoint src, dst;
	uint64_t ts_ns;
	uint32_t seq, ack;
	unsigned flags;	      /* SEGMENT_..., or-ed */
	struct slice payload; /* as captured, borrowed */
	uint32_t len;	      /* as it was */
};

struct segment_stats {
	uint64_t conns;		  /* with bytes */
	uint64_t midstream;	  /* of them, those whose beginning is not in the capture */
	uint64_t segments, bytes; /* of payload, each counted once */
	uint64_t again;		  /* bytes that came more than once */
	uint64_t lost_bytes,
		holes;	    /* acknowledged, and not in the capture; or never seen to come */
	uint64_t cut_bytes; /* of segments that were not captured whole */
	uint64_t stray;	    /* segments that fit into no connection */
};

struct segments;

/* seed: random, so that a file cannot be made whose connections are slow to find.  NULL: out of memory. */
struct segments *segments_new(uint64_t seed);
/* Where events go from now on. */
void segments_to(struct segments *t, event_fn fn, void *ctx);
/* Reads a TCP segment.  False: too little of it was captured, or it is none. */
bool segment_parse(const struct ip_packet *p, uint64_t ts_ns, struct segment *ret);
/* 0; -ENOMEM: a new connection had no room, and is left out. */
int segments_put(struct segments *t, const struct segment *s);
void segments_finish(
	struct segments *t); /* nothing follows: what is missing is told, nothing is closed */
const struct segment_stats *segments_stats(const struct segments *t);
void segments_free(struct segments *t);

#endif
