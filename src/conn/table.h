/* SPDX-License-Identifier: Apache-2.0 */
/* table.h - all connections: events in, flows out.
 *
 * Two sockets of this machine may be the two ends of one connection.  They are paired by their
 * addresses, or by the cookies that the ends of a unix socket know of each other; one of them is decoded, the other only lends its identity (process, container), so
 * an exchange is one flow however many ends were captured: that of the end which yields messages
 * first.
 *
 * A TLS connection of which no probe sees the plaintext is counted, and gives one flow: protocol "tls", what the
 * handshake said, the bytes that went each way, and why it is not read (unread.c).
 */
#ifndef LIMPID_CONN_TABLE_H
#define LIMPID_CONN_TABLE_H

#include "event.h"
#include "flow/flow.h"
#include "proto/proto.h"
#include "tls/reason.h"

struct conn_limits {
	size_t conns;	     /* connections; the least recently used gives way */
	size_t stream_bytes; /* unread bytes per direction */
	size_t total_bytes;  /* of all streams and unfinished messages together */
	unsigned pending;    /* requests waiting for an answer, per connection */
	uint64_t gap_ns;     /* how long a hole may stay open before it is given up */
	uint64_t
		idle_ns; /* a connection without events for so long keeps only its identity: it may be
			       * an idle one of a pool, and the kernel says only once who it is.  Not one whose
			       * conversation is open */
	bool all_messages, streams_only; /* as in struct match_hooks */
	uint64_t open_ns;	 /* an exchange is told of while it is open after so long; 0: at once */
	uint64_t answer_ns;	 /* a request without answer for so long is emitted as unanswered */
	struct proto_limits msg; /* may be changed while parsers use it */
};

struct conn_names { /* what is known of an end's process; strings borrowed until the next call */
	const char *container, *container_id, *image, *project, *pod, *ns;
};

struct conn_use { /* of TLS, by one process; borrowed */
	uint32_t pid;
	uint64_t cgroup_id;
	const char *comm;
	uint64_t wire, plain; /* bytes on its sockets that carry TLS; bytes of plaintext that were seen */
	unsigned tls_conns;   /* connections that are new */
	unsigned unread;      /* connections that got a row because they are not read */
};

struct conn_hooks {
	flow_fn flow;
	/* Optional: names for a process (cgroup_id of an EV_OPEN, and pid), or, with cgroup_id 0, for an
	 * address.  False: unknown, asked again with a flow 20 ms later. */
	bool (*names)(void *ctx, uint64_t cgroup_id, const uint8_t addr[16], uint16_t port,
		      uint32_t pid, struct conn_names *ret);
	/* Optional: library and version of ev_data.tls and tls_lib; strings live as long as the table. */
	void (*tls)(void *ctx, uint8_t tls, uint16_t tls_lib, struct flow_tls *ret);
	void (*verdict)(void *ctx, uint64_t cookie, enum ev_verdict v); /* optional */
	/* Optional: of that direction nothing before position to has to be copied any more (plain: of what a TLS probe
	 * sees).  What is left out comes as EV_WHY_BUDGET and is no gap. */
	void (*skip)(void *ctx, uint64_t cookie, enum ev_dir dir, bool plain, uint64_t to);
	/* Optional: why TLS of that process is not read, as far as that lies in the process; TLS_WHY_READ: it is. */
	enum tls_reason (*tls_why)(void *ctx, uint32_t pid);
	/* Optional: what a process moved since the last call; also, with nothing moved, that it has a socket. */
	void (*use)(void *ctx, const struct conn_use *u);
	/* Optional: asks for an EV_CLOSE of that socket with how 0: what moved so far, which nobody copies. */
	void (*totals)(void *ctx, uint64_t cookie);
	/* Optional: what detection chooses from instead of proto_all(); ends with NULL, borrowed. */
	const struct proto *const *protos;
};

/* Counters only grow, except undecrypted_now, conns, bytes_held and exchanges. */
struct conn_stats {
	uint64_t events, bad_events;
	uint64_t bytes, tls_bytes, captured_bytes; /* moved; the same of plaintext; that were there */
	uint64_t flows, flows_open; /* writes with a final state, and with FLOW_OPEN */
	uint64_t gap_bytes, gaps;   /* holes given up, and the bytes they had; not what skip asked for */
	/* Bytes that moved and did not come, of all connections: by enum ev_why, as records told.
	 * [EV_WHY_NONE]: in holes given up that no record told. */
	uint64_t missing[EV_WHY_MAX];
	uint64_t resyncs;	    /* times a frame's start had to be searched */
	uint64_t truncated;	    /* flows with FLOW_TRUNCATED */
	uint64_t undecrypted_conns; /* TLS on the wire, no plaintext until the end */
	uint64_t undecrypted_now;   /* of the open ones */
	uint64_t unknown_conns;	    /* ended without a protocol recognised, bytes moved */
	uint64_t refused_conns;	    /* given up: their protocol's parser found no more frames */
	uint64_t evicted_conns;	    /* for the limits; evicted_bytes: what they held */
	uint64_t evicted_bytes, nomem;
	uint64_t overflow_bytes; /* unread, of streams at their limit */
	uint64_t forgotten_conns;  /* that the kernel side forgot, for others that were used more, and met again */
	uint64_t datagram_conns;   /* sockets and peers that exchanged datagrams, which nobody decodes */
	uint64_t conns, bytes_held;
	uint64_t exchanges; /* that are not over */
};

struct conn_table;

/* epoch_ns: Unix time minus CLOCK_MONOTONIC.  seed: 16 random bytes for flow ids.  lim and hooks are
 * copied.  NULL: out of memory. */
struct conn_table *conn_table_new(const struct conn_limits *lim, const struct conn_hooks *h,
				  void *ctx, int64_t epoch_ns, const uint8_t seed[16]);
void conn_limits_default(struct conn_limits *ret);
/* Changes limits while running; conns and total_bytes take effect at the next event. */
void conn_table_set_limits(struct conn_table *t, const struct conn_limits *lim);
/* ev is borrowed; ev->size bytes of it are readable.  0; -EINVAL: contradicts itself (counted);
 * -ENOMEM (counted, flows flagged). */
int conn_table_event(struct conn_table *t, const struct ev_hdr *ev);
/* Every 100 ms; the only clock it sees besides the events'. */
int conn_table_tick(struct conn_table *t, uint64_t now_ns);
/* Emits what is pending, as at the end of a recording. */
void conn_table_finish(struct conn_table *t);
const struct conn_stats *conn_table_stats(const struct conn_table *t);
void conn_table_free(struct conn_table *t);

#endif
