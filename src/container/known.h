/* SPDX-License-Identifier: Apache-2.0 */
/* known.h - inside src/container: what the engines say of containers, put together and told. */
#ifndef LIMPID_CONTAINER_KNOWN_H
#define LIMPID_CONTAINER_KNOWN_H

#include "container/entries.h"

struct known {
	struct entries entries;
	container_fn changed;
	void *ctx;
};

uint64_t known_now_ns(void); /* CLOCK_MONOTONIC */
/* Merges what that engine said about one container and tells when something is new.  An engine that has answered
 * is no longer asked (struct container.asked). */
void known_learn(struct known *k, const struct container *from, enum containers_which engine);
/* That engine does not know it any more; one that another told of, or nobody, stays.  e may be NULL. */
void known_vanished(struct known *k, struct container *e, enum containers_which engine);
/* That engine has no better name for it, or will not answer.  e may be NULL. */
void known_give_up(struct known *k, struct container *e, enum containers_which engine);
void known_give_up_all(struct known *k, enum containers_which engine);

/* Looks through /proc for the cgroups of running containers whose engine did not tell them. */
void known_find_cgroups(struct known *k);

/* The containers of one list, so that what is missing in it can be found. */
struct known_list {
	struct known *k;
	enum containers_which engine;
	struct map seen; /* entries that the list named */
};
void known_list_has(struct known_list *l, const char *id);
void known_list_end(struct known_list *l); /* what it did not name has vanished; releases */

#endif
