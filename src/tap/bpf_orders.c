/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of the kernel side, and what it is told, while it runs. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "limpid.skel.h"
#include "tap/bpf_priv.h"

#define TELL_MAX  1024 /* connections at a time */
#define PAGE_RUNS 128

/* As in bpf/gap.bpf.h: the keys of both maps, the values of one. */
struct untold_key {
	uint64_t cookie;
	uint32_t what, pad;
};
struct untold_gap {
	uint64_t from, n[3], at;
	uint32_t busy, pad;
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

int tap_bpf_totals(struct tap_bpf *b, uint64_t cookie)
{
	uint64_t args = cookie;
	uint32_t value = 0;
	int rc = order(tap_bpf_skel(b)->progs.socket_totals, &args, sizeof(args), &value);

	if (rc)
		return rc;
	return value == 1 ? -EAGAIN : value ? -ENOENT : 0;
}

static uint64_t misses_of(const struct bpf_program *p)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);
	int fd = p ? bpf_program__fd(p) : -1;

	return fd >= 0 && bpf_obj_get_info_by_fd(fd, &info, &len) == 0 ? info.recursion_misses : 0;
}

/* What one program left undone its second one does, if there is such a one and the kernel ran it. */
static uint64_t runs_skipped(const struct bpf_object *obj)
{
	struct bpf_program *p;
	uint64_t sum = 0;

	bpf_object__for_each_program (p, obj) {
		const struct bpf_program *second;
		uint64_t n = misses_of(p), m;

		if (!n || bpf_is_second(p))
			continue;
		second = bpf_second_of(obj, p);
		m = misses_of(second);
		sum += second && m < n ? m : n;
	}
	return sum;
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
	sums[EV_LOSS_SKIPPED] = runs_skipped(tap_bpf_skel(b)->obj);
	if (!rc)
		memcpy(ret, sums, sizeof(sums));
	return rc;
}

/* A list that changes meanwhile may lead in a circle, so the runs are limited. */
void tap_bpf_find_page(const struct tap_bpf *b)
{
	const struct limpid_bpf *skel = tap_bpf_skel(b);
	uint32_t value = 0;

	for (int i = 0; i < PAGE_RUNS && skel->bss->page_cache && !skel->bss->page_address; i++)
		if (order(skel->progs.pages_search, NULL, 0, &value))
			return;
}

/* --- telling afterwards ------------------------------------------------------------------------- */

struct collected {
	uint64_t cookies[TELL_MAX];
	size_t n;
	struct untold_key keys[TELL_MAX];
	struct untold_gap gaps[TELL_MAX];
};

static void collect(struct collected *c, uint64_t cookie)
{
	if (c->n < TELL_MAX && (c->n == 0 || c->cookies[c->n - 1] != cookie))
		c->cookies[c->n++] = cookie;
}

static void collect_kept(struct collected *c, const struct bpf_map *map)
{
	struct untold_key key, *before = NULL;

	/* A key that is taken away meanwhile makes this begin again: n bounds it. */
	while (c->n < TELL_MAX && bpf_map__get_next_key(map, before, &key, sizeof(key)) == 0) {
		collect(c, key.cookie);
		before = &key;
	}
}

/* Those that have something to tell; the others stay there for the life of their connections, and may be many. */
static void collect_gaps(struct collected *c, const struct bpf_map *map)
{
	uint64_t at, *from = NULL; /* the kernel's place in the map: not more than a key */
	int err = 0;

	if (bpf_map__value_size(map) != sizeof(c->gaps[0]))
		return;
	while (!err && c->n < TELL_MAX) {
		uint32_t n = TELL_MAX;

		err = bpf_map_lookup_batch(bpf_map__fd(map), from, &at, c->keys, c->gaps, &n, NULL);
		if (err && err != -ENOENT) /* that is the end; its last part is there */
			break;
		for (uint32_t i = 0; i < n; i++)
			if (c->gaps[i].n[0] | c->gaps[i].n[1] | c->gaps[i].n[2])
				collect(c, c->keys[i].cookie);
		from = &at;
	}
}

int tap_bpf_tell(const struct tap_bpf *b, struct tap_untold *s)
{
	const struct limpid_bpf *skel = tap_bpf_skel(b);
	uint32_t seq = skel->bss->gap_seq;
	struct collected *c;
	int left = 0;

	if (seq == s->seq && !s->left)
		return 0;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	s->seq = seq;
	collect_kept(c, skel->maps.kept);
	collect_gaps(c, skel->maps.gaps);
	for (size_t i = 0; i < c->n; i++) {
		uint64_t args = c->cookies[i];
		uint32_t value = 0;

		if (order(skel->progs.ring_tell, &args, sizeof(args), &value) == 0)
			left += value != 0;
	}
	s->left = left > 0 || c->n == TELL_MAX;
	free(c);
	return left;
}
