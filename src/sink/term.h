/* SPDX-License-Identifier: Apache-2.0 */
/* term.h - captured text on a terminal: nothing in it may move the cursor, rename the window, type, or turn the line around, and it takes
 * as many columns as it is counted for. */
#ifndef LIMPID_SINK_TERM_H
#define LIMPID_SINK_TERM_H

#include "base/bytes.h"

enum term_text {
	TERM_LINE,  /* everything that is not plain text is made visible: "\x0a" */
	TERM_LINES, /* line feeds and tabs stay, carriage returns go */
	TERM_CELL,  /* runs of blanks, line feeds and tabs become one blank: SQL is written over many lines */
};
/* Appends s.  Control characters and bytes that are no UTF-8 become "\x1b", characters that change the direction of text or have no width of
 * their own where they would hide something "\u{202e}" (Unicode 15, bidirectional controls and default ignorables). */
void term_put(struct buf *out, struct slice s, enum term_text how);
/* Columns of text as term_put writes it, in a terminal with a grid: wide East Asian characters and emoji take two, combining marks none
 * (Unicode 15, East Asian Width W and F; general categories Mn, Me). */
size_t term_columns(struct slice s);
/* Appends s, cut to width columns with an ellipsis at its end, or filled up with blanks before (right) or behind it. */
void term_cell(struct buf *out, struct slice s, size_t width, bool right);
/* The same without filling up. */
void term_cut(struct buf *out, struct slice s, size_t width);

#endif
