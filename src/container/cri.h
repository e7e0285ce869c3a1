/* SPDX-License-Identifier: Apache-2.0 */
/* cri.h - inside src/container: the conversation with what Kubernetes runs its containers with. */
#ifndef LIMPID_CONTAINER_CRI_H
#define LIMPID_CONTAINER_CRI_H

#include "container/known.h"

struct cri;

/* socket as for containers_new; known is borrowed and told everything.  NULL: out of memory or descriptors. */
struct cri *cri_new(const char *socket, struct known *known);
int cri_fd(const struct cri *c); /* an epoll descriptor */
void cri_poll(struct cri *c);	 /* never blocks */
/* Asks who that container is; its `asked` is set when there will be an answer. */
void cri_ask(struct cri *c, struct container *e);
void cri_engine(const struct cri *c, struct containers_engine *ret);
void cri_free(struct cri *c); /* c may be NULL */

#endif
