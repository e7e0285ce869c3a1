/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int target_open(struct target *t, const char *path)
{
	struct stat st;

	*t = (struct target){ .path = path, .fd = STDOUT_FILENO };
	if (strcmp(path, "-") == 0)
		return 0;
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		t->fd = S_ISDIR(st.st_mode) ? -1 : open(path, O_WRONLY | O_CLOEXEC);
		return t->fd >= 0 ? 0 : S_ISDIR(st.st_mode) ? -EISDIR : -errno;
	}
	if ((size_t)snprintf(t->part, sizeof(t->part), "%s.part.XXXXXX", path) >= sizeof(t->part))
		return -ENAMETOOLONG;
	t->fd = mkostemp(t->part, O_CLOEXEC); /* mode 0600 */
	return t->fd >= 0 ? 0 : -errno;
}

int target_close(struct target *t, bool good)
{
	int err = 0;

	if (t->fd == STDOUT_FILENO)
		return 0;
	if (good && t->part[0] && fsync(t->fd) < 0)
		err = -errno;
	if (close(t->fd) < 0 && !err)
		err = -errno;
	if (t->part[0] && good && !err && rename(t->part, t->path) < 0)
		err = -errno;
	if (t->part[0] && (!good || err))
		(void)unlink(t->part); /* nothing more can be done */
	return err;
}
