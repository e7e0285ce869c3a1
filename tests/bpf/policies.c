/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

/* A worker that is always captured: its connection ends after everything before it was delivered. */
static struct worker marker;

static void settle(struct watch *w)
{
	struct reply r = order(&marker, T_OPEN, F_V4);

	/* Without hooks of system calls, what moved nothing is not known, nor its end. */
	move(&marker, 0, S_WRITE, R_READ, 1);
	order(&marker, T_CLOSE, 0);
	watch_gone(w, r.cport, r.sport);
}

/* Opens, moves 5,000 bytes each way, closes.  The bytes seen: 0 to 20,000. */
static uint64_t seen(struct watch *w, struct worker *k)
{
	struct reply r = order(k, T_OPEN, F_V4);
	struct end *e[2];
	uint64_t n = 0;

	move(k, 0, S_WRITE, R_READ, 5000);
	move(k, 1, S_WRITE, R_READ, 5000);
	order(k, T_CLOSE, 0);
	settle(w);
	e[0] = watch_end(w, r.cport, r.sport);
	e[1] = watch_end(w, r.sport, r.cport);
	for (int i = 0; i < 2; i++)
		if (e[i])
			n += e[i]->captured[0] + e[i]->captured[1];
	watch_forget(w);
	return n;
}

static void set_default(struct watch *w, uint32_t dflt, uint32_t host_pidns)
{
	struct ev_policy p = { .dflt = dflt, .host_pidns = host_pidns };

	tap_bpf_set_policy(w->bpf, &p);
}

static void by_process(struct watch *w)
{
	struct stat ns = { 0 };
	struct worker k, inside;
	uint32_t pid, host;

	stat("/proc/self/ns/pid", &ns);
	host = (uint32_t)ns.st_ino;
	start(&k, 0);
	start(&inside, 1);
	pid = (uint32_t)k.pid;
	set_default(w, EV_DEFAULT_NONE, host);
	check(seen(w, &k) == 0, "default none: nothing is captured");
	set_default(w, EV_DEFAULT_ALL, host);
	check(seen(w, &k) == 20000, "default all: every process is captured");
	tap_bpf_rule_tgid(w->bpf, pid, EV_RULE_EXCLUDE);
	check(seen(w, &k) == 0, "a rule excludes one process");
	set_default(w, EV_DEFAULT_CONTAINERS, host);
	tap_bpf_rule_tgid(w->bpf, pid, -1);
	check(seen(w, &k) == 0, "default containers: a process of the host is not captured");
	check(seen(w, &inside) == 20000, "default containers: one in another pid namespace is");
	set_default(w, EV_DEFAULT_NONE, host);
	worker_stop(&inside);
	worker_stop(&k);
}

static bool cgroup_root(char *path, size_t size)
{
	snprintf(path, size, "/sys/fs/cgroup/unified");
	if (access("/sys/fs/cgroup/unified/cgroup.procs", F_OK) < 0)
		snprintf(path, size, "/sys/fs/cgroup");
	strncat(path, "/cgroup.procs", size - strlen(path) - 1);
	if (access(path, F_OK) < 0)
		return false;
	path[strlen(path) - strlen("/cgroup.procs")] = '\0';
	return true;
}

static void by_cgroup(struct watch *w)
{
	char root[64], outer[96], inner[128];
	struct order o = { .what = T_CGROUP };
	struct stat st = { 0 };
	struct worker k;
	struct reply r;

	if (!cgroup_root(root, sizeof(root))) {
		check(true, "rules by cgroup # SKIP no cgroup version 2 hierarchy");
		return;
	}
	snprintf(outer, sizeof(outer), "%s/limpid-test-%d", root, getpid());
	snprintf(inner, sizeof(inner), "%s/inner", outer);
	mkdir(outer, 0755);
	mkdir(inner, 0755);
	stat(outer, &st);
	start(&k, 0);
	/* The worker's verdict is cached when it moves. */
	check(seen(w, &k) == 0, "before its cgroup has a rule, a process is not captured");
	tap_bpf_rule_cgroup(w->bpf, st.st_ino, EV_RULE_INCLUDE);
	snprintf(o.path, sizeof(o.path), "%s/cgroup.procs", inner);
	worker_do(&k, o, &r);
	check(seen(w, &k) == 20000,
	      "a process that moves into a cgroup below one with a rule is captured");
	tap_bpf_rule_tgid(w->bpf, (uint32_t)k.pid, EV_RULE_EXCLUDE);
	check(seen(w, &k) == 0, "a process rule wins over a cgroup rule");
	tap_bpf_rule_tgid(w->bpf, (uint32_t)k.pid, -1);
	tap_bpf_rule_cgroup(w->bpf, st.st_ino, -1);
	check(seen(w, &k) == 0, "a rule can be taken away");
	snprintf(o.path, sizeof(o.path), "%s/cgroup.procs", root);
	worker_do(&k, o, &r);
	worker_stop(&k);
	rmdir(inner);
	rmdir(outer);
}

/* What happens to the bytes between. */
static void interrupted(struct watch *w, struct worker *k, const char *how,
			const struct ev_policy *between)
{
	struct reply r = order(k, T_OPEN, F_V4);
	bool by_rule = !between;
	struct end *c, *s;

	move(k, 0, S_WRITE, R_READ, 1000);
	if (by_rule)
		tap_bpf_rule_tgid(w->bpf, (uint32_t)k->pid, EV_RULE_EXCLUDE);
	else
		tap_bpf_set_policy(w->bpf, between);
	move(k, 0, S_WRITE, R_READ, 20000);
	move(k, 1, S_WRITE, R_READ, 70000);
	if (by_rule)
		tap_bpf_rule_tgid(w->bpf, (uint32_t)k->pid, EV_RULE_INCLUDE);
	else
		set_default(w, EV_DEFAULT_NONE, 0);
	move(k, 0, S_WRITE, R_READ, 3000);
	move(k, 1, S_WRITE, R_READ, 3000);
	order(k, T_CLOSE, 0);
	watch_gone(w, r.cport, r.sport);
	c = watch_end(w, r.cport, r.sport);
	s = watch_end(w, r.sport, r.cport);
	if (!check(c && s && !c->wrong && !s->wrong && c->holes[EV_WRITE] == 20000 &&
			   s->holes[EV_READ] == 20000 && c->holes[EV_READ] == 70000 &&
			   s->holes[EV_WRITE] == 70000 && c->captured[EV_WRITE] == 4000 &&
			   c->captured[EV_READ] == 3000 && c->opens == 1,
		   "what moves while %s is a hole of its length", how)) {
		explain("client", c);
		explain("server", s);
	}
	watch_forget(w);
}

static void verdicts(struct watch *w, struct worker *k)
{
	struct reply r = order(k, T_OPEN, F_V4);
	struct end *c, *s;

	move(k, 0, S_WRITE, R_READ, 100);
	watch_moved(w, r.cport, r.sport, 100, 0);
	c = watch_end(w, r.cport, r.sport);
	s = watch_end(w, r.sport, r.cport);
	if (!check(c && s && !tap_bpf_verdict(w->bpf, c->cookie, EV_COPY_NONE) &&
			   !tap_bpf_verdict(w->bpf, s->cookie, EV_COPY_HEAD),
		   "verdicts are taken"))
		return;
	move(k, 0, S_WRITE, R_READ, 10000);
	order(k, T_CLOSE, 0);
	watch_gone(w, r.cport, r.sport);
	if (!check(c->captured[EV_WRITE] == 100 && c->total[EV_WRITE] == 10100 &&
			   c->next[EV_WRITE] == 100,
		   "EV_COPY_NONE: counted, not copied"))
		explain("client", c);
	if (!check(s->captured[EV_READ] > 100 && s->captured[EV_READ] < 10000 &&
			   s->next[EV_READ] == 10100 && !s->wrong,
		   "EV_COPY_HEAD: the beginning of each call is copied"))
		explain("server", s);
	watch_forget(w);
}

static void own_ports(struct watch *w, struct worker *k)
{
	struct ev_policy p = { .dflt = EV_DEFAULT_NONE };
	struct reply r = order(k, T_OPEN, F_V6);

	order(k, T_CLOSE, 0);
	p.own_ports[2] = r.sport;
	tap_bpf_set_policy(w->bpf, &p);
	worker_do(k, (struct order){ .what = T_OPEN, .a = F_V6, .n = r.sport }, &r);
	move(k, 0, S_WRITE, R_READ, 100);
	order(k, T_CLOSE, 0);
	settle(w);
	check(r.sport == p.own_ports[2] && !watch_end(w, r.cport, r.sport) &&
		      !watch_end(w, r.sport, r.cport),
	      "a loopback connection with one of Limpid's own ports is not reported");
	set_default(w, EV_DEFAULT_NONE, 0);
	watch_forget(w);
}

void policies(struct watch *w, struct worker *k)
{
	static const struct ev_policy paused = { .dflt = EV_DEFAULT_NONE, .paused = 1 };

	start(&marker, 0);
	tap_bpf_rule_tgid(w->bpf, (uint32_t)marker.pid, EV_RULE_INCLUDE);
	by_process(w);
	by_cgroup(w);
	interrupted(w, k, "a rule excludes the process", NULL);
	interrupted(w, k, "capture is paused", &paused);
	verdicts(w, k);
	own_ports(w, k);
	worker_stop(&marker);
}
