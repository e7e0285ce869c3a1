/* SPDX-License-Identifier: Apache-2.0 */
/* notes.h - what tap tells decode of names, kept in a recording and told again by a replay. */
#ifndef LIMPID_CMD_NOTES_H
#define LIMPID_CMD_NOTES_H

#include "capture/record.h"
#include "cmd/names.h"

/* Records m when it tells a name; other messages are passed over.  0, or what recorder_put says. */
int notes_record(struct recorder *r, const struct ipc_msg *m, uint64_t now_ns);
/* ev as source_file_open delivers it.  True: it was a note, and n knows it now (or is out of memory: what it names
 * is then shown without). */
bool notes_replay(struct names *n, const struct ev_hdr *ev);

#endif
