/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/policy.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/end_rule.h"
#include "base/proc_rule.h"

#define ID_SHORT 12 /* digits by which Docker shows an id */

static int append(char (**list)[128], size_t *n, const char *s)
{
	void *more;

	if (*n >= POLICY_NAMES)
		return -E2BIG;
	more = realloc(*list, (*n + 1) * sizeof(**list));
	if (!more)
		return -ENOMEM;
	*list = more;
	memset((*list)[*n], 0, sizeof((*list)[*n])); /* they are compared as memory */
	(void)snprintf((*list)[(*n)++], sizeof(**list), "%s", s);
	return 0;
}

int policy_add(struct policy *p, const char *name)
{
	return append(&p->names, &p->n, name);
}

int policy_add_end(struct policy *p, const char *rule)
{
	struct end_rule r;

	if (strlen(rule) > END_RULE_MAX || end_rule_parse(rule, &r) < 0)
		return -EINVAL;
	return append(&p->ends, &p->nends, rule);
}

int policy_add_process(struct policy *p, const char *rule)
{
	struct proc_rule r;

	if (proc_rule_parse(rule, &r) < 0)
		return -EINVAL;
	return append(&p->processes, &p->nprocesses, rule);
}

int policy_copy(struct policy *to, const struct policy *from)
{
	struct policy p = { .capture = from->capture };
	int err = 0;

	for (size_t i = 0; i < from->n && !err; i++)
		err = policy_add(&p, from->names[i]);
	for (size_t i = 0; i < from->nends && !err; i++)
		err = policy_add_end(&p, from->ends[i]);
	for (size_t i = 0; i < from->nprocesses && !err; i++)
		err = policy_add_process(&p, from->processes[i]);
	if (err)
		policy_release(&p);
	else
		*to = p;
	return err;
}

/* A pod's containers also go by their pod's name before their own, and by their namespace's before that. */
static bool goes_by(const struct container *c, const char *glob)
{
	char full[sizeof(c->namespace) + sizeof(c->pod) + sizeof(c->name) + 2];
	size_t ns;

	if (c->name[0] && fnmatch(glob, c->name, 0) == 0)
		return true;
	if (!c->pod[0])
		return false;
	(void)snprintf(full, sizeof(full), "%s/%s/%s", c->namespace, c->pod, c->name);
	ns = strlen(c->namespace) + 1;
	return fnmatch(glob, full, 0) == 0 || fnmatch(glob, full + ns, 0) == 0;
}

bool policy_names(const struct policy *p, const struct container *c)
{
	for (size_t i = 0; i < p->n; i++) {
		const char *name = p->names[i];
		size_t n = strlen(name);

		if (n >= ID_SHORT && strncmp(c->id, name, n) == 0)
			return true;
		if (goes_by(c, name))
			return true;
	}
	return false;
}

bool policy_wants(const struct policy *p, const struct container *c, bool known)
{
	switch ((enum ipc_mode)p->capture.mode) {
	case IPC_MODE_ALL:
		return true;
	case IPC_MODE_EXCEPT:
		return !policy_names(p, c);
	case IPC_MODE_CHOSEN:
		return policy_names(p, c) || (p->capture.include_new && !known);
	}
	return false;
}

void policy_kernel(const struct policy *p, struct ev_policy *ret)
{
	bool containers = p->capture.mode != IPC_MODE_CHOSEN || p->capture.include_new;

	ret->paused = p->capture.paused;
	/* With hosts there is no default that leaves new containers out; tap's rule follows within
	 * milliseconds of their first process. */
	ret->dflt = p->capture.hosts ? EV_DEFAULT_ALL
		    : containers     ? EV_DEFAULT_CONTAINERS
				     : EV_DEFAULT_NONE;
}

static void add(char *ret, size_t n, const char *s)
{
	size_t at = strlen(ret);

	(void)snprintf(ret + at, n - at, "%s", s); /* a long list is cut */
}

void policy_sentence(const struct policy *p, char *ret, size_t n)
{
	ret[0] = 0;
	switch ((enum ipc_mode)p->capture.mode) {
	case IPC_MODE_ALL:
		add(ret, n, "every container");
		break;
	case IPC_MODE_EXCEPT:
		add(ret, n, p->n ? "every container except " : "every container");
		break;
	case IPC_MODE_CHOSEN:
		add(ret, n, p->n == 0 ? "no container" : p->n == 1 ? "container " : "containers ");
		break;
	}
	for (size_t i = 0; i < p->n && p->capture.mode != IPC_MODE_ALL; i++) {
		add(ret, n, i ? ", " : "");
		add(ret, n, p->names[i]);
	}
	if (p->capture.mode == IPC_MODE_CHOSEN && p->capture.include_new)
		add(ret, n, " and those that start from now on");
	if (p->capture.hosts)
		add(ret, n, ", and processes outside containers");
	for (size_t i = 0; i < p->nprocesses && !p->capture.hosts; i++) {
		add(ret, n, i ? ", " : ", and processes outside containers: ");
		add(ret, n, p->processes[i]);
	}
	if (p->capture.paused)
		add(ret, n, " (paused)");
	if (p->capture.conn_budget) {
		char text[80];

		(void)snprintf(text, sizeof(text),
			       ", at most %llu bytes of each direction of a connection",
			       (unsigned long long)p->capture.conn_budget);
		add(ret, n, text);
	}
}

void policy_release(struct policy *p)
{
	free(p->names);
	free(p->ends);
	free(p->processes);
	*p = (struct policy){ 0 };
}
