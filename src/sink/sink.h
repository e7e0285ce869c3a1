/* SPDX-License-Identifier: Apache-2.0 */
/* sink.h - where flows go: a terminal, a file, a hub. */
#ifndef LIMPID_SINK_SINK_H
#define LIMPID_SINK_SINK_H

#include "flow/flow.h"

struct sink;
struct sink_ops {
	const char *name;
	int (*write)(struct sink *s, const struct flow *f); /* encodes, never blocks; -EAGAIN: dropped, counted */
	int (*flush)(struct sink *s, int timeout_ms);	    /* 0, -ETIMEDOUT, negative errno */
	void (*close)(struct sink *s);
	void (*be_patient)(struct sink *s); /* optional: write may wait for the reader from now on, so nothing is dropped */
};
struct sink {
	const struct sink_ops *ops;
};

/* One line of JSON a flow to fd; body_max as in struct flow_json_options. */
struct sink *sink_jsonl_new(int fd, size_t body_max);

/* One readable line a flow.  width 0: into a pipe or a file, each flow when it is over, nothing left out.  Else in that many columns; then conversations are
 * told when they begin, too. */
#define SINK_ROWS 25
struct sink_text_options {
	unsigned width;
	bool terminal; /* fd is one: its width is asked for again and again, and there may be a status */
	bool colour, headers, bodies, messages, rows;
	unsigned rows_max; /* of one answer; 0: SINK_ROWS */
};
struct sink *sink_text_new(int fd, const struct sink_text_options *o);
/* What stands in the terminal's last line from now on; NULL: nothing.  Only of a text sink on a terminal. */
void sink_text_status(struct sink *s, const char *line);

#endif
