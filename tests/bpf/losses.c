/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "check.h"

struct losses losses_now(const struct watch *w)
{
	struct losses s = { 0 };

	tap_bpf_losses(w->bpf, s.n);
	return s;
}

static void missing(const struct watch *w, uint64_t why[EV_WHY_MAX])
{
	for (unsigned i = 0; i < 2 * w->n; i++) {
		const struct end *e = &w->ends[i / 2];

		for (int y = 0; y < EV_WHY_MAX; y++)
			why[y] += e->why[i % 2][y] + e->plain[i % 2].why[y];
		why[EV_WHY_NONE] += watch_tail(e, i % 2);
	}
}

/* What a counter is to say, by reason. */
static const struct {
	const char *name;
	enum ev_loss loss;
	enum ev_why why;
} pairs[] = {
	{ "no buffer", EV_LOSS_NO_BUFFER, EV_WHY_NO_BUFFER }, { "fault", EV_LOSS_FAULT_BYTES, EV_WHY_FAULT },
	{ "budget", EV_LOSS_BUDGET_BYTES, EV_WHY_BUDGET },    { "shed", EV_LOSS_SHED_BYTES, EV_WHY_SHED },
	{ "unseen", EV_LOSS_UNSEEN_BYTES, EV_WHY_UNSEEN },    { "ring", EV_LOSS_RING_BYTES, EV_WHY_RING },
};

bool losses_agree(const struct watch *w, const struct losses *before)
{
	uint64_t why[EV_WHY_MAX] = { 0 };
	struct losses now = losses_now(w);
	bool ok = true;

	for (int i = 0; i < EV_LOSS_MAX; i++)
		now.n[i] -= before->n[i];
	missing(w, why);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		if (now.n[pairs[i].loss] == why[pairs[i].why])
			continue;
		ok = false;
		printf("# of reason `%s` the kernel counted %llu bytes, the records say %llu\n", pairs[i].name,
		       (unsigned long long)now.n[pairs[i].loss], (unsigned long long)why[pairs[i].why]);
	}
	if (why[EV_WHY_NONE] || now.n[EV_LOSS_UNTOLD_BYTES]) {
		ok = false;
		printf("# %llu bytes are missing without a reason; the kernel says so of %llu\n", (unsigned long long)why[EV_WHY_NONE],
		       (unsigned long long)now.n[EV_LOSS_UNTOLD_BYTES]);
	}
	if (!ok)
		printf("# besides, the kernel skipped %llu runs, the rings refused %llu records and forgot %llu calls\n",
		       (unsigned long long)now.n[EV_LOSS_SKIPPED], (unsigned long long)now.n[EV_LOSS_RING],
		       (unsigned long long)now.n[EV_LOSS_INFLIGHT]);
	return ok;
}
