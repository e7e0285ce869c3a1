/* SPDX-License-Identifier: Apache-2.0 */
/* redact.h - flows without their secrets: docs/redaction.md says what counts as one.
 *
 * Secrets go by the name they have (a header, cookie, query parameter, field of a body, SQL column, Redis key) or by their
 * shape (card numbers, JSON Web Tokens, keys of known services, what stands before an @ in a URL).  In text they become
 * REDACT_MARK, in bytes that are no text as many asterisks, so that lengths inside them stay true.
 */
#ifndef LIMPID_EXPORT_REDACT_H
#define LIMPID_EXPORT_REDACT_H

#include "base/arena.h"
#include "flow/flow.h"

#define REDACT_MARK	 "REDACTED"
#define REDACT_RULES_MAX 200
#define REDACT_RULE_MAX	 1000 /* bytes of one */

struct redact;

/* rules, besides those that are built in: "/EXPRESSION/" or "/EXPRESSION/i" is a regular expression (PCRE2) for what is hidden in
 * any text; anything else the name of something whose value is hidden, compared without case, "-", "_" and ".".
 * 0; -EINVAL: err says which and why; -ENOMEM. */
int redact_new(struct redact **ret, const char *const *rules, size_t n, char *err, size_t errlen);
void redact_free(struct redact *r);
/* *ret is f without secrets and with FLOW_REDACTED, also when it had none.  What is new lies in a, the rest is f's.
 * 0; -ENOMEM; -EMSGSIZE: an expression of the rules gave up on it.  After an error the flow must not be shown. */
int redact_flow(struct redact *r, const struct flow *f, struct arena *a, struct flow *ret);
/* Values hidden so far. */
uint64_t redact_count(const struct redact *r);

#endif
