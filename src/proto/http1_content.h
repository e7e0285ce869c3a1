/* SPDX-License-Identifier: Apache-2.0 */
/* http1_content.h - exchanges of HTTP/1 whose bodies another protocol reads (content.h).
 *
 * One request at a time waits for an answer that is read with it: one that is sent while others wait is an ordinary
 * request, and its answer is judged by itself. */
#ifndef LIMPID_PROTO_HTTP1_CONTENT_H
#define LIMPID_PROTO_HTTP1_CONTENT_H

#include "proto/http1_body.h"

struct http1_exchange { /* of the directions that read it, and of the request that waits */
	const struct content *content;
	void *state;
	unsigned users;
};

/* The head of d's message is complete, d->msg has it.  *waits: the request that waits, or NULL.  alone: no other one
 * does; unsure: which answer is whose is not known.  From here on d->exchange may have d's message. */
void http1_content_begin(struct http1_exchange **waits, struct http1_dir *d, enum side side,
			 bool alone, bool unsure);
/* What the content of d wants to be given out, after used bytes were read; they are consumed with the last of its
 * messages.  False: nothing (any more), and d waits for a head again if its body ended. */
bool http1_content_next(struct http1_dir *d, size_t used, struct msg *out, size_t *ret_used);
void http1_content_drop(struct http1_exchange **x); /* one user less; *x may be NULL */
void http1_content_release(struct http1_dir *d);
size_t http1_content_held(const struct http1_exchange *x); /* x may be NULL */

#endif
