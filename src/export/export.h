/* SPDX-License-Identifier: Apache-2.0 */
/* export.h - flows as files that other programs open: HAR, JSON lines, pcapng. */
#ifndef LIMPID_EXPORT_EXPORT_H
#define LIMPID_EXPORT_EXPORT_H

#include "flow/flow.h"

struct exporter;
struct export_ops {
	const char *name; /* of the command line */
	/* NULL: out of memory. */
	struct exporter *(*open)(void);
	/* Appends what f gives to out, with the file's beginning before the first.  Whole flows, each once.
	 * 1; 0: the format has no place for this protocol, nothing was written; -ENOMEM. */
	int (*flow)(struct exporter *e, const struct flow *f, struct buf *out);
	/* The end of the file.  0; -ENOMEM. */
	int (*end)(struct exporter *e, struct buf *out);
	/* A remark for the user about what was written, or NULL; optional. */
	const char *(*remark)(struct exporter *e);
	void (*free)(struct exporter *e);
};
extern const struct export_ops export_har, export_jsonl, export_pcapng;
const struct export_ops *export_find(const char *name); /* or NULL */

/* Whether f is HTTP of any version, or something that HTTP carries. */
bool export_is_http(const struct flow *f);
bool export_is_grpc(const struct flow *f);
/* HTTP's method and three digits, also where op and status are those of what it carries. */
const char *export_method(const struct flow *f);
const char *export_status(const struct flow *f);
/* The first attribute of that key, or NULL. */
const char *export_attr(const struct flow_half *h, const char *key);

#endif
