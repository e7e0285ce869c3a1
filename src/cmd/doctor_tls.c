/* SPDX-License-Identifier: Apache-2.0 */
/* limpid doctor: the processes that have sockets, and what TLS they have. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/run.h"
#include "tap/ledger.h"

#define PROCESSES_MAX 8192
#define FDS_MAX	      4096 /* of one process that are looked at */

struct kind {
	struct ipc_tls_process p;
	unsigned n;
};

static bool has_socket(uint32_t pid)
{
	char name[40], link[16];
	unsigned looked = 0;
	bool found = false;
	const struct dirent *e;
	DIR *d;

	(void)snprintf(name, sizeof(name), "/proc/%u/fd", pid);
	d = opendir(name);
	while (d && !found && looked++ < FDS_MAX && (e = readdir(d))) {
		ssize_t n = readlinkat(dirfd(d), e->d_name, link, sizeof(link));

		found = n > 7 && memcmp(link, "socket:", 7) == 0;
	}
	if (d)
		(void)closedir(d); /* only read */
	return found;
}

static bool same(const struct ipc_tls_process *a, const struct ipc_tls_process *b)
{
	return a->reason == b->reason && a->nlibs == b->nlibs && strcmp(a->comm, b->comm) == 0 &&
	       memcmp(a->libs, b->libs, sizeof(a->libs)) == 0;
}

static size_t add(struct kind *kinds, size_t n, const struct ipc_tls_process *p)
{
	for (size_t i = 0; i < n; i++)
		if (same(&kinds[i].p, p)) {
			kinds[i].n++;
			return n;
		}
	kinds[n] = (struct kind){ *p, 1 };
	return n + 1;
}

/* Those that cannot be read first, then those that can; the many without any TLS last. */
static int rank(const struct kind *k)
{
	return k->p.reason == TLS_WHY_READ ? 1 : k->p.reason == TLS_WHY_NO_LIBRARY ? 2 : 0;
}

static int by_rank(const void *a, const void *b)
{
	const struct kind *x = a, *y = b;

	return rank(x) != rank(y) ? rank(x) - rank(y)
				  : (x->p.pid > y->p.pid) - (x->p.pid < y->p.pid);
}

void doctor_processes(struct ledger *l,
		      void (*fn)(void *ctx, const struct ipc_tls_process *p, unsigned n), void *ctx)
{
	struct kind *kinds = calloc(PROCESSES_MAX, sizeof(*kinds));
	DIR *d = opendir("/proc");
	const struct dirent *e;
	size_t n = 0;

	while (kinds && d && n < PROCESSES_MAX && (e = readdir(d))) {
		uint32_t pid = (uint32_t)strtoul(e->d_name, NULL, 10);
		struct ipc_tls_process p;

		if (!pid || pid == (uint32_t)getpid() || !has_socket(pid))
			continue;
		ledger_ask(l, pid, &p);
		if (p.reason != TLS_WHY_NOT_LOOKED_AT) /* gone meanwhile */
			n = add(kinds, n, &p);
	}
	if (d)
		(void)closedir(d); /* as above */
	if (n)
		qsort(kinds, n, sizeof(*kinds), by_rank);
	for (size_t i = 0; i < n; i++)
		fn(ctx, &kinds[i].p, kinds[i].n);
	free(kinds);
}
