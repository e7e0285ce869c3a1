/* SPDX-License-Identifier: Apache-2.0 */
/* json.h - a flow as one line of JSON: the public schema of tail, read, export and the API. */
#ifndef LIMPID_FLOW_JSON_H
#define LIMPID_FLOW_JSON_H

#include "flow/flow.h"

struct flow_json_options {
	size_t body_max; /* bytes of decoded body per half or message written out; SIZE_MAX: all */
	bool no_time_or_id; /* leaves out id, times and the connection: for comparing with a fixture */
	bool no_half_data; /* leaves the content of both bodies out, not that of messages: it is written elsewhere */
};

/* Appends f, without a newline.  opts may be NULL: everything.  docs/flow.md names every field.
 * Allocation failure shows in out->failed. */
void flow_json(struct buf *out, const struct flow *f, const struct flow_json_options *opts);
/* Appends the members "messages" and, of a conversation, "stream", in an object that another member began. */
void flow_json_messages(struct buf *out, const struct flow *f, const struct flow_json_options *o);
/* The first max bytes of the content for people and JSON: true: text, and *ret is valid UTF-8, without the start of a
 * character when it was cut there; false: *ret is bytes. */
bool flow_body_text(const struct flow_body *b, size_t max, struct slice *ret);

#endif
