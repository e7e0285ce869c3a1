/* SPDX-License-Identifier: Apache-2.0 */
/* The map of connections is full, and one that is still open has to give way: when it is used again, its first record
 * says how far its stream was. */
#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "limpid.skel.h"
#include "tap/bpf_priv.h"

struct anew {
	uint64_t cookie, first[2], moved[2]; /* base of the first record; what the second one adds to it */
	unsigned n;
};

static void note(void *arg, const struct ev_hdr *h)
{
	const struct ev_open *ev = (const void *)h;
	struct anew *ends = arg;

	if (h->kind != EV_OPEN || !(h->flags & EV_ANEW))
		return;
	for (int i = 0; i < 2; i++) {
		struct anew *a = &ends[i];

		if (!a->cookie && (ev->side == EV_SERVER) == (i == 1)) {
			a->cookie = h->cookie;
			memcpy(a->first, ev->base, sizeof(a->first));
		} else if (a->cookie == h->cookie) {
			for (int d = 0; d < 2; d++)
				a->moved[d] = ev->base[d] - a->first[d];
			a->n++;
		}
	}
}

static bool told(const struct watch *w, const void *arg)
{
	const struct anew *ends = arg;

	(void)w;
	return ends[0].n && ends[1].n;
}

void forget(struct watch *w, struct worker *k)
{
	struct bpf_map *conns = tap_bpf_skel(w->bpf)->maps.conns;
	struct anew ends[2] = { { 0 }, { 0 } };
	struct reply r;
	bool gone = true;

	w->also = note;
	w->also_arg = ends;
	r = order(k, T_OPEN, F_V4);
	for (int i = 0; i < 3; i++) {
		move(k, 0, S_WRITE, R_READ, 70000);
		move(k, 1, S_WRITE, R_READ, 500);
	}
	watch_moved(w, r.cport, r.sport, 210000, 1500);
	for (int i = 0; i < 2; i++)
		gone = gone && bpf_map__delete_elem(conns, &ends[i].cookie, sizeof(ends[i].cookie), 0) == 0;
	move(k, 0, S_WRITE, R_READ, 1000);
	watch_until(w, told, ends);
	check(gone && ends[0].n == 1 && ends[0].moved[EV_WRITE] == 210000 &&
		      ends[0].moved[EV_READ] == 1500,
	      "a client's end that was forgotten says where it is: %llu written, %llu read",
	      (unsigned long long)ends[0].moved[EV_WRITE],
	      (unsigned long long)ends[0].moved[EV_READ]);
	check(gone && ends[1].n == 1 && ends[1].moved[EV_WRITE] == 1500 &&
		      ends[1].moved[EV_READ] == 210000,
	      "so does a server's: %llu written, %llu read",
	      (unsigned long long)ends[1].moved[EV_WRITE],
	      (unsigned long long)ends[1].moved[EV_READ]);
	order(k, T_CLOSE, 0);
	w->also = NULL;
	watch_forget(w);
}
