/* SPDX-License-Identifier: Apache-2.0 */
/* stream.h - one direction of a connection: chunks by byte offset in, contiguous bytes out. */
#ifndef LIMPID_CONN_STREAM_H
#define LIMPID_CONN_STREAM_H

#include "base/bytes.h"

struct stream;

/* At most max_bytes unread bytes are held.  start: offset of the first byte expected. */
struct stream *stream_new(size_t max_bytes, uint64_t start);
/* Places data at byte offset off of this direction; chunks may come late, twice or overlapping.
 * ts_ns is CLOCK_MONOTONIC at capture.  data is copied.  off never wraps; the 32-bit sequence numbers
 * of the wire do (RFC 9293, 3.4).
 * Returns 0; -EOVERFLOW when unread bytes had to give way (a gap follows); -ENOMEM. */
int stream_put(struct stream *s, uint64_t off, struct slice data, uint64_t ts_ns);
struct slice stream_head(const struct stream *s); /* contiguous unread bytes, until the next call on s */
uint64_t stream_time(const struct stream *s, size_t i); /* of the chunk that holds byte head + i */
void stream_consume(struct stream *s, size_t n);
/* True when bytes wait behind a hole; *ret_since is when the first of them was captured. */
bool stream_has_gap(const struct stream *s, uint64_t *ret_since_ns);
uint64_t stream_skip_gap(struct stream *s); /* skips to what is here; bytes lost, or 0 */
/* The direction is known to be total bytes long; what is missing at its end is then a gap too.
 * Returns how many bytes at the end are missing. */
uint64_t stream_end(struct stream *s, uint64_t total);
uint64_t stream_offset(const struct stream *s); /* of the first unread byte */
size_t stream_held(const struct stream *s);	/* bytes of memory held */
void stream_free(struct stream *s);

#endif
