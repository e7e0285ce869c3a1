/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/map.h"
#include "tap/file_id.h"
#include "tap/maps.h"
#include "tls/marks.h"

#define PROCS_MAX    8192
#define PROGRAMS_MAX 4096 /* verdicts about programs kept; then they are forgotten together */
#define LIBS	     3
#define PROGRAM_MOST ((size_t)256 << 20) /* bytes of a program's file that are searched */
#define PIECE	     ((size_t)1 << 20)

struct library {
	char name[16], version[32], path[200];
	uint8_t reason; /* enum tls_reason */
};
struct proc {
	uint32_t pid;
	uint16_t libs[LIBS];
	uint8_t nlibs, more;
	bool asked, gone;
};
struct ledger {
	struct tls_watch *w;
	ledger_fn changed;
	void *ctx;
	struct library *libs;	   /* by number, from 1; EV_TLS_LIBS of them */
	struct map procs;	   /* pid -> struct proc */
	uint32_t order[PROCS_MAX]; /* in which they came */
	size_t next;
	struct map programs; /* file_id_key -> struct tls_mark, or &none */
};
static const struct tls_mark none;

/* --- processes ---------------------------------------------------------------------------------- */

static struct proc *find(const struct ledger *l, uint32_t pid)
{
	return map_find(&l->procs, pid);
}

static struct proc *proc_of(struct ledger *l, uint32_t pid)
{
	struct proc *p = find(l, pid);
	uint32_t *place = &l->order[l->next];

	if (p)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p || map_put(&l->procs, pid, p) < 0) {
		free(p);
		return NULL;
	}
	if (*place)
		free(map_take(&l->procs, *place));
	p->pid = *place = pid;
	l->next = (l->next + 1) % PROCS_MAX;
	return p;
}

static void use(struct proc *p, uint16_t lib)
{
	for (size_t i = 0; i < p->nlibs; i++)
		if (p->libs[i] == lib)
			return;
	if (p->nlibs < LIBS)
		p->libs[p->nlibs++] = lib;
	else if (p->more < UINT8_MAX)
		p->more++;
}

static void answer(struct ledger *l, struct proc *p, struct ipc_tls_process *ret);

static void tell(struct ledger *l, struct proc *p)
{
	struct ipc_tls_process m = { 0 };

	answer(l, p, &m);
	l->changed(l->ctx, &m);
}

static void on_mapped(void *ctx, uint32_t pid, uint16_t lib)
{
	struct ledger *l = ctx;
	struct proc *p = lib && lib < EV_TLS_LIBS ? proc_of(l, pid) : NULL;
	uint8_t before = p ? p->nlibs : 0;

	if (!p)
		return;
	use(p, lib);
	if (p->asked && p->nlibs != before)
		tell(l, p);
}

void ledger_task(struct ledger *l, const struct ev_task *ev)
{
	struct proc *p = find(l, ev->h.tgid);

	if (!p)
		return;
	if (ev->h.kind == EV_EXEC) {
		bool asked = p->asked;

		*p = (struct proc){ .pid = p->pid, .asked = asked };
	} else if (ev->h.kind == EV_EXIT && !p->gone) {
		p->gone = true;
		if (p->asked)
			tell(l, p);
	}
}

/* --- libraries ---------------------------------------------------------------------------------- */

/* Of a long path its end says more. */
static void put_path(char *to, size_t size, const char *path)
{
	size_t n = strlen(path);

	if (n < size)
		(void)snprintf(to, size, "%s", path);
	else
		(void)snprintf(to, size, "...%s", path + n - (size - 4));
}

void ledger_library(struct ledger *l, const struct tls_watch_lib *lib)
{
	struct library *to = lib->lib && lib->lib < EV_TLS_LIBS ? &l->libs[lib->lib] : NULL;
	uint64_t key;
	size_t pos = 0;
	void *v;

	if (!to)
		return;
	(void)snprintf(to->name, sizeof(to->name), "%s", lib->name);
	(void)snprintf(to->version, sizeof(to->version), "%s", lib->version);
	put_path(to->path, sizeof(to->path), lib->path);
	to->reason = (uint8_t)lib->reason;
	while (map_next(&l->procs, &pos, &key, &v)) {
		struct proc *p = v;

		for (size_t i = 0; p->asked && !p->gone && i < p->nlibs; i++)
			if (p->libs[i] == lib->lib) {
				tell(l, p);
				break;
			}
	}
}

/* --- programs ----------------------------------------------------------------------------------- */

/* The first mark of the list that the file holds. */
static const struct tls_mark *search(int fd)
{
	const struct tls_mark *best = NULL;
	char *buf = malloc(PIECE);
	size_t off = 0;
	ssize_t got;

	while (buf && off < PROGRAM_MOST && (got = pread(fd, buf, PIECE, (off_t)off)) > 0) {
		for (const struct tls_mark *m = tls_marks_in_program;
		     m->text && (!best || m < best); m++)
			if (memmem(buf, (size_t)got, m->text, m->len))
				best = m;
		if (best == tls_marks_in_program || (size_t)got <= TLS_MARK_MAX)
			break;
		off += (size_t)got - TLS_MARK_MAX; /* a mark may lie across the border */
	}
	free(buf);
	return best;
}

static const struct tls_mark *mark_of_program(struct ledger *l, int path_fd)
{
	struct file_id id = { 0 };
	const struct tls_mark *m;
	uint64_t key;
	int fd;

	if (file_id_of(path_fd, &id) != 0)
		return NULL;
	key = file_id_key(&id);
	m = map_find(&l->programs, key);
	if (m)
		return m;
	fd = maps_reopen(path_fd);
	m = fd >= 0 ? search(fd) : NULL;
	if (fd >= 0)
		close(fd);
	if (l->programs.n >= PROGRAMS_MAX)
		map_release(&l->programs);
	/* Out of memory: searched again. */
	(void)map_put(&l->programs, key, (void *)(uintptr_t)(m ? m : &none));
	return m;
}

/* --- answers ------------------------------------------------------------------------------------ */

static struct ipc_tls_use *add(struct ipc_tls_process *ret, const char *name, const char *path,
			       enum tls_reason reason)
{
	struct ipc_tls_use *u;

	if (ret->nlibs == LIBS) {
		ret->more += ret->more < UINT8_MAX;
		return NULL;
	}
	u = &ret->libs[ret->nlibs++];
	(void)snprintf(u->name, sizeof(u->name), "%s", name);
	put_path(u->path, sizeof(u->path), path);
	u->reason = (uint8_t)reason;
	return u;
}

struct look {
	struct ledger *l;
	struct proc *p;
	struct ipc_tls_process *ret;
	uint64_t last_ino;
};

static bool look_at_file(void *ctx, const struct maps_entry *e)
{
	struct look *k = ctx;
	const struct tls_mark *m = e->ino != k->last_ino ? tls_mark_of_file(e->path) : NULL;

	k->last_ino = e->ino;
	for (size_t i = 0; m && i < k->p->nlibs; i++) /* the table knows it */
		if (strcmp(k->l->libs[k->p->libs[i]].name, m->name) == 0)
			m = NULL;
	if (m)
		(void)add(k->ret, m->name, e->path, m->reason);
	return true;
}

static void look_at_program(struct ledger *l, struct ipc_tls_process *ret)
{
	char name[40], path[MAPS_PATH_MAX];
	const struct tls_mark *m;
	ssize_t n;
	int fd;

	(void)snprintf(name, sizeof(name), "/proc/%u/exe", ret->pid);
	fd = open(name, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return;
	n = readlink(name, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	m = mark_of_program(l, fd);
	if (m && m->text)
		(void)add(ret, m->name, path, m->reason);
	close(fd);
}

static void put_comm(struct ipc_tls_process *ret)
{
	char name[40];
	ssize_t n;
	int fd;

	(void)snprintf(name, sizeof(name), "/proc/%u/comm", ret->pid);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	n = read(fd, ret->comm, sizeof(ret->comm) - 1);
	ret->comm[n > 0 ? n - (ret->comm[n - 1] == '\n') : 0] = '\0';
	close(fd);
}

static void put_libraries(const struct ledger *l, const struct proc *p, struct ipc_tls_process *ret)
{
	ret->more = p->more;
	for (size_t i = 0; i < p->nlibs; i++) {
		const struct library *lib = &l->libs[p->libs[i]];
		struct ipc_tls_use *u = add(ret, lib->name, lib->path, lib->reason);

		if (u)
			memcpy(u->version, lib->version, sizeof(u->version));
	}
}

/* One that is read makes the process readable: whatever else is there, what goes through that one is seen. */
static void conclude(struct ipc_tls_process *ret, bool looked)
{
	ret->reason = looked ? TLS_WHY_NO_LIBRARY : TLS_WHY_NOT_LOOKED_AT;
	for (size_t i = 0; i < ret->nlibs; i++) {
		if (i == 0 || ret->libs[i].reason == TLS_WHY_READ)
			ret->reason = ret->libs[i].reason;
		if (ret->reason == TLS_WHY_READ)
			return;
	}
}

/* Not when it ended a moment ago and waits for its parent: then it has no program any more. */
static bool is_alive(uint32_t pid)
{
	char name[40], path[8];

	(void)snprintf(name, sizeof(name), "/proc/%u/exe", pid);
	return readlink(name, path, sizeof(path)) > 0;
}

static void answer(struct ledger *l, struct proc *p, struct ipc_tls_process *ret)
{
	struct look k = { .l = l, .p = p, .ret = ret };
	bool looked = !p->gone && is_alive(p->pid);

	ret->pid = p->pid;
	ret->gone = p->gone;
	put_comm(ret);
	put_libraries(l, p, ret);
	looked = looked && maps_each(p->pid, look_at_file, &k) == 0;
	if (looked && ret->nlibs == 0)
		look_at_program(l, ret);
	conclude(ret, looked);
}

void ledger_ask(struct ledger *l, uint32_t pid, struct ipc_tls_process *ret)
{
	struct proc *p = proc_of(l, pid);

	*ret = (struct ipc_tls_process){ .pid = pid, .reason = TLS_WHY_UNKNOWN };
	if (!p)
		return;
	if (p->gone && is_alive(pid)) /* the number is another process's now */
		*p = (struct proc){ .pid = pid };
	p->asked = false; /* what is found now is answered below */
	if (!p->gone && p->nlibs == 0)
		(void)tls_watch_pid(
			l->w, pid); /* a child has its parent's mappings, of which nobody told */
	p->asked = true;
	answer(l, p, ret);
}

void ledger_forget_asked(struct ledger *l)
{
	uint64_t key;
	size_t pos = 0;
	void *v;

	while (map_next(&l->procs, &pos, &key, &v))
		((struct proc *)v)->asked = false;
}

struct ledger *ledger_new(struct tls_watch *w, ledger_fn changed, void *ctx)
{
	struct ledger *l = calloc(1, sizeof(*l));

	if (l)
		l->libs = calloc(EV_TLS_LIBS, sizeof(*l->libs));
	if (!l || !l->libs) {
		ledger_free(l);
		return NULL;
	}
	l->w = w;
	l->changed = changed;
	l->ctx = ctx;
	tls_watch_on_use(w, on_mapped, l);
	return l;
}

void ledger_free(struct ledger *l)
{
	uint64_t key;
	size_t pos = 0;
	void *v;

	if (!l)
		return;
	while (map_next(&l->procs, &pos, &key, &v))
		free(v);
	map_release(&l->procs);
	map_release(&l->programs);
	free(l->libs);
	free(l);
}
