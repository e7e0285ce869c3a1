/* SPDX-License-Identifier: Apache-2.0 */
/* Runtimes put the id into the path of the cgroup, each in its own way:
 *   Docker      /docker/ID, docker-ID.scope, or below any --cgroup-parent
 *   podman      libpod-ID, libpod-ID.scope (libpod-conmon-ID holds its monitor, not the container)
 *   Kubernetes  kubepods.../ID, cri-containerd-ID.scope, crio-ID.scope
 * All have 64 hexadecimal digits in common; so those are looked for, anywhere (bpf/who.bpf.h does the same).
 * Others give names, not ids: containerd's ctr (/NAMESPACE/NAME), plain runc (/NAME), LXC (lxc.payload.NAME),
 * systemd-nspawn (machine-NAME.scope).  Such a name says nothing by itself; it is taken when the processes have a
 * pid namespace of their own.
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

/* What no container is called by: units of systemd, and the roots of slices. */
static bool is_unit(const char *name, size_t n)
{
	static const char *const ends[] = { ".service", ".scope", ".slice", ".mount", ".socket" };

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		size_t len = strlen(ends[i]);

		if (n >= len && memcmp(name + n - len, ends[i], len) == 0)
			return true;
	}
	return false;
}

static bool take_name(const char *name, size_t n, const char *before, const char *after,
		      char ret[65])
{
	size_t b = strlen(before), a = strlen(after);

	if (n <= a + b || memcmp(name, before, b) != 0 || memcmp(name + n - a, after, a) != 0)
		return false;
	n -= a + b;
	if (n > 64)
		n = 64;
	memcpy(ret, name + b, n);
	ret[n] = 0;
	return true;
}

int container_name_in_path(const char *path, char ret_id[65])
{
	const char *end = path + strlen(path);

	while (end > path) {
		const char *name = end;
		size_t n;

		while (name > path && name[-1] != '/')
			name--;
		n = (size_t)(end - name);
		if (take_name(name, n, "lxc.payload.", "", ret_id) ||
		    take_name(name, n, "machine-", ".scope", ret_id) ||
		    take_name(name, n, "systemd-nspawn@", ".service", ret_id) ||
		    (n && !is_unit(name, n) && take_name(name, n, "", "", ret_id)))
			return 0;
		end = name > path ? name - 1 : path;
	}
	return -ENOENT;
}

/* Where the cgroup trees may be mounted: pure v2, hybrid, and the same as the first process of the
 * machine sees it when we live in a container ourselves.  Of version 1 that one counts which the kernel side
 * looks at (CONTAINER_CGROUP_V1). */
static const char *const mounts_v2[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified",
					 "/proc/1/root/sys/fs/cgroup",
					 "/proc/1/root/sys/fs/cgroup/unified", NULL };
static const char *const mounts_v1[] = { "/sys/fs/cgroup/pids", "/sys/fs/cgroup/memory",
					 "/proc/1/root/sys/fs/cgroup/pids",
					 "/proc/1/root/sys/fs/cgroup/memory", NULL };

static bool is_tree(const char *path, bool v1)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 &&
	       fs.f_type == (v1 ? CGROUP_SUPER_MAGIC : CGROUP2_SUPER_MAGIC);
}

/* The part of the path that ends with the id: the container's own cgroup, not one inside of it. */
static int path_to_id(const char *path, const char *id)
{
	const char *at = strstr(path, id), *next = at;

	while (next && (next = strstr(next + 1, id)))
		at = next;
	return at ? (int)(at - path + ID_LEN + (int)strcspn(at + ID_LEN, "/")) : (int)strlen(path);
}

static uint64_t inode_of(const char *cgroup_path, int len, bool v1)
{
	const char *const *mount = v1 ? mounts_v1 : mounts_v2;
	char path[4096];
	struct stat st;

	for (; *mount; mount++) {
		int n = snprintf(path, sizeof(path), "%s%.*s", *mount, len, cgroup_path);

		if (n > 0 && (size_t)n < sizeof(path) && is_tree(*mount, v1) &&
		    stat(path, &st) == 0)
			return st.st_ino | (v1 ? CONTAINER_CGROUP_V1 : 0);
	}
	return 0;
}

/* One line of /proc/PID/cgroup: "11:pids:/docker/ID", "0::/docker/ID". */
static void read_line(const char *line, char id[65], uint64_t *v2, uint64_t *v1)
{
	const char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;
	char one[65];

	if (!path || container_id_in_path(path + 1, one) < 0)
		return;
	memcpy(id, one, sizeof(one));
	path++;
	if (strncmp(line, "0::", 3) == 0)
		*v2 = inode_of(path, path_to_id(path, one), false);
	else if (strncmp(names, ":pids:", 6) == 0)
		*v1 = inode_of(path, path_to_id(path, one), true);
}

int container_of_pid(uint32_t pid, char ret_id[65], uint64_t *ret_cgroup_id)
{
	char path[64], line[4096], id[65] = "";
	uint64_t v2 = 0, v1 = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%u/cgroup", pid);
	f = fopen(path, "re");
	if (!f)
		return errno == ENOENT ? -ESRCH : -errno;
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = 0;
		read_line(line, id, &v2, &v1);
	}
	(void)fclose(f); /* only read */
	if (!id[0])
		return -ENOENT;
	memcpy(ret_id, id, sizeof(id));
	*ret_cgroup_id = v2 ? v2 : v1;
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
	bool v1 = cgroup_id & CONTAINER_CGROUP_V1;
	const char *const *mount = v1 ? mounts_v1 : mounts_v2;
	int fd = -1, err = -ENOTSUP;

	cgroup_id &= ~CONTAINER_CGROUP_V1;
	memcpy(handle.room + offsetof(struct file_handle, f_handle), &cgroup_id, sizeof(cgroup_id));
	for (; *mount && fd < 0; mount++) {
		int dir;

		if (!is_tree(*mount, v1))
			continue;
		dir = open(*mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (dir < 0)
			continue;
		fd = open_by_handle_at(dir, &handle.h, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		err = fd < 0 ? -errno : 0;
		close(dir);
		if (v1)
			break; /* another controller's tree has other cgroups by the same numbers */
	}
	return fd < 0 ? err : fd;
}

int container_of_cgroup(uint64_t cgroup_id, bool isolated, char ret_id[65])
{
	bool v1 = cgroup_id & CONTAINER_CGROUP_V1;
	char link[64], path[4096];
	int fd = open_cgroup(cgroup_id);
	const char *at = path;
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
	if (container_id_in_path(path, ret_id) == 0)
		return 0;
	if (!isolated)
		return -ENOENT;
	for (const char *const *mount = v1 ? mounts_v1 : mounts_v2; *mount; mount++) {
		size_t len = strlen(*mount);

		if (is_tree(*mount, v1) && strncmp(path, *mount, len) == 0)
			at = path + len;
	}
	return container_name_in_path(at, ret_id);
}
