/* SPDX-License-Identifier: Apache-2.0 */
#include "alloc.h"

#include <stdlib.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static size_t count, fail_from, fail_to;
static bool refused, paused;

void alloc_fail(size_t n, size_t times)
{
	fail_from = count + n;
	fail_to = fail_from + times;
	refused = false;
}

bool alloc_refused(void)
{
	fail_from = fail_to = 0;
	return refused;
}

void alloc_pause(bool on)
{
	paused = on;
}

size_t alloc_count(void)
{
	return count;
}

static bool refuse(void)
{
	size_t i;

	if (paused)
		return false;
	i = __atomic_fetch_add(&count, 1, __ATOMIC_RELAXED);

	if (i < fail_from || i >= fail_to)
		return false;
	refused = true;
	return true;
}

void *__wrap_malloc(size_t n)
{
	return refuse() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return refuse() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return refuse() ? NULL : __real_realloc(p, n);
}
