/* SPDX-License-Identifier: Apache-2.0 */
/* What is found out about programs and libraries before anybody uses them. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>

#include "base/log.h"
#include "tap/images.h"
#include "tap/tap_priv.h"

#define DESCRIPTORS 16384

static void file_of_image(void *ctx, uint32_t pid, const char *path, const char *shown, int fd)
{
	struct tap *t = ctx;

	tls_watch_file(t->tls, pid, path, shown, fd);
}

static int watch_images(struct tap *t)
{
	struct epoll_event ev = { .events = EPOLLPRI | EPOLLERR };
	int err = images_new(&t->images, file_of_image, t);

	if (err)
		return err;
	ev.data.fd = images_fd(t->images);
	return epoll_ctl(t->ep, EPOLL_CTL_ADD, ev.data.fd, &ev) < 0 ? -errno : 0;
}

/* A library takes some descriptors: its layer, and a link or more for its probes.  Not more than can be had: then the last
 * ones cannot be probed, which is said of them. */
static void want_descriptors(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur >= DESCRIPTORS)
		return;
	r.rlim_cur = r.rlim_max < DESCRIPTORS ? r.rlim_max : DESCRIPTORS;
	(void)setrlimit(RLIMIT_NOFILE, &r); /* as it was, then */
}

void tap_discovery_begin(struct tap *t)
{
	int err;

	want_descriptors();
	err = t->o.cache_dir ? tls_watch_cache(t->tls, t->o.cache_dir) : 0;
	if (err)
		log_info("what is found in programs is not kept for the next start in %s: %s",
			 t->o.cache_dir, strerror(-err));
	(void)tls_watch_scan(t->tls); /* what failed is said in its facts */
	err = watch_images(t);
	if (err)
		log_info("the file systems of containers cannot be looked into before they are "
			 "used: %s",
			 strerror(-err));
	else
		(void)images_look(t->images);
}

bool tap_discovery_event(struct tap *t, int fd)
{
	if (!t->images || fd != images_fd(t->images))
		return false;
	(void)images_look(t->images);
	return true;
}
