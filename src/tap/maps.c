/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/maps.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* "7f12-7f34 r-xp 00001000 fe:01 1234   /usr/lib/x.so" (proc_pid_maps(5)); spaces in the path stay, a
 * newline in it is written \012. */
static bool parse_line(const char *line, struct maps_entry *e)
{
	unsigned maj, min;
	char perms[8];
	int at = 0;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %*x %x:%x %" SCNu64 " %n", &e->from, &e->to,
		   perms, &maj, &min, &e->ino, &at) != 6 ||
	    at == 0 || strlen(perms) < 3 || perms[2] != 'x' || e->ino == 0 || line[at] != '/')
		return false;
	e->dev = makedev(maj, min);
	(void)snprintf(e->path, sizeof(e->path), "%s", line + at);
	e->path[strcspn(e->path, "\n")] = '\0';
	return true;
}

int maps_each(uint32_t pid, bool (*fn)(void *ctx, const struct maps_entry *e), void *ctx)
{
	char name[40], *line = NULL;
	struct maps_entry e;
	size_t cap = 0;
	FILE *f;

	(void)snprintf(name, sizeof(name), "/proc/%u/maps", pid);
	f = fopen(name, "re");
	if (!f)
		return -errno;
	while (getline(&line, &cap, f) > 0)
		if (parse_line(line, &e) && !fn(ctx, &e))
			break;
	free(line);
	(void)fclose(f);
	return 0;
}

int maps_open(uint32_t pid, const struct maps_entry *e)
{
	char name[MAPS_PATH_MAX + 40];
	struct stat st;
	int fd;

	(void)snprintf(name, sizeof(name), "/proc/%u/map_files/%" PRIx64 "-%" PRIx64, pid, e->from,
		       e->to);
	fd = open(name, O_PATH | O_CLOEXEC);
	if (fd >= 0 || (errno != EPERM && errno != EACCES))
		return fd >= 0 ? fd : -errno;
	(void)snprintf(name, sizeof(name), "/proc/%u/root%s", pid, e->path);
	fd = open(name, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) != 0 || st.st_ino != e->ino) {
		close(fd);
		return -ESTALE;
	}
	return fd;
}

int maps_reopen(int path_fd)
{
	char name[40];
	struct stat st;
	int fd;

	/* A device that somebody mapped must not be opened by us. */
	if (fstat(path_fd, &st) != 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENOEXEC;
	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", path_fd);
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return fd < 0 ? -errno : fd;
}
