/* SPDX-License-Identifier: Apache-2.0 */
/* tally.h - how many rows of the list are of which kind, kept up to date row by row, so that no tick has to count. */
#ifndef LIMPID_HUB_TALLY_H
#define LIMPID_HUB_TALLY_H

#include "base/bytes.h"

#define TALLY_PROTOS 32

struct row;
struct list;
/* Of each the condition of the same name in the filter language. */
struct tally {
	uint64_t error, slow, pending, tls, marked, noted, pinned;
	struct tally_proto {
		uint32_t proto; /* number of the string */
		uint64_t rows;
	} protos[TALLY_PROTOS]; /* rows of further protocols are not counted by protocol */
	size_t nprotos;
};

/* Counts a row in (by: 1) or out (-1), as it is now. */
void tally_row(struct list *l, const struct row *r, int by);
/* `{"error":N,...,"protos":{"http1":N}}` of docs/api.md. */
void tally_json(const struct list *l, struct buf *out);

#endif
