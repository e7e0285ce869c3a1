/* SPDX-License-Identifier: Apache-2.0 */
/* An entry is a file named by a hash of the key: a head (magic, the build of Limpid, the key, a checksum of all the rest), then the parts with their plans
 * as they are in memory.  That is safe because only the very same build of Limpid reads them; pointers go as names. */
#include "tap/tls_cache.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"

#define MAGIC	  0x31656863616c706cULL /* "lplache1" */
#define NAME_SIZE 32
#define SYMBOL	  48 /* bytes of a name in an entry */
#define MOST_BYTES                                                                              \
	(sizeof(struct head) +                                                                  \
	 TLS_ANSWER_PARTS * (sizeof(struct part) + (TLS_PLAN_SITES + GO_PLAN_PLACES) * SYMBOL + \
			     sizeof(struct tls_plan) + sizeof(struct go_plan)))

struct tls_cache {
	int dir;
	uint64_t build; /* of this program */
	size_t n;
};
struct head {
	uint64_t magic, build, check;
	struct tls_cache_key key;
	uint64_t nparts;
};
struct part {
	char row[SYMBOL], version[TLS_VERSION_SIZE];
	int64_t err;
	uint64_t n;
};

static uint64_t hash(uint64_t h, const void *p, size_t n)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < n; i++) /* FNV-1a */
		h = (h ^ b[i]) * 0x100000001b3u;
	return h ^ h >> 31;
}

/* The note of a program's build-id (elf(5)): n, descsz, type, "GNU\0", the id. */
static int own_build(struct dl_phdr_info *info, size_t size, void *ctx)
{
	uint64_t *ret = ctx;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		struct rd r;

		if (ph->p_type != PT_NOTE)
			continue;
		r = rd_init((struct slice){ (const uint8_t *)(info->dlpi_addr + ph->p_vaddr),
					    ph->p_memsz });
		while (rd_left(&r) >= 12) {
			uint32_t nname = rd_le32(&r), ndesc = rd_le32(&r), type = rd_le32(&r);
			struct slice name = rd_bytes(&r, (nname + 3) & ~3u);
			struct slice desc = rd_bytes(&r, (ndesc + 3) & ~3u);

			if (type == NT_GNU_BUILD_ID && desc.n >= 8 && name.n == 4 &&
			    memcmp(name.p, "GNU", 4) == 0)
				*ret = hash(0xcbf29ce484222325, desc.p, desc.n);
		}
	}
	return 1; /* the first object is the program */
}

static void name_of(const struct tls_cache_key *key, char ret[NAME_SIZE])
{
	(void)snprintf(ret, NAME_SIZE, "%016" PRIx64 ".%x", file_id_key(&key->id), key->how);
}

/* --- writing ----------------------------------------------------------------------------------------- */

struct out {
	uint8_t *p;
	size_t n, cap;
	bool bad;
};

static void put(struct out *o, const void *p, size_t n)
{
	o->bad = o->bad || n > o->cap - o->n;
	if (o->bad)
		return;
	memcpy(o->p + o->n, p, n);
	o->n += n;
}

static void put_name(struct out *o, const char *s)
{
	char name[SYMBOL] = "";

	o->bad = o->bad || !s || strlen(s) >= sizeof(name);
	if (!o->bad)
		(void)snprintf(name, sizeof(name), "%s", s);
	put(o, name, sizeof(name));
}

static const struct tls_call *call_of(const struct tls_lib *row, const char *symbol)
{
	const struct tls_call *const lists[] = { row->calls, row->internals };

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (const struct tls_call *c = lists[i]; c && c->symbol; c++)
			if (strcmp(c->symbol, symbol) == 0)
				return c;
	return NULL;
}

/* The whole plan, so that what is added to it is kept without a word here; but for the names. */
static void put_plan(struct out *o, const struct tls_answer_part *p)
{
	struct tls_plan plan = p->plan;

	for (size_t i = 0; i < p->plan.n; i++) {
		o->bad = o->bad || !call_of(p->row, p->plan.site[i].call.symbol);
		put_name(o, p->plan.site[i].call.symbol);
		plan.site[i].call.symbol = NULL;
	}
	put(o, &plan, sizeof(plan));
}

static void put_go(struct out *o, const struct tls_answer_part *p)
{
	for (size_t i = 0; i < p->go.n; i++) {
		struct go_place g = p->go.place[i];

		put_name(o, g.func);
		g.func = NULL;
		put(o, &g, sizeof(g));
	}
}

static void put_part(struct out *o, const struct tls_answer_part *p)
{
	bool go = p->row->fd == TLS_FD_GO_CONN;
	struct part head = { .err = p->err };

	if (!p->err)
		head.n = go ? p->go.n : p->plan.n;
	(void)snprintf(head.row, sizeof(head.row), "%s", p->row->name);
	(void)snprintf(head.version, sizeof(head.version), "%s", p->version);
	put(o, &head, sizeof(head));
	if (!p->err && go)
		put_go(o, p);
	else if (!p->err)
		put_plan(o, p);
}

static int write_all(int fd, const uint8_t *p, size_t n)
{
	while (n) {
		ssize_t done = write(fd, p, n);

		if (done < 0)
			return -errno;
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

/* Under another name first, so that nobody reads half of one: another Limpid may run. */
static int store(const struct tls_cache *c, const char *name, const struct out *o)
{
	char part[NAME_SIZE + 16];
	int fd, err;

	(void)snprintf(part, sizeof(part), "%s.%d", name, (int)getpid());
	fd = openat(c->dir, part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	err = write_all(fd, o->p, o->n);
	if (close(fd) != 0 && !err)
		err = -errno;
	if (!err && renameat(c->dir, part, c->dir, name) != 0)
		err = -errno;
	if (err)
		(void)unlinkat(c->dir, part, 0);
	return err;
}

/* --- how many ------------------------------------------------------------------------------------- */

struct aged {
	struct timespec at;
	char name[NAME_SIZE + 16];
};

static int by_age(const void *a, const void *b)
{
	const struct timespec *x = &((const struct aged *)a)->at,
			      *y = &((const struct aged *)b)->at;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? -1 : 1;
	return (x->tv_nsec > y->tv_nsec) - (x->tv_nsec < y->tv_nsec);
}

/* Entries in the directory; with all, at most max of them are put there. */
static size_t list(const struct tls_cache *c, struct aged *all, size_t max)
{
	int fd = openat(c->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	size_t n = 0;
	struct stat st;

	while (d && (e = readdir(d)) && !(all && n == max)) {
		if (e->d_name[0] == '.' || strlen(e->d_name) >= sizeof(all->name))
			continue;
		if (all) {
			if (fstatat(c->dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
				continue;
			all[n].at = st.st_mtim;
			(void)snprintf(all[n].name, sizeof(all[n].name), "%.*s",
				       (int)sizeof(all[n].name) - 1, e->d_name);
		}
		n++;
	}
	if (d)
		(void)closedir(d); /* only read */
	else if (fd >= 0)
		close(fd);
	return n;
}

/* A quarter at once, so that it is seldom done. */
static void drop_oldest(struct tls_cache *c)
{
	size_t max = 2 * (size_t)TLS_CACHE_MOST, n, keep = TLS_CACHE_MOST - TLS_CACHE_MOST / 4;
	struct aged *all = calloc(max, sizeof(*all));

	if (!all)
		return;
	n = list(c, all, max);
	qsort(all, n, sizeof(*all), by_age);
	for (size_t i = 0; i + keep < n; i++)
		(void)unlinkat(c->dir, all[i].name, 0); /* gone already: another Limpid's doing */
	c->n = n < keep ? n : keep;
	free(all);
}

int tls_cache_put(struct tls_cache *c, const struct tls_cache_key *key, const struct tls_answer *a)
{
	struct head head = { .magic = MAGIC, .build = c->build, .key = *key, .nparts = a->n };
	struct out o = { .p = malloc(MOST_BYTES), .cap = MOST_BYTES };
	char name[NAME_SIZE];
	int err;

	if (!o.p)
		return -ENOMEM;
	put(&o, &head, sizeof(head));
	for (size_t i = 0; i < a->n; i++)
		put_part(&o, &a->part[i]);
	head.check = hash(0, o.p, o.n); /* with 0 in its own place */
	memcpy(o.p, &head, sizeof(head));
	name_of(key, name);
	err = o.bad ? -EINVAL : store(c, name, &o);
	free(o.p);
	if (!err && ++c->n > TLS_CACHE_MOST)
		drop_oldest(c);
	return err;
}

/* --- reading ---------------------------------------------------------------------------------------- */

static bool take(struct rd *r, void *to, size_t n)
{
	struct slice s = rd_bytes(r, n);

	if (s.n == n)
		memcpy(to, s.p, n);
	return s.n == n;
}

static bool site_good(const struct site *s)
{
	return s->nbytes > 0 && s->nbytes <= SITE_BYTES && s->cost <= SITE_STEP;
}

static bool take_plan(struct rd *r, const struct part *head, struct tls_answer_part *p)
{
	const struct tls_call *call[TLS_PLAN_SITES];
	char symbol[SYMBOL];

	if (head->n == 0 || head->n > TLS_PLAN_SITES)
		return false;
	for (size_t i = 0; i < head->n; i++) {
		if (!take(r, symbol, sizeof(symbol)) || symbol[SYMBOL - 1])
			return false;
		call[i] = call_of(p->row, symbol);
		if (!call[i])
			return false;
	}
	if (!take(r, &p->plan, sizeof(p->plan)) || p->plan.n != head->n ||
	    p->plan.nexits > TLS_PLAN_EXITS)
		return false;
	for (size_t i = 0; i < p->plan.n; i++) {
		p->plan.site[i].call.symbol = call[i]->symbol;
		if (!site_good(&p->plan.site[i].at))
			return false;
	}
	for (size_t i = 0; i < p->plan.nexits; i++)
		if (!site_good(&p->plan.exit[i]))
			return false;
	return true;
}

static bool take_go(struct rd *r, const struct part *head, struct tls_answer_part *p)
{
	char func[SYMBOL];

	if (head->n == 0 || head->n > GO_PLAN_PLACES)
		return false;
	p->go.n = head->n;
	for (size_t i = 0; i < head->n; i++) {
		struct go_place *g = &p->go.place[i];

		if (!take(r, func, sizeof(func)) || func[SYMBOL - 1] || !take(r, g, sizeof(*g)))
			return false;
		g->func = go_plan_func(func);
		if (!g->func || !site_good(&g->at))
			return false;
	}
	return true;
}

static bool take_part(struct rd *r, struct tls_answer_part *p)
{
	struct part head;

	if (!take(r, &head, sizeof(head)) || head.row[SYMBOL - 1] ||
	    head.version[TLS_VERSION_SIZE - 1])
		return false;
	for (p->row = tls_table; p->row->name && strcmp(p->row->name, head.row) != 0; p->row++)
		;
	if (!p->row->name || head.err > 0 || head.err < -4095)
		return false;
	p->err = (int)head.err;
	memcpy(p->version, head.version, sizeof(p->version));
	if (p->err)
		return head.n == 0;
	return p->row->fd == TLS_FD_GO_CONN ? take_go(r, &head, p) : take_plan(r, &head, p);
}

static bool same_key(const struct tls_cache_key *a, const struct tls_cache_key *b)
{
	return file_id_equal(&a->id, &b->id) && a->how == b->how &&
	       a->build_id_len == b->build_id_len && a->build_id_len <= sizeof(a->build_id) &&
	       memcmp(a->build_id, b->build_id, a->build_id_len) == 0;
}

static int read_entry(const struct tls_cache *c, const struct tls_cache_key *key, uint8_t *buf,
		      size_t n, struct tls_answer *ret)
{
	struct rd r = rd_init((struct slice){ buf, n });
	struct head head;
	uint64_t check;

	if (!take(&r, &head, sizeof(head)) || head.magic != MAGIC || head.build != c->build)
		return -EBADMSG;
	check = head.check;
	head.check = 0;
	memcpy(buf, &head, sizeof(head));
	if (hash(0, buf, n) != check || !same_key(&head.key, key) || head.nparts > TLS_ANSWER_PARTS)
		return -EBADMSG;
	ret->n = head.nparts;
	for (size_t i = 0; i < ret->n; i++)
		if (!take_part(&r, &ret->part[i]))
			return -EBADMSG;
	return rd_left(&r) ? -EBADMSG : 0;
}

static void mark_used(int fd, const struct stat *st)
{
	if (time(NULL) - st->st_mtim.tv_sec > TLS_CACHE_SECONDS)
		(void)futimens(fd, NULL); /* then it goes earlier */
}

int tls_cache_get(const struct tls_cache *c, const struct tls_cache_key *key,
		  struct tls_answer *ret)
{
	struct tls_answer *a = calloc(1, sizeof(*a));
	uint8_t *buf = malloc(MOST_BYTES);
	int fd = -1, err = -ENOMEM;
	char name[NAME_SIZE];
	struct stat st;
	ssize_t n;

	if (!a || !buf)
		goto out;
	name_of(key, name);
	fd = openat(c->dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	err = fd < 0 ? -errno : 0;
	if (err)
		goto out;
	err = -EBADMSG;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    st.st_mode & 022)
		goto out;
	n = read(fd, buf, MOST_BYTES);
	if (n > 0)
		err = read_entry(c, key, buf, (size_t)n, a);
	if (!err) {
		*ret = *a;
		mark_used(fd, &st);
	}
out:
	if (fd >= 0)
		close(fd);
	free(buf);
	free(a);
	return err;
}

/* --- the directory ------------------------------------------------------------------------------- */

int tls_cache_open(struct tls_cache **ret, const char *dir)
{
	struct tls_cache *c = calloc(1, sizeof(*c));
	struct stat st;
	int err = 0;

	if (!c)
		return -ENOMEM;
	(void)dl_iterate_phdr(own_build, &c->build);
	if (!c->build)
		err = -ENOTSUP;
	else if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		err = -errno;
	c->dir = err ? -1 : open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (!err && c->dir < 0)
		err = -errno;
	if (!err && fstat(c->dir, &st) != 0)
		err = -errno;
	else if (!err && (st.st_uid != geteuid() || st.st_mode & 077))
		err = -EPERM;
	if (err) {
		tls_cache_close(c);
		return err;
	}
	c->n = list(c, NULL, 0);
	*ret = c;
	return 0;
}

size_t tls_cache_count(const struct tls_cache *c)
{
	return c->n;
}

void tls_cache_close(struct tls_cache *c)
{
	if (!c)
		return;
	if (c->dir >= 0)
		close(c->dir);
	free(c);
}
