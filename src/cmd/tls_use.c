/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/tls_use.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"

#define AGAIN_NS 1000000000ull
#define ENDED_NS (600 * 1000000000ull)

struct use {
	uint32_t pid;
	uint64_t cgroup_id, last_ns;
	char comm[EV_COMM_LEN];
	bool told; /* p is filled in */
	uint64_t asked_ns;
	uint64_t conns, unread, wire, plain;
	struct ipc_tls_process p;
};
struct tls_use {
	struct map by_pid;
	uint64_t left_out; /* that gave way */
	struct use *sorted[TLS_USE_MAX];
	struct collector_tls rows[TLS_USE_MAX];
};

struct tls_use *tls_use_new(void)
{
	return calloc(1, sizeof(struct tls_use));
}

static struct use *oldest(const struct tls_use *u)
{
	struct use *best = NULL;
	uint64_t key;
	size_t pos = 0;
	void *v;

	while (map_next(&u->by_pid, &pos, &key, &v))
		if (!best || ((struct use *)v)->last_ns < best->last_ns)
			best = v;
	return best;
}

static void drop(struct tls_use *u, struct use *e)
{
	(void)map_take(&u->by_pid, e->pid); /* it is there */
	free(e);
}

static struct use *add(struct tls_use *u, uint32_t pid)
{
	struct use *e = calloc(1, sizeof(*e));

	if (e && u->by_pid.n >= TLS_USE_MAX) {
		u->left_out++;
		drop(u, oldest(u));
	}
	if (!e || map_put(&u->by_pid, pid, e) < 0) {
		free(e);
		u->left_out++;
		return NULL;
	}
	e->pid = pid;
	return e;
}

bool tls_use_note(struct tls_use *u, const struct conn_use *c, uint64_t now_ns)
{
	struct use *e = map_find(&u->by_pid, c->pid);
	bool ask;

	if (!c->pid)
		return false;
	/* The same number in another container, or after its end: another process. */
	if (e && (e->cgroup_id != c->cgroup_id || (e->p.gone && c->tls_conns))) {
		drop(u, e);
		e = NULL;
	}
	ask = !e ||
	      strncmp(e->comm, c->comm, sizeof(e->comm)) != 0; /* it executes something else */
	if (!e && !(e = add(u, c->pid)))
		return false;
	/* A library may be loaded for the first connection that needs it, after the process's first socket. */
	if ((c->tls_conns || c->wire) && e->told && e->p.reason == TLS_WHY_NO_LIBRARY && now_ns > e->asked_ns + AGAIN_NS) {
		e->told = false;
		ask = true;
	}
	if (ask)
		e->asked_ns = now_ns;
	e->cgroup_id = c->cgroup_id;
	e->last_ns = now_ns;
	(void)snprintf(e->comm, sizeof(e->comm), "%s", c->comm);
	e->conns += c->tls_conns;
	e->unread += c->unread;
	e->wire += c->wire;
	e->plain += c->plain;
	return ask;
}

void tls_use_answer(struct tls_use *u, const struct ipc_tls_process *p)
{
	struct use *e = map_find(&u->by_pid, p->pid);

	if (e && e->told && p->gone) { /* what was found while it was there stands */
		e->p.gone = 1;
	} else if (e) {
		e->p = *p;
		e->told = true;
	}
}

enum tls_reason tls_use_why(const struct tls_use *u, uint32_t pid)
{
	const struct use *e = map_find(&u->by_pid, pid);

	return e && e->told ? (enum tls_reason)e->p.reason : TLS_WHY_UNKNOWN;
}

/* --- the list ----------------------------------------------------------------------------------- */

/* Its library is probed and not one of its connections was read: they do not go through the library with their sockets. */
static enum tls_reason reason_of(const struct use *e)
{
	if (!e->told)
		return TLS_WHY_UNKNOWN;
	if (e->p.reason == TLS_WHY_READ && e->unread && !e->plain)
		return TLS_WHY_SOCKET;
	return (enum tls_reason)e->p.reason;
}

/* Without the numbers: equal ones are one row. */
static int by_kind(const void *a, const void *b)
{
	const struct use *x = *(struct use *const *)a, *y = *(struct use *const *)b;
	int d = strncmp(x->comm, y->comm, sizeof(x->comm));

	if (!d && x->cgroup_id != y->cgroup_id)
		d = x->cgroup_id < y->cgroup_id ? -1 : 1;
	if (!d)
		d = (int)reason_of(x) - (int)reason_of(y);
	for (size_t i = 0; !d && i < 3; i++)
		d = strcmp(x->p.libs[i].path, y->p.libs[i].path);
	return d;
}

static void put_libs(struct collector_tls *row, const struct ipc_tls_process *p)
{
	row->nlibs = p->nlibs;
	row->more_libs = p->more;
	for (size_t i = 0; i < p->nlibs; i++)
		row->libs[i] = (struct collector_tls_lib){
			.name = p->libs[i].name,
			.version = p->libs[i].version,
			.path = p->libs[i].path,
			.code = tls_reason_text(p->libs[i].reason)->code,
		};
}

static void begin_row(struct collector_tls *row, const struct use *e, const struct names *names)
{
	const struct tls_reason_text *t = tls_reason_text(reason_of(e));
	struct conn_names n = { 0 };

	if (e->cgroup_id)
		(void)names_by_cgroup(names, e->cgroup_id, &n); /* not known: without a name */
	*row = (struct collector_tls){ .pid = e->pid,
				       .comm = e->comm,
				       .container = n.container,
				       .code = t->code,
				       .text = t->text,
				       .hint = t->hint,
				       .readable = reason_of(e) == TLS_WHY_READ,
				       .gone = true };
	put_libs(row, &e->p);
}

static void add_to_row(struct collector_tls *row, const struct use *e)
{
	row->processes++;
	row->gone &= e->p.gone;
	row->conns += e->conns;
	row->unread += e->unread;
	row->wire += e->wire;
	row->plain += e->plain;
}

static int by_weight(const void *a, const void *b)
{
	const struct collector_tls *x = a, *y = b;
	bool worse_x = !x->readable && x->conns, worse_y = !y->readable && y->conns;

	if (worse_x != worse_y)
		return worse_x ? -1 : 1;
	if (x->wire != y->wire)
		return x->wire > y->wire ? -1 : 1;
	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static size_t collect(struct tls_use *u, uint64_t now_ns)
{
	size_t n = 0, pos = 0;
	uint64_t key;
	void *v;

	while (map_next(&u->by_pid, &pos, &key, &v)) {
		struct use *e = v;

		if (e->p.gone && now_ns > e->last_ns + ENDED_NS)
			drop(u, e);
		else if (n < TLS_USE_MAX)
			u->sorted[n++] = e;
	}
	return n;
}

void tls_use_list(struct tls_use *u, const struct names *names, uint64_t now_ns,
		  struct collector_ledger *ret)
{
	size_t n = collect(u, now_ns), rows = 0;

	qsort(u->sorted, n, sizeof(*u->sorted), by_kind);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || by_kind(&u->sorted[i - 1], &u->sorted[i]) != 0)
			begin_row(&u->rows[rows++], u->sorted[i], names);
		add_to_row(&u->rows[rows - 1], u->sorted[i]);
	}
	qsort(u->rows, rows, sizeof(*u->rows), by_weight);
	*ret = (struct collector_ledger){ .rows = u->rows,
					  .n = rows < TLS_USE_ROWS ? rows : TLS_USE_ROWS,
					  .left_out = u->left_out };
	for (size_t i = ret->n; i < rows; i++)
		ret->left_out += u->rows[i].processes;
}

void tls_use_free(struct tls_use *u)
{
	uint64_t key;
	size_t pos = 0;
	void *v;

	if (!u)
		return;
	while (map_next(&u->by_pid, &pos, &key, &v))
		free(v);
	map_release(&u->by_pid);
	free(u);
}
