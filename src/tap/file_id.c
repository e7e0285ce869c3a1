/* SPDX-License-Identifier: Apache-2.0 */
#include "tap/file_id.h"

#include <errno.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "event.h"

/* FNV-1a over words, with a mix in between. */
static uint64_t hash(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x100000001b3;
	return h ^ h >> 29;
}

uint64_t file_name_key(uint64_t dev, uint64_t ino, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	uint64_t h = hash(hash(0xcbf29ce484222325, dev), ino);

	for (size_t i = 0; name[i] && i < EV_NAME_LEN - 1; i++) /* as EV_MAP cuts it */
		h = hash(h, (uint8_t)name[i]);
	return h;
}

uint64_t file_id_key(const struct file_id *id)
{
	uint64_t h = hash(hash(0x9ae16a3b2f90404f, id->dev), id->ino);

	return hash(hash(hash(h, id->size), id->mtime_ns), id->ctime_ns);
}

bool file_id_equal(const struct file_id *a, const struct file_id *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size && a->mtime_ns == b->mtime_ns &&
	       a->ctime_ns == b->ctime_ns;
}

int file_id_of(int fd, struct file_id *ret)
{
	struct statfs fs;
	struct stat st;

	if (fstat(fd, &st) != 0 || fstatfs(fd, &fs) != 0)
		return -errno;
	*ret = (struct file_id){
		.dev = fs.f_type == OVERLAYFS_SUPER_MAGIC ? 0 : st.st_dev,
		.ino = st.st_ino,
		.size = (uint64_t)st.st_size,
		.mtime_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000 + (uint64_t)st.st_mtim.tv_nsec,
		.ctime_ns = (uint64_t)st.st_ctim.tv_sec * 1000000000 + (uint64_t)st.st_ctim.tv_nsec,
	};
	return 0;
}
