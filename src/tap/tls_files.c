/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/tls_files.h"

#include <errno.h>
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
#include "tap/tls_cache.h"
#include "tap/tls_file.h"

#define HOW_SIZE 512
#define MAX_KNOWN \
	65536 /* files without a library that are remembered; then they are forgotten together */
#define KEEP_NOTHING_OF \
	(1U << 20) /* bytes of a file without a library, from which on that is kept on disk */

struct part { /* one library in a file */
	struct part *next;
	uint16_t lib;
	uint8_t tls;
	struct tap_tls_links *links; /* NULL: not attached */
	char version[TLS_VERSION_SIZE], how[HOW_SIZE];
	enum tls_reason reason; /* why it is not attached any more */
};
struct tls_known {
	struct file_id id, layer_id;
	int wd, layer_wd; /* of the watches for writes; -1: none */
	int layer; /* O_PATH: the file itself, below the overlay that it was seen through; -1: it is no overlay's */
	char *path;
	struct part *parts;
};
struct tls_files {
	struct tap_bpf *b;
	tls_watch_fn found;
	void *ctx;
	struct map known; /* identity -> struct tls_known, or &nothing */
	int notify;	  /* inotify: tells of writes to probed files */
	bool nop5, no_returns;
	uint16_t nlibs;
	size_t attached;
	struct tls_cache *cache; /* or NULL */
	size_t hits, analysed;
};
static struct tls_known nothing; /* a file without a TLS library; its address is all that counts */

bool tls_known_empty(const struct tls_known *k)
{
	return k == &nothing;
}

void tls_known_libs(const struct tls_known *k, void (*fn)(void *ctx, uint32_t pid, uint16_t lib),
		    void *ctx, uint32_t pid)
{
	for (const struct part *p = k->parts; p; p = p->next)
		fn(ctx, pid, p->lib);
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

/* --- telling, giving up --------------------------------------------------------------------------- */

static void tell(const struct tls_files *fs, const struct tls_known *k, const struct part *p,
		 const char *problem)
{
	struct tls_watch_lib l = {
		.lib = p->lib,
		.tls = p->tls,
		.name = tls_table[p->tls - 1].name,
		.version = p->version,
		.path = k->path,
		.how = p->how,
		.attached = p->links != NULL,
		.problem = problem,
		.reason = p->links    ? TLS_WHY_READ
			  : p->reason ? p->reason
				      : TLS_WHY_REFUSED,
	};

	fs->found(fs->ctx, &l);
}

/* A probe stays at its offset whatever the file holds there by then, and the kernel puts it into every new
 * mapping: in code that was written over, it would break the program.  So probed files are watched from before the
 * last comparison of what they are (is_still) on. */
static int watch_writes(const struct tls_files *fs, int fd)
{
	char name[40];

	(void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	return inotify_add_watch(fs->notify, name, IN_MODIFY);
}

static void end_watch(const struct tls_files *fs, int *wd)
{
	if (*wd >= 0)
		(void)inotify_rm_watch(fs->notify, *wd); /* gone with its file: fine */
	*wd = -1;
}

static void unwatch(const struct tls_files *fs, struct tls_known *k)
{
	for (const struct part *p = k->parts; p; p = p->next)
		if (p->links)
			return;
	end_watch(fs, &k->wd);
	end_watch(fs, &k->layer_wd);
}

static void give_up(struct tls_files *fs, struct tls_known *k, struct part *p,
		    enum tls_reason reason, const char *problem)
{
	if (!p->links)
		return;
	tap_bpf_tls_detach(p->links);
	p->links = NULL;
	p->reason = reason;
	fs->attached--;
	unwatch(fs, k);
	log_warn("%s is not decrypted any more: %s", k->path, problem);
	tell(fs, k, p, problem);
}

static void give_up_changed(struct tls_files *fs, struct tls_known *k)
{
	for (struct part *p = k->parts; p; p = p->next)
		give_up(fs, k, p, TLS_WHY_CHANGED,
			"the file was changed while it was in use: its probes were removed; "
			"programs "
			"that start to use it now are looked at anew");
}

/* Who writes to a file of an image writes to a copy, which the overlay makes for that container.  The probes are on the layer's own
 * file: as long as it is as it was, nothing happened to those who use it. */
static bool was_copied_up(const struct tls_known *k)
{
	struct file_id now = { 0 };

	return k->layer >= 0 && file_id_of(k->layer, &now) == 0 &&
	       file_id_key(&now) == file_id_key(&k->layer_id);
}

static void written(struct tls_files *fs, int wd)
{
	uint64_t key;
	size_t pos = 0;
	void *v;

	while (map_next(&fs->known, &pos, &key, &v)) {
		struct tls_known *k = v;

		if (k != &nothing && (k->wd == wd || k->layer_wd == wd) && !was_copied_up(k))
			give_up_changed(fs, k);
	}
}

int tls_files_fd(const struct tls_files *fs)
{
	return fs->notify;
}

void tls_files_changed(struct tls_files *fs)
{
	char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n;

	while ((n = read(fs->notify, buf, sizeof(buf))) > 0) {
		const struct inotify_event *ev;

		for (ssize_t at = 0; at < n; at += (ssize_t)(sizeof(*ev) + ev->len)) {
			ev = (const struct inotify_event *)(const void *)(buf + at);
			if (ev->mask & IN_MODIFY)
				written(fs, ev->wd);
		}
	}
}

/* The same inode with something else in it.  On an overlay, equal numbers need not be the same file. */
static void give_up_earlier(struct tls_files *fs, const struct file_id *now)
{
	uint64_t key;
	size_t pos = 0;
	void *v;

	while (map_next(&fs->known, &pos, &key, &v)) {
		struct tls_known *k = v;

		if (k != &nothing && now->dev && k->id.dev == now->dev && k->id.ino == now->ino)
			give_up_changed(fs, k);
	}
}

void tls_files_check(struct tls_files *fs)
{
	struct ev_tls_lib stats;
	uint64_t key;
	size_t pos = 0;
	void *v;

	while (map_next(&fs->known, &pos, &key, &v)) {
		struct tls_known *k = v;

		for (struct part *p = k->parts; p; p = p->next)
			if (p->links && tap_bpf_tls_stats(fs->b, p->lib, &stats) == 0 && stats.off)
				give_up(fs, k, p, TLS_WHY_MISREAD,
					"its calls said what cannot be (more bytes than the buffer "
					"holds, or no buffer), so its "
					"probes were removed; please report it");
	}
}

/* --- one file ------------------------------------------------------------------------------------- */

static void known_free(struct tls_known *k)
{
	if (!k || k == &nothing)
		return;
	while (k->parts) {
		struct part *p = k->parts;

		k->parts = p->next;
		tap_bpf_tls_detach(p->links);
		free(p);
	}
	if (k->layer >= 0)
		close(k->layer);
	free(k->path);
	free(k);
}

static struct tls_known *known_new(struct tls_files *fs, const struct tls_file *c,
				   const struct file_id *id)
{
	struct tls_known *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->id = *id;
	k->wd = k->layer_wd = -1;
	k->path = strdup(c->shown);
	k->layer = maps_open_layer(c->pid, c->path, c->fd);
	if (k->layer >= 0 && file_id_of(k->layer, &k->layer_id) != 0) {
		close(k->layer);
		k->layer = -1;
	}
	if (!k->path) {
		known_free(k);
		return NULL;
	}
	give_up_earlier(
		fs, id); /* this ends a watch of the same inode, so the new one begins after it */
	if (fs->b) {
		k->wd = watch_writes(fs, c->fd);
		k->layer_wd = k->layer >= 0 ? watch_writes(fs, k->layer) : -1;
	}
	return k;
}

/* Written to since it was identified: what was read of it may be of two files. */
static bool is_still(const struct tls_file *c, const struct file_id *id)
{
	struct file_id now = { 0 };

	return file_id_of(c->fd, &now) == 0 && file_id_key(&now) == file_id_key(id);
}

/* A library that is in the file: attaches if that can be, and says so either way.  Out of memory: nothing. */
static void add_part(struct tls_files *fs, struct tls_known *k, const struct tls_file *c,
		     const struct tls_answer_part *a)
{
	struct part *p, **end = &k->parts;
	char problem[128];
	int err = a->err;

	if (fs->nlibs + 1 >= EV_TLS_LIBS) {
		log_warn("more than %d different TLS library files: %s is not decrypted",
			 EV_TLS_LIBS, c->path);
		return;
	}
	p = calloc(1, sizeof(*p));
	if (!p)
		return;
	p->lib = ++fs->nlibs;
	p->tls = (uint8_t)(1 + (a->row - tls_table));
	(void)snprintf(p->version, sizeof(p->version), "%s", a->version);
	tls_file_how(a, fs->b, p->how, sizeof(p->how));
	if (!err && fs->b)
		err = tls_file_attach(c, fs->b, a, p->lib, &p->links);
	if (!err && !is_still(c, &k->id)) {
		tap_bpf_tls_detach(p->links);
		p->links = NULL;
		err = -ESTALE;
	}
	while (*end)
		end = &(*end)->next;
	*end = p;
	fs->attached += p->links != NULL;
	tell(fs, k, p,
	     err	? tls_file_explain(a, err, problem, sizeof(problem))
	     : p->links ? NULL
			: "it was only looked at");
}

/* Worth an entry: most files have no library, and of a small one that is found out faster than it is read. */
static bool worth_keeping(const struct tls_answer *a, const struct file_id *id)
{
	for (size_t i = 0; i < a->n; i++)
		if (a->part[i].err == -ENOMEM ||
		    a->part[i].err == -EIO) /* may be otherwise next time */
			return false;
	return a->n || id->size >= KEEP_NOTHING_OF;
}

static void ask(struct tls_files *fs, const struct tls_file *c, const struct file_id *id,
		struct tls_answer *ret)
{
	struct tls_cache_key key = { .id = *id,
				     .how = (fs->nop5 ? 1 : 0) | (fs->no_returns ? 2 : 0) };

	if (fs->cache) {
		key.build_id_len = elf_image_build_id(c->img, key.build_id);
		if (tls_cache_get(fs->cache, &key, ret) == 0) {
			fs->hits++;
			return;
		}
	}
	tls_file_analyse(c, ret);
	fs->analysed++;
	/* What was read must be one state of the file, which is the one in the key. */
	if (fs->cache && worth_keeping(ret, id) && is_still(c, id))
		(void)tls_cache_put(fs->cache, &key, ret); /* no room: analysed again */
}

static struct tls_known *take(struct tls_files *fs, struct tls_file *c, const struct file_id *id,
			      const struct tls_answer *a)
{
	struct tls_known *k = known_new(fs, c, id);

	if (!k)
		return NULL;
	c->attach_fd = k->layer >= 0 ? k->layer : c->fd;
	for (size_t i = 0; i < a->n; i++)
		add_part(fs, k, c, &a->part[i]);
	unwatch(fs, k);
	return k;
}

/* Reads a file that is not known yet.  NULL: it could not be read, nothing is known. */
static struct tls_known *analyse(struct tls_files *fs, const struct tls_file *which, int path_fd,
				 const struct file_id *id)
{
	struct tls_file c = *which;
	struct tls_answer *a = calloc(1, sizeof(*a)); /* large */
	struct tls_known *k = NULL;

	c.nop5 = fs->nop5;
	c.no_returns = fs->no_returns;
	c.fd = maps_reopen(path_fd);
	if (c.fd == -ENOEXEC || (c.fd >= 0 && elf_image_open(&c.img, c.fd) != 0)) {
		k = &nothing;
	} else if (c.fd >= 0 && a) {
		ask(fs, &c, id, a);
		k = a->n ? take(fs, &c, id, a) : &nothing;
	}
	elf_image_close(c.img);
	if (c.fd >= 0)
		close(c.fd);
	free(a);
	return k;
}

const struct tls_known *tls_files_look(struct tls_files *fs, uint32_t pid, const char *path,
				       const char *shown, int path_fd)
{
	struct file_id id = { 0 };
	struct tls_known *k;
	uint64_t key;

	if (file_id_of(path_fd, &id) != 0)
		return NULL;
	key = file_id_key(&id);
	k = map_find(&fs->known, key);
	if (k)
		return k;
	k = analyse(fs, &(struct tls_file){ .pid = pid, .path = path, .shown = shown }, path_fd,
		    &id);
	if (!k)
		return NULL;
	if (fs->known.n >= MAX_KNOWN)
		forget_nothing(&fs->known);
	if (map_put(&fs->known, key, k) != 0) { /* looked at again another time */
		known_free(k);
		return NULL;
	}
	return k;
}

/* --- all of them ---------------------------------------------------------------------------------- */

/* Where a five-byte nop is turned into a call.  Only cost hangs on it, so a version number will do. */
static bool kernel_optimises_nop5(void)
{
	struct utsname u;
	unsigned maj = 0, min = 0;

	return uname(&u) == 0 && sscanf(u.release, "%u.%u", &maj, &min) == 2 &&
	       (maj > 6 || (maj == 6 && min >= 18));
}

int tls_files_new(struct tls_files **ret, struct tap_bpf *b, tls_watch_fn found, void *ctx)
{
	struct tls_files *fs = calloc(1, sizeof(*fs));
	int err = fs ? 0 : -ENOMEM;

	if (fs && (fs->notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) < 0)
		err = -errno;
	if (err) {
		free(fs);
		return err;
	}
	fs->b = b;
	fs->found = found;
	fs->ctx = ctx;
	fs->nop5 = kernel_optimises_nop5();
	err = b ? tap_bpf_tls_selftest(b) : 0;
	if (err == -EOPNOTSUPP)
		log_warn("this kernel kills processes that are confined by seccomp when a probed "
			 "function returns (Linux 6.11 to 6.13): TLS is decrypted without return "
			 "probes, which costs more");
	else if (err)
		log_warn("return probes could not be tried (%s): TLS is decrypted without them",
			 strerror(-err));
	fs->no_returns = err != 0;
	*ret = fs;
	return 0;
}

void tls_files_avoid_returns(struct tls_files *fs)
{
	fs->no_returns = true;
}

bool tls_files_have_room(const struct tls_files *fs)
{
	return fs->nlibs < EV_TLS_LIBS / 2;
}

int tls_files_cache(struct tls_files *fs, const char *dir)
{
	return tls_cache_open(&fs->cache, dir);
}

void tls_files_counts(const struct tls_files *fs, struct tls_files_counts *ret)
{
	*ret = (struct tls_files_counts){ .hits = fs->hits,
					  .analysed = fs->analysed,
					  .kept = fs->cache ? tls_cache_count(fs->cache) : 0 };
}

size_t tls_files_attached(const struct tls_files *fs)
{
	return fs->attached;
}

void tls_files_free(struct tls_files *fs)
{
	uint64_t key;
	size_t pos = 0;
	void *v;

	if (!fs)
		return;
	while (map_next(&fs->known, &pos, &key, &v))
		if (v != &nothing) {
			(void)map_take(&fs->known, key);
			known_free(v);
		}
	map_release(&fs->known);
	tls_cache_close(fs->cache);
	close(fs->notify);
	free(fs);
}
