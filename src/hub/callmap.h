/* SPDX-License-Identifier: Apache-2.0 */
/* callmap.h - who calls whom: rows summed up by client, server and protocol (GET /api/map, docs/api.md). */
#ifndef LIMPID_HUB_CALLMAP_H
#define LIMPID_HUB_CALLMAP_H

#include "hub/aggregate.h"
#include "hub/job.h"

#define CALLMAP_NODES_MAX     1000  /* told; the rest, those with the fewest flows, are one node */
#define CALLMAP_ADDRESSES_MAX 24    /* of these: ends of which nothing but the address is known */
#define CALLMAP_NODES_KEPT    8192  /* while rows are counted; flows of further ends go to that node at once */
#define CALLMAP_EDGES_MAX     4000  /* told: those with the most flows */
#define CALLMAP_EDGES_KEPT    8192  /* while rows are counted */

/* NULL: out of memory.  nodes: how many at most, at least 1. */
struct job *callmap_new(enum aggregate_by by, size_t nodes);

#endif
