/* SPDX-License-Identifier: Apache-2.0 */
/* docker_json.h - what the Docker Engine API says, as struct container. */
#ifndef LIMPID_CONTAINER_DOCKER_JSON_H
#define LIMPID_CONTAINER_DOCKER_JSON_H

#include "base/bytes.h"
#include "container/container.h"

enum docker_action {
	DOCKER_OTHER,  /* nothing to do */
	DOCKER_CREATE, /* id, name, image, project, service are filled */
	DOCKER_START,  /* the same; ask for pid and addresses */
	DOCKER_LOOK,   /* something else changed: ask again */
	DOCKER_DIE,
	DOCKER_DESTROY,
};

/* Answer of /containers/json.  fn is called for each.  Number of containers; -EBADMSG. */
int docker_list(struct slice json, void (*fn)(void *ctx, const struct container *c), void *ctx);
/* Answer of /containers/ID/json; the times and the cgroup stay 0.  0; -EBADMSG. */
int docker_inspect(struct slice json, struct container *ret);
/* One line of /events.  0; -EBADMSG. */
int docker_event(struct slice json, enum docker_action *ret_action, struct container *ret);
/* Answer of /version: "20.10.24".  0; -EBADMSG. */
int docker_version(struct slice json, char *ret, size_t n);

#endif
