/* SPDX-License-Identifier: Apache-2.0 */
/* segment_priv.h - inside of segment.h: segment.c what a segment does to its connection; segment_bytes.c what bytes came already,
 * and events; segment_held.c what came before what it answers; segment_conns.c the connections. */
#ifndef LIMPID_CAPTURE_SEGMENT_PRIV_H
#define LIMPID_CAPTURE_SEGMENT_PRIV_H

#include "base/list.h"
#include "base/map.h"
#include "capture/segment.h"

#define SEGMENT_NEVER UINT64_MAX

struct range {
	uint64_t from, to;
};

struct half {		  /* what one end sends */
	uint64_t next;	  /* all before it came, or is lost */
	uint64_t acked;	  /* the other end has all before it */
	uint64_t fin;	  /* where the FIN is; SEGMENT_NEVER: not seen */
	uint64_t hole_ns; /* since when acked tells of a hole; 0: it does not */
	uint32_t seq;	  /* of next */
	uint32_t odd_seq; /* of what would follow the last segment that was FAR away */
	uint8_t odd;	  /* how many of those followed each other */
	bool known, ended;
	uint16_t nranges;
	struct range *ranges; /* in order, apart from each other and from next */
};

struct tcp {
	struct tcp *chain; /* with the same hash */
	uint64_t hash;
	struct link lru, late; /* late: holes that may yet be filled */
	struct endpoint end[2];
	struct half half[2]; /* what end[i] sends */
	struct held *held[2], *held_last[2]; /* of end[i], by position; the last if there is a first */
	size_t nheld, held_bytes;
	uint64_t cookie, first_ns, last_ns;
	uint32_t isn; /* of the SYN, where one was seen */
	uint8_t self; /* the end that opened it, or, where that is not known, that was seen first */
	bool begun;   /* its beginning was seen: self is the client */
	bool syn;     /* its SYN was: isn is valid */
	bool told, closed;
};

struct segments {
	struct map by_hash;
	struct link open, closed, late; /* open, closed: the last used first */
	size_t nopen, nclosed;
	uint64_t seed, next_cookie, now_ns, tick_ns;
	uint64_t past_ns; /* when the segment at hand came; 0: now */
	uint64_t next_held;
	size_t held_bytes; /* of all connections */
	event_fn fn;
	void *ctx;
	struct segment_stats stats;
	union {
		struct ev_data ev;
		uint8_t room[sizeof(struct ev_data) + EV_CHUNK_MAX];
	} data;
};

/* --- segment_bytes.c --- */

/* The position of seq: modulo 2^32 the nearest to next (RFC 9293, 3.4). */
static inline uint64_t half_position(const struct half *h, uint32_t seq)
{
	return h->next + (uint64_t)(int64_t)(int32_t)(seq - h->seq);
}
/* What the end says with how (enum ev_end), if anything was told of c. */
void tcp_tell_close(struct segments *t, const struct tcp *c, unsigned how);
enum ev_dir tcp_dir(const struct tcp *c, int from);
/* len bytes that came at off, of which data was captured: tells what of them is new. */
void tcp_put(struct segments *t, struct tcp *c, int from, uint64_t off, struct slice data,
	     uint32_t len);
/* The bytes up to the first that came behind the hole, or up to limit, are lost. */
void tcp_lose(struct segments *t, struct tcp *c, int from, uint64_t limit);
/* All that something came behind of, or that must have been sent. */
void tcp_lose_rest(struct segments *t, struct tcp *c, int from);

/* --- segment.c --- */

void tcp_put_payload(struct segments *t, struct tcp *c, int from, const struct segment *s);

/* --- segment_held.c --- */

/* s answers what did not come yet, or follows such: it waits.  Its acknowledgement counts already. */
bool tcp_hold(struct segments *t, struct tcp *c, int from, const struct segment *s);
/* Gives on what waits for nothing any more. */
void tcp_release(struct segments *t, struct tcp *c);
/* What they wait for is lost: gives on all of them, in the order in which they came. */
void tcp_release_all(struct segments *t, struct tcp *c);
void tcp_drop_held(struct segments *t, struct tcp *c);

/* --- segment_conns.c --- */

uint64_t tcp_hash(const struct segments *t, const struct segment *s);
/* NULL: none.  *ret_from: which end of it sent s. */
struct tcp *tcp_find(const struct segments *t, const struct segment *s, uint64_t hash,
		     int *ret_from);
/* A new one, whose first end is the sender.  NULL: out of memory. */
struct tcp *tcp_add(struct segments *t, const struct segment *s, uint64_t hash);
/* Tells its end, with what is missing; it is known for a while, so that what comes late is not taken for another one. */
void tcp_close(struct segments *t, struct tcp *c, unsigned how);
void tcp_remove(struct segments *t, struct tcp *c);
struct tcp *
tcp_last(const struct link
		 *list); /* of segments.open or closed: the one used longest ago, or NULL */

#endif
