/* SPDX-License-Identifier: Apache-2.0 */
/* The choice of processes: --pid and --comm, and the rules of the settings (base/proc_rule.h).  The kernel matches command names, lets children follow their parents and
 * forgets those that end; what is left for here are those that were there before, and globs that the kernel cannot
 * match (comms.h). */
#include "tap/tap_priv.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/proc_rule.h"

void tap_never(struct tap *t, uint32_t tgid, bool on)
{
	if (on)
		(void)map_put(&t->never, tgid, t); /* out of memory: a rule could take it in again */
	else
		(void)map_take(&t->never, tgid);
	(void)tap_bpf_rule_tgid(t->bpf, tgid, on ? EV_RULE_EXCLUDE : -1); /* gone already: fine */
}

static bool is_there(uint32_t pid)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/%u", pid);
	return access(path, F_OK) == 0;
}

static void track(struct tap *t, uint32_t tgid)
{
	if (map_find(&t->tracked, tgid) || map_put(&t->tracked, tgid, t) < 0)
		return;
	if (tap_bpf_rule_tgid(t->bpf, tgid, EV_RULE_INCLUDE) < 0)
		log_warn("process %u cannot be captured: too many rules", tgid);
	else if (
		!is_there(
			tgid)) /* its end may have been before its rule, and the number may come again */
		(void)tap_bpf_rule_tgid(t->bpf, tgid, -1);
}

/* --- rules of the settings ---------------------------------------------------------------------- */

/* Whether it is in a container; its unit of systemd, or "". */
static bool place_of(uint32_t pid, char *ret_unit, unsigned size)
{
	char path[40], line[1024], id[65];
	bool contained = false;
	FILE *f;

	ret_unit[0] = 0;
	(void)snprintf(path, sizeof(path), "/proc/%u/cgroup", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		contained |= container_id_in_path(line, id) == 0;
		if (!ret_unit[0])
			(void)proc_rule_unit(line, ret_unit, size);
	}
	if (f)
		(void)fclose(f); /* only read */
	return contained;
}

static bool chosen_by_rule(const struct tap *t, uint32_t pid, const char *comm)
{
	char unit[128] = "";
	bool read = false, contained = false;

	if (map_find(&t->never, pid))
		return false;
	for (size_t i = 0; i < t->policy.nprocesses; i++) {
		struct proc_rule r;

		if (proc_rule_parse(t->policy.processes[i], &r) < 0)
			continue;
		if (!read && (r.kind == PROC_UNIT || proc_rule_matches(&r, pid, comm, ""))) {
			contained = place_of(pid, unit, sizeof(unit));
			read = true;
		}
		if (proc_rule_matches(&r, pid, comm, unit))
			return !contained;
	}
	return false;
}

static void choose(struct tap *t, uint32_t pid)
{
	if (map_find(&t->chosen, pid) || map_put(&t->chosen, pid, t) < 0)
		return;
	if (tap_bpf_rule_tgid(t->bpf, pid, EV_RULE_INCLUDE) < 0)
		log_warn("process %u cannot be captured: too many rules", pid);
	else if (!is_there(pid)) /* as in track */
		(void)tap_bpf_rule_tgid(t->bpf, pid, -1);
}

static void began(struct tap *t, const struct ev_task *ev)
{
	const struct tap_cgroup *g = map_find(&t->cgroups, ev->cgroup_id);

	if (!(g && g->id[0]) && chosen_by_rule(t, ev->h.tgid, ev->name))
		choose(t, ev->h.tgid);
}

void tap_processes_task(struct tap *t, const struct ev_task *ev)
{
	if (ev->h.kind == EV_EXEC && comms_match(t->o.comms, t->o.ncomms, ev->name, true))
		track(t, ev->h.tgid);
	if (ev->h.kind == EV_EXEC && t->policy.nprocesses)
		began(t, ev);
	if (ev->h.kind == EV_EXIT) {
		(void)map_take(&t->tracked, ev->h.tgid); /* most are not there */
		(void)map_take(&t->chosen, ev->h.tgid);
	}
}

static uint32_t parent_of(uint32_t pid, char comm[32])
{
	char path[64], line[512] = "";
	const char *open, *close;
	unsigned ppid = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (!fgets(line, sizeof(line), f))
		line[0] = 0;
	(void)fclose(f); /* only read */
	open = strchr(line, '(');
	close = strrchr(line, ')');
	if (!open || !close || close - open > 31)
		return 0;
	(void)snprintf(comm, 32, "%.*s", (int)(close - open - 1), open + 1);
	return sscanf(close + 1, " %*c %u", &ppid) == 1 ? ppid : 0;
}

/* By its command name or by the name of the file that it executes: some programs give themselves another name. */
static bool is_chosen(const struct tap *t, uint32_t pid, const char *comm)
{
	static const char deleted[] = " (deleted)"; /* what the kernel says behind the name of a file that is gone */
	char path[32], file[PATH_MAX], *name;
	ssize_t n, end = sizeof(deleted) - 1;

	if (comms_match(t->o.comms, t->o.ncomms, comm, false))
		return true;
	if (t->o.ncomms == 0)
		return false;
	(void)snprintf(path, sizeof(path), "/proc/%u/exe", pid);
	n = readlink(path, file, sizeof(file) - 1);
	if (n <= 0)
		return false; /* a thread of the kernel, or gone */
	if (n > end && memcmp(file + n - end, deleted, (size_t)end) == 0)
		n -= end;
	file[n] = 0;
	name = strrchr(file, '/');
	name = name ? name + 1 : file;
	if (strlen(name) > EV_COMM_LEN - 1)
		name[EV_COMM_LEN - 1] = 0; /* as the kernel cuts command names */
	return comms_match(t->o.comms, t->o.ncomms, name, false);
}

/* Several rounds, because a child may be listed before its parent. */
void tap_scan_processes(struct tap *t)
{
	size_t before = SIZE_MAX;

	for (size_t i = 0; i < t->o.npids; i++)
		track(t, t->o.pids[i]);
	while ((t->o.npids || t->o.ncomms) && before != t->tracked.n) {
		DIR *proc = opendir("/proc");
		const struct dirent *d;

		before = t->tracked.n;
		while (proc && (d = readdir(proc))) {
			uint32_t pid = (uint32_t)strtoul(d->d_name, NULL, 10), parent;
			char comm[32] = "";

			if (!pid)
				continue;
			parent = parent_of(pid, comm);
			if (is_chosen(t, pid, comm) ||
			    (parent && map_find(&t->tracked, parent)))
				track(t, pid);
		}
		if (proc)
			closedir(proc);
	}
}

/* Adds to set what rules choose, if by_rule, and what those in it have started, in rounds because a child may be
 * listed before its parent. */
static void close_over(const struct tap *t, struct map *set, bool by_rule)
{
	size_t before = SIZE_MAX;

	while (before != set->n) {
		DIR *proc = opendir("/proc");
		const struct dirent *d;

		before = set->n;
		while (proc && (d = readdir(proc))) {
			uint32_t pid = (uint32_t)strtoul(d->d_name, NULL, 10), parent;
			char comm[32] = "";

			if (!pid || map_find(set, pid))
				continue;
			parent = parent_of(pid, comm);
			if ((by_rule && chosen_by_rule(t, pid, comm)) ||
			    (parent && map_find(set, parent) && !map_find(&t->never, pid)))
				(void)map_put(set, pid, (void *)(uintptr_t)t); /* out of memory: left out */
		}
		if (proc)
			closedir(proc);
	}
}

/* What no process answers to: said, since whoever chose it waits for it. */
static void tell_missing(struct tap *t, const struct map *now)
{
	char missing[200] = "";

	for (size_t i = 0; i < t->policy.nprocesses; i++) {
		struct proc_rule r;
		size_t n = strlen(missing);

		if (proc_rule_parse(t->policy.processes[i], &r) == 0 && r.kind == PROC_PID && !map_find(now, r.pid))
			(void)snprintf(missing + n, sizeof(missing) - n, "%s%u", n ? ", " : "", r.pid); /* cut */
	}
	if (missing[0])
		tap_fact(t, "capture.process", 1,
			 "take it out of the choice; a command or a unit is found again when it starts anew",
			 "there is no process outside containers with the pid %s to capture", missing);
	else
		tap_fact(t, "capture.process", 0, "", "%zu processes outside containers were chosen one by one", now->n);
}

/* A process that was started by a chosen one and lost its parent since then stays captured until it ends. */
void tap_choose_processes(struct tap *t)
{
	struct map now = { 0 };
	size_t pos = 0;
	uint64_t pid;
	void *value;

	if (!t->policy.nprocesses && !t->chosen.n)
		return;
	if (t->policy.nprocesses)
		close_over(t, &now, true);
	if (t->chosen.n)
		close_over(t, &t->chosen, false); /* the kernel let them follow */
	while (map_next(&t->chosen, &pos, &pid, &value)) {
		if (map_find(&now, pid))
			continue;
		if (!map_find(&t->tracked, pid))
			(void)tap_bpf_rule_tgid(t->bpf, (uint32_t)pid, -1); /* gone already: fine */
		(void)map_take(&t->chosen, pid);
	}
	for (pos = 0; map_next(&now, &pos, &pid, &value);)
		choose(t, (uint32_t)pid);
	tell_missing(t, &now);
	map_release(&now);
}
