/* SPDX-License-Identifier: Apache-2.0 */
/* stream.h - one direction of a connection: chunks by byte offset in, contiguous bytes out. */
#ifndef LIMPID_CONN_STREAM_H
#define LIMPID_CONN_STREAM_H

#include "base/bytes.h"

struct stream_stamp { /* bytes before offset end, down to the stamp before, were captured at ts */
	uint64_t end, ts;
};

struct stream_piece;

/* See stream.c.  Only stream.c writes it; it is told here because what is asked of every record must not cost a call. */
struct stream {
	uint8_t *buf;
	size_t head, n, cap;
	uint64_t off, hole;
	struct stream_stamp *stamps;
	size_t stamp_head, nstamps, stamp_cap;
	struct stream_piece *late, *tail;
	size_t late_bytes; /* of memory */
	size_t max;
	uint64_t last_ts;
	uint64_t total;
	uint64_t untold; /* bytes of holes given up that nobody had told */
	bool has_total;
};

/* At most max_bytes unread bytes are held.  start: offset of the first byte expected. */
struct stream *stream_new(size_t max_bytes, uint64_t start);
/* Places data at byte offset off of this direction; chunks may come late, twice or overlapping, the
 * first copy wins.  ts_ns is CLOCK_MONOTONIC at capture.  data is copied.  off never wraps; the
 * 32-bit sequence numbers of the wire do (RFC 9293, 3.4).
 * Returns 0; -EINVAL: off + data.n wraps; -EOVERFLOW when unread bytes had to give way (a gap
 * follows); -ENOMEM: data is lost, and a gap follows where it should have been. */
int stream_put(struct stream *s, uint64_t off, struct slice data, uint64_t ts_ns);
/* n bytes at off were moved and will never come: a gap that nobody has to wait for.  What is there
 * already stays.  0, -EINVAL or -ENOMEM (the hole then shows like any other). */
int stream_put_lost(struct stream *s, uint64_t off, uint64_t n, uint64_t ts_ns);
/* Contiguous unread bytes, until the next call on s. */
static inline struct slice stream_head(const struct stream *s)
{
	if (s->hole || s->n == 0)
		return (struct slice){ 0 };
	return (struct slice){ s->buf + s->head, s->n };
}

uint64_t stream_find_time(const struct stream *s, size_t i); /* stream_time's slow part */

/* When the chunk that holds byte head + i was captured; i is cut to the last byte there is. */
static inline uint64_t stream_time(const struct stream *s, size_t i)
{
	return s->nstamps == 1 ? s->stamps[s->stamp_head].ts : stream_find_time(s, i);
}

void stream_consume(struct stream *s, size_t n); /* n <= stream_head(s).n */
uint64_t stream_gap_since(const struct stream *s); /* of the hole that there is */

/* True when a hole follows the unread bytes; *ret_since_ns is when the first thing behind it was
 * captured, or 0 when it is certain that the hole stays. */
static inline bool stream_has_gap(const struct stream *s, uint64_t *ret_since_ns)
{
	if (!s->hole && !s->late && !(s->has_total && s->off + s->n < s->total))
		return false;
	*ret_since_ns = stream_gap_since(s);
	return true;
}

/* Gives up the unread bytes before the hole, which nobody could use, and the hole.  Returns the bytes
 * of the hole; 0: there is none, and nothing was done. */
uint64_t stream_skip_gap(struct stream *s);
/* Of all bytes that stream_skip_gap gave up, those that neither stream_put_lost told nor this stream dropped. */
uint64_t stream_untold(const struct stream *s);
/* The direction is known to be total bytes long; what is missing at its end is then a gap too.
 * Returns how many bytes at the end are missing. */
uint64_t stream_end(struct stream *s, uint64_t total);
static inline uint64_t stream_offset(const struct stream *s) /* of the first unread byte */
{
	return s->off;
}
bool stream_fits(const struct stream *s, size_t n); /* n more bytes, without any giving way */
size_t stream_held(const struct stream *s);	    /* bytes of memory held */
void stream_set_max(struct stream *s, size_t max_bytes);
void stream_trim(struct stream *s); /* gives back memory that no unread byte needs */
void stream_free(struct stream *s);

#endif
