/* SPDX-License-Identifier: Apache-2.0 */
/* shape.h - what requests that differ in their values only have in common.  Pure functions.
 *
 * Of a SQL statement: its text with values replaced by ?, lists of values by "?, …", comments gone, white space one
 * blank.  Of anything else: the operation and the target's path, with numbers, UUIDs and long hexadecimal
 * words replaced by *.
 */
#ifndef LIMPID_FLOW_SHAPE_H
#define LIMPID_FLOW_SHAPE_H

#include "base/bytes.h"

#define SHAPE_MAX 1024 /* bytes of a shape; a longer one ends in "…" */

/* Whether the target of proto's flows is SQL. */
bool shape_is_sql(const char *proto);
/* Appends the shape.  op and target may be NULL. */
void shape_of(struct buf *out, const char *proto, const char *op, const char *target);
/* The same for equal shapes, ASCII case aside; another one for others, hardly ever not. */
uint64_t shape_key(struct slice shape);

#endif
