/* SPDX-License-Identifier: Apache-2.0 */
/* marks.h - TLS that is not read (yet), by what shows it: the name of a mapped file, or text in the program.
 *
 * Only for saying why.  What is read is in the table of tls.h, and found by symbols, never by names.
 */
#ifndef LIMPID_TLS_MARKS_H
#define LIMPID_TLS_MARKS_H

#include <stddef.h>

#include "tls/reason.h"

struct tls_mark {
	const char *text; /* beginning of a file's name; or text in the program's file */
	size_t len;	  /* of text, which may hold a NUL */
	const char *name; /* of the library, for people */
	enum tls_reason reason;
};

/* By the last part of a path.  NULL: no TLS library that is known. */
const struct tls_mark *tls_mark_of_file(const char *path);
/* What may be in a program's own file, the surest first; ends with a NULL text. */
extern const struct tls_mark tls_marks_in_program[];
#define TLS_MARK_MAX 32 /* bytes of the longest */

#endif
