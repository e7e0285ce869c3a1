/* SPDX-License-Identifier: Apache-2.0 */
/* body.h - the forms in which captured bytes go out, and ranges of them.  Pure functions. */
#ifndef LIMPID_HUB_BODY_H
#define LIMPID_HUB_BODY_H

#include "base/bytes.h"

/* Re-indents JSON (RFC 8259); strings and numbers go through as they are, so that no digit of a large number
 * is lost.  False: brackets do not match, or more than 500 deep; out is then of no use. */
bool body_pretty_json(struct buf *out, struct slice in);
/* Lines of offset, 16 bytes in hex and as text, as `hexdump -C` writes them but for its last line. */
void body_hex(struct buf *out, struct slice in);
/* The Range header's value for n bytes: 1 and [*ret_from, *ret_to); 0: absent, several ranges or not
 * understood: everything is sent (RFC 9110, 14.2); -ERANGE: beyond the end. */
int body_range(const char *value, size_t n, size_t *ret_from, size_t *ret_to);

#endif
