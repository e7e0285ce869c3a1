/* SPDX-License-Identifier: Apache-2.0 */
/* hub_call.h - one request to a hub's API (docs/api.md), from a command that does nothing else meanwhile. */
#ifndef LIMPID_CMD_HUB_CALL_H
#define LIMPID_CMD_HUB_CALL_H

#include "base/bytes.h"

/* url: "http://ADDRESS:PORT", and what follows a slash is left out.  ret, which may be NULL, gets the answer's body.
 * 0; -EINVAL: no such address; -EACCES: the token is wrong; -EPROTO: another status than 2xx; or negative errno;
 * after five seconds -EAGAIN. */
int hub_call(const char *url, const char *token, const char *method, const char *path,
	     struct slice body, struct buf *ret);

#endif
