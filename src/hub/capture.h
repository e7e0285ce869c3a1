/* SPDX-License-Identifier: Apache-2.0 */
/* capture.h - what is captured, as set on the page: JSON in and out, and towards the agents. */
#ifndef LIMPID_HUB_CAPTURE_H
#define LIMPID_HUB_CAPTURE_H

#include "base/bytes.h"
#include "limpid.pb-c.h"

#define CAPTURE_NAMES_MAX 1000
#define CAPTURE_NAME_MAX  127 /* bytes; what fits the message to the privileged side */

struct capture {
	unsigned mode; /* 0 all, 1 the named ones, 2 all but the named ones */
	bool hosts, include_new, paused;
	uint64_t body_limit, conn_budget; /* conn_budget 0: no limit */
	char **names;
	size_t nnames;
	char **ends; /* rules as in base/end_rule.h */
	size_t nends;
	char **processes; /* rules as in base/proc_rule.h */
	size_t nprocesses;
	char **redact; /* rules of export/redact.h for exports from the page; no agent is told */
	size_t nredact;
};

#define CAPTURE_DEFAULT                                    \
	(struct capture)                                   \
	{                                                  \
		.include_new = true, .body_limit = 1 << 20 \
	}

/* The object of docs/api.md; members that are missing are as in base (NULL: the defaults).  0; -EINVAL: *ret_why says
 * which member is wrong; -ENOMEM.  *ret is released by capture_release. */
int capture_parse(struct slice json, const struct capture *base, struct capture *ret,
		  const char **ret_why);
void capture_json(struct buf *out, const struct capture *c);
/* *ret borrows from c. */
void capture_settings(const struct capture *c, Limpid__V1__Settings *ret);
void capture_release(struct capture *c);

#endif
