/* SPDX-License-Identifier: Apache-2.0 */
/* intern.h - byte strings kept once and counted: a million rows share a few thousand names. */
#ifndef LIMPID_HUB_INTERN_H
#define LIMPID_HUB_INTERN_H

#include "base/bytes.h"

struct intern_entry;
struct intern { /* zero-initialise before the first use */
	struct intern_entry *entries;
	uint32_t *slots; /* of the hash table: number of an entry, 0: free */
	size_t n, cap, nslots, live;
	size_t bytes; /* of memory held */
	uint32_t free_list;
};

/* The number of s, counted once more; NUL-terminated where it is kept.  0: s.p is NULL, or out of memory. */
uint32_t intern_put(struct intern *t, struct slice s);
void intern_drop(struct intern *t, uint32_t id); /* counts once less; 0 is ignored */
/* Until the last drop of id.  id 0: an empty slice with p NULL. */
struct slice intern_get(const struct intern *t, uint32_t id);
uint32_t intern_uses(const struct intern *t, uint32_t id);
/* Numbers are below this; some of them may have no uses. */
static inline uint32_t intern_end(const struct intern *t)
{
	return (uint32_t)t->n;
}
void intern_release(struct intern *t);

#endif
