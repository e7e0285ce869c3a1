/* SPDX-License-Identifier: Apache-2.0 */
/* A probe holds a reference to the mount through which its file was named.  On a container's overlay that
 * would keep the whole file system alive after the container is gone, so the layer's own file is
 * looked for: the same inode number, size and times, at the same path below one of the directories that
 * the mount names.
 */
#include "tap/maps.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* path below the directory, if that is the file; nothing there may lead out of it. */
static int try_directory(const char *name, const char *path, const struct stat *want)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
	int dir = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC), fd;
	struct stat st;

	if (dir < 0)
		return -ENOENT;
	while (*path == '/')
		path++;
	fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
	close(dir);
	if (fd < 0)
		return -ENOENT;
	if (fstat(fd, &st) == 0 && same_file(&st, want))
		return fd;
	close(fd);
	return -ENOENT;
}

static int try_layer(const char *layer, const char *path, const struct stat *want)
{
	char name[MAPS_PATH_MAX + 16];
	int fd;

	if (layer[0] != '/') /* relative to where the mounter was */
		return -ENOENT;
	fd = try_directory(layer, path, want);
	if (fd >= 0)
		return fd;
	/* We may be in a container ourselves. */
	(void)snprintf(name, sizeof(name), "/proc/1/root%s", layer);
	return try_directory(name, path, want);
}

/* options: "rw,lowerdir=/a:/b,upperdir=/c,..." or several "lowerdir+=/a". */
static int try_options(char *options, const char *path, const struct stat *want)
{
	char *save = NULL;

	for (char *o = strtok_r(options, ",", &save); o; o = strtok_r(NULL, ",", &save)) {
		char *value = strchr(o, '='), *save2 = NULL;

		if (!value || (strncmp(o, "lowerdir", 8) != 0 && strncmp(o, "upperdir", 8) != 0))
			continue;
		value++;
		for (char *dir = strtok_r(value, ":", &save2); dir;
		     dir = strtok_r(NULL, ":", &save2)) {
			int fd = try_layer(dir, path, want);

			if (fd >= 0)
				return fd;
		}
	}
	return -ENOENT;
}

/* A line of mountinfo (proc_pid_mountinfo(5)): the device in the third field, root and mount point in
 * the next two, after " - " the type, the source and the options. */
static int try_mount(char *line, const char *path, const struct stat *want)
{
	char root[MAPS_PATH_MAX], point[MAPS_PATH_MAX], *rest = strstr(line, " - overlay ");
	size_t n;

	if (!rest || sscanf(line, "%*s %*s %*s %4095s %4095s", root, point) != 2 ||
	    strcmp(root, "/") != 0)
		return -ENOENT;
	n = strcmp(point, "/") == 0 ? 0 : strlen(point);
	if (strncmp(path, point, n) != 0 || path[n] != '/')
		return -ENOENT;
	rest = strchr(rest + strlen(" - overlay "), ' ');
	if (!rest)
		return -ENOENT;
	rest[strcspn(rest, "\n")] = '\0';
	return try_options(rest + 1, path + n, want);
}

int maps_open_layer(uint32_t pid, const char *path, int fd)
{
	char name[40], *line = NULL;
	struct statfs fs;
	struct stat want;
	size_t cap = 0;
	int ret = -ENOENT;
	FILE *f;

	if (fstatfs(fd, &fs) != 0 || fs.f_type != OVERLAYFS_SUPER_MAGIC || fstat(fd, &want) != 0)
		return -ENOENT;
	(void)snprintf(name, sizeof(name), "/proc/%u/mountinfo", pid);
	f = fopen(name, "re");
	if (!f)
		return -ENOENT;
	while (ret < 0 && getline(&line, &cap, f) > 0)
		ret = try_mount(line, path, &want);
	free(line);
	(void)fclose(f);
	return ret;
}
