/* SPDX-License-Identifier: Apache-2.0 */
#include "base/proc_rule.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const words[] = {
	[PROC_PID] = "pid ", [PROC_COMMAND] = "command ", [PROC_UNIT] = "unit "
};

int proc_rule_parse(const char *s, struct proc_rule *ret)
{
	struct proc_rule r = { 0 };
	unsigned long pid;
	char *end;

	if (strlen(s) > PROC_RULE_MAX)
		return -EINVAL;
	for (unsigned i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strncmp(s, words[i], strlen(words[i])) != 0)
			continue;
		r.kind = (enum proc_kind)i;
		r.value = s + strlen(words[i]);
	}
	if (!r.value || !*r.value || *r.value == ' ')
		return -EINVAL;
	if (r.kind == PROC_PID) {
		errno = 0;
		pid = strtoul(r.value, &end, 10);
		/* Linux: PID_MAX_LIMIT is 2^22 */
		if (*end || errno || r.value[0] < '0' || r.value[0] > '9' || pid < 2 || pid > 1u << 22)
			return -EINVAL;
		r.pid = (uint32_t)pid;
	}
	*ret = r;
	return 0;
}

bool proc_rule_matches(const struct proc_rule *r, uint32_t pid, const char *comm, const char *unit)
{
	switch (r->kind) {
	case PROC_PID:
		return r->pid == pid;
	case PROC_COMMAND:
		return *comm && fnmatch(r->value, comm, 0) == 0;
	case PROC_UNIT:
		return *unit && fnmatch(r->value, unit, 0) == 0;
	}
	return false;
}

static bool is_unit(const char *name, size_t n)
{
	static const char *const ends[] = { ".service", ".scope", ".socket" };

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		size_t len = strlen(ends[i]);

		if (n > len && memcmp(name + n - len, ends[i], len) == 0)
			return true;
	}
	return false;
}

bool proc_rule_unit(const char *line, char *ret, unsigned size)
{
	const char *end = line + strcspn(line, "\n");

	while (end > line) {
		const char *name = end;

		while (name > line && name[-1] != '/')
			name--;
		if (is_unit(name, (size_t)(end - name)) && (size_t)(end - name) < size) {
			(void)snprintf(ret, size, "%.*s", (int)(end - name), name);
			return true;
		}
		end = name > line ? name - 1 : line;
	}
	return false;
}
