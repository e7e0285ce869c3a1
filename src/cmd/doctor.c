/* SPDX-License-Identifier: Apache-2.0 */
/* limpid doctor: everything that capturing does at its start, and what came of it. */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "cmd/confine.h"
#include "cmd/run.h"
#include "container/container.h"
#include "tap/bpf.h"
#include "tap/ledger.h"
#include "tap/sight.h"
#include "tap/tls_cache.h"
#include "tap/tls_watch.h"

#define DOCKER_WAIT_MS 3000

enum level { LEVEL_OK, LEVEL_NOTICE, LEVEL_PROBLEM };

struct report {
	bool json, colour;
	unsigned width; /* of the terminal; 0: lines are as long as they are */
	struct buf out;
	size_t n, libs;
	struct ledger *ledger;
	enum level worst;
};

/* A line that begins at column at, broken between words where width ends. */
static void put_wrapped(const char *text, size_t at, unsigned width)
{
	size_t room = width > at + 20 ? width - at : 0, n = strlen(text);

	while (room && n > room) {
		size_t cut = room;

		while (cut && text[cut] != ' ')
			cut--;
		if (!cut)
			cut = strcspn(text, " "); /* a word that is longer than the room */
		if (!text[cut])
			break;
		printf("%.*s\n%*s", (int)cut, text, (int)at, "");
		text += cut + 1;
		n -= cut + 1;
	}
	puts(text);
}

__attribute__((format(printf, 5, 6))) static void
say(struct report *r, enum level level, const char *key, const char *hint, const char *fmt, ...)
{
	static const char *const marks[] = { "ok", "note", "PROBLEM" };
	static const char *const colours[] = { "\033[32m", "\033[33m", "\033[31m" };
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* cut */
	va_end(ap);
	if (level > r->worst)
		r->worst = level;
	if (r->json) {
		buf_printf(&r->out, "%s{\"key\":\"%s\",\"level\":%d,\"text\":", r->n++ ? "," : "",
			   key, level);
		buf_put_json_str(&r->out, slice_str(text));
		buf_puts(&r->out, ",\"hint\":");
		buf_put_json_str(&r->out, slice_str(hint));
		buf_puts(&r->out, "}");
		return;
	}
	printf("%s%-8s%s%-12s ", r->colour ? colours[level] : "", marks[level],
	       r->colour ? "\033[0m" : "", key);
	put_wrapped(text, 21, r->width);
	if (hint[0]) {
		printf("%-8s%-12s -> ", "", "");
		put_wrapped(hint, 24, r->width);
	}
}

static void check_kernel(struct report *r)
{
	struct utsname u = { 0 };

	(void)uname(&u); /* empty then */
	say(r, LEVEL_OK, "kernel", "", "Linux %s on %s", u.release, u.machine);
	if (access("/sys/kernel/btf/vmlinux", R_OK) == 0)
		say(r, LEVEL_OK, "btf", "", "the kernel describes its types (BTF)");
	else
		say(r, LEVEL_PROBLEM, "btf",
		    "use a kernel built with CONFIG_DEBUG_INFO_BTF, as Debian's are",
		    "/sys/kernel/btf/vmlinux cannot be read: %s", strerror(errno));
}

static bool check_capabilities(struct report *r)
{
	char missing[160];

	if (capabilities_check(missing, sizeof(missing)) == 0) {
		say(r, LEVEL_OK, "privileges", "",
		    "all capabilities that capturing needs are there");
		return true;
	}
	say(r, LEVEL_PROBLEM, "privileges", "run it as root, for example with sudo", "missing: %s",
	    missing);
	return false;
}

static void ignore(void *ctx, const struct container *c, bool gone)
{
	(void)ctx;
	(void)c;
	(void)gone;
}

static size_t running_by(const struct containers *c, enum containers_which which)
{
	const struct container *one = NULL;
	size_t n = 0;

	while ((one = containers_next(c, one)))
		n += !one->gone_ns && !one->sandbox && one->told_by & 1u << which &&
		     strcmp(one->state, "exited") != 0;
	return n;
}

static void check_docker(struct report *r, const struct containers *c, bool other)
{
	struct containers_engine e;

	containers_engine(c, CONTAINERS_DOCKER, &e);
	if (e.state == CONTAINERS_OK)
		say(r, LEVEL_OK, "docker", "", "%s %s answers; %zu containers are there", e.name,
		    e.version, running_by(c, CONTAINERS_DOCKER));
	else if (e.absent && other)
		say(r, LEVEL_OK, "docker", "", "there is no Docker");
	else
		say(r, LEVEL_NOTICE, "docker",
		    "start Docker, or name its socket with --docker; --all captures processes "
		    "outside containers",
		    "%s", e.problem ? e.problem : "Docker does not answer in time");
}

static void check_cri(struct report *r, const struct containers *c)
{
	struct containers_engine e;

	containers_engine(c, CONTAINERS_CRI, &e);
	if (e.state == CONTAINERS_OK)
		say(r, LEVEL_OK, "cri", "",
		    "%s %s answers for Kubernetes at %s; %zu containers are there", e.name,
		    e.version, e.socket, running_by(c, CONTAINERS_CRI));
	else if (e.absent)
		say(r, LEVEL_OK, "cri", "",
		    "no runtime for Kubernetes (containerd with its CRI, CRI-O) is there");
	else
		say(r, LEVEL_NOTICE, "cri",
		    "start the runtime, or name its socket with --cri; in a container, mount it",
		    "%s", e.problem ? e.problem : "Kubernetes' runtime does not answer in time");
}

/* What those without an engine that tells names are called. */
static void check_engines(struct report *r, const struct args *a)
{
	struct containers *c = containers_new(a->docker, a->cri, ignore, NULL);
	struct containers_engine cri;

	if (!c)
		return;
	for (int waited = 0; waited < DOCKER_WAIT_MS && !containers_settled(c); waited += 50) {
		struct pollfd p = { .fd = containers_fd(c), .events = POLLIN };

		(void)poll(&p, 1, 50);
		containers_poll(c);
	}
	containers_engine(c, CONTAINERS_CRI, &cri);
	check_docker(r, c, cri.state == CONTAINERS_OK);
	check_cri(r, c);
	containers_free(c);
}

static void library(void *ctx, const struct tls_watch_lib *l)
{
	struct report *r = ctx;

	ledger_library(r->ledger, l);
	r->libs++;
	if (l->attached)
		say(r, LEVEL_OK, l->name, "", "decrypted: %s %s (%s)", l->path, l->version, l->how);
	else
		say(r, LEVEL_NOTICE, l->name, "", "not decrypted: %s %s: %s", l->path, l->version,
		    l->problem ? l->problem : "unknown");
}

/* What a hook is, why it is no better one, and what it cannot show. */
static void hook(void *ctx, const struct tap_hook *h)
{
	struct report *r = ctx;

	say(r, LEVEL_OK, "hook", "", "%s: %s%s%s", h->what, tap_backend_name(h->used),
	    h->traced && h->used == TAP_BACKEND_TRACEPOINT ? ", with the kernel's own of " : "",
	    !(h->traced && h->used == TAP_BACKEND_TRACEPOINT) ? ""
	    : h->sends					      ? "sends"
							      : "receives");
	for (enum tap_backend b = TAP_BACKENDS - 1; b > h->used; b--)
		if (h->refused[b][0])
			say(r, LEVEL_OK, "hook", "", "%s: not %s: %s", h->what, tap_backend_name(b),
			    h->refused[b]);
	for (size_t i = 0; i < sight_nrows; i++) {
		enum sight s = sight_now(&sight_rows[i], h);

		if (sight_rows[i].sends != h->sends || s == SIGHT_BYTES)
			continue;
		say(r, LEVEL_OK, "unseen", "", "%s: %s",
		    s == SIGHT_HOLE ? "a gap, as long as what moved" : "not seen, and not counted",
		    sight_rows[i].what);
	}
}

static void ignore_process(void *ctx, const struct ipc_tls_process *p)
{
	(void)ctx;
	(void)p;
}

/* What a process with sockets has for TLS. */
static void process(void *ctx, const struct ipc_tls_process *p, unsigned n)
{
	const struct tls_reason_text *t = tls_reason_text(p->reason);
	struct report *r = ctx;
	char libs[400] = "", many[40] = "";
	size_t at = 0;

	for (size_t i = 0; i < p->nlibs && at < sizeof(libs); i++)
		at += (size_t)snprintf(libs + at, sizeof(libs) - at, "%s%s%s%s in %s", i ? ", " : ": ",
				       p->libs[i].name, p->libs[i].version[0] ? " " : "",
				       p->libs[i].version, p->libs[i].path);
	if (n > 1)
		(void)snprintf(many, sizeof(many), " and %u more", n - 1);
	/* Without a TLS library most speak no TLS at all: no notice. */
	say(r, p->reason == TLS_WHY_READ || p->reason == TLS_WHY_NO_LIBRARY ? LEVEL_OK : LEVEL_NOTICE,
	    "process", p->reason == TLS_WHY_NO_LIBRARY ? "" : t->hint, "%s (%u%s): %s%s", p->comm, p->pid,
	    many, p->reason == TLS_WHY_NO_LIBRARY ? "no TLS library" : t->code, libs);
}

static const char *cache_dir(const struct args *a)
{
	return a->cache ? a->cache : TLS_CACHE_DIR;
}

static void begin_cache(struct report *r, const struct args *a, struct tls_watch *w)
{
	int err = a->no_cache ? 0 : tls_watch_cache(w, cache_dir(a));

	if (err == -EPERM)
		say(r, LEVEL_NOTICE, "cache", "give it to root alone (chown root, chmod 700), or name another one with --cache",
		    "%s is not used: it is not root's own, or others may look into it", cache_dir(a));
	else if (err)
		say(r, LEVEL_NOTICE, "cache", "name another directory with --cache, or say --no-cache",
		    "%s cannot be used: %s", cache_dir(a), strerror(-err));
}

static void end_cache(struct report *r, const struct args *a, const struct tls_watch *w)
{
	struct tls_files_counts n;

	tls_watch_counts(w, &n);
	if (a->no_cache)
		say(r, LEVEL_OK, "cache", "", "what is found in programs is not kept");
	else if (n.kept || n.hits)
		say(r, LEVEL_OK, "cache", "",
		    "%s: %zu files are known from before, %zu were read now, %zu are kept", cache_dir(a),
		    n.hits, n.analysed, n.kept);
}

static void check_capture(struct report *r, const struct args *a)
{
	const struct tap_bpf_options o = { .backend = a->backend, .only_tcp = a->only_tcp,
					   .events_bytes = a->events_bytes };
	struct tls_watch *w = NULL;
	struct tap_bpf *b = NULL;
	char err[400] = "";
	int rc = tap_bpf_open(&b, &o, err, sizeof(err));

	if (rc) {
		say(r, LEVEL_PROBLEM, "capture", "", "%s", err);
		return;
	}
	say(r, LEVEL_OK, "capture", "", "sockets are read by hooks of kind %s", tap_bpf_backend(b));
	tap_bpf_hooks(b, hook, r);
	if (tap_bpf_skips(b))
		say(r, LEVEL_OK, "preemption", "",
		    "the kernel skips a program while one like it was preempted; second ones do that work, and "
		    "what these had to leave is counted (missing.skipped)");
	rc = tls_watch_new(&w, b, library, r);
	r->ledger = rc ? NULL : ledger_new(w, ignore_process, NULL);
	if (rc == 0)
		begin_cache(r, a, w);
	if (rc == 0)
		rc = r->ledger ? tls_watch_scan(w) : -ENOMEM;
	if (rc < 0)
		say(r, LEVEL_PROBLEM, "tls", "", "TLS libraries cannot be probed: %s",
		    strerror(-rc));
	else if (r->libs == 0)
		say(r, LEVEL_OK, "tls", "", "no process uses a TLS library that Limpid knows");
	if (rc >= 0)
		end_cache(r, a, w);
	if (rc >= 0)
		doctor_processes(r->ledger, process, r);
	if (w)
		tls_watch_free(w);
	ledger_free(r->ledger);
	tap_bpf_close(b);
}

int run_doctor(const struct args *a)
{
	const char *no = getenv("NO_COLOR"); /* no-color.org: set, and not empty */
	struct winsize w = { 0 };
	bool terminal = isatty(STDOUT_FILENO);
	struct report r = { .json = a->json, .colour = terminal && !(no && no[0]) };

	if (terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0)
		r.width = w.ws_col;
	if (a->running)
		return doctor_running(a->running, a->json);
	if (r.json)
		buf_puts(&r.out, "{\"version\":\"" LIMPID_VERSION "\",\"facts\":[");
	check_kernel(&r);
	if (check_capabilities(&r))
		check_capture(&r, a);
	check_engines(&r, a);
	if (r.json) {
		buf_printf(&r.out, "],\"ok\":%s}\n", r.worst < LEVEL_PROBLEM ? "true" : "false");
		(void)fwrite(r.out.p, 1, r.out.n, stdout);
	}
	buf_release(&r.out);
	return r.worst < LEVEL_PROBLEM ? 0 : 1;
}
