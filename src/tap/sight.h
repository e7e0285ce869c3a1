/* SPDX-License-Identifier: Apache-2.0 */
/* sight.h - what each back end sees of each way to move bytes: said by `limpid doctor` and in docs/capture.md. */
#ifndef LIMPID_TAP_SIGHT_H
#define LIMPID_TAP_SIGHT_H

#include "tap/bpf.h"

enum sight {
	SIGHT_BYTES,	   /* every byte */
	SIGHT_BYTES_TRACED, /* every byte with the kernel's tracepoints of sends (6.16), else as SIGHT_HOLE */
	SIGHT_HOLE,	   /* how many, at their place: a gap in the flow */
};
struct sight_row {
	const char *what;
	bool sends; /* else it receives */
	enum sight by[TAP_BACKENDS];
};
extern const struct sight_row sight_rows[];
extern const size_t sight_nrows;

const char *sight_text(enum sight s);
/* Whether a hook in use shows all bytes of a row. */
bool sight_is_whole(const struct sight_row *row, const struct tap_hook *h);

#endif
