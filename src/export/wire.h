/* SPDX-License-Identifier: Apache-2.0 */
/* wire.h - from flows back to the bytes of their protocol, and from those to packets.
 *
 * Flows are what parsers understood; their bytes are gone.  A wire writes bytes from which other programs understand the same, and
 * says in a comment what they are not: docs/export.md, "pcapng", has it per protocol.
 */
#ifndef LIMPID_EXPORT_WIRE_H
#define LIMPID_EXPORT_WIRE_H

#include "base/json.h"
#include "flow/flow.h"

/* --- packets --------------------------------------------------------------------------------------- */

/* Bytes that one side sends at one moment. */
struct wire_event {
	struct wire_conn *conn;
	int64_t at_ns; /* Unix time */
	uint64_t order;
	bool from_server;
	const char *comment; /* of its first packet, or NULL; in data, behind the payload */
	size_t n;
	uint8_t data[];
};

/* A made-up TCP connection with what its protocol has to remember. */
struct wire_conn {
	struct wire_conn *next, *prev; /* the one used last comes first */
	uint64_t key;
	uint8_t addr[2][16]; /* client, server */
	uint16_t port[2];
	uint32_t seq[2], unacked; /* next byte of each side; bytes sent since the other side said anything */
	bool open;
	size_t pending;	   /* events that are not written */
	int64_t last_ns[2]; /* of what was pushed for each side: their order is that of the calls */
	char *about;	   /* who talks: the comment of its first packet */
	uint32_t stream;   /* HTTP/2: the next stream */
	bool greeted;	   /* what begins a connection of its protocol was written */
	unsigned columns;  /* MySQL: packet number within a command */
};

struct wire_out {
	void *ctx;
	void (*push)(void *ctx, struct wire_conn *c, int64_t at_ns, bool from_server, struct slice bytes,
		     const char *comment);
	struct wire_conn *conn;
	struct buf b, note; /* of the writer: bytes, comment */
};

/* Sends what is in o->b, with o->note as comment when it is not empty, and clears both.  in_order: not before what this side
 * sent earlier. */
void wire_send(struct wire_out *o, int64_t at_ns, bool from_server, bool in_order);

/* One writer a protocol.  The flow's begin and end are taken as the moments of its bytes. */
struct wire {
	const char *protos; /* struct flow.proto, blanks between */
	uint16_t port;	    /* by which dissectors know it; for unix sockets, and for the remark */
	const char *dissector; /* Wireshark's name; NULL: it finds that by itself at any port */
	bool (*flow)(struct wire_out *o, const struct flow *f); /* false: it has no bytes for that, nothing was sent */
};
extern const struct wire wire_http1, wire_http2, wire_postgres, wire_mysql, wire_redis, wire_raw;
const struct wire *wire_find(const char *proto); /* or NULL */

/* --- helpers ---------------------------------------------------------------------------------------- */

void wire_be(struct buf *b, uint64_t v, size_t n);
void wire_le(struct buf *b, uint64_t v, size_t n);
bool wire_is_http2(const struct flow *f); /* whatever it carries */
int64_t wire_time(const struct flow *f, uint64_t ns); /* Unix time; of the flow's first byte when ns is 0 */
/* One sentence of the comment. */
void wire_note(struct wire_out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Notes that a body was cut. */
void wire_note_cut(struct wire_out *o, const struct flow_body *b);
/* WebSocket frames of f's messages (RFC 6455, 5.2).  wrap: what carries each, or NULL. */
void wire_websocket(struct wire_out *o, const struct flow *f,
		    void (*wrap)(struct wire_out *o, const struct flow_msg *m, bool from_server));

/* Events of f (HTML, "Server-sent events"), as wrap has it. */
void wire_events(struct wire_out *o, const struct flow *f,
		 void (*wrap)(struct wire_out *o, const struct flow_msg *m, bool from_server));
/* One side's messages of gRPC, each behind its five bytes; in an answer of gRPC-Web the trailers behind them. */
void wire_grpc_body(struct buf *b, const struct flow *f, bool answer);
/* Rows of a SQL answer (docs/protocols.md): calls value for each of them, NULL for null, after row; at most max values a row, missing ones
 * are null.  list: a JSON array, as of "columns". */
struct wire_rows {
	void (*row)(struct wire_out *o, size_t nvalues);
	void (*value)(struct wire_out *o, const struct slice *text);
	void (*end)(struct wire_out *o);
};
/* At most max rows.  What is left of ndjson. */
struct slice wire_sql_rows(struct wire_out *o, struct slice ndjson, size_t nvalues, uint64_t max, const struct wire_rows *to);
/* The strings of a JSON array in a; NULL text for null.  Their number. */
size_t wire_list(const char *json, struct arena *a, const struct json **ret_first);

/* --- TCP/IP ------------------------------------------------------------------------------------------- */

enum { WIRE_FIN = 1, WIRE_SYN = 2, WIRE_PSH = 8, WIRE_ACK = 16 };
/* Appends one Ethernet frame and moves c's sequence number on. */
void wire_frame(struct buf *out, struct wire_conn *c, bool from_server, unsigned flags, struct slice payload);
size_t wire_mss(const struct wire_conn *c);
/* Fills addresses and ports in; what is unknown is made up (RFC 2544's and RFC 5180's networks for tests). */
void wire_ends(struct wire_conn *c, const struct flow *f, uint16_t port);

#endif
