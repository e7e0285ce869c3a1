/* SPDX-License-Identifier: Apache-2.0 */
/* http1.h - what HTTP/1 knows when another protocol takes over. */
#ifndef LIMPID_PROTO_HTTP1_H
#define LIMPID_PROTO_HTTP1_H

#include "proto/websocket.h"

extern const struct proto proto_http1;
/* state: of proto_http1.  What the answer 101 agreed on. */
const struct ws_options *http1_websocket(const void *state);

#endif
