/* SPDX-License-Identifier: Apache-2.0 */
/* watch.h - what the kernel side reported, per socket, compared with what was sent. */
#ifndef LIMPID_TESTS_WATCH_H
#define LIMPID_TESTS_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/source.h"
#include "tap/bpf.h"

struct plain { /* of TLS by the kernel, one direction; as in struct end */
	uint64_t next, captured, holes, why[EV_WHY_MAX], total;
	uint64_t from; /* position of its first byte in the pattern: what was raw comes before */
	bool seen;
};
struct end { /* one socket */
	uint64_t cookie, peer_cookie;
	uint8_t l4; /* enum ev_l4 */
	uint16_t path_len;
	char path[EV_PATH_MAX];
	uint32_t peer_tgid;
	uint8_t local[16], remote[16];
	uint16_t lport, rport;
	uint8_t side;
	uint32_t tgid, netns, flags;
	uint64_t cgroup_id;
	char comm[EV_COMM_LEN];
	bool is_server;
	unsigned opens;
	uint64_t next[2];	     /* position behind the last record */
	uint64_t captured[2];	     /* bytes that came, and were right */
	uint64_t holes[2];	     /* positions passed by without bytes: */
	uint64_t why[2][EV_WHY_MAX]; /* announced, by reason; [0]: not announced */
	unsigned datagrams[2];	     /* that began */
	unsigned wrong;	    /* bytes that differ, records that overlap or come before EV_OPEN */
	uint32_t how;	    /* all EV_CLOSE together */
	unsigned ends_read; /* EV_CLOSE with EV_END_READ */
	uint64_t total[2];  /* of the last EV_CLOSE */
	struct plain plain[2];
};

struct watch {
	uint64_t late_shift; /* true position of what a late connection's records call 0 */
	uint16_t late_sport;
	struct tap_bpf *bpf;
	struct tap_untold untold;
	struct source *src;
	/* AF_UNIX has no ports: those that the worker gave its sockets. */
	struct {
		uint64_t cookie;
		uint16_t lport, rport;
		bool client;
	} unix_ends[64];
	unsigned nunix;
	/* The pattern's keys of connections where it is not the client's port. */
	struct {
		uint16_t cport, key;
	} keys[64];
	unsigned nkeys;
	/* Gets every event, too; NULL: nobody does. */
	void (*also)(void *arg, const struct ev_hdr *ev);
	void *also_arg;
	struct end ends[512];
	unsigned n, records;
	struct ev_task tasks[4096];
	unsigned ntasks;
};

void watch_init(struct watch *w, struct tap_bpf *b);
void watch_forget(struct watch *w); /* what was seen so far */
/* Takes what comes until done says true.  False: it did not within 30 seconds. */
bool watch_until(struct watch *w, bool (*done)(const struct watch *w, const void *arg),
		 const void *arg);
/* What this connection moves follows from that key.  Until watch_forget; at most 64. */
void watch_key(struct watch *w, uint16_t cport, uint16_t key);
/* The ends of a connection of AF_UNIX, by cookie, client first: from now on they have these ports.  The same bounds. */
void watch_unix(struct watch *w, const uint64_t cookie[2], uint16_t cport, uint16_t sport);
/* The socket with these ports, or NULL. */
struct end *watch_end(struct watch *w, uint16_t lport, uint16_t rport);
/* Bytes that the last EV_CLOSE knows of and no record: 0 when what is raw is ciphertext. */
uint64_t watch_tail(const struct end *e, int dir);
/* Takes what is there, for worker.idle. */
void watch_take(void *w);
/* Waits until both sockets are gone; until so many bytes were passed by at both. */
bool watch_gone(struct watch *w, uint16_t cport, uint16_t sport);
bool watch_moved(struct watch *w, uint16_t cport, uint16_t sport, uint64_t c2s, uint64_t s2c);
void watch_release(struct watch *w);

/* How often the kernel did not run a program, because one that was preempted was in its way; say: prints which. */
uint64_t watch_misses(const struct watch *w, bool say);
/* Whether EV_LOSS_SKIPPED has all such runs of programs that have no second one, and no more than those of second ones besides.
 * Nothing may move meanwhile. */
bool watch_skips_right(const struct watch *w);

#endif
