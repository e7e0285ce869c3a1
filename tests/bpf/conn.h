/* SPDX-License-Identifier: Apache-2.0 */
/* conn.h - one connection of a worker with itself. */
#ifndef LIMPID_TESTS_CONN_H
#define LIMPID_TESTS_CONN_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conn {
	int end[2]; /* client, server */
	int listener;
	uint16_t cport, sport, key;
	uint64_t pos[2]; /* client to server, back */
	pthread_t blocked;
	uint8_t *block_buf;
	size_t block_n;
};

/* family: enum family; port: the server's, 0: any.  0, or negative errno. */
int conn_connect(struct conn *c, uint32_t family, uint16_t port);
int conn_accept(struct conn *c);
int conn_close(struct conn *c, bool reset);

#endif
