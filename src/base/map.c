/* SPDX-License-Identifier: Apache-2.0 */
/* Linear probing at most half full; removal shifts the run back, so there are no tombstones. */
#include "base/map.h"

#include <errno.h>
#include <stdlib.h>

/* splitmix64's finaliser: cookies and cgroup ids count upwards, which alone would cluster. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

static size_t home(const struct map *m, uint64_t key)
{
	return (size_t)mix(key) & (m->cap - 1);
}

/* The slot that holds key, or the free one where it belongs. */
static struct map_slot *slot_of(const struct map *m, uint64_t key)
{
	size_t i = home(m, key);

	while (m->slots[i].value && m->slots[i].key != key)
		i = (i + 1) & (m->cap - 1);
	return &m->slots[i];
}

void *map_find(const struct map *m, uint64_t key)
{
	return m->n ? slot_of(m, key)->value : NULL;
}

static int grow(struct map *m)
{
	struct map bigger = { .cap = m->cap ? m->cap * 2 : 64 };

	bigger.slots = calloc(bigger.cap, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < m->cap; i++)
		if (m->slots[i].value)
			*slot_of(&bigger, m->slots[i].key) = m->slots[i];
	bigger.n = m->n;
	free(m->slots);
	*m = bigger;
	return 0;
}

int map_put(struct map *m, uint64_t key, void *value)
{
	struct map_slot *s;

	if (m->n * 2 >= m->cap && grow(m) < 0 && m->n + 1 >= m->cap)
		return -ENOMEM; /* a fuller table is slower, not wrong */
	s = slot_of(m, key);
	m->n += !s->value;
	*s = (struct map_slot){ key, value };
	return 0;
}

void *map_take(struct map *m, uint64_t key)
{
	struct map_slot *s;
	size_t hole, i;
	void *value;

	if (m->n == 0 || !(s = slot_of(m, key))->value)
		return NULL;
	value = s->value;
	hole = (size_t)(s - m->slots);
	for (i = (hole + 1) & (m->cap - 1); m->slots[i].value; i = (i + 1) & (m->cap - 1)) {
		size_t h = home(m, m->slots[i].key);

		/* Move it back only when the hole lies between its home and where it is. */
		if (((i - h) & (m->cap - 1)) >= ((i - hole) & (m->cap - 1))) {
			m->slots[hole] = m->slots[i];
			hole = i;
		}
	}
	m->slots[hole].value = NULL;
	m->n--;
	return value;
}

bool map_next(const struct map *m, size_t *pos, uint64_t *ret_key, void **ret_value)
{
	while (*pos < m->cap) {
		const struct map_slot *s = &m->slots[(*pos)++];

		if (!s->value)
			continue;
		*ret_key = s->key;
		*ret_value = s->value;
		return true;
	}
	return false;
}

void map_release(struct map *m)
{
	free(m->slots);
	*m = (struct map){ 0 };
}
