/* SPDX-License-Identifier: Apache-2.0 */
/* proc_rule.h - which processes outside containers are meant, as people write it.
 *
 *	pid 880			that process
 *	command nginx*		those whose program's name (/proc/PID/comm) is such
 *	unit nginx.service	those of such a unit of systemd
 *
 * Each with the processes that it starts from then on.
 */
#ifndef LIMPID_BASE_PROC_RULE_H
#define LIMPID_BASE_PROC_RULE_H

#include <stdbool.h>
#include <stdint.h>

#define PROC_RULE_MAX 127 /* bytes of a rule */

enum proc_kind { PROC_PID, PROC_COMMAND, PROC_UNIT };
struct proc_rule {
	enum proc_kind kind;
	uint32_t pid;	   /* of PROC_PID */
	const char *value; /* in the text that was parsed: a glob (fnmatch) */
};

/* 0, with *ret filled; -EINVAL: it is no such rule, or its value is none. */
int proc_rule_parse(const char *s, struct proc_rule *ret);
/* comm and unit may be "": not known, or of none. */
bool proc_rule_matches(const struct proc_rule *r, uint32_t pid, const char *comm, const char *unit);
/* The unit in a line of /proc/PID/cgroup, "0::/system.slice/nginx.service": the innermost part that ends with .service,
 * .scope or .socket.  False: there is none. */
bool proc_rule_unit(const char *line, char *ret, unsigned size);

#endif
