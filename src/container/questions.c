/* SPDX-License-Identifier: Apache-2.0 */
#include "container/questions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUESTIONS_MAX 4096

bool questions_put(struct questions *q, const char *id)
{
	for (size_t i = 0; i < q->n; i++)
		if (strcmp(q->ids[i], id) == 0)
			return true;
	if (q->n == q->cap) {
		size_t cap = q->cap ? q->cap * 2 : 16;
		void *p = cap <= QUESTIONS_MAX ? realloc(q->ids, cap * sizeof(*q->ids)) : NULL;

		if (!p)
			return false;
		q->ids = p;
		q->cap = cap;
	}
	(void)snprintf(q->ids[q->n++], sizeof(*q->ids), "%s", id);
	return true;
}

bool questions_take(struct questions *q, char ret_id[65])
{
	if (q->n == 0)
		return false;
	memcpy(ret_id, q->ids[0], sizeof(*q->ids));
	memmove(q->ids, q->ids + 1, --q->n * sizeof(*q->ids));
	return true;
}

void questions_clear(struct questions *q)
{
	q->n = 0;
}

void questions_release(struct questions *q)
{
	free(q->ids);
	*q = (struct questions){ 0 };
}
