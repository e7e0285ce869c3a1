/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of the kernel side, and what it is told, while it runs. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "limpid.skel.h"
#include "tap/bpf_priv.h"

#define TELL_MAX 1024 /* connections at a time */

/* Of the keys of both maps: bpf/gap.bpf.h. */
struct untold_key {
	uint64_t cookie;
	uint32_t what, pad;
};

static int order(const struct bpf_program *prog, void *args, size_t size, uint32_t *ret_value)
{
	LIBBPF_OPTS(bpf_test_run_opts, run, .ctx_in = args, .ctx_size_in = (uint32_t)size);
	int rc = bpf_prog_test_run_opts(bpf_program__fd(prog), &run);

	*ret_value = run.retval;
	return rc;
}

int tap_bpf_verdict(struct tap_bpf *b, uint64_t cookie, enum ev_verdict v)
{
	uint64_t args[] = { cookie, v };
	uint32_t value = 0;
	int rc = order(tap_bpf_skel(b)->progs.socket_verdict, args, sizeof(args), &value);

	if (rc)
		return rc;
	return value ? -ENOENT : 0;
}

int tap_bpf_skip(struct tap_bpf *b, uint64_t cookie, enum ev_dir dir, bool plain, uint64_t to)
{
	uint64_t args[] = { cookie, (uint64_t)dir | (plain ? 2 : 0), to };
	uint32_t value = 0;
	int rc = order(tap_bpf_skel(b)->progs.socket_skip, args, sizeof(args), &value);

	if (rc)
		return rc;
	return value ? -ENOENT : 0;
}

int tap_bpf_losses(const struct tap_bpf *b, uint64_t ret[EV_LOSS_MAX])
{
	int cpus = libbpf_num_possible_cpus(), rc = 0;
	uint64_t sums[EV_LOSS_MAX] = { 0 }, *v;

	if (cpus < 0)
		return cpus;
	v = calloc((size_t)cpus, sizeof(*v));
	if (!v)
		return -ENOMEM;
	for (uint32_t i = 0; i < EV_LOSS_MAX && !rc; i++) {
		rc = bpf_map__lookup_elem(tap_bpf_skel(b)->maps.losses, &i, sizeof(i), v,
					  (size_t)cpus * sizeof(*v), 0);
		for (int cpu = 0; cpu < cpus && !rc; cpu++)
			sums[i] += v[cpu];
	}
	free(v);
	if (!rc)
		memcpy(ret, sums, sizeof(sums));
	return rc;
}

/* --- telling afterwards ------------------------------------------------------------------------- */

static size_t collect(const struct bpf_map *map, uint64_t *cookies, size_t n)
{
	struct untold_key key, *before = NULL;

	/* A key that is taken away meanwhile makes this begin again: n bounds it. */
	while (n < TELL_MAX && bpf_map__get_next_key(map, before, &key, sizeof(key)) == 0) {
		if (n == 0 || cookies[n - 1] != key.cookie)
			cookies[n++] = key.cookie;
		before = &key;
	}
	return n;
}

int tap_bpf_tell(const struct tap_bpf *b, struct tap_untold *s)
{
	const struct limpid_bpf *skel = tap_bpf_skel(b);
	uint32_t seq = skel->bss->gap_seq;
	uint64_t *cookies;
	size_t n = 0;
	int left = 0;

	if (seq == s->seq && !s->left)
		return 0;
	cookies = calloc(TELL_MAX, sizeof(*cookies));
	if (!cookies)
		return -ENOMEM;
	s->seq = seq;
	n = collect(skel->maps.kept, cookies, n);
	n = collect(skel->maps.gaps, cookies, n);
	for (size_t i = 0; i < n; i++) {
		uint64_t args = cookies[i];
		uint32_t value = 0;

		if (order(skel->progs.ring_tell, &args, sizeof(args), &value) == 0)
			left += value != 0;
	}
	free(cookies);
	s->left = left > 0 || n == TELL_MAX;
	return left;
}
