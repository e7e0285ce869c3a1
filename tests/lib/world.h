/* SPDX-License-Identifier: Apache-2.0 */
/* world.h - sockets that a test makes up: their records go to a table, its flows are kept. */
#ifndef LIMPID_TESTS_WORLD_H
#define LIMPID_TESTS_WORLD_H

#include "conn/table.h"

#define MS     ((uint64_t)1000000)
#define SECOND ((uint64_t)1000000000)

struct world_flow { /* as last written */
	uint8_t id[16];
	char proto[16], request[64], answer[64], attrs[256];
	enum flow_state state;
	unsigned flags, writes, seen_by;
	uint64_t req_len, resp_len, begin_ns, end_ns;
	char client[64], server[64]; /* "comm@container" with "?" for what is unknown */
	uint16_t client_port, server_port;
	char l4[8], path[112];
	bool has_req, has_resp, tls;
	char library[16], road[16], mapping[16], sni[64], alpn[32], protocol[16];
};

struct world {
	struct conn_table *t;
	struct conn_limits lim;
	struct conn_hooks hooks;
	uint64_t now;
	uint64_t early; /* the next record was captured so much earlier than it comes */
	struct world_flow flows[512];
	size_t n, overflow;
	uint64_t verdict_cookie[64]; /* in the order they came */
	unsigned verdicts;
	bool named; /* the names hook knows containers */
	int rc;	    /* of the last event */
};

void world_begin(struct world *w); /* default limits, the toy protocols */
void world_start(struct world *w); /* after limits and hooks were changed */
void world_end(struct world *w);   /* the table is freed */

struct world_socket {
	uint64_t cookie;
	enum ev_side side;
	unsigned last_ip, last_remote_ip; /* 10.0.0.X; 0: 127.0.0.1 */
	uint16_t port, remote_port;
	uint32_t pid, netns;
	uint16_t flags;
	uint64_t tcp_link; /* EV_TCP */
	uint64_t base[2];  /* EV_TCP, by enum ev_dir */
	enum ev_l4 l4; /* EV_UNIX: no addresses, but: */
	uint64_t peer_cookie;
	uint32_t peer_pid; /* its container is that of last_remote_ip */
	struct slice path;
};
/* Every record is later than the one before by 1000 ns. */
void world_open(struct world *w, struct world_socket s);
/* The two ends of one connection, cookies c and c + 1. */
struct world_socket world_client(uint64_t c);
struct world_socket world_server(uint64_t c);
void world_data(struct world *w, uint64_t cookie, enum ev_dir dir, uint64_t off, const char *text);
/* sure: enum ev_sure; world_bytes has none. */
void world_secret(struct world *w, uint64_t cookie, enum ev_dir dir, uint64_t off, const char *text,
		  enum ev_sure sure);
void world_bytes(struct world *w, uint64_t cookie, enum ev_dir dir, uint64_t off, struct slice data,
		 uint32_t len, uint8_t tls);
void world_plain(struct world *w, uint64_t cookie, enum ev_dir dir, uint64_t off, const char *text);
void world_close(struct world *w, uint64_t cookie, uint32_t how, uint64_t read, uint64_t written);
void world_close_tls(struct world *w, uint64_t cookie, uint64_t read, uint64_t written,
		     uint64_t plain_read, uint64_t plain_written);
void world_wait(struct world *w, uint64_t ns);		 /* ticks every 100 ms */
bool world_told(const struct world *w, uint64_t cookie); /* a verdict */
/* "request>answer state flags", one flow a line; valid until the next call. */
const char *world_text(const struct world *w);

#endif
