/* SPDX-License-Identifier: Apache-2.0 */
/* Many threads on one socket, on every processor: calls begin, move and end at the same time, and each byte has to
 * have one position all the same.  Nothing is left out, so nothing may be taken for unseen. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "conn.h"

#define WRITERS 6
#define READERS 3
#define SPACE	(64u << 20) /* positions that are looked at */

static const struct timespec moment = { .tv_nsec = 1000 };

struct side { /* of one connection, in the child */
	int fd;
	unsigned calls, seed;
};

static void *write_many(void *arg)
{
	const struct side *s = arg;
	unsigned rand = s->seed;
	char data[300];

	memset(data, 'x', sizeof(data));
	for (unsigned i = 0; i < s->calls; i++) {
		size_t n = 1 + (size_t)rand_r(&rand) % sizeof(data);

		if (write(s->fd, data, n) < 0)
			break;
		if (i % 7 == 0)
			nanosleep(&moment, NULL); /* so that there are times without any call */
	}
	return NULL;
}

static void *read_many(void *arg)
{
	const struct side *s = arg;
	unsigned rand = s->seed;
	char data[2000];

	while (read(s->fd, data, 1 + (size_t)rand_r(&rand) % sizeof(data)) > 0)
		;
	return NULL;
}

/* In the child, when it is told to: several threads on both ends of one connection. */
static void talk(int go, unsigned calls)
{
	struct conn c;
	struct side sides[WRITERS + READERS];
	pthread_t threads[WRITERS + READERS];
	char byte;

	if (read(go, &byte, 1) != 1 || conn_connect(&c, F_V4, 0) < 0 || conn_accept(&c) < 0)
		_exit(1);
	for (unsigned i = 0; i < WRITERS + READERS; i++) {
		sides[i] = (struct side){ c.end[i >= WRITERS], calls, i + 1 };
		pthread_create(&threads[i], NULL, i < WRITERS ? write_many : read_many, &sides[i]);
	}
	for (unsigned i = 0; i < WRITERS; i++)
		pthread_join(threads[i], NULL);
	shutdown(c.end[0], SHUT_WR);
	for (unsigned i = WRITERS; i < WRITERS + READERS; i++)
		pthread_join(threads[i], NULL);
	conn_close(&c, false);
	_exit(0);
}

struct tally { /* of one direction: the client's writes, or the server's reads */
	uint64_t cookie, sum, twice, beyond, unseen, total;
	uint8_t *seen; /* a byte for each position */
	bool gone;
};

struct race {
	struct tally dir[2]; /* by enum ev_dir */
};

static void note(void *arg, const struct ev_hdr *h)
{
	struct race *r = arg;
	const struct ev_data *ev = (const void *)h;
	const struct ev_close *close = (const void *)h;
	const struct ev_open *open = (const void *)h;

	if (h->kind == EV_OPEN && open->side == EV_CLIENT)
		r->dir[EV_WRITE].cookie = h->cookie;
	else if (h->kind == EV_OPEN)
		r->dir[EV_READ].cookie = h->cookie;
	for (int d = 0; d < 2; d++) {
		struct tally *t = &r->dir[d];

		if (h->cookie != t->cookie)
			continue;
		if (h->kind == EV_CLOSE && (close->how & EV_END_ALL)) {
			t->total = close->total[d];
			t->gone = true;
		}
		if (h->kind != EV_DATA || ev->dir != d)
			continue;
		t->sum += ev->len;
		t->unseen += ev->why == EV_WHY_UNSEEN ? ev->len - ev->ncap : 0;
		for (uint64_t at = ev->off; at < ev->off + ev->len; at++) {
			if (at < SPACE)
				t->twice += t->seen[at]++ > 0;
			else
				t->beyond++;
		}
	}
}

static bool ended(const struct watch *w, const void *arg)
{
	const struct race *r = arg;

	(void)w;
	return r->dir[0].gone && r->dir[1].gone;
}

static bool once(struct watch *w, unsigned calls, struct race *r)
{
	int go[2], status = -1;
	bool ok = true;
	pid_t pid;

	if (pipe(go) < 0 || (pid = fork()) < 0)
		return false;
	if (pid == 0)
		talk(go[0], calls);
	tap_bpf_rule_tgid(w->bpf, (uint32_t)pid, EV_RULE_INCLUDE);
	w->also = note;
	w->also_arg = r;
	if (write(go[1], "g", 1) != 1)
		ok = false;
	while (waitpid(pid, &status, WNOHANG) == 0) {
		watch_take(w);
		nanosleep(&moment, NULL);
	}
	ok = ok && watch_until(w, ended, r) && status == 0;
	w->also = NULL;
	tap_bpf_rule_tgid(w->bpf, (uint32_t)pid, -1);
	close(go[0]);
	close(go[1]);
	for (int d = 0; ok && d < 2; d++) {
		const struct tally *t = &r->dir[d];

		ok = t->sum == t->total && !t->twice && !t->beyond && !t->unseen &&
		     t->total == r->dir[!d].total;
	}
	return ok;
}

static void run(struct watch *w, const char *how)
{
	struct race r = { 0 };
	unsigned calls = quick || hold_up_ns ? 2000 : 20000;

	r.dir[0].seen = calloc(1, SPACE);
	r.dir[1].seen = calloc(1, SPACE);
	if (!check(r.dir[0].seen && r.dir[1].seen && once(w, calls, &r),
		   "threads that use a socket at the same time give every byte one position%s: %u calls",
		   how, calls * WRITERS))
		for (int d = 0; d < 2; d++)
			printf("# %s: %llu bytes told, total %llu, unseen %llu, positions twice %llu, "
			       "beyond %llu\n",
			       d ? "write" : "read", (unsigned long long)r.dir[d].sum,
			       (unsigned long long)r.dir[d].total,
			       (unsigned long long)r.dir[d].unseen,
			       (unsigned long long)r.dir[d].twice,
			       (unsigned long long)r.dir[d].beyond);
	free(r.dir[0].seen);
	free(r.dir[1].seen);
}

void race(struct watch *w)
{
	static const struct {
		uint32_t ns;
		const char *how;
	} runs[] = { { 0, "" }, { 10000, ", also when one is held up in between" } };

	for (int i = 0; i < 2; i++) {
		hold_up_ns = runs[i].ns;
		if (load(w, 64 << 20)) {
			run(w, runs[i].how);
			watch_release(w);
		}
		hold_up_ns = 0;
	}
}
