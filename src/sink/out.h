/* SPDX-License-Identifier: Apache-2.0 */
/* out.h - bytes to a descriptor that may be slow (a terminal, a pipe), without ever waiting for it. */
#ifndef LIMPID_SINK_OUT_H
#define LIMPID_SINK_OUT_H

#include "base/bytes.h"

#define OUT_MAX (16u << 20) /* bytes that may wait */

struct out {
	int fd; /* borrowed */
	bool file, patient;
	struct buf wait;
	size_t sent; /* of wait; moved out of it in large steps, else a slow reader costs quadratic time */
	uint64_t dropped; /* records that did not fit */
};

void out_init(struct out *o, int fd);
/* From now on writing may wait for the descriptor, and is done in large pieces: for who has nothing else to do. */
void out_be_patient(struct out *o);
/* Takes the record that was appended to o->wait at position from: writes what the descriptor takes.
 * 0; -EAGAIN: over the limit, the record was taken back and counted; -EPIPE: nobody reads any more;
 * or negative errno. */
int out_record(struct out *o, size_t from);
/* Waits for the descriptor up to timeout_ms.  0, -ETIMEDOUT, negative errno. */
int out_flush(struct out *o, int timeout_ms);
void out_release(struct out *o);

#endif
