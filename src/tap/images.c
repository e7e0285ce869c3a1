/* SPDX-License-Identifier: Apache-2.0 */
/* An image may be hostile: nothing in it leads out of it, nothing but regular files is opened, and what is read of each
 * directory is bounded. */
#include "tap/images.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/map.h"
#include "tap/maps.h"

#define MOUNTS_MAX    8192 /* overlays that are remembered; of more, none is looked into again */
#define ENTRIES_MAX   8192 /* of one directory */
#define FILES_MAX     64   /* of one image */
#define PROGRAMS_MAX  16   /* of those, programs */
#define PROGRAM_LEAST (4 << 20) /* bytes: with a TLS library linked into it a program is larger */

struct images {
	images_fn fn;
	void *ctx;
	int mounts;	  /* mountinfo, whose poll tells of changes */
	uint32_t pid;	  /* whose it is */
	struct map known; /* mounts that were looked into */
};

#if defined(__aarch64__)
#define TRIPLET "aarch64-linux-gnu"
#else
#define TRIPLET "x86_64-linux-gnu"
#endif
/* Where the loaders of Debian, Fedora, Alpine and what is built from source look. */
static const char *const library_dirs[] = {
	"usr/lib/" TRIPLET,
	"usr/lib64",
	"usr/lib",
	"lib/" TRIPLET,
	"lib64",
	"lib",
	"usr/local/lib",
	"usr/local/lib/" TRIPLET,
	"usr/local/lib64",
	"opt/lib",
};
static const char *const program_dirs[] = {
	"", "app", "bin", "usr/bin", "usr/local/bin", "usr/sbin", "usr/local/sbin",
};

/* --- one image ------------------------------------------------------------------------------------ */

struct look {
	images_fn fn;
	void *ctx;
	uint32_t pid;
	const char *root; /* as pid sees it */
	size_t files, programs;
};

/* Below the directory fd and nowhere else.  No links: where they lead is in the list, and the layer that has a file is found by the
 * file's own path. */
static int open_inside(int fd, const char *path, uint64_t flags)
{
	struct open_how how = { .flags = flags | O_CLOEXEC,
				.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };

	return (int)syscall(SYS_openat2, fd, path[0] ? path : ".", &how, sizeof(how));
}

/* libssl.so.3, libgnutls.so.30, libmbedtls.so.14, libwolfssl.so.35, libnspr4.so, libssl3.so: by name only because looking into
 * all would take too long; a library with another name is found when it is mapped. */
static bool may_be_library(const char *name)
{
	static const char *const parts[] = { "ssl", "tls", "nspr", "nss3" };

	if (!strstr(name, ".so"))
		return false;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strstr(name, parts[i]))
			return true;
	return false;
}

static void take(struct look *l, int dir, const char *dir_name, const char *name, bool program)
{
	char path[MAPS_PATH_MAX];
	struct stat st;
	int fd, n;

	n = snprintf(path, sizeof(path), "%s/%s%s%s", l->root, dir_name, dir_name[0] ? "/" : "",
		     name);
	if (n < 0 || (size_t)n >= sizeof(path))
		return;
	fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    (!program || (st.st_mode & 0111 && st.st_size >= PROGRAM_LEAST))) {
		l->files++;
		l->programs += program;
		l->fn(l->ctx, l->pid, path, path + strlen(l->root), fd);
	}
	close(fd);
}

static void look_at_directory(struct look *l, int root, const char *name, bool programs)
{
	int fd = open_inside(root, name, O_RDONLY | O_DIRECTORY);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;

	for (int n = 0; d && n < ENTRIES_MAX && l->files < FILES_MAX && (e = readdir(d)); n++) {
		if (e->d_type != DT_REG && e->d_type != DT_UNKNOWN)
			continue;
		if (programs ? l->programs < PROGRAMS_MAX : may_be_library(e->d_name))
			take(l, fd, name, e->d_name, programs);
	}
	if (d)
		(void)closedir(d); /* only read */
	else if (fd >= 0)
		close(fd);
}

static void look_into(struct look *l, int root)
{
	for (size_t i = 0; i < sizeof(library_dirs) / sizeof(library_dirs[0]); i++)
		look_at_directory(l, root, library_dirs[i], false);
	for (size_t i = 0; i < sizeof(program_dirs) / sizeof(program_dirs[0]); i++)
		look_at_directory(l, root, program_dirs[i], true);
}

void images_look_into(const char *dir, images_fn fn, void *ctx)
{
	struct look l = { .fn = fn, .ctx = ctx, .pid = (uint32_t)getpid(), .root = dir };
	int root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return;
	look_into(&l, root);
	close(root);
}

/* --- mounts --------------------------------------------------------------------------------------- */

/* A blank in a path is written \040 (proc_pid_mountinfo(5)). */
static void unescape(char *s)
{
	char *to = s;

	for (const char *p = s; *p; p++)
		if (p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' &&
		    p[3] >= '0' && p[3] <= '7') {
			*to++ = (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0'));
			p += 3;
		} else {
			*to++ = *p;
		}
	*to = '\0';
}

static uint64_t key_of(unsigned id, unsigned minor, const char *point)
{
	uint64_t h = 0xcbf29ce484222325u ^ ((uint64_t)id << 32 | minor);

	while (*point) /* FNV-1a */
		h = (h ^ (uint8_t)*point++) * 0x100000001b3u;
	return h;
}

/* The mount point of an overlay whose root it shows: true. */
static bool parse_mount(const char *line, unsigned *id, unsigned *minor, char point[MAPS_PATH_MAX])
{
	char root[MAPS_PATH_MAX];

	return strstr(line, " - overlay ") &&
	       sscanf(line, "%u %*u %*u:%u %4095s %4095s", id, minor, root, point) == 4 &&
	       strcmp(root, "/") == 0;
}

static void look_at_mount(struct images *m, const char *point)
{
	struct look l = { .fn = m->fn,
			  .ctx = m->ctx,
			  .pid = m->pid,
			  .root = strcmp(point, "/") == 0 ? "" : point };
	char name[MAPS_PATH_MAX + 32];
	int root;

	(void)snprintf(name, sizeof(name), "/proc/%u/root%s", m->pid, point);
	root = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return;
	look_into(&l, root);
	close(root);
}

static FILE *from_the_start(const struct images *m)
{
	int fd = dup(m->mounts); /* the one that polls must be the one that is read */
	FILE *f = fd < 0 ? NULL : fdopen(fd, "re");

	if (!f && fd >= 0)
		close(fd);
	if (f)
		rewind(f);
	return f;
}

size_t images_look(struct images *m)
{
	FILE *f = from_the_start(m);
	char *line = NULL, point[MAPS_PATH_MAX];
	struct map now = { 0 };
	unsigned id, minor;
	size_t cap = 0, n = 0;

	while (f && getline(&line, &cap, f) > 0) {
		uint64_t key;

		if (!parse_mount(line, &id, &minor, point) || now.n >= MOUNTS_MAX)
			continue;
		key = key_of(id, minor, point);
		if (map_put(&now, key, m) != 0 || map_find(&m->known, key))
			continue;
		unescape(point);
		look_at_mount(m, point);
		n++;
	}
	free(line);
	if (f) {
		(void)fclose(f); /* only read */
		map_release(&m->known);
		m->known = now;
	}
	return n;
}

/* The machine's first process, when a Limpid in a container sees it and may look where it looks; else ourselves. */
static uint32_t whose_mounts(void)
{
	struct stat first, own;

	return stat("/proc/1/ns/mnt", &first) == 0 && stat("/proc/self/ns/mnt", &own) == 0 &&
			       first.st_ino != own.st_ino && access("/proc/1/root/", R_OK) == 0
		       ? 1
		       : (uint32_t)getpid();
}

int images_new(struct images **ret, images_fn fn, void *ctx)
{
	struct images *m = calloc(1, sizeof(*m));
	char name[40];
	int err;

	if (!m)
		return -ENOMEM;
	m->fn = fn;
	m->ctx = ctx;
	m->pid = whose_mounts();
	(void)snprintf(name, sizeof(name), "/proc/%u/mountinfo", m->pid);
	m->mounts = open(name, O_RDONLY | O_CLOEXEC);
	if (m->mounts < 0) {
		err = -errno;
		free(m);
		return err;
	}
	*ret = m;
	return 0;
}

int images_fd(const struct images *m)
{
	return m->mounts;
}

void images_free(struct images *m)
{
	if (!m)
		return;
	map_release(&m->known);
	close(m->mounts);
	free(m);
}
