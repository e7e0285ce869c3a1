/* SPDX-License-Identifier: Apache-2.0 */
/* Unread bytes without a hole lie in one buffer, buf[head .. head + n), which starts at offset
 * off + hole.  In the usual case a chunk is appended there.  The buffer is moved to its start only when
 * at least as much was consumed as has to be moved, and doubled otherwise, so the work per byte is
 * constant however parsers consume.
 *
 * What lies behind a hole waits in a list ordered by offset, as copies of the chunks and as markers for
 * bytes that are known to be lost.  It is searched from its end first: after a loss, chunks arrive in
 * order behind the hole.  A tree was not worth it: the list is as short as a gap is.
 *
 * hole is more than 0 only when unread bytes at the head had to be dropped for room. */
#include "conn/stream.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define MIN_CAP	    512
#define KEEP_CAP    ((size_t)64 * 1024) /* an empty buffer larger than this is freed at once */
#define MAX_STAMPS  4096
#define MAX_MARKERS 65536 /* bytes beyond the limit for noting what was lost */

struct stream_piece {
	struct stream_piece *next;
	uint64_t off, n, ts;
	bool lost; /* a marker, without data */
	uint8_t data[];
};

struct stream *stream_new(size_t max_bytes, uint64_t start)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->max = max_bytes;
	s->off = start;
	return s;
}

static uint64_t max64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Offset behind the bytes in the buffer. */
static uint64_t contiguous_end(const struct stream *s)
{
	return s->off + s->hole + s->n;
}

static size_t piece_size(const struct stream_piece *p)
{
	return sizeof(*p) + (p->lost ? 0 : (size_t)p->n);
}

static void drop_first_piece(struct stream *s)
{
	struct stream_piece *p = s->late;

	s->late = p->next;
	if (!s->late)
		s->tail = NULL;
	s->late_bytes -= piece_size(p);
	free(p);
}

/* --- the times of chunks --- */

/* Where the next one goes, or NULL. */
static struct stream_stamp *room_for_stamp(struct stream *s)
{
	struct stream_stamp *bigger;
	size_t cap = s->stamp_cap ? s->stamp_cap * 2 : 4;

	if (s->stamps && s->stamp_head + s->nstamps < s->stamp_cap)
		return s->stamps + s->stamp_head + s->nstamps;
	if (s->stamps && s->stamp_head > s->nstamps) {
		memmove(s->stamps, s->stamps + s->stamp_head, s->nstamps * sizeof(*s->stamps));
		s->stamp_head = 0;
		return s->stamps + s->nstamps;
	}
	if (s->nstamps >= MAX_STAMPS)
		return NULL;
	bigger = malloc(cap * sizeof(*bigger));
	if (!bigger)
		return NULL;
	if (s->stamps)
		memcpy(bigger, s->stamps + s->stamp_head, s->nstamps * sizeof(*bigger));
	free(s->stamps);
	s->stamps = bigger;
	s->stamp_cap = cap;
	s->stamp_head = 0;
	return bigger + s->nstamps;
}

/* The bytes up to contiguous_end were captured at ts.  Without room for another stamp they count as
 * captured with their neighbours: a time that is a little wrong, never a failure. */
static void add_stamp(struct stream *s, uint64_t ts)
{
	struct stream_stamp *last = s->nstamps ? &s->stamps[s->stamp_head + s->nstamps - 1] : NULL, *to;

	if (last && last->ts == ts) {
		last->end = contiguous_end(s);
		return;
	}
	to = room_for_stamp(s);
	if (to) {
		*to = (struct stream_stamp){ contiguous_end(s), ts };
		s->nstamps++;
	} else if (last) {
		last->end = contiguous_end(s);
	}
}

static void drop_stamps(struct stream *s)
{
	uint64_t first = s->off + s->hole;

	while (s->nstamps && s->stamps[s->stamp_head].end <= first) {
		s->stamp_head++;
		s->nstamps--;
	}
	if (s->nstamps == 0)
		s->stamp_head = 0;
}

uint64_t stream_find_time(const struct stream *s, size_t i)
{
	uint64_t off = s->off + s->hole + i;
	size_t lo = 0, hi = s->nstamps;

	if (hi == 0)
		return s->last_ts;
	while (lo + 1 < hi) {
		size_t mid = lo + (hi - lo - 1) / 2;

		if (s->stamps[s->stamp_head + mid].end > off)
			hi = mid + 1;
		else
			lo = mid + 1;
	}
	return s->stamps[s->stamp_head + lo].ts;
}

/* --- the contiguous bytes --- */

static bool room_in_buffer(struct stream *s, size_t n)
{
	size_t cap = s->cap > MIN_CAP / 2 ? s->cap * 2 : MIN_CAP;
	uint8_t *bigger;

	if (s->cap - s->head - s->n >= n && s->buf)
		return true;
	if (s->buf && s->head >= s->n && s->cap >= s->n + n) {
		memmove(s->buf, s->buf + s->head, s->n);
		s->head = 0;
		return true;
	}
	while (cap < s->n + n)
		cap *= 2;
	bigger = malloc(cap);
	if (!bigger)
		return false;
	if (s->n)
		memcpy(bigger, s->buf + s->head, s->n);
	free(s->buf);
	s->buf = bigger;
	s->cap = cap;
	s->head = 0;
	return true;
}

static int append(struct stream *s, struct slice data, uint64_t ts)
{
	if (!room_in_buffer(s, data.n))
		return -ENOMEM;
	memcpy(s->buf + s->head + s->n, data.p, data.n);
	s->n += data.n;
	add_stamp(s, ts);
	return 0;
}

static void drop_head(struct stream *s, size_t n)
{
	s->head += n;
	s->n -= n;
	if (s->n == 0) {
		s->head = 0;
		if (s->cap > KEEP_CAP)
			stream_trim(s);
	}
}

/* Moves to the buffer what is no longer behind a hole. */
static int absorb(struct stream *s)
{
	while (s->late && !s->late->lost && s->late->off == contiguous_end(s)) {
		struct stream_piece *p = s->late;

		if (append(s, (struct slice){ p->data, (size_t)p->n }, p->ts) < 0) {
			s->late_bytes -= (size_t)p->n;
			p->lost = true;
			return -ENOMEM;
		}
		drop_first_piece(s);
	}
	return 0;
}

/* --- what lies behind a hole --- */

/* Puts a piece between *at and what follows; data.p NULL: a marker for n lost bytes. */
static int insert(struct stream *s, struct stream_piece **at, uint64_t off, struct slice data, uint64_t n,
		  uint64_t ts)
{
	struct stream_piece *p, *before = NULL;

	if (at != &s->late)
		before = (struct stream_piece *)((char *)at - offsetof(struct stream_piece, next));
	if (!data.p && before && before->lost && before->off + before->n == off) {
		before->n += n;
		return 0;
	}
	p = s->late_bytes < s->max + MAX_MARKERS ? malloc(sizeof(*p) + data.n) : NULL;
	if (!p)
		return -ENOMEM;
	*p = (struct stream_piece){ *at, off, n, ts, !data.p };
	if (data.n)
		memcpy(p->data, data.p, data.n);
	*at = p;
	if (!p->next)
		s->tail = p;
	s->late_bytes += piece_size(p);
	return 0;
}

/* Inserts the parts of [off, off + n) that no piece holds yet; all of it lies at or behind
 * contiguous_end.  data.p NULL: lost. */
static int place(struct stream *s, uint64_t off, struct slice data, uint64_t n, uint64_t ts)
{
	struct stream_piece **at = &s->late;

	if (s->tail && off >= s->tail->off + s->tail->n)
		at = &s->tail->next;
	while (n > 0) {
		struct stream_piece *p = *at;
		uint64_t here = n;

		if (p && off >= p->off) {
			uint64_t end = p->off + p->n;

			here = end <= off ? 0 : end - off < n ? end - off : n;
			at = &p->next;
		} else {
			int rc;

			if (p && p->off - off < n)
				here = p->off - off;
			rc = insert(s, at, off, slice_cut(data, 0, data.p ? (size_t)here : 0), here,
				    ts);
			if (rc < 0)
				return rc;
		}
		off += here;
		n -= here;
		if (data.p)
			data = slice_cut(data, (size_t)here, data.n);
	}
	return 0;
}

/* --- the interface --- */

int stream_put_lost(struct stream *s, uint64_t off, uint64_t n, uint64_t ts_ns)
{
	uint64_t from = max64(off, contiguous_end(s));

	if (n > UINT64_MAX - off)
		return -EINVAL;
	s->last_ts = max64(s->last_ts, ts_ns);
	return off + n > from ? place(s, from, (struct slice){ 0 }, off + n - from, ts_ns) : 0;
}

/* Drops unread bytes at the head until n more fit.  False: they never will. */
static bool make_room(struct stream *s, size_t n)
{
	size_t used = s->n + s->late_bytes, over;

	if (n > s->max || s->late_bytes > s->max - n)
		return false;
	over = used + n - s->max;
	s->hole += over;
	drop_head(s, over);
	drop_stamps(s);
	return true;
}

int stream_put(struct stream *s, uint64_t off, struct slice data, uint64_t ts_ns)
{
	uint64_t end = contiguous_end(s);
	int rc = 0, rc2;

	if (data.n > UINT64_MAX - off)
		return -EINVAL;
	s->last_ts = max64(s->last_ts, ts_ns);
	if (off < end) {
		data = slice_cut(data, end - off < data.n ? (size_t)(end - off) : data.n, data.n);
		off = end;
	}
	if (data.n == 0)
		return 0;
	if (s->n + s->late_bytes + data.n > s->max) {
		if (!make_room(s, data.n)) {
			(void)stream_put_lost(s, off, data.n, ts_ns); /* else an ordinary hole */
			return -EOVERFLOW;
		}
		rc = -EOVERFLOW;
	}
	if (off == end && (!s->late || data.n <= s->late->off - off))
		rc2 = append(s, data, ts_ns);
	else
		rc2 = place(s, off, data, data.n, ts_ns);
	if (rc2 < 0)
		(void)stream_put_lost(s, off, data.n, ts_ns);
	if (absorb(s) < 0)
		rc2 = -ENOMEM;
	return rc2 < 0 ? rc2 : rc;
}

void stream_consume(struct stream *s, size_t n)
{
	assert(n == 0 || (s->hole == 0 && n <= s->n));
	s->off += n;
	drop_head(s, n);
	drop_stamps(s);
}

uint64_t stream_gap_since(const struct stream *s)
{
	if (s->hole)
		return 0;
	if (s->late)
		return s->late->lost && s->late->off == contiguous_end(s) ? 0 : s->late->ts;
	return max64(s->last_ts, 1);
}

uint64_t stream_skip_gap(struct stream *s)
{
	uint64_t lost = s->hole;

	if (lost) { /* the bytes before it are gone already */
		s->off += lost;
		s->hole = 0;
		return lost;
	}
	if (!s->late && !(s->has_total && contiguous_end(s) < s->total))
		return 0;
	s->off = contiguous_end(s);
	drop_head(s, s->n);
	if (!s->late) {
		lost = s->total - s->off;
		s->untold += lost;
		s->off = s->total;
	}
	while (s->late) {
		s->untold += s->late->off - s->off;
		lost += s->late->off - s->off;
		s->off = s->late->off;
		if (!s->late->lost)
			break;
		lost += s->late->n;
		s->off += s->late->n;
		drop_first_piece(s);
	}
	drop_stamps(s);
	(void)absorb(s); /* what does not fit has become a gap, seen by the next call */
	return lost;
}

uint64_t stream_untold(const struct stream *s)
{
	return s->untold;
}

uint64_t stream_end(struct stream *s, uint64_t total)
{
	uint64_t end = s->tail ? s->tail->off + s->tail->n : contiguous_end(s);

	s->has_total = true;
	s->total = total;
	return total > end ? total - end : 0;
}

bool stream_fits(const struct stream *s, size_t n)
{
	size_t used = s->n + s->late_bytes;

	return used <= s->max && n <= s->max - used;
}

size_t stream_held(const struct stream *s)
{
	return sizeof(*s) + s->cap + s->stamp_cap * sizeof(*s->stamps) + s->late_bytes;
}

void stream_set_max(struct stream *s, size_t max_bytes)
{
	s->max = max_bytes;
}

void stream_trim(struct stream *s)
{
	if (s->n == 0) {
		free(s->buf);
		s->buf = NULL;
		s->head = s->cap = 0;
	}
	if (s->nstamps == 0) {
		free(s->stamps);
		s->stamps = NULL;
		s->stamp_head = s->stamp_cap = 0;
	}
}

void stream_free(struct stream *s)
{
	if (!s)
		return;
	while (s->late)
		drop_first_piece(s);
	free(s->stamps);
	free(s->buf);
	free(s);
}
