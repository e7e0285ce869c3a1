/* SPDX-License-Identifier: Apache-2.0 */
/* Only the newest flows are looked at, so that an answer comes between two key strokes. */
#include "hub/complete.h"

#include <stdlib.h>
#include <strings.h>

#include "filter/complete.h"

#define LIST_ROWS  20000
#define STORE_ROWS 2000
#define ITEMS_MAX  20
#define KEYS_MAX   60
#define VALUE_MAX  200 /* longer ones nobody picks from a list */

struct seen {
	struct intern values; /* its uses are the counts */
	const struct filter_spot *spot;
};

static bool note_value(void *ctx, struct slice value)
{
	struct seen *s = ctx;

	if (value.n > 0 && value.n <= VALUE_MAX && !memchr(value.p, 0, value.n))
		(void)intern_put(&s->values, value); /* without memory: not offered */
	return true;
}

static bool look(struct seen *s, const struct flow *f)
{
	return s->spot->kind == FILTER_SPOT_NAME ? filter_names(s->spot->key, f, note_value, s) :
						   filter_values(s->spot->key, f, note_value, s);
}

static bool look_stored(void *ctx, uint64_t row, const struct flow *f)
{
	(void)row;
	return look(ctx, f);
}

static void look_listed(struct seen *s, const struct list *l)
{
	uint64_t pos = l->end - l->base > LIST_ROWS ? l->end - LIST_ROWS : l->base;
	struct row_flow rf;

	for (; pos < l->end; pos++) {
		row_flow(l, list_at(l, pos), &rf);
		if (!look(s, &rf.flow))
			return;
	}
}

static void look_at_traffic(struct seen *s, struct hub_state *st, const struct store_ops *ops,
			    struct store *reader)
{
	enum filter_needs needs = filter_key_needs(s->spot->key);
	uint64_t last = 0, first = 0;

	hub_lock(st);
	if (needs == FILTER_SUMMARY)
		look_listed(s, &st->list);
	if (st->list.end > st->list.base) {
		last = list_at(&st->list, st->list.end - 1)->n;
		first = last > STORE_ROWS ? last - STORE_ROWS : 1;
	}
	hub_unlock(st);
	if (needs == FILTER_HEADERS && reader && last > 0)
		(void)ops->scan(reader, first, last, false, look_stored, s); /* else fewer are offered */
}

/* --- telling ------------------------------------------------------------------------------------------------ */

/* 2: begins with what was typed; 1: has it; 0: neither. */
static unsigned fits(struct slice value, const char *typed)
{
	size_t n = strlen(typed);

	for (size_t i = 0; i + n <= value.n; i++)
		if (strncasecmp((const char *)value.p + i, typed, n) == 0)
			return i == 0 ? 2 : 1;
	return 0;
}

static void item(struct buf *out, const struct filter_spot *spot, const char *kind, struct slice text,
		 struct slice label, uint32_t count, const char *help)
{
	buf_printf(out, "%s{\"at\":%zu,\"len\":%zu,\"kind\":\"%s\",\"text\":", out->p[out->n - 1] == '[' ? "" : ",",
		   spot->at, spot->len, kind);
	buf_put_json_str(out, text);
	buf_puts(out, ",\"label\":");
	buf_put_json_str(out, label);
	if (count)
		buf_printf(out, ",\"count\":%u", count);
	if (help) {
		buf_puts(out, ",\"help\":");
		buf_put_json_str(out, slice_str(help));
	}
	buf_puts(out, "}");
}

struct ranked {
	uint32_t id, uses;
	unsigned fit;
};

static int by_rank(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->fit != y->fit)
		return x->fit > y->fit ? -1 : 1;
	return x->uses > y->uses ? -1 : x->uses < y->uses;
}

static void put_seen(struct buf *out, const struct seen *s)
{
	size_t n = intern_end(&s->values), found = 0;
	struct ranked *r = n ? calloc(n, sizeof(*r)) : NULL;
	struct buf text = { 0 };

	for (uint32_t id = 1; r && id < n; id++) {
		struct slice v = intern_get(&s->values, id);
		unsigned fit = intern_uses(&s->values, id) ? fits(v, s->spot->typed) : 0;

		if (fit)
			r[found++] = (struct ranked){ id, intern_uses(&s->values, id), fit };
	}
	if (found)
		qsort(r, found, sizeof(*r), by_rank);
	for (size_t i = 0; i < found && i < ITEMS_MAX; i++) {
		struct slice v = intern_get(&s->values, r[i].id);

		buf_clear(&text);
		if (s->spot->kind == FILTER_SPOT_NAME)
			buf_put(&text, v);
		else
			filter_put_value(&text, v);
		item(out, s->spot, s->spot->kind == FILTER_SPOT_NAME ? "name" : "value", buf_slice(&text), v, r[i].uses, NULL);
	}
	buf_release(&text);
	free(r);
}

static void put_keys(struct buf *out, const struct filter_spot *spot)
{
	size_t n = 0;

	for (unsigned fit = 2; fit > 0; fit--)
		for (const struct filter_key *k = filter_keys(); k->name && n < KEYS_MAX; k++)
			if (fits(slice_str(k->name), spot->typed) == fit) {
				item(out, spot, "key", slice_str(k->name), slice_str(k->name), 0, k->help);
				n++;
			}
}

static void put_conditions(struct buf *out, const struct filter_spot *spot)
{
	const char *name, *help;

	for (size_t i = 0; (name = filter_condition(i, &help)); i++)
		if (fits(slice_str(name), spot->typed))
			item(out, spot, "value", slice_str(name), slice_str(name), 0, help);
}

void complete_json(struct buf *out, struct hub_state *st, const struct store_ops *ops,
		   struct store *reader, const char *text, size_t at)
{
	struct filter_spot spot;
	struct seen s = { .spot = &spot };

	filter_spot(text, at, &spot);
	buf_puts(out, ",\"complete\":[");
	if (out->failed || spot.kind == FILTER_SPOT_NONE) {
		/* nothing */
	} else if (spot.kind == FILTER_SPOT_KEY) {
		put_keys(out, &spot);
	} else if (strcmp(spot.key, "is") == 0) {
		put_conditions(out, &spot);
	} else {
		look_at_traffic(&s, st, ops, reader);
		put_seen(out, &s);
	}
	buf_puts(out, "]");
	intern_release(&s.values);
}
