/* SPDX-License-Identifier: Apache-2.0 */
/* feed.h - flows out of a file of strangers: read by a confined child, handed over whole and checked. */
#ifndef LIMPID_CMD_FEED_H
#define LIMPID_CMD_FEED_H

#include <sys/types.h>

#include "cmd/args.h"
#include "flow/flow.h"

struct feed {
	int fd;
	pid_t pid;
	const char *file;
};

/* Opens file ("-": standard input) and starts the child, which complains by itself.  0, or an exit status. */
int feed_start(const struct args *a, const char *file, struct feed *ret);
/* Calls fn for each write of a flow (of a capture: open ones too, with their new messages) until the end, or until fn's owner sets
 * *stop.  An exit status: 0, or that something in the file could not be read. */
int feed_run(struct feed *f, flow_fn fn, void *ctx, const bool *stop);

/* When running as root and path belongs to somebody else, becomes that user for good, so that what is made next to it is theirs.
 * path may not exist.  0, or negative errno after err got a sentence. */
int feed_become_owner(const char *path, char *err, size_t errlen);

#endif
