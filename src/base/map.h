/* SPDX-License-Identifier: Apache-2.0 */
/* map.h - a hash table from 64-bit keys to pointers. */
#ifndef LIMPID_BASE_MAP_H
#define LIMPID_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_slot {
	uint64_t key;
	void *value; /* NULL: free */
};
struct map { /* zero-initialise before the first use */
	struct map_slot *slots;
	size_t n, cap;
};

void *map_find(const struct map *m, uint64_t key); /* or NULL */
/* value is not NULL; replaces what was there.  0, -ENOMEM. */
int map_put(struct map *m, uint64_t key, void *value);
void *map_take(struct map *m, uint64_t key); /* removes; what was there, or NULL */
/* Iterates: pos starts at 0; false at the end.  The current entry alone may be taken meanwhile; after a
 * take the next one may be seen twice or late, so callers must bear repeats. */
bool map_next(const struct map *m, size_t *pos, uint64_t *ret_key, void **ret_value);
void map_release(struct map *m); /* the values are the caller's */

#endif
