/* SPDX-License-Identifier: Apache-2.0 */
/* value.h - what a value means for its key: numbers with units, ranges, addresses; private to filter/. */
#ifndef LIMPID_FILTER_VALUE_H
#define LIMPID_FILTER_VALUE_H

#include "filter/node.h"

/* Fills in the fields of v besides its text.  False: err->text says what is wrong. */
bool value_understand(const struct node *n, struct value *v, struct filter_error *err);
bool value_op_allowed(const struct key *k, enum filter_op op);
/* ": did you mean ..." for a key that does not exist. */
void value_key_hint(const char *name, char *ret, size_t n);

#endif
