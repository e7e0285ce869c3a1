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
#include <string.h>
#include <sys/inotify.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/log.h"
#include "base/map.h"
#include "tap/bpf_tls.h"
#include "tap/file_id.h"
#include "tap/maps.h"
#include "tap/tls_file.h"

#define VERSION_SIZE 48
#define HOW_SIZE     320
#define MAX_KNOWN    65536 /* negative answers kept; then they are forgotten together */

struct file {
	struct file_id id;
	int wd; /* of the watch for writes; -1: none */
	uint16_t lib;
	uint8_t tls;
	struct tap_tls_links *links; /* NULL: not attached */
	char *path, *version, *how;
	enum tls_reason reason; /* why it is not attached any more */
};
struct tls_watch {
	struct tap_bpf *b;
	tls_watch_fn found;
	void *ctx;
	struct map names; /* inode and name -> &nothing */
	struct map files; /* identity -> struct file, or &nothing */
	int notify;	  /* inotify: tells of writes to attached files */
	bool nop5;
	uint16_t nlibs;
	size_t attached;
	bool no_returns; /* return probes are not safe here */
	void (*used)(void *ctx, uint32_t pid, uint16_t lib);
	void *used_ctx;
};
static struct file nothing; /* a file without a TLS library; its address is all that counts */

static void forget_nothing(struct map *m)
{
	uint64_t key;
	size_t pos = 0;
	void *v;

	while (map_next(m, &pos, &key, &v))
		if (v == &nothing)
			(void)map_take(m, key);
}

static bool remember(struct map *m, uint64_t key, struct file *f)
{
	if (m->n >= MAX_KNOWN)
		forget_nothing(m);
	return map_put(m, key, f) == 0;
}

/* --- files that change -------------------------------------------------------------------------- */

/* A probe stays at its offset whatever the file holds there by then, and the kernel puts it into every new
 * mapping: in code that was written over, it would break the program.  So attached files are watched from before they
 * are looked at. */
static int watch_writes(const struct tls_watch *w, int fd)
{
	char name[40];

	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	return inotify_add_watch(w->notify, name, IN_MODIFY);
}

static void unwatch(const struct tls_watch *w, struct file *f)
{
	if (f->wd >= 0)
		(void)inotify_rm_watch(w->notify, f->wd); /* gone with its file: fine */
	f->wd = -1;
}

static void tell(struct tls_watch *w, const struct file *f, const char *problem);

static void give_up(struct tls_watch *w, struct file *f, const char *problem)
{
	tap_bpf_tls_detach(f->links);
	f->links = NULL;
	w->attached--;
	unwatch(w, f);
	log_warn("%s is not decrypted any more: %s", f->path, problem);
	tell(w, f, problem);
}

/* Gives up attached files for which is_it says so. */
static void give_up_those(struct tls_watch *w, bool (*is_it)(const struct file *f, const void *arg),
			  const void *arg)
{
	uint64_t key;
	size_t pos = 0;
	void *v;

	while (map_next(&w->files, &pos, &key, &v)) {
		struct file *f = v;

		if (f != &nothing && f->links && is_it(f, arg)) {
			f->reason = TLS_WHY_CHANGED;
			give_up(w, f,
				"the file was changed while it was in use: its probes were "
				"removed; programs that "
				"start to use it now are looked at anew");
		}
	}
}

static bool has_watch(const struct file *f, const void *wd)
{
	return f->wd >= 0 && f->wd == *(const int *)wd;
}

/* The same inode with something else in it.  On an overlay, equal numbers need not be the same file. */
static bool was_before(const struct file *f, const void *id)
{
	const struct file_id *now = id;

	return now->dev && f->id.dev == now->dev && f->id.ino == now->ino;
}

int tls_watch_fd(const struct tls_watch *w)
{
	return w->notify;
}

void tls_watch_changed(struct tls_watch *w)
{
	char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n;

	while ((n = read(w->notify, buf, sizeof(buf))) > 0) {
		const struct inotify_event *ev;

		for (ssize_t at = 0; at < n; at += (ssize_t)(sizeof(*ev) + ev->len)) {
			ev = (const struct inotify_event *)(const void *)(buf + at);
			if (ev->mask & IN_MODIFY)
				give_up_those(w, has_watch, &ev->wd);
		}
	}
}

/* --- one file ------------------------------------------------------------------------------------- */

static void tell(struct tls_watch *w, const struct file *f, const char *problem)
{
	struct tls_watch_lib l = {
		.lib = f->lib,
		.tls = f->tls,
		.name = tls_table[f->tls - 1].name,
		.version = f->version,
		.path = f->path,
		.how = f->how,
		.attached = f->links != NULL,
		.problem = problem,
		.reason = f->links ? TLS_WHY_READ : f->reason ? f->reason : TLS_WHY_REFUSED,
	};

	w->found(w->ctx, &l);
}

static void file_free(struct file *f)
{
	if (!f || f == &nothing)
		return;
	tap_bpf_tls_detach(f->links);
	free(f->path);
	free(f->version);
	free(f->how);
	free(f);
}

static struct file *file_new(const struct tls_file *c, const struct file_id *id, uint16_t lib)
{
	struct file *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->id = *id;
	f->wd = -1;
	f->lib = lib;
	f->tls = c->tls;
	f->path = strdup(c->path);
	f->version = calloc(1, VERSION_SIZE);
	f->how = calloc(1, HOW_SIZE);
	if (f->path && f->version && f->how)
		return f;
	file_free(f);
	return NULL;
}

/* A file that has a TLS library in it: attaches if that can be, and says so either way. */
static struct file *take_file(struct tls_watch *w, const struct tls_file *c,
			      const struct file_id *id, int wd)
{
	struct file_id now = { 0 };

	char problem[128];
	struct file *f;
	int err;

	if (w->nlibs + 1 >= EV_TLS_LIBS) {
		log_warn("more than %d different TLS library files: %s is not decrypted",
			 EV_TLS_LIBS, c->path);
		return NULL;
	}
	f = file_new(c, id, w->nlibs + 1);
	if (!f)
		return NULL;
	w->nlibs++;
	f->wd = wd;
	give_up_those(w, was_before, id);
	err = tls_file_probe(c, w->b, f->lib, &f->links, f->how, HOW_SIZE);
	/* Written to since it was identified: what was read of it may be of two files. */
	if (!err && (file_id_of(c->fd, &now) != 0 || file_id_key(&now) != file_id_key(id))) {
		tap_bpf_tls_detach(f->links);
		f->links = NULL;
		err = -ESTALE;
	}
	if (!f->links)
		unwatch(w, f);
	tls_file_version(c, f->version, VERSION_SIZE);
	w->attached += f->links != NULL;
	tell(w, f, err ? tls_file_explain(c, err, problem, sizeof(problem)) : NULL);
	return f;
}

/* Reads a file that is not known yet.  NULL: it could not be read, nothing is known. */
static struct file *analyse(struct tls_watch *w, uint32_t pid, const char *path, int path_fd,
			    const struct file_id *id)
{
	struct tls_file c = {
		.pid = pid, .path = path, .nop5 = w->nop5, .no_returns = w->no_returns
	};
	struct file *f = &nothing;

	c.fd = maps_reopen(path_fd);
	if (c.fd < 0)
		return c.fd == -ENOEXEC ? &nothing : NULL;
	if (elf_image_open(&c.img, c.fd) == 0) {
		int wd = watch_writes(w, c.fd); /* before the first byte of code is read */

		for (c.row = tls_table; c.row->name; c.row++) {
			c.tls = (uint8_t)(1 + (c.row - tls_table));
			if (tls_file_applies(&c) != 1)
				continue;
			f = take_file(w, &c, id, wd);
			break;
		}
		if (wd >= 0 && (!f || f == &nothing))
			(void)inotify_rm_watch(w->notify, wd);
		elf_image_close(c.img);
	}
	close(c.fd);
	return f;
}

/* path_fd (O_PATH, borrowed) is the file.  NULL: nothing is known of it. */
static struct file *look_at(struct tls_watch *w, uint32_t pid, const char *path, int path_fd)
{
	struct file_id id = { 0 };
	struct file *f;
	uint64_t key;

	if (file_id_of(path_fd, &id) != 0)
		return NULL;
	key = file_id_key(&id);
	f = map_find(&w->files, key);
	if (f)
		return f;
	f = analyse(w, pid, path, path_fd, &id);
	if (f && !remember(&w->files, key, f)) { /* looked at again another time */
		file_free(f);
		return NULL;
	}
	return f;
}

/* --- processes ------------------------------------------------------------------------------------ */

static void used(const struct tls_watch *w, uint32_t pid, const struct file *f)
{
	if (w->used && f && f != &nothing)
		w->used(w->used_ctx, pid, f->lib);
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
	struct file *f;
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
	f = look_at(v->w, v->pid, e->path, fd);
	used(v->w, v->pid, f);
	v->nothing = f == &nothing;
	if (f == &nothing)
		(void)remember(&v->w->names, key, f); /* else it is looked at again */
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
	used(w, pid, look_at(w, pid, path, fd));
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
		(void)remember(&w->names, key, &nothing);
}

int tls_watch_pid(struct tls_watch *w, uint32_t pid)
{
	struct visit v = { .w = w, .pid = pid };
	size_t before = w->attached;
	int err = maps_each(pid, visit_mapping, &v);

	return err ? err : (int)(w->attached - before);
}

/* The kernel side stops listening to a library whose calls claim what cannot be. */
static void check_sanity(struct tls_watch *w)
{
	struct ev_tls_lib stats;
	uint64_t key;
	size_t pos = 0;
	void *v;

	while (map_next(&w->files, &pos, &key, &v)) {
		struct file *f = v;

		if (f == &nothing || !f->links || tap_bpf_tls_stats(w->b, f->lib, &stats) != 0 ||
		    !stats.off)
			continue;
		f->reason = TLS_WHY_MISREAD;
		give_up(w, f,
			"its calls said that they moved more than their buffers hold, so it is "
			"left "
			"alone; please report it");
	}
}

int tls_watch_scan(struct tls_watch *w)
{
	size_t before = w->attached;
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
	n = (int)(w->attached - before);
	tls_watch_changed(w);
	check_sanity(w);
	return n;
}

/* --- the watch ------------------------------------------------------------------------------------ */

/* Where a five-byte nop is turned into a call.  Only cost hangs on it, so a version number will do. */
static bool kernel_optimises_nop5(void)
{
	struct utsname u;
	unsigned maj = 0, min = 0;

	return uname(&u) == 0 && sscanf(u.release, "%u.%u", &maj, &min) == 2 &&
	       (maj > 6 || (maj == 6 && min >= 18));
}

int tls_watch_new(struct tls_watch **ret, struct tap_bpf *b, tls_watch_fn found, void *ctx)
{
	struct tls_watch *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return -ENOMEM;
	w->notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->notify < 0) {
		err = -errno;
		free(w);
		return err;
	}
	w->b = b;
	w->found = found;
	w->ctx = ctx;
	w->nop5 = kernel_optimises_nop5();
	err = tap_bpf_tls_selftest(b);
	if (err == -EOPNOTSUPP)
		log_warn("this kernel kills processes that are confined by seccomp when a probed "
			 "function returns "
			 "(Linux 6.11 to 6.13): TLS is decrypted without return probes, which "
			 "costs more");
	else if (err)
		log_warn("return probes could not be tried (%s): TLS is decrypted without them",
			 strerror(-err));
	w->no_returns = err != 0;
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
	w->no_returns = true;
}

size_t tls_watch_count(const struct tls_watch *w)
{
	return w->attached;
}

void tls_watch_free(struct tls_watch *w)
{
	uint64_t key;
	size_t pos = 0;
	void *v;

	if (!w)
		return;
	while (map_next(&w->files, &pos, &key, &v))
		if (v != &nothing) {
			(void)map_take(&w->files, key);
			file_free(v);
		}
	map_release(&w->files);
	map_release(&w->names);
	close(w->notify);
	free(w);
}
