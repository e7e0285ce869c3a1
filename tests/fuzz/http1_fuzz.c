/* SPDX-License-Identifier: Apache-2.0 */
/* Input: records of one byte (bit 0: side; bits 1-3: what), two bytes of length, so many bytes.  Bit 2: so many
 * were lost (bit 3: the parser is asked for what it gives up), and then, with bit 1, fed; else: fed. */
#include <stdio.h>
#include <stdlib.h>

#include "proto/proto.h"

static const struct proto_limits limits = { .body_bytes = 2000, .decoded_bytes = 4000, .head_bytes = 1500 };

struct run {
	const struct proto *p;
	void *state;
	struct buf in[2];
	size_t need[2];
	bool stopped;
};

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "contract broken: %s\n", what);
	abort();
}

static size_t touch(const struct flow_attr *a, size_t n)
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += strlen(a[i].key) + strlen(a[i].value);
	return sum;
}

static void take(struct msg *m)
{
	const struct flow_half *h = &m->half;
	volatile size_t sum = touch(h->headers, h->nheaders) + touch(h->attrs, h->nattrs);

	sum += (h->op ? strlen(h->op) : 0) + (h->target ? strlen(h->target) : 0);
	sum += (h->status ? strlen(h->status) : 0) + (h->reason ? strlen(h->reason) : 0);
	for (size_t i = 0; i < h->body.data.n; i++)
		sum += h->body.data.p[i];
	must(h->body.captured <= limits.body_bytes, "more kept than allowed");
	must(h->body.captured <= h->body.len, "more kept than sent");
	must(h->body.data.n <= limits.decoded_bytes, "more decoded than allowed");
	/* What is spoken inside (gRPC-Web, SSE) has targets of its own. */
	must(m->proto || h->body.captured == h->body.len ||
		     (m->flags & (FLOW_TRUNCATED | FLOW_AFTER_GAP)),
	     "silent truncation");
	must(m->proto || !m->arena || h->op || h->status || m->role == ROLE_END, "a message without a name");
	arena_free(m->arena);
}

/* A copy that ends where it ends. */
static struct slice exact(const struct buf *b)
{
	uint8_t *p = malloc(b->n ? b->n : 1);

	must(p != NULL, "memory");
	if (b->n)
		memcpy(p, b->p, b->n);
	return (struct slice){ p, b->n };
}

static void resync(struct run *r, int side, size_t from)
{
	struct slice in = exact(&r->in[side]);
	size_t at = r->p->resync(r->state, (enum side)side, in, from);

	free((void *)(uintptr_t)in.p);
	must(at >= from && at <= in.n, "resync leaves the input");
	buf_drop(&r->in[side], at);
}

static void parse(struct run *r, int side)
{
	unsigned idle = 0;

	while (!r->stopped && r->in[side].n > 0 && r->in[side].n >= r->need[side]) {
		struct msg m = { 0 };
		struct slice in = exact(&r->in[side]);
		struct parse got = r->p->parse(r->state, (enum side)side, in, &m);

		free((void *)(uintptr_t)in.p);
		r->need[side] = 0;
		must(got.used <= in.n, "more consumed than there was");
		/* Several messages may come of bytes that were consumed with the first. */
		idle = got.used || got.kind == PARSE_BAD ? 0 : idle + 1;
		must(idle < (got.kind == PARSE_MSG ? 100000 : 3), "no progress");
		if (got.kind == PARSE_MSG || (got.kind == PARSE_STOP && got.has_msg))
			take(&m);
		else
			must(!m.arena, "memory without a message");
		if (got.kind == PARSE_STOP)
			r->stopped = true;
		if (got.kind == PARSE_MORE) {
			must(!got.used && got.need > in.n, "PARSE_MORE that asks for no more");
			r->need[side] = got.need;
			return;
		}
		if (got.kind == PARSE_BAD)
			resync(r, side, 1);
		else
			buf_drop(&r->in[side], got.used);
	}
}

static void end(struct run *r, int side, enum proto_end how)
{
	struct msg m = { 0 };
	unsigned n = 0;

	while (r->p->end(r->state, (enum side)side, how, &m)) {
		take(&m);
		m = (struct msg){ 0 };
		must(n++ < 100000, "an end that never comes");
		if (!r->p->ends_often)
			break;
	}
}

static void lose(struct run *r, int side, size_t n, bool tell)
{
	if (r->stopped)
		return;
	buf_clear(&r->in[side]);
	r->need[side] = 0;
	if (!r->p->lost(r->state, (enum side)side, n) && tell)
		end(r, side, PROTO_END_LOST);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd rd = rd_init((struct slice){ data, size });
	struct run r = { .p = proto_find("http1") };

	r.state = calloc(1, r.p->state_size);
	must(r.state != NULL, "memory");
	r.p->init(r.state, &limits);
	while (rd_left(&rd) >= 3) {
		uint8_t what = rd_u8(&rd);
		size_t n = rd_le16(&rd);
		int side = what & 1;

		if (what & 4)
			lose(&r, side, n, what & 8);
		if ((what & 6) == 4)
			continue;
		buf_put(&r.in[side], rd_bytes(&rd, n < rd_left(&rd) ? n : rd_left(&rd)));
		parse(&r, side);
	}
	end(&r, 0, size & 1 ? PROTO_END_RESET : PROTO_END_CLOSED);
	end(&r, 1, size & 2 ? PROTO_END_RESET : PROTO_END_CLOSED);
	/* What an upgrade to HTTP/2 takes over waits for its answer until done(), which leaks nothing. */
	must(r.p->held(r.state) <= 65536, "memory held after the end");
	r.p->done(r.state);
	free(r.state);
	buf_release(&r.in[0]);
	buf_release(&r.in[1]);
	return 0;
}
