/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/bpf.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "limpid.skel.h"
#include "tap/bpf_hooks.h"
#include "tap/bpf_priv.h"
#include "tap/comms.h"
#include "tap/flavour.h"
#include "tap/rings.h"

#define EVENTS_BYTES (32u << 20)

struct tap_bpf {
	struct limpid_bpf *skel;
	struct ring_buffer *tasks;
	struct rings rings;
	struct hooks hooks;
	/* The call of tap_bpf_tasks_poll under way. */
	void (*task_fn)(void *ctx, const struct ev_task *ev);
	void *task_ctx;
	bool rescan;
	bool old;		   /* the flavour of the programs */
	struct bpf_link *sweep[2]; /* over streams, over datagrams */
};

/* libbpf gives its print function no context, so what it said of a failure is kept here: the first warning that
 * names a program, since those after it say less, else the last one. */
static char last_words[HOOKS_REASON];

static void forget_words(void)
{
	last_words[0] = '\0';
}

/* Its last lines: what the verifier objects to stands at the end of its log. */
static void log_tail(const char *text, size_t n)
{
	size_t from = n > 2000 ? n - 2000 : 0;

	while (from < n) {
		size_t len = strcspn(text + from, "\n");

		log_debug("%.*s", (int)len, text + from);
		from += len + 1;
	}
}

/* Of a program that was refused, the reason: the line of the verifier's log before its statistics. */
static void keep_reason(const char *log)
{
	const char *end = strstr(log, "\nprocessed "), *from = end;
	size_t n = strlen(last_words);

	if (!end)
		return;
	while (from > log && from[-1] != '\n')
		from--;
	snprintf(last_words + n, sizeof(last_words) - n, ": %.*s", (int)(end - from), from);
}

static void keep_last_words(const char *text)
{
	static const char at_failure[] = "BEGIN PROG LOAD LOG";

	if (strstr(text, at_failure))
		keep_reason(text);
	else if (!strstr(text, "failed to load")) /* says less than what came before */
		snprintf(last_words, sizeof(last_words), "%.*s", (int)strcspn(text, "\n"), text);
}

static int print_to_log(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char *text = NULL;
	int n = vasprintf(&text, fmt, ap);

	if (n < 0)
		return 0;
	if (level == LIBBPF_WARN && text[0] && text[0] != '\n')
		keep_last_words(text);
	log_tail(text, (size_t)n);
	free(text);
	return 0;
}

/* --- sockets that were there before -------------------------------------------------------------- */

/* Runs an iterator to its end. */
static int iterate(const struct bpf_link *link)
{
	int it = bpf_iter_create(bpf_link__fd(link)), rc;
	char unused[64];
	ssize_t n;

	if (it < 0)
		return -errno;
	do {
		n = read(it, unused, sizeof(unused));
	} while (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)));
	rc = n < 0 ? -errno : 0;
	close(it);
	return rc;
}

/* Runs socket_scan over all descriptors of all processes. */
static int scan_sockets(struct tap_bpf *b)
{
	/* One socket that is surely there: the program learns from it what sockets look like. */
	int own = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), rc;

	b->rescan = false;
	b->skel->bss->scan_wanted = 0;
	rc = iterate(b->skel->links.socket_scan);
	if (own >= 0)
		close(own);
	if (!rc && !b->skel->bss->socket_fops)
		rc = -ENOTSOCK;
	if (!rc)
		tap_bpf_find_page(b);
	return rc;
}

int tap_bpf_scan(struct tap_bpf *b)
{
	uint64_t before = b->skel->bss->scan_found;
	int rc = scan_sockets(b);

	return rc ? rc : (int)(b->skel->bss->scan_found - before);
}

static struct bpf_link *attach_sweep(struct limpid_bpf *s, const struct bpf_map *conns)
{
	union bpf_iter_link_info info = { .map.map_fd = (uint32_t)bpf_map__fd(conns) };
	LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &info, .link_info_len = sizeof(info));

	return bpf_program__attach_iter(s->progs.conn_sweep, &opts);
}

int tap_bpf_sweep(struct tap_bpf *b)
{
	struct limpid_bpf *s = b->skel;
	int rc;

	if (!s->bss->swept_conns)
		return 0;
	s->bss->sweep_nr++;
	rc = scan_sockets(b);
	if (rc)
		return rc;
	s->bss->swept_conns = 0; /* counted anew */
	rc = iterate(b->sweep[0]);
	return rc ? rc : iterate(b->sweep[1]);
}

/* --- open, close --------------------------------------------------------------------------------- */

static bool ring_size_ok(size_t bytes)
{
	return bytes <= (1U << 30) && bytes >= (size_t)sysconf(_SC_PAGESIZE) &&
	       !(bytes & (bytes - 1));
}

static int on_task(void *ctx, void *data, size_t size)
{
	struct tap_bpf *b = ctx;
	const struct ev_task *ev = data;

	if (size < sizeof(*ev))
		b->rescan = true; /* see sock_cookie in conn.bpf.h */
	else if (b->task_fn)
		b->task_fn(b->task_ctx, ev);
	return 0;
}

/* States before calls: a connection must have its cookie when its first call is seen.  why: as hooks_attach. */
static int attach(struct tap_bpf *b, char *why, size_t n)
{
	struct limpid_bpf *s = b->skel;
	const struct {
		struct bpf_program *prog;
		struct bpf_link **link;
	} hooks[] = {
		{ s->progs.socket_state, &s->links.socket_state },
		{ s->progs.socket_gone, &s->links.socket_gone },
		{ s->progs.socket_scan, &s->links.socket_scan },
		{ s->progs.cgroup_made, &s->links.cgroup_made },
		{ s->progs.task_fork, &s->links.task_fork },
		{ s->progs.task_exec, &s->links.task_exec },
		{ s->progs.task_exit, &s->links.task_exit },
		{ s->progs.socket_exit, &s->links.socket_exit },
		{ s->progs.socket_exit_again, &s->links.socket_exit_again },
		{ s->progs.socket_exit_sure, &s->links.socket_exit_sure },
		{ s->progs.socket_enter, &s->links.socket_enter },
		{ s->progs.socket_enter_again, &s->links.socket_enter_again },
		{ s->progs.socket_enter_sure, &s->links.socket_enter_sure },
	};
	int rc;

	for (size_t i = 0; i < sizeof(hooks) / sizeof(*hooks); i++) {
		if (!bpf_program__autoload(hooks[i].prog))
			continue;
		*hooks[i].link = bpf_program__attach(hooks[i].prog);
		if (!*hooks[i].link) {
			rc = -errno;
			(void)snprintf(why, n, "%s: %s", bpf_program__name(hooks[i].prog),
				       strerror(-rc));
			return rc;
		}
	}
	b->sweep[0] = attach_sweep(s, s->maps.conns);
	b->sweep[1] = attach_sweep(s, s->maps.datagram_conns);
	if (!b->sweep[0] || !b->sweep[1])
		return -errno;
	b->tasks = ring_buffer__new(bpf_map__fd(s->maps.tasks), on_task, b, NULL);
	if (!b->tasks)
		return -errno;
	rings_keep_from_children();
	s->bss->page_shift = (uint32_t)__builtin_ctzl((unsigned long)sysconf(_SC_PAGESIZE));
	rc = scan_sockets(b);
	if (!rc && !s->bss->page_address)
		log_debug("the addresses of pages are not known: what is in them will be holes");
	return rc ? rc : hooks_attach(&b->hooks, s, why, n);
}

/* Sizes are set before the programs are loaded, and with them what is a constant to the programs. */
static int size_rings(struct tap_bpf *b, const struct tap_bpf_options *o, size_t *ret_bytes,
		      unsigned *ret_n)
{
	size_t bytes = o && o->events_bytes ? o->events_bytes : EVENTS_BYTES;
	size_t tasks = o ? o->tasks_bytes : 0;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (!ring_size_ok(bytes) || (tasks && !ring_size_ok(tasks)))
		return -EINVAL;
	*ret_bytes = bytes;
	*ret_n = rings_number(bytes, cpus > 1 ? (unsigned)cpus : 1);
	b->skel->rodata->ring_mask = *ret_n - 1;
	b->skel->rodata->hold_up_ns = o ? o->hold_up_ns : 0;
	b->skel->rodata->ring_bytes = bytes / *ret_n;
	return tasks ? bpf_map__set_max_entries(b->skel->maps.tasks, (uint32_t)tasks) : 0;
}

/* Once, with the hooks that are planned.  In why, with n bytes: what the kernel said, when it is about them. */
static int load(struct tap_bpf *b, const struct tap_bpf_options *o, char *err, size_t errlen,
		char *why, size_t n)
{
	size_t ring_bytes = 0;
	unsigned nrings = 0;
	int rc;

	forget_words();
	rc = flavour_open(&b->skel, b->old);
	if (rc)
		return bpf_fail(err, errlen, rc, "the capture programs cannot be opened: %s",
			    strerror(-rc));
	rc = size_rings(b, o, &ring_bytes, &nrings);
	if (rc)
		return bpf_fail(err, errlen, rc,
			    "a ring size must be a power of two, of 4096 bytes or more");
	tap_bpf_tls_prepare(b->skel, b->old);
	hooks_prepare(&b->hooks, b->skel);
	bpf_calls_choose(b->skel, !b->hooks.only_tcp, hooks_need_calls(&b->hooks));
	rc = limpid_bpf__load(b->skel);
	if (rc)
		(void)snprintf(why, n, "%s", last_words);
	if (rc == -EPERM)
		return bpf_fail(err, errlen, rc,
			    "the kernel refuses to load the capture programs (%s): run it as root "
			    "outside of "
			    "restricted containers; in one, add CAP_SYS_ADMIN and allow bpf() in "
			    "seccomp",
			    last_words);
	if (rc)
		return bpf_fail(err, errlen, rc, "the capture programs cannot be loaded: %s (%s)",
			    strerror(-rc), last_words);
	rc = rings_open(&b->rings, b->skel->maps.rings, ring_bytes, nrings);
	if (rc)
		return bpf_fail(err, errlen, rc,
			    "rings of %zu bytes cannot be made: %s; try a smaller "
			    "--events-ring",
			    ring_bytes, strerror(-rc));
	rc = attach(b, why, n);
	if (rc)
		return bpf_fail(err, errlen, rc, "the capture programs cannot be attached: %s (%s)",
			    strerror(-rc), why[0] ? why : last_words);
	return 0;
}

/* Everything that load made. */
static void unload(struct tap_bpf *b)
{
	ring_buffer__free(b->tasks);
	b->tasks = NULL;
	hooks_detach(&b->hooks);
	for (int i = 0; i < 2; i++) {
		bpf_link__destroy(b->sweep[i]);
		b->sweep[i] = NULL;
	}
	limpid_bpf__destroy(b->skel);
	b->skel = NULL;
	rings_close(&b->rings);
}

/* Until the kernel takes what is planned. */
static int load_best(struct tap_bpf *b, const struct tap_bpf_options *o, char *err, size_t errlen)
{
	char why[HOOKS_REASON];
	int rc;

	hooks_plan(&b->hooks, o ? o->backend : TAP_BACKEND_AUTO, o && o->only_tcp);
	for (;;) {
		rc = hooks_missing(&b->hooks, err, errlen);
		if (rc)
			return rc;
		why[0] = '\0';
		rc = load(b, o, err, errlen, why, sizeof(why));
		if (!rc)
			return rc;
		if (!why[0] || !hooks_demote(&b->hooks, why)) {
			int other = hooks_missing(&b->hooks, err, errlen);

			return other ? other : rc;
		}
		log_debug("the kernel does not take all hooks (%s): others are tried", why);
		unload(b);
	}
}

int tap_bpf_open(struct tap_bpf **ret, const struct tap_bpf_options *o, char *err, size_t errlen)
{
	libbpf_print_fn_t before = libbpf_set_print(print_to_log);
	struct tap_bpf *b;
	int rc;

	b = calloc(1, sizeof(*b));
	if (!b)
		return bpf_fail(err, errlen, -ENOMEM, "out of memory");
	rc = bpf_check_caps(err, errlen);
	if (!rc)
		rc = bpf_check_kernel(err, errlen);
	if (!rc) {
		b->old = flavour_is_old();
		rc = load_best(b, o, err, errlen);
	}
	/* Errors of later calls come back as errno; libbpf need not print them either. */
	if (rc) {
		libbpf_set_print(before);
		tap_bpf_close(b);
		return rc;
	}
	*ret = b;
	return 0;
}

void tap_bpf_close(struct tap_bpf *b)
{
	if (!b)
		return;
	unload(b);
	free(b);
}

/* --- use ------------------------------------------------------------------------------------------ */

unsigned tap_bpf_events_maps(const struct tap_bpf *b, const int **ret_fds)
{
	*ret_fds = b->rings.fd;
	return b->rings.n;
}

int tap_bpf_tasks_fd(const struct tap_bpf *b)
{
	return ring_buffer__epoll_fd(b->tasks);
}

int tap_bpf_tasks_poll(struct tap_bpf *b, void (*fn)(void *ctx, const struct ev_task *ev),
		       void *ctx)
{
	int n, rc;

	b->task_fn = fn;
	b->task_ctx = ctx;
	n = ring_buffer__consume(b->tasks);
	if (b->rescan) {
		hooks_tls(&b->hooks, b->skel);
		rc = scan_sockets(b);
		if (rc)
			log_debug("sockets could not be scanned again: %s", strerror(-rc));
	}
	return n;
}

static void policy_changed(struct tap_bpf *b)
{
	__atomic_add_fetch(&b->skel->data->policy_gen, 1, __ATOMIC_RELEASE);
}

int tap_bpf_set_policy(struct tap_bpf *b, const struct ev_policy *p)
{
	uint32_t zero = 0;
	int rc = bpf_map__update_elem(b->skel->maps.policy, &zero, sizeof(zero), p, sizeof(*p),
				      BPF_ANY);

	policy_changed(b);
	return rc;
}

void tap_bpf_set_budget(struct tap_bpf *b, uint64_t bytes)
{
	b->skel->data->copy_budget = bytes ? bytes : UINT64_MAX;
}

void tap_bpf_new_reader(struct tap_bpf *b)
{
	uint8_t nr = (uint8_t)(b->skel->data->reader_nr + 1);

	b->skel->data->reader_nr = nr ? nr : 1;
}

static int set_rule(struct tap_bpf *b, struct bpf_map *map, const void *key, size_t size, int rule)
{
	uint32_t value = rule == EV_RULE_INCLUDE ? EV_RULE_INCLUDE : EV_RULE_EXCLUDE;
	int rc;

	if (rule < 0) {
		rc = bpf_map__delete_elem(map, key, size, 0);
		if (rc == -ENOENT)
			rc = 0;
	} else {
		rc = bpf_map__update_elem(map, key, size, &value, sizeof(value), BPF_ANY);
	}
	policy_changed(b);
	return rc;
}

int tap_bpf_rule_cgroup(struct tap_bpf *b, uint64_t cgroup_id, int rule)
{
	return set_rule(b, b->skel->maps.cgroup_rules, &cgroup_id, sizeof(cgroup_id), rule);
}

int tap_bpf_rule_tgid(struct tap_bpf *b, uint32_t tgid, int rule)
{
	return set_rule(b, b->skel->maps.tgid_rules, &tgid, sizeof(tgid), rule);
}

int tap_bpf_set_comms(struct tap_bpf *b, const char *const *globs, size_t n, enum ev_rule rule)
{
	const uint32_t value = rule;
	struct ev_comm_key key;
	int rc = 0;

	for (size_t i = 0; i < n && !rc; i++)
		if (comms_key(globs[i], &key))
			rc = bpf_map__update_elem(b->skel->maps.comm_rules, &key, sizeof(key),
						  &value, sizeof(value), BPF_ANY);
	policy_changed(b);
	return rc;
}

int tap_bpf_set_ends(struct tap_bpf *b, const struct ends *e)
{
	struct ev_addr_key old;
	int rc = 0;

	while (bpf_map__get_next_key(b->skel->maps.addr_rules, NULL, &old, sizeof(old)) == 0 && !rc)
		rc = bpf_map__delete_elem(b->skel->maps.addr_rules, &old, sizeof(old), 0);
	for (uint32_t i = 0; i < EV_PORT_SETS * EV_PORT_WORDS && !rc; i++)
		rc = bpf_map__update_elem(b->skel->maps.port_rules, &i, sizeof(i),
					  &e->ports[i / EV_PORT_WORDS][i % EV_PORT_WORDS],
					  sizeof(e->ports[0][0]), BPF_ANY);
	for (size_t i = 0; i < e->naddrs && !rc; i++)
		rc = bpf_map__update_elem(b->skel->maps.addr_rules, &e->addrs[i].key,
					  sizeof(e->addrs[i].key), &e->addrs[i].rule,
					  sizeof(e->addrs[i].rule), BPF_ANY);
	return rc;
}

struct limpid_bpf *tap_bpf_skel(const struct tap_bpf *b)
{
	return b->skel;
}

bool tap_bpf_old(const struct tap_bpf *b)
{
	return b->old;
}

const char *tap_bpf_backend(const struct tap_bpf *b)
{
	return hooks_summary(&b->hooks);
}

void tap_bpf_hooks(const struct tap_bpf *b, void (*fn)(void *ctx, const struct tap_hook *h),
		   void *ctx)
{
	hooks_each(&b->hooks, fn, ctx);
}
