/* SPDX-License-Identifier: Apache-2.0 */
#include "store/pick.h"

#include <errno.h>

#define FLOW_MEMORY ((size_t)1 << 30)

struct picking {
	struct pick *p;
	flow_fn fn;
	bool (*enough)(void *ctx);
	void *ctx;
	bool stopped;
	int err;
};

static void whole(struct picking *k, const uint8_t id[16])
{
	struct arena *a = arena_new(FLOW_MEMORY);
	struct flow f;
	uint64_t row;
	int r = a ? k->p->ops->by_id(k->p->store, id, a, SIZE_MAX, &f, &row) : -ENOMEM;

	if (r == 0)
		k->fn(k->ctx, &f);
	else if (r == -ENOMEM || r == -EUCLEAN)
		k->p->unread++;
	else if (r != -ENOENT) /* deleted just now */
		k->err = r;
	arena_free(a);
}

static bool row(void *ctx, uint64_t n, const struct flow *f)
{
	struct picking *k = ctx;

	if (!k->p->filter || filter_match(k->p->filter, f))
		whole(k, f->id);
	k->p->after = n;
	k->stopped = k->err || k->enough(k->ctx);
	return !k->stopped;
}

int pick_some(struct pick *p, flow_fn fn, bool (*enough)(void *ctx), void *ctx)
{
	struct picking k = { .p = p, .fn = fn, .enough = enough, .ctx = ctx };
	bool bodies = p->filter && filter_needs(p->filter) == FILTER_BODIES;
	int r = p->ops->scan(p->store, p->after + 1, UINT64_MAX, bodies, row, &k);

	return r < 0 ? r : k.err ? k.err : k.stopped;
}
