/* SPDX-License-Identifier: Apache-2.0 */
/* waiters.c - more calls that wait at once than a kretprobe has instances: their returns are not seen by it. */
#include <stdio.h>

#include "check.h"

#define WAITERS 64
#define BYTES	20000

struct found {
	unsigned clients, servers;
};

static bool whole(const struct end *e, int dir)
{
	return !e->wrong && e->captured[dir] == BYTES && !e->holes[dir] && e->total[dir] == BYTES &&
	       !e->total[!dir] && (e->how & EV_END_ALL);
}

static struct found count(const struct watch *w, uint16_t sport)
{
	struct found f = { 0 };

	for (unsigned i = 0; i < w->n; i++) {
		const struct end *e = &w->ends[i];

		f.clients += e->rport == sport && whole(e, EV_WRITE);
		f.servers += e->lport == sport && whole(e, EV_READ);
	}
	return f;
}

static bool all_whole(const struct watch *w, const void *arg)
{
	struct found f = count(w, *(const uint16_t *)arg);

	return f.clients == WAITERS && f.servers == WAITERS;
}

void waiters(struct watch *w, struct worker *k)
{
	struct losses before = losses_now(w);
	struct reply r = { 0 };
	struct found f;
	bool ok;

	k->idle = watch_take;
	k->idle_arg = w;
	ok = worker_do(k, (struct order){ .what = T_MANY, .a = WAITERS, .n = BYTES }, &r) == 0;
	k->idle = NULL;
	ok = watch_until(w, all_whole, &r.sport) && ok;
	f = count(w, r.sport);
	if (!check(ok && losses_agree(w, &before), "%u threads wait in recv, read, readv, recvmsg, recvmmsg: every byte of all of them", WAITERS))
		printf("# whole: %u clients, %u servers; error %d\n", f.clients, f.servers, r.error);
	watch_forget(w);
}
