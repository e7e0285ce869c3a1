/* SPDX-License-Identifier: Apache-2.0 */
/* Who is captured.  A cgroup is looked up once, at the first exec in it, while its first process is
 * surely there; the name may come later, from Docker.  Rules in the kernel are per cgroup, because a
 * container may have several (systemd or another runtime inside it).
 */
#include "tap/tap_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

#define CGROUPS_MAX 16384

/* NOLINTNEXTLINE(misc-redundant-expression): that is what it says */
_Static_assert(CONTAINER_CGROUP_V1 == EV_CGROUP_V1, "one mark");

static void text(char *ret, size_t n, const char *s)
{
	size_t len = strnlen(s, n - 1);

	memcpy(ret, s, len); /* over the limit: cut */
	memset(ret + len, 0, n - len);
}
#define TEXT(field, s) text(field, sizeof(field), s)

/* --- telling decode --------------------------------------------------------------------------- */

void tap_fact(struct tap *t, const char *key, unsigned level, const char *hint, const char *fmt,
	      ...)
{
	struct ipc_msg m = { 0 }, *at = NULL;
	va_list ap;

	TEXT(m.health.key, key);
	TEXT(m.health.hint, hint);
	m.health.level = (uint8_t)level;
	va_start(ap, fmt);
	(void)vsnprintf(m.health.text, sizeof(m.health.text), fmt, ap); /* cut */
	va_end(ap);
	for (size_t i = 0; i < t->nfacts; i++)
		if (strcmp(t->facts[i].health.key, m.health.key) == 0)
			at = &t->facts[i];
	if (at && at->health.level == m.health.level &&
	    strcmp(at->health.text, m.health.text) == 0 &&
	    strcmp(at->health.hint, m.health.hint) == 0)
		return;
	if (!at && t->nfacts < TAP_FACTS)
		at = &t->facts[t->nfacts++];
	if (at)
		*at = m;
	(void)outbox_send(&t->out, IPC_HEALTH, &m, -1); /* not there: tap_greet tells it */
}

static bool wanted(const struct tap *t, const struct container *c);

static void send_container(struct tap *t, const struct container *c)
{
	struct ipc_msg m = { 0 };
	struct ipc_container *out = &m.container;

	if (c->asked)
		return; /* decode holds its flows until the answer */
	out->cgroup_id = c->cgroup_id;
	TEXT(out->id, c->id);
	TEXT(out->name, c->name);
	TEXT(out->image, c->image);
	TEXT(out->project, c->project);
	TEXT(out->service, c->service);
	TEXT(out->pod, c->pod);
	TEXT(out->namespace, c->namespace);
	TEXT(out->state, c->state);
	TEXT(out->networks, c->networks);
	out->naddrs = (uint8_t)c->naddrs;
	memcpy(out->addrs, c->addrs, sizeof(out->addrs));
	out->gone = c->gone_ns != 0;
	out->sandbox = c->sandbox;
	out->captured = wanted(t, c);
	(void)outbox_send(&t->out, IPC_CONTAINER, &m, -1);
}

static void send_cgroup(struct tap *t, uint64_t cgroup_id, const char *id)
{
	struct ipc_msg m = { .cgroup.cgroup_id = cgroup_id };

	TEXT(m.cgroup.id, id);
	(void)outbox_send(&t->out, IPC_CGROUP, &m, -1);
}

/* --- rules ------------------------------------------------------------------------------------ */

static uint64_t id_key(const char *id)
{
	uint64_t h = 0xcbf29ce484222325u;

	while (*id) /* FNV-1a */
		h = (h ^ (uint8_t)*id++) * 0x100000001b3u;
	return h;
}

static bool wanted(const struct tap *t, const struct container *c)
{
	if (t->own_id[0] && strcmp(c->id, t->own_id) == 0)
		return false;
	return policy_wants(&t->policy, c, map_find(&t->known, id_key(c->id)) != NULL);
}

static void set_rule(struct tap *t, const struct tap_cgroup *g)
{
	const struct container *c = containers_find_id(t->containers, g->id);
	int rule, err;

	if (!g->id[0] || !c)
		return;
	rule = c->gone_ns ? -1 : wanted(t, c) ? EV_RULE_INCLUDE : EV_RULE_EXCLUDE;
	err = tap_bpf_rule_cgroup(t->bpf, g->cgroup_id, rule);
	if (err && err != -ENOENT)
		log_warn("container %s cannot be %s: %s", c->name,
			 rule == EV_RULE_INCLUDE ? "captured" : "left out", strerror(-err));
}

static void set_rules(struct tap *t, const char *id) /* NULL: of all */
{
	size_t pos = 0;
	uint64_t key;
	void *g;

	while (map_next(&t->cgroups, &pos, &key, &g))
		if (!id || strcmp(((struct tap_cgroup *)g)->id, id) == 0)
			set_rule(t, g);
}

static void forget_cgroups(struct tap *t)
{
	size_t pos = 0;
	uint64_t key;
	void *g;

	while (map_next(&t->cgroups, &pos, &key, &g))
		free(g);
	map_release(&t->cgroups);
}

/* Remembers whose cgroup that is, sets its rule and tells decode.  id "": nobody's. */
static void note_cgroup(struct tap *t, uint64_t cgroup_id, const char *id)
{
	struct tap_cgroup *g = map_find(&t->cgroups, cgroup_id);

	if (g && strcmp(g->id, id) == 0)
		return;
	if (!g) {
		if (t->cgroups.n >= CGROUPS_MAX)
			forget_cgroups(t); /* they are looked up again when they run something */
		g = calloc(1, sizeof(*g));
		if (!g || map_put(&t->cgroups, cgroup_id, g) < 0) {
			free(g);
			return;
		}
	}
	g->cgroup_id = cgroup_id;
	TEXT(g->id, id);
	if (id[0]) {
		const struct container *c = containers_seen(t->containers, id, cgroup_id);

		set_rule(t, g);
		if (c)
			send_container(t, c);
	}
	send_cgroup(t, cgroup_id, id);
}

/* pid: a process that was in it a moment ago, or 0.  isolated: it has a pid namespace of its own. */
static bool look_up(struct tap *t, uint64_t cgroup_id, uint32_t pid, bool isolated)
{
	uint64_t its = 0;
	char id[65];
	int err = container_of_cgroup(cgroup_id, isolated, id);

	/* The process may have moved on, so the cgroup's own path comes first.  But it takes a capability
	 * and a view of the cgroup tree that not every container has. */
	if (err && err != -ENOENT && pid) {
		err = container_of_pid(pid, id, &its);
		if (!err && its && its != cgroup_id)
			err = -ESRCH;
	}
	if (err && err != -ENOENT)
		return false;
	note_cgroup(t, cgroup_id, err ? "" : id);
	return true;
}

void tap_who(struct tap *t, uint64_t cgroup_id)
{
	const struct tap_cgroup *g = map_find(&t->cgroups, cgroup_id);

	if (g)
		send_cgroup(t, cgroup_id, g->id);
	else if (!look_up(t, cgroup_id, 0, false))
		send_cgroup(t, cgroup_id, ""); /* gone without a trace */
}

void tap_container_changed(void *ctx, const struct container *c, bool gone)
{
	struct tap *t = ctx;

	(void)gone; /* it is in c */
	if (c->cgroup_id)
		note_cgroup(t, c->cgroup_id, c->id);
	set_rules(t, c->id);
	send_container(t, c);
}

static void engine_state(struct tap *t, enum containers_which which)
{
	static const char *const keys[] = {
		[CONTAINERS_DOCKER] = "docker", [CONTAINERS_CRI] = "cri"
	};
	static const char *const hints[] = {
		[CONTAINERS_DOCKER] =
			"start Docker, or name its socket with --docker; --all captures processes "
			"outside containers",
		[CONTAINERS_CRI] = "start the runtime, or name its socket with --cri",
	};
	struct containers_engine e, other;

	containers_engine(t->containers, which, &e);
	containers_engine(t->containers,
			  which == CONTAINERS_DOCKER ? CONTAINERS_CRI : CONTAINERS_DOCKER, &other);
	if (e.state == CONTAINERS_CONNECTING ||
	    (t->engines[which].told && e.state == t->engines[which].state))
		return;
	if (e.state == CONTAINERS_OFF && !e.problem && !t->engines[which].told)
		return; /* not tried yet, or none there */
	/* A node of Kubernetes has no Docker, and needs none. */
	if (e.absent && !t->engines[which].told && other.state != CONTAINERS_OFF)
		return;
	if (e.state == CONTAINERS_OK) {
		if (t->engines[which].told)
			log_info("%s answers again", e.name);
		tap_fact(t, keys[which], 0, "", "%s %s answers", e.name, e.version);
	} else {
		const char *problem = e.problem ? e.problem : "the container runtime is gone";

		log_warn("%s; processes are captured all the same", problem);
		tap_fact(t, keys[which], 1, hints[which], "%s", problem);
	}
	t->engines[which].state = e.state;
	t->engines[which].told = true;
}

void tap_engines_state(struct tap *t)
{
	engine_state(t, CONTAINERS_DOCKER);
	engine_state(t, CONTAINERS_CRI);
}

/* --- processes -------------------------------------------------------------------------------- */

void tap_tls_found(void *ctx, const struct tls_watch_lib *l)
{
	struct tap *t = ctx;
	char key[48];

	ledger_library(t->ledger, l);
	(void)snprintf(key, sizeof(key), "tls.%u", l->lib);
	if (l->attached)
		tap_fact(t, key, 0, "", "%s %s is decrypted: %s (%s)", l->name, l->version, l->path,
			 l->how);
	else
		tap_fact(t, key, 1, "", "%s %s cannot be decrypted: %s (%s)", l->name, l->version,
			 l->problem ? l->problem : "", l->path);
	if (l->attached && l->lib && l->tls) {
		struct ipc_msg m = { .tls_lib = { .lib = l->lib, .tls = l->tls } };
		void *libs = realloc(t->libs, (t->nlibs + 1) * sizeof(*t->libs));

		TEXT(m.tls_lib.name, l->name);
		TEXT(m.tls_lib.version, l->version);
		if (libs) {
			t->libs = libs;
			t->libs[t->nlibs++] = m;
		}
		(void)outbox_send(&t->out, IPC_TLS_LIB, &m, -1);
		log_debug("%s %s in %s: %s", l->name, l->version, l->path, l->how);
	}
}

void tap_tls_changed(void *ctx, const struct ipc_tls_process *p)
{
	struct tap *t = ctx;
	struct ipc_msg m = { .tls_process = *p };

	(void)outbox_send(&t->out, IPC_TLS_PROCESS, &m, -1); /* not taken: shown as it was */
}

void tap_tls_who(struct tap *t, uint32_t pid)
{
	struct ipc_tls_process p;

	ledger_ask(t->ledger, pid, &p);
	tap_tls_changed(t, &p);
}

/* A failure is no matter: the next process there tries again. */
static void note_place(struct tap *t, const struct ev_task *ev)
{
	struct tap_cgroup *g = map_find(&t->cgroups, ev->cgroup_id);
	bool isolated = ev->pidns != t->host_pidns;

	/* The runtime's own process may have been there before the container had its namespaces. */
	if (g && (g->id[0] || g->isolated || !isolated))
		return;
	if (!look_up(t, ev->cgroup_id, ev->h.kind == EV_CGROUP ? 0 : ev->h.tgid, isolated))
		return;
	g = map_find(&t->cgroups, ev->cgroup_id);
	if (g)
		g->isolated = isolated;
}

void tap_task(void *ctx, const struct ev_task *ev)
{
	struct tap *t = ctx;

	if (ev->h.kind != EV_EXIT && ev->cgroup_id)
		note_place(t, ev);
	tap_processes_task(t, ev);
	if (ev->h.kind == EV_EXIT) /* its sockets are closed after this */
		tap_sweep_soon(t);
	if (ev->h.kind == EV_EXEC && t->o.bpf.only_tcp)
		tap_rescan_soon(t);
	ledger_task(t->ledger, ev);
	tls_watch_task(t->tls, ev);
}

/* --- all together ----------------------------------------------------------------------------- */

uint32_t tap_host_pidns(void)
{
	struct stat st;

	/* With --pid=host the first process is the machine's also for a Limpid in a container. */
	if (stat("/proc/1/ns/pid", &st) < 0 && stat("/proc/self/ns/pid", &st) < 0)
		return 0;
	return (uint32_t)st.st_ino;
}

int tap_apply_ends(struct tap *t)
{
	struct ends *e = calloc(1, sizeof(*e));
	int err = e ? 0 : -ENOMEM;

	for (size_t i = 0; i < t->policy.nends && !err; i++) {
		err = ends_rule(e, t->policy.ends[i]);
		if (err == -E2BIG) {
			log_warn("only the first %d addresses of the settings are looked at",
				 EV_ADDR_RULES);
			err = 0;
		}
	}
	if (!err && !ends_equal(e, &t->ends)) {
		err = tap_bpf_set_ends(t->bpf, e);
		t->ends = *e;
	}
	free(e);
	return err;
}

void tap_apply_policy(struct tap *t)
{
	struct ipc_msg m = { .capture = t->policy.capture };
	struct ev_policy p = { .host_pidns = t->host_pidns,
			       .comms = t->o.ncomms + t->o.nnot_comms > 0 };
	const struct container *c;
	char sentence[400];
	int err;

	err = tap_apply_ends(t);
	if (err)
		log_error("the kernel does not take the choice of connections: %s", strerror(-err));
	p.ends = t->ends.kinds;
	map_release(&t->known);
	for (c = containers_next(t->containers, NULL); c; c = containers_next(t->containers, c))
		(void)map_put(&t->known, id_key(c->id), t); /* out of memory: seen as new */
	policy_kernel(&t->policy, &p);
	memcpy(p.own_ports, t->o.own_ports, sizeof(p.own_ports));
	tap_bpf_set_budget(t->bpf, t->policy.capture.conn_budget);
	tap_choose_processes(t);
	set_rules(t, NULL); /* before the default, so that nothing left out slips through */
	err = tap_bpf_set_policy(t->bpf, &p);
	if (err)
		log_error("the kernel does not take the new settings: %s", strerror(-err));
	(void)outbox_send(&t->out, IPC_CAPTURE, &m, -1);
	for (c = containers_next(t->containers, NULL); c; c = containers_next(t->containers, c))
		send_container(t, c);
	policy_sentence(&t->policy, sentence, sizeof(sentence));
	if (t->o.npids + t->o.ncomms > 0 && !t->policy.capture.hosts) {
		size_t n = strlen(sentence);

		(void)snprintf(sentence + n, sizeof(sentence) - n, "%s",
			       ", and the processes that --pid and --comm name"); /* cut */
	}
	ends_sentence(&t->ends, sentence + strlen(sentence), sizeof(sentence) - strlen(sentence));
	for (size_t i = 0; i < t->o.nnot_comms; i++) {
		size_t n = strlen(sentence);

		(void)snprintf(sentence + n, sizeof(sentence) - n, "%s%s",
			       i ? ", " : ", not processes ", t->o.not_comms[i]); /* cut */
	}
	tap_fact(t, "capture", 0, "", "capturing %s", sentence);
	if (t->h.captures)
		t->h.captures(t->h.ctx, sentence);
}

void tap_greet(struct tap *t)
{
	struct ipc_msg m = { .capture = t->policy.capture };
	const struct container *c;
	size_t pos = 0;
	uint64_t key;
	void *g;

	ledger_forget_asked(t->ledger);
	(void)outbox_send(&t->out, IPC_CAPTURE, &m, -1);
	for (size_t i = 0; i < t->nfacts; i++)
		(void)outbox_send(&t->out, IPC_HEALTH, &t->facts[i], -1);
	for (size_t i = 0; i < t->nlibs; i++)
		(void)outbox_send(&t->out, IPC_TLS_LIB, &t->libs[i], -1);
	for (c = containers_next(t->containers, NULL); c; c = containers_next(t->containers, c))
		send_container(t, c);
	while (map_next(&t->cgroups, &pos, &key, &g))
		send_cgroup(t, key, ((struct tap_cgroup *)g)->id);
}

void tap_subjects_release(struct tap *t)
{
	forget_cgroups(t);
	map_release(&t->known);
	map_release(&t->tracked);
	map_release(&t->chosen);
	map_release(&t->never);
	policy_release(&t->policy);
	policy_release(&t->next);
	policy_release(&t->first);
	free(t->facts);
	free(t->libs);
}
