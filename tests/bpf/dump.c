/* SPDX-License-Identifier: Apache-2.0 */
/* dump.c - ranges of bytes and of holes; neighbours of one kind are one range, however many records they were in. */
#include "dump.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define ENDS   256
#define RANGES 64

struct range {
	uint64_t off, len, hash;
	unsigned why; /* EV_WHY_NONE: bytes; EV_WHY_MAX: a hole that nobody announced */
};
struct dend {
	uint64_t cookie, next[2], total[2];
	uint16_t lport, rport;
	uint8_t side;
	uint32_t how;
	char comm[EV_COMM_LEN];
	struct range r[2][RANGES];
	unsigned n[2];
};
struct dump {
	struct dend ends[ENDS];
	unsigned n;
};

static const char *const why_names[EV_WHY_MAX + 1] = {
	"bytes", "no buffer", "fault", "unseen", "budget", "shed", "ring", "not announced",
};

struct dump *dump_new(void)
{
	return calloc(1, sizeof(struct dump));
}

void dump_free(struct dump *d)
{
	free(d);
}

uint64_t dump_hash(uint64_t hash, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		hash = (hash ^ p[i]) * 0x100000001b3u;
	return hash;
}

static struct dend *end_of(struct dump *d, uint64_t cookie, bool make)
{
	for (unsigned i = 0; i < d->n; i++)
		if (d->ends[i].cookie == cookie)
			return &d->ends[i];
	if (!make || d->n == ENDS)
		return NULL;
	d->ends[d->n].cookie = cookie;
	return &d->ends[d->n++];
}

static void add(struct dend *e, int dir, uint64_t off, uint64_t len, unsigned why, const uint8_t *p)
{
	struct range *last = e->n[dir] ? &e->r[dir][e->n[dir] - 1] : NULL;

	if (!len)
		return;
	if (!last || last->why != why || last->off + last->len != off) {
		if (e->n[dir] == RANGES)
			return; /* shows as a range that is missing */
		last = &e->r[dir][e->n[dir]++];
		*last = (struct range){ .off = off, .hash = DUMP_HASH, .why = why };
	}
	last->len += len;
	if (p)
		last->hash = dump_hash(last->hash, p, len);
}

static void on_data(struct dend *e, const struct ev_data *ev)
{
	int dir = ev->dir & 1;

	if (ev->off > e->next[dir])
		add(e, dir, e->next[dir], ev->off - e->next[dir], EV_WHY_MAX, NULL);
	add(e, dir, ev->off, ev->ncap, EV_WHY_NONE, ev->data);
	add(e, dir, ev->off + ev->ncap, ev->len - ev->ncap, ev->why, NULL);
	e->next[dir] = ev->off + ev->len;
}

void dump_event(void *arg, const struct ev_hdr *ev)
{
	struct dump *d = arg;
	struct dend *e = end_of(d, ev->cookie, ev->kind == EV_OPEN);
	const struct ev_open *open = (const struct ev_open *)ev;
	const struct ev_close *close = (const struct ev_close *)ev;

	if (!e)
		return;
	if (ev->kind == EV_OPEN) {
		e->lport = open->lport;
		e->rport = open->rport;
		e->side = open->side;
		memcpy(e->comm, open->comm, sizeof(e->comm));
		e->comm[sizeof(e->comm) - 1] = '\0';
	} else if (ev->kind == EV_DATA) {
		on_data(e, (const struct ev_data *)ev);
	} else if (ev->kind == EV_CLOSE) {
		e->how |= close->how;
		memcpy(e->total, close->total, sizeof(e->total));
	}
}

void dump_bytes(FILE *f, int dir, uint64_t off, uint64_t n, uint64_t hash)
{
	if (n)
		fprintf(f, "  %s %llu+%llu bytes %016llx\n", dir ? "write" : "read",
			(unsigned long long)off, (unsigned long long)n, (unsigned long long)hash);
}

void dump_hole(FILE *f, int dir, uint64_t off, uint64_t n, unsigned why)
{
	if (n)
		fprintf(f, "  %s %llu+%llu hole: %s\n", dir ? "write" : "read",
			(unsigned long long)off, (unsigned long long)n, why_names[why]);
}

void dump_head(FILE *f, const char *name, unsigned side, const char *comm, unsigned how)
{
	static const char *const sides[] = { "unknown", "client", "server" };

	fprintf(f, "%s: %s %s ends%s%s%s%s\n", name, sides[side % 3], comm,
		how & EV_END_READ ? " read" : "", how & EV_END_WRITE ? " write" : "",
		how & EV_END_ALL ? " all" : "", how & EV_END_RESET ? " reset" : "");
}

void dump_end(const struct dump *d, FILE *f, const char *name, uint16_t lport, uint16_t rport)
{
	const struct dend *e = NULL;

	for (unsigned i = 0; i < d->n; i++)
		if (d->ends[i].lport == lport && d->ends[i].rport == rport)
			e = &d->ends[i]; /* the newest */
	if (!e) {
		fprintf(f, "%s: not seen\n", name);
		return;
	}
	dump_head(f, name, e->side, e->comm, e->how);
	for (int dir = 0; dir < 2; dir++) {
		for (unsigned i = 0; i < e->n[dir]; i++) {
			const struct range *r = &e->r[dir][i];

			if (r->why == EV_WHY_NONE)
				dump_bytes(f, dir, r->off, r->len, r->hash);
			else
				dump_hole(f, dir, r->off, r->len, r->why);
		}
		if (e->total[dir] > e->next[dir])
			dump_hole(f, dir, e->next[dir], e->total[dir] - e->next[dir], EV_WHY_MAX);
	}
}
