/* SPDX-License-Identifier: Apache-2.0 */
/* web.h - the page, its HTTP API and its WebSockets: one thread of its own (docs/api.md). */
#ifndef LIMPID_HUB_WEB_H
#define LIMPID_HUB_WEB_H

#include "hub/state.h"

struct web;

/* Opens the port and begins to serve.  0, or negative errno after err got one sentence with what to do:
 * -EADDRINUSE, -EADDRNOTAVAIL, -EACCES, -EINVAL, -EPERM (not a loopback address and not allowed). */
int web_start(struct web **ret, struct hub_state *st, char *err, size_t errlen);
/* There may be something new: looked at soon.  From any thread; calls coalesce. */
void web_wake(struct web *w);
void web_stop(struct web *w);

#endif
