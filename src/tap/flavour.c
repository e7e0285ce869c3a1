/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/flavour.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "limpid.skel.h"
#include "limpid_old.skel.h"

/* Cookies of sockets in tracing programs (5.12) and atomic operations that return a value (5.12) cannot be asked for
 * by libbpf, but came before bpf_loop (5.17). */
bool flavour_is_old(void)
{
	const char *want = getenv("LIMPID_FLAVOUR");

	if (want && strcmp(want, "old") == 0)
		return true;
	return libbpf_probe_bpf_map_type(BPF_MAP_TYPE_TASK_STORAGE, NULL) == 0 ||
	       libbpf_probe_bpf_helper(BPF_PROG_TYPE_KPROBE, BPF_FUNC_loop, NULL) == 0;
}

const void *flavour_old_bytes(size_t *ret_len)
{
	return limpid_old_bpf__elf_bytes(ret_len);
}

/* Constants that the compiler made: nothing refers to these maps by name, and the other flavour has others. */
static void forget_constants(struct bpf_object_skeleton *s)
{
	int kept = 0;

	for (int i = 0; i < s->map_cnt; i++) {
		if (strncmp(s->maps[i].name, ".rodata", 7) == 0)
			continue;
		if (kept != i)
			s->maps[kept] = s->maps[i];
		kept++;
	}
	s->map_cnt = kept;
}

int flavour_open(struct limpid_bpf **ret, bool old)
{
	struct limpid_bpf *skel;
	int err;

	if (!old) {
		skel = limpid_bpf__open();
		if (!skel)
			return -errno;
		*ret = skel;
		return 0;
	}
	skel = calloc(1, sizeof(*skel));
	if (!skel)
		return -ENOMEM;
	err = limpid_bpf__create_skeleton(skel);
	if (!err) {
		forget_constants(skel->skeleton);
		skel->skeleton->data = flavour_old_bytes(&skel->skeleton->data_sz);
		err = bpf_object__open_skeleton(skel->skeleton, NULL);
	}
	if (err) {
		limpid_bpf__destroy(skel);
		return err;
	}
	*ret = skel;
	return 0;
}
