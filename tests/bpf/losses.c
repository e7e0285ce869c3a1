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

bool losses_agree(const struct watch *w, const struct losses *before)
{
	uint64_t why[EV_WHY_MAX] = { 0 };
	struct losses now = losses_now(w);
	bool ok;

	for (int i = 0; i < EV_LOSS_MAX; i++)
		now.n[i] -= before->n[i];
	missing(w, why);
	ok = now.n[EV_LOSS_NO_BUFFER] == why[EV_WHY_NO_BUFFER] &&
	     now.n[EV_LOSS_FAULT_BYTES] == why[EV_WHY_FAULT] &&
	     now.n[EV_LOSS_BUDGET_BYTES] == why[EV_WHY_BUDGET] &&
	     now.n[EV_LOSS_SHED_BYTES] == why[EV_WHY_SHED] &&
	     now.n[EV_LOSS_UNSEEN_BYTES] == why[EV_WHY_UNSEEN] &&
	     now.n[EV_LOSS_RING_BYTES] == why[EV_WHY_RING] && why[EV_WHY_NONE] == 0 &&
	     now.n[EV_LOSS_UNTOLD_BYTES] == 0;
	for (int i = 0; !ok && i < EV_LOSS_MAX; i++)
		printf("# loss %d: %llu; reason %d: %llu\n", i, (unsigned long long)now.n[i], i,
		       i < EV_WHY_MAX ? (unsigned long long)why[i] : 0);
	return ok;
}
