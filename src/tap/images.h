/* SPDX-License-Identifier: Apache-2.0 */
/* images.h - the file systems of containers, looked into when they are mounted: before the container's first process runs.
 *
 * Docker mounts a container's file system (an overlay) some tens of milliseconds before it starts its first process;
 * containerd and podman work alike.  The libraries in it are few directories away, and are nearly always files of a layer that other containers
 * use already.  What is found at unusual places is found when it is mapped.
 */
#ifndef LIMPID_TAP_IMAGES_H
#define LIMPID_TAP_IMAGES_H

#include <stddef.h>
#include <stdint.h>

/* A file that may have a TLS library in it, by its place, name and size: fd (O_PATH, borrowed) is open on it, process pid sees it at
 * path, and those in the container at the end of that, shown. */
typedef void (*images_fn)(void *ctx, uint32_t pid, const char *path, const char *shown, int fd);

struct images;
/* Watches the mounts of the machine, or those that we can see.  0; negative errno. */
int images_new(struct images **ret, images_fn fn, void *ctx);
int images_fd(const struct images *m); /* an exceptional condition (EPOLLPRI): call images_look */
/* Looks into each file system that was mounted since; the first time into all there are.  How many. */
size_t images_look(struct images *m);
/* The same for one directory, as if it were the root of a container's file system: for tests. */
void images_look_into(const char *dir, images_fn fn, void *ctx);
void images_free(struct images *m); /* NULL is fine */

#endif
