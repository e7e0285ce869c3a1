/* SPDX-License-Identifier: Apache-2.0 */
/* state.h - what the hub's two threads share: the main thread writes flows, the web thread shows them. */
#ifndef LIMPID_HUB_STATE_H
#define LIMPID_HUB_STATE_H

#include <pthread.h>

#include "hub/agents.h"
#include "hub/capture.h"
#include "hub/hub.h"
#include "hub/list.h"
#include "store/store.h"

enum hub_command_kind {
	COMMAND_CLEAR,
	COMMAND_CAPTURE,
	COMMAND_CAPTURE_PART,
	COMMAND_IMPORT,
	COMMAND_MARK,  /* part: as of marks_apply */
	COMMAND_SAVED, /* part: as of saved_apply */
	COMMAND_TYPES, /* part: as of types_apply */
};
struct hub_command { /* from the web thread to the main thread */
	enum hub_command_kind kind;
	struct capture capture;
	struct buf
		part; /* JSON: what changes of the settings in force when the command's turn comes; or records */
	uint64_t ticket;
	struct hub_command *next;
};
#define HUB_RESULTS 64 /* of the newest commands */

struct hub_state {
	const struct hub_options *o;
	uint64_t started_ns; /* CLOCK_MONOTONIC */
	char boot[33];	     /* another one each time the hub starts */
	int wake_main;	     /* eventfd */

	pthread_mutex_t lock; /* around all that follows */
	struct list list;
	struct agents agents;
	struct capture capture;
	struct buf saved; /* named filters as JSON; empty: none */
	uint64_t saved_version;
	struct buf types; /* a google.protobuf.FileDescriptorSet (types.h); empty: none */
	uint64_t types_version;
	struct store_stats store;
	char store_error[256]; /* "": none */
	uint64_t flows, rejected;
	uint64_t version; /* of what a tick tells besides rows and agents */
	struct hub_command *first, **last;
	uint64_t tickets, done; /* given out; finished */
	int results[HUB_RESULTS];
	unsigned clients; /* tabs */
};

static inline void hub_lock(struct hub_state *st)
{
	(void)pthread_mutex_lock(&st->lock);
}
static inline void hub_unlock(struct hub_state *st)
{
	(void)pthread_mutex_unlock(&st->lock);
}

uint64_t hub_now_ns(void); /* CLOCK_MONOTONIC */
/* o is borrowed.  0; -EIO, -ENOMEM; hub_state_release either way. */
int hub_state_init(struct hub_state *st, const struct hub_options *o);
void hub_state_release(struct hub_state *st);
/* Web thread: hands a command to the main thread; takes over c and part, each may be NULL.  Its ticket; 0: out of
 * memory. */
uint64_t hub_command(struct hub_state *st, enum hub_command_kind kind, struct capture *c,
		     struct buf *part);
void hub_command_free(struct hub_command *cmd);
/* True once it is done; *ret_result is 0 or negative errno. */
bool hub_command_done(struct hub_state *st, uint64_t ticket, int *ret_result);

#endif
