/* SPDX-License-Identifier: Apache-2.0 */
/* Runtimes put the id into the path of the cgroup, each in its own way:
 *   Docker      /docker/ID, docker-ID.scope, or below any --cgroup-parent
 *   podman      libpod-ID, libpod-ID.scope (libpod-conmon-ID holds its monitor, not the container)
 *   Kubernetes  kubepods.../ID, cri-containerd-ID.scope, crio-ID.scope
 * All have 64 hexadecimal digits in common; so those are looked for, anywhere.
 */
#include "container/container.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define ID_LEN 64

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* Pods' monitors carry the id of what they watch but live outside of it. */
static bool is_monitor(const char *path, const char *id)
{
	static const char word[] = "conmon-";
	size_t n = sizeof(word) - 1;

	return (size_t)(id - path) >= n && strncmp(id - n, word, n) == 0;
}

int container_id_in_path(const char *path, char ret_id[65])
{
	const char *found = NULL;

	for (const char *p = path; *p;) {
		size_t n = 0;

		while (is_hex(p[n]))
			n++;
		if (n == ID_LEN && !is_monitor(path, p))
			found = p;
		p += n ? n : 1;
	}
	if (!found)
		return -ENOENT;
	memcpy(ret_id, found, ID_LEN);
	ret_id[ID_LEN] = 0;
	return 0;
}

/* Where the cgroup v2 tree may be mounted: pure v2, hybrid, and the same as the first process of
 * the machine sees it when we live in a container ourselves. */
static const char *const mounts[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified",
				      "/proc/1/root/sys/fs/cgroup",
				      "/proc/1/root/sys/fs/cgroup/unified" };
#define NMOUNTS (sizeof(mounts) / sizeof(*mounts))

static bool is_cgroup2(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

static uint64_t inode_of(const char *cgroup_path)
{
	char path[4096];
	struct stat st;

	for (size_t i = 0; i < NMOUNTS; i++) {
		int n = snprintf(path, sizeof(path), "%s%s", mounts[i], cgroup_path);

		if (n > 0 && (size_t)n < sizeof(path) && is_cgroup2(mounts[i]) &&
		    stat(path, &st) == 0)
			return st.st_ino;
	}
	return 0;
}

int container_of_pid(uint32_t pid, char ret_id[65], uint64_t *ret_cgroup_id)
{
	char path[64], line[4096], id[65];
	uint64_t cgroup_id = 0;
	bool found = false;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%u/cgroup", pid);
	f = fopen(path, "re");
	if (!f)
		return errno == ENOENT ? -ESRCH : -errno;
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		/* v2's line is authoritative; on a machine with v1 controllers any line will do */
		if (container_id_in_path(line, id) == 0)
			found = true;
		if (strncmp(line, "0::", 3) == 0)
			cgroup_id = inode_of(line + 3);
	}
	(void)fclose(f); /* only read */
	if (!found)
		return -ENOENT;
	memcpy(ret_id, id, sizeof(id));
	*ret_cgroup_id = cgroup_id;
	return 0;
}

/* A cgroup id is the node id of its kernfs directory, and a file handle of type FILEID_KERNFS
 * (include/linux/exportfs.h, since Linux 5.5) consists of just that. */
static int open_cgroup(uint64_t cgroup_id)
{
	union {
		struct file_handle h;
		char room[sizeof(struct file_handle) + sizeof(cgroup_id)];
	} handle = { .h = { .handle_bytes = sizeof(cgroup_id), .handle_type = 0xfe } };
	int fd = -1, err = -ENOTSUP;

	memcpy(handle.room + offsetof(struct file_handle, f_handle), &cgroup_id, sizeof(cgroup_id));
	for (size_t i = 0; i < NMOUNTS && fd < 0; i++) {
		int mount;

		if (!is_cgroup2(mounts[i]))
			continue;
		mount = open(mounts[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (mount < 0)
			continue;
		fd = open_by_handle_at(mount, &handle.h, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		err = fd < 0 ? -errno : 0;
		close(mount);
	}
	return fd < 0 ? err : fd;
}

int container_of_cgroup(uint64_t cgroup_id, char ret_id[65])
{
	char link[64], path[4096];
	int fd = open_cgroup(cgroup_id);
	ssize_t n;

	if (fd < 0)
		return fd;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	if (n < 0)
		return (int)n;
	path[n] = 0;
	return container_id_in_path(path, ret_id);
}
