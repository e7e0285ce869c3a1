/* SPDX-License-Identifier: Apache-2.0 */
/* ws_content.h - WebSocket inside a CONNECT exchange of HTTP/2 (RFC 8441). */
#ifndef LIMPID_PROTO_WS_CONTENT_H
#define LIMPID_PROTO_WS_CONTENT_H

#include "proto/content.h"

extern const struct content content_websocket;

#endif
