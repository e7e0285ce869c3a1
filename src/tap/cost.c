/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/cost.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int cost_parse(const char *stat, long ticks, long page, struct cost *ret)
{
	const char *at = strrchr(stat, ')'); /* the name before it may hold anything */
	uint64_t user, system;
	int64_t pages;

	if (!at || ticks <= 0 || page <= 0)
		return -EBADMSG;
	/* state ppid pgrp session tty tpgid flags minflt cminflt majflt cmajflt UTIME STIME cutime cstime priority nice
	 * threads itrealvalue starttime vsize RSS */
	if (sscanf(at + 1,
		   " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64
		   " %*d %*d %*d %*d %*d %*d %*u %*u %" SCNd64,
		   &user, &system, &pages) != 3)
		return -EBADMSG;
	*ret = (struct cost){ (user + system) * 1000 / (uint64_t)ticks, pages > 0 ? (uint64_t)pages * (uint64_t)page : 0 };
	return 0;
}

int cost_read(uint32_t pid, struct cost *ret)
{
	char path[40], text[1024];
	size_t n;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%" PRIu32 "/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return -errno;
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	(void)fclose(f);
	return cost_parse(text, sysconf(_SC_CLK_TCK), sysconf(_SC_PAGESIZE), ret);
}
