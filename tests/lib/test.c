/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t pages(size_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (n + page - 1) / page * page;
}

struct slice guarded(struct slice s)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), room = pages(s.n);
	uint8_t *p =
		mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p + room, page, PROT_NONE) != 0)
		abort();
	p += room - s.n;
	if (s.n)
		memcpy(p, s.p, s.n);
	return (struct slice){ p, s.n };
}

void guarded_free(struct slice s)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), room = pages(s.n);

	munmap((void *)(uintptr_t)(s.p + s.n - room), room + page);
}
