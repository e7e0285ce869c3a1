/* SPDX-License-Identifier: Apache-2.0 */
/* target.h - a file that is there whole or not at all. */
#ifndef LIMPID_CMD_TARGET_H
#define LIMPID_CMD_TARGET_H

#include <stdbool.h>

struct target {
	const char *path;
	int fd;
	char part[4096]; /* what is written until it is whole; "": path itself (a pipe, a device) */
};

/* path "-": standard output.  The file is readable by its owner only.  0, or negative errno. */
int target_open(struct target *t, const char *path);
/* good: the file takes its name; else it is removed.  0, or negative errno. */
int target_close(struct target *t, bool good);

#endif
