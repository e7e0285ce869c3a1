/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/rings.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define RING_LEAST (4u << 20) /* what comes until the reader has woken up */

unsigned rings_number(size_t total, unsigned cpus)
{
	unsigned n = 1;

	while (n * 2 <= cpus && n * 2 <= EV_RINGS_MAX && total / (n * 2) >= RING_LEAST)
		n *= 2;
	return n;
}

int rings_open(struct rings *ret, const struct bpf_map *outer, size_t total, unsigned n)
{
	struct rings r = { .n = 0 };
	int rc = 0;

	for (uint32_t i = 0; i < n && !rc; i++) {
		int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "events", 0, 0, (uint32_t)(total / n),
					NULL);

		if (fd < 0) {
			rc = -errno;
			break;
		}
		r.fd[r.n++] = fd;
		rc = bpf_map__update_elem(outer, &i, sizeof(i), &fd, sizeof(fd), BPF_ANY);
	}
	if (rc)
		rings_close(&r);
	else
		*ret = r;
	return rc;
}

void rings_keep_from_children(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long from, to;
	char line[512];

	while (maps && fgets(line, sizeof(line), maps))
		if (strstr(line, "anon_inode:bpf-map") && sscanf(line, "%lx-%lx", &from, &to) == 2)
			(void)madvise((void *)from, to - from, MADV_DONTFORK); /* else as before */
	if (maps)
		fclose(maps);
}

void rings_close(struct rings *r)
{
	for (unsigned i = 0; i < r->n; i++)
		close(r->fd[i]);
	r->n = 0;
}
