/* SPDX-License-Identifier: Apache-2.0 */
/* sight.h - what each back end sees of each way to move bytes: said by `limpid doctor` and in docs/capture.md. */
#ifndef LIMPID_TAP_SIGHT_H
#define LIMPID_TAP_SIGHT_H

#include "event.h"
#include "tap/bpf.h"

enum sight {
	SIGHT_BYTES, /* every byte */
	SIGHT_BYTES_TRACED, /* every byte with the kernel's tracepoints of sends (6.16), else as SIGHT_HOLE */
	SIGHT_BYTES_RECEIVED, /* every byte by the kernel's tracepoints of receives, which every kernel has */
	SIGHT_BYTES_TOLD, /* every byte with the kernel's tracepoints of lengths (6.3), else as SIGHT_NOTHING */
	SIGHT_HOLE, /* how many, at their place: a gap in the flow */
	SIGHT_HOLE_TOLD, /* as SIGHT_HOLE with the kernel's tracepoints of lengths (6.3), else as SIGHT_NOTHING */
	SIGHT_NOTHING, /* not seen, and not counted */
};
struct sight_row {
	const char *what;
	bool sends; /* else it receives */
	enum ev_l4 l4; /* or: */
#define SIGHT_KTLS ((enum ev_l4)3) /* TCP with TLS by the kernel */
	enum sight by[TAP_BACKENDS];
};
extern const struct sight_row sight_rows[];
extern const size_t sight_nrows;

const char *sight_text(enum sight s);
/* What a hook in use shows of a row: SIGHT_BYTES, SIGHT_HOLE or SIGHT_NOTHING. */
enum sight sight_now(const struct sight_row *row, const struct tap_hook *h);

#endif
