/* SPDX-License-Identifier: Apache-2.0 */
/* cri_priv.h - inside cri.h only: the connection (cri.c) and what is asked and answered over it (cri_talk.c). */
#ifndef LIMPID_CONTAINER_CRI_PRIV_H
#define LIMPID_CONTAINER_CRI_PRIV_H

#include "container/cri.h"
#include "container/cri_msg.h"
#include "container/questions.h"
#include "rpc/grpc.h"

#define CRI_LIST_NS (10 * 1000000000ull) /* between two lists of everything */

enum question {
	ASK_NOTHING,
	ASK_VERSION,
	ASK_PODS,
	ASK_CONTAINERS,
	ASK_POD,
	ASK_CONTAINER,
	ASK_STATUS
};

struct cri {
	int ep, timer, fd;
	char path[108];
	bool named;   /* by somebody; "": none is wanted */
	size_t tried; /* of the usual ones */
	bool looked;  /* it was tried once */
	bool old;     /* speaks v1alpha2: containerd before 1.6 */
	struct known *known;
	struct grpc *g;
	enum containers_state state;
	char problem[300], name[32], version[64];
	/* The question that is open. */
	enum question asking;
	char asked_id[65];
	uint64_t asked_ns;
	bool answered;
	enum grpc_status status;
	struct buf answer;
	/* Those to come. */
	bool need_pods, need_containers, listed;
	uint64_t list_ns;  /* when to list again */
	uint64_t again_ns; /* when to look for it again */
	struct questions pods, containers, statuses;
	struct known_list list; /* what has been named since it was begun */
};

/* Asks what is to be asked next, if nothing is being asked.  0, or negative errno of the connection. */
int cri_ask_next(struct cri *c);
/* The question that is open was answered.  Negative errno: whoever is there does not speak CRI. */
int cri_answered(struct cri *c);
struct grpc_hooks cri_hooks(struct cri *c);

#endif
