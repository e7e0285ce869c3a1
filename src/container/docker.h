/* SPDX-License-Identifier: Apache-2.0 */
/* docker.h - inside src/container: the conversation with Docker's socket, or podman's. */
#ifndef LIMPID_CONTAINER_DOCKER_H
#define LIMPID_CONTAINER_DOCKER_H

#include "container/known.h"

struct docker;

/* socket as for containers_new; known is borrowed and told everything.  NULL: out of memory or descriptors. */
struct docker *docker_new(const char *socket, struct known *known);
int docker_fd(const struct docker *d); /* an epoll descriptor */
int docker_poll(struct docker *d);     /* as containers_poll */
/* Asks who that container is; its `asked` is set when there will be an answer. */
void docker_ask(struct docker *d, struct container *e);
void docker_engine(const struct docker *d, struct containers_engine *ret);
void docker_free(struct docker *d); /* d may be NULL */

#endif
