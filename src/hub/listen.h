/* SPDX-License-Identifier: Apache-2.0 */
/* listen.h - the web side's listening socket. */
#ifndef LIMPID_HUB_LISTEN_H
#define LIMPID_HUB_LISTEN_H

#include "hub/hub.h"

/* "127.0.0.1:7070", "[::1]:7070" or "localhost:7070"; port 0: any.  The socket, non-blocking, and *ret_port; or
 * negative errno after err got one sentence with what to do: -EINVAL: no such address; -EPERM: not a
 * loopback address and o->allow_remote is not set; -EADDRINUSE; -EADDRNOTAVAIL; -EACCES. */
int listen_web(const struct hub_options *o, uint16_t *ret_port, char *err, size_t errlen);

#endif
