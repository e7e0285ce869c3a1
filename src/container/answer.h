/* SPDX-License-Identifier: Apache-2.0 */
/* answer.h - one HTTP/1.1 response, read piece by piece: what the Docker Engine API answers. */
#ifndef LIMPID_CONTAINER_ANSWER_H
#define LIMPID_CONTAINER_ANSWER_H

#include "base/bytes.h"

struct answer {		 /* zero-initialise, or answer_reset */
	unsigned status; /* 0: the head is not complete */
	bool done;	 /* the body is complete */
	struct buf body; /* so far; the caller may drop what it has read */
	/* private */
	struct buf in;
	bool chunked, last_chunk;
	bool sized;
	uint64_t left; /* of the chunk, or of the body when sized */
};

/* More bytes of the connection.  0; -EBADMSG: not an HTTP response (RFC 9112); -EMSGSIZE: the head is
 * over 64 KiB or the body held over 64 MiB. */
int answer_feed(struct answer *a, struct slice in);
/* The connection ended.  0; -EPIPE: in the middle of the response. */
int answer_end(struct answer *a);
void answer_reset(struct answer *a); /* ready for the next one, memory kept */
void answer_release(struct answer *a);

#endif
