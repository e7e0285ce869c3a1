/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/bpf_tls.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "limpid.skel.h"
#include "tap/bpf_priv.h"
#include "tap/flavour.h"

#define MAX_PLACES 64

struct tap_tls_links {
	size_t n;
	struct bpf_link *link[2 * MAX_PLACES];
};

/* The kernel has uprobe_multi: asked, as libbpf does, by a link on a directory.  A kernel that knows the
 * kind of link complains about the path (EBADF), another one about the kind (EINVAL). */
static bool multi_works(void)
{
	LIBBPF_OPTS(bpf_prog_load_opts, load, .expected_attach_type = BPF_TRACE_UPROBE_MULTI);
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	const unsigned long offset = 0;
	LIBBPF_OPTS(bpf_link_create_opts, link, .uprobe_multi.path = "/",
		    .uprobe_multi.offsets = &offset, .uprobe_multi.cnt = 1);
	int prog = bpf_prog_load(BPF_PROG_TYPE_KPROBE, NULL, "GPL", insns, 2, &load), fd;

	if (prog < 0)
		return false;
	fd = bpf_link_create(prog, -1, BPF_TRACE_UPROBE_MULTI, &link);
	close(prog);
	if (fd >= 0)
		close(fd);
	return fd == -EBADF;
}

void tap_bpf_tls_prepare(struct limpid_bpf *skel, bool old)
{
	const char *want = getenv("LIMPID_UPROBE_MULTI");

	struct bpf_program *const progs[] = { skel->progs.tls_enter, skel->progs.tls_leave,
					      skel->progs.go_enter, skel->progs.go_leave };
	bool multi = !old && !(want && strcmp(want, "0") == 0) && multi_works();

	for (size_t i = 0; i < sizeof(progs) / sizeof(progs[0]); i++) {
		if (old) /* loaded for each place */
			(void)bpf_program__set_autoload(progs[i], false);
		else if (multi)
			(void)bpf_program__set_expected_attach_type(progs[i],
								    BPF_TRACE_UPROBE_MULTI);
	}
}

static bool uses_multi(const struct limpid_bpf *skel)
{
	return bpf_program__expected_attach_type(skel->progs.tls_enter) == BPF_TRACE_UPROBE_MULTI;
}

const char *tap_bpf_tls_backend(const struct tap_bpf *b)
{
	if (tap_bpf_old(b))
		return "perf uprobes, a pair of programs for each";
	return uses_multi(tap_bpf_skel(b)) ? "uprobe_multi" : "perf uprobes";
}

static int attach_multi(struct tap_tls_links *l, const struct bpf_program *prog, bool leave,
			const char *path, const unsigned long *offsets, const __u64 *cookies,
			size_t n)
{
	/* Not .syms: libbpf up to 1.7 fails with them on a library without .symtab. */
	LIBBPF_OPTS(bpf_uprobe_multi_opts, o, .offsets = offsets, .cookies = cookies, .cnt = n,
		    .retprobe = leave);
	struct bpf_link *link = bpf_program__attach_uprobe_multi(prog, -1, path, NULL, &o);

	if (!link)
		return -errno;
	l->link[l->n++] = link;
	return 0;
}

static int attach_perf(struct tap_tls_links *l, const struct bpf_program *prog, bool leave,
		       const char *path, const unsigned long *offsets, const __u64 *cookies,
		       size_t n)
{
	for (size_t i = 0; i < n; i++) {
		LIBBPF_OPTS(bpf_uprobe_opts, o, .bpf_cookie = cookies[i], .retprobe = leave);
		struct bpf_link *link =
			bpf_program__attach_uprobe_opts(prog, -1, path, offsets[i], &o);

		if (!link)
			return -errno;
		l->link[l->n++] = link;
	}
	return 0;
}

/* The linker has set a place aside for each file that names the variable; which of them is used is its affair. */
static int set_site(struct bpf_map *m, __u64 cookie)
{
	size_t size = bpf_map__value_size(m);
	__u64 all[8];

	if (size == 0 || size > sizeof(all))
		return -EINVAL;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		all[i] = cookie;
	return bpf_map__set_initial_value(m, all, size);
}

/* A second object with the maps of the first, of which only the named programs (second may be NULL) are loaded.  They have the
 * site as a constant, because kernels before 5.15 give a probe no cookie. */
static int load_again(struct bpf_object **ret, const struct limpid_bpf *skel, const char *first,
		      const char *second, __u64 cookie)
{
	struct bpf_object *o;
	struct bpf_program *p;
	struct bpf_map *m;
	size_t len;
	const void *bytes = flavour_old_bytes(&len);
	int err = 0;

	o = bpf_object__open_mem(bytes, len, NULL);
	if (!o)
		return -errno;
	bpf_object__for_each_program(p, o) {
		const char *name = bpf_program__name(p);

		(void)bpf_program__set_autoload(p, strcmp(name, first) == 0 ||
							   (second && strcmp(name, second) == 0));
	}
	bpf_object__for_each_map(m, o) {
		const char *name = bpf_map__name(m), *dot = strchr(name, '.');
		struct bpf_map *of = bpf_object__find_map_by_name(skel->obj, dot ? dot : name);

		if (strcmp(name, ".rodata.site") == 0)
			err = set_site(m, cookie);
		else
			err = of ? bpf_map__reuse_fd(m, bpf_map__fd(of)) : -ESRCH;
		if (err)
			goto out;
	}
	err = bpf_object__load(o);
out:
	if (err) {
		bpf_object__close(o);
		return err;
	}
	*ret = o;
	return 0;
}

/* One of the old flavour's programs at one place. */
static int attach_alone(struct tap_tls_links *l, struct bpf_object *o, const char *name,
			bool at_return, const char *path, unsigned long offset)
{
	static const __u64 none[1];

	return attach_perf(l, bpf_object__find_program_by_name(o, name), at_return, path, &offset,
			   none, 1);
}

/* The same program, with the same cookie, at several. */
static int attach_same(struct tap_tls_links *l, const struct limpid_bpf *skel, const char *name, __u64 cookie,
		       const char *path, const unsigned long *offsets, size_t n)
{
	struct bpf_object *o = NULL;
	int err = load_again(&o, skel, name, NULL, cookie);

	if (err)
		return err;
	for (size_t i = 0; i < n && !err; i++)
		err = attach_alone(l, o, name, false, path, offsets[i]);
	bpf_object__close(o); /* the links keep the program; its descriptors, one for each map, are many */
	return err;
}

static int attach_pair(struct tap_tls_links *l, const struct limpid_bpf *skel, const char *path,
		       const struct tap_tls_place *place)
{
	struct bpf_object *o = NULL;
	__u64 cookie;
	int err;

	memcpy(&cookie, &place->site, sizeof(cookie));
	err = load_again(&o, skel, "tls_enter", place->by_exit ? NULL : "tls_leave", cookie);
	if (err)
		return err;
	if (!place->by_exit)
		err = attach_alone(l, o, "tls_leave", true, path, place->off);
	if (!err)
		err = attach_alone(l, o, "tls_enter", false, path, place->off);
	bpf_object__close(o);
	return err;
}

static int attach_pairs(struct tap_tls_links *l, const struct limpid_bpf *skel, const char *path,
			const struct tap_tls_place *places, size_t n, const uint64_t *exits,
			size_t nexits)
{
	unsigned long exit[MAX_PLACES];
	int err = 0;

	for (size_t i = 0; i < nexits; i++)
		exit[i] = exits[i];
	if (nexits)
		err = attach_same(l, skel, "tls_leave", 0, path, exit, nexits);
	for (size_t i = 0; i < n && !err; i++)
		err = attach_pair(l, skel, path, &places[i]);
	return err;
}

static int attach_prog(struct tap_tls_links *l, const struct limpid_bpf *skel,
		       const struct bpf_program *prog, bool at_return, const char *path,
		       const unsigned long *offsets, const __u64 *cookies, size_t n)
{
	return uses_multi(skel) ? attach_multi(l, prog, at_return, path, offsets, cookies, n)
				: attach_perf(l, prog, at_return, path, offsets, cookies, n);
}

/* Ends come first: an entry without its end would leave a call under way. */
static int attach_places(struct tap_tls_links *l, const struct limpid_bpf *skel, const char *path,
			 const struct tap_tls_place *places, size_t n, const uint64_t *exits,
			 size_t nexits)
{
	unsigned long entry[MAX_PLACES], ret[MAX_PLACES], exit[MAX_PLACES];
	__u64 cookie[MAX_PLACES], none[MAX_PLACES] = { 0 };
	size_t nret = 0;
	int err = 0;

	for (size_t i = 0; i < n; i++) {
		entry[i] = places[i].off;
		memcpy(&cookie[i], &places[i].site, sizeof(cookie[i]));
		if (!places[i].by_exit)
			ret[nret++] = places[i].off;
	}
	for (size_t i = 0; i < nexits; i++)
		exit[i] = exits[i];
	if (nexits)
		err = attach_prog(l, skel, skel->progs.tls_leave, false, path, exit, none, nexits);
	if (!err && nret)
		err = attach_prog(l, skel, skel->progs.tls_leave, true, path, ret, none, nret);
	return err ? err : attach_prog(l, skel, skel->progs.tls_enter, false, path, entry, cookie, n);
}

int tap_bpf_tls_attach(struct tap_tls_links **ret, struct tap_bpf *b, int fd,
		       const struct tap_tls_place *places, size_t n, const uint64_t *exits,
		       size_t nexits)
{
	struct limpid_bpf *skel = tap_bpf_skel(b);
	struct tap_tls_links *l;
	char path[32];
	int err;

	if (n == 0 || n + nexits > MAX_PLACES)
		return -EINVAL;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	/* The very file that was analysed, whatever its name leads to by now. */
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	err = tap_bpf_old(b) ? attach_pairs(l, skel, path, places, n, exits, nexits)
			     : attach_places(l, skel, path, places, n, exits, nexits);
	if (err) {
		tap_bpf_tls_detach(l);
		return err;
	}
	*ret = l;
	return 0;
}

/* The places of one kind: ends, or beginnings. */
static int attach_go(struct tap_tls_links *l, const struct tap_bpf *b, bool exits, const char *path,
		     const struct tap_go_place *places, size_t n)
{
	const struct limpid_bpf *skel = tap_bpf_skel(b);
	unsigned long offsets[MAX_PLACES];
	__u64 cookies[MAX_PLACES];
	size_t m = 0;
	int err = 0;

	for (size_t i = 0; i < n; i++)
		if (places[i].exit == exits) {
			offsets[m] = places[i].off;
			memcpy(&cookies[m++], &places[i].site, sizeof(cookies[0]));
		}
	if (m == 0)
		return -EINVAL;
	if (!tap_bpf_old(b))
		return attach_prog(l, skel, exits ? skel->progs.go_leave : skel->progs.go_enter,
				   false, path, offsets, cookies, m);
	for (size_t i = 0, same; i < m && !err; i += same) { /* the returns are alike, and most */
		for (same = 1; i + same < m && cookies[i + same] == cookies[i]; same++)
			;
		err = attach_same(l, skel, exits ? "go_leave" : "go_enter", cookies[i], path, &offsets[i], same);
	}
	return err;
}

int tap_bpf_go_attach(struct tap_tls_links **ret, struct tap_bpf *b, int fd,
		      const struct tap_go_place *places, size_t n)
{
	struct tap_tls_links *l;
	char path[32];
	int err;

	if (n == 0 || n > MAX_PLACES)
		return -EINVAL;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	err = attach_go(l, b, true, path, places, n);
	if (!err)
		err = attach_go(l, b, false, path, places, n);
	if (err) {
		tap_bpf_tls_detach(l);
		return err;
	}
	*ret = l;
	return 0;
}

void tap_bpf_tls_detach(struct tap_tls_links *l)
{
	if (!l)
		return;
	/* Entries first, for the same reason. */
	for (size_t i = l->n; i > 0; i--)
		bpf_link__destroy(l->link[i - 1]);
	free(l);
}

int tap_bpf_late_attach(struct tap_tls_links **ret, struct tap_bpf *b, int fd, uint64_t off,
			uint32_t pid)
{
	/* perf uprobes: uprobe_multi took the number for that of a thread until 6.10. */
	LIBBPF_OPTS(bpf_uprobe_opts, o);
	struct tap_tls_links *l = calloc(1, sizeof(*l));
	char path[32];

	if (!l)
		return -ENOMEM;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	l->link[0] = bpf_program__attach_uprobe_opts(tap_bpf_skel(b)->progs.tls_bio_write, (pid_t)pid,
						     path, off, &o);
	if (!l->link[0]) {
		int err = -errno;

		free(l);
		return err;
	}
	l->n = 1;
	*ret = l;
	return 0;
}

size_t tap_bpf_late_asking(const struct tap_bpf *b, struct tap_bpf_asking *ret, size_t max)
{
	const struct bpf_map *m = tap_bpf_skel(b)->maps.late_wanted;
	uint32_t pid, *last = NULL;
	uint64_t at_ns;
	size_t n = 0;

	while (n < max && bpf_map__get_next_key(m, last, &pid, sizeof(pid)) == 0) {
		if (bpf_map__lookup_elem(m, &pid, sizeof(pid), &at_ns, sizeof(at_ns), 0) == 0)
			ret[n++] = (struct tap_bpf_asking){ pid, at_ns };
		last = &pid;
	}
	return n;
}

void tap_bpf_late_forget(struct tap_bpf *b, uint32_t pid)
{
	(void)bpf_map__delete_elem(tap_bpf_skel(b)->maps.late_wanted, &pid, sizeof(pid), 0);
}

void tap_bpf_late_probed(struct tap_bpf *b, bool any)
{
	tap_bpf_skel(b)->bss->late_probed = any;
}

int tap_bpf_tls_layout(struct tap_bpf *b, uint16_t lib, const struct ev_tls_layout *layout)
{
	const struct ev_tls_lib v = { .layout = *layout };
	__u32 key = lib;

	return bpf_map__update_elem(tap_bpf_skel(b)->maps.tls_libs, &key, sizeof(key), &v,
				    sizeof(v), BPF_ANY);
}

int tap_bpf_tls_stats(const struct tap_bpf *b, uint16_t lib, struct ev_tls_lib *ret)
{
	__u32 key = lib;
	struct ev_tls_lib v;
	int err = bpf_map__lookup_elem(tap_bpf_skel(b)->maps.tls_libs, &key, sizeof(key), &v,
				       sizeof(v), 0);

	if (err)
		return err;
	*ret = v;
	return 0;
}
