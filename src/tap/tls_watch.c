/* SPDX-License-Identifier: Apache-2.0 */
/* Nearly all files that processes map are no TLS libraries, so the answer "no" is kept twice: by inode and
 * name, which an EV_MAP record carries, without touching the file; and by the file's identity.
 */
#include "tap/tls_watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/map.h"
#include "tap/file_id.h"
#include "tap/maps.h"

#define MAX_NAMES 65536 /* negative answers kept; then they are forgotten together */

struct tls_watch {
	struct tls_files *files;
	struct map names; /* inode and name of files without a library */
	void (*used)(void *ctx, uint32_t pid, uint16_t lib);
	void *used_ctx;
};

static void remember_nothing(struct tls_watch *w, uint64_t key)
{
	if (w->names.n >= MAX_NAMES)
		map_release(&w->names);
	(void)map_put(&w->names, key, w); /* out of memory: looked at again */
}

/* --- processes ------------------------------------------------------------------------------------ */

static void used(const struct tls_watch *w, uint32_t pid, const struct tls_known *k)
{
	if (w->used && k)
		tls_known_libs(k, w->used, w->used_ctx, pid);
}

struct visit {
	struct tls_watch *w;
	uint32_t pid;
	uint64_t addr; /* only the mapping that holds it; 0: all */
	uint64_t last_ino;
	bool nothing; /* of the mapping at addr */
};

static bool visit_mapping(void *ctx, const struct maps_entry *e)
{
	struct visit *v = ctx;
	uint64_t key = file_name_key(e->dev, e->ino, e->path);
	const struct tls_known *k;
	int fd;

	if (v->addr ? v->addr < e->from || v->addr >= e->to : e->ino == v->last_ino)
		return true;
	v->last_ino = e->ino;
	if (map_find(&v->w->names, key)) {
		v->nothing = true;
		return v->addr == 0;
	}
	fd = maps_open(v->pid, e);
	if (fd < 0)
		return v->addr == 0;
	k = tls_files_look(v->w->files, v->pid, e->path, e->path, fd);
	used(v->w, v->pid, k);
	v->nothing = k && tls_known_empty(k);
	if (v->nothing)
		remember_nothing(v->w, key); /* else it is looked at again */
	close(fd);
	return v->addr == 0;
}

static void visit_exe(struct tls_watch *w, uint32_t pid)
{
	char name[40], path[MAPS_PATH_MAX];
	ssize_t n;
	int fd;

	(void)snprintf(name, sizeof(name), "/proc/%u/exe", pid);
	fd = open(name, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return;
	n = readlink(name, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	used(w, pid, tls_files_look(w->files, pid, path, path, fd));
	close(fd);
}

void tls_watch_task(struct tls_watch *w, const struct ev_task *ev)
{
	struct visit v = { .w = w, .pid = ev->h.tgid, .addr = ev->addr };
	uint64_t key;

	if (ev->h.kind == EV_EXEC) {
		visit_exe(w, ev->h.tgid);
		return;
	}
	if (ev->h.kind != EV_MAP || ev->addr == 0)
		return;
	key = file_name_key(0, ev->ino, ev->name);
	/* Inode 0: the kernel side did not find the mapping (any more). */
	if (ev->ino && map_find(&w->names, key))
		return;
	if (maps_each(v.pid, visit_mapping, &v) == 0 && v.nothing && ev->ino)
		remember_nothing(w, key);
}

int tls_watch_pid(struct tls_watch *w, uint32_t pid)
{
	struct visit v = { .w = w, .pid = pid };
	size_t before = tls_files_attached(w->files);
	int err = maps_each(pid, visit_mapping, &v);

	return err ? err : (int)(tls_files_attached(w->files) - before);
}

int tls_watch_scan(struct tls_watch *w)
{
	size_t before = tls_files_attached(w->files);
	DIR *d = opendir("/proc");
	int n;

	if (!d)
		return -errno;
	for (struct dirent *e; (e = readdir(d));) {
		char *end;
		unsigned long pid = strtoul(e->d_name, &end, 10);

		if (pid > 0 && *end == '\0') /* kernel threads map nothing; who is gone, is gone */
			(void)tls_watch_pid(w, (uint32_t)pid);
	}
	(void)closedir(d);
	n = (int)(tls_files_attached(w->files) - before);
	tls_files_changed(w->files);
	tls_files_check(w->files);
	return n;
}

/* --- the watch ------------------------------------------------------------------------------------ */

int tls_watch_new(struct tls_watch **ret, struct tap_bpf *b, tls_watch_fn found, void *ctx)
{
	struct tls_watch *w = calloc(1, sizeof(*w));
	int err = w ? tls_files_new(&w->files, b, found, ctx) : -ENOMEM;

	if (err) {
		free(w);
		return err;
	}
	*ret = w;
	return 0;
}

void tls_watch_on_use(struct tls_watch *w, void (*fn)(void *ctx, uint32_t pid, uint16_t lib), void *ctx)
{
	w->used = fn;
	w->used_ctx = ctx;
}

void tls_watch_avoid_returns(struct tls_watch *w)
{
	tls_files_avoid_returns(w->files);
}

void tls_watch_file(struct tls_watch *w, uint32_t pid, const char *path, const char *shown, int fd)
{
	if (tls_files_have_room(w->files))
		(void)tls_files_look(w->files, pid, path, shown, fd); /* nobody uses it yet */
}

void tls_watch_check(struct tls_watch *w)
{
	tls_files_check(w->files);
}

int tls_watch_cache(struct tls_watch *w, const char *dir)
{
	return tls_files_cache(w->files, dir);
}

void tls_watch_counts(const struct tls_watch *w, struct tls_files_counts *ret)
{
	tls_files_counts(w->files, ret);
}

int tls_watch_fd(const struct tls_watch *w)
{
	return tls_files_fd(w->files);
}

void tls_watch_changed(struct tls_watch *w)
{
	tls_files_changed(w->files);
}

size_t tls_watch_count(const struct tls_watch *w)
{
	return tls_files_attached(w->files);
}

void tls_watch_free(struct tls_watch *w)
{
	if (!w)
		return;
	tls_files_free(w->files);
	map_release(&w->names);
	free(w);
}
