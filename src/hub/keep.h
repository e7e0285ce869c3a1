/* SPDX-License-Identifier: Apache-2.0 */
/* keep.h - batches of flows on their way from the agents to the store and the list.
 *
 * A batch and its number go into one transaction, so that one that comes twice changes nothing, and an agent hears
 * of it only when it is durable.  While the store cannot be written everything waits here: the
 * agents are not answered, so they send only a little more and keep the rest.
 */
#ifndef LIMPID_HUB_KEEP_H
#define LIMPID_HUB_KEEP_H

#include "hub/state.h"

#define KEEP_ROWS	1000		     /* commit at so many flows */
#define KEEP_NS		UINT64_C(50000000)   /* or so long after the last commit: what comes alone is stored at once */
#define KEEP_RETRY_NS	UINT64_C(1000000000) /* after a failure */
#define KEEP_BYTES_MAX	(64u << 20) /* of flows that wait; then an agent has to come again */
#define KEEP_AGENTS_MAX 256	    /* whose numbers are remembered */

struct keep;
struct keep_hooks {
	void (*stored)(void *ctx, const char *agent_id, uint64_t seq); /* acknowledge */
	void *ctx;
};

/* Borrows store and st until keep_close.  0; negative errno. */
int keep_open(struct keep **ret, struct hub_state *st, const struct store_ops *ops,
	      struct store *store, const struct keep_hooks *h);
/* The highest batch of this agent that is stored; from now on what it sends is taken. */
uint64_t keep_hello(struct keep *k, const char *agent_id);
/* One of the batch to come: a limpid.v1.Flow.  What is none shows when it is stored, and counts as rejected (state.h), as
 * does one that would need much more memory than its size. */
void keep_flow(struct keep *k, struct slice packed);
void keep_batch_end(struct keep *k, const char *agent_id, uint64_t seq);
/* Commits what is due, now or later.  0; -EUCLEAN: the database turned out damaged: close everything and open
 * again; other failures are kept in st->store_error and tried again. */
int keep_run(struct keep *k, uint64_t now_ns, bool all);
uint64_t
keep_due_ns(const struct keep *k); /* when keep_run has something to do; UINT64_MAX: never */
/* How many records (hub/transfer.h) there are; false: something else is. */
bool keep_count(struct slice records, uint64_t *ret_n);
/* Stores records as of hub/transfer.h at once.  0; -EAGAIN: what waits cannot be stored now; -EIO: these could not, st->store_error
 * says why; -ENOMEM; -EINVAL: no records; -EUCLEAN as keep_run.  Nothing of them waits afterwards. */
int keep_import(struct keep *k, struct slice records);
/* Everything stored is deleted. */
int keep_clear(struct keep *k);
/* Written with the next commit. */
void keep_capture(struct keep *k);
/* What waits and is not stored is lost; the agents have it still. */
void keep_close(struct keep *k);

#endif
