/* SPDX-License-Identifier: Apache-2.0 */
/* The set of descriptors that is kept, and how another one goes into it. */
#include "hub/types.h"

#include <errno.h>

#include "base/log.h"
#include "base/map.h"
#include "proto/protobuf.h"

#define KEY "descriptors"

/* FNV-1a of a FileDescriptorProto's name, field 1. */
static uint64_t name_of(struct slice file)
{
	struct rd r = rd_init(file);
	uint64_t h = 0xcbf29ce484222325u;
	struct pb_field f;

	while (pb_next(&r, &f)) {
		if (f.number != 1 || f.wire != PB_BYTES)
			continue;
		for (size_t i = 0; i < f.bytes.n; i++)
			h = (h ^ f.bytes.p[i]) * 0x100000001b3u;
		break;
	}
	return h;
}

static void put_file(struct buf *out, struct slice file)
{
	uint8_t head[11] = { 1 << 3 | PB_BYTES };
	size_t n = 1;

	for (uint64_t left = file.n; n == 1 || left; left >>= 7)
		head[n++] = (uint8_t)((left & 127) | (left > 127 ? 128 : 0));
	buf_put(out, (struct slice){ head, n });
	buf_put(out, file);
}

/* The files of a set that are not in other; what they are called goes into other, so that each name is there once. */
static int put_others(struct buf *out, struct slice set, struct map *other)
{
	struct rd r = rd_init(set);
	struct pb_field f;

	while (pb_next(&r, &f)) {
		uint64_t key;

		if (f.number != 1 || f.wire != PB_BYTES)
			continue;
		key = name_of(f.bytes);
		if (map_find(other, key))
			continue;
		if (map_put(other, key, other) < 0)
			return -ENOMEM;
		put_file(out, f.bytes);
		if (out->n > TYPES_MAX)
			return -EFBIG;
	}
	return out->failed ? -ENOMEM : 0;
}

int types_merge(struct buf *out, struct slice has, struct slice more, bool replace)
{
	struct map names = { 0 };
	int r = put_others(out, replace ? more : has, &names);

	if (r == 0)
		r = put_others(out, replace ? has : more, &names);
	map_release(&names);
	return r;
}

static void take(struct hub_state *st, struct buf *set)
{
	hub_lock(st);
	buf_release(&st->types);
	st->types = *set;
	st->types_version++;
	hub_unlock(st);
	*set = (struct buf){ 0 };
}

void types_load(struct hub_state *st, const struct store_ops *ops, struct store *store)
{
	struct buf stored = { 0 };

	if (ops->get(store, KEY, &stored) == 0)
		take(st, &stored);
	buf_release(&stored);
}

int types_apply(struct hub_state *st, const struct store_ops *ops, struct store *store, struct slice part)
{
	struct buf set = { 0 };
	int r = 0;

	if (part.n == 0)
		return -EINVAL;
	if (part.p[0] != '-') /* only this thread changes it */
		r = types_merge(&set, buf_slice(&st->types), slice_cut(part, 1, part.n), part.p[0] == '+');
	if (r == 0)
		r = ops->set(store, KEY, buf_slice(&set));
	if (r == 0)
		r = ops->commit(store);
	if (r == 0)
		take(st, &set);
	buf_release(&set);
	return r;
}
