/* SPDX-License-Identifier: Apache-2.0 */
/* coding.h - undoes content codings (RFC 9110, 8.4.1; br: RFC 7932, zstd: RFC 8878, 9659). */
#ifndef LIMPID_PROTO_CODING_H
#define LIMPID_PROTO_CODING_H

#include "base/arena.h"

enum coding_end {
	CODING_OK,
	CODING_CUT,   /* max bytes or the ratio was reached: what came until then */
	CODING_ERROR, /* a coding unknown, or contradicted by the bytes: nothing */
	CODING_NOMEM, /* nothing */
};

/* However large max is, no step gives more than CODING_RATIO times its input, once past CODING_FLOOR
 * bytes: deflate's own maximum is 1032, and what exceeds it was made to exceed it. */
#define CODING_RATIO 1024
#define CODING_FLOOR (256 * 1024)
/* Codings in one list; more is CODING_ERROR. */
#define CODING_STEPS 4

/* list: the codings in the order they were applied, as in Content-Encoding: "gzip", "gzip, br"; names are
 * gzip, x-gzip, deflate (with zlib's wrapping or without), br, zstd, identity.
 * partial: in is only the first part of what was sent; what it gives is then no error.
 * *ret_out lies in a, or is in itself when there was nothing to undo; at most max bytes. */
enum coding_end coding_undo(struct arena *a, struct slice list, struct slice in, size_t max,
			    bool partial, struct slice *ret_out);

#endif
