/* SPDX-License-Identifier: Apache-2.0 */
/* policy.h - what is to be captured, and what that means for one container and for the kernel. */
#ifndef LIMPID_TAP_POLICY_H
#define LIMPID_TAP_POLICY_H

#include "container/container.h"
#include "event.h"
#include "ipc/ipc.h"

#define POLICY_NAMES 1024 /* and as many rules about ends */

struct policy { /* zero-initialised: every container */
	struct ipc_capture capture;
	char (*names)[128]; /* names, ids (12 digits or more) or globs; owned */
	size_t n;
	char (*ends)[128]; /* rules as in base/end_rule.h; owned */
	size_t nends;
	char (*processes)[128]; /* rules as in base/proc_rule.h; owned */
	size_t nprocesses;
};

/* 0; -ENOMEM; -E2BIG: more than POLICY_NAMES. */
int policy_add(struct policy *p, const char *name);
/* The same; -EINVAL: it is no such rule. */
int policy_add_end(struct policy *p, const char *rule);
int policy_add_process(struct policy *p, const char *rule);
int policy_copy(struct policy *to, const struct policy *from);
bool policy_names(const struct policy *p, const struct container *c);
/* known: the container was there when the policy came into force. */
bool policy_wants(const struct policy *p, const struct container *c, bool known);
/* dflt and paused; the rest of *ret is left alone. */
void policy_kernel(const struct policy *p, struct ev_policy *ret);
/* "every container", "containers web, api*", ...: for people. */
void policy_sentence(const struct policy *p, char *ret, size_t n);
void policy_release(struct policy *p);

#endif
