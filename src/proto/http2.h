/* SPDX-License-Identifier: Apache-2.0 */
/* http2.h - how HTTP/1.1 hands a connection over. */
#ifndef LIMPID_PROTO_HTTP2_H
#define LIMPID_PROTO_HTTP2_H

#include "proto/http2_frame.h"
#include "proto/http2_msg.h"

extern const struct proto proto_http2;

/* The request that asked for the upgrade is stream 1 (RFC 7540, 3.2); its arena is taken over, its begin_ns counts. */
void http2_upgraded(void *state, struct msg *request);

#endif
