/* SPDX-License-Identifier: Apache-2.0 */
/* comms.h - the choice of processes by command name: what the kernel can match, and what tap must. */
#ifndef LIMPID_TAP_COMMS_H
#define LIMPID_TAP_COMMS_H

#include <stdbool.h>
#include <stddef.h>

#include "event.h"

/* A name, or a glob that begins with a name and ends with its only '*'.  The kernel cuts command names to 15 bytes,
 * so the pattern is cut as well.  False: another glob, which only comms_match can match. */
bool comms_key(const char *glob, struct ev_comm_key *ret);
/* Whether one of the n globs matches that command name (or name of a file, cut as those are).  odd: of those alone that are no keys. */
bool comms_match(const char *const *globs, size_t n, const char *comm, bool odd);

#endif
