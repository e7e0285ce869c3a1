/* SPDX-License-Identifier: Apache-2.0 */
/* list.h - the summaries of the newest flows, in memory, in the order of their arrival.
 *
 * A place (pos) is the count of rows that came before; it names a row for as long as the row is kept.
 * Not locked: the hub has one lock around it.
 */
#ifndef LIMPID_HUB_LIST_H
#define LIMPID_HUB_LIST_H

#include "flow/flow.h"
#include "hub/intern.h"
#include "hub/tally.h"

#define LIST_TARGET_MAX 4096 /* bytes kept of a target */
#define ROW_TARGET_MAX	1024 /* bytes of it sent in a row */
#define ROW_NO_DURATION UINT64_MAX

enum row_bit { ROW_FAILED = 1, ROW_CUT = 2, ROW_HAS_REQ = 4, ROW_HAS_RESP = 8, ROW_UNIX = 16 };

struct row {
	uint64_t n; /* the store's number */
	int64_t ts_ns;
	uint64_t dur_ns, req_len, resp_len;
	uint8_t id[16];
	/* Numbers in strings; of client and server in blobs. */
	uint32_t proto, op, target, status, reason, host, req_type, resp_type;
	uint32_t client, server, tls;
	uint32_t conn;		 /* the connection's number, its low bits */
	uint32_t trace, request; /* flow/trace.h */
	uint32_t rows;		 /* of a statement: rows sent, or else affected */
	uint32_t mark; /* in strings: colour, pin and note (tally.h); 0: none */
	uint16_t cport, sport, flags;
	uint8_t state, bits;
};

struct list {
	struct intern strings, blobs; /* blobs: ends of connections */
	struct row **chunks;
	size_t nchunks;
	uint64_t base, end; /* places kept: [base, end) */
	uint64_t version;   /* grows with every change */
	/* Places that changed, the newest LIST_CHANGES of them; nchanges counts from the start. */
	uint64_t *changes, nchanges;
	size_t max_rows, max_bytes;
	struct tally tally; /* of the rows kept */
	/* Pinned flows that gave way, for whoever calls to put them back with a new number; at most LIST_RESCUED. */
	uint8_t (*rescued)[16];
	size_t nrescued;
};
#define LIST_RESCUED 1000
#define LIST_CHANGES 16384

/* max_bytes bounds the memory held, about. */
int list_init(struct list *l, size_t max_rows, size_t max_bytes);
/* A number that is not known is added at the end, else its row is changed.  Rows at the front give way.
 * 0; -ENOMEM; -ESTALE: a number before the first one kept. */
int list_put(struct list *l, uint64_t n, const struct flow *f);
/* What people noted beside row n: of the row that has it, and of its later writes.  0; -ENOENT; -ENOMEM. */
int list_mark(struct list *l, uint64_t n, const struct flow_mark *m);
/* The same of one row, which is not counted (tally.h) meanwhile. */
int list_set_mark(struct list *l, struct row *r, const struct flow_mark *m);
/* False: nothing.  The note is borrowed from the row. */
bool row_mark(const struct list *l, const struct row *r, struct flow_mark *ret);
void list_drop_below(struct list *l, uint64_t n); /* rows with a lower number */
void list_clear(struct list *l);
/* The row at a place in [base, end), until the next change. */
const struct row *list_at(const struct list *l, uint64_t pos);
/* The place of the first row whose number is at least n; end when there is none. */
uint64_t list_place(const struct list *l, uint64_t n);
size_t list_bytes(const struct list *l);
void list_release(struct list *l);

/* The row as a flow, as far as it is known here; pointers live as long as the row.  Its conn.id has 32 bits only. */
struct row_flow {
	struct flow flow;
	struct flow_conn conn;
	struct flow_tls tls;
	struct flow_attr host;
	struct flow_mark mark;
};
void row_flow(const struct list *l, const struct row *r, struct row_flow *ret);
/* The same for many rows in turn, at a third of the cost: ends that come again are not taken apart again.  Begins as
 * zeros; good until the list changes. */
#define READER_PEERS 256
struct row_reader {
	struct row_flow rf;
	uint32_t tls; /* what rf.tls was made of */
	struct reader_peer {
		uint32_t id; /* 0: none */
		struct flow_peer peer;
		const char *path;
	} peers[READER_PEERS];
};
/* Borrowed until the next call. */
const struct flow *row_read(struct row_reader *rd, const struct list *l, const struct row *r);
/* The best name known of an end, `src` or `dst` of a row: container, else process, else path or address. */
void row_name(const struct flow_peer *p, const char *path, char *ret, size_t n);
/* One row of docs/api.md.  r NULL: a row that was evicted. */
void row_json(struct buf *out, const struct list *l, const struct row *r);
/* The end of a connection that a blob stands for, without its port; *ret_path: of the unix socket.  Pointers live as long
 * as the row. */
void list_peer(const struct list *l, uint32_t blob, struct flow_peer *ret, const char **ret_path);
/* The container id of a blob that is an end of a connection, or NULL. */
const char *list_container_id(const struct list *l, uint32_t blob);

#endif
