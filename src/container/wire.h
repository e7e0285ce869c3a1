/* SPDX-License-Identifier: Apache-2.0 */
/* wire.h - one HTTP question on a unix socket, without ever blocking. */
#ifndef LIMPID_CONTAINER_WIRE_H
#define LIMPID_CONTAINER_WIRE_H

#include "container/answer.h"

struct wire {
	int fd; /* -1: closed */
	struct answer answer;
	char request[640];
	size_t nrequest, sent;
};

/* Connects to the socket at `to` and asks for path; the descriptor is watched by ep, edge-triggered, with w as its
 * data.  0; -ENAMETOOLONG; or what connecting or sending gave. */
int wire_open(struct wire *w, int ep, const char *to, const char *path);
int wire_write(struct wire *w); /* what is left of the question; 0 or negative errno */
/* 0: read what there was; 1: the other side closed; or negative errno, as answer_feed's. */
int wire_read(struct wire *w);
void wire_close(struct wire *w); /* ready to be opened again */

#endif
