/* SPDX-License-Identifier: Apache-2.0 */
/* Nearly all files that processes map are no TLS libraries, so the answer "no" is kept twice: by inode and
 * name, which an EV_MAP record carries, without touching the file; and by the file's identity.
 */
#include "tap/tls_watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/log.h"
#include "base/map.h"
#include "tap/bpf_tls.h"
#include "tap/maps.h"
#include "tap/tls_file.h"
#include "tap/tls_plan.h"

#define VERSION_SIZE 48
#define HOW_SIZE     320
#define MAX_KNOWN    65536 /* negative answers kept; then they are forgotten together */

/* What tells one file from another.  Containers of one image see the same inode through different
 * overlays, each with a device number of its own, so there the device does not count.  The change time
 * does: an overlay keeps the inode number when it copies a file up, but the copy is another file. */
struct identity {
	uint64_t dev, ino, size, mtime_ns, ctime_ns;
};
struct file {
	struct identity id;
	uint16_t lib;
	uint8_t tls;
	struct tap_tls_links *links; /* NULL: not attached */
	char *path, *version, *how;
};
struct tls_watch {
	struct tap_bpf *b;
	tls_watch_fn found;
	void *ctx;
	struct map names; /* inode and name -> &nothing */
	struct map files; /* identity -> struct file, or &nothing */
	bool nop5;
	uint16_t nlibs;
	size_t attached;
	const char *unsafe; /* why nothing may be attached, or NULL */
};
static struct file nothing; /* a file without a TLS library; its address is all that counts */

/* FNV-1a over words, with a mix in between. */
static uint64_t hash(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x100000001b3;
	return h ^ h >> 29;
}

static uint64_t name_key(uint64_t dev, uint64_t ino, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	uint64_t h = hash(hash(0xcbf29ce484222325, dev), ino);

	for (size_t i = 0; name[i] && i < EV_NAME_LEN - 1; i++) /* as EV_MAP cuts it */
		h = hash(h, (uint8_t)name[i]);
	return h;
}

static uint64_t identity_key(const struct identity *id)
{
	uint64_t h = hash(hash(0x9ae16a3b2f90404f, id->dev), id->ino);

	return hash(hash(hash(h, id->size), id->mtime_ns), id->ctime_ns);
}

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

static int identify(int fd, struct identity *ret)
{
	struct statfs fs;
	struct stat st;

	if (fstat(fd, &st) != 0 || fstatfs(fd, &fs) != 0)
		return -errno;
	*ret = (struct identity){
		.dev = fs.f_type == OVERLAYFS_SUPER_MAGIC ? 0 : st.st_dev,
		.ino = st.st_ino,
		.size = (uint64_t)st.st_size,
		.mtime_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000 + (uint64_t)st.st_mtim.tv_nsec,
		.ctime_ns = (uint64_t)st.st_ctim.tv_sec * 1000000000 + (uint64_t)st.st_ctim.tv_nsec,
	};
	return 0;
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

static struct file *file_new(const struct tls_file *c, const struct identity *id, uint16_t lib)
{
	struct file *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->id = *id;
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
			      const struct identity *id)
{
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
	err = tls_file_probe(c, w->b, f->lib, w->nop5, w->unsafe ? NULL : &f->links, f->how,
			     HOW_SIZE);
	tls_file_version(c, f->version, VERSION_SIZE);
	w->attached += f->links != NULL;
	tell(w, f, err ? tls_file_explain(err, problem, sizeof(problem)) : w->unsafe);
	return f;
}

/* Reads a file that is not known yet.  NULL: it could not be read, nothing is known. */
static struct file *analyse(struct tls_watch *w, uint32_t pid, const char *path, int path_fd,
			    const struct identity *id)
{
	struct tls_file c = { .pid = pid, .path = path };
	struct file *f = &nothing;

	c.fd = maps_reopen(path_fd);
	if (c.fd < 0)
		return c.fd == -ENOEXEC ? &nothing : NULL;
	if (elf_image_open(&c.img, c.fd) == 0) {
		for (c.row = tls_table; c.row->name; c.row++) {
			c.tls = (uint8_t)(1 + (c.row - tls_table));
			if (tls_plan_applies(c.img, c.row) != 1)
				continue;
			f = take_file(w, &c, id);
			break;
		}
		elf_image_close(c.img);
	}
	close(c.fd);
	return f;
}

/* path_fd (O_PATH, borrowed) is the file.  NULL: nothing is known of it. */
static struct file *look_at(struct tls_watch *w, uint32_t pid, const char *path, int path_fd)
{
	struct identity id = { 0 };
	struct file *f;
	uint64_t key;

	if (identify(path_fd, &id) != 0)
		return NULL;
	key = identity_key(&id);
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
	uint64_t key = name_key(e->dev, e->ino, e->path);
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
	(void)look_at(w, pid, path, fd);
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
	key = name_key(0, ev->ino, ev->name);
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
		tap_bpf_tls_detach(f->links);
		f->links = NULL;
		w->attached--;
		tell(w, f,
		     "its calls said that they moved more than their buffers hold, so it is left "
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
	w->b = b;
	w->found = found;
	w->ctx = ctx;
	w->nop5 = kernel_optimises_nop5();
	err = tap_bpf_tls_selftest(b);
	if (err == -EOPNOTSUPP)
		w->unsafe = "this kernel kills processes that are confined by seccomp when a "
			    "probed function "
			    "returns (Linux 6.11 to 6.13): update it to decrypt TLS";
	else if (err)
		w->unsafe = "a probe on a child of Limpid's own failed, so none is put on others; "
			    "see the log";
	if (err)
		log_warn("return probes are not safe here: %s", strerror(-err));
	*ret = w;
	return 0;
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
	free(w);
}
