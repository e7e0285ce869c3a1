/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing with linear probing over entry numbers; an entry's hash is kept, so that neither growing
 * nor removing touches the strings. */
#include "hub/intern.h"

#include <stdlib.h>

struct intern_entry {
	char *p;
	uint32_t len, uses, hash, next_free;
};

static uint32_t hash_of(struct slice s)
{
	uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ s.p[i]) * 0x100000001b3u;
	return (uint32_t)(h ^ h >> 32);
}

static size_t find_slot(const struct intern *t, struct slice s, uint32_t hash)
{
	size_t i = hash & (t->nslots - 1);

	for (; t->slots[i]; i = (i + 1) & (t->nslots - 1)) {
		const struct intern_entry *e = &t->entries[t->slots[i]];

		if (e->hash == hash && slice_eq((struct slice){ (uint8_t *)e->p, e->len }, s))
			break;
	}
	return i;
}

static bool grow_slots(struct intern *t)
{
	size_t n = t->nslots ? t->nslots * 2 : 1024, at;
	uint32_t *slots = calloc(n, sizeof(*slots));

	if (!slots)
		return false;
	for (size_t i = 0; i < t->nslots; i++) {
		if (!t->slots[i])
			continue;
		at = t->entries[t->slots[i]].hash & (n - 1);
		while (slots[at])
			at = (at + 1) & (n - 1);
		slots[at] = t->slots[i];
	}
	free(t->slots);
	t->bytes += (n - t->nslots) * sizeof(*slots);
	t->slots = slots;
	t->nslots = n;
	return true;
}

static uint32_t new_entry(struct intern *t)
{
	size_t cap = t->cap ? t->cap * 2 : 512;
	struct intern_entry *p;
	uint32_t id = t->free_list;

	if (id) {
		t->free_list = t->entries[id].next_free;
		return id;
	}
	if (t->n == t->cap) {
		if (cap > UINT32_MAX)
			return 0;
		p = realloc(t->entries, cap * sizeof(*p));
		if (!p)
			return 0;
		t->bytes += (cap - t->cap) * sizeof(*p);
		t->entries = p;
		t->cap = cap;
	}
	if (t->n == 0) /* number 0 means none */
		t->entries[t->n++] = (struct intern_entry){ 0 };
	return (uint32_t)t->n++;
}

static size_t weight(uint32_t len)
{
	return len + 1 + 16; /* what malloc adds, about */
}

uint32_t intern_put(struct intern *t, struct slice s)
{
	uint32_t hash, id;
	size_t at;
	char *p;

	if (!s.p || s.n >= UINT32_MAX || ((t->live + 1) * 4 > t->nslots * 3 && !grow_slots(t)))
		return 0;
	hash = hash_of(s);
	at = find_slot(t, s, hash);
	if (t->slots[at]) {
		t->entries[t->slots[at]].uses++;
		return t->slots[at];
	}
	p = malloc(s.n + 1);
	id = p ? new_entry(t) : 0;
	if (!id) {
		free(p);
		return 0;
	}
	memcpy(p, s.p, s.n);
	p[s.n] = '\0';
	t->entries[id] = (struct intern_entry){ p, (uint32_t)s.n, 1, hash, 0 };
	t->slots[at] = id;
	t->bytes += weight((uint32_t)s.n);
	t->live++;
	return id;
}

/* Takes slot i out; moves back what was pushed past it, so that no probe ends too early. */
static void clear_slot(struct intern *t, size_t i)
{
	size_t mask = t->nslots - 1, j = i, home;

	t->slots[i] = 0;
	for (;;) {
		j = (j + 1) & mask;
		if (!t->slots[j])
			return;
		home = t->entries[t->slots[j]].hash & mask;
		if (((j - home) & mask) < ((j - i) & mask))
			continue;
		t->slots[i] = t->slots[j];
		t->slots[j] = 0;
		i = j;
	}
}

void intern_drop(struct intern *t, uint32_t id)
{
	struct intern_entry *e;
	size_t i;

	if (id == 0)
		return;
	e = &t->entries[id];
	if (--e->uses > 0)
		return;
	i = e->hash & (t->nslots - 1);
	while (t->slots[i] != id)
		i = (i + 1) & (t->nslots - 1);
	clear_slot(t, i);
	t->bytes -= weight(e->len);
	t->live--;
	free(e->p);
	*e = (struct intern_entry){ .next_free = t->free_list };
	t->free_list = id;
}

struct slice intern_get(const struct intern *t, uint32_t id)
{
	if (id == 0)
		return (struct slice){ 0 };
	return (struct slice){ (const uint8_t *)t->entries[id].p, t->entries[id].len };
}

uint32_t intern_uses(const struct intern *t, uint32_t id)
{
	return id ? t->entries[id].uses : 0;
}

void intern_release(struct intern *t)
{
	for (size_t i = 1; i < t->n; i++)
		free(t->entries[i].p);
	free(t->entries);
	free(t->slots);
	*t = (struct intern){ 0 };
}
