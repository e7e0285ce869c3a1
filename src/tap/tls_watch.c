/* SPDX-License-Identifier: Apache-2.0 */
/* Nearly all files that processes map are no TLS libraries, so the answer "no" is kept twice: by inode and
 * name, which an EV_MAP record carries, without touching the file; and by the file's identity.
 */
#include "tap/tls_watch.h"

#include <ctype.h>
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
#include "tap/tls_plan.h"

#define MAX_KNOWN 65536 /* negative answers kept; then they are forgotten together */

/* What tells one file from another.  Containers of one image see the same inode through different
 * overlays, each with a device number of its own, so there the device does not count.  The change time
 * does: an overlay keeps the inode number when it copies a file up, but the copy is another file. */
struct identity {
	uint64_t dev, ino, size, mtime_ns, ctime_ns;
};
struct file {
	struct identity id;
	uint16_t lib;
	struct tap_tls_links *links; /* NULL: not attached */
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

static void remember(struct map *m, uint64_t key, struct file *f)
{
	if (m->n >= MAX_KNOWN)
		forget_nothing(m);
	(void)map_put(m, key, f); /* out of memory: it is looked at again */
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

struct candidate {
	uint32_t pid;
	const char *path; /* as the process sees it */
	int fd;
	struct elf_image *img;
	const struct tls_lib *row;
	uint8_t tls;
};

static void find_version(const struct candidate *c, char *ret, size_t size)
{
	char name[MAPS_PATH_MAX + 128];
	const char *slash = strrchr(c->path, '/');
	struct elf_image *img;
	int fd;

	ret[0] = '\0';
	if (elf_image_version(c->img, c->row->version_text, ret, size) == 0 ||
	    elf_image_soname_version(c->img, ret, size) != 0 || !slash || !c->row->companion)
		return;
	(void)snprintf(name, sizeof(name), "/proc/%u/root%.*s/%s.%s", c->pid,
		       (int)(slash - c->path), c->path, c->row->companion, ret);
	fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return;
	if (elf_image_open(&img, fd) == 0) {
		(void)elf_image_version(img, c->row->version_text, ret, size);
		elf_image_close(img);
	}
	close(fd);
}

static struct ev_tls_site site_of(const struct tls_call *call, uint16_t lib, uint8_t tls)
{
	static const uint8_t what[] = {
		[TLS_DIR_READ] = EV_TLS_READ,
		[TLS_DIR_WRITE] = EV_TLS_WRITE,
		[TLS_DIR_NONE] = EV_TLS_HANDSHAKE,
	};

	return (struct ev_tls_site){
		.lib = lib,
		.tls = tls,
		.what = what[call->dir],
		.buf_arg = call->buf_arg,
		.num_arg = call->num_arg,
		.len_arg = call->len == TLS_LEN_POINTER ? call->len_arg : EV_TLS_LEN_RETURN,
	};
}

/* Attaches, after comparing the bytes once more: the file may have been written to meanwhile. */
static int attach(struct tls_watch *w, const struct candidate *c, const struct tls_plan *plan,
		  struct file *f)
{
	struct tap_tls_place places[TLS_PLAN_SITES];

	for (size_t i = 0; i < plan->n; i++) {
		const struct site *s = &plan->site[i].at;
		uint8_t now[SITE_BYTES];

		if (pread(c->fd, now, s->nbytes, (off_t)s->off) != s->nbytes ||
		    memcmp(now, s->bytes, s->nbytes) != 0)
			return -ESTALE;
		places[i] = (struct tap_tls_place){ s->off,
						    site_of(&plan->site[i].call, f->lib, c->tls) };
	}
	return tap_bpf_tls_attach(&f->links, w->b, c->fd, places, plan->n);
}

static const char *explain(int err, char *buf, size_t size)
{
	switch (err) {
	case -ESTALE:
		return "the file changed while it was looked at";
	case -EBADMSG:
		return "its ELF headers are damaged";
	case -EINVAL:
	case -ENOEXEC:
	case -ERANGE:
		return "its functions do not look like those of the library; please report it";
	case -EPERM:
	case -EACCES:
		return "the kernel refuses probes: CAP_BPF and CAP_PERFMON (before Linux 6.6: "
		       "CAP_SYS_ADMIN) "
		       "are needed";
	default:
		(void)snprintf(buf, size, "the kernel refuses the probes (%s)", strerror(-err));
		return buf;
	}
}

/* A file that has a TLS library in it: attaches if that can be, and says so either way. */
static struct file *take_file(struct tls_watch *w, const struct candidate *c,
			      const struct identity *id)
{
	char how[320] = "", version[48], problem[128];
	struct tls_watch_lib l = {
		.tls = c->tls, .name = c->row->name, .path = c->path, .how = how
	};
	struct file *f;
	struct tls_plan plan;
	int err;

	if (w->nlibs + 1 >= EV_TLS_LIBS) {
		log_warn("more than %d different TLS library files: %s is not decrypted",
			 EV_TLS_LIBS, c->path);
		return NULL;
	}
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	f->id = *id;
	f->lib = l.lib = ++w->nlibs;
	err = tls_plan_make(&plan, c->img, c->row, w->nop5);
	if (!err) {
		size_t at;

		tls_plan_text(&plan, how, sizeof(how));
		at = strlen(how);
		(void)snprintf(how + at, sizeof(how) - at, "; return probes; %s",
			       tap_bpf_tls_backend(w->b));
		if (!w->unsafe)
			err = attach(w, c, &plan, f);
	}
	find_version(c, version, sizeof(version));
	l.version = version;
	l.attached = f->links != NULL;
	if (err)
		l.problem = explain(err, problem, sizeof(problem));
	else if (w->unsafe)
		l.problem = w->unsafe;
	w->attached += l.attached;
	w->found(w->ctx, &l);
	return f;
}

/* Reads a file that is not known yet.  NULL: it could not be read, nothing is known. */
static struct file *analyse(struct tls_watch *w, uint32_t pid, const char *path, int path_fd,
			    const struct identity *id)
{
	struct candidate c = { .pid = pid, .path = path };
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
	if (f)
		remember(&w->files, key, f);
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
		remember(&v->w->names, key, f);
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
	if (map_find(&w->names, key))
		return;
	if (maps_each(v.pid, visit_mapping, &v) == 0 && v.nothing)
		remember(&w->names, key, &nothing);
}

int tls_watch_pid(struct tls_watch *w, uint32_t pid)
{
	struct visit v = { .w = w, .pid = pid };
	size_t before = w->attached;
	int err = maps_each(pid, visit_mapping, &v);

	return err ? err : (int)(w->attached - before);
}

int tls_watch_scan(struct tls_watch *w)
{
	size_t before = w->attached;
	DIR *d = opendir("/proc");

	if (!d)
		return -errno;
	for (struct dirent *e; (e = readdir(d));) {
		char *end;
		unsigned long pid = strtoul(e->d_name, &end, 10);

		if (pid > 0 && *end == '\0') /* kernel threads map nothing; who is gone, is gone */
			(void)tls_watch_pid(w, (uint32_t)pid);
	}
	(void)closedir(d);
	return (int)(w->attached - before);
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
			tap_bpf_tls_detach(((struct file *)v)->links);
			free(v);
		}
	map_release(&w->files);
	map_release(&w->names);
	free(w);
}
