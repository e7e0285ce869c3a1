/* SPDX-License-Identifier: Apache-2.0 */
/* file_id.h - what tells one file from another, and one state of a file from the next. */
#ifndef LIMPID_TAP_FILE_ID_H
#define LIMPID_TAP_FILE_ID_H

#include <stdbool.h>
#include <stdint.h>

/* Containers of one image see the same inode through different overlays, each with a device number of its own, so there
 * the device does not count: dev is 0.  The change time does: an overlay keeps the inode number when it
 * copies a file up, but the copy is another file. */
struct file_id {
	uint64_t dev, ino, size, mtime_ns, ctime_ns;
};
int file_id_of(int fd, struct file_id *ret); /* O_PATH will do; 0, negative errno */
uint64_t file_id_key(const struct file_id *id);
bool file_id_equal(const struct file_id *a, const struct file_id *b);
/* Of an inode and the last part of path, as EV_MAP records carry them (cut to EV_NAME_LEN). */
uint64_t file_name_key(uint64_t dev, uint64_t ino, const char *path);

#endif
