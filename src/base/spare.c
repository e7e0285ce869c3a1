/* SPDX-License-Identifier: Apache-2.0 */
/* glibc keeps seven blocks of a size at hand; a pipeline of a hundred requests has three hundred.  Under AddressSanitizer nothing is
 * kept, so that it sees each block's end. */
#include "base/spare.h"

#include <stdlib.h>

struct spare {
	struct spare *next;
};

static _Thread_local struct {
	struct spare *first;
	unsigned n, max;
} kept;

void *spare_get(void)
{
	struct spare *s = kept.first;

	if (!s)
		return malloc(SPARE_BYTES);
	kept.first = s->next;
	kept.n--;
	return s;
}

void spare_put(void *p)
{
	struct spare *s = p;

	if (!s || kept.n >= kept.max) {
		free(p);
		return;
	}
	s->next = kept.first;
	kept.first = s;
	kept.n++;
}

void spare_keep(unsigned n)
{
#ifndef __SANITIZE_ADDRESS__
	kept.max = n;
#endif
	while (kept.n > n)
		free(spare_get());
}
