/* SPDX-License-Identifier: Apache-2.0 */
/* hold.h - finished flows that wait a moment for the name of a container that has just begun to exist.
 *
 * A container may live for less time than Docker takes to tell its name.  Its flows are copied, wait up
 * to HOLD_NS, and get the name when it comes.
 */
#ifndef LIMPID_CMD_HOLD_H
#define LIMPID_CMD_HOLD_H

#include "cmd/names.h"

#define HOLD_NS	   200000000ull
#define HOLD_BYTES (16u << 20) /* of copies */

struct hold;

/* out gets the flows when their time has come; names and out's context are borrowed. */
struct hold *hold_new(const struct names *names, flow_fn out, void *ctx);
/* A socket at addr and port (without an address, one of process pid) belongs to a cgroup that has no name yet; with
 * cgroup_id 0, it is known by its address only, whose last owner is gone. */
void hold_unnamed(struct hold *h, const uint8_t addr[16], uint16_t port, uint32_t pid,
		  uint64_t cgroup_id);
/* The names of an end, by its cgroup or, with cgroup_id 0, by its address.  False: it has none, or none yet; then its flows
 * wait, and *ret_ask says whether its cgroup is to be asked for. */
bool hold_names(struct hold *h, uint64_t cgroup_id, const uint8_t addr[16], uint16_t port, uint32_t pid,
		struct conn_names *ret, bool *ret_ask);
/* Passes f on: at once when it is open, or named, or there is no room; else later. */
void hold_flow(struct hold *h, const struct flow *f, uint64_t now_ns);
/* Passes on what got its name or waited long enough. */
void hold_tick(struct hold *h, uint64_t now_ns);
bool hold_waits(const struct hold *h);
void hold_free(struct hold *h); /* passes on what is left */

#endif
