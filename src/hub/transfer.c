/* SPDX-License-Identifier: Apache-2.0 */
/* Flows out of the hub and into it, in pieces (docs/api.md, "Export and import"): a piece is asked for, and answered within moments,
 * so that neither the page nor ingest waits for an export of any size. */
#include "hub/transfer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "flow/pb.h"
#include "store/pick.h"

#define PIECE_BYTES ((size_t)4 << 20)
#define PIECE_NS    UINT64_C(30000000)

struct piece {
	struct buf *out;
	struct buf one;
	uint64_t until_ns, too_large;
};

static void put_le(struct buf *out, uint64_t v, size_t n)
{
	for (size_t i = 0; i < n; i++, v >>= 8)
		buf_put(out, (struct slice){ (const uint8_t[]){ (uint8_t)v }, 1 });
}

static void put_flow(void *ctx, const struct flow *f)
{
	struct piece *p = ctx;

	buf_clear(&p->one);
	if (flow_pb_pack(&p->one, f) < 0 || p->one.n > TRANSFER_MAX) {
		p->too_large++;
		return;
	}
	put_le(p->out, p->one.n, 4);
	buf_put(p->out, buf_slice(&p->one));
}

static bool enough(void *ctx)
{
	const struct piece *p = ctx;

	return p->out->n >= PIECE_BYTES || hub_now_ns() >= p->until_ns;
}

static int pick(struct conn *c, struct filter *q, uint64_t after)
{
	struct web *w = c->w;
	struct pick p = { .ops = w->ops, .filter = q, .after = after };
	struct piece piece = { .out = &c->a.own, .until_ns = hub_now_ns() + PIECE_NS };
	struct buf head = { 0 };
	int r = w->reader ? 0 : w->ops->open_reader(&w->reader, w->st->o->db_path);

	if (r < 0)
		return r;
	p.store = w->reader;
	buf_clear(piece.out);
	put_le(piece.out, 0, 8 * TRANSFER_HEAD);
	r = pick_some(&p, put_flow, enough, &piece);
	put_le(&head, r > 0 ? p.after : 0, 8);
	hub_lock(w->st);
	put_le(&head, w->st->list.end > w->st->list.base ? list_at(&w->st->list, w->st->list.end - 1)->n : 0, 8);
	hub_unlock(w->st);
	put_le(&head, p.unread + piece.too_large, 8);
	if (!head.failed && piece.out->n >= head.n)
		memcpy(piece.out->p, head.p, head.n);
	buf_release(&head);
	buf_release(&piece.one);
	return r;
}

void transfer_export(struct conn *c, const char *rest)
{
	const char *text = request_arg(c, "f"), *from = request_arg(c, "after");
	struct filter_error e = { 0 };
	struct filter *q = NULL;
	char *end = NULL, why[256];
	uint64_t after = from ? strtoull(from, &end, 10) : 0;
	int r;

	(void)rest;
	if (from && (*from < '0' || *from > '9' || *end)) {
		answer_error(c, 400, "after is a row's number");
		return;
	}
	r = filter_new(&q, text ? text : "", &e);
	if (r < 0) {
		(void)snprintf(why, sizeof(why), "at byte %zu of the filter: %s", e.at, e.text);
		answer_error(c, r == -EINVAL ? 400 : 503, r == -EINVAL ? why : "the hub is out of memory");
		return;
	}
	r = pick(c, q, after);
	filter_free(q);
	if (r < 0)
		answer_error(c, 503, "the database cannot be read now");
	else
		answer_own(c, 200, "application/octet-stream");
}
