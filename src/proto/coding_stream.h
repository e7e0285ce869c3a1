/* SPDX-License-Identifier: Apache-2.0 */
/* coding_stream.h - undoes one content coding piece by piece, for bodies that last; coding.h does whole ones. */
#ifndef LIMPID_PROTO_CODING_STREAM_H
#define LIMPID_PROTO_CODING_STREAM_H

#include "base/bytes.h"

struct coding_stream;

/* coding: as in Content-Encoding, one name.  0, and *ret is NULL where there is nothing to undo; -EINVAL: it is not known, or a
 * list; -ENOMEM. */
int coding_stream_new(struct slice coding, struct coding_stream **ret);
/* Takes bytes from the front of *in and gives up to max bytes.  Returns how many; 0: all input was taken and nothing is
 * left to be given; -EBADMSG: it is something else, or more than CODING_RATIO times its input (coding.h); -ENOMEM. */
int coding_stream_read(struct coding_stream *s, struct slice *in, uint8_t *out, size_t max);
size_t coding_stream_held(const struct coding_stream *s);
void coding_stream_free(struct coding_stream *s); /* s may be NULL */

#endif
