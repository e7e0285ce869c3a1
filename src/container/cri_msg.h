/* SPDX-License-Identifier: Apache-2.0 */
/* cri_msg.h - the messages of the Container Runtime Interface that are needed, as struct container.  Pure functions.
 *
 * Source of the field numbers: Kubernetes' k8s.io/cri-api, runtime/v1 (those of v1alpha2 are the same).
 */
#ifndef LIMPID_CONTAINER_CRI_MSG_H
#define LIMPID_CONTAINER_CRI_MSG_H

#include "base/bytes.h"
#include "container/container.h"

/* Requests.  That for everything in a list is empty. */
void cri_ask_one(struct buf *out, const char *id);    /* of either list: that one */
void cri_ask_status(struct buf *out, const char *id); /* PodSandboxStatus */

/* Answers.  Each -EBADMSG when it is no such message; strings over the limits are cut, entries without a sound id left
 * out. */
int cri_version(struct slice msg, char *ret_name, size_t nname, char *ret_version, size_t nversion);
/* of_pod: the id of its sandbox.  Number of containers. */
typedef void (*cri_fn)(void *ctx, const struct container *c, const char *of_pod);
int cri_containers(struct slice msg, cri_fn fn, void *ctx);
int cri_sandboxes(struct slice msg, cri_fn fn, void *ctx); /* of_pod: its own id */
/* Id and addresses of a sandbox; none when it lives in the host's network. */
int cri_sandbox_status(struct slice msg, struct container *ret);

#endif
