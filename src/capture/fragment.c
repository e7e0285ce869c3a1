/* SPDX-License-Identifier: Apache-2.0 */
/* Packets that came in pieces (RFC 791, 3.2; RFC 8200, 4.5).  Where pieces overlap the first copy wins.  At most MAX_PACKETS are
 * waited for, 30 s of the capture's time each; the oldest gives way.  So there are few, and a list is enough. */
#include <stdlib.h>

#include "capture/packet.h"

#define MAX_PACKETS 64
#define MAX_BYTES   65536u
#define UNIT	    8u
#define AGE_NS	    30000000000u

struct partial {
	struct endpoint src, dst;
	uint32_t id;
	uint8_t proto;
	uint64_t since_ns;
	unsigned pieces;
	uint32_t len;  /* known with the last piece; else 0 */
	uint32_t have; /* units */
	uint8_t got[MAX_BYTES / UNIT / 8];
	uint8_t bytes[MAX_BYTES];
};

struct fragments {
	struct partial *q[MAX_PACKETS]; /* the first begun first */
	size_t n;
	uint64_t lost;
	struct partial *whole; /* given out last */
};

struct fragments *fragments_new(void)
{
	return calloc(1, sizeof(struct fragments));
}

static struct partial *take(struct fragments *f, size_t i)
{
	struct partial *q = f->q[i];

	memmove(f->q + i, f->q + i + 1, (--f->n - i) * sizeof(struct partial *));
	return q;
}

static void give_up_first(struct fragments *f)
{
	struct partial *q = take(f, 0);

	f->lost += q->pieces;
	free(q);
}

static bool same(const struct partial *q, const struct ip_packet *p)
{
	return q->id == p->frag_id && q->proto == p->proto &&
	       memcmp(q->src.addr, p->src.addr, 16) == 0 &&
	       memcmp(q->dst.addr, p->dst.addr, 16) == 0;
}

/* Its place, or f->n: out of memory. */
static size_t partial_of(struct fragments *f, const struct ip_packet *p, uint64_t now_ns)
{
	struct partial *q;

	while (f->n && now_ns > f->q[0]->since_ns + AGE_NS)
		give_up_first(f);
	for (size_t i = 0; i < f->n; i++)
		if (same(f->q[i], p))
			return i;
	q = malloc(sizeof(*q));
	if (!q)
		return f->n;
	if (f->n == MAX_PACKETS)
		give_up_first(f);
	memset(q, 0, offsetof(struct partial, bytes));
	q->src = p->src;
	q->dst = p->dst;
	q->id = p->frag_id;
	q->proto = p->proto;
	q->since_ns = now_ns;
	f->q[f->n] = q;
	return f->n++;
}

/* Copies what is new of the whole units of data, and what is left at the end of the last piece. */
static void fill(struct partial *q, uint32_t off, struct slice data)
{
	for (uint32_t at = 0; at < data.n; at += UNIT) {
		uint32_t u = (off + at) / UNIT;
		size_t n = data.n - at < UNIT ? data.n - at : UNIT;

		if (q->got[u / 8] & 1u << u % 8)
			continue;
		q->got[u / 8] |= (uint8_t)(1u << u % 8);
		q->have++;
		memcpy(q->bytes + off + at, data.p + at, n);
	}
}

/* Units behind the end may have come, so their number alone does not tell. */
static bool is_whole(const struct partial *q)
{
	uint32_t want = (q->len + UNIT - 1) / UNIT;

	if (!q->len || q->have < want)
		return false;
	for (uint32_t u = 0; u < want; u++)
		if (!(q->got[u / 8] & 1u << u % 8))
			return false;
	return true;
}

bool fragments_put(struct fragments *f, struct ip_packet *p, uint64_t now_ns)
{
	struct partial *q;
	size_t i;

	free(f->whole);
	f->whole = NULL;
	/* Of one that was not captured whole nothing can be made, nor of one that contradicts itself. */
	if (p->payload.n < p->len || p->frag_off + p->len > MAX_BYTES || !p->len ||
	    (p->more && p->len % UNIT)) {
		f->lost++;
		return false;
	}
	i = partial_of(f, p, now_ns);
	if (i == f->n) {
		f->lost++;
		return false;
	}
	q = f->q[i];
	q->pieces++;
	if (!p->more && !q->len)
		q->len = p->frag_off + p->len;
	fill(q, p->frag_off, p->payload);
	if (!is_whole(q))
		return false;
	f->whole = take(f, i);
	p->payload = (struct slice){ q->bytes, q->len };
	p->len = q->len;
	p->fragment = p->more = false;
	p->frag_off = 0;
	return true;
}

uint64_t fragments_lost(const struct fragments *f)
{
	return f->lost;
}

void fragments_finish(struct fragments *f)
{
	while (f->n)
		give_up_first(f);
}

void fragments_free(struct fragments *f)
{
	if (!f)
		return;
	fragments_finish(f);
	free(f->whole);
	free(f);
}
