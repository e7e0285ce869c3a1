/* SPDX-License-Identifier: Apache-2.0 */
/* mysql.h - the state of one MySQL or MariaDB connection; internal to src/proto/mysql*.c.
 *
 *   mysql.c          the protocol: bytes to packets to messages, losses, ends
 *   mysql_packet.c   packets of 3+1 bytes of header, joined where they are 16 MB long; character sets
 *   mysql_zip.c      the compressed protocol around them
 *   mysql_start.c    what starts a packet: probes and the search after a loss
 *   mysql_auth.c     greeting, the client's answer, authentication
 *   mysql_cmd.c      commands; mysql_bind.c: parameters; mysql_stmt.c: prepared statements
 *   mysql_answer.c   answers; mysql_ok.c: OK, ERR, EOF; mysql_row.c: columns and rows
 *   mysql_value.c    binary values
 */
#ifndef LIMPID_PROTO_MYSQL_H
#define LIMPID_PROTO_MYSQL_H

#include "base/map.h"
#include "proto/mysql_packet.h"
#include "proto/proto.h"
#include "proto/sql.h"

/* Capabilities: the low 32 bits are MySQL's, the high ones MariaDB's own. */
enum {
	MY_CONNECT_WITH_DB = 1 << 3,
	MY_COMPRESS = 1 << 5,
	MY_PROTOCOL_41 = 1 << 9,
	MY_SSL = 1 << 11,
	MY_SECURE = 1 << 15, /* lengths of one byte before the client's proof */
	MY_PLUGIN_AUTH = 1 << 19,
	MY_ATTRS = 1 << 20,
	MY_LENENC_AUTH = 1 << 21,
	MY_TRACK = 1 << 23,
	MY_DEPRECATE_EOF = 1 << 24,
	MY_OPTIONAL_METADATA = 1 << 25,
	MY_ZSTD = 1 << 26,
	MY_QUERY_ATTRS = 1 << 27,
};
#define MARIA_PROGRESS	    (1ull << 32)
#define MARIA_EXTENDED_TYPE (1ull << 35)
#define MARIA_CACHE_META    (1ull << 36)

enum { /* status flags of OK and EOF */
	MY_MORE_RESULTS = 0x0008,
	MY_CURSOR_EXISTS = 0x0040,
	MY_SESSION_CHANGED = 0x4000,
};

/* Commands: the first byte of what a client sends; then those that are said without one. */
enum my_com {
	MY_QUIT = 1,
	MY_INIT_DB = 2,
	MY_QUERY = 3,
	MY_FIELD_LIST = 4,
	MY_STATISTICS = 9,
	MY_PROCESS_KILL = 12,
	MY_CHANGE_USER = 17,
	MY_BINLOG_DUMP = 18,
	MY_REGISTER_SLAVE = 21,
	MY_PREPARE = 22,
	MY_EXECUTE = 23,
	MY_LONG_DATA = 24,
	MY_CLOSE = 25,
	MY_RESET_STMT = 26,
	MY_SET_OPTION = 27,
	MY_FETCH = 28,
	MY_BINLOG_DUMP_GTID = 30,
	MY_BULK_EXECUTE = 250,
	MY_CONNECT = 0x100, /* the client's answer to the greeting */
	MY_INFILE,	    /* the content of a LOCAL INFILE */
	MY_UNKNOWN,	    /* the command was not seen */
};

#define MY_QUEUE  128  /* commands without their answer */
#define MY_COLS	  4096 /* columns of a result that are described: MySQL's own limit */
#define MY_STMTS  1024 /* prepared statements known of one connection */
#define MY_STMTS_BYTES ((size_t)2 << 20)
#define MY_LONG_PARAMS 64 /* parameters of one statement that are sent in pieces */

struct my_col {
	uint8_t type, decimals;
	uint16_t charset, flags;
};

struct my_stmt {
	struct my_stmt *next, *prev; /* the last used first */
	uint32_t id;
	char *text;	/* NULL: it was prepared before capture, or too long ago */
	size_t text_n;	/* bytes kept */
	uint64_t text_len; /* its true length */
	unsigned nparams;
	bool nparams_known;
	bool cols_known; /* cols, ncols are what its next result has */
	uint16_t *types; /* of parameters, as bound last: nparams of them, or NULL */
	struct my_col *cols;
	unsigned ncols;
	char *names, *type_names; /* JSON: of cols */
	unsigned nlong;
	struct {
		uint16_t param;
		uint64_t len;
	} longs[MY_LONG_PARAMS]; /* parameters that were sent before */
	size_t bytes;
};

struct my_cmd { /* one that waits for its answer */
	uint16_t com;
	uint8_t next; /* number of the answer's first packet */
	uint32_t stmt;
	char *text; /* MY_PREPARE: what is prepared */
	size_t text_n;
	uint64_t text_len;
};

enum my_at { /* what the server sends next */
	MY_AT_IDLE,
	MY_AT_FIRST, /* the first packet of a result */
	MY_AT_PARAM_DEFS,
	MY_AT_COL_DEFS,	 /* of a prepared statement */
	MY_AT_COLS,	 /* of a result */
	MY_AT_AFTER_COLS, /* an EOF, or the first row */
	MY_AT_ROWS,
	MY_AT_FIELDS, /* of COM_FIELD_LIST */
	MY_AT_AUTH,
	MY_AT_BINLOG,
};

struct my_answer {
	enum my_at at;
	struct my_cmd cmd;
	bool binary;	/* rows are; with guess: not known before the first of them */
	bool guess;	/* the command is not known */
	bool cut;	/* something of it was not kept */
	bool any_rows, any_affected;
	uint64_t left;	/* definitions to come */
	uint64_t sets;	/* results so far, this one included */
	uint64_t ncols; /* of this result; the first MY_COLS are described */
	struct my_col *cols;
	size_t cols_n, cols_cap;
	struct sql_list names, types;
	struct sql_list first_names, first_types; /* of the first result that has columns */
	struct sql_rows rows;
	uint64_t rows_before; /* rows of earlier results */
	uint64_t affected;
	struct buf results; /* JSON objects, for when there are several */
	struct buf attrs;   /* key NUL value NUL */
	unsigned nattrs, flags;
	uint32_t stmt; /* given by the server, of a prepare */
	unsigned nparams, nresult;
};

struct my_infile { /* what the client sends of a file */
	bool on;
	char *name;
	struct buf body;
	uint64_t len;
	unsigned flags;
};

struct mysql {
	const struct proto_limits *limits;
	uint64_t caps;	   /* agreed on */
	uint64_t server_caps;
	bool caps_known;
	bool greeted;
	uint16_t charset; /* of the connection; 0: not known */
	char version[64]; /* of the server; "": not seen */
	uint32_t thread;
	char plugin[64]; /* the authentication's, as named last */
	bool tls;	 /* the client asked for TLS: nothing more is read */
	bool zipped;	 /* the compressed protocol is spoken */
	int deprecate;	 /* definitions are followed by an EOF: -1; not: 1; not known: 0 */
	bool maybe_eof;	 /* not known: one may still follow the last answer */
	struct my_reader in[2]; /* by enum side */
	struct my_zip *zip[2];
	struct my_cmd queue[MY_QUEUE];
	unsigned first, nqueue;
	struct my_answer ans;
	struct my_infile infile;
	struct my_stmt *stmts, *stmts_last;
	struct map stmt_ids;
	unsigned nstmts;
	size_t stmts_bytes;
	bool asked;	   /* a login or a command was seen, or cannot be expected */
	uint32_t last_prepared; /* statement */
	uint8_t server_seq; /* of the server's last packet */
	bool held_back[2]; /* compressed: a byte of the input was taken already */
	bool after_gap[2]; /* the next message is the first after a loss */
	bool lost_memory;  /* something that later messages need could not be kept */
};

/* --- mysql.c --- */
/* Begins a message of role; false: no memory (out is then without arena, flagged). */
bool my_begin(struct mysql *m, struct msg *out, enum side side, enum role role);
void my_ask(struct mysql *m, struct my_cmd cmd); /* takes over its text */
void my_cmd_release(struct my_cmd *c);
bool my_has(const struct mysql *m, uint64_t cap);
bool my_authenticates(const struct mysql *m); /* the client's packets prove who it is */
void my_zipped(struct mysql *m);	       /* from here on the compressed protocol is spoken */

/* --- mysql_start.c --- */
enum probe my_probe(enum side side, struct slice head);
/* Does a message start at the beginning of in?  Of a server: the first packet of an answer. */
enum probe my_starts(const struct mysql *m, enum side side, struct slice in);
/* The first place >= from where one may; or in.n. */
size_t my_next_start(const struct mysql *m, enum side side, struct slice in, size_t from);
bool my_is_greeting(struct slice payload);
bool my_is_login(struct slice payload);

/* --- mysql_auth.c: true: *out was filled --- */
bool my_greeting(struct mysql *m, struct slice p, struct msg *out);
void my_login_caps(struct mysql *m, struct slice p); /* of the beginning of a login */
bool my_login(struct mysql *m, struct slice p, struct msg *out);
bool my_change_user(struct mysql *m, struct slice p, struct msg *out);
void my_auth_packet(struct mysql *m, struct slice p); /* neither OK nor ERR */
void my_auth_done(struct mysql *m, bool good);

/* --- mysql_cmd.c --- */
/* A whole packet of the client, of which p was kept. */
bool my_client_packet(struct mysql *m, struct slice p, uint64_t len, unsigned flags,
		      struct msg *out);
bool my_infile_end(struct mysql *m, struct msg *out);

/* --- mysql_bind.c --- */
void my_query_attrs(struct mysql *m, struct rd *r, struct arena *a, struct sql_attrs *t,
		    unsigned *flags);
/* Parameters of COM_STMT_EXECUTE, COM_STMT_BULK_EXECUTE behind the fixed fields. */
void my_bind(struct mysql *m, struct my_stmt *s, struct rd *r, unsigned cursor, struct msg *out,
	     struct sql_attrs *t);
void my_bind_bulk(struct mysql *m, struct my_stmt *s, struct rd *r, unsigned how, struct msg *out,
		  struct sql_attrs *t);

/* --- mysql_stmt.c --- */
struct my_stmt *my_stmt_find(struct mysql *m, uint32_t id); /* or NULL */
/* Of an id that may be known already: what was known is forgotten.  NULL: no memory. */
struct my_stmt *my_stmt_new(struct mysql *m, uint32_t id);
void my_stmt_drop(struct mysql *m, struct my_stmt *s);
void my_stmt_drop_all(struct mysql *m);
bool my_stmt_set_cols(struct mysql *m, struct my_stmt *s, const struct my_answer *a);
void my_stmt_count(struct mysql *m, struct my_stmt *s); /* after its memory changed */

/* --- mysql_answer.c --- */
bool my_server_packet(struct mysql *m, struct slice p, uint64_t len, bool whole, struct msg *out);
/* Gives out what there is of an answer that will not end.  False: there is none. */
bool my_answer_cut(struct mysql *m, struct msg *out);
bool my_answer_finish(struct mysql *m, const char *status, const char *reason, bool failed,
		      struct msg *out);
size_t my_answer_room(const struct mysql *m); /* bytes worth keeping of its next packet */
void my_answer_release(struct my_answer *a);
void my_answer_attr(struct my_answer *a, const char *key, struct slice value);
void my_answer_attr_num(struct my_answer *a, const char *key, uint64_t value);

/* --- mysql_ok.c --- */
struct my_ok {
	uint64_t affected, last_id;
	uint16_t status, warnings;
	struct slice info, track;
};
/* Of an OK packet (header 00 or fe) or an EOF of 5 bytes.  False: it is none. */
bool my_ok_read(const struct mysql *m, struct slice p, struct my_ok *ret);
/* As far as an OK can look like one: where nothing says that it has to be there. */
bool my_ok_likely(const struct my_ok *ok);
void my_ok_note(struct mysql *m, const struct my_ok *ok);
bool my_err_read(struct slice p, unsigned *ret_code, struct slice *ret_state,
		 struct slice *ret_text);

/* --- mysql_row.c --- */
void my_col_def(struct mysql *m, struct slice p, bool named);
void my_row(struct mysql *m, struct slice p, uint64_t len, bool whole);
void my_cached_cols(struct mysql *m); /* those of the statement, which are not sent again */

/* --- mysql_value.c --- */
const char *my_type_name(const struct my_col *c);
/* A binary value as the server would print it: *ret is in room, or in the input.  False: it is not all there, or its type
 * is not known.  room is used when the value has to be written down. */
#define MY_VALUE_ROOM 400
bool my_binary_value(struct rd *r, const struct my_col *c, char room[MY_VALUE_ROOM],
		     struct slice *ret);

#endif
