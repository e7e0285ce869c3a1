/* SPDX-License-Identifier: Apache-2.0 */
/* flow.h - one exchange, or one long-lived conversation: what every protocol is turned into.
 *
 * Everything to the right of the parsers (sinks, store, export, page) knows only this record.
 */
#ifndef LIMPID_FLOW_FLOW_H
#define LIMPID_FLOW_FLOW_H

#include "base/bytes.h"

enum flow_state {
	FLOW_OPEN, /* will be written again, with the same id */
	FLOW_DONE,
	FLOW_UNANSWERED, /* the answer never came, or was not seen */
	FLOW_RESET,	 /* the connection broke in the middle of the exchange */
};

enum flow_flag {
	FLOW_TRUNCATED = 1,	/* a body or a list was cut at a configured limit */
	FLOW_AFTER_GAP = 2,	/* bytes before or inside this exchange were lost */
	FLOW_MIDSTREAM = 4,	/* the connection was already open when capture began */
	FLOW_PEER_INFERRED = 8, /* a peer's name or the sides were concluded, not observed */
	FLOW_NO_REQUEST = 16,	/* an answer whose request was not seen */
	FLOW_BAD_FRAMING = 32,	/* contradictory lengths; decided as the protocol's RFC says */
	FLOW_DECODE_ERROR = 64, /* a content-encoding could not be undone: body is as sent */
	FLOW_REDACTED = 128,	/* what counts as a secret was hidden (docs/redaction.md), if there was any */
};

/* One end of a connection.  Strings are NULL when unknown. */
struct flow_peer {
	uint8_t addr[16]; /* IPv4 as ::ffff:a.b.c.d, network order; all zero: unknown */
	uint16_t port;	  /* host order */
	uint32_t pid;	  /* in the host's pid namespace; 0: unknown */
	const char *comm;
	const char *container, *container_id, *image, *project; /* project: Docker Compose's */
	const char *pod, *ns; /* Kubernetes' pod that the container is in, and its namespace */
};

enum flow_tls_flag {
	FLOW_TLS_RESUMED = 1,	   /* an earlier session was taken up */
	FLOW_TLS_RETRIED = 2,	   /* the server asked for another key share */
	FLOW_TLS_EARLY_DATA = 4,   /* the client sent data with its first flight, or wanted to */
	FLOW_TLS_ECH = 8,	   /* encrypted ClientHello offered: sni may be a public name in place of the real one */
	FLOW_TLS_CLIENT_CERT = 16, /* the client showed a certificate; known before TLS 1.3 only */
};

/* Strings are NULL when not known.  From cipher on: what the handshake said in the clear. */
struct flow_tls {
	const char *library, *version; /* "openssl", "3.0.15" */
	const char *road; /* "probes", "keys", "kernel" or "resend" (the hub was the client); "none": not read, and reason says why */
	/* How the socket of what was read was found, the least sure of the connection's records: "nested", "sticky",
	 * "matched"; NULL: nothing was read. */
	const char *mapping;
	const char *sni, *alpn;
	const char *protocol; /* "TLS 1.3"; NULL: its ServerHello was not seen */
	const char *cipher;   /* "TLS_AES_128_GCM_SHA256" */
	const char *group;    /* "x25519": of the key exchange */
	const char *offered;  /* ALPN: what the client offered, commas between */
	/* The server's certificate: distinguished names; DNS names and addresses, commas between. */
	const char *subject, *issuer, *names;
	int64_t not_after;	      /* its end, Unix time in seconds; 0: not seen */
	const char *alert, *alert_by; /* what broke the handshake off: "unknown_ca", "client" */
	unsigned flags;		      /* enum flow_tls_flag */
	/* Of a connection that is not read: a code that stays the same, a sentence, what to do ("": nothing). */
	const char *reason, *why, *hint;
};

enum flow_seen { FLOW_SEEN_CLIENT = 1, FLOW_SEEN_SERVER = 2 }; /* or-ed */

/* Shared by the flows of one connection; may be filled in further between two writes. */
struct flow_conn {
	uint64_t id; /* unique within one run of an agent */
	struct flow_peer client, server;
	const struct flow_tls *tls; /* NULL: plaintext */
	unsigned seen_by;	    /* enum flow_seen */
	const char *l4;		    /* "tcp", "udp", "unix" */
	/* Of a unix socket, what the server's end is bound to; an abstract name begins with '@' (as do those
	 * bytes of it that are NUL), so "@" is no path from the root.  NULL: unknown, or none (socketpair). */
	const char *path;
};

struct flow_attr {
	const char *key, *value;
};

#define FLOW_SHOWN_MAX (128u << 10)
/* data is decoded (transfer coding and content coding undone).  len counts the bytes of the body as
 * sent, after removal of the transfer coding only; captured, how many of those were kept. */
struct flow_body {
	struct slice data;
	/* The same for people, where data is no text: one JSON value (RFC 8259) on one line, at most FLOW_SHOWN_MAX
	 * bytes; what had no room is left out of it, and it says so.  Empty: there is none. */
	struct slice shown;
	uint64_t len, captured;
	const char *type;     /* media type as sent, or NULL */
	const char *encoding; /* content coding as sent, or NULL */
};

struct flow_half {
	uint64_t begin_ns, end_ns; /* CLOCK_MONOTONIC of first and last byte; 0: not seen */
	const char *op, *target;   /* request: "GET" "/users/7"; "Query" "SELECT 1" */
	const char *status;	   /* response: "200", "OK", "42P01"; NULL in a request */
	const char *reason;	   /* response: "Not Found", or NULL */
	const struct flow_attr *headers, *attrs; /* in wire order; protocol details */
	size_t nheaders, nattrs;
	struct flow_body body;
};

struct flow_msg {	     /* one message of a stream */
	uint64_t seq, ts_ns; /* seq counts from 1, both directions together */
	bool from_server;
	unsigned flags;
	const char *op; /* "text", "binary", "close", SSE event name */
	const struct flow_attr *attrs; /* protocol details: a close code, an event's id */
	size_t nattrs;
	struct flow_body body;
};

/* What a stream's messages were since its beginning, those included that are not (or no longer) among them. */
struct flow_stream {
	uint64_t n[2], bytes[2]; /* messages and the bytes of their bodies as sent; [1]: from the server */
	uint64_t left_out;	 /* messages of these that were dropped before they were written */
};

#define FLOW_MARK_MAX 6	   /* colours */
#define FLOW_NOTE_MAX 2000 /* bytes of UTF-8 */
/* What people noted beside a flow; never a part of what an agent sends. */
struct flow_mark {
	unsigned colour; /* 1 to FLOW_MARK_MAX; 0: none */
	bool pinned;	 /* evicted last */
	const char *note; /* NULL: none */
};

struct flow {
	uint8_t id[16];	  /* UUID version 7 (RFC 9562, 5.7); the same in all writes of this flow */
	int64_t epoch_ns; /* add to a CLOCK_MONOTONIC value of this flow for Unix time */
	const struct flow_conn *conn;
	const char *proto; /* struct proto.name, the only protocol id there is */
	enum flow_state state;
	unsigned flags; /* enum flow_flag */
	bool failed;	/* by the protocol's own rules */
	struct flow_half req, resp;
	bool has_req, has_resp;
	bool streams; /* a conversation: stream counts its messages */
	struct flow_stream stream;
	const struct flow_msg *msgs; /* only those new since the last write */
	size_t nmsgs;
	const struct flow_mark *mark; /* NULL: none, or not looked at */
};

/* f is borrowed until the call returns. */
typedef void (*flow_fn)(void *ctx, const struct flow *f);

/* "red", "orange", ... of 1 to FLOW_MARK_MAX; NULL of any other number. */
const char *flow_mark_name(unsigned colour);
/* Unix time of the flow's first byte, ns. */
int64_t flow_time_ns(const struct flow *f);
/* From the first byte of the request to the last of the answer; 0 when either is missing. */
uint64_t flow_duration_ns(const struct flow *f);
/* From the last byte of the request to the first of the answer; 0 when either is missing. */
uint64_t flow_ttfb_ns(const struct flow *f);
/* Value of the first header of that name (ASCII case ignored), or NULL. */
const char *flow_header(const struct flow_half *h, const char *name);
bool flow_is_unix(const struct flow_conn *c);	 /* its ends have no addresses */
const char *flow_state_name(enum flow_state s);		 /* "open", "done", "unanswered", "reset" */
const char *flow_flag_name(unsigned flag);		 /* of one bit: "truncated", ... or NULL */
const char *flow_tls_flag_name(unsigned flag);	 /* of one bit: "resumed", ... or NULL */
/* Is s what flow_body.shown may hold?  Also not nested more than 100 deep. */
bool flow_shown_ok(struct slice s);
void flow_id_format(const uint8_t id[16], char ret[37]); /* 8-4-4-4-12 */
int flow_id_parse(const char *s, uint8_t ret_id[16]);	 /* 0, -EINVAL */
void flow_addr_format(const uint8_t addr[16],
		      char ret[46]); /* "10.0.0.1" or "2001:db8::1"; "" if zero */
#define FLOW_NAME_MAX 260
/* What to call the end's container: "web", or in a pod "shop-7d9f/web"; room is for the latter.  Borrowed from p or room;
 * NULL: it has no name. */
const char *flow_container_name(const struct flow_peer *p, char room[FLOW_NAME_MAX]);
/* What the end's container is one of, told by the names that Docker Compose ("shop-web-2" or "shop_web_2" of project shop: web;
 * "shop-web-run-0123456789ab", too) and Kubernetes' Deployments, CronJobs and StatefulSets ("web-7d9f8c6b5d-x2x4z", "db-0") give;
 * else the container's own.  Borrowed from p or room; NULL: it is in no container. */
const char *flow_service_name(const struct flow_peer *p, char room[FLOW_NAME_MAX]);

#endif
