/* SPDX-License-Identifier: Apache-2.0 */
/* Which programs look at system calls, and that there are two of each where the kernel skips some. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "limpid.skel.h"
#include "tap/bpf_priv.h"

/* Whether perf calls programs at the tracepoint: tracefs must be mounted to say its number. */
static bool perf_has(const char *category, const char *name)
{
	static const char *const mounts[] = { "/sys/kernel/tracing", "/sys/kernel/debug/tracing" };
	struct perf_event_attr attr = { .type = PERF_TYPE_TRACEPOINT, .size = sizeof(attr) };
	unsigned long long id = 0;
	char path[128];
	int fd;

	for (size_t i = 0; i < sizeof(mounts) / sizeof(*mounts) && !id; i++) {
		FILE *f;

		(void)snprintf(path, sizeof(path), "%s/events/%s/%s/id", mounts[i], category, name);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fscanf(f, "%llu", &id) != 1)
			id = 0;
		(void)fclose(f); /* only read */
	}
	if (!id)
		return false;
	attr.config = id;
	fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return false;
	(void)close(fd); /* nothing was written */
	return true;
}

void bpf_calls_choose(struct limpid_bpf *s, bool wanted, bool all)
{
	bool twice = wanted && bpf_preempts_tracepoints(), sure;

	sure = twice && all && perf_has("raw_syscalls", "sys_enter") && perf_has("raw_syscalls", "sys_exit");
	(void)bpf_program__set_autoload(s->progs.socket_enter, wanted);
	(void)bpf_program__set_autoload(s->progs.socket_exit, wanted);
	(void)bpf_program__set_autoload(s->progs.socket_enter_again, twice && !sure);
	(void)bpf_program__set_autoload(s->progs.socket_exit_again, twice && !sure);
	(void)bpf_program__set_autoload(s->progs.socket_enter_sure, sure);
	(void)bpf_program__set_autoload(s->progs.socket_exit_sure, sure);
	s->bss->calls_twice = twice;
}

static const char *const seconds[] = { "_again", "_sure" };

bool bpf_is_second(const struct bpf_program *p)
{
	for (size_t i = 0; i < sizeof(seconds) / sizeof(*seconds); i++)
		if (strstr(bpf_program__name(p), seconds[i]))
			return true;
	return false;
}

const struct bpf_program *bpf_second_of(const struct bpf_object *obj, const struct bpf_program *p)
{
	for (size_t i = 0; i < sizeof(seconds) / sizeof(*seconds); i++) {
		const struct bpf_program *second;
		char name[64];

		(void)snprintf(name, sizeof(name), "%s%s", bpf_program__name(p), seconds[i]);
		second = bpf_object__find_program_by_name(obj, name);
		if (second && bpf_program__fd(second) >= 0)
			return second;
	}
	return NULL;
}
