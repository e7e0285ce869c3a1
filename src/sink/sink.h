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
};
struct sink {
	const struct sink_ops *ops;
};

/* One line of JSON a flow to fd; body_max as in struct flow_json_options. */
struct sink *sink_jsonl_new(int fd, size_t body_max);

/* One readable line a flow (on its last write), wrapped to width columns; colour: ANSI. */
struct sink_text_options {
	unsigned width;
	bool colour, headers, bodies;
};
struct sink *sink_text_new(int fd, const struct sink_text_options *o);

#endif
