/* SPDX-License-Identifier: Apache-2.0 */
/* text_priv.h - what the files of the text sink share: text.c (the sink, lines), text_cell.c (what stands in a line), text_part.c (what
 * follows it). */
#ifndef LIMPID_SINK_TEXT_PRIV_H
#define LIMPID_SINK_TEXT_PRIV_H

#include <time.h>

#include "sink/out.h"
#include "sink/sink.h"
#include "sink/term.h"

#define TEXT_DIM   "\033[2m"
#define TEXT_PLAIN "\033[0m"

#define TEXT_OPEN 1024 /* open conversations that are remembered as shown */

struct text {
	struct sink base; /* first: a struct sink * is a struct text * */
	struct out out;
	struct sink_text_options o;
	struct buf status; /* the last line of the terminal */
	bool drawn;	   /* it stands there */
	time_t second;	   /* which clock shows */
	char clock[9];
	uint64_t open[TEXT_OPEN];
};

void text_colour(struct text *t, const char *code); /* into out.wait, when there are colours */

void text_time(struct text *t, struct buf *b, int64_t unix_ns, bool ms); /* local */
void text_peer(struct buf *b, const struct flow_conn *c, const struct flow_peer *p, bool with_port);
void text_duration(struct buf *b, uint64_t ns);
void text_size(struct buf *b, uint64_t n);
/* "200 OK", "no answer", "open".  brief: without what only some room is for. */
void text_status(struct buf *b, const struct flow *f, bool brief);
const char *text_status_colour(const struct flow *f);
void text_flags(struct buf *b, unsigned flags);

/* TLS, headers, bodies, rows, as the options want them. */
void text_parts(struct text *t, const struct flow *f);
/* The messages that came with this write, where they have no line of their own. */
void text_messages(struct text *t, const struct flow *f);
void text_body(struct text *t, const struct flow_body *body, const char *mark);
/* Rows of SQL as a table; h: the answer. */
void text_rows(struct text *t, const struct flow_half *h, const char *mark);

#endif
