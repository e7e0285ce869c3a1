/* SPDX-License-Identifier: Apache-2.0 */
/* analysis FILE... - how long it takes to find out what to probe in a file: by reading it, and by the cache, from the opening of the file to
 * the comparison of the bytes at the sites.  The file's pages are in memory; each figure is the median of ROUNDS. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tap/tls_cache.h"

#define ROUNDS 15

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void compare(const struct tls_file *f, const struct site *s)
{
	uint8_t now[SITE_BYTES];

	if (pread(f->fd, now, s->nbytes, (off_t)s->off) != s->nbytes ||
	    memcmp(now, s->bytes, s->nbytes) != 0)
		exit(3);
}

static void compare_all(const struct tls_file *f, const struct tls_answer *a)
{
	for (size_t i = 0; i < a->n; i++) {
		const struct tls_answer_part *p = &a->part[i];

		if (p->err)
			continue;
		for (size_t k = 0; p->row->fd == TLS_FD_GO_CONN && k < p->go.n; k++)
			compare(f, &p->go.place[k].at);
		for (size_t k = 0; p->row->fd != TLS_FD_GO_CONN && k < p->plan.n; k++)
			compare(f, &p->plan.site[k].at);
	}
}

/* Milliseconds; cached: it must be in the cache. */
static double once(const char *path, struct tls_cache *c, bool cached, struct tls_answer *a)
{
	struct tls_file f = { .pid = (uint32_t)getpid(), .path = path, .nop5 = true };
	struct tls_cache_key key = { 0 };
	double begin = now_ms();

	f.fd = open(path, O_RDONLY | O_CLOEXEC);
	if (f.fd < 0 || elf_image_open(&f.img, f.fd) != 0 || file_id_of(f.fd, &key.id) != 0)
		return -1;
	key.build_id_len = elf_image_build_id(f.img, key.build_id);
	if (cached && tls_cache_get(c, &key, a) != 0)
		return -1;
	if (!cached)
		tls_file_analyse(&f, a);
	compare_all(&f, a);
	begin = now_ms() - begin;
	if (!cached && tls_cache_put(c, &key, a) != 0)
		return -1;
	elf_image_close(f.img);
	close(f.fd);
	return begin;
}

int main(int argc, char **argv)
{
	const char *dir = getenv("ANALYSIS_CACHE");
	struct tls_answer *a = calloc(1, sizeof(*a));
	struct tls_cache *c;

	if (!dir || !a || tls_cache_open(&c, dir) != 0)
		return 1;
	printf("%-44s %7s  %-24s %9s %9s %9s\n", "file", "MB", "in it", "once ms", "worst ms", "cache ms");
	for (int i = 1; i < argc; i++) {
		double ms[2][ROUNDS];
		char in[64] = "no TLS library";
		struct stat st;

		if (stat(argv[i], &st) != 0)
			continue;
		for (int cached = 0; cached < 2; cached++)
			for (int r = 0; r < ROUNDS; r++) {
				ms[cached][r] = once(argv[i], c, cached, a);
				if (ms[cached][r] < 0)
					return 2;
			}
		if (a->n)
			(void)snprintf(in, sizeof(in), "%s %s", a->part[0].row->name, a->part[0].version);
		qsort(ms[0], ROUNDS, sizeof(double), by_size);
		qsort(ms[1], ROUNDS, sizeof(double), by_size);
		printf("%-44s %7.1f  %-24s %9.2f %9.2f %9.3f\n", argv[i], (double)st.st_size / 1e6, in,
		       ms[0][ROUNDS / 2], ms[0][ROUNDS - 1], ms[1][ROUNDS / 2]);
	}
	tls_cache_close(c);
	free(a);
	return 0;
}
