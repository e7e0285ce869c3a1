/* SPDX-License-Identifier: Apache-2.0 */
#include "hub/marks.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define APPLY_MEMORY ((size_t)1 << 30) /* a flow with its bodies */

/* --- what is asked ----------------------------------------------------------------------------------------- */

static const char *take_mark(const cJSON *j, struct marks_change *c)
{
	const cJSON *colour = cJSON_GetObjectItemCaseSensitive(j, "mark");
	const cJSON *note = cJSON_GetObjectItemCaseSensitive(j, "note");
	const cJSON *pinned = cJSON_GetObjectItemCaseSensitive(j, "pinned");

	if (!colour && !note && !pinned)
		return "say mark, note or pinned";
	if (colour && !(cJSON_IsNumber(colour) && colour->valuedouble >= 0 &&
			colour->valuedouble <= FLOW_MARK_MAX &&
			colour->valuedouble <= colour->valueint && colour->valuedouble >= colour->valueint))
		return "mark is a number from 0 to 6";
	if (note && !cJSON_IsString(note) && !cJSON_IsNull(note))
		return "note is a text";
	if (note && cJSON_IsString(note) && strlen(note->valuestring) > FLOW_NOTE_MAX)
		return "note is longer than 2,000 bytes";
	if (pinned && !cJSON_IsBool(pinned))
		return "pinned is true or false";
	c->mark.colour = colour != NULL;
	c->mark.to.colour = colour ? (unsigned)colour->valueint : 0;
	c->mark.pinned = pinned != NULL;
	c->mark.to.pinned = cJSON_IsTrue(pinned);
	c->mark.note = note != NULL;
	if (note && cJSON_IsString(note) && note->valuestring[0]) {
		memcpy(c->note, note->valuestring, strlen(note->valuestring) + 1);
		c->mark.to.note = c->note;
	}
	return NULL;
}

static const char *take_ids(const cJSON *j, struct marks_change *c)
{
	const cJSON *ids = cJSON_GetObjectItemCaseSensitive(j, "ids"), *i;
	int n = cJSON_IsArray(ids) ? cJSON_GetArraySize(ids) : 0;

	if (n < 1 || n > MARKS_IDS_MAX)
		return "ids are the ids of 1 to 5,000 flows";
	c->ids = calloc((size_t)n, sizeof(*c->ids));
	if (!c->ids)
		return "the hub is out of memory";
	cJSON_ArrayForEach(i, ids) {
		if (!cJSON_IsString(i) || flow_id_parse(i->valuestring, c->ids[c->nids]) < 0)
			return "an id is 36 characters, as rows have it";
		c->nids++;
	}
	return NULL;
}

static const char *take_id(const char *id, struct marks_change *c)
{
	c->ids = calloc(1, sizeof(*c->ids));
	if (!c->ids)
		return "the hub is out of memory";
	c->nids = 1;
	return flow_id_parse(id, c->ids[0]) < 0 ? "there is no such flow" : NULL;
}

int marks_parse(struct slice json, const char *id, struct marks_change *ret, const char **ret_why)
{
	cJSON *j = cJSON_ParseWithLength((const char *)json.p, json.n);

	*ret = (struct marks_change){ 0 };
	*ret_why = cJSON_IsObject(j) ? take_mark(j, ret) : "the body is no JSON object";
	if (!*ret_why)
		*ret_why = id ? take_id(id, ret) : take_ids(j, ret);
	cJSON_Delete(j);
	if (!*ret_why)
		return 0;
	marks_release(ret);
	return -EINVAL;
}

void marks_release(struct marks_change *c)
{
	free(c->ids);
	c->ids = NULL;
	c->nids = 0;
}

/* --- and done ------------------------------------------------------------------------------------------------ */

/* All or nothing of it, but for flows that are gone. */
static int store_all(const struct store_ops *ops, struct store *store, const struct marks_change *c,
		     struct arena *a, uint64_t *rows, struct flow_mark *marks)
{
	int r = 0;
	size_t known = 0;

	for (size_t i = 0; r == 0 && i < c->nids; i++) {
		r = ops->mark(store, c->ids[i], &c->mark, a, &rows[i], &marks[i]);
		known += r == 0;
		if (r == -ENOENT) {
			rows[i] = 0;
			r = 0;
		}
	}
	if (r == 0 || r == -EDQUOT) { /* as many as may be pinned, are */
		int e = ops->commit(store);

		r = e < 0 ? e : r;
	}
	return r == 0 && known == 0 ? -ENOENT : r;
}

int marks_apply(struct hub_state *st, const struct store_ops *ops, struct store *store,
		struct slice part)
{
	char id[37];
	const char *why;
	struct marks_change c;
	struct arena *a = arena_new(APPLY_MEMORY);
	struct flow_mark *marks;
	uint64_t *rows;
	int r;

	(void)snprintf(id, sizeof(id), "%.*s", part.n < 36 ? 0 : 36, (const char *)part.p);
	r = marks_parse(slice_cut(part, 36, part.n), id[0] == ' ' ? NULL : id, &c, &why);
	rows = a && r == 0 ? arena_alloc(a, c.nids * sizeof(*rows)) : NULL;
	marks = rows ? arena_alloc(a, c.nids * sizeof(*marks)) : NULL;
	if (r == 0)
		r = marks ? store_all(ops, store, &c, a, rows, marks) : -ENOMEM;
	if (r == 0 || r == -EDQUOT) {
		hub_lock(st);
		/* A row that is not listed yet brings it along. */
		for (size_t i = 0; i < c.nids; i++)
			if (rows[i])
				(void)list_mark(&st->list, rows[i], &marks[i]);
		hub_unlock(st);
	}
	marks_release(&c);
	arena_free(a);
	return r;
}

static int put_back(struct hub_state *st, const struct store_ops *ops, struct store *store,
		    const uint8_t id[16])
{
	struct arena *a = arena_new(APPLY_MEMORY);
	uint64_t row = 0, last;
	struct flow f;
	int r = a ? ops->by_id(store, id, a, 0, &f, &row) : -ENOMEM;

	hub_lock(st);
	last = st->list.end > st->list.base ? list_at(&st->list, st->list.end - 1)->n : 0;
	hub_unlock(st);
	if (r == 0 && row <= last) {
		r = ops->renumber(store, row, &row);
		if (r == 0)
			r = ops->commit(store);
	}
	if (r == 0) {
		hub_lock(st);
		(void)list_put(&st->list, row, &f); /* without memory: not shown, but stored */
		hub_unlock(st);
	}
	arena_free(a);
	return r == -ENOENT ? 0 : r; /* deleted, or let go meanwhile */
}

int marks_rescue(struct hub_state *st, const struct store_ops *ops, struct store *store)
{
	uint8_t ids[64][16];
	size_t n;
	int r = 0;

	hub_lock(st);
	n = st->list.nrescued < 64 ? st->list.nrescued : 64;
	memcpy(ids, st->list.rescued, n * sizeof(*ids));
	st->list.nrescued -= n;
	memmove(st->list.rescued, st->list.rescued + n, st->list.nrescued * sizeof(*ids));
	hub_unlock(st);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = put_back(st, ops, store, ids[i]);
	return r;
}
