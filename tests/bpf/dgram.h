/* SPDX-License-Identifier: Apache-2.0 */
/* dgram.h - the worker's side of datagrams. */
#ifndef LIMPID_TESTS_DGRAM_H
#define LIMPID_TESTS_DGRAM_H

#include <stdint.h>

enum dgram_op {
	D_SEND,	  /* send and recv */
	D_WRITE,  /* write and read */
	D_SENDTO, /* sendto and recvfrom, with addresses */
	D_VECTOR, /* sendmsg and recvmsg, three buffers and an address */
	D_MANY,	  /* sendmmsg and recvmmsg: D_BATCH datagrams a call */
	D_PEEK,	  /* peeked, then received */
	D_TRUNC,  /* into half of a buffer with MSG_TRUNC: the kernel says how long it was */
	D_CUT,	  /* into half of a buffer: the rest is gone, and nobody says so */
	D_WAYS,	  /* by a way to send and one to receive: D_BY */
	D_OPS
};
/* The op of a way's datagrams; enum send_op, recv_op. */
#define D_BY(sop, rop) (D_WAYS | (sop) << 8 | (rop) << 16)
#define D_BATCH 3
#define D_MAX	65507

struct conn;
/* Two sockets of UDP on loopback, connected to each other unless op needs addresses.  0 or negative errno. */
int dgram_open(struct conn *c, uint32_t family, uint32_t op);
/* One datagram of n bytes (D_MANY: each of D_BATCH) in direction back.  0 or negative errno. */
int dgram_move(struct conn *c, int back, uint32_t op, uint64_t n);

#endif
