/* SPDX-License-Identifier: Apache-2.0 */
/* What talk.c asks of a TLS library: one file io_LIBRARY.c for each.  Errors end the program (io_die). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct io; /* one connection */

void io_setup(bool server, const char *cert, const char *key); /* once; PEM files, NULL for a client */
struct io *io_open(int fd, bool server);		       /* with the handshake, by several threads at once */
ssize_t io_read(struct io *c, void *p, size_t n);	       /* at least a byte; 0 at the end, also a rude one */
void io_write(struct io *c, const void *p, size_t n);	       /* all of them, in one call where the library can */
void io_close(struct io *c);				       /* and the descriptor */

_Noreturn void io_die(const char *what); /* in talk.c */
