/* SPDX-License-Identifier: Apache-2.0 */
/* aggregate.h - what the sums over many rows (map, metrics) share: how an end of a connection is called, durations as
 * histograms, numbers of the list remembered.
 */
#ifndef LIMPID_HUB_AGGREGATE_H
#define LIMPID_HUB_AGGREGATE_H

#include "hub/list.h"

/* --- durations ------------------------------------------------------------------------------------------------- */

/* Thirty-two buckets for each doubling from 1 us on; a percentile is the end of its bucket, so at most 3.2 % too high. */
#define HIST_BUCKETS 1058
struct hist {
	uint32_t n[HIST_BUCKETS];
	uint64_t total, max_ns;
};
unsigned hist_bucket(uint64_t ns);
void hist_add(struct hist *h, uint64_t ns);
void hist_merge(struct hist *h, const struct hist *from);
/* The smallest duration that so many in a thousand do not exceed, or up to 3.2 % more; 0 when there is none. */
uint64_t hist_percentile(const struct hist *h, unsigned per_mille);
/* `"p50":1,"p95":2,"p99":3,"max":4` in ns; null without any. */
void hist_json(struct buf *out, const struct hist *h);

/* Whether how long flows of this protocol took is a latency: conversations and connections last as long as they are
 * wanted. */
bool aggregate_timed(const char *proto);

/* --- who ------------------------------------------------------------------------------------------------------- */

enum aggregate_by { BY_SERVICE, BY_CONTAINER, BY_PROJECT, BY_NAMESPACE };
/* "service", ...; NULL is BY_SERVICE.  False: there is no such. */
bool aggregate_by_parse(const char *s, enum aggregate_by *ret);

enum end_kind { END_SERVICE, END_CONTAINER, END_PROJECT, END_NAMESPACE, END_PROCESS, END_HOST, END_ADDRESS, END_SOCKET, END_UNKNOWN, END_OTHERS };
const char *end_kind_name(enum end_kind k);

/* How an end is called.  Pointers are borrowed from the row, or from room. */
struct end {
	enum end_kind kind;
	const char *name;
	const char *group; /* Compose project, else Kubernetes namespace; "": neither */
	char room[FLOW_NAME_MAX];
};
/* server: it is that end; host: what the request was for, "" or NULL when not known. */
void end_name(struct end *ret, enum aggregate_by by, const struct flow_peer *p, const char *path, bool server,
	      const char *host);

/* --- which come first ------------------------------------------------------------------------------------------ */

struct aggregate_rank {
	uint64_t flows;
	uint32_t id; /* the caller's: of a node, of a group */
};
/* Those with the most flows first; among equals the lower id, so that answers do not change by themselves. */
void aggregate_rank(struct aggregate_rank *list, size_t n);

/* --- what numbers of the list stand for ------------------------------------------------------------------------ */

/* Good for as long as nothing in the list changes: then all is forgotten. */
struct memo { /* zero-initialise before the first use */
	uint32_t *value, *when;
	size_t n;
	uint32_t now;
	uint64_t version;
};
/* 0: not known.  id 0 is never known. */
uint32_t memo_get(struct memo *m, const struct list *l, uint32_t id);
void memo_put(struct memo *m, uint32_t id, uint32_t value); /* after a memo_get; without memory: not remembered */
void memo_release(struct memo *m);

/* --- when ------------------------------------------------------------------------------------------------------ */

/* The time that sums over a range are of, in Unix time: from the first flow that is known in the range; to the range's end, or to
 * now (or the last flow's end, if an agent's clock is ahead), or without a range to the end of the last flow counted.  At least a
 * millisecond. */
struct aggregate_span {
	int64_t from_ns, to_ns;
};
struct job;
/* A row's first byte and its last, as far as it is known; within 1970 to 2096, whatever an agent says. */
int64_t aggregate_begin_ns(const struct row *r);
int64_t aggregate_end_ns(const struct row *r);
struct aggregate_span aggregate_span(const struct job *j, int64_t last_ns);

#endif
