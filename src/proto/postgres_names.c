/* SPDX-License-Identifier: Apache-2.0 */
/* Statements and portals by name.  A name is found by its hash; of two with the same one, the later is known. */
#include "proto/postgres_priv.h"

#include <stdlib.h>

void pg_table_init(struct pg_table *t, size_t max_n, size_t max_held)
{
	list_init(&t->lru);
	t->max_n = max_n;
	t->max_held = max_held;
}

/* FNV-1a */
static uint64_t hash_of(struct slice s)
{
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ s.p[i]) * 1099511628211u;
	return h;
}

static void drop(struct pg_table *t, struct pg_named *s)
{
	(void)map_take(&t->by_name, s->hash);
	link_remove(&s->lru);
	t->n--;
	t->held -= s->held;
	pg_formats_release(&s->formats);
	arena_free(s->a);
	free(s);
}

struct pg_named *pg_named_find(struct pg_table *t, struct slice name)
{
	struct pg_named *s = map_find(&t->by_name, hash_of(name));

	if (!s || !slice_eq(s->name, name))
		return NULL;
	link_move(&t->lru, &s->lru);
	return s;
}

struct pg_named *pg_named_at(struct pg_table *t, uint64_t hash, uint64_t serial)
{
	struct pg_named *s = serial ? map_find(&t->by_name, hash) : NULL;

	return s && s->serial == serial ? s : NULL;
}

void pg_named_drop(struct pg_table *t, struct slice name)
{
	struct pg_named *s = map_find(&t->by_name, hash_of(name));

	if (s)
		drop(t, s);
}

void pg_named_grew(struct pg_table *t, struct pg_named *s)
{
	size_t now = sizeof(*s) + arena_used(s->a);

	t->held += now - s->held;
	s->held = now;
	while (t->held > t->max_held && t->lru.prev != &s->lru)
		drop(t, LINK_OWNER(t->lru.prev, struct pg_named, lru));
}

struct pg_named *pg_named_put(struct pg_table *t, struct slice name, uint64_t serial)
{
	struct pg_named *s;

	pg_named_drop(t, name);
	if (t->n >= t->max_n)
		drop(t, LINK_OWNER(t->lru.prev, struct pg_named, lru));
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->a = arena_new(t->max_held);
	s->hash = hash_of(name);
	s->serial = serial;
	s->name = s->a ? arena_copy(s->a, name) : (struct slice){ 0 };
	if (!s->a || s->name.n < name.n || map_put(&t->by_name, s->hash, s) < 0) {
		arena_free(s->a);
		free(s);
		return NULL;
	}
	link_move(&t->lru, &s->lru);
	t->n++;
	pg_named_grew(t, s);
	return s;
}

void pg_table_stale(struct pg_table *t)
{
	pg_named_drop(t, (struct slice){ 0 });
	for (struct link *l = t->lru.next; l && l != &t->lru; l = l->next)
		LINK_OWNER(l, struct pg_named, lru)->stale = true;
}

void pg_table_release(struct pg_table *t)
{
	while (t->lru.next && !list_empty(&t->lru))
		drop(t, LINK_OWNER(t->lru.next, struct pg_named, lru));
	map_release(&t->by_name);
}

/* --- formats --- */

void pg_formats_release(struct pg_formats *f)
{
	free(f->bits);
	*f = (struct pg_formats){ 0 };
}

bool pg_formats_copy(struct pg_formats *f, const struct pg_formats *from)
{
	pg_formats_release(f);
	if (from->bits) {
		f->bits = malloc(from->n / 8 + 1);
		if (!f->bits)
			return false;
		memcpy(f->bits, from->bits, from->n / 8 + 1);
	}
	f->known = from->known;
	f->binary = from->binary;
	f->n = from->n;
	return true;
}

enum pg_format pg_formats_of(const struct pg_formats *f, uint32_t column)
{
	if (!f->known)
		return PG_FORMAT_UNKNOWN;
	if (!f->bits)
		return f->binary ? PG_BINARY : PG_TEXT;
	return column < f->n && f->bits[column / 8] >> column % 8 & 1 ? PG_BINARY : PG_TEXT;
}
