/* SPDX-License-Identifier: Apache-2.0 */
/* The choice of processes, --pid and --comm.  The kernel matches command names, lets children follow their parents and
 * forgets those that end; what is left for here are those that were there before, and globs that the kernel cannot
 * match (comms.h). */
#include "tap/tap_priv.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

void tap_never(struct tap *t, uint32_t tgid, bool on)
{
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

void tap_processes_task(struct tap *t, const struct ev_task *ev)
{
	if (ev->h.kind == EV_EXEC && comms_match(t->o.comms, t->o.ncomms, ev->name, true))
		track(t, ev->h.tgid);
	if (ev->h.kind == EV_EXIT)
		(void)map_take(&t->tracked, ev->h.tgid); /* most are not there */
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
			if (comms_match(t->o.comms, t->o.ncomms, comm, false) ||
			    (parent && map_find(&t->tracked, parent)))
				track(t, pid);
		}
		if (proc)
			closedir(proc);
	}
}
