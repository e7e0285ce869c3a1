/* SPDX-License-Identifier: Apache-2.0 */
/* agent_msg.h - what an agent says, encoded as limpid.v1.AgentMessage (api/limpid.proto). */
#ifndef LIMPID_SINK_AGENT_MSG_H
#define LIMPID_SINK_AGENT_MSG_H

#include "sink/collector.h"

/* Each replaces what is in out.  0, -ENOMEM (out is empty then). */
int agent_msg_hello(struct buf *out, const struct collector_options *o);
int agent_msg_containers(struct buf *out, const struct collector_container *list, size_t n,
			 const char *runtime);
int agent_msg_health(struct buf *out, const struct collector_fact *facts, size_t nfacts,
		     const struct collector_counter *counters, size_t ncounters,
		     const struct collector_ledger *tls);

/* A batch is written by hand, so that flows are encoded once, where they stay until acknowledged.
 *   AgentMessage.batch { Batch.seq, Batch.flows ... }
 * head: all that comes before the flows, which take `flows` bytes. */
#define AGENT_BATCH_HEAD_MAX 32
size_t agent_batch_head(uint8_t ret[AGENT_BATCH_HEAD_MAX], uint64_t seq, size_t flows);
/* Appends one element of Batch.flows.  0; -ENOMEM, -EMSGSIZE: over max bytes; out is as it was. */
int agent_batch_flow(struct buf *out, const struct flow *f, size_t max);

#endif
