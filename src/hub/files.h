/* SPDX-License-Identifier: Apache-2.0 */
/* files.h - the page's exports and imports: files that are made, and read, in pieces (docs/api.md, "Files").  Belongs to the web
 * thread, but for the import's own thread. */
#ifndef LIMPID_HUB_FILES_H
#define LIMPID_HUB_FILES_H

#include "hub/serve.h"

#define FILES_EXPORTS	 8
#define FILES_IMPORTS	 2
#define FILES_IDS	 10000				 /* flows of a selection */
#define FILES_IDLE_NS	 (UINT64_C(120) * 1000000000)	 /* a file nobody asks for is let go */
#define FILES_IMPORT_MAX ((uint64_t)4 << 30)		 /* bytes of a file that is read */

/* POST /api/exports, GET or DELETE /api/exports/ID */
void files_export_begin(struct conn *c, const char *rest);
void files_export_next(struct conn *c, const char *rest);
void files_export_end(struct conn *c, const char *rest);
/* POST /api/imports, POST or GET or DELETE /api/imports/ID */
void files_import_begin(struct conn *c, const char *rest);
void files_import_more(struct conn *c, const char *rest);
void files_import_state(struct conn *c, const char *rest);
void files_import_end(struct conn *c, const char *rest);

/* Lets go what was not asked for in a while; all: everything, and waits for threads. */
void files_exports_drop(struct web *w, uint64_t now_ns, bool all);
void files_imports_drop(struct web *w, uint64_t now_ns, bool all);

/* Redaction by the rules that are set: to be freed with redact_free.  0; -ENOMEM. */
struct redact;
int files_redact(struct web *w, struct redact **ret);
/* A new id of 16 hex digits.  False: there are no random numbers. */
bool files_id(char ret[17]);

#endif
