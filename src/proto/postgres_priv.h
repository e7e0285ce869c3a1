/* SPDX-License-Identifier: Apache-2.0 */
/* postgres_priv.h - between the parts of the PostgreSQL parser: framing, the client's side, the server's, names.
 *
 * What the client asks becomes units, in a queue; the server's messages are read against its head.  A unit is what
 * becomes one flow (or none: the Close of a portal), so an answer is a unit's, not a message's.
 */
#ifndef LIMPID_PROTO_POSTGRES_PRIV_H
#define LIMPID_PROTO_POSTGRES_PRIV_H

#include "base/list.h"
#include "base/map.h"
#include "proto/postgres_value.h"
#include "proto/proto.h"
#include "proto/sql.h"

#define PG_HEADER      5
#define PG_SMALL       16384 /* a message up to here is waited for; a longer one is taken as it comes */
#define PG_UNITS_MAX   16384
#define PG_COLUMNS_MAX 4096

/* --- names: statements and portals (postgres_names.c) --- */

/* Which columns are binary. */
struct pg_formats {
	bool known, binary; /* binary: all, where bits is NULL */
	uint32_t n;	    /* of bits */
	uint8_t *bits;	    /* owned */
};

struct pg_column {
	uint32_t type;
	bool binary;
};

struct pg_columns {
	uint32_t n;
	const struct pg_column *list;
	const char *names, *types; /* JSON arrays */
};

struct pg_named {
	struct link lru;
	uint64_t hash, serial;
	size_t held;
	struct arena *a;
	struct slice name;
	struct slice
		text; /* the statement's; of a portal: p NULL when it is to be found by its statement */
	uint64_t text_len; /* before it was cut */
	bool stale;	   /* bytes of the client were lost since: it may have been replaced */
	/* Of a statement. */
	uint32_t ntypes, *types;   /* of its parameters; 0: not known */
	struct pg_columns columns; /* list NULL: not described */
	/* Of a portal. */
	uint64_t stmt_hash, stmt_serial;
	struct pg_formats formats;
};

struct pg_table {
	struct map by_name;
	struct link lru;
	size_t n, held, max_n, max_held;
};

void pg_table_init(struct pg_table *t, size_t max_n, size_t max_held);
struct pg_named *pg_named_find(struct pg_table *t, struct slice name); /* or NULL */
/* The same, if it is still the one with that serial. */
struct pg_named *pg_named_at(struct pg_table *t, uint64_t hash, uint64_t serial);
/* In place of what had the name; the least recently used gives way.  NULL: no memory, and the name is unknown then. */
struct pg_named *pg_named_put(struct pg_table *t, struct slice name, uint64_t serial);
void pg_named_grew(struct pg_table *t, struct pg_named *s); /* its arena got more */
void pg_named_drop(struct pg_table *t, struct slice name);
void pg_table_stale(struct pg_table *t); /* all of them; the unnamed one is dropped */
void pg_table_release(struct pg_table *t);

void pg_formats_release(struct pg_formats *f);
/* False: no memory; then f is not known. */
bool pg_formats_copy(struct pg_formats *f, const struct pg_formats *from);
enum pg_format pg_formats_of(const struct pg_formats *f, uint32_t column);

/* --- units --- */

enum pg_kind {
	PG_SSL,
	PG_GSS,
	PG_STARTUP,
	PG_QUERY,
	PG_CALL, /* FunctionCall */
	PG_UNIT, /* messages of the extended protocol, up to an Execute */
	PG_SYNC, /* key 0: it has no flow */
	PG_LOST, /* here bytes of the client were lost */
};

struct pg_unit {
	enum pg_kind kind;
	bool silent, exec, describes;
	bool parses;   /* in it is a Parse */
	uint32_t acks; /* answers to messages other than Execute that are still to come */
	uint64_t key;
	uint64_t time_ns; /* of its first byte */
	uint64_t stmt_hash, stmt_serial;
	struct pg_formats formats;
};

struct pg_queue {
	struct pg_unit *list;
	size_t first, n, cap; /* a ring */
};

/* --- state --- */

struct pg_in { /* one message; body may be less than len */
	uint8_t type;
	struct slice body;
	uint64_t len, time_ns;
	bool holed;
};

struct pg_dir {
	bool in_long;
	uint8_t type;
	struct buf text; /* of a long message: what is kept */
	uint64_t len, left, time_ns;
	size_t keep;
	bool holed;
	bool seen;    /* something was parsed */
	bool gap;     /* bytes were lost in this direction at some time */
	bool give_up; /* what is unfinished is to be given out */
	bool astray;  /* since then no message's start was found */
};

/* What the client's messages since the last unit make. */
struct pg_build {
	bool on, parse, bind, shown;
	const char *op, *target;
	struct arena *a;
	struct pg_unit unit;
	struct slice stmt, portal; /* names, in a */
	struct sql_attrs attrs;
	unsigned flags;
};

struct pg_copy { /* what the client copies in */
	bool on, oneway, full;
	struct msg msg;
};

struct pg_answer {
	bool on, orphan, ended, failed, has_columns, has_affected;
	struct arena *a;
	struct sql_attrs attrs;
	struct pg_columns columns;
	const char *status, *reason;
	const struct flow_attr *headers;
	size_t nheaders;
	unsigned flags, results, notices;
	uint64_t affected, lead; /* lead: rows of the results before this one */
	struct flow_body copied;
	bool copies, streams;
};

struct pg {
	const struct proto_limits *limits;
	struct pg_dir dir[2];
	bool typed; /* the client sends typed messages: the startup is over */
	bool begun; /* the startup was seen */
	struct pg_queue queue;
	struct pg_table stmts, portals;
	uint64_t serial, orphans;
	bool since_sync; /* the client sent something since its last Sync */
	struct pg_build build;
	struct pg_copy copy;
	struct pg_answer answer;
	struct sql_rows rows;
	struct sql_list names, types, params;
	struct buf scratch;
	bool copies_in; /* the server waits for CopyData */
	bool forgot;	/* memory was short for a name */
	bool skipping;	/* after an error, up to the Sync */
	bool unsure;	/* which unit the server answers is not known */
	bool quiet; /* unsure, and a ReadyForQuery was seen at ready_ns with nothing asked since */
	bool pipelined; /* this client was seen to send before it had its ReadyForQuery */
	uint64_t ready_ns;
	uint64_t both; /* key of the unit that turned the connection into a stream; 0: none */
	bool done[2];  /* with it, by enum side */
};

enum pg_did {
	PG_TAKEN, /* nothing to give */
	PG_BREAK, /* the same, and the next message's time matters */
	PG_MSG,	  /* *out is filled */
	PG_AGAIN, /* *out is filled; the message was not taken, and is to come again */
	PG_BAD,
	PG_STOP, /* *out is filled, the rest is another protocol's */
};

/* The client's side (postgres_front.c) and the server's (postgres_back.c, postgres_answer.c): one message each. */
enum pg_did pg_front(struct pg *p, const struct pg_in *in, struct msg *out);
enum pg_did pg_startup(struct pg *p, const struct pg_in *in, struct msg *out);
enum pg_did pg_back(struct pg *p, const struct pg_in *in, struct msg *out);
enum pg_did pg_back_byte(struct pg *p, uint8_t byte,
			 struct msg *out); /* to SSLRequest and the like */
/* How much of a long message is worth keeping. */
size_t pg_front_keep(const struct pg *p, uint8_t type);
size_t pg_back_keep(const struct pg *p, uint8_t type);
/* Gives out what is unfinished.  False: nothing. */
bool pg_front_end(struct pg *p, enum proto_end how, struct msg *out);
bool pg_back_end(struct pg *p, enum proto_end how, struct msg *out);
void pg_front_lost(struct pg *p);
void pg_back_lost(struct pg *p);

/* Requests (postgres_front.c): what one may take, and one that is whole in itself; takes over a, which may be NULL. */
unsigned
pg_unknown(const struct pg *p); /* the flag for what is not known: made before, lost, forgotten; 0: by no message */
size_t pg_arena_bytes(const struct pg *p);
void pg_give(struct pg *p, struct arena *a, const char *op, const char *target, uint64_t key,
	     const struct sql_attrs *t, unsigned flags, struct msg *out);

/* postgres_text.c.  A statement as a flow shows it: as sql_statement, without passwords. */
const char *pg_statement(struct pg *p, struct arena *a, struct slice text, uint64_t len,
			 struct sql_attrs *t, unsigned *flags);
bool pg_copies_in(struct slice statement); /* does it begin with COPY, and say STDIN? */
enum pg_did pg_copy_data(struct pg *p, const struct pg_in *in, struct msg *out);
enum pg_did pg_copy_end(struct pg *p, const struct pg_in *in, struct msg *out);
enum pg_did pg_copy_give(struct pg *p, bool taken, struct msg *out);
/* A message of a stream: replication's, of either side. */
enum pg_did pg_stream_end(struct pg *p, enum side side, struct msg *out);
enum pg_did pg_stream(struct pg *p, const struct pg_in *in, struct msg *out);

/* The queue (postgres_queue.c). */
bool pg_ask(struct pg *p,
	    struct pg_unit *u); /* takes over u->formats; false: no memory, and unsure then */
struct pg_unit *pg_head(struct pg *p);	     /* NULL: nothing is asked, or nobody knows what */
struct pg_unit *pg_after_head(struct pg *p); /* or NULL */
void pg_pop(struct pg *p);
void pg_pop_after_head(struct pg *p); /* there is one */
void pg_unsure(struct pg *p);
/* A ReadyForQuery while unsure.  True: *out gives up a unit that was asked before it; call again. */
bool pg_resume(struct pg *p, uint64_t ready_ns, struct msg *out);
void pg_queue_release(struct pg *p);

/* Answers (postgres_answer.c). */
struct pg_answer *pg_answer(struct pg *p); /* the one at hand, begun when there is none */
void pg_answer_error(struct pg *p, struct slice fields);
void pg_answer_notice(struct pg *p, struct slice fields);
void pg_answer_columns(struct pg *p, struct slice body);
void pg_answer_row(struct pg *p, const struct pg_in *in);
void pg_answer_tag(struct pg *p, struct slice tag);
void pg_answer_params(struct pg *p, struct slice body);
void pg_answer_value(struct pg *p, const struct pg_in *in); /* of a function */
/* Out it goes; the unit stays in the queue. */
void pg_answer_give(struct pg *p, uint64_t key, struct msg *out);
/* The text of a field of an ErrorResponse or NoticeResponse, or empty. */
struct slice pg_field(struct slice fields, char code);
struct slice pg_cstr(struct rd *r); /* up to a NUL, or the end */

/* postgres_scan.c */
bool pg_type_known(enum side side, uint8_t type);
enum probe pg_probe(enum side side, struct slice head);
size_t pg_next_start(enum side side, struct slice in, size_t from);

#endif
