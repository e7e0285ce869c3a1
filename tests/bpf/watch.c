/* SPDX-License-Identifier: Apache-2.0 */
#include "watch.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "limpid.skel.h"
#include "tap/bpf_priv.h"
#include "traffic.h"

#define WAIT_MS 30000 /* only who is not told waits so long */

static struct end *by_cookie(struct watch *w, uint64_t cookie)
{
	for (unsigned i = 0; i < w->n; i++)
		if (w->ends[i].cookie == cookie)
			return &w->ends[i];
	return NULL;
}

/* Gives the end the ports that the worker gave it. */
static void name_unix(const struct watch *w, struct end *e)
{
	for (unsigned i = 0; i < w->nunix; i++) {
		if (w->unix_ends[i].cookie != e->cookie)
			continue;
		e->lport = w->unix_ends[i].lport;
		e->rport = w->unix_ends[i].rport;
		e->is_server = !w->unix_ends[i].client;
	}
}

void watch_unix(struct watch *w, const uint64_t cookie[2], uint16_t cport, uint16_t sport)
{
	for (int i = 0; i < 2 && w->nunix < sizeof(w->unix_ends) / sizeof(*w->unix_ends); i++) {
		w->unix_ends[w->nunix].cookie = cookie[i];
		w->unix_ends[w->nunix].lport = i ? sport : cport;
		w->unix_ends[w->nunix].rport = i ? cport : sport;
		w->unix_ends[w->nunix++].client = i == 0;
	}
	for (unsigned i = 0; i < w->n; i++)
		name_unix(w, &w->ends[i]);
}

static void on_open(struct watch *w, const struct ev_open *ev)
{
	struct end *e = by_cookie(w, ev->h.cookie);

	if (!e) {
		if (w->n == sizeof(w->ends) / sizeof(*w->ends))
			return;
		e = &w->ends[w->n++];
		*e = (struct end){ .cookie = ev->h.cookie };
	}
	e->opens++;
	e->how &= ~EV_END_ALL; /* a late one may follow: the connection is wanted again */
	memcpy(e->local, ev->local, 16);
	memcpy(e->remote, ev->remote, 16);
	memcpy(e->comm, ev->comm, sizeof(e->comm));
	e->lport = ev->lport;
	e->rport = ev->rport;
	e->side = ev->side;
	e->tgid = ev->h.tgid;
	e->flags = ev->h.flags & ~EV_ANEW; /* what the groups do not care for */
	e->netns = ev->netns;
	e->cgroup_id = ev->cgroup_id;
	e->is_server = e->side == EV_SERVER || e->lport == w->late_sport;
	e->l4 = ev->l4;
	e->peer_cookie = ev->peer_cookie;
	e->peer_tgid = ev->peer_tgid;
	e->path_len = ev->path_len <= EV_PATH_MAX ? ev->path_len : 0;
	memcpy(e->path, ev->path, e->path_len);
	name_unix(w, e);
}

void watch_key(struct watch *w, uint16_t cport, uint16_t key)
{
	if (w->nkeys == sizeof(w->keys) / sizeof(*w->keys))
		return;
	w->keys[w->nkeys].cport = cport;
	w->keys[w->nkeys++].key = key;
}

static uint16_t key_of(const struct watch *w, uint16_t cport)
{
	for (unsigned i = w->nkeys; i > 0; i--)
		if (w->keys[i - 1].cport == cport)
			return w->keys[i - 1].key;
	return cport;
}

static unsigned differences(const struct ev_data *ev, uint16_t key, int back, uint64_t from)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < ev->ncap; i++)
		n += ev->data[i] != pattern(key, back, from + ev->off + i);
	return n;
}

/* What TLS by the kernel carries goes on in the pattern where the raw bytes ended. */
static void on_plain(struct end *e, const struct ev_data *ev, uint16_t key, int back)
{
	struct plain *p = &e->plain[ev->dir];

	if (!p->seen)
		p->from = e->next[ev->dir];
	p->seen = true;
	if (ev->off < p->next || e->next[ev->dir] != p->from) {
		e->wrong++;
		return;
	}
	e->wrong += differences(ev, key, back, p->from);
	p->captured += ev->ncap;
	p->holes += ev->off - p->next + ev->len - ev->ncap;
	p->why[EV_WHY_NONE] += ev->off - p->next;
	p->why[ev->why % EV_WHY_MAX] += ev->len - ev->ncap;
	p->next = ev->off + ev->len;
}

static void on_data(const struct watch *w, struct end *e, const struct ev_data *ev)
{
	/* The server's port is the one that listened; a client's is the pattern's key. */
	bool client = !e->is_server;
	uint16_t key = key_of(w, client ? e->lport : e->rport);
	uint64_t shift = e->flags & EV_LATE ? w->late_shift : 0;
	int dir = ev->dir & 1, back = client == (dir == EV_READ);

	if (ev->dir > 1 || ev->ncap > ev->len || ev->h.size != sizeof(*ev) + ev->ncap ||
	    (!ev->tls && ev->off < e->next[dir]) || ev->why >= EV_WHY_MAX ||
	    (ev->why == EV_WHY_NONE) != (ev->ncap == ev->len)) {
		e->wrong++;
		return;
	}
	if (ev->tls == EV_TLS_KERNEL) {
		on_plain(e, ev, key, back);
		return;
	}
	e->wrong += differences(ev, key, back, shift);
	if (!(ev->h.flags & EV_DATAGRAM) != (e->l4 != EV_UDP))
		e->wrong++;
	e->datagrams[dir] += (ev->h.flags & EV_BEGIN) != 0;
	e->captured[dir] += ev->ncap;
	e->holes[dir] += ev->off - e->next[dir] + ev->len - ev->ncap;
	e->why[dir][EV_WHY_NONE] += ev->off - e->next[dir];
	e->why[dir][ev->why % EV_WHY_MAX] += ev->len - ev->ncap;
	e->next[dir] = ev->off + ev->len;
}

static void on_event(void *ctx, const struct ev_hdr *ev)
{
	struct watch *w = ctx;
	struct end *e;

	w->records++;
	if (w->also)
		w->also(w->also_arg, ev);
	if (ev->kind == EV_OPEN) {
		on_open(w, (const struct ev_open *)ev);
		return;
	}
	e = by_cookie(w, ev->cookie);
	if (!e)
		return;
	if (ev->kind == EV_DATA)
		on_data(w, e, (const struct ev_data *)ev);
	if (ev->kind == EV_CLOSE) {
		const struct ev_close *c = (const struct ev_close *)ev;

		if (e->how & EV_END_ALL)
			e->wrong++;
		e->how |= c->how;
		e->ends_read += (c->how & EV_END_READ) != 0;
		memcpy(e->total, c->total, sizeof(e->total));
		for (int d = 0; d < 2; d++)
			e->plain[d].total = c->tls_total[d];
	}
}

static void on_task(void *ctx, const struct ev_task *ev)
{
	struct watch *w = ctx;

	if (w->ntasks < sizeof(w->tasks) / sizeof(*w->tasks))
		w->tasks[w->ntasks++] = *ev;
}

void watch_init(struct watch *w, struct tap_bpf *b)
{
	const int *rings;
	unsigned n = tap_bpf_events_maps(b, &rings);

	memset(w, 0, sizeof(*w));
	w->bpf = b;
	if (source_live_open(&w->src, rings, n) < 0)
		w->src = NULL;
}

void watch_forget(struct watch *w)
{
	watch_take(w);
	w->n = w->records = w->ntasks = w->nkeys = w->nunix = 0;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

bool watch_until(struct watch *w, bool (*done)(const struct watch *w, const void *arg),
		 const void *arg)
{
	uint64_t end = now_ms() + WAIT_MS;

	do {
		w->src->ops->poll(w->src, 20, on_event, w);
		tap_bpf_tell(w->bpf, &w->untold);
		tap_bpf_tasks_poll(w->bpf, on_task, w);
		if (done(w, arg))
			return true;
	} while (now_ms() < end);
	return false;
}

void watch_take(void *arg)
{
	struct watch *w = arg;

	while (w->src->ops->poll(w->src, 0, on_event, w) > 0)
		;
	tap_bpf_tasks_poll(w->bpf, on_task, w);
}

uint64_t watch_tail(const struct end *e, int dir)
{
	const struct plain *p = &e->plain[dir];

	if (e->plain[0].seen || e->plain[1].seen)
		return p->total > p->next ? p->total - p->next : 0;
	return e->total[dir] > e->next[dir] ? e->total[dir] - e->next[dir] : 0;
}

static const struct end *find(const struct watch *w, uint16_t lport, uint16_t rport)
{
	for (unsigned i = w->n; i > 0; i--) /* the newest */
		if (w->ends[i - 1].lport == lport && w->ends[i - 1].rport == rport)
			return &w->ends[i - 1];
	return NULL;
}

struct end *watch_end(struct watch *w, uint16_t lport, uint16_t rport)
{
	return (struct end *)find(w, lport, rport);
}

struct goal {
	uint16_t cport, sport;
	uint64_t c2s, s2c;
};

static bool both_gone(const struct watch *w, const void *arg)
{
	const struct goal *g = arg;
	const struct end *c = find(w, g->cport, g->sport), *s = find(w, g->sport, g->cport);

	return c && s && (c->how & EV_END_ALL) && (s->how & EV_END_ALL);
}

static bool both_moved(const struct watch *w, const void *arg)
{
	const struct goal *g = arg;
	const struct end *c = find(w, g->cport, g->sport), *s = find(w, g->sport, g->cport);

	return c && s && c->next[EV_WRITE] >= g->c2s && s->next[EV_READ] >= g->c2s &&
	       s->next[EV_WRITE] >= g->s2c && c->next[EV_READ] >= g->s2c;
}

bool watch_gone(struct watch *w, uint16_t cport, uint16_t sport)
{
	struct goal g = { cport, sport, 0, 0 };

	return watch_until(w, both_gone, &g);
}

bool watch_moved(struct watch *w, uint16_t cport, uint16_t sport, uint64_t c2s, uint64_t s2c)
{
	struct goal g = { cport, sport, c2s, s2c };

	return watch_until(w, both_moved, &g);
}

void watch_release(struct watch *w)
{
	w->src->ops->close(w->src);
	tap_bpf_close(w->bpf);
}

bool watch_skips_right(const struct watch *w)
{
	const struct bpf_object *obj = tap_bpf_skel(w->bpf)->obj;
	uint64_t losses[EV_LOSS_MAX] = { 0 }, alone = 0, again = 0;
	struct bpf_program *p;

	bpf_object__for_each_program (p, obj) {
		struct bpf_prog_info info = { 0 };
		__u32 len = sizeof(info);

		if (bpf_program__fd(p) < 0 || bpf_obj_get_info_by_fd(bpf_program__fd(p), &info, &len))
			continue;
		if (bpf_is_second(p))
			again += info.recursion_misses;
		else if (!bpf_second_of(obj, p))
			alone += info.recursion_misses;
	}
	return tap_bpf_losses(w->bpf, losses) == 0 && losses[EV_LOSS_SKIPPED] >= alone &&
	       losses[EV_LOSS_SKIPPED] <= alone + again;
}

uint64_t watch_misses(const struct watch *w, bool say)
{
	struct bpf_program *p;
	uint64_t sum = 0;

	bpf_object__for_each_program (p, tap_bpf_skel(w->bpf)->obj) {
		struct bpf_prog_info info = { 0 };
		__u32 len = sizeof(info);

		if (bpf_program__fd(p) < 0 ||
		    bpf_obj_get_info_by_fd(bpf_program__fd(p), &info, &len) || !info.recursion_misses)
			continue;
		sum += info.recursion_misses;
		if (say)
			printf("# %s was not run %llu times\n", bpf_program__name(p),
			       (unsigned long long)info.recursion_misses);
	}
	return sum;
}
