/* SPDX-License-Identifier: Apache-2.0 */
/* traffic.h - a worker process that moves known bytes over loopback TCP, on command.
 *
 * The byte at each position of each direction follows from a key, so that whoever sees the
 * stream can tell whether it is right.
 */
#ifndef LIMPID_TESTS_TRAFFIC_H
#define LIMPID_TESTS_TRAFFIC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "chaos.h"
#include "way.h"

enum family {
	F_V4,
	F_V6,
	F_MAPPED,
	F_FAMILIES, /* of TCP; of AF_UNIX: */
	F_UNIX_PATH = F_FAMILIES,
	F_UNIX_ABSTRACT,
	F_UNIX_PAIR,
	F_ALL
};
enum what {
	T_OPEN, /* a: enum family; n: the server's port, or 0; c: key of the pattern, 0: the client's port */
	T_CONNECT, /* the same, but the server does not accept yet: */
	T_ACCEPT,
	T_MOVE,	      /* a: 0 client to server, 1 back; b: send_op; c: recv_op; n: bytes */
	T_MOVE_UNMAPPED, /* the same by write and read, from and to pages that are unmapped all the time */
	T_BLOCK,      /* a thread reads n bytes on the server's end, and waits for them */
	T_UNBLOCK,    /* the client writes them; replies when they were read */
	T_MANY,	      /* a: so many connections, on each of which a thread waits in recv for n bytes, which then come; closes */
	T_HALF,	      /* client: shutdown(SHUT_WR); server reads the end.  a: recv_op */
	T_CLOSE,      /* a: 1: with a reset */
	T_URGENT,     /* a: in line.  201 bytes from the client, one of them urgent */
	T_KTLS,	      /* TLS by the kernel from now on; a: 1 client to server, 2 back, 3 both.  Its error if it has none */
	T_ALERT,      /* the client sends an alert on such a connection, and the server reads it */
	T_DGRAM_OPEN, /* a: enum family; b: enum dgram_op */
	T_DGRAM,      /* a: 0 client to server, 1 back; b: the same dgram_op; n: bytes */
	T_CHAOS_OPEN, /* n: seed */
	T_CHAOS,      /* n: the same; ways: to choose from.  Closes */
	T_EXEC,	      /* a child executes a program and ends; its pid comes back */
	T_MAP,	      /* maps its own executable file executable */
	T_CGROUP,     /* path: moves itself into that cgroup */
};
struct order {
	uint32_t what, a, b, c, serial;
	uint64_t n;
	char path[200];
	struct chaos_ways ways;
};
struct reply {
	int32_t error;	 /* 0, or a negative errno */
	uint32_t serial; /* of the order */
	uint16_t cport, sport;
	uint64_t cookie[2]; /* AF_UNIX: of the client, of the server */
	uint32_t pid;
	uint64_t ino; /* T_MAP */
	uint32_t nchaos;
	struct chaos_conn chaos[CHAOS_CONNS];
};

enum worker_lost {
	WORKER_THERE,
	WORKER_SILENT, /* it did not answer in time; it may still be at it */
	WORKER_DEAD,
	WORKER_OUT_OF_STEP, /* it answered another order */
};
struct movings;
struct worker {
	pid_t pid; /* as seen here */
	int fd;
	uint32_t serial;
	enum worker_lost lost;	 /* no more orders are given */
	bool explained;
	struct movings *movings; /* moving.h */
	void (*idle)(void *arg); /* called while an order is carried out; NULL: nothing is */
	void *idle_arg;
};
/* Starts a worker; in a pid namespace of its own when pidns.  0, or negative errno. */
int worker_start(struct worker *w, int pidns);
/* Gives one order and waits for its end, at most 60 seconds.  The error of the reply, or -EPIPE and w->lost. */
int worker_do(struct worker *w, struct order o, struct reply *ret);
/* As TAP comments: what became of the last order, which ended with that error, and of its threads. */
void worker_explain(struct worker *w, int error);
void worker_stop(struct worker *w);
/* What the worker does: carries out the orders that come, until nobody is at the other end. */
_Noreturn void work(int fd);

/* The byte at off of direction back (0: client to server).  The key is the client's port, or what T_OPEN said. */
uint8_t pattern(uint16_t key, int back, uint64_t off);

#endif
