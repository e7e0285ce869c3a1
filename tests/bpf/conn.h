/* SPDX-License-Identifier: Apache-2.0 */
/* conn.h - one connection of a worker with itself. */
#ifndef LIMPID_TESTS_CONN_H
#define LIMPID_TESTS_CONN_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct conn {
	int end[2];	    /* client, server */
	uint64_t cookie[2]; /* AF_UNIX: as the records name them; else 0 */
	int listener;
	uint32_t family; /* enum family */
	uint16_t cport, sport, key;
	uint64_t pos[2]; /* client to server, back */
	pthread_t blocked;
	uint8_t *block_buf;
	size_t block_n;
};

/* The connection has been made but not accepted.  family: enum family; port: the server's, 0: any.  AF_UNIX: the ports
 * are only numbers that tell connections apart.  0, or negative errno. */
int conn_connect(struct conn *c, uint32_t family, uint16_t port);
int conn_accept(struct conn *c);
int conn_close(struct conn *c, bool reset);
/* A transfer failed: nobody waits at either end any more, for bytes or for room. */
void conn_shutdown(const struct conn *c);
/* special.c */
/* The client sends 201 bytes, the 101st urgent; the server reads them, and with in_line that one among them. */
int conn_urgent(struct conn *c, bool in_line);
/* Gives both ends the same fixed keys of TLS 1.2.  dirs: 1 client to server, 2 back.  -ENOENT or -ENOPROTOOPT: the kernel
 * has no TLS, or no cipher for it. */
int conn_kernel_tls(struct conn *c, uint32_t dirs);
/* An alert from client to server, which are bytes that no program of the protocol above sees. */
int conn_alert(struct conn *c);

#endif
