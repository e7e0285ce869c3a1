/* SPDX-License-Identifier: Apache-2.0 */
/* exchange.h - what both ends of limpid.v1.Collector/Exchange agree on, beside api/limpid.proto. */
#ifndef LIMPID_RPC_EXCHANGE_H
#define LIMPID_RPC_EXCHANGE_H

#define EXCHANGE_PATH "/limpid.v1.Collector/Exchange"
#define EXCHANGE_PORT 50052
/* Of one AgentMessage.  A batch is closed at about 1 MiB, but one flow may hold two bodies of 64 MiB
 * less some headers. */
#define EXCHANGE_MESSAGE_MAX (128u << 20)
/* Of one HubMessage. */
#define EXCHANGE_REPLY_MAX (1u << 20)

#endif
