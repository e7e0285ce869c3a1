/* SPDX-License-Identifier: Apache-2.0 */
/* maps.h - the files that a process has mapped executable, and how to open the very ones. */
#ifndef LIMPID_TAP_MAPS_H
#define LIMPID_TAP_MAPS_H

#include <stdbool.h>
#include <stdint.h>

#define MAPS_PATH_MAX 4096
struct maps_entry {
	uint64_t from, to;
	uint64_t dev, ino;	  /* as the process's file system shows them */
	char path[MAPS_PATH_MAX]; /* seen from the process; may end in " (deleted)" */
};

/* Calls fn for each executable mapping of a file until it returns false.  0, or negative errno: -ENOENT,
 * -ESRCH: the process is gone. */
int maps_each(uint32_t pid, bool (*fn)(void *ctx, const struct maps_entry *e), void *ctx);
/* A descriptor (O_PATH) of the mapped file itself: by /proc/PID/map_files, which works for deleted files
 * and for other mount namespaces; without the capability for that, by its path below /proc/PID/root, if
 * that still leads to the same inode.  Negative errno. */
int maps_open(uint32_t pid, const struct maps_entry *e);
/* When fd is open on a file of an overlay that process pid sees at path: the same file in the layer that
 * has it, open O_PATH, so that who keeps it keeps the container's file system from nothing.  Layers are
 * looked for where the host's processes see them.  -ENOENT: it is not on an overlay, or its layer cannot
 * be found. */
int maps_open_layer(uint32_t pid, const char *path, int fd);
/* Reopens an O_PATH descriptor for reading.  Negative errno; -ENOEXEC: not a regular file. */
int maps_reopen(int path_fd);

#endif
