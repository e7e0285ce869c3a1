/* SPDX-License-Identifier: Apache-2.0 */
/* metrics.h - throughput, failures and latency over time: the rows of a range summed up by what they have in common
 * (GET /api/metrics, docs/api.md). */
#ifndef LIMPID_HUB_METRICS_H
#define LIMPID_HUB_METRICS_H

#include "hub/aggregate.h"
#include "hub/job.h"

#define METRICS_POINTS_MAX  240
#define METRICS_SERIES_MAX  12	  /* groups told over time: those with the most flows */
#define METRICS_GROUPS_MAX  500	  /* told at all */
#define METRICS_GROUPS_KEPT 8192  /* while rows are counted; flows of further groups are together in one */

/* What flows are put together by: the server, the client, server and kind of request (shape.h), protocol, status. */
enum metrics_by { METRICS_BY_SERVICE, METRICS_BY_CLIENT, METRICS_BY_ENDPOINT, METRICS_BY_PROTO, METRICS_BY_STATUS };
/* "service", ...; NULL is METRICS_BY_SERVICE.  False: there is no such. */
bool metrics_by_parse(const char *s, enum metrics_by *ret);
/* NULL: out of memory.  points: at most so many of time, 4 or more; series: groups told over time. */
struct job *metrics_new(enum metrics_by by, size_t points, size_t series);

#endif
