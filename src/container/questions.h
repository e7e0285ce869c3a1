/* SPDX-License-Identifier: Apache-2.0 */
/* questions.h - inside src/container: which containers an engine still has to be asked about, first come first served. */
#ifndef LIMPID_CONTAINER_QUESTIONS_H
#define LIMPID_CONTAINER_QUESTIONS_H

#include <stdbool.h>
#include <stddef.h>

struct questions { /* zero-initialise */
	char (*ids)[65];
	size_t n, cap;
};

/* Once each.  False: too many, or out of memory. */
bool questions_put(struct questions *q, const char *id);
bool questions_take(struct questions *q, char ret_id[65]); /* false: none left */
void questions_clear(struct questions *q);
void questions_release(struct questions *q);

#endif
